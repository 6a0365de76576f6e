"""gradproof check: arguments and options for judging somebody's own gradient."""

from __future__ import annotations

from typing import Any

import click

from gradproof.commands import completion
from gradproof.text import typed, visible

OF_PROVE = ("--dtype", "--network", "--log", "--processes", "--process")


class Check(click.Command):
    """A command that points to `gradproof prove` when an option of that verb is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name not in OF_PROVE:
                raise
            said = f"{error.option_name} belongs to gradproof prove"
            said += "; for float32, use --convention float32" * (error.option_name == "--dtype")
            raise click.UsageError(said, ctx) from None


@click.command(cls=Check)
@click.argument("submissions", nargs=-1, type=click.Path(), metavar="[FILE[:NAME] | MODULE[:NAME] | FOLDER]…")
@click.option(
    "--architectures",
    default=200,
    show_default=True,
    type=click.IntRange(1, 10_000_000),
    help="On how many random networks to judge a function backprop(weights, biases, x, y) or a class Network(sizes), "
    "rounded up to a multiple of 20.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the random networks and digits."
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout and nothing else.")
@click.option(
    "--convention",
    metavar="WORD,…",
    shell_complete=completion.conventions,
    help="Conventions that such a function or class must keep; all others are then faults. `gradproof explain WORD` "
    f"explains each of: {', '.join(completion.CONVENTIONS)}.",
)
@click.option(
    "--cost",
    type=click.Choice(["quadratic", "cross-entropy", "softmax", "binary", "hinge", "absolute", "huber", "poisson"]),
    help="The cost that you mean; the gradient of any other is then wrong.",
)
@click.option("--step", metavar="PYTHON", help="The line that takes a training step, such as 'net.train(x, y)'.")
@click.option(
    "--seconds",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0.01, 1e6),
    help="Seconds that one call may take; loading may take six times as long, all calls together sixty times.",
)
@click.option(
    "--memory",
    default=8.0,
    show_default=True,
    type=click.FloatRange(0, 1e6),
    help="Memory limit of the code in GiB; 0 means no limit.",
)
@click.option("--grade", is_flag=True, help="Print points for each array or equation, and no answers.")
@click.option(
    "--rubric",
    type=click.Path(),
    metavar="FILE",
    help="What each array or equation is worth: TOML with a table [points], as in W1 = 2 or BP1 = 3. Implies --grade.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    help="Also write the verdict as an HTML page; for several files, a FOLDER of pages.",
)
@click.option("--csv", type=click.Path(dir_okay=False), help="Also write a CSV file with a line for each submission.")
@click.option(
    "--format",
    "form",
    default="text",
    type=click.Choice(["text", "github"]),
    help="github: print faults as annotations of lines, for a workflow.",
)
@click.option("--junit", type=click.Path(dir_okay=False), help="Also write JUnit XML.")
@click.option("--script", type=click.Path(dir_okay=False), help="Also write the counterexample as a script.")
@click.option(
    "--certificate", type=click.Path(dir_okay=False), help="Write a certificate of what was verified, as JSON."
)
def command(
    submissions: tuple[str, ...],
    csv: str | None,
    form: str,
    grade: bool,
    rubric: str | None,
    **options: Any,
) -> int:
    """Judge your own program: is its gradient right, and if not, which line is wrong?

    FILE.py or FILE.ipynb is judged as you wrote it; FILE:NAME or MODULE:NAME names one class or function. Several
    files, or a FOLDER and everything below it, are judged one by one, as many at a time as there are cores; the exit
    code is then the worst of all, in the order 70, 4, 1, 2, 3, 5, 0. The code runs in a process of its own, within
    limits of time and memory.
    """
    if not submissions:
        raise click.UsageError(
            "name the code to judge, as in gradproof check mine.py; for the theorem: gradproof prove"
        )
    for submission in submissions:
        if submission.endswith(".safetensors"):
            raise click.UsageError(f"to judge a recorded step again: gradproof prove {typed(submission)}")
        if submission.endswith(".toml"):
            raise click.UsageError(
                f"{visible(submission)} is no code; if it says how to grade: --rubric {typed(submission)}"
            )
    from gradproof.commands import folders
    from gradproof.commands.submission import Options, tell

    points = None
    if grade or rubric:
        from gradproof.judge.rubric import A_POINT, load

        points = load(rubric) if rubric else A_POINT
    asked = Options(rubric=points, **options)
    if csv or form == "github" or folders.are_several(submissions):
        from gradproof.commands import classroom

        return classroom.tell(submissions, asked, csv, form)
    return tell(submissions[0], asked)
