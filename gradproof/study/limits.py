"""What one claim may cost: somebody's ledger may ask for what nobody can write out.

A number of the symbolic witness is exact, however many digits it has, and no interpreter stops in the middle of a
product; so what multiplies too many factors is refused before it is tried. What is only slow is stopped by a clock
(gradproof.limits).
"""

from collections.abc import Callable, Mapping
from functools import cache

from gradproof.study.tree import Head, Node, children

FACTORS = 5_000  # in one product, with its powers and definitions written out
SECONDS = 60.0  # of computing for the claims and the code of one line; the lines of the notes take 2 at most


def factors(definitions: Mapping[Head, Node]) -> Callable[[Node], int]:
    """How many factors a product in a tree may have; what is defined by the layer below is put in twice."""
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
