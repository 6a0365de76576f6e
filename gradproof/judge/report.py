"""The judgement on a backprop, and its wording."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from gradproof.fragment import excerpts, fragment
from gradproof.judge.float64.certificate import Certified
from gradproof.judge.float64.counterexample import VALUES, Shown
from gradproof.judge.float64.mistakes import RIGHT, Mistake
from gradproof.judge.float64.networks import SAID
from gradproof.judge.float64.points import EQUATIONS
from gradproof.judge.float64.sides import SUPERSCRIPTS
from gradproof.judge.troubles import AFTER, Trouble
from gradproof.numerics import rounding
from gradproof.numerics.verdict import Verdict
from gradproof.proof.summary import Fault, Summary
from gradproof.text import visible

Worth = Mapping[str, float]  # points for each equation that is right
OF_CROSS_ENTROPY = "the δ of the cross-entropy cost"
FEW, WIDE = 8, 200  # faults in a repr, and characters per line


class Named(NamedTuple):
    """A fault and the mistakes that explain it, if any."""

    fault: Fault
    names: list[Mistake]

    def __repr__(self) -> str:
        return f"{self.fault!r}: {'; '.join(mistake.name for mistake in self.names) or 'no name'}"


class Search:
    """The search for the line of a fault, which takes longer than the verdict and begins when the line is asked for."""

    def __init__(self, begin: Callable[[], tuple[tuple[str, int], Sequence[str]]]) -> None:
        self._begin = begin

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Search)

    def __hash__(self) -> int:
        return 0

    def begin(self) -> None:
        """Search now, while the code can still be run."""
        self.found  # noqa: B018

    @cached_property
    def found(self) -> tuple[tuple[str, int], Sequence[str]]:
        """File and line, and what is known of it."""
        return self._begin()


class Judgement(NamedTuple):
    """The judgement on a backprop of the notes' network, equation by equation; true only if it is verified."""

    verdict: Verdict
    conventions: list[str]
    faults: list[Named]  # the root first
    troubles: list[Trouble]
    networks: int  # random ones
    summary: Summary | None
    counterexample: Shown | None
    certified: Sequence[Certified] = ()  # a sample for a certificate, if one was asked for
    digits: int = 0
    larger: int = 0  # networks besides the random ones
    undecided: Collection[str] = ()  # equations about which too little can be decided
    search: Search = Search(lambda: (("", 0), ()))

    def __bool__(self) -> bool:
        """True only if verified, so that `assert gradproof.check(backprop)` means what it says."""
        return self.verdict is Verdict.VERIFIED

    def __str__(self) -> str:
        return "\n".join(lines(self, "this backprop"))

    def __repr__(self) -> str:
        """The verdict and the first faults, one per line; `print` shows everything."""
        verdict, *_ = lines(self, "this backprop")
        wrong = [visible(f"{trouble.kind}: {trouble.said}")[:WIDE] for trouble in self.troubles]
        wrong += [repr(named)[:WIDE] for named in self.faults]
        more = [f"and {len(wrong) - FEW} more; print it to see all"] if len(wrong) > FEW else []
        return "\n".join([verdict, *wrong[:FEW], *more])

    def _repr_html_(self) -> str:
        """HTML for a notebook, with the line that is wrong, or else the definition."""
        wrong = [trouble.kind for trouble in self.troubles] + [describe(named)[0] for named in self.faults]
        notes = {self.place: [("wrong", one) for one in dict.fromkeys(wrong)]} if wrong and self.place[1] else {}
        return fragment(str(self.verdict), lines(self, "this backprop"), excerpts(notes))

    @property
    def place(self) -> tuple[str, int]:
        """File and line: where it goes wrong, or else where it is defined; 0 if unknown."""
        return self.search.found[0]

    @property
    def said(self) -> Sequence[str]:
        """What is known of the line where it goes wrong, if that is known."""
        return self.search.found[1]

    @property
    def points(self) -> dict[str, int]:
        """1 for each of BP1 … BP4 that was judged and is right, else 0."""
        lost = {named.fault.equation for named in self.faults} | set(self.undecided)
        unusable = any(trouble.kind not in AFTER for trouble in self.troubles)
        return {name: int(name not in lost and not unusable) for name in EQUATIONS}

    def worth(self, worth: Worth) -> dict[str, float]:
        """The points, with each equation worth this many."""
        return {name: point * worth[name] for name, point in self.points.items()}

    @property
    def besides(self) -> list[str]:
        """What else is wrong and gives no points: z, a, update, data, shape, …"""
        kinds = [trouble.kind for trouble in self.troubles] + [named.fault.equation for named in self.faults]
        return [kind for kind in dict.fromkeys(kinds) if kind not in EQUATIONS]


