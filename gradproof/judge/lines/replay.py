"""The step recomputed from its tape, with other values in place of some numbers."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from flint import arb

from gradproof.exact.arrays import array_of
from gradproof.exact.numbers import DOT, Number
from gradproof.exact.rules import Ball
from gradproof.exact.sweeps import computed_from, differentiate
from gradproof.judge.find.observation import Observation
from gradproof.judge.trial.adaptive_steps import FIRST_OF_ADAM
from gradproof.judge.trial.descent import along, rate_of

Values = Mapping[int, Ball]  # by the indices of numbers


class Guess(NamedTuple):
    """What the values of a line should be, up to a common factor: `base` + factor · `slope`."""

    slope: Values
    name: str  # of the first of these values
    should: str
    base: Values
    rank: int = 0  # 0 is the likeliest


class Replay:
    """The moves of a step as a function of some of its numbers."""

    def __init__(self, what: Observation, cost: Number, wrong: Mapping[str, str]) -> None:
        self.what, self.truth = what, differentiate(cost, constants=True)
        self.forward = [x for x in computed_from([cost]) if x.varies]
        self.known = {x.index for x in self.forward}
        self.moved = what.moved
        nodes = computed_from(x for move in self.moved.values() for x in move.flat)
        self.backward = [x for x in nodes if x.rule is not None and x.index not in self.known]
        self._users: dict[int, list[Number]] = {}  # what each number is an operand of, by its index
        self._sides: dict[int, list[int]] = {}  # ids of the rows and columns of products that a number is in …
        self._products: dict[int, list[Number]] = {}  # … and the products of each
        for x in self.backward:
            for operand in x.operands:
                if x.rule is not DOT:
                    self._users.setdefault(operand.index, []).append(x)
                    continue
                if id(operand) not in self._products:
                    for y in operand:
                        self._sides.setdefault(y.index, []).append(id(operand))
                self._products.setdefault(id(operand), []).append(x)
        self._last: tuple[set[int], list[Number], list[Number]] = set(), [], []
        self.computed = 0  # numbers so far, in all replays
        self.given = list(what.given.values())
        self.rate = rate_of(self.moved, self.given, self.truth)
        self.signs = (1,) if any(state.startswith("uphill") for state in wrong.values()) else (1, -1)
        judged = along(self.moved, self.given, self.truth, what.kept)
        self.law = _adaptive_law(self._pairs(array.name for array in judged if array.convention == FIRST_OF_ADAM))
        self.factors: Sequence[Ball | int] = (1, -1)  # that gradients may have, if no rate is known
        by_convention = {array.name for array in judged if array.state == "right"}
        own = {path: [x.value for x in move.flat] for path, move in self.moved.items()}
        self.right = by_convention | {path for path in own if self._follows(path, own[path])}
        if not any(ball != 0 for path in self.right for ball in own[path]):
            self.right = set()
        self._telling = {path: self._largest(path) for path in self.moved}  # by path: the element of largest slope
        self._few = {
            x.index for x in computed_from(move.flat[self._telling[path]] for path, move in self.moved.items())
        }

    def _pairs(self, paths: Iterable[str]) -> list[tuple[Ball, Ball]]:
        """Return (move, slope) of each element of these arrays."""
        return [
            (u.value, self.truth.get(x.index, arb(0)))
            for path in paths
            for u, x in zip(self.moved[path].flat, self.what.given[path].flat, strict=True)
        ]

    def _follows(self, path: str, move: Sequence[Ball], element: int | None = None, rate: Ball | None = None) -> bool:
        """Whether an array, or one element, follows its gradient at the rate of the others or by their adaptive law."""
        parameters = self.what.given[path].ravel().tolist()
        parameters = parameters if element is None else [parameters[element]]
        slopes = [self.truth.get(x.index, arb(0)) for x in parameters]
        if self.law is not None and all(v.overlaps(self.law(g)) for v, g in zip(move, slopes, strict=True)):
            return True
        rate = self.rate if rate is None else rate
        allowed = rate > 0 or (rate < 0 and -1 in self.signs)
        return allowed and all(v.overlaps(-rate * g) for v, g in zip(move, slopes, strict=True))

    def _largest(self, path: str) -> int:
        slopes = [abs(self.truth.get(x.index, arb(0))) for x in self.what.given[path].flat]
        return max(range(len(slopes)), key=lambda i: float(slopes[i].mid()))

    def may_mend(self, put: Values, paths: Collection[str]) -> bool:
        """Whether these values move one of these arrays as it should be, judged by one element of each."""
        if not self.right:
            return True
        moves = self.moves(put, few=True)
        rate = self._rate_with({path: moves[path][0] for path in self.right})
        return any(self._follows(path, moves[path], self._telling[path], rate) for path in paths)

    def _rate_with(self, moves: Mapping[str, Ball]) -> Ball:
        """Return the rate of the arrays that move rightly, from one element of each.

        The new values change the rate if all gradients are scaled together, as by their norm.
        """
        for path, move in moves.items():
            k = self._telling[path]
            parameter, own = self.what.given[path].flat[k], self.moved[path].flat[k]
            slope = self.truth.get(parameter.index, arb(0))
            if move is not own.value and not slope.contains(0):
                return -move / slope
        return self.rate

    def moves(self, put: Values, few: bool = False) -> dict[str, list[Ball]]:
        """Return θ′ − θ if these numbers have these values; with `few`, of one element of each array."""
        values = dict(put)
        sides: dict[int, list[Ball]] = {}

        def side(numbers: Sequence[Number]) -> list[Ball]:
            if id(numbers) not in sides:
                sides[id(numbers)] = [values.get(x.index, x.value) for x in numbers]
            return sides[id(numbers)]

        following = self._following(put, few)
        self.computed += len(following)
        for x in following:
            if x.rule is DOT:
                values[x.index] = sum((a * b for a, b in zip(*map(side, x.operands), strict=True)), arb(0))
            else:
                values[x.index] = x.rule.value(*[values.get(y.index, y.value) for y in x.operands])  # type: ignore[union-attr]
        if few:
            telling = {path: move.flat[self._telling[path]] for path, move in self.moved.items()}
            return {path: [values.get(x.index, x.value)] for path, x in telling.items()}
        return {path: [values.get(x.index, x.value) for x in move.flat] for path, move in self.moved.items()}

    def _following(self, put: Values, few: bool) -> list[Number]:
        """Return what depends on these numbers, in the order of computation.

        The last answer is kept, because the numbers of one line are replaced many times.
        """
        if put.keys() != self._last[0]:
            found: dict[int, Number] = {}
            sides, waiting = set[int](), list(put)
            while waiting:
                index = waiting.pop()
                users = [*self._users.get(index, ())]
                for one in self._sides.get(index, ()):
                    if one not in sides:
                        sides.add(one)
                        users += self._products[one]
                users = [x for x in users if x.index not in found and x.index not in put]
                found.update((x.index, x) for x in users)
                waiting += [x.index for x in users]
            every = [found[index] for index in sorted(found)]
            self._last = set(put), every, [x for x in every if x.index in self._few]
        return self._last[2] if few else self._last[1]

    def right_with(self, put: Values) -> set[str]:
        """Return the arrays that go down their gradients, at the rate of those that do so without these values."""
        moves = self.moves(put)
        if not self.right:
            made = {path: array_of([Number(v) for v in moves[path]], self.moved[path].shape) for path in moves}
            return {a.name for a in along(made, self.given, self.truth, self.what.kept) if a.state == "right"}
        rate = self._rate_with({path: moves[path][self._telling[path]] for path in self.right})
        return {
            path
            for path, move in moves.items()
            if (path in self.right and all(v is x.value for v, x in zip(move, self.moved[path].flat, strict=True)))
            or self._follows(path, move, rate=rate)
        }

    def solved(self, numbers: Sequence[Number], path: str, places: Sequence[int], put: Values) -> Values | None:
        """Return the values of these numbers with which an array goes down its gradient as fast as the others.

        Each number should act only on the element at its place. None if one does not act there, or the rate is unknown.
        """
        if not self.right or self.law is not None:
            return None
        own = {x.index: put.get(x.index, x.value) for x in numbers}
        now, more = self.moves({**put, **own})[path], self.moves({**put, **{i: v + 1 for i, v in own.items()}})[path]
        parameter, values = self.what.given[path].ravel().tolist(), dict[int, Ball]()
        for x, place in zip(numbers, places, strict=True):
            effect = more[place] - now[place]
            wanted = -self.rate * self.truth.get(parameter[place].index, arb(0)) - now[place]
            if effect.contains(0):
                return None
            values[x.index] = own[x.index] + wanted / effect
        return values

    def fitted(self, guess: Guess, wrong: Collection[str], put: Values) -> Iterator[Values]:
        """Yield the values with the factor that makes a wrong array go down its gradient as fast as the others.

        If their rate is unknown, or the line scales them too, yield the values with each of a few common factors.
        """
        if not self.right or self.law is not None:
            yield from (_at(guess, factor) for factor in self.factors)
            return
        zero, one = self.moves({**put, **_at(guess, 0)}), self.moves({**put, **_at(guess, 1)})
        if any(a is not b for path in self.right for a, b in zip(zero[path], one[path], strict=True)):
            yield from (_at(guess, factor) for factor in self.factors)  # the line scales the right arrays too
        for path in wrong:
            slopes = [self.truth.get(x.index, arb(0)) for x in self.what.given[path].flat]
            effects = [
                (b - a, -self.rate * g - a)
                for a, b, g in zip(zero[path], one[path], slopes, strict=True)
                if not (b - a).contains(0)
            ]
            if effects:
                effect, wanted = max(effects, key=lambda pair: float(abs(pair[0]).mid()))
                factor = wanted / effect
                if factor.is_finite() and not factor.contains(0):
                    yield _at(guess, factor)
                return


def _adaptive_law(pairs: Sequence[tuple[Ball, Ball]]) -> Callable[[Ball], Ball] | None:
    """Return an element's move as a function of its slope g, if one adaptive law holds for all these pairs.

    The law is −η g/(|g| + ε), as in Adam, or −η g/√(g² + ε), as in AdaGrad.
    """
    known = sorted(((u, g) for u, g in pairs if not g.contains(0)), key=lambda pair: float(abs(pair[1]).mid()))
    for power in (1, 2) if len(known) > 2 else ():  # two determine η and ε, the others confirm them
        (a, g), (b, h) = ((abs(u) ** power, abs(slope) ** power) for u, slope in (known[0], known[-1]))
        area = b * g - a * h
        if area.contains(0):
            continue
        eta, epsilon = a * b * (g - h) / area, g * h * (a - b) / area

        def law(slope: Ball, eta: Ball = eta, epsilon: Ball = epsilon, power: int = power) -> Ball:
            if slope.contains(0):
                return arb(0)
            size = abs(slope) ** power
            length = (eta * size / (size + epsilon)).root(power)
            return -length if slope > 0 else length

        if all(u.overlaps(law(slope)) for u, slope in known):
            return law
    return None


def _at(guess: Guess, factor: Ball | int) -> Values:
    return {i: guess.base.get(i, arb(0)) + factor * g for i, g in guess.slope.items()}
