"""gradproof train: either network learns to read digits."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradproof.backends import NAMES
from gradproof.commands.terminal import first_ctrl_c, progress_bar

if TYPE_CHECKING:
    from gradproof.problem import Array
    from gradproof.train.loop import Epoch, Settings
    from gradproof.train.mnist import Mnist


def named(_context: click.Context, _option: click.Parameter, path: str | None) -> Path | None:
    """A path that is not empty: an unset variable in a script must not mean the folder one stands in."""
    if path == "":
        raise click.BadParameter("is empty; name a folder, or . for the one you are in")
    return None if path is None else Path(path)


FOLDER: dict[str, Any] = {"type": click.Path(), "callback": named}


def numbers(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, ...]:
    """784,30,10 → (784, 30, 10)."""
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise click.BadParameter("give whole numbers with commas between, such as 784,30,10") from None


@click.command(context_settings={"show_default": True})
@click.option("--backend", type=click.Choice(NAMES), required=True, help="Which of the two networks.")
@click.option("--sizes", default="784,30,10", callback=numbers, metavar="N,N,N", help="Neurons in each layer.")
@click.option("--epochs", default=30, help="How often to go through all training images.")
@click.option("--batch", default=10, help="Images in a mini-batch.")
@click.option("--eta", default=3.0, help="Learning rate.")
@click.option("--seed", default=0, help="Decides the starting weights and every shuffle.")
@click.option("--init", default="normal", type=click.Choice(["normal", "scaled"]), help="scaled: N(0, 1/n_in).")
@click.option("--dtype", default="float32", type=click.Choice(["float32", "float64"]), help="Precision.")
@click.option("--data", **FOLDER, help="Folder with MNIST's four .gz files.  [default: those shipped]")
@click.option("--out", **FOLDER, help="Folder for weights and results.  [default: the next runs/N]")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout and nothing else.")
def command(data: Path | None, out: Path | None, as_json: bool, **chosen: Any) -> None:
    """Train either network on handwritten digits by mini-batch gradient descent.

    Ctrl-C ends the training early and keeps the weights it reached.
    """
    from gradproof.train import folder, loop, mnist, saved

    settings, digits = loop.Settings(**chosen), mnist.load(data)
    an_epoch = -(-len(digits.train.labels) // max(1, settings.batch))
    say: Callable[[str], None] = (lambda _: None) if as_json else click.echo
    bar = progress_bar("mini-batches")
    task = bar.add_task("", total=an_epoch)
    epochs: list[Epoch] = []
    state: tuple[int, list[Array], list[Array]] | None = None

    def progress(steps: int, weights: list[Array], biases: list[Array]) -> None:
        nonlocal state
        state = steps, weights, biases
        finished, done = divmod(steps - 1, an_epoch)
        bar.update(task, description=f"epoch {finished + 1}", completed=done + 1, refresh=True)
        bar.start()
        if interrupted():
            raise click.Abort

    training = loop.train(settings, digits, progress)
    with folder.claimed(out, (saved.WEIGHTS, saved.RESULTS)) as place, first_ctrl_c() as interrupted:
        say(headline(settings, digits))
        try:
            for epoch, _, _ in training:
                bar.stop()
                bar.reset(task)
                epochs.append(epoch)
                say(epoch_line(epoch, settings.epochs))
        finally:  # whatever ended the training, the weights it reached are kept
            bar.stop()
            if state:
                result = document(settings, epochs, *state) | {"out": str(place)}
                text = settings._asdict() | {"sizes": listed(settings.sizes), "steps": state[0]}
                saved.save(place, *state[1:], text)
                folder.write(place / saved.RESULTS, json.dumps(result).encode() + b"\n")
                click.echo(json.dumps(result) if as_json else summary(settings, result, an_epoch))


def document(s: Settings, epochs: Sequence[Epoch], steps: int, weights: list[Array], biases: list[Array]) -> Any:
    """What --json writes, but for the folder."""
    from gradproof.train.saved import run_hash

    return {
        "backend": s.backend,
        "sizes": list(s.sizes),
        "epochs": [epoch._asdict() for epoch in epochs],
        "run_hash": run_hash(weights, biases),
        "steps": steps,
        "verified_steps": 0,
        "worst_ratio": None,
    }


def listed(sizes: Sequence[int]) -> str:
    """(784, 30, 10) → 784,30,10."""
    return ",".join(map(str, sizes))


def headline(s: Settings, digits: Mnist) -> str:
    """All the settings, and how many images there are."""
    train, validation, test = (len(part.labels) for part in digits)
    descent = f"epochs {s.epochs}  batch {s.batch}  eta {s.eta}  seed {s.seed}"
    return (
        f"{s.backend} {listed(s.sizes)}  {descent}  {s.init}  {s.dtype}\n"
        f"{train} images to train, {validation} to validate, {test} to test"
    )


def epoch_line(e: Epoch, epochs: int) -> str:
    number = f"{e.epoch:{len(str(epochs))}}"
    return f"epoch {number}  {e.correct}/{e.test} correct  cost {e.cost:.4f}  {e.seconds:.1f} s"


def summary(s: Settings, result: dict[str, Any], an_epoch: int) -> str:
    """The last lines: whether it ended early, the best epoch, where the weights are and how to use them."""
    lines, out = [], result["out"]
    if len(result["epochs"]) < s.epochs:
        epoch = 1 + (result["steps"] - 1) // an_epoch
        lines += [f"ended early, in epoch {epoch}, after {result['steps']} mini-batches; the weights reached are kept"]
    if result["epochs"]:
        best = max(result["epochs"], key=lambda epoch: epoch["correct"])
        lines += [f"best: epoch {best['epoch']}, {best['correct'] / best['test']:.2%} of the test images"]
    lines += [f"weights: {out!r}, run hash {result['run_hash']}"]
    lines += [f"in Python: gradproof.load({out!r}).classify(images, backend={s.backend!r})"]
    return "\n".join(lines)
