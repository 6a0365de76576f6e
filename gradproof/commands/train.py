"""gradproof train: arguments and options for training either network, or both, on digits."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from gradproof.backends import NAMES
from gradproof.commands.run import tell
from gradproof.commands.terminal import asked_to_end
from gradproof.errors import UsageError
from gradproof.text import typed

if TYPE_CHECKING:
    from gradproof.train.data_parallel import Spread
    from gradproof.train.paired_runs import Pair
    from gradproof.train.run import Run

HOW = ("checkpoint", "keep", "devices", "coordinator", "processes", "process", "heartbeat", "page", "as_json")
NOT_FOR_BOTH = ("backend", "verify", "reproducible", "devices", "coordinator", "processes", "process", "heartbeat")
OF_SEVERAL = ("processes", "process", "heartbeat")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
FOR_REFERENCE = "--devices and --coordinator need --backend reference, which JAX can spread"


def a_path(_context: click.Context, _option: click.Parameter, path: str | None) -> Path | None:
    """Refuse an empty path: an unset variable in a script must not mean the current folder."""
    if path == "":
        raise click.BadParameter("is empty; name a folder, or . for the one you are in")
    return None if path is None else Path(path)


FOLDER: dict[str, Any] = {"type": click.Path(), "callback": a_path}


def numbers(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, ...]:
    """Read 784,30,10 as (784, 30, 10)."""
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise click.BadParameter("give whole numbers separated by commas, such as 784,30,10") from None


def a_number(_context: click.Context, _option: click.Parameter, value: float) -> float:
    """Refuse NaN, with which no checkpoint would ever be due."""
    if value != value:
        raise click.BadParameter("is not a number; give seconds, such as 10")
    return value


def an_address(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Accept HOST:PORT or auto."""
    host, _, port = (text or "").rpartition(":")
    if text in (None, "auto") or (host and port.isdecimal() and 0 < int(port) < 2**16):
        return text
    raise click.BadParameter(f"{text!r} is not HOST:PORT; say where process 0 is, such as 10.0.0.1:8476, or auto")


