"""The symbolic witness: sympy writes both sides as formulas of symbols and tests whether their difference is 0.

For a general line, σ and C_x are functions of which only the existence of derivatives is assumed. A proof then holds
for every activation and every cost.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import sympy

from gradproof.problem import Array
from gradproof.study.tree import Head, Node
from gradproof.study.values import Env, Evaluator, Key, SilentError, Value
from gradproof.study.witnesses.objects import Objects, array_of, boxed, each
from gradproof.study.world import World

NETWORKS, EXAMPLES = ((2, 3, 2), (1, 1, 1)), 2  # neighbouring widths of the first differ
POLYNOMIAL, QUOTIENT = 2000, 120  # operations in a formula; larger ones are left to the other witnesses
TERMS = 20_000  # in an expanded formula, likewise
NOWHERE, UNDEFINED = (sympy.zoo, sympy.nan, sympy.oo), "a formula is infinite or undefined"


class Symbolic(Objects):
    """Numbers that are formulas."""

    def number(self, value: Any) -> Array:
        return boxed(array_of([sympy.Rational(value)], ()))

    def function(self, name: str, array: Array) -> Array:
        if name == "abs":
            raise SilentError("no absolute values")
        return boxed(each({"exp": sympy.exp, "log": sympy.log}[name], array))

    def any_function(self, name: str, parts: list[Value]) -> Value:
        """Return name(all elements of the parts) for each sample."""
        rows = [np.asarray(part.array, object).reshape(part.size("s"), -1) for part in parts]
        elements = np.concatenate(rows, axis=1)
        return Value(("s",), boxed(array_of([_opaque(name)(*row) for row in elements], (len(elements),))))

    def any_slope(self, name: str, order: int, at: Value) -> Value:
        return Value(at.axes, boxed(each(_opaque(f"{name}_1" if order else name), at.array)))

    def slope(self, world: Evaluator, head: Head, body: Node, at: Value) -> Value:
        letter = sympy.Symbol("t")
        bound = (((head.parameter, None), Value((), boxed(array_of([letter], ())))),)
        slope = world.value(body, Env(bound=bound)).array.item().diff(letter)
        return Value(at.axes, boxed(each(lambda z: slope.xreplace({letter: z}), at.array)))

    def slopes(self, value: Callable[[Array], Value], flat: Value, here: Value) -> Iterator[Array]:
        letters = array_of([sympy.Symbol(f"v{i}") for i in range(flat.array.size)], flat.array.shape)
        back = dict(zip(letters.ravel(), flat.array.ravel(), strict=True))
        body = value(letters)
        for number in range(letters.shape[-1]):
            own = letters[..., number]
            own = own.reshape([flat.size(axis) if axis in flat.axes else 1 for axis in here.axes] + [1] * here.rank)
            if flat.axes != tuple(axis for axis in here.axes if axis in flat.axes):
                raise SilentError("indices in another order")
            yield each(lambda f, by: sympy.diff(f, by).xreplace(back), body.array, own)


def world(
    definitions: Mapping[Head, Node], general: bool, letters: tuple[str, ...], sizes: tuple[int, ...] = NETWORKS[0]
) -> World:
    """Return a network of symbols; if `general`, σ and C_x are left open."""
    primitives: dict[Key, Value] = {}
    for layer, (k, j) in enumerate(pairwise(sizes), start=1):
        primitives["edge", layer] = Value((), _symbols(f"w{layer}", (k, j)))
        primitives["b", layer] = Value((), _symbols(f"b{layer}", (j,)))
    primitives["x", None] = Value(("s",), _symbols("x", (EXAMPLES + 1, sizes[0])))
    primitives["y", None] = Value(("s",), _symbols("y", (EXAMPLES + 1, sizes[-1])))
    count = sum(k * j + j for k, j in pairwise(sizes))
    primitives["Δ", None] = Value((), _symbols("Δ", (count,)))
    for name in ("η", *letters):
        primitives[name, None] = Value((), _symbols(name, ()))
    return World(Symbolic(), sizes, EXAMPLES, primitives, definitions, {}, general)


def vanishes(formula: Any) -> bool:
    """Whether the formula, a quotient of polynomials in symbols, exponentials and unknown functions, is 0.

    Logarithms, and functions of quotients, satisfy laws that expansion does not apply, such as log(1/u) = -log(u). For
    them only a 0 is certain. SilentError if the answer is not, or if the formula is too large or undefined.
    """
    if formula == 0:
        return True
    if formula.has(*NOWHERE):
        raise SilentError(UNDEFINED)
    if sympy.count_ops(formula) > (POLYNOMIAL if _polynomial(formula) else QUOTIENT):
        raise SilentError("the formula is too large to expand")
    if _expanded(formula) == 0:
        return True
    numerator, denominator = sympy.fraction(sympy.together(formula))
    if _expanded(denominator) == 0:
        raise SilentError(UNDEFINED)
    if _expanded(numerator) == 0:
        return True
    for function in formula.atoms(sympy.Function):
        if isinstance(function, sympy.log) or not all(map(_polynomial, function.args)):
            raise SilentError("a formula with logarithms, or functions of quotients, may be 0 and not look like it")
    return False


def _expanded(formula: Any) -> Any:
    """Return the expanded formula; SilentError if it would have too many terms."""
    if _terms(formula, {}) > TERMS:
        raise SilentError("the formula is too large to expand")
    return sympy.expand(formula)


def _terms(formula: Any, known: dict[Any, int]) -> int:
    """Return an upper bound for the number of terms of the expanded formula, counted up to TERMS + 1."""
    if formula not in known:
        inside = [_terms(part, known) for part in formula.args]
        if formula.is_Add:
            count = sum(inside)
        elif formula.is_Mul:
            count = math.prod(inside)
        elif formula.is_Pow and formula.exp.is_Integer:
            n = min(abs(int(formula.exp)), TERMS)
            count = math.comb(inside[0] + n - 1, n)
        else:
            count = max(inside, default=1)
        known[formula] = min(count, TERMS + 1)
    return known[formula]


def _polynomial(formula: Any) -> bool:
    """Whether the formula has no division: it is then 0 only if its expansion is."""
    return not any(power.exp.is_negative for power in formula.atoms(sympy.Pow))


def _symbols(name: str, shape: tuple[int, ...]) -> Array:
    places = list(np.ndindex(shape))
    return boxed(array_of([sympy.Symbol(f"{name}_{'_'.join(map(str, place))}") for place in places], shape))


@cache
def _opaque(name: str) -> Any:
    """Return a function of which nothing is known; its derivatives are functions of the same kind."""

    def fdiff(self: Any, argindex: int = 1) -> Any:
        return _opaque(f"{name}_{argindex}")(*self.args)

    return type(name, (sympy.Function,), {"fdiff": fdiff})
