"""The source of a script, a module or a notebook, in Python 3 or 2: all of it, or its definitions."""

import ast
import json
import linecache
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from gradproof.errors import DataError
from gradproof.judge.find.data import MOST_KEPT, Widths, shrunk, smaller, widths_of
from gradproof.judge.loading import decoded, in_python_3
from gradproof.text import some, visible

Tree = TypeVar("Tree", bound=ast.AST)
LARGEST, MOST_USERS = 300_000, 3  # for files that import another: bytes to read, and how many to try
MOMENTS = 4  # of a sequence in a small program
LONGEST = 40  # characters of a skipped magic that the report repeats
LETTERS = 16  # of a long text that are left in a small program
_LENGTH = re.compile(r"(?i)seq(?:uence)?_?len|len\w*_seq|unroll|bptt|time_?steps|num_steps|n_steps|^T$")
_TEXT = re.compile(r"(?i)(?:^|[._])(?:text|txt|data|corpus|sentences?|string|story|poem|raw|book)$")
_MAGIC = re.compile(r"^(\s*)(?:[%!?]|get_ipython\(\)).*$|^(\s*)\w[\w.]*\?+\s*$")
_IPYTHON = re.compile(r"^(\s*)([\w, .\[\]]+=\s*)[%!].*$")
WATCH = "_gradproof_watch_"  # the name under which the program finds the watch


@dataclass(frozen=True)
class Program:
    """The source of a file, its tree, and where its lines come from."""

    path: str
    text: str  # in Python 3, with every line in its place
    tree: ast.Module
    cells: Sequence[tuple[int, int]] = ()  # of a notebook: the first line here, and the number of the code cell
    notes: Sequence[str] = ()  # what was left out
    only: str = ""  # the function or class asked about, if any
    widths: Widths = field(default_factory=Widths)  # of missing data
    small: int = 0  # whether its own numbers are made small (1), or smaller still (2)
    python_2: bool = False
    tolerant: bool = False  # whether to skip what raises, such as a plot that needs missing data
    added: str = ""  # what was added to its tree: "cost", "apart"

    def place(self, line: int, file: str = "") -> str:
        """Return words for a line: of the file, of a notebook's cell, or of a module beside it."""
        if file and file != self.path:
            return f"{Path(file).name}, line {line}"
        begun = [(first, number) for first, number in self.cells if first <= line]
        return f"cell {begun[-1][1]}, line {line - begun[-1][0] + 1}" if begun else f"line {line}"

    def placed(self, words: str) -> str:
        """Return the words with each line of a notebook that they name given by its cell."""
        return re.sub(r"\bline (\d+)(?! column)", lambda found: self.place(int(found[1])), words)

    def line(self, number: int, file: str = "") -> str:
        """Return the source of a line, of the file or of a module beside it."""
        lines = self.text.splitlines() if file in ("", self.path) else linecache.getlines(file)
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""

    def about(self, name: str) -> "Program":
        """Return the same program, restricted to one function or class."""
        return replace(self, only=name)

    def made_small(self) -> "Program":
        """Return the same program with smaller whole numbers, for widths, examples and turns.

        Made small twice, it has smaller numbers still.
        """
        small = self.small + 1
        tree = with_small_numbers(self.tree, self.widths.classes) if small == 1 else with_halves(self.tree)
        return replace(self, tree=tree, widths=shrunk(self.widths), small=small)

    def made_tolerant(self) -> "Program":
        """Return the same program, which skips module statements and bare expressions of functions if they raise."""
        tree = copied(self.tree)
        mains = [node for node in tree.body if is_main(node)]
        for holder in (tree, *mains, *(node for node in tree.body if isinstance(node, ast.FunctionDef))):
            alone = isinstance(holder, ast.FunctionDef)  # in a function, only values that it does not use
            holder.body = [  # type: ignore[attr-defined]
                node
                if is_docstring(node) or node in mains or (alone and not isinstance(node, ast.Expr)) or _is_future(node)
                else tried(node)
                for node in holder.body  # type: ignore[attr-defined]
            ]
        return replace(self, tree=tree, tolerant=True)

    @property
    def functions(self) -> list[ast.FunctionDef]:
        found = [node for node in self.tree.body if isinstance(node, ast.FunctionDef)]
        chosen = [node for node in found if node.name == self.only]
        return chosen or ([] if any(kind.name == self.only for kind in self._classes) else found)

    @property
    def classes(self) -> list[ast.ClassDef]:
        return [kind for kind in self._classes if not self.only or kind.name == self.only]

    @property
    def _classes(self) -> list[ast.ClassDef]:
        return [node for node in self.tree.body if isinstance(node, ast.ClassDef)]


