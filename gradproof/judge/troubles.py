"""What somebody's code does wrong besides the values of an equation."""

from typing import NamedTuple

AFTER = ("z", "a", "update", "data")  # kinds that leave the four equations as they are

KINDS = ("shape", "dtype", "mutation", "raises", "exits", "load", "unread")  # that a worker tells of


class SubmissionError(Exception):
    """What the code did wrong, with the kind of fault that it is; "unread" is none, it cannot be judged."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


def words(error: BaseException) -> str:
    """An exception's type and what it says, on one line, though it cannot say it."""
    try:
        said = str(error)
    except BaseException:
        said = "(its own text raises)"
    return " ".join(f"{type(error).__name__}: {said}".split())


class Trouble(NamedTuple):
    """Of the kind shape, dtype, mutation, raises, hangs, exits, or one of AFTER."""

    kind: str
    said: str
    networks: int
    name: str = ""  # of the mistake, if it has one