def lines(judgement: Judgement, subject: str, worth: Worth | None = None) -> list[str]:
    """Return the judgement in lines, root fault first; with `worth`, the points of each equation and no answers.

    Text from the subject, such as an exception's message, cannot break a line or control a terminal.
    """
    return [visible(line) for line in _lines(judgement, subject, worth)]


def _lines(judgement: Judgement, subject: str, worth: Worth | None) -> list[str]:
    counts = f"{judgement.networks + judgement.larger} networks, {judgement.networks} of them random"
    counts += f", and on {judgement.digits} real digits" * bool(judgement.digits)
    said = {
        "verified": f"verified: {subject} agrees with autodiff on {counts}",
        "refuted": f"refuted: {subject} {_does_not(judgement)}",
        "undecided": f"undecided: nothing is wrong with {subject} on {counts}, but too little could be decided",
    }
    result = [said[judgement.verdict]]
    if judgement.summary and judgement.verdict == "verified":
        share = np.floor(1e4 * judgement.summary.discriminating) / 100
        result.append(f"{judgement.summary.elements:,} elements; {share:g} % have a bound below 1/1000 of their value")
        result.append(f"on {SAID}")
    result += [f"convention: {words}" for words in judgement.conventions]
    if worth is not None:
        points, besides = judgement.worth(worth), ", ".join(judgement.besides)
        total = f"{sum(points.values()):g} of {sum(worth.values()):g}"
        total += f"; also wrong, without points: {besides}" * bool(besides)
        undecided = {name: " (undecided)" * (name in judgement.undecided) for name in points}
        return [*result, *(f"{name}: {points[name]:g} of {worth[name]:g}{undecided[name]}" for name in points), total]
    result += _placed(judgement)
    for trouble in judgement.troubles:
        where = f" (on {trouble.networks} networks)" if trouble.networks > 1 else ""
        result += ["", f"{trouble.kind}: {trouble.said}{where}"]
    for number, group in enumerate(_alike(judgement.faults)):
        result += ["", *_describe(group, root=number == 0)]
    if judgement.counterexample is not None:
        result += ["", *_by_hand(judgement.counterexample)]
    return result


def _does_not(judgement: Judgement) -> str:
    """Say that something is wrong or, if all of it is right for the cross-entropy, for which cost it is."""
    formulas = [mistake.formula for named in judgement.faults for mistake in named.names]
    fits = [formula.endswith(OF_CROSS_ENTROPY) for formula in formulas]
    if fits and all(fits) and len(fits) == len(judgement.faults) and not judgement.troubles:
        return "gives the gradient of the cross-entropy, not that of the quadratic cost"
    return "is wrong"


def _placed(judgement: Judgement) -> list[str]:
    """Say of what is refuted on which line it is defined, or goes wrong."""
    file, line = judgement.place
    if judgement.said or not line or judgement.verdict is not Verdict.REFUTED:
        return list(judgement.said)
    return [f"it is defined in line {line}" + f" of {os.path.basename(file)}" * os.path.exists(file)]


def _alike(faults: list[Named]) -> list[list[Named]]:
    """Group faults of the same equation and explanation, in the order in which each group first occurs."""
    groups: dict[Any, list[Named]] = {}
    for named in faults:
        groups.setdefault((named.fault.equation, tuple(m.name for m in named.names)), []).append(named)
    return list(groups.values())


