"""A second point, at which the labels of lines must hold too: at one, some fit by chance, or because an input is 0."""

from collections.abc import Sequence
from typing import Any

from gradproof.exact.numbers import Number
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.judge.find.examples import Subject
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.lines.annotation import annotate
from gradproof.judge.lines.costs import likeliest_cost, over_the_step
from gradproof.judge.lines.labels import label_events
from gradproof.judge.lines.margin import STEPPED
from gradproof.judge.lines.segments import in_segments
from gradproof.judge.outcome import SECONDS, Outcome
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded

SEED = 11
MOST = 5_000  # elements of the parameters up to which it is tried: of many numbers, none fit by chance


def holding(lines: Sequence[dict[str, Any]], name: str, subject: Subject, outcome: Outcome) -> list[dict[str, Any]]:
    """Return these lines without the labels that do not hold at the second point.

    `name` is that of the usual cost by which they were labelled, or "" for the program's own.
    """
    step, said = subject.explored.step, dict[tuple[str, int, str], list[str]]()
    if step is None or sum(outcome.sizes.values()) > MOST:
        return list(lines)
    for line in lines:
        said.setdefault(_key(line), []).append(line["label"])
    try:
        with ExactRun(outcome.tried.reading if outcome.tried else Reading.EXACT, BITS, SEED):
            with guarded("the program", SECONDS):
                what = observe(subject.explored.scene, step, subject.calls, SEED, constants=True)
            own = what.costs.get(outcome.cost) or what.scalars.get(outcome.cost)
            what, _ = in_segments(what)
            cost = over_the_step(what, own) if own is not None and not name else _usual(what, name)
            if cost is None:
                return list(lines)
            there = annotate(what, label_events(what, cost, said), {})
    except (SubjectError, UndecidedError):
        return list(lines)
    hold = {(_key(line), line["label"]) for line in there}
    return [
        line
        for line in lines
        if line["state"] != "right" or line["label"].endswith(STEPPED) or (_key(line), line["label"]) in hold
    ]


def _key(line: dict[str, Any]) -> tuple[str, int, str]:
    return line["file"], line["line"], line["name"]


def _usual(what: Observation, name: str) -> Number | None:
    likely = likeliest_cost(what, (name,) if name else ())
    return likely[1] if likely else None
