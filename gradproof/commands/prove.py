"""gradproof prove: judge the handcrafted network on random architectures and on real digits."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gradproof import interruption, memory
from gradproof.text import visible

if TYPE_CHECKING:
    from gradproof.problem import Problem
    from gradproof.proof.distance import Distances
    from gradproof.proof.summary import Summary
    from gradproof.proof.theorem import Judged
    from gradproof.proof.total import Total

FORMULAS = {
    "z": "zˡ = wˡaˡ⁻¹ + bˡ",
    "a": "aˡ = σ(zˡ)",
    "BP1": "δᴸ = ∇ₐC ⊙ σ′(zᴸ)",
    "BP2": "δˡ = (wˡ⁺¹ᵀδˡ⁺¹) ⊙ σ′(zˡ)",
    "BP3": "∂C/∂bˡ = ⟨δˡ⟩ₓ",
    "BP4": "∂C/∂wˡ = ⟨δˡ(aˡ⁻¹)ᵀ⟩ₓ",
    "C": "½⟨‖y − aᴸ‖²⟩ₓ",
    "δ": "end to end",
    "∂C/∂b": "end to end",
    "∂C/∂w": "end to end",
}
WIDTH, TABLE = 100, 92  # columns used at most, and those that the table with its formulas needs
EXIT = {"verified": 0, "refuted": 1, "undecided": 5}


@click.command()
@click.argument("step", required=False, type=click.Path(), metavar="[STEP.safetensors]")
@click.option(
    "--architectures",
    type=click.IntRange(1, 10_000_000),
    default=20_000,
    show_default=True,
    help="How many random networks to judge.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the random networks and digits."
)
@click.option(
    "--dtype",
    default="float64",
    show_default=True,
    type=click.Choice(["float64", "float32"]),
    help="The precision that is judged.",
)
@click.option("--network", type=click.IntRange(min=0), help="Judge only the random network with this number.")
@click.option(
    "--log",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Keep what is judged in this folder, and continue from it.",
)
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Number of processes that share one --log.",
)
@click.option(
    "--process",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Number of this process, counted from 0.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout and nothing else.")
@click.pass_context
def command(
    context: click.Context,
    /,
    step: str | None,
    architectures: int,
    seed: int,
    dtype: str,
    network: int | None,
    log: str | None,
    processes: int,
    process: int,
    as_json: bool,
) -> int:
    """Prove that gradproof's own network, derived by hand, has autodiff's gradients.

    Each equation by itself, and δ, ∂C/∂b and ∂C/∂w end to end, on random architectures and on 1000 real digits. Every
    difference is compared with a bound derived for that element; no tolerance is chosen. STEP.safetensors is a step
    that `gradproof train --verify` refuted; it is judged again.
    """
    _refuse_ignored(context, step)
    if step is not None:
        from gradproof.commands.step import tell

        return tell(step, as_json)
    if network is not None and network >= architectures:
        raise click.BadParameter(f"{network} is not one of {architectures} networks", param_hint="--network")
    if log == "" or (log is None and processes > 1):
        raise click.UsageError("--processes needs --log FOLDER, which all of them share")
    if process >= processes or (network is not None and log is not None):
        wrong = f"--process must be below {processes}, the number of --processes, not {process}"
        raise click.UsageError(
            wrong if process >= processes else "--network judges one network, which needs no log; leave out --log"
        )
    import handcrafted

    memory.insist()
    gc.set_threshold(100_000)  # the objects of JAX's compilation and exact numbers are hardly ever garbage
    with interruption.hold_signals():
        from gradproof.numerics import contracts
    from gradproof import backends
    from gradproof.numerics.verdict import Verdict
    from gradproof.proof import bulk, theorem
    from gradproof.proof.distance import distances
    from gradproof.proof.summary import summary
    from gradproof.proof.total import Total

    backends.keep_compiled()
    contracts.insist(*sorted({"float64", dtype}))  # the witness works in float64
    if network is not None:
        run = list(theorem.one_architecture(handcrafted, architectures, seed, network, dtype))
        result = summary(run)
    elif log is None:
        total, run = _judged(architectures, seed, dtype, quiet=as_json)
        result = bulk.merged(handcrafted, total, architectures, seed, dtype)
    else:
        from gradproof.commands.bulk import judge, tell_so_far

        total = Total(judge(Path(log), process, processes, architectures, seed, dtype, as_json).parts())
        if total.sums["stacks"] < theorem.units(architectures):
            return tell_so_far(total, Path(log), architectures, as_json)
        result = bulk.merged(handcrafted, total, architectures, seed, dtype)
        run = bulk.sample(handcrafted, architectures, seed, dtype, networks=30)
    far = None if result.faults else distances(handcrafted, run, networks=30, seed=seed)
    if far is not None and far.outside:
        result = result._replace(verdict=Verdict.REFUTED)
    root = result.faults[0] if result.faults else None
    problem = _smallest(root.worst.equation, seed) if root else None
    again = f"gradproof prove --architectures {architectures} --seed {seed} --dtype {dtype}"
    if as_json:
        click.echo(json.dumps(document(result, far, problem, seed, dtype), indent=1, ensure_ascii=False))
    else:
        _print(result, far, problem, again)
    return EXIT[result.verdict]


def _refuse_ignored(context: click.Context, step: str | None) -> None:
    """Refuse options that would be ignored."""
    if step is not None and not step.endswith(".safetensors"):
        raise click.UsageError(f"{visible(step)} is not a recorded step; for your own code: gradproof check FILE.py")
    for name in context.params:
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        option = "--json" if name == "as_json" else f"--{name}"
        if step is not None and name not in ("step", "as_json"):
            raise click.UsageError(f"{option} does not apply to a recorded step, which is judged as it is")
        if name in ("processes", "process") and not context.params["log"]:
            raise click.UsageError(f"{option} needs --log FOLDER, which all of them share")


def _smallest(equation: str, seed: int) -> Problem | None:
    """Return the smallest network on which the equation is wrong; imported here, as Hypothesis takes 0.1 s to load."""
    import handcrafted
    from gradproof.proof.smallest import smallest

    return smallest(handcrafted, equation, seed)


def _judged(architectures: int, seed: int, dtype: str, quiet: bool) -> tuple[Total, list[Judged]]:
    """Judge and count everything, with a progress bar on a terminal; return the total and a sample without findings."""
    import handcrafted
    from gradproof.commands.terminal import progress_bar
    from gradproof.proof import bulk, theorem
    from gradproof.proof.part import part
    from gradproof.proof.total import Total

    total, kept, sampled = Total(), [], set(bulk.sampled(architectures, networks=30))
    with progress_bar("networks and digits", shown=not quiet) as bar:
        task = bar.add_task("judging", total=architectures + theorem.DIGITS)
        for unit, judged in enumerate(theorem.everything(handcrafted, architectures, seed, dtype)):
            total.add(part(unit, judged))
            if unit in sampled:
                kept.append(judged._replace(findings=[]))
            examples = judged.stack.x.shape[-1] if judged.source == "digits" else 1
            bar.update(task, advance=len(judged.stack.x) * examples, refresh=True)
    return total, kept


def document(result: Summary, far: Distances | None, problem: Problem | None, seed: int, dtype: str) -> dict[str, Any]:
    """Return the document that --json prints; the same arguments give the same bytes."""
    from gradproof.proof.summary import record

    return {
        "verdict": str(result.verdict),
        "architectures": result.architectures,
        "digits": result.digits,
        "seed": seed,
        "dtype": dtype,
        "elements": result.elements,
        "discriminating": result.discriminating,
        "discriminating_end_to_end": result.end_to_end,
        "undecided": result.undecided,
        "vanished": result.vanished,
        "worst": record(result.worst[1]) if result.worst else None,
        "distance_to_truth": None
        if far is None
        else far._asdict() | {"handcrafted": far.handcrafted._asdict(), "autodiff": far.autodiff._asdict()},
        "equations": [row._asdict() for row in result.rows],
        "faults": [
            {"equation": f.equation, "layer": f.layer, "names": [], "elements": f.elements, "networks": f.networks}
            for f in result.faults
        ],
        "counterexample": None
        if problem is None
        else {"sizes": problem.sizes, **{k: _plain(v) for k, v in problem._asdict().items()}},
    }


def _plain(value: Any) -> Any:
    return [array.tolist() for array in value] if isinstance(value, list) else value.tolist()


def _print(result: Summary, far: Distances | None, problem: Problem | None, again: str) -> None:
    """Print the table and the verdict within WIDTH columns, without formulas on a terminal narrower than TABLE."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gradproof.commands.terminal import captured, fitted
    from gradproof.proof.summary import explained

    console = Console(highlight=False)
    console.width = min(WIDTH, console.width) if sys.stdout.isatty() else WIDTH
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    table.add_column("equation", no_wrap=True)
    if formulas := console.width >= TABLE:
        table.add_column("", no_wrap=True)
    for name in ("nets", "elements", "× bound"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("where")
    for row in result.rows:
        numbers = f"{row.networks:,}", f"{row.elements:,}", f"{row.ratio:.3g}"
        formula = [FORMULAS[row.equation]] * formulas
        table.add_row(row.equation, *formula, *numbers, row.where, style="red" if row.ratio > 1 else "")
    if console.is_terminal:
        console.print(table)
    else:  # no trailing blanks in a file
        with console.capture() as drawn:
            console.print(table)
        click.echo("\n".join(line.rstrip() for line in drawn.get().splitlines()))
    colour = {"verified": "bold green", "refuted": "bold red", "undecided": "bold yellow"}[result.verdict]
    texts = [
        Text(line, colour if line.startswith(result.verdict) else "") for line in explained(result, problem, again)
    ]
    texts += [Text(line) for line in _told(far)] if far is not None else []
    click.echo(captured(fitted([Text(""), *texts])), nl=False, color=True)


def _told(far: Distances) -> list[str]:
    """Return the third witness's lines: how far each network is from the true value."""
    lines = [
        f"truth (ball arithmetic, {far.networks} networks, {far.elements:,} elements), ulps off: median, 99 %, worst"
    ]
    for name, distance in (("handcrafted", far.handcrafted), ("autodiff", far.autodiff)):
        lines.append(f"  {name:11}  {distance.median:.3g}, {distance.p99:.3g}, {distance.worst:.3g}")
    if far.off_together:
        lines.append(f"  on {far.off_together:,} elements both agree, and both are more than 100 ulps off by rounding")
    if far.outside:
        lines.append(f"  {far.outside:,} answers are proven to be outside their radius")
    return lines
