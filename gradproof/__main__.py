"""gradproof check | explain | prove | train | read | study."""

import os
import sys

if __name__ == "__main__" and not sys.flags.safe_path:  # python -m puts the current folder before the standard library
    HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if sys.path.pop(0) == HOME:
        sys.path.append(HOME)

from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from io import TextIOWrapper
from traceback import format_exception
from typing import Any

import click

import gradproof
from gradproof import files, interruption
from gradproof.errors import CrashError, GradproofError, MachineError

VERBS = {
    "check": "Judge your own program: is its gradient right?",
    "explain": "Explain a mistake or a convention by its name.",
    "prove": "Prove that gradproof's own network, derived by hand, has autodiff's gradients.",
    "train": "Train that network, or its twin in JAX, on handwritten digits.",
    "read": "Read pictures of your own digits with a trained network.",
    "study": "Test every line of a derivation of backpropagation.",
}
INTERRUPTED = 130  # as shells report a process ended by Ctrl-C


class Verbs(click.Group):
    """Imports a verb only when it is used, so that --help does not wait for JAX."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = import_module(f"gradproof.commands.{name}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args[0] not in VERBS and (meant := get_close_matches(args[0], VERBS, 1)):
            raise click.UsageError(f"No such command {args[0]!r} (did you mean {meant[0]!r}?)", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None  # click itself would print an empty line first

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(gradproof.__version__, prog_name="gradproof")
def gradproof_command() -> None:
    """Judge backpropagation that is written by hand, in exact arithmetic, and name the line that is wrong.

    Exit codes: 0 verified or done, 1 refuted or diverged, 2 wrong usage, 3 bad data or a bad file,
    4 the machine failed, 5 undecided, 70 a bug in gradproof, 130 interrupted by
    Ctrl-C, SIGTERM or SIGHUP.
    """


def main() -> None:
    """Run the command line; every error becomes one line on stderr and an exit code."""
    interruption.listen()
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal without δ and σ shows ? for them
        if "_GRADPROOF_COMPLETE" in os.environ:  # a shell asks for completions
            from gradproof.commands import completion

            completion.prepare()
        code = gradproof_command.main(prog_name="gradproof", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        code = _complain(error.format_message(), 2)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "gradproof"
        said = " ".join(error.format_message().split()).rstrip(".")
        code = _complain(f"gradproof: {said}; see {where} --help", 2)
    except GradproofError as error:
        code = _complain(f"gradproof: {error}", error.exit_code)
    except SystemExit:  # click raises it when the reader has gone, as in `gradproof prove | head -1`
        code = 0
    except (OSError, MemoryError) as error:
        reason = str(error) or ("out of memory" if isinstance(error, MemoryError) else type(error).__name__)
        failed = MachineError(f"the machine failed: {reason}")
        code = _complain(f"gradproof: {failed}", failed.exit_code)
    except (click.Abort, KeyboardInterrupt):
        interruption.say_no_more()
        code = _complain("gradproof: interrupted", INTERRUPTED)
    except Exception as error:
        crash = CrashError(f"a bug in gradproof: {type(error).__name__}: {error}; {_kept(error)}")
        code = _complain(f"gradproof: {crash}", crash.exit_code)
    sys.exit(code or 0)


def _complain(line: str, code: int) -> int:
    with suppress(OSError):  # if stderr is closed, the exit code still tells
        click.echo(line, err=True)
    return code


def _kept(error: Exception) -> str:
    """Save the traceback in a file and return the words that say where."""
    about = f"gradproof {gradproof.__version__}, Python {sys.version}, {sys.platform}\n{sys.argv}\n\n"
    try:
        path = files.put_aside("gradproof-crash-", about + "".join(format_exception(error)))
    except OSError as failed:
        return f"please report it (its traceback could not be kept: {failed.strerror})"
    return f"please report it with {path}, which has the traceback"


if __name__ == "__main__":
    main()
