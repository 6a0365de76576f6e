"""A file system that fails: what `os` is to the room that writes files, until the n-th operation."""

import errno
import os
from collections.abc import Callable
from typing import Any

COUNTED = ("open", "write", "fsync", "close", "replace", "fstat", "ftruncate")
FAULTS = ("ENOSPC", "EIO", "half a write", "a short write", "full for good")


class FailingOs:
    """`os`, but for operation number `fails` of those that are counted, from 0; `fault` says how that one fails.

    A file is closed whether or not closing fails. "half a write" leaves half of it and says ENOSPC, "a short write"
    takes half of it and says so, which is no error; "full for good" fails every write from there on.
    """

    def __init__(self, fails: int, fault: str) -> None:
        self.fails, self.fault, self.count = fails, fault, 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._counted(name, real) if name in COUNTED else real

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            number, self.count = self.count, self.count + 1
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
            return real(*arguments, **options)

        return operation