def read_program(path: str) -> Program:
    """Read the program in a file; DataError if it is not Python or not a notebook."""
    content = Path(path).read_bytes()
    try:
        if path.endswith(".ipynb"):
            return _notebook(path, content)
        lines = (
            _without_magic(line) if line.startswith(("%", "!")) else line for line in decoded(content).splitlines()
        )
        text, old = in_python_3("\n".join(lines) + "\n", path)
        return Program(path, text, parsed(text, path), widths=widths_of(text), python_2=divides_whole(text, old))
    except (SyntaxError, UnicodeDecodeError) as error:
        where = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else "it is not text"
        raise DataError(f"{path} cannot be read as Python: {said}{where}") from error


_TRAINING = re.compile(r"main|train|run|example|demo|xor|fit|test", re.IGNORECASE)


def users(path: str) -> list[str]:
    """Return files beside this one, or one folder up, that import it; those named as training code come first."""
    file = Path(path).resolve()
    stem, package = re.escape(file.stem), re.escape(file.parent.name)
    found = []
    for folder, name in ((file.parent, stem), (file.parent.parent, rf"{package}(?:\.| import\b.*\b){stem}")):
        imports = re.compile(rf"(?m)^[ \t\"]*(?:import|from)\b.*\b{name}\b".encode())
        others = [other for other in folder.iterdir() if other.suffix in (".py", ".ipynb") and other != file]
        found += [o for o in others if o.is_file() and o.stat().st_size < LARGEST and imports.search(o.read_bytes())]
    return [str(o) for o in sorted(found, key=lambda o: (not _TRAINING.search(o.stem), o.suffix, o.name))[:MOST_USERS]]


def parsed(text: str, path: str) -> ast.Module:
    with warnings.catch_warnings(action="ignore"):
        return ast.parse(text, path)


def _no_notebook(error: Exception, content: bytes) -> str:
    """Return in words why a file is no notebook."""
    if not content.strip():
        return "it is empty"
    if isinstance(error, ValueError):
        return f"it is not JSON{f', from line {error.lineno} on' if isinstance(error, json.JSONDecodeError) else ''}"
    return "its cells are not those of a notebook" if isinstance(error, AttributeError) else "it has no cells"


