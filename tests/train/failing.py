"""A file system that fails: what `os` is to the room that writes files, until the n-th operation."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

COUNTED = ("mkdir", "open", "fstat", "read", "write", "ftruncate", "fsync", "close", "replace", "unlink")
FAULTS = ("ENOSPC", "EIO", "half a write", "a short write", "full for good")


class FailingOs:
    """`os`, but for operation number `fails` of those that are counted, from 0; `fault` says how that one fails.

    A file is closed whether or not closing fails. "half a write" leaves half of it and says ENOSPC, "a short write"
    takes half of it and says so, which is no error; "full for good" fails every write from there on. `within` is the
    folder that alone fails, and alone is counted.
    """

    def __init__(self, fails: int, fault: str, within: Path = Path("/")) -> None:
        self.fails, self.fault, self.within, self.count = fails, fault, within, 0
        self.called: list[tuple[str, str]] = []  # each operation, and the name of the file or folder it is about
        self.paths: dict[int, str] = {}  # of what is open

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._counted(name, real) if name in COUNTED else real

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            about = self.paths.get(arguments[0], "") if isinstance(arguments[0], int) else os.fspath(arguments[0])
            if not Path(os.path.abspath(about)).is_relative_to(self.within):
                return opened(real(*arguments, **options), about)
            number, self.count = self.count, self.count + 1
            self.called.append((name, os.path.basename(about)))
            writes = name == "write"
            if self.fault == "full for good":
                if writes and number >= self.fails:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            elif number == self.fails:
                if writes and self.fault in ("half a write", "a short write"):
                    handle, content = arguments
                    taken = real(handle, content[: len(content) // 2])
                    if self.fault == "a short write":
                        return taken
                elif self.fault == "a short write":
                    return real(*arguments, **options)
                if name == "close":
                    real(*arguments)
                code = errno.EIO if self.fault == "EIO" else errno.ENOSPC
                raise OSError(code, os.strerror(code))
            return opened(real(*arguments, **options), about)

        def opened(done: Any, about: str) -> Any:
            if name == "open":
                self.paths[done] = about
            return done

        return operation
