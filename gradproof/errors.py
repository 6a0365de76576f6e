"""The four errors outside the mathematics, each with an exit code and a message of one line."""

from gradproof.text import visible


class GradproofError(Exception):
    """The message says on one line what is wrong, where, and what to do next."""

    exit_code: int

    def __init__(self, message: str) -> None:
        # A path may hold newlines, terminal sequences or undecodable bytes. Escaped, the message stays on one line.
        super().__init__(visible(message))


class UsageError(GradproofError):
    """The command or the call is wrong."""

    exit_code = 2


class DataError(GradproofError):
    """The data or a file is bad."""

    exit_code = 3


class MachineError(GradproofError):
    """The machine failed: the disk is full, a device is gone."""

    exit_code = 4


class CrashError(GradproofError):
    """Gradproof itself is wrong: an exception that nobody expected."""

    exit_code = 70  # as sysexits.h has it