def _describe(group: list[Named], root: bool) -> list[str]:
    named = group[0]
    fault, worst = named.fault, named.fault.worst
    layer = str(fault.layer).translate(SUPERSCRIPTS)
    numbers = ", ".join(str(other.fault.layer) for other in group)
    most = max(other.fault.networks for other in group)
    where = f"{fault.equation} at layer{'s' * (len(group) > 1)} {numbers} is wrong"
    count = sum(other.fault.elements for other in group)
    where += f": {count} element{'s' * (count != 1)}, on {most} network{'s' * (most != 1)}"
    if not root:
        return [f"also: {where}" + (f": {named.names[0].name}" if len(named.names) == 1 else "")]
    result = [where, *_explanation(named)]
    if worst.trouble:
        return [*result, f"  it {worst.trouble}"]
    low, high = worst.expected - worst.bound, worst.expected + worst.bound
    element = "[" + ",".join(map(str, worst.element)) + "]"
    is_now = f"  {VALUES[fault.equation]}{layer}{element} is {worst.got:.17g}"
    if _only_underflow(fault):
        return [*result, is_now, f"  it must be exactly {worst.expected:.17g}: nothing is rounded there"]
    return [*result, f"{is_now}, off by {worst.ratio:.3g} times the bound", f"  allowed is {low:.17g} to {high:.17g}"]


def _only_underflow(fault: Fault) -> bool:
    """Whether the bound only covers underflow: it is lost beside the number, or below λ/u if the number is 0."""
    worst, ar = fault.worst, rounding.arithmetic(fault.judged.stack.x.dtype)
    if worst.expected == 0:
        return worst.bound < ar.underflow / ar.u
    return worst.expected - worst.bound == worst.expected == worst.expected + worst.bound


def _explanation(named: Named) -> list[str]:
    """Return the mistake if one formula explains everything, all candidates if several do, and the right formula."""
    fault, names = named.fault, named.names
    right = [f"  it should be {RIGHT[fault.equation]}"] if fault.equation in RIGHT else []
    if len(names) == 1:
        (mistake,) = names
        seen = f" (seen in {mistake.seen})" if mistake.seen else ""
        return [f"  yours equals {mistake.formula} everywhere: {mistake.name}{seen}", *right]
    if names:
        return [f"  these cannot be distinguished here: {'; '.join(m.name for m in names)}", *right]
    return right


def _by_hand(shown: Shown) -> list[str]:
    """Describe the smallest network and its wrong value, in the subject's conventions."""
    given, m = shown.given, shown.problem.x.shape[1]
    result = [f"smallest network that shows it: {shown.problem.sizes}, {m} example" + "s" * (m > 1)]
    for layer, (w, b) in enumerate(zip(given.weights, given.biases, strict=True), start=1):
        number = str(layer).translate(SUPERSCRIPTS)
        result.append(f"  w{number} = {_numbers(w)}, b{number} = {_numbers(b)}")
    return [*result, f"  x = {_numbers(given.x)}, y = {_numbers(given.y)}", f"  {in_words(shown)}"]


def in_words(shown: Shown) -> str:
    """Describe the wrong value of the smallest network and the right one, with enough digits to tell them apart."""
    name = shown.value + str(shown.layer).translate(SUPERSCRIPTS) + shown.note
    pairs = [(float(a), float(b)) for a, b in zip(shown.got[shown.wrong], shown.expected[shown.wrong], strict=True)]
    digits = next((n for n in range(6, 17) if all(f"{a:.{n}g}" != f"{b:.{n}g}" for a, b in pairs)), 17)
    return f"{name} is {_numbers(shown.got, digits)}, should be {_numbers(shown.expected, digits)}"


def _numbers(array: Any, digits: int = 6) -> str:
    """Format an array for NumPy, each number with this many digits."""

    def short(value: Any) -> Any:
        return [short(each) for each in value] if isinstance(value, list) else float(f"{value:.{digits}g}")

    return str(short(np.asarray(array).tolist()))


def describe(named: Named) -> list[str]:
    """Describe one fault with everything that is known about it."""
    return _describe([named], root=True)
