"""The trial of a line: testimonies on each reading, the ruling, and the gate that every claim must pass."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from flint import ctx

from gradproof.errors import DataError
from gradproof.limits import LateError, limited
from gradproof.numerics.verdict import Verdict
from gradproof.study import facts, gate, limits, smallest
from gradproof.study.ledger import Claim, Code, Ledger, Line
from gradproof.study.tree import Node, expanded, walk
from gradproof.study.values import MisfitError, SilentError
from gradproof.study.verdicts import (
    ClaimTried,
    CodeTried,
    FactTried,
    Gate,
    Heard,
    Ruling,
    Testimony,
    Tried,
    ruling_of,
)
from gradproof.study.witnesses import autodiff, code, rigorous, symbolic
from gradproof.study.world import World

Found = TypeVar("Found")
BITS = 128
REPAIR = 'write it with indices such as [k,j], or say for which layers it is made: layers = "1..L-1"'


class Court:
    """Tries the lines of one ledger on the same networks, and reuses for each line what earlier ones computed."""

    def __init__(self, ledger: Ledger, seed: int = 0) -> None:
        self.ledger, self.seed = ledger, seed
        self.found: dict[Any, Any] = {}
        self.called: dict[Any, code.Called] = {}
        self.small: smallest.Worlds = {}

    @cached_property
    def architectures(self) -> list[tuple[tuple[int, ...], int]]:
        """(sizes, m): one layer, two equal widths, all equal, all distinct, and arbitrary.

        Between layers of equal width a wrong transpose has fitting shapes, so that its numbers are tested.
        """
        rng = np.random.default_rng([self.seed, 7])
        n = int(rng.integers(2, 4))
        distinct = tuple(int(v) for v in rng.permutation([1, 2, 3, 4])[: int(rng.integers(3, 5))])
        free = tuple(int(v) for v in rng.integers(1, 5, 3))
        return [((3, 2), 2), ((2, 2, 1), 2), ((n,) * 4, 2), (distinct, 3), (free, 1)]

    @cached_property
    def random(self) -> list[World]:
        rng = np.random.default_rng([self.seed, 8])
        return [
            autodiff.world(self.ledger.definitions, sizes, m, autodiff.random(sizes, m, self.ledger.letters, rng))
            for sizes, m in self.architectures
        ]

    @cached_property
    def exact(self) -> list[World]:
        """Three small networks of multiples of ¼ for ball arithmetic."""
        rng = np.random.default_rng([self.seed, 9])
        worlds = []
        for sizes, m in (((2, 3, 2), 2), ((2, 2, 2), 2), ((1, 2, 1), 2)):
            drawn = autodiff.random(sizes, m, self.ledger.letters, rng)
            numbers = {key: np.rint(array[0] * 4) / 4 for key, array in drawn.items()}
            numbers["η", None] = np.asarray(0.5)
            worlds.append(rigorous.world(self.ledger.definitions, sizes, m, numbers))
        return worlds

    @cached_property
    def symbols(self) -> dict[bool, list[World]]:
        """Networks of symbols: True → with σ and the cost left open, False → with those defined."""
        book = self.ledger
        return {
            general: [symbolic.world(book.definitions, general, book.letters, sizes) for sizes in symbolic.NETWORKS]
            for general in (True, False)
        }

    def trials(self, only: Line | None = None) -> Iterator[Tried]:
        """Try every line in order, or only one."""
        for line in self.ledger.lines:
            if only is None or line is only:
                yield self.line(line)

    def line(self, line: Line) -> Tried:
        """Try one line; DataError if a claim means nothing, a definition never ends, or the trial takes too long."""
        try:
            with np.errstate(all="ignore"), limited(limits.SECONDS):  # the witnesses detect what is not finite
                claims = tuple(self.claim(claim) for claim in line.claims)
                tried = tuple(self.code(code) for code in line.code)
        except RecursionError:
            said = f"line {line.id}: it is defined by itself, without end; see definitions"
            raise DataError(f"{self.ledger.source}: {said}") from None
        except LateError:
            said = f"line {line.id}: {limits.SECONDS:g} seconds of computing settle nothing; make its formulas smaller"
            raise DataError(f"{self.ledger.source}: {said}") from None
        for number, found in enumerate(claims, start=1):
            if found.meaningless:
                said = f"line {line.id}, claim {number}: {found.meaningless}; {REPAIR}"
                raise DataError(f"{self.ledger.source}: {said}")
        measured = tuple(FactTried(fact, *facts.MEASURES[fact.measure]()) for fact in line.facts)
        return Tried(line, ruling_of(claims, tried, measured), claims, tried, measured)

    def claim(self, claim: Claim) -> ClaimTried:
        heard = tuple(
            Heard(reading.name, tree, self.once(self.testimonies, tree, claim))
            for reading in claim.readings
            for tree in [expanded(claim.tree, reading.macros)]
        )
        holding = [h for h in heard if h.verdict is Verdict.VERIFIED]
        failing = [h for h in heard if h.verdict is Verdict.REFUTED]
        correction = None
        if not holding and claim.correction is not None:
            for reading in claim.readings:
                tree = expanded(claim.correction, reading.macros)
                correction = Heard("corrected", tree, self.once(self.testimonies, tree, claim))
                if correction.verdict is Verdict.VERIFIED:
                    break
        ruling = Ruling.UNDECIDED
        if len(holding) == len(heard):
            ruling = Ruling.HOLDS
        elif holding:
            ruling = Ruling.CONVENTION
        elif len(failing) == len(heard):
            ruling = Ruling.WRONG
        shown = None
        if failing:
            find = self.smallest_of_few if ruling is Ruling.WRONG else self.smallest_of_more
            shown = self.once(find, failing[-1 if holding else 0].tree, claim)
        right = holding or ([correction] if correction and correction.verdict is Verdict.VERIFIED else [])
        named = {h.tree: h.name for h in right}  # two readings may expand to the same claim
        through = gate.together({name: self.once(self.gate, tree, claim) for tree, name in named.items()})
        if through is not None and not through.passed:
            ruling = Ruling.VACUOUS
        return ClaimTried(claim, ruling, heard, correction, shown, through)

    def once(self, find: Callable[[Node, Claim], Found], tree: Node, claim: Claim) -> Found:
        """Return find(tree, claim), computed once for lines that make the same claim."""
        key = find.__name__, tree, claim.layers, claim.general
        if key not in self.found:
            self.found[key] = find(tree, claim)
        found: Found = self.found[key]
        return found

    def smallest_of_few(self, tree: Node, claim: Claim, few: int = smallest.FEW) -> smallest.Smallest | None:
        book = self.ledger
        return smallest.smallest(
            tree, book.definitions, book.letters, lambda world: world.layers(claim.layers), self.small, few
        )

    def smallest_of_more(self, tree: Node, claim: Claim) -> smallest.Smallest | None:
        return self.smallest_of_few(tree, claim, 9)

    def testimonies(self, tree: Node, claim: Claim) -> tuple[Testimony, ...]:
        """Return the testimonies of all witnesses."""
        return self.by_symbols(tree, claim), self.by_autodiff(tree, claim), self.by_balls(tree, claim)

    def by_symbols(self, tree: Node, claim: Claim) -> Testimony:
        """Test whether the difference of both sides is 0 as a formula."""
        if tree.op != "==":
            return Testimony("symbolic", Verdict.UNDECIDED, "is silent: an inequality")
        if any(n.op == "at" and n.args[1].args[0] in ("θ", "edge", "b") for n in walk(tree)):
            return Testimony("symbolic", Verdict.UNDECIDED, "is silent: the cost after a step is too large a formula")
        formulas = 0
        try:
            for world in self.symbols[claim.general]:
                for layer in world.layers(claim.layers):
                    left, right = world.sides(tree, layer)
                    for one, other in np.broadcast(left.array, right.array):
                        formulas += 1
                        if not symbolic.vanishes(one - other):
                            said = "the difference of both sides is not 0 as a formula"
                            return Testimony("symbolic", Verdict.REFUTED, said)
        except MisfitError as error:
            return Testimony("symbolic", Verdict.REFUTED, f"means nothing on {_sizes(world.sizes)}: {error}", True)
        except SilentError as error:
            return Testimony("symbolic", Verdict.UNDECIDED, f"is silent: {error}")
        if not formulas:
            return Testimony("symbolic", Verdict.UNDECIDED, "is silent: there is nothing to compare")
        about = "for every σ and every cost" if claim.general else "for the σ and the cost defined"
        return Testimony("symbolic", Verdict.VERIFIED, f"proven {about}: {formulas} differences are 0 as formulas")

    def by_autodiff(self, tree: Node, claim: Claim) -> Testimony:
        """Test whether both sides agree within rounding on random networks, up to the first shape that refutes them."""
        elements = networks = wrong = unknown = 0
        worst, misfit = 0.0, ""
        try:
            for world in self.random:
                refuted = np.zeros(autodiff.SIDE_BY_SIDE, bool)
                compared = False
                for layer in world.layers(claim.layers):
                    try:
                        found = autodiff.compared(tree.op, *world.sides(tree, layer))
                    except MisfitError as error:
                        misfit = misfit or f"means nothing on {_sizes(world.sizes)}: {error}"
                        continue
                    compared, elements, worst = True, elements + found.elements, max(worst, found.ratio)
                    refuted |= found.refuted
                    unknown += found.unknown
                networks, wrong = networks + compared * len(refuted), wrong + int(refuted.sum())
                if wrong:
                    break
        except SilentError as error:
            return Testimony("autodiff", Verdict.UNDECIDED, f"is silent: {error}")
        if wrong:
            said = f"refuted on {wrong:,} of {networks:,} networks, by up to {worst:.1e} times the bound"
            return Testimony("autodiff", Verdict.REFUTED, said)
        if misfit:
            return Testimony("autodiff", Verdict.REFUTED, misfit, True)
        if unknown:
            said = f"is silent: {unknown:,} of {elements:,} numbers are not finite"
            return Testimony("autodiff", Verdict.UNDECIDED, said)
        if not elements:
            return Testimony("autodiff", Verdict.UNDECIDED, "is silent: there is nothing to compare")
        said = f"{elements:,} numbers on {networks:,} random networks, at worst {worst:.3f} of the derived bound"
        return Testimony("autodiff", Verdict.VERIFIED, said)

    def by_balls(self, tree: Node, claim: Claim) -> Testimony:
        """Test whether the balls of both sides overlap, and how far apart the values can still be."""
        count, apart, unknown = 0, 0.0, 0
        before, ctx.prec = ctx.prec, BITS
        try:
            for world in self.exact:
                for layer in world.layers(claim.layers):
                    left, right = world.sides(tree, layer)
                    for one, other in np.broadcast(left.array, right.array):
                        count += 1
                        if rigorous.false(tree.op, one, other):
                            said = f"certainly false: {float(one):.6g} {_not(tree.op)} {float(other):.6g}"
                            return Testimony("rigorous", Verdict.REFUTED, said)
                        if one.is_finite() and other.is_finite():
                            apart = max(apart, float((abs(one - other)).upper()))
                        else:
                            unknown += 1
        except MisfitError as error:
            return Testimony("rigorous", Verdict.REFUTED, f"means nothing on {_sizes(world.sizes)}: {error}", True)
        except SilentError as error:
            return Testimony("rigorous", Verdict.UNDECIDED, f"is silent: {error}")
        finally:
            ctx.prec = before
        if not count:
            return Testimony("rigorous", Verdict.UNDECIDED, "is silent: there is nothing to enclose")
        if unknown:
            said = f"is silent: of {count:,} pairs of balls {unknown:,} are not finite"
            return Testimony("rigorous", Verdict.UNDECIDED, said, True)
        if tree.op != "==":
            said = f"is silent: not false on {count:,} pairs of balls, too few to trust an inequality"
            return Testimony("rigorous", Verdict.UNDECIDED, said)
        said = f"{count:,} pairs of balls overlap; no two sides differ by more than {apart:.0e}"
        return Testimony("rigorous", Verdict.VERIFIED, said)

    # ---- the gate and the code -------------------------------------------------------------------------------------

    def gate(self, tree: Node, claim: Claim) -> Gate:
        return gate.passed(self, tree, claim)

    def code(self, line: Code) -> CodeTried:
        """Try the function that implements a line, once if two lines have the same."""
        if line not in self.found:
            anchored, run = code.anchored(line), None
            if anchored.line:
                run = code.run_with_mutants(line, self.random, lambda world: world.layers(line.layers), self.called)
            self.found[line] = CodeTried(line, anchored, run)
        found: CodeTried = self.found[line]
        return found


def _not(relation: str) -> str:
    return {"==": "≠", "<=": ">", ">=": "<"}[relation]


def _sizes(sizes: tuple[int, ...]) -> str:
    return "–".join(map(str, sizes))
