"""The folder of a run: claimed before the training, held while it lasts."""

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from itertools import count
from pathlib import Path

from gradproof.errors import DataError, MachineError, UsageError
from gradproof.files import UNFINISHED


@contextmanager
def claimed(out: Path | None, files: Iterable[str]) -> Iterator[Path]:
    """The folder `out`, or the next free runs/N, made if need be, known to be writable, and held.

    UsageError if it holds one of the files already, MachineError if it cannot be written to. The folders made
    here are removed again if nothing was put into them.
    """
    numbered = (Path("runs", str(number)) for number in count(1))
    folder = out or next(path for path in numbered if not os.path.lexists(path))
    if ".." in folder.parts:  # a/../b is b: no a is made on the way
        folder = Path(os.path.relpath(os.path.realpath(folder)))
    made = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    try:
        try:
            for path in reversed(made):
                with nullcontext() if path == folder else suppress(FileExistsError):  # somebody else made it meanwhile
                    os.mkdir(path)
            _try(folder)
        except OSError as error:
            reason = error.strerror or error
            raise MachineError(f"cannot write to {folder}: {reason}; choose another --out") from None
        if held := [name for name in files if os.path.lexists(folder / name)]:
            raise UsageError(f"{folder} already holds {held[0]}, which stays; choose another --out")
        with _held(folder):
            yield folder
    finally:
        for path in made:
            with suppress(OSError):  # it is not empty, so it stays
                path.rmdir()


@contextmanager
def reopened(folder: Path) -> Iterator[Path]:
    """The folder of a run that was begun, held; what a killed process left unfinished there is removed.

    DataError if there is none, MachineError if it cannot be written to.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give the folder of a run, such as runs/1, to --resume")
    with _held(folder):
        for path in folder.glob(f"{UNFINISHED}*"):
            with suppress(OSError):
                os.unlink(path)
        try:
            _try(folder)
        except OSError as error:
            reason = f"{error.strerror or error}; the run needs room and permission there to go on"
            raise MachineError(f"cannot write to {folder}: {reason}") from None
        yield folder


def _try(folder: Path) -> None:
    """Write something, which leaves nothing: before the training, not after it. OSError if that fails."""
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """No second process trains in the folder meanwhile. The system lets go of it however this one ends."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise MachineError(f"cannot open {folder}: {error.strerror or error}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{folder} is the folder of a training that is still running; wait for it") from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        with suppress(OSError):  # all is written by now
            os.close(handle)
