"""The folder of a run: claimed before the training, held while it lasts, written to in whole files only."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from itertools import count
from pathlib import Path

from gradproof.errors import DataError, MachineError, UsageError

UNFINISHED = ".unfinished-"  # what a file is called until all of it is on the disk
PIECE = 2**26  # bytes read at once
LARGEST = 2**32  # bytes of a log that is read


@contextmanager
def claimed(out: Path | None, files: Iterable[str]) -> Iterator[Path]:
    """The folder `out`, or the next free runs/N, made if need be, known to be writable, and held.

    UsageError if it holds one of the files already, MachineError if it cannot be written to. The folders made
    here are removed again if nothing was put into them.
    """
    numbered = (Path("runs", str(number)) for number in count(1))
    folder = out or next(path for path in numbered if not os.path.lexists(path))
    made = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    try:
        try:
            for path in reversed(made):
                with nullcontext() if path == folder else suppress(FileExistsError):  # somebody else made it meanwhile
                    os.mkdir(path)
            with tempfile.TemporaryFile(dir=folder):
                pass
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
    """The folder of a run that was begun, held; what a killed process left unfinished there is removed."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give the folder of a run, such as runs/1, to --resume")
    with _held(folder):
        for path in folder.glob(f"{UNFINISHED}*"):
            with suppress(OSError):
                os.unlink(path)
        yield folder


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


def read(path: Path, most: int) -> bytes:
    """All of a file. DataError if it is none or larger than that, OSError if it cannot be read."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe would wait for ever
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise DataError("is a folder, a pipe or a device instead of a file")
        if status.st_size > most:
            raise DataError("is larger than any that gradproof writes there")
        parts = []
        while part := os.read(handle, PIECE):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(handle)


def write(path: Path, content: bytes) -> None:
    """Put a file there in one move: whatever fails, no half of it stays, and what was there before does.

    When this returns, the file is on the disk under its name. MachineError if that cannot be done.
    """
    temporary = path.with_name(f"{UNFINISHED}{path.name}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            _write(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise MachineError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def append(path: Path, line: bytes) -> None:
    """Put a line at the end of a file, all of it or nothing. MachineError if that cannot be done."""
    try:
        # Opening a pipe would wait for ever.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o666)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise OSError("it is a pipe or a device instead of a file")
            end = status.st_size
            try:
                _write(handle, line + b"\n")
            except BaseException:
                os.ftruncate(handle, end)
                raise
        finally:
            os.close(handle)
    except OSError as error:
        raise MachineError(f"cannot write {path}: {error.strerror or error}") from None


def mend(path: Path) -> None:
    """Cut off the half of a line at the end of a file, where a process was killed while it wrote it."""
    with suppress(OSError, DataError):
        whole = read(path, LARGEST).rfind(b"\n") + 1
        handle = os.open(path, os.O_WRONLY)
        try:
            os.ftruncate(handle, whole)
        finally:
            os.close(handle)


def _write(handle: int, content: bytes) -> None:
    """All of it: the system may take less at a time."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _sync(folder: Path) -> None:
    """Have the names in a folder written to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