@click.command(context_settings={"show_default": True})
@click.option(
    "--backend", type=click.Choice(NAMES), help="Which network to train; required except with --resume or --both."
)
@click.option("--sizes", default="784,30,10", callback=numbers, metavar="N,N,N", help="Neurons in each layer.")
@click.option("--epochs", default=30, help="Passes through all training images.")
@click.option("--batch", default=10, help="Images in a mini-batch.")
@click.option("--eta", default=3.0, help="Learning rate.")
@click.option("--seed", default=0, help="Seed of the starting weights and of every shuffle.")
@click.option("--init", default="normal", type=click.Choice(["normal", "scaled"]), help="scaled: N(0, 1/n_in).")
@click.option("--dtype", default="float32", type=click.Choice(["float32", "float64"]), help="Precision.")
@click.option(
    "--data", **FOLDER, help="Folder with four IDX files of MNIST's names, .gz or not.  [default: those shipped]"
)
@click.option("--out", **FOLDER, help="Folder for weights and results.  [default: the next runs/N]")
@click.option("--resume", **FOLDER, metavar="RUN", help="Continue the run in this folder; --epochs may be larger.")
@click.option(
    "--checkpoint",
    default=10.0,
    type=click.FloatRange(min=0),
    callback=a_number,
    metavar="SECONDS",
    help="How often to save what --resume needs.",
)
@click.option(
    "--keep",
    default="best",
    type=click.Choice(["best", "last"]),
    help="best: keep the weights of the best epoch by the validation images, beside the last ones.",
)
@click.option("--both", is_flag=True, help="Train both networks on one schedule and compare their weights.")
@click.option(
    "--verify", is_flag=True, help="Judge every step as it is taken, equation by equation; --resume keeps doing so."
)
@click.option(
    "--devices",
    type=click.IntRange(min=1),
    help="Spread each mini-batch over this many devices of each process (reference).",
)
@click.option("--reproducible", is_flag=True, help="The same weights, to the last bit, on any number of devices.")
@click.option(
    "--coordinator",
    callback=an_address,
    metavar="HOST:PORT",
    help="Where process 0 is; auto asks the cluster's launcher.",
)
@click.option("--processes", type=click.IntRange(min=1), help="Number of processes, one per host.")
@click.option("--process", type=click.IntRange(min=0), help="Number of this process, counted from 0.")
@click.option(
    "--heartbeat", default=30, type=click.IntRange(min=1), help="Seconds after which a silent process counts as lost."
)
@click.option("--page/--no-page", default=True, help="Draw the run in one HTML page when it ends.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout and nothing else.")
@click.pass_context
def command(
    context: click.Context,
    /,
    data: Path | None,
    out: Path | None,
    resume: Path | None,
    checkpoint: float,
    keep: str,
    both: bool,
    verify: bool,
    page: bool,
    as_json: bool,
    devices: int | None,
    coordinator: str | None,
    processes: int | None,
    process: int | None,
    heartbeat: int,
    **chosen: Any,
) -> int:
    """Train either network on handwritten digits by mini-batch gradient descent.

    Whatever ends a run early, --resume continues it to the same weights, to the last bit. After Ctrl-C, SIGTERM or
    SIGHUP it finishes the current mini-batch, or those of the next quarter of a second, saves a checkpoint, prints the
    command that continues it, and draws the page; a second signal skips the page.

    On several hosts, type the same command on each, with --coordinator, --processes and its own --process. Process 0
    writes the folder; for --resume all of them must be able to read it.
    """
    again = partial(_again, context)
    if both or (resume is not None and coordinator is None and _is_both(resume)):
        from gradproof.commands.paired_runs import compare

        if given := [name for name in NOT_FOR_BOTH if _given(context, name)]:
            raise UsageError(f"--both trains both networks side by side, on this machine; leave out --{given[0]}")
        pair = _opened_both(context, data, out, resume, checkpoint, chosen)
        return compare(pair, keep == "best", again, as_json, page)
    if coordinator is None and (given := [name for name in OF_SEVERAL if _given(context, name)]):
        raise click.UsageError(f"--{given[0]} needs --coordinator HOST:PORT, where process 0 is")
    if processes is not None and process is not None and process >= processes:
        raise click.UsageError(f"--process must be below {processes}, the number of --processes, not {process}")
    if (devices or coordinator) and resume is None and chosen["backend"] == "handcrafted":
        raise UsageError(FOR_REFERENCE)
    joined: AbstractContextManager[None] = nullcontext()
    inform: Callable[[str], None] | None = None
    if coordinator is not None:
        from gradproof.commands.child import run_in_a_child

        if isinstance(ended := run_in_a_child(), int):
            return ended
        inform = ended
        from gradproof.train import data_parallel

        if processes is not None and coordinator != "auto":
            most = f"for {data_parallel.JOINING} s at most"
            click.echo(f"gradproof: waiting for {processes} processes at {coordinator}, {most}", err=True)

        data_parallel.devices_of_this_process(devices)
        joined = data_parallel.joined(coordinator, processes, process, heartbeat)
    with joined:
        if inform:
            inform("")
        first = coordinator is None or data_parallel.is_first()
        opened = _opened(context, data, out, resume, checkpoint, chosen, first, verify)
        with _others_alive(heartbeat), asked_to_end() as asked, opened as run:
            run.keeps_best = keep == "best"
            if run.at.verify:
                _ready_to_prove(run.settings.backend)
            over = _spread(run, devices, coordinator is not None)
            if inform:
                inform(again(run.place))
            code = tell(run, over, asked, again, as_json, page)
    return code


