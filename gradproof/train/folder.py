"""The folder of a run: claimed before the training, locked until it ends."""

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
    """Claim the folder `out`, or the next free runs/N: create it if necessary, check that it is writable, and lock it.

    Raises UsageError if it already holds one of the files, MachineError if it cannot be written to. Folders created
    here are removed again if nothing was put into them.
    """
    numbered = (Path("runs", str(number)) for number in count(1))
    folder = out or next(path for path in numbered if not os.path.lexists(path))
    if ".." in folder.parts:  # a/../b is b, so a must not be created on the way
        folder = Path(os.path.relpath(os.path.realpath(folder)))
    made = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    try:
        try:
            for path in reversed(made):
                with nullcontext() if path == folder else suppress(FileExistsError):  # another process was quicker
                    os.mkdir(path)
            _try(folder)
        except OSError as error:
            reason = error.strerror or error
            raise MachineError(f"cannot write to {folder}: {reason}; choose another --out") from None
        if held := [name for name in files if os.path.lexists(folder / name)]:
            raise UsageError(f"{folder} already holds {held[0]}, which is not overwritten; choose another --out")
        with _held(folder):
            yield folder
    finally:
        for path in made:
            with suppress(OSError):  # it is not empty, so it stays
                path.rmdir()


@contextmanager
def reopened(folder: Path) -> Iterator[Path]:
    """Lock the folder of an existing run, and remove unfinished files that a killed process left there.

    Raises DataError if there is no such folder, MachineError if it cannot be written to.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give --resume the folder of a run, such as runs/1")
    with _held(folder):
        for path in folder.glob(f"{UNFINISHED}*"):
            with suppress(OSError):
                os.unlink(path)
        try:
            _try(folder)
        except OSError as error:
            reason = f"{error.strerror or error}; the run needs space and permission there to continue"
            raise MachineError(f"cannot write to {folder}: {reason}") from None
        yield folder


def _try(folder: Path) -> None:
    """Create a temporary file, so that a folder that is not writable raises OSError before the training, not after."""
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Lock the folder against a second training. The system releases the lock however this process ends."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise MachineError(f"cannot open {folder}: {error.strerror or error}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{folder} belongs to a training that is still running; wait for it") from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        with suppress(OSError):  # everything is written by now
            os.close(handle)
