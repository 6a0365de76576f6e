"""The lines of a ledger, tested by two processes; neither can make this one wait for ever or outlive it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from gradproof.commands import beside
from gradproof.errors import MachineError

if TYPE_CHECKING:
    from gradproof.study.ledger import Ledger
    from gradproof.study.verdicts import Tried

COUNT = 2
PATIENCE = 600.0  # seconds without a line settled: the limit of a line, a tenth of it, is of computing
REPAIR = "start the study again, or ask for one line, such as gradproof study N21"


def tried(ledger: Ledger, seed: int) -> Iterator[Tried]:
    """Every line tested, in order: no line needs another. MachineError if a process is lost or stops answering."""
    found: dict[int, Any] = {}
    rest = iter(range(len(ledger.lines)))
    with ExitStack() as stack:
        courts = dict(beside.begun(_serve, (seed,), stack) for _ in range(COUNT))
        for end in courts:
            _tell(courts, end, ledger)
            _ask(courts, end, next(rest, None))
        for number in range(len(ledger.lines)):
            while number not in found:
                ready = wait(list(courts), PATIENCE)
                if not ready:
                    raise MachineError(f"no line was settled for {PATIENCE:g} seconds; {REPAIR}")
                for end in [end for end in courts if end in ready]:
                    try:
                        at, said = end.recv()
                    except (EOFError, OSError):
                        raise _lost(courts[end]) from None
                    found[at] = said
                    _ask(courts, end, next(rest, None))
            if isinstance(found[number], Exception):
                raise found[number]
            yield found.pop(number)


def _ask(courts: dict[Connection, BaseProcess], end: Connection, number: int | None) -> None:
    """Have a process try a line, if there is one left."""
    if number is not None:
        _tell(courts, end, number)


def _tell(courts: dict[Connection, BaseProcess], end: Connection, what: Any) -> None:
    try:
        end.send(what)
    except OSError:
        raise _lost(courts[end]) from None


def _lost(process: BaseProcess) -> MachineError:
    return MachineError(f"a process of the study {beside.how_lost(process)}; {REPAIR}")


def _serve(asked: Connection, seed: int) -> None:
    """What such a process does."""
    from gradproof.study.trial import Court

    beside.depend_on_the_parent()
    with suppress(EOFError, OSError):  # nobody asks any more
        ledger = asked.recv()
        court = Court(ledger, seed)
        while True:
            number = asked.recv()
            try:
                said: Any = court.line(ledger.lines[number])
            except Exception as error:
                said = error
            asked.send((number, said))
