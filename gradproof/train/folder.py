"""The folder of a run: claimed before the training, written to in whole files after it."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from gradproof.errors import MachineError, UsageError


@contextmanager
def claimed(out: Path | None, files: Iterable[str]) -> Iterator[Path]:
    """The folder `out`, or the next free runs/N, made if need be and known to be writable.

    UsageError if it holds one of the files already, MachineError if it cannot be written to. The folders made
    here are removed again if nothing was put into them.
    """
    numbered = (Path("runs", str(number)) for number in count(1))
    folder = out or next(path for path in numbered if not os.path.lexists(path))
    made = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=out is not None)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            reason = error.strerror or error
            raise MachineError(f"cannot write to {folder}: {reason}; choose another --out") from None
        if held := [name for name in files if os.path.lexists(folder / name)]:
            raise UsageError(f"{folder} already holds {held[0]}, which stays; choose another --out")
        yield folder
    finally:
        for path in made:
            with suppress(OSError):  # it is not empty, so it stays
                path.rmdir()


def write(path: Path, content: bytes) -> None:
    """Put a file there in one move: whatever fails, no half of it stays. MachineError if it cannot be done."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise MachineError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            temporary.unlink()
