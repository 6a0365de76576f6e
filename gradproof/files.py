"""File access: the only module of gradproof that writes files or opens files that somebody may have replaced.

It never blocks and never writes through a link. A folder, pipe, socket or device in place of a file is refused at once.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gradproof.errors import DataError, MachineError

NO_FILE = "is a folder, a pipe or a device, not a file"
A_LINK = "is a link; gradproof does not write through links"
UNFINISHED = ".unfinished-"  # prefix of a file's name until all of it is on the disk
PIECE = 2**26  # bytes read at once …
TAIL = 2**16  # … and at the end of a log, which may be long
LARGEST = 2**32  # bytes of a log that gradproof still reads
STREAMS = ("/dev", "/dev/fd", "/proc/self/fd")  # folders whose links belong to the system, such as /dev/stdout


@contextmanager
def opened(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> Iterator[int]:
    """Open a file inside a `with` block. DataError if it is something else, OSError if it cannot be opened."""
    try:
        handle = os.open(path, flags | os.O_NONBLOCK, 0o666)  # or opening a pipe would block
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.ENXIO, errno.ENODEV):
            raise DataError(NO_FILE) from None
        if error.errno == errno.ELOOP and flags & os.O_NOFOLLOW:
            raise DataError(A_LINK) from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise DataError(NO_FILE)
        yield handle
    finally:
        os.close(handle)


def read(path: str | os.PathLike[str], most: int) -> bytes:
    """Read a whole file. DataError if it is something else or too large, OSError if it cannot be read."""
    with opened(path) as handle:
        if os.fstat(handle).st_size > most:
            raise DataError("is larger than any that gradproof writes there")
        parts = []
        while part := os.read(handle, PIECE):
            parts.append(part)
        return b"".join(parts)


def write(path: Path, content: bytes) -> None:
    """Write a file atomically: if anything fails, no partial file is left and the old one stays.

    When this returns, the file is on the disk under its name. MachineError if that cannot be done.
    """
    try:
        _move_in(path, content)
    except (OSError, DataError) as error:
        raise MachineError(f"cannot write {path}: {_reason(error)}") from None


def give(path: Path, text: str) -> None:
    """Write output where the user asked for it: atomically to a file, or into a pipe that is being read.

    /dev/stdout and the like are allowed, wherever they lead. MachineError if that cannot be done.
    """
    content = text.encode(errors="replace")  # the text may contain a file name that is not UTF-8
    try:
        mode = os.lstat(path).st_mode if os.path.lexists(path) else stat.S_IFREG
        own = str(path.parent) in STREAMS and not stat.S_ISREG(mode)
        if not own and not stat.S_ISFIFO(mode):
            return _move_in(path, content)
        follow = 0 if own else os.O_NOFOLLOW
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK | follow)
        try:
            os.set_blocking(handle, True)
            _write(handle, content)
        finally:
            os.close(handle)
    except (OSError, DataError) as error:
        nobody = isinstance(error, OSError) and error.errno == errno.ENXIO
        reason = "nobody is reading from that pipe" if nobody else _reason(error)
        raise MachineError(f"cannot write to {path}: {reason}; choose another") from None


def expect(path: Path) -> None:
    """Check before the work that `give` will be able to write its result there. MachineError if not."""
    try:
        with suppress(FileNotFoundError):
            mode = os.lstat(path).st_mode
            if stat.S_ISDIR(mode) or stat.S_ISSOCK(mode):
                raise DataError(NO_FILE)
            if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
                return  # a pipe or a device, whose reader may come later
            folder = os.stat(path.parent)
            if folder.st_mode & stat.S_ISVTX and os.geteuid() not in (0, os.lstat(path).st_uid, folder.st_uid):
                raise PermissionError(errno.EPERM, "it belongs to another user")
        if str(path.parent) not in STREAMS:
            with tempfile.TemporaryFile(dir=path.parent):
                pass
    except (OSError, DataError) as error:
        raise MachineError(f"cannot write to {path}: {_reason(error)}; choose another") from None


def put_aside(prefix: str, text: str) -> str:
    """Write a new file to the system's temporary folder and return its path. OSError if that cannot be done."""
    handle, path = tempfile.mkstemp(".txt", prefix)
    try:
        _write(handle, text.encode(errors="backslashreplace"))
    finally:
        os.close(handle)
    return path


def remove(path: Path) -> None:
    """Remove a file, if there is one. MachineError if that cannot be done."""
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
    except OSError as error:
        raise MachineError(f"cannot remove {path}: {_reason(error)}") from None


def append(path: Path, line: bytes) -> None:
    """Append a line to a file, all of it or nothing. MachineError if that cannot be done."""
    try:
        with opened(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW) as handle:
            end = os.fstat(handle).st_size
            try:
                _write(handle, line + b"\n")
            except BaseException:
                os.ftruncate(handle, end)
                raise
    except (OSError, DataError) as error:
        raise MachineError(f"cannot write {path}: {_reason(error)}") from None


def mend(path: Path) -> None:
    """Cut off an incomplete last line, which a process leaves if it is killed while writing."""
    with suppress(OSError, DataError), opened(path, os.O_RDWR | os.O_NOFOLLOW) as handle:
        end = os.fstat(handle).st_size
        while end:
            start = max(0, end - TAIL)
            if whole := os.pread(handle, end - start, start).rfind(b"\n") + 1:
                return os.ftruncate(handle, start + whole)
            end = start
        os.ftruncate(handle, 0)


def _move_in(path: Path, content: bytes) -> None:
    """Write to a new file with a temporary name, and rename it when it is complete."""
    if os.path.lexists(path) and stat.S_IFMT(os.lstat(path).st_mode) not in (stat.S_IFREG, stat.S_IFLNK):
        raise DataError(NO_FILE)
    name = os.fsencode(path.name)[: 255 - len(UNFINISHED)]
    temporary = path.with_name(UNFINISHED + os.fsdecode(name))
    try:
        with suppress(FileNotFoundError):
            os.unlink(temporary)  # left by a killed process, or planted to be written through
    except IsADirectoryError:
        raise DataError(f"would be written as {temporary.name} first, and that is a folder") from None
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        try:
            _write(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        with suppress(OSError):
            os.unlink(temporary)


def _write(handle: int, content: bytes) -> None:
    """Write all bytes, of which the system may take fewer at a time."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _sync(folder: Path) -> None:
    """Flush the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError | DataError) -> str:
    return f"it {error}" if isinstance(error, DataError) else error.strerror or str(error)
