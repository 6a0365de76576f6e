"""Exact numbers: each is a ball that encloses the real value, with the operands it was computed from.

Numbers are immutable. Python's operators and NumPy's loops make new ones that hold their operands, so the numbers of a
run form a graph on which gradproof.exact.sweeps differentiates. A number that does not change with the variables, such
as a literal or what ReLU cuts off, is constant. It holds no operands unless the run keeps those of constants.
"""

from collections.abc import Callable
from fractions import Fraction
from itertools import count
from typing import Any

import numpy as np
from flint import arb, fmpq

from gradproof.exact.rules import RULES, ZERO, Ball, Rule
from gradproof.exact.run import TINY, Place, Reading, TieError, current

_indices = count()
MOST_ALIKE = 3000  # pairs that `is_alike` compares before it gives up
SUM, DOT, COPY = RULES["sum"], RULES["dot"], RULES["copy"]
Operands = tuple["Number", ...]


def _foreign(other: Any) -> bool:
    """Whether to leave an operator to this operand's type: an array, or no number at all."""
    return isinstance(other, np.ndarray) or not isinstance(
        other, Number | int | float | complex | np.number | np.bool_ | Fraction | arb
    )


def _operators(name: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """Return x ∘ y and its reflection, by the rule of that name."""

    def operate(x: Any, y: Any) -> Any:
        if _foreign(y) or _foreign(x):
            return NotImplemented
        own = _OWN.get(name)
        return own(x, y) if own else apply(name, x, y)

    return operate, lambda x, y: operate(y, x)


def _comparison(decide: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    return lambda x, y: NotImplemented if _foreign(y) else decide(x, y)


class Number:
    """A real number, enclosed in the ball `value`; `varies` is whether it depends on a variable near this point."""

    __slots__ = ("__weakref__", "index", "operands", "place", "rule", "value", "varies")

    def __init__(self, value: Ball, rule: Rule | None = None, operands: Any = (), varies: bool = False) -> None:
        run = current()
        self.value, self.rule, self.operands, self.varies = value, rule, operands, varies or run.exploring
        self.index = next(_indices)
        self.place: Place | None = run.place()

    # ---- arithmetic: each operator is a rule -----------------------------------------------------------------

    __add__, __radd__ = _operators("add")
    __sub__, __rsub__ = _operators("subtract")
    __mul__, __rmul__ = _operators("multiply")
    __truediv__, __rtruediv__ = _operators("divide")
    __pow__, __rpow__ = _operators("power")

    def __floordiv__(self, other: Any) -> Any:
        return floor(self / other)

    def __rfloordiv__(self, other: Any) -> Any:
        return floor(other / self)

    def __mod__(self, other: Any) -> Any:
        return self - other * floor(self / other)

    def __rmod__(self, other: Any) -> Any:
        return other - self * floor(other / self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __neg__(self) -> "Number":
        return apply("negative", self)

    def __pos__(self) -> "Number":
        return self

    def __abs__(self) -> "Number":
        return -self if is_less(self, 0) else self

    # ---- comparisons: decided by the balls, or refused -------------------------------------------------------

    __lt__ = _comparison(lambda x, y: is_less(x, y))
    __gt__ = _comparison(lambda x, y: is_less(y, x))
    __le__ = _comparison(lambda x, y: not is_less(y, x))
    __ge__ = _comparison(lambda x, y: not is_less(x, y))
    __eq__ = _comparison(lambda x, y: is_equal(x, y))

    def __hash__(self) -> int:
        return hash(float(self.value.mid()))

    def __bool__(self) -> bool:
        return not is_equal(self, 0)

    # ---- where exactness ends --------------------------------------------------------------------------------

    def __float__(self) -> float:
        if self.varies:
            current().note("left", "a number leaves exact arithmetic as a float")
        return float(self.value.mid())

    def __int__(self) -> int:
        whole = floor(abs(self))
        return -int(whole.value.unique_fmpz()) if self.value < 0 else int(whole.value.unique_fmpz())

    __trunc__ = __int__

    def __deepcopy__(self, memo: Any) -> "Number":
        return self  # it is immutable

    def __index__(self) -> int:
        if self.value.is_integer() and (self.rule is None or not self.varies):  # such as a label read from a table
            return int(self)
        raise TypeError("'float' object cannot be interpreted as an integer")

    def __round__(self, digits: int | None = None) -> Any:
        nearest = float(self.value.mid())
        if self.varies:
            current().note("rounded", "a number is rounded")
        if digits is None:
            return round(nearest)
        result = number(round(nearest, digits))
        current().rounded.add(result.index)
        return result

    def __format__(self, spec: str) -> str:
        text = format(float(self.value.mid()), spec)
        return current().show(text) if self.varies else text

    def __repr__(self) -> str:
        return format(self, "")

    # ---- the interface of NumPy's scalars; gradproof.exact.dispatch adds __array_ufunc__ and the like ---------

    def __getattr__(self, name: str) -> Any:
        """Return a rule as a method, for NumPy's object loops, or an attribute of a 0-d array: `.sum`, `.T`."""
        if name in RULES and not hasattr(np.ndarray, name):  # not sum or copy
            return lambda: apply(name, self)
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._as_array(), name)

    def __getitem__(self, where: Any) -> Any:
        return self._as_array()[where]

    def item(self) -> "Number":
        return self

    def conjugate(self) -> "Number":
        return self

    def is_integer(self) -> bool:
        return bool(self.value.is_integer())


def variable(value: float) -> Number:
    """Return a variable with exactly the value of this double."""
    return Number(arb(float(value)), varies=True)


def number(value: Any) -> Number:
    """Return a constant: an int or Fraction exactly, a float or string by the run's reading. TypeError for others."""
    if isinstance(value, Number):
        return value
    if isinstance(value, int | np.integer | np.bool_):
        return Number(arb(int(value)))
    if isinstance(value, float | np.floating):
        current().read(float(value))
        return Number(current().literal(float(value)))
    if isinstance(value, Fraction):
        current().read(float(value))
        return Number(arb(fmpq(value.numerator, value.denominator)))
    if isinstance(value, np.ndarray) and value.size == 1:
        return number(value.reshape(-1)[0])
    if isinstance(value, str):
        return Number(current().literal(float(value), value.strip()))
    if isinstance(value, arb):
        return Number(value)
    if isinstance(value, complex):
        raise current().refuse("gradproof has no exact rule for complex numbers", TypeError)
    raise TypeError(f"expected a number, not {type(value).__name__}")


def literal(value: float) -> Number:
    """Return the number of a float literal in the subject's source: one for all equal floats, unless exploring."""
    run = current()
    if run.exploring:
        return Number(run.literal(value, repr(value)))
    if (known := run.literals.get(value)) is None:
        known = run.literals[value] = Number(run.literal(value, repr(value)))
    return known


def apply(name: str, *operands: Any) -> Number:
    """Return the result of the operation of that name."""
    rule, xs = RULES[name], tuple([number(x) for x in operands])
    if name in ("add", "subtract") and current().reading is Reading.WITHOUT_EPSILON:
        xs = tuple([Number(ZERO) if not x.varies and _is_tiny(x.value) else x for x in xs])
    return derive(rule, rule.value(*[x.value for x in xs]), xs)


def _is_tiny(value: Ball) -> bool:
    return (
        bool(value.is_finite()) and abs(float(value.mid())) <= TINY
    )  # NaN would set a flag that NumPy's loops warn of


def derive(rule: Rule, value: Ball, operands: Operands) -> Number:
    """Return a number that a rule computed from these operands; it is constant if they are."""
    for x in operands:
        if x.varies:
            return Number(value, rule, operands, True)
    return constant(value, rule, operands)


def constant(value: Ball, rule: Rule, operands: Any) -> Number:
    """Return a number that cannot vary, with its rule and operands if the run keeps those of constants."""
    return Number(value, rule, operands) if current().keeps_constants else Number(value)


def multiply(x: Any, y: Any) -> Number:
    """Return x y, which is constant if either factor is the constant 0, as behind a mask."""
    x, y = number(x), number(y)
    if (not x.varies and x.value == 0) or (not y.varies and y.value == 0):
        return constant(x.value * y.value, RULES["multiply"], (x, y))
    return derive(RULES["multiply"], x.value * y.value, (x, y))


def subtract(x: Any, y: Any) -> Number:
    """Return x − y, which is the constant 0 if both are copies of one number."""
    x, y = number(x), number(y)
    return Number(ZERO) if source(x) is source(y) else apply("subtract", x, y)


def divide(x: Any, y: Any) -> Number:
    """Return x / y of two single numbers. At y = 0 Python raises and NumPy does not: whose they are is unknown."""
    x, y = number(x), number(y)
    if y.value.is_zero() and current().reading is not Reading.WITHOUT_EPSILON:
        current().note("left", "a division by 0, which NumPy does and Python refuses")
    return apply("divide", x, y)


def total(xs: Any) -> Number:
    """Return Σ x as one number of the graph, however many terms there are."""
    xs = tuple([number(x) for x in xs])
    return derive(SUM, sum([x.value for x in xs], ZERO), xs)


def copy(x: Any) -> Number:
    """Return a new number with the same value, which gets its own derivative."""
    x = number(x)
    return derive(COPY, x.value, (x,))


def source(x: Number) -> Number:
    """Return the number that this one is a copy of, or itself."""
    while x.rule is COPY:
        x = x.operands[0]
    return x


def is_alike(x: Number, y: Number) -> bool:
    """Whether both were computed by the same operations from the same numbers, as for an example drawn twice."""
    waiting, seen = [(x, y)], set[tuple[int, int]]()
    while waiting:
        x, y = waiting.pop()
        if x is y or (x.index, y.index) in seen:
            continue
        seen.add((x.index, y.index))
        if (
            x.rule is None
            and y.rule is None
            and not (x.varies or y.varies)
            and x.value.is_exact()
            and x.value == y.value
        ):
            continue
        mine, others = _operands(x), _operands(y)
        if x.rule is None or x.rule is not y.rule or len(mine) != len(others) or len(seen) > MOST_ALIKE:
            return False
        waiting += zip(mine, others, strict=True)
    return True


def _operands(x: Number) -> Operands:
    return (*x.operands[0], *x.operands[1]) if x.rule is DOT else x.operands


def is_less(x: Any, y: Any) -> bool:
    """Whether x < y. The outcome is noted if either varies."""
    x, y = number(x), number(y)
    return _noted(_order(x, y) < 0, x, y)


def is_equal(x: Any, y: Any) -> bool:
    x, y = number(x), number(y)
    return _noted(_order(x, y) == 0, x, y)


def _order(x: Number, y: Number) -> int:
    """−1, 0 or 1. UndecidedError if the balls overlap; TieError if equal numbers have different derivatives."""
    a, b = x.value, y.value
    if a < b:
        return -1
    if a > b:
        return 1
    if source(x) is source(y) or is_alike(x, y):
        return 0
    if current().exploring:
        return (a.mid() > b.mid()) - (a.mid() < b.mid())
    if a == b:
        if not (x.varies or y.varies):
            return 0
        raise current().refuse(f"a tie at {float(a):g}, whose two sides have different derivatives", TieError)
    if a.is_nan() or b.is_nan():
        if _of_infinity(x) or _of_infinity(y):  # as in NumPy, NaN is not less than anything
            return 1
        raise current().refuse("a comparison with NaN")
    raise current().refuse(f"two numbers near {float(a.mid()):.6g} that {current().bits} bits cannot distinguish")


def _of_infinity(x: Number, deep: int = 4) -> bool:
    """Whether it was computed from a literal infinity, such as the initial value of a best loss."""
    if x.rule is None or deep == 0:
        return bool(not x.varies and not x.value.is_finite() and not x.value.is_nan())
    return any(_of_infinity(y, deep - 1) for y in x.operands if isinstance(y, Number))


def _noted(outcome: bool, x: Number, y: Number) -> bool:
    if x.varies or y.varies:
        run = current()
        run.outcomes.setdefault(run.place(), set()).add(outcome)
    return outcome


def floor(x: Any) -> Number:
    """Return ⌊x⌋, a constant. UndecidedError if the ball does not decide it, or if it jumps at x."""
    x = number(x)
    whole = x.value.floor().unique_fmpz()
    if current().exploring:
        whole = x.value.mid().floor().unique_fmpz()
    if whole is None and not x.varies:  # a share or a count: take what Python's floats give
        whole = arb(float(x.value.mid())).floor().unique_fmpz()
    if whole is None:
        raise current().refuse(f"the floor of a number near {float(x.value.mid()):.6g}")
    if x.varies and x.value.is_integer() and not current().exploring:
        raise current().refuse(f"the floor of {float(x.value):g}, where it jumps")
    return Number(arb(whole))


def largest(x: Any, y: Any) -> Number:
    x, y = number(x), number(y)
    return copy(y if is_less(x, y) else x)


def smallest(x: Any, y: Any) -> Number:
    x, y = number(x), number(y)
    return copy(x if is_less(x, y) else y)


_OWN = {"multiply": multiply, "subtract": subtract, "divide": divide}  # operators that do more than the rule


def count_numbers() -> int:
    """Return how many numbers this process has made: a measure of work that other processes do not affect."""
    return Number(arb(0)).index
