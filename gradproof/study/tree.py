"""The syntax tree of a claim, with functions that search it, change it and write it as text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple


class Place(NamedTuple):
    """A whole number such as l+1, L or m: a letter, or "", and the number added to it."""

    letter: str
    more: int

    def __str__(self) -> str:
        if not self.letter:
            return str(self.more)
        return self.letter + (f"{self.more:+d}" if self.more else "")


@dataclass(frozen=True)
class Node:
    """An operation and its arguments: nodes, names, numbers, places."""

    op: str
    args: tuple[Any, ...]

    def __str__(self) -> str:
        return written(self)


class Head(NamedTuple):
    """The left side of a definition: σ(t), z[l], z[l][j], a[0] or C."""

    name: str
    parameter: str = ""
    layer: Place | None = None
    indices: tuple[str, ...] = ()


def children(node: Node) -> list[Node]:
    return [arg for arg in node.args if isinstance(arg, Node)]


def walk(node: Node) -> list[Node]:
    """Return the node and all nodes below it."""
    return [node, *(below for child in children(node) for below in walk(child))]


def layered(node: Node) -> bool:
    """Whether the tree depends on the layer l."""
    return any(below.op == "layer" and below.args[1].letter == "l" for below in walk(node))


def replaced(node: Node, change: Callable[[Node], Node]) -> Node:
    """Return the tree with every node passed through `change`, from the leaves up."""
    args = tuple(replaced(arg, change) if isinstance(arg, Node) else arg for arg in node.args)
    return change(Node(node.op, args))


def expanded(node: Node, macros: dict[Head, Node]) -> Node:
    """Return the tree with a reading's macros substituted: W[l+1] becomes the body of W[l], one layer up."""

    def change(here: Node) -> Node:
        for left, body in macros.items():
            if here.op == "name" and here.args[0] == left.name and left.layer is None:
                return body
            if here.op == "layer" and here.args[0] == left.name and left.layer is not None:
                return replaced(body, lambda inner: _moved(inner, here.args[1]))
            if here.op == "pick" and here.args[0].op in ("name", "layer") and here.args[0].args[0] == left.name:
                return here
            if here.op == "pick" and left.name in here.args[1] and body.op in ("name", "number"):
                index = body.args[0] if body.op == "name" else int(body.args[0])
                return Node("pick", (here.args[0], tuple(index if i == left.name else i for i in here.args[1])))
        return here

    return replaced(node, change)


def _moved(node: Node, to: Place) -> Node:
    if node.op == "layer" and node.args[1].letter == "l":
        return Node("layer", (node.args[0], Place(to.letter, to.more + node.args[1].more)))
    return node


LEVEL = {"+": 1, "-": 1, "*": 2, "/": 2, "@": 2, "neg": 2, "^": 3}


def written(node: Node, above: int = 0) -> str:
    """Return the tree as text that parses back to it."""
    op, args = node.op, node.args
    if op == "number":
        return str(args[0]) if args[0].denominator == 1 else f"({args[0]})"
    if op == "name":
        return str(args[0])
    if op == "layer":
        return f"{args[0]}[{args[1]}]"
    if op == "pick":
        return f"{written(args[0], 9)}[{','.join(map(str, args[1]))}]"
    if op == "call":
        name, order, body = args
        return f"{written(body, 9)}ᵀ" if name == "T" else f"{name}{chr(39) * order}({written(body)})"
    if op in ("sum", "mean"):
        limits = f" = {args[1]}..{args[2]}" if args[1] is not None else ""
        return f"{op}({args[0]}{limits}, {written(args[3])})"
    if op == "expected":
        return f"expected({args[0]}, {written(args[1])})"
    if op in ("d", "at"):
        value = f" = {written(args[2])}" if op == "at" else ""
        return f"{op}({written(args[0])}, {written(args[1])}{value})"
    if op in ("==", "<=", ">="):
        return f"{written(args[0])} {op} {written(args[1])}"
    level = LEVEL[op]
    if op == "neg":
        text = f"-{written(args[0], 3)}"
    elif op == "^":
        text = f"{written(args[0], 9)}^{args[1]}"
    else:
        text = f"{written(args[0], level)} {op} {written(args[1], level + 1)}"
    return f"({text})" if level < above else text
