"""Wrong neighbours of a claim, each with one slip of the pen. A claim that stays true with a slip proves nothing."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from gradproof.study.tree import Head, Node, Place, children

VECTORS = ("z", "a", "δ")  # easily mistaken for each other, if the ledger defines them
TWO = Node("number", (Fraction(2),))


def neighbours(claim: Node, definitions: Mapping[Head, Node]) -> list[tuple[str, Node]]:
    """Return (what was changed, the changed claim), each once.

    The first two negate and double the right side of an equation; the first turns an inequality round.
    """
    left, right = claim.args
    vectors = [name for name in VECTORS if any(head.name == name and head.layer for head in definitions)]
    found: dict[Node, str] = {}
    if claim.op == "==":
        found[Node(claim.op, (left, Node("neg", (right,))))] = "sign"
        found[Node(claim.op, (left, Node("*", (TWO, right))))] = "factor 2"
    else:
        turned = {"<=": ">=", ">=": "<="}[claim.op]
        found[Node(turned, (left, right))] = "the inequality turned round"
    for side, tree in enumerate((left, right)):
        for node in _open(tree):
            for what, new in (*_changes(node), *_renamed(node, vectors)):
                changed = _put(tree, node, new)
                sides = (changed, right) if side == 0 else (left, changed)
                found.setdefault(Node(claim.op, sides), what)
    found.pop(claim, None)
    return [(what, tree) for tree, what in found.items()]


def _open(node: Node) -> Iterator[Node]:
    """Yield the nodes where a slip may be made: inside a derivative's body only if that is an `at`."""
    yield node
    if node.op == "d" and node.args[0].op != "at":
        return
    inside = children(node)
    if node.op in ("d", "at"):
        inside.pop(1)  # the variable
    for child in inside:
        yield from _open(child)


def _put(tree: Node, old: Node, new: Node) -> Node:
    """Return the tree with `new` in place of the first occurrence of the object `old`."""
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
        yield ("element by element", Node("*", args))
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
    elif op == "pick" and isinstance(args[1][0], str):
        yield (f"1 in place of {args[1][0]}", Node("pick", (args[0], (1,))))
    elif op == "at" and args[2].op == "number":
        yield (f"at another {args[1]}", Node("at", (args[0], args[1], Node("number", (args[2].args[0] + 1,)))))
    elif op == "layer" and args[1].letter == "l":
        for more in (-1, 1):
            yield ("the layer shifted", Node("layer", (args[0], Place("l", args[1].more + more))))
    elif op == "sum" and args[1] is not None:
        index, low, high, body = args
        yield ("one term more", Node("sum", (index, Place(low.letter, low.more - 1), high, body)))
        yield ("one term less", Node("sum", (index, low, Place(high.letter, high.more - 1), body)))
        earlier = Place(low.letter, low.more - 1), Place(high.letter, high.more - 1)
        yield ("the limits shifted", Node("sum", (index, *earlier, body)))
    elif op in ("sum", "mean") and args[1] is None:
        yield (f"{op} dropped", args[3])
        yield ("mean for sum" if op == "sum" else "sum for mean", Node("mean" if op == "sum" else "sum", args))
        if args[0] == "s":
            yield ("one sample more", Node(op, ("s", Place("", 0), Place("m", 0), args[3])))


def _renamed(node: Node, vectors: list[str]) -> Iterator[tuple[str, Node]]:
    """Yield one vector for another, as in σ′(a) for σ′(z) or ∂/∂a for ∂/∂z, or the derivative in another layer."""
    if node.op == "layer" and node.args[0] in vectors:
        for other in vectors:
            if other != node.args[0]:
                yield (f"{other} in place of {node.args[0]}", Node("layer", (other, node.args[1])))
    elif node.op == "d" and node.args[1].op == "layer":
        body, variable = node.args
        name, place = variable.args
        for other in vectors:
            if name in vectors and other != name:
                yield (f"by {other} in place of {name}", Node("d", (body, Node("layer", (other, place)))))
        if place.letter == "l":
            for more in (-1, 1):
                moved = Node("layer", (name, Place("l", place.more + more)))
                yield (f"by {moved} in place of {variable}", Node("d", (body, moved)))
