"""Wrong neighbours of a claim: what a slip of the pen makes of it. A claim that stays true for them says nothing."""

from collections.abc import Iterator
from fractions import Fraction

from gradproof.study.tree import Node, Place, children

TWO = Node("number", (Fraction(2),))


def neighbours(claim: Node) -> list[tuple[str, Node]]:
    """(what was changed, the changed claim), each once; the first two change the right side as a whole."""
    left, right = claim.args
    found: dict[Node, str] = {}
    if claim.op == "==":
        found[Node(claim.op, (left, Node("neg", (right,))))] = "sign"
        found[Node(claim.op, (left, Node("*", (TWO, right))))] = "factor 2"
    else:
        turned = {"<=": ">=", ">=": "<="}[claim.op]
        found[Node(turned, (left, right))] = "the inequality turned round"
    for side, tree in enumerate((left, right)):
        for node in _open(tree):
            for what, new in _changes(node):
                changed = _put(tree, node, new)
                sides = (changed, right) if side == 0 else (left, changed)
                found.setdefault(Node(claim.op, sides), what)
    found.pop(claim, None)
    return [(what, tree) for tree, what in found.items()]


def _open(node: Node) -> Iterator[Node]:
    """The places where a slip may stand: what is differentiated is part of its d, unless a step is taken in it."""
    yield node
    if node.op == "d" and node.args[0].op != "at":
        return
    inside = children(node)
    if node.op in ("d", "at"):
        inside.pop(1)  # the variable
    for child in inside:
        yield from _open(child)


def _put(tree: Node, old: Node, new: Node) -> Node:
    """The tree with one node in another's place, the first that is it."""
    done = False

    def put(node: Node) -> Node:
        nonlocal done
        if not done and node is old:
            done = True
            return new
        return Node(node.op, tuple(put(arg) if isinstance(arg, Node) else arg for arg in node.args))

    return put(tree)


def _changes(node: Node) -> Iterator[tuple[str, Node]]:
    op, args = node.op, node.args
    if op == "*":
        yield from ((f"{args[1]} dropped", args[0]), (f"{args[0]} dropped", args[1]))
    elif op == "/":
        yield from ((f"not divided by {args[1]}", args[0]), ("times in place of divided by", Node("*", args)))
    elif op in ("+", "-"):
        other = "-" if op == "+" else "+"
        yield from ((f"{args[1]} dropped", args[0]), (f"{other} in place of {op}", Node(other, args)))
        if op == "-":
            yield ("the wrong way round", Node("-", (args[1], args[0])))
    elif op == "@":
        first, second = args
        turned = first.args[2] if first.op == "call" and first.args[0] == "T" else Node("call", ("T", 0, first))
        yield ("transpose", Node("@", (turned, second)))
        yield (f"{first} dropped", second)
    elif op == "d" and args[0].op == "name" and args[0].args[0] in ("C", "C_x"):
        other = "C_x" if args[0].args[0] == "C" else "C"
        yield (f"{other} in place of {args[0]}", Node("d", (Node("name", (other,)), args[1])))
    elif op == "^":
        yield ("power dropped", args[0])
    elif op == "neg":
        yield ("sign dropped", args[0])
    elif op == "call" and args[1] == 1:
        yield (f"{args[0]} in place of {args[0]}'", Node("call", (args[0], 0, args[2])))
        yield (f"{args[0]}'({args[0]}(…))", Node("call", (args[0], 1, Node("call", (args[0], 0, args[2])))))
    elif op == "call" and args[0] not in ("T", "exp", "log", "abs", "norm2"):
        yield (f"{args[0]}' in place of {args[0]}", Node("call", (args[0], 1, args[2])))
        yield (f"{args[0]} dropped", args[2])
    elif op == "call" and args[0] == "exp":
        inner = args[2]
        yield (
            "sign of the exponent",
            Node("call", ("exp", 0, inner.args[0] if inner.op == "neg" else Node("neg", (inner,)))),
        )
    elif op == "call" and args[0] == "abs":
        yield ("| | dropped", args[2])
    elif op == "pick" and len(args[1]) == 2:
        yield ("indices swapped", Node("pick", (args[0], args[1][::-1])))
    elif op == "layer" and args[1].letter == "l":
        for more in (-1, 1):
            yield ("the layer shifted", Node("layer", (args[0], Place("l", args[1].more + more))))
    elif op == "sum" and args[1] is not None:
        index, low, high, body = args
        yield ("one term more", Node("sum", (index, Place(low.letter, low.more - 1), high, body)))
        yield ("one term less", Node("sum", (index, low, Place(high.letter, high.more - 1), body)))
    elif op in ("sum", "mean") and args[1] is None:
        yield (f"{op} dropped", args[3])
        yield ("mean for sum" if op == "sum" else "sum for mean", Node("mean" if op == "sum" else "sum", args))
    if op in ("/", "@", "call", "d", "layer", "pick", "sum", "mean") or (
        op == "name" and args[0] not in ("m", "L", "l")
    ):
        yield (f"factor 2 at {node}", Node("*", (TWO, node)))