def _notebook(path: str, content: bytes) -> Program:
    """Read the code cells of a notebook, in order, without magics and without cells that are not Python.

    Cells are numbered as Jupyter numbers them after "Run All": text is not counted. DataError if it is no notebook, or
    one of another language.
    """
    try:
        document = json.loads(content)
        sources = ["".join(cell["source"]) for cell in document["cells"] if cell.get("cell_type") == "code"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is not a notebook: {_no_notebook(error, content)}") from None
    if (language := _language(document)) and not _PYTHON.match(language):
        raise DataError(f"{path} is a notebook in {visible(language)}, not in Python")
    lines: list[str] = []
    magics: dict[str, int] = {}  # each with its cell
    begun, notes, python_2 = [], [], False
    for cell, source in enumerate(sources, start=1):
        if source.lstrip().startswith("%%") and not _TIMED.match(source.lstrip()):  # %%bash, %%html
            notes.append(f"cell {cell} is not Python ({source.split()[0]}): skipped")
            continue
        kept = [_without_magic(line) for line in source.splitlines()]
        skipped = [line.strip() for line, now in zip(source.splitlines(), kept, strict=True) if line != now]
        try:
            text, old = in_python_3("\n".join(kept) + "\n", path)
            python_2 |= old
            parsed(text, path)
        except SyntaxError as error:
            notes.append(f"cell {cell} is not Python ({error.msg}): skipped")
            continue
        begun.append((len(lines) + 1, cell))
        lines += text.splitlines()
        for line in skipped:
            magics.setdefault(line if len(line) <= LONGEST else f"{line[:LONGEST]}…", cell)
    notes += [f"magics are skipped: {some([f'{line} (cell {cell})' for line, cell in magics.items()])}"] * bool(magics)
    text = "\n".join(lines) + "\n"
    return Program(
        path, text, parsed(text, path), begun, notes, widths=widths_of(text), python_2=divides_whole(text, python_2)
    )


def _language(document: Any) -> str:
    """Return the language that a notebook says it is in, or ""."""

    def of(holder: Any, key: str) -> Any:
        return holder.get(key) if isinstance(holder, dict) else None

    kernel = of(of(document, "metadata"), "kernelspec")
    of_kernel = "R" if of(kernel, "name") == "ir" else of(kernel, "language")
    said = of(of(of(document, "metadata"), "language_info"), "name") or of_kernel
    return said if isinstance(said, str) else ""


_PYTHON = re.compile(r"(?i)i?python|sage")
_TIMED = re.compile(r"%%(?:time|timeit|capture|prun|memit)\b")  # IPython runs the rest of such a cell as well


def divides_whole(text: str, python_2: bool) -> bool:
    """Whether / of two whole numbers gives a whole number, as in Python 2."""
    return python_2 and not re.search(r"from __future__ import.*division", text)


def _without_magic(line: str) -> str:
    if found := _IPYTHON.match(line):
        return f"{found[1]}{found[2]}None"
    return re.sub(r"\S.*", "pass", line) if _MAGIC.match(line) else line


def with_small_numbers(tree: ast.Module, classes: int) -> ast.Module:
    """Return a copy with smaller whole numbers, whose sums and products still fit: 784 = 28 · 28 becomes 9 = 3 · 3.

    Of a long text to learn, such as `text = "the quick brown …"`, only the beginning is left, and is repeated where the
    program may read more letters at once.
    """
    tree = copied(tree)
    numbers: list[Any] = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and type(n.value) is int]
    for node in lengths_of_sequences(tree):
        if node.value > MOMENTS and sum(n.value == node.value for n in numbers) == 1:
            node.value = MOMENTS
    whole = sorted({n.value for n in numbers})
    length = max([LETTERS, *(2 + value for value in whole if value <= MOST_KEPT)])
    for node in long_texts(tree):
        node.value = (str(node.value)[:LETTERS] * 2)[:length]
    for n in numbers:
        n.value = smaller(n.value, whole, classes)
    return tree


def with_halves(tree: ast.Module) -> ast.Module:
    """Return a copy in which each even whole number from 8 on is halved, such as the size of a mini-batch."""
    tree = copied(tree)
    for n in ast.walk(tree):
        if isinstance(n, ast.Constant) and type(n.value) is int and n.value in range(8, 2 * MOST_KEPT, 2):
            n.value //= 2
    return tree


def lengths_of_sequences(tree: ast.Module) -> list[Any]:
    """Return the whole numbers that are given the name of a sequence's length."""
    return [
        value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target, value in assigned(node)
        if isinstance(value, ast.Constant) and type(value.value) is int and _LENGTH.search(ast.unparse(target))
    ]


def long_texts(tree: ast.Module) -> list[ast.Constant]:
    """Return the long strings that have the name of a text."""
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and len(node.value.value) > 2 * LETTERS
        and _TEXT.search(ast.unparse(node.targets[0]))
    ]


