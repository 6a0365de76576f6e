"""A run: started or resumed in its own folder, and saved there as it proceeds."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gradproof import files
from gradproof.errors import DataError, UsageError
from gradproof.train import checkpoint, folder, loop, mnist, saved_run
from gradproof.train.checkpoint import Checkpoint, Position
from gradproof.train.loop import Settings, State

LOG, PAGE = "log.jsonl", "run.html"
INTERRUPTED = "interrupted"  # the reason why a run ended that can be resumed
FILES = (*checkpoint.FILES, saved_run.WEIGHTS, saved_run.BEST, saved_run.RESULTS, LOG, PAGE)


class Run:
    """A training: its settings, its digits and how far it is; `reached` saves it at intervals of `seconds`."""

    def __init__(
        self,
        place: Path,
        digits: mnist.Mnist,
        at: Checkpoint,
        seconds: float,
        notes: Sequence[str] = (),
        writes: bool = True,
    ) -> None:
        self.place, self.digits, self.at, self.seconds, self.notes = place, digits, at, seconds, notes
        self.writes = writes  # of several processes, only one does
        self.settings, self.state = at.settings, at.state
        self.keeps_best = True  # in a file of its own, besides the checkpoints, which always have it
        self.ended = ""  # the reason, if it ended before its last epoch
        self.on_disk: State | None = None  # the state that this process saved last
        self.kept = time.monotonic()

    @property
    def finished(self) -> bool:
        """Whether all its epochs are done."""
        return self.state.epoch > self.settings.epochs

    @property
    def failed(self) -> bool:
        """Whether the run ended for a reason other than an interruption, such as divergence or a wrong step."""
        return self.ended not in ("", INTERRUPTED)

    @property
    def doubts(self) -> str:
        """Why not all steps are verified and what to try; "" if all are, or if no proof was asked for."""
        s = self.settings
        return self.state.proven.doubts(self.state.steps, s.backend, s.dtype, s.init) if self.at.verify else ""

    @property
    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return self.writes and time.monotonic() - self.kept >= self.seconds

    def reached(self, state: State) -> None:
        """Store a new state, and write a checkpoint if it is time."""
        self.state = state
        if self.due:
            self.keep()

    def given_up(self, good: State, reason: str) -> None:
        """Go back to the last good state and write it into both checkpoints."""
        self.state, self.ended = good, reason
        if self.writes:
            self.keep()
            self.keep()

    def keep(self) -> None:
        """Write a checkpoint of the state reached. Raises MachineError if that fails; the previous one stays."""
        at = self.at._replace(state=self.state, generation=self.at.generation + 1)
        checkpoint.save(self.place, at)
        self.at, self.kept, self.on_disk = at, time.monotonic(), self.state

    def log(self, event: str, **said: Any) -> None:
        """Append a line of JSON to the run's log. Raises MachineError if that fails."""
        if not self.writes:
            return
        line = {"event": event, "time": datetime.now(UTC).isoformat(timespec="milliseconds"), **said}
        files.append(self.place / LOG, json.dumps(line).encode())

    def finish(self) -> dict[str, Any]:
        """Write checkpoint, weights and results when the run ends, for whatever reason, and return the results."""
        result = self.results()
        if not self.writes:
            return result
        if self.on_disk is not self.state:  # else the older one, which a pair may share, would be overwritten
            self.keep()
        text = self.settings._asdict() | {"sizes": ",".join(map(str, self.settings.sizes)), "steps": self.state.steps}
        saved_run.save(self.place, self.state.weights, self.state.biases, text)
        if self.keeps_best and (best := self.state.best):
            text["steps"] = best.epoch * loop.batches_per_epoch(self.settings, self.digits.train)
            saved_run.save(self.place, best.weights, best.biases, text, saved_run.BEST)
        else:  # one that an earlier part of the run left would be taken for the best so far
            files.remove(self.place / saved_run.BEST)
        files.write(self.place / saved_run.RESULTS, json.dumps(result).encode() + b"\n")
        how = {"finished": self.finished, "ended": self.ended, "steps": self.state.steps}
        self.log("end", **how, run_hash=result["run_hash"])
        return result

    def results(self) -> dict[str, Any]:
        """Return the results, as --json writes them."""
        return {
            "backend": self.settings.backend,
            "sizes": list(self.settings.sizes),
            "epochs": [epoch._asdict() for epoch in self.state.history],
            "run_hash": saved_run.run_hash(self.state.weights, self.state.biases),
            "steps": self.state.steps,
            "verified_steps": self.state.proven.verified,
            "worst_ratio": self.state.proven.worst if self.state.proven.steps else None,
            "undecided": self.doubts or None,
            "best": self._best(),
            "ended": self.ended or None,
            "out": str(self.place),
        }

    def _best(self) -> dict[str, Any] | None:
        """Return the best epoch by validation images, what it read, and the file with its weights; None before one."""
        if (best := self.state.best) is None:
            return None
        epoch = self.state.history[best.epoch - 1]
        read = {name: getattr(epoch, name) for name in ("epoch", "validation", "correct", "test")}
        file = saved_run.BEST if self.keeps_best else None
        return read | {"run_hash": saved_run.run_hash(best.weights, best.biases), "weights": file}


