"""Faults of a subject other than wrong values of an equation."""

import resource
from typing import NamedTuple

AFTER = ("z", "a", "update", "data")  # kinds that leave the four equations intact

MORE = "needs more memory than"
KINDS = ("shape", "dtype", "mutation", "raises", "exits", "load", "unread")  # kinds that a worker reports


class SubmissionError(Exception):
    """What the code did wrong, with the kind of fault. "unread" is not a fault: the code cannot be judged."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


def words(error: BaseException) -> str:
    """Return an exception's type and message on one line, even if its message raises."""
    try:
        said = str(error)
    except BaseException:
        said = "(its message raises)"
    return " ".join(f"{type(error).__name__}: {said}".split())


def out_of_memory(place: str = "") -> str:
    """Say that the code needs more memory than its process may take, where, and the option that allows more."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    most = "there is" if limit == resource.RLIM_INFINITY else f"the {limit / 2**30:g} GiB that are allowed"
    return f"{MORE} {most}{place and f' ({place})'}: allow more with --memory, or use a smaller example"


class Trouble(NamedTuple):
    """A fault of kind shape, dtype, mutation, raises, hangs, exits, or one of AFTER."""

    kind: str
    said: str
    networks: int
    name: str = ""  # of the mistake, if it has one

    @property
    def is_of_limits(self) -> bool:
        """Whether it needs more time or memory than it may take, which is no fault of its gradient."""
        return self.kind == "hangs" or self.said.startswith(MORE)
