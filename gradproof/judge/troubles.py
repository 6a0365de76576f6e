"""What somebody's code does wrong besides the values of an equation."""

from typing import NamedTuple

AFTER = ("z", "a", "update", "data")  # kinds that leave the four equations as they are


class SubmissionError(Exception):
    """What the code did wrong, with the kind of fault that it is; "unread" is none, it cannot be judged."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


class Trouble(NamedTuple):
    """Of the kind shape, dtype, mutation, raises, hangs, exits, or one of AFTER."""

    kind: str
    said: str
    networks: int
    name: str = ""  # of the mistake, if it has one
