"""Limits on what one claim may cost, since a ledger may ask for formulas too large to write out.

The symbolic witness computes exact numbers of any length, and Python cannot interrupt a single huge product. A product
of too many factors is therefore refused before it is tried. A clock stops what is merely slow (gradproof.limits).
"""

from collections.abc import Callable, Mapping
from functools import cache

from gradproof.study.tree import Head, Node, children

FACTORS = 5_000  # in one product, with its powers and definitions expanded
SECONDS = 60.0  # of computing for the claims and code of one line; lines of the notes take at most 2


def factors(definitions: Mapping[Head, Node]) -> Callable[[Node], int]:
    """Return a function that bounds the factors of a product in a tree, counted up to 2 · FACTORS.

    A definition that refers to itself in the layer below is expanded twice.
    """
    named = {head.name: body for head, body in definitions.items()}

    @cache
    def defined(name: str, opened: tuple[str, ...]) -> int:
        return count(named[name], tuple(sorted((*opened, name))))

    def count(node: Node, opened: tuple[str, ...] = ()) -> int:
        inside = [count(child, opened) for child in children(node)]
        most, name = max(inside, default=1), node.args[0] if node.op in ("name", "layer", "call") else ""
        if name in named and opened.count(name) < 2:
            most *= defined(name, opened)
        elif node.op == "^":
            most *= node.args[1]
        elif node.op in ("*", "/", "@"):
            most = sum(inside)
        elif name == "norm2":
            most *= 2
        return min(most, 2 * FACTORS)

    return count