def assigned(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield each target of an assignment with what it is given; those of `a, b = 1, 2` one by one."""
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def definitions(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements that only define something, such as imports and functions; each may fail by itself."""
    kept: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or (
            isinstance(node, ast.Assign | ast.AnnAssign | ast.Try | ast.If)
            and not is_main(node)
            and _is_quiet(node, {kind.name for kind in tree.body if isinstance(kind, ast.ClassDef)})
        ):
            kept.append(node)
    return [node if _is_future(node) else tried(node) for node in kept]


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def tried(node: ast.stmt) -> ast.stmt:
    """Return the statement so that it may fail, which the watch counts; definitions as they are."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node
    handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [ast.parse(f"{WATCH}.failed()").body[0]])
    return ast.fix_missing_locations(ast.copy_location(ast.Try([node], [handler], [], []), node))


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements in a node, nested ones too, without descending into expressions."""
    for block in ("body", "handlers", "orelse", "finalbody", "cases"):
        for part in getattr(node, block, ()):
            yield part
            yield from statements(part)


def names_in(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def updates_after(loop: ast.stmt, outer: ast.stmt) -> Iterator[ast.Assign | ast.AugAssign]:
    """Yield the sums and differences that update something after a loop, in the loop around it.

    Rates that decay and sums that become means are only scaled there, and counters such as `wait` only count.
    """
    for node in statements(outer):
        if isinstance(node, ast.Assign | ast.AugAssign) and node.lineno > (loop.end_lineno or loop.lineno):
            scaled = isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mult | ast.Div)
            counts = isinstance(node, ast.AugAssign) and isinstance(node.value, ast.Constant)
            if updated(node) and not (scaled or counts):
                yield node


def updated(node: ast.AST) -> str:
    """Return what a statement gives a value that is computed from its old one, or ""."""
    if isinstance(node, ast.AugAssign):
        return ast.unparse(node.target)
    if not isinstance(node, ast.Assign) or len(node.targets) > 1:
        return ""
    words = ast.unparse(node.targets[0])
    parts = (part for part in ast.walk(node.value) if isinstance(part, ast.expr))
    return words if any(ast.unparse(part) == words for part in parts) else ""


def is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)


# Calls that make constants and do not read files, plot or train.
_QUIET = {"array", "zeros", "ones", "eye", "arange", "linspace", "range", "len", "list", "tuple", "dict", "set", "int",
          "float", "seed", "RandomState", "default_rng", "random", "randn", "rand", "randint", "uniform", "normal",
          "standard_normal", "random_sample", "reshape", "astype", "sqrt", "exp", "log", "vectorize", "namedtuple",
          "identity", "full", "asarray", "matrix", "mat", "transpose", "T", "partial", "finfo", "get_printoptions",
          "set_printoptions", "seterr", "repeat", "permutation", "choice", "concatenate", "vstack", "hstack", "cos",
          "sin", "column_stack", "atleast_2d", "copy", "zeros_like", "ones_like", "sum", "mean", "max",
          "min"}  # fmt: skip


def _is_quiet(node: ast.stmt, classes: set[str]) -> bool:
    """Whether a statement has no loop, and calls only what makes constants or objects of the program's own classes."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            name = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
            if name not in _QUIET and name not in classes:
                return False
        if isinstance(part, ast.For | ast.While | ast.With):
            return False
    return True


def copied(node: Tree) -> Tree:
    """Return a copy to change: copy.deepcopy takes four times as long, and the search for a correction needs many."""
    new = node.__class__.__new__(node.__class__)
    for name, value in vars(node).items():
        if isinstance(value, list):
            value = [copied(part) if isinstance(part, ast.AST) else part for part in value]
        setattr(new, name, copied(value) if isinstance(value, ast.AST) else value)
    return new