@contextmanager
def new(
    settings: Settings,
    data: Path | None,
    out: Path | None,
    seconds: float,
    writes: bool = True,
    verify: bool = False,
) -> Iterator[Run]:
    """Start a run in the folder `out` or the next free runs/N. Raises UsageError if the settings do not fit the digits.

    A process that does not write, because another one does, needs no folder.
    """
    digits = mnist.load(data)
    if complaint := loop.fault(settings, digits.train):
        raise UsageError(complaint)
    with folder.claimed(out, FILES) if writes else nullcontext(out or Path()) as place:
        source = None if data is None else os.path.abspath(data)
        start, here = loop.begin(settings), checkpoint.versions()
        at = Checkpoint(settings, start, source, checkpoint.fingerprint(digits), here, verify=verify)
        if writes:
            checkpoint.save(place, at)
        run = Run(place, digits, at, seconds, writes=writes)
        run.log("begin", settings=settings._asdict(), data=source, digits=at.digits, versions=here)
        yield run


@contextmanager
def resumed(
    place: Path,
    data: Path | None,
    changes: Mapping[str, Any],
    seconds: float,
    writes: bool = True,
    verify: bool = False,
    position: Position | None = None,
) -> Iterator[Run]:
    """Resume the run in a folder from its newest sound checkpoint; its `notes` say what was unusual.

    A run whose steps were judged continues to be judged; `verify` starts judging. `position` selects a checkpoint other
    than the newest. `changes` are the settings asked for, of which only the number of epochs may differ. Raises
    UsageError for any other change, DataError if no checkpoint is sound or the digits are not those of the run.
    """
    with folder.reopened(place) if writes else nullcontext():
        at, notes = checkpoint.load(place, position)
        notes = [f"{note}; the previous checkpoint is used" for note in notes]
        for name, value in changes.items():
            if name != "epochs" and value != (was := getattr(at.settings, name)):
                raise UsageError(f"--{name} stays {was} in this run; leave it out, or start a new run")
        settings = at.settings._replace(**changes)
        if settings.epochs < (done := at.state.epoch - (at.state.batch == 0)):
            raise UsageError(f"--epochs must be at least {done}, the epoch that {place} is in, not {settings.epochs}")
        digits = mnist.load(data or (Path(at.data) if at.data else None))
        if checkpoint.fingerprint(digits) != at.digits:
            raise DataError(
                f"{data or at.data or 'the shipped digits'}: not the digits that the run in {place} started with"
            )
        here = checkpoint.versions()
        now = {name: here.get(name, "unknown") for name in at.versions}
        if parted := [f"{name} {was} then, {now[name]} now" for name, was in at.versions.items() if now[name] != was]:
            notes.append(f"{', '.join(parted)}: the run hash may differ from that of an uninterrupted run")
        if writes:
            files.mend(place / LOG)
        source = os.path.abspath(data) if data else at.data
        at = at._replace(settings=settings, data=source, versions=here, verify=at.verify or verify)
        run = Run(place, digits, at, seconds, notes, writes)
        told = _told(place / LOG) if writes else set()
        for epoch in run.state.history:  # lines that are missing: it was killed after a checkpoint and before its line
            if epoch.epoch not in told:
                steps = epoch.epoch * loop.batches_per_epoch(settings, digits.train)
                run.log("epoch", **epoch._asdict(), steps=steps)
        run.log(
            "resume", epochs=settings.epochs, epoch=run.state.epoch, steps=run.state.steps, versions=here, notes=notes
        )
        yield run


def _told(log: Path) -> set[int]:
    """Return the epochs that have a line in the log; lines that cannot be read are skipped."""
    told = set()
    with suppress(OSError, DataError):
        for line in files.read(log, files.LARGEST).splitlines():
            with suppress(ValueError, KeyError, TypeError, OverflowError, RecursionError):
                entry = json.loads(line)
                if entry["event"] == "epoch":
                    told.add(int(entry["epoch"]))
    return told
