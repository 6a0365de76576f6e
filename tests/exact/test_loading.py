"""Live functions and objects run exactly, whatever they are made of, and nothing of the caller's changes."""

import enum
import functools
import linecache
import random
from collections import defaultdict, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from gradproof.exact.loading import NoSourceError, Takeover, take
from gradproof.exact.numbers import Number, variable
from gradproof.exact.run import Run, running

THIRD = 0.1  # a literal of the module
SCALES = [0.1, 0.2]
TABLE = np.array([0.1, 0.3])
MATRIX = np.array([[0.1, 0.2]]).view(np.matrix)
COUNTS = {"calls": 0}
calls = 0


def is_tenths(x: Any, n: int) -> bool:
    """Whether a number is exactly n/10, which no double is."""
    assert isinstance(x, Number), type(x)
    return bool((10 * x.value - n).contains(0)) and float(x.value.rad()) < 1e-50


def with_default(x: Any, factor: float = 0.1, *, shift: float = 0.2) -> Any:
    return factor * x + shift


def doubling(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Any:
        return function(*arguments) * 2.0

    return wrapper


@doubling
def decorated(x: Any) -> Any:
    return 0.1 * x


@functools.lru_cache
def cached(n: int) -> Any:
    return n / 10


def recursive(n: int) -> Any:
    return 0.1 if n == 0 else recursive(n - 1) + 0.1


def even(n: int) -> Any:
    return 0.1 if n == 0 else odd(n - 1)


def odd(n: int) -> Any:
    return 0.1 * even(n - 1)


def generating(n: int) -> Iterator[Any]:
    for i in range(n):
        yield i / 10


def closing(rate: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    total = rate

    def add(x: Any) -> Any:
        nonlocal total
        total = total + x
        return total

    def read(_: Any) -> Any:
        return total

    return add, read


class Layer:
    scale = 0.1

    def __init__(self, size: int) -> None:
        self.w = np.full(size, 0.1)
        self.__hidden = 0.2
        self.seen: list[Any] = []

    def forward(self, x: Any) -> Any:
        self.seen.append(x)
        return self.scale * x

    def hidden(self, _: Any) -> Any:
        return self.__hidden + 0.1 * 0

    @property
    def tenth(self) -> Any:
        return 0.1

    def by_property(self, x: Any) -> Any:
        return self.tenth * x

    @staticmethod
    def static(x: Any) -> Any:
        return 0.1 * x

    @classmethod
    def of_class(cls, x: Any) -> Any:
        return cls.scale * x

    def __call__(self, x: Any) -> Any:
        return self.forward(x)


class Deep(Layer):
    class Inner:
        def tenth(self) -> Any:
            return 0.1

    def forward(self, x: Any) -> Any:
        return super().forward(x) + 0.1

    def nested(self, x: Any) -> Any:
        return self.Inner().tenth() * x


class Slotted:
    __slots__ = ("w",)

    def __init__(self) -> None:
        self.w = 0.1

    def times(self, x: Any) -> Any:
        return self.w * x


@dataclass
class Config:
    rate: float = 0.1
    rates: list[float] = field(default_factory=lambda: [0.1, 0.2])

    def times(self, x: Any) -> Any:
        return self.rate * x


@dataclass(frozen=True)
class Frozen:
    rate: float = 0.1

    def times(self, x: Any) -> Any:
        return self.rate * x


class Kind(enum.Enum):
    SMALL = 0.1

    def is_small(self) -> bool:
        return self is Kind.SMALL


Pair = namedtuple("Pair", "a b")
PAIR = Pair(0.1, 0.2)
first, second = (lambda x: 0.1 * x), (lambda x: 0.2 * x)  # two on one line


def add_to_default(x: Any, key: str = "a") -> Any:
    table: Any = defaultdict(float)
    table[key] += 0.1
    return table[key] * x


def by_enum(x: Any) -> Any:
    return 0.1 * x if Kind.SMALL.is_small() else x


def matching(x: Any) -> Any:
    match [x, 0.1]:
        case [a, 0.2]:
            return a
        case [a, b] if b == 0.1:
            return a * b


def local_class(x: Any) -> Any:
    class Local:
        factor = 0.1

        def times(self, y: Any) -> Any:
            return self.factor * y

    return Local().times(x)


LAYER = Layer(2)
AT_1: dict[str, tuple[Callable[..., Any], int]] = {  # at x = 1: so many tenths
    "a literal": (lambda x: 0.1 * x, 1),
    "a global": (lambda x: THIRD * x, 1),
    "a global list": (lambda x: sum(SCALES) * x, 3),
    "a global array": (lambda x: TABLE[1] * x, 3),
    "a global matrix": (lambda x: (MATRIX * np.ones((2, 1)))[0, 0] * x, 3),
    "a named tuple": (lambda x: PAIR.b * x, 2),
    "defaults": (with_default, 3),
    "a partial": (functools.partial(with_default, factor=0.3, shift=0.1), 4),
    "a decorator": (decorated, 2),
    "a cache": (lambda x: cached(3) * x, 3),
    "recursion": (lambda x: recursive(4) * x, 5),
    "mutual recursion": (lambda x: even(2) * 100 * x, 10),
    "a generator": (lambda x: sum(generating(4)) * x, 6),
    "a comprehension": (lambda x: sum([0.1 * x for _ in range(3)]), 3),
    "a lambda of two on a line": (first, 1),
    "the other": (second, 2),
    "a closure": (closing(0.1)[0], 11),
    "a method": (LAYER.forward, 1),
    "an object that is called": (LAYER, 1),
    "a name with __": (LAYER.hidden, 2),
    "a property": (LAYER.by_property, 1),
    "a static method": (Layer.static, 1),
    "a class method": (Layer.of_class, 1),
    "super()": (Deep(1).forward, 2),
    "a nested class": (Deep(1).nested, 1),
    "slots": (Slotted().times, 1),
    "a dataclass": (Config().times, 1),
    "a frozen dataclass": (Frozen().times, 1),
    "a dataclass made inside": (lambda x: Config().rates[1] * x, 2),
    "a defaultdict": (add_to_default, 1),
    "an enum": (by_enum, 1),
    "match": (matching, 1),
    "a class made inside": (local_class, 1),
    "division of ints": (lambda x: x * (1 / 10), 1),
    "a negative power of ints": (lambda x: x * 10**-1, 1),
    "a text of digits": (lambda x: x * float("0.1"), 1),
}


@pytest.mark.parametrize("name", AT_1)
def test_a_live_function_runs_exactly(name: str) -> None:
    function, tenths = AT_1[name]
    with running(Run()) as run:
        assert is_tenths(take(function)(variable(1.0)), tenths)
    assert not run.notes


def test_two_closures_share_what_they_share() -> None:
    with running(Run()):
        takeover = Takeover()
        add, read = (takeover.take(f) for f in closing(0.1))
        add(variable(1.0))
        assert is_tenths(read(0), 11)


def test_what_is_one_object_stays_one() -> None:
    with running(Run()):
        takeover = Takeover()
        shared = np.ones(2)
        one, other = takeover.take([shared, {"same": shared}])
        one[0] = 5
        assert other["same"] is one
        circle: list[Any] = []
        circle.append(circle)
        taken = takeover.take(circle)
        assert taken[0] is taken
        assert taken is not circle


def changing(x: Any) -> Any:
    global calls
    calls += 1
    COUNTS["calls"] += 1
    SCALES.append(x)
    TABLE[0] = x
    LAYER.w[0] = x
    Layer.scale = x
    np.random.seed(1)
    random.seed(1)
    return np.random.randn() + random.random() + x


def test_nothing_of_the_callers_changes() -> None:
    before = (calls, dict(COUNTS), list(SCALES), TABLE.copy(), LAYER.w.copy(), list(LAYER.seen), Layer.scale)
    streams = random.getstate(), np.random.get_state()[1]
    with running(Run()):
        taken = take(changing)
        first_time, again = taken(variable(1.0)), taken(variable(1.0))
        assert (first_time - again).value == 0  # seeded
        take(LAYER.forward)(variable(2.0))
    assert random.getstate() == streams[0]
    assert np.array_equal(np.random.get_state()[1], streams[1])
    after = (calls, COUNTS, SCALES, TABLE, LAYER.w, LAYER.seen, Layer.scale)
    for old, new in zip(before, after, strict=True):
        assert np.array_equal(old, new) if isinstance(old, np.ndarray) else old == new


def test_a_cell_of_a_notebook_has_its_source_in_linecache() -> None:
    source = "def cell(x):\n    return 0.1 * x\n"
    linecache.cache["<cell 1>"] = (len(source), None, source.splitlines(keepends=True), "<cell 1>")
    names: dict[str, Any] = {}
    exec(compile(source, "<cell 1>", "exec"), names)
    try:
        with running(Run()):
            assert is_tenths(take(names["cell"])(variable(1.0)), 1)
    finally:
        del linecache.cache["<cell 1>"]


@pytest.mark.parametrize(
    ("text", "noted"),
    [("x * x", False), ("x[0] + np.sum(x)", False), ("0.1 * x", True), ("x / 2", True), ("[y ** 2 for y in x]", True),
     ("f'{x % 2}'", True)],
)  # fmt: skip
def test_what_has_no_source_runs_as_it_was_compiled_and_says_so_where_that_may_round(text: str, noted: bool) -> None:
    function = eval(f"lambda x: {text}", {"np": np})
    with running(Run()) as run:
        taken = take(function)
        assert taken is not function
        assert ([note.kind for note in run.notes.values()] == ["unread"]) is noted
    Point = namedtuple("Point", "x y")
    with running(Run()) as run:
        Takeover().take(Point(1.0, 2.0))
        assert not run.notes


@pytest.mark.parametrize("without", [len, "".join])
def test_what_has_no_source_is_said_to_have_none(without: Callable[..., Any]) -> None:
    with running(Run()), pytest.raises(NoSourceError, match="has no Python source"):
        take(without)
