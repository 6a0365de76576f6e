"""What a function of the program can name at one of its statements."""

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

_CONSTANT_KEY = (ast.Constant, ast.Name, ast.UnaryOp, ast.USub, ast.Load, ast.BinOp, ast.Add, ast.Sub)
_COUNT = re.compile(r"(?:m|n|N|M|batch_?size|num_?(?:examples|samples)|n_?samples|bs)$")


class Words(NamedTuple):
    """What a function of the program can name at one of its statements."""

    arrays: Sequence[str]  # names, attributes, entries
    functions: Sequence[str]  # of one argument, as they are called
    counts: Sequence[str]  # numbers of examples
    counters: Sequence[str] = ()  # names that count the iterations of loops
    unused: Sequence[str] = ()  # variables, arguments and attributes that nothing uses


def words_of(function: ast.AST, kind: ast.AST | None, module: ast.Module) -> Words:
    """Return what a function can name; `kind` is the class that it belongs to, if any."""
    never_called = _never_called(kind, module)
    unused = [*_unused(function), *never_called]
    arrays: dict[str, None] = dict.fromkeys(unused)
    counts: dict[str, None] = {}
    for root in (function, kind) if kind is not None else (function,):
        called = {id(node.func) for node in ast.walk(root) if isinstance(node, ast.Call)}
        for node in ast.walk(root):
            text = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) else ""
            if not text or id(node) in called or (root is kind and not text.startswith("self.")):
                continue
            if is_leaf(node) and not text.startswith(("np.", "numpy.")):
                arrays[text] = None
            if re.search(r"\.shape\[-?\d\]$", text) or _COUNT.match(text.removeprefix("self.")):
                counts[text] = None
    names = {
        alias.asname or alias.name for node in ast.walk(module) if isinstance(node, ast.Import) for alias in node.names
    }
    defined = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    functions = {node.name: None for node in defined if is_elementary(node)}
    names |= {node.name for node in defined} | {"self", "range", "len", "zip", "enumerate", "print", "sum"}
    if isinstance(kind, ast.ClassDef):
        methods = [node for node in kind.body if isinstance(node, ast.FunctionDef)]
        functions |= {f"self.{node.name}": None for node in methods if is_elementary(node)}
        functions |= dict.fromkeys(never_called)  # it may be an activation or its slope, which nothing calls
    counters = _counters(function)
    names |= counters
    bases = dict.fromkeys(text[: text.rindex("[")] for text in arrays if text.endswith("]") and "'" not in text)
    arrays |= dict.fromkeys(f"{base}[{counter}]" for base in bases for counter in sorted(counters))
    own = getattr(function, "name", "")  # a function would call itself without end
    others = [text for text in functions if text.removeprefix("self.") != own]
    told, never = ([text for text in some if text not in names] for some in (arrays, unused))
    return Words(told, others, list(counts), sorted(counters), never)


def _counters(function: ast.AST) -> set[str]:
    """Return the names that count the iterations of a loop: whole numbers, not arrays."""
    found = set[str]()
    for node in ast.walk(function):
        if isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Call):
            called = [n.id for n in ast.walk(node.iter) if isinstance(n, ast.Name)]
            first = node.target.elts[0] if isinstance(node.target, ast.Tuple) else node.target
            if isinstance(first, ast.Name) and {"range", "xrange", "enumerate"} & set(called):
                found.add(first.id)
    return found


def _unused(function: ast.AST) -> list[str]:
    """Return the names that a function binds and never loads, not even in a function inside it."""
    if not isinstance(function, ast.FunctionDef):
        return []
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    given = [a.arg for a in function.args.args] + [n.id for n in names if isinstance(n.ctx, ast.Store)]
    filled = {id(n.value) for n in ast.walk(function) if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)}
    loaded = {n.id for n in names if isinstance(n.ctx, ast.Load) and id(n) not in filled} | {"self", "cls", "_"}
    return [name for name in dict.fromkeys(given) if name not in loaded]


def _never_called(kind: ast.AST | None, module: ast.Module) -> list[str]:
    """Return the attributes that the constructor of a class sets and nothing reads, if it sets functions, as self.name.

    An example is self.f_prime, beside self.f(x).
    """
    own = [node for node in ast.walk(kind) if isinstance(node, ast.FunctionDef)] if kind is not None else []
    parts = [part for node in own if node.name == "__init__" for part in ast.walk(node)]
    stored = [part for part in parts if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store)]
    given = [part.attr for part in stored if ast.unparse(part.value) == "self"]
    calls = {ast.unparse(part.func) for node in own for part in ast.walk(node) if isinstance(part, ast.Call)}
    if not calls & {f"self.{name}" for name in given}:
        return []
    loads = [part for part in ast.walk(module) if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Load)]
    read = {part.attr for part in loads}
    return [f"self.{name}" for name in dict.fromkeys(given) if name not in read]


def is_elementary(node: ast.FunctionDef) -> bool:
    """Whether a function is short, takes one argument besides self and stores nothing, as activations and slopes do."""
    needed = 1 + any(argument.arg in ("self", "cls") for argument in node.args.args[:1])
    keeps = any(
        isinstance(part, ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store) for part in ast.walk(node)
    )
    takes = len(node.args.args) - len(node.args.defaults) <= needed <= len(node.args.args)
    return takes and not keeps and len(node.body) <= 6


def is_leaf(node: ast.AST) -> bool:
    """Whether it is a name, self.name, name[key] or a chain of them."""
    if isinstance(node, ast.Name):
        return True
    if isinstance(node, ast.Attribute):
        return node.attr not in ("T", "shape", "size", "dot", "sum") and is_leaf(node.value)
    return (
        isinstance(node, ast.Subscript)
        and all(isinstance(part, _CONSTANT_KEY) for part in ast.walk(node.slice))
        and is_leaf(node.value)
    )
