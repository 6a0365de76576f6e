"""The lines of a ledger tried by two processes, neither of which can be waited for in vain or outlives this one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from gradproof.errors import MachineError

if TYPE_CHECKING:
    from gradproof.study.ledger import Ledger
    from gradproof.study.verdicts import Tried

COUNT = 2
PATIENCE = 600.0  # seconds without a line settled: the limit of a line, a tenth of it, is of computing
REPAIR = "start the study again, or ask for one line alone, such as gradproof study N21"


def tried(ledger: Ledger, seed: int) -> Iterator[Tried]:
    """Every line tried, in order: no line needs another. MachineError if a process is lost or says nothing any more."""
    found: dict[int, Any] = {}
    rest = iter(range(len(ledger.lines)))
    with ExitStack() as stack:
        courts = dict(_begun(seed, stack) for _ in range(COUNT))
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


def _begun(seed: int, stack: ExitStack) -> tuple[Connection, BaseProcess]:
    """A process, which ends with the stack, and this end of what it is asked through.

    It is told the ledger later: what start() itself hands over, it writes into a pipe whose other end it holds as well,
    and where that is more than the pipe takes it would wait for ever for a process that is gone.
    """
    context = get_context("spawn")
    mine, its = context.Pipe()
    process = context.Process(target=_serve, args=(its, seed), daemon=True)
    stack.callback(mine.close)
    with its:
        try:
            with _nothing_beside():
                process.start()
        except OSError as error:
            raise MachineError(f"no process can be started: {error.strerror or error}") from None
    stack.callback(_end, process)
    return mine, process


@contextmanager
def _nothing_beside() -> Iterator[None]:
    """A process that is started in the meantime looks for no module in the current folder."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTHONSAFEPATH"]
        os.environ |= {} if before is None else {"PYTHONSAFEPATH": before}


def _end(process: BaseProcess) -> None:
    process.kill()
    process.join(PATIENCE)


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
    process.join(PATIENCE)
    code = process.exitcode or 0
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    why = ", as the system does where memory runs out" if code == -signal.SIGKILL else ""
    return MachineError(f"a process of the study {how}{why}; {REPAIR}")


def _serve(asked: Connection, seed: int) -> None:
    """What such a process does. Ctrl-C is for the one that waits for it to hear."""
    from gradproof.study.trial import Court

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
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


def _end_with_the_parent() -> None:
    parent = parent_process()
    assert parent is not None
    while parent.is_alive():
        parent.join(60)
    os._exit(MachineError.exit_code)
