"""Test the lines of a ledger in two processes, which can neither outlive this one nor make it wait for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from gradproof.commands import helpers
from gradproof.errors import MachineError

if TYPE_CHECKING:
    from gradproof.study.ledger import Ledger
    from gradproof.study.verdicts import Tried

COUNT = 2
PATIENCE = 600.0  # seconds to wait for the next line; a line's own limit is a tenth of that, but of computing time
REPAIR = "start the study again, or ask for one line, such as gradproof study N21"


def tried(ledger: Ledger, seed: int) -> Iterator[Tried]:
    """Yield every line tested, in order. Raises MachineError if a process is lost or stops answering.

    Lines do not depend on each other's results, so either process may take any of them.
    """
    found: dict[int, Any] = {}
    rest = iter(range(len(ledger.lines)))
    with ExitStack() as stack:
        courts = dict(helpers.start(_serve, (seed,), stack) for _ in range(COUNT))
        for end in courts:
            _tell(courts, end, ledger)
            _ask(courts, end, next(rest, None))
        for number in range(len(ledger.lines)):
            while number not in found:
                ready = wait(list(courts), PATIENCE)
                if not ready:
                    raise MachineError(f"no line was settled in {PATIENCE:g} seconds; {REPAIR}")
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
    """Have a process test a line, if one is left."""
    if number is not None:
        _tell(courts, end, number)


def _tell(courts: dict[Connection, BaseProcess], end: Connection, what: Any) -> None:
    try:
        end.send(what)
    except OSError:
        raise _lost(courts[end]) from None


def _lost(process: BaseProcess) -> MachineError:
    return MachineError(f"a process of the study {helpers.how_lost(process)}; {REPAIR}")


def _serve(asked: Connection, seed: int) -> None:
    """Run in a helper process: receive the ledger, then test the lines asked for."""
    from gradproof.study.trial import Court

    helpers.depend_on_the_parent()
    with suppress(EOFError, OSError):  # the parent has closed the pipe
        ledger = asked.recv()
        court = Court(ledger, seed)
        while True:
            number = asked.recv()
            try:
                said: Any = court.line(ledger.lines[number])
            except Exception as error:
                said = error
            asked.send((number, said))
