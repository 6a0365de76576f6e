"""The verdict on a file for callers in Python: in words, as HTML for a notebook, and as a document."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradproof.fragment import SourceLine, fragment
from gradproof.judge import wording
from gradproof.judge.decision import Question, decide
from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import File
from gradproof.judge.lines.margin import lines, shown, sources
from gradproof.judge.report import Judgement
from gradproof.numerics.verdict import Verdict
from gradproof.text import shortened


@dataclass(frozen=True, repr=False)
class FileJudgement:
    """The verdict on a file; true only if it is verified. `document` has what `gradproof check FILE --json` writes."""

    path: str
    document: Mapping[str, Any]

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.document["verdict"])

    @property
    def faults(self) -> list[dict[str, Any]]:
        """What is wrong, in the order of lines: each with its `line`, `place`, `code`, `what`, `parameter`."""
        return list(self.document["faults"])

    @property
    def digits(self) -> int:
        """To how many digits it agrees; 0 unless verified."""
        return int(self.document["digits"])

    def __bool__(self) -> bool:
        return self.verdict is Verdict.VERIFIED

    def __str__(self) -> str:
        return "\n".join(wording.lines(self.document, self.path))

    def __repr__(self) -> str:
        return shortened(wording.lines(self.document, self.path))

    def _repr_html_(self) -> str:
        """HTML for a notebook, with the wrong lines and what the lines around them compute."""
        told = []
        for source in sources(self.document, self.path):
            some, heading = list(shown(lines(self.document, source), whole=0, around=1)), ""
            told += [] if any(line.cell for line in some) else [SourceLine("", source.name)]
            for line in some:
                if line.cell and heading != (heading := line.cell):
                    told.append(SourceLine("", heading))
                notes = [(note.state, f"{note.mark} {note.text}") for note in line.notes]
                told.append(SourceLine(str(line.shown or ""), line.text, line.state, notes))
        return fragment(str(self.verdict), wording.lines(self.document, self.path), told)


def judge_file(
    submission: str,
    networks: int,
    seed: int,
    declared: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FileJudgement | Judgement:
    """Judge a file as `gradproof check FILE[:NAME]` does: a whole program, or a backprop of the notes' network."""
    path, _, name = submission.partition(":")

    def judge(code: File) -> Judgement:
        return judgement(code, networks, seed, progress, declared)

    decided = decide(Question(path, name, is_backprop=bool(declared)), judge)
    if decided.whole:
        return FileJudgement(path, decided.found or {})
    assert decided.judged is not None
    return decided.judged