@contextmanager
def _others_alive(heartbeat: int) -> Iterator[None]:
    """If another process is lost, wait for JAX to end this one with a message that names the lost one."""
    from gradproof.train.data_parallel import LostError

    try:
        yield
    except LostError:
        time.sleep(2 * heartbeat)
        raise


def _ready_to_prove(backend: str) -> None:
    """Set up the process so that it can train and judge at the same time (benchmarks/verify.py has the times).

    For the handcrafted network, XLA only judges and gets a single thread: two would split each small product and wait
    for each other. glibc keeps the memory of large arrays instead of returning it to the kernel and getting it back
    zeroed.
    """
    if backend == "handcrafted":
        os.environ.setdefault("PJRT_NPROC", "1")
    with suppress(AttributeError, OSError, TypeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 2**25)  # the largest value allowed
        mallopt(M_TRIM_THRESHOLD, 2**30)


def _spread(run: Run, devices: int | None, joined: bool) -> Spread | None:
    """Return the devices to spread the training over, or None to leave it to the backend."""
    from gradproof.train import data_parallel, saved_run

    if devices is None and not joined and not run.settings.reproducible:
        return None
    if run.settings.backend != "reference":
        raise UsageError(FOR_REFERENCE)
    data_parallel.devices_of_this_process(devices)
    over = data_parallel.Spread(devices if devices or joined else 1, run.settings.reproducible)
    start = saved_run.run_hash(run.state.weights, run.state.biases), run.state.epoch, run.state.steps
    over.insist_on_the_same(run.settings, run.at.verify, run.at.digits, run.at.versions, *start)
    run.place = Path(over.of_the_first(str(run.place)))
    return over


def _opened(
    context: click.Context,
    data: Path | None,
    out: Path | None,
    resume: Path | None,
    seconds: float,
    chosen: Mapping[str, Any],
    writes: bool,
    verify: bool,
) -> AbstractContextManager[Run]:
    """Return the context of a new run, or of the one to be resumed."""
    from gradproof.train import run
    from gradproof.train.loop import Settings

    if resume is None:
        if chosen["backend"] is None:
            option = next(option for option in context.command.params if option.name == "backend")
            raise click.MissingParameter(ctx=context, param=option)
        return run.new(Settings(**chosen), data, out, seconds, writes, verify)
    if not writes and not resume.is_dir():
        raise UsageError(f"{resume}: no such folder here; --resume needs one that the hosts of all processes can read")
    return run.resumed(resume, data, _changes(context, out, chosen), seconds, writes, verify)


def _opened_both(
    context: click.Context,
    data: Path | None,
    out: Path | None,
    resume: Path | None,
    seconds: float,
    chosen: Mapping[str, Any],
) -> AbstractContextManager[Pair]:
    """Return the context of new runs of both networks, or of those to be resumed."""
    from gradproof.train import paired_runs
    from gradproof.train.loop import Settings

    if resume is None:
        return paired_runs.new(Settings(**chosen), data, out, seconds)
    return paired_runs.resumed(resume, data, _changes(context, out, chosen), seconds)


def _is_both(resume: Path) -> bool:
    from gradproof.train import paired_runs

    return paired_runs.is_both(resume)


def _changes(context: click.Context, out: Path | None, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that were typed along with --resume."""
    if out is not None:
        raise UsageError("--resume continues in the folder of its run; leave out --out")
    return {key: value for key, value in chosen.items() if _given(context, key)}


def _given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _again(context: click.Context, place: Path) -> str:
    """Return the command that resumes a run from any folder; it repeats only the options that the run does not save."""
    words = ["gradproof", "train", "--resume", os.path.abspath(place)]
    for option in context.command.params:
        if option.name in HOW and _given(context, option.name):
            value = context.params[option.name]
            if isinstance(value, bool):
                words += [option.opts[0] if value else option.secondary_opts[0]]
            else:
                words += [option.opts[0], f"{value:g}" if isinstance(value, float) else str(value)]
    return " ".join(map(typed, words))
