"""gradproof read: read digits in your own pictures with a trained network, and show what it saw."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from gradproof.text import json_of, visible

SHADES = " ░▒▓█"
CERTAIN = 0.5  # a network whose outputs are all below this says of every digit that it is rather not there


@click.command()
@click.argument("images", nargs=-1, type=click.Path(), metavar="IMAGE…")
@click.option(
    "--run",
    type=click.Path(),
    help="A run's folder, or a .safetensors file with weights.  [default: the latest of runs/]",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout and nothing else.")
def command(images: tuple[str, ...], run: str | None, as_json: bool) -> int:
    """Read pictures of digits with a trained network, and show what it saw.

    A picture shows one upright digit, of any size, in any two colours. The digit is cut out, scaled and centred as the
    network expects it. The line says so if the network is not certain or the picture seems to hold more than one digit.
    The exit code is 3 if a picture cannot be read.
    """
    import numpy as np

    from gradproof import backends
    from gradproof.errors import DataError, UsageError
    from gradproof.train import mnist, pictures, saved_run

    if not images:
        raise UsageError("name at least one picture: gradproof read IMAGE…")
    network, backend = saved_run.load(run if run else _latest()), backends.load("handcrafted")
    numbers = network.weights[0].shape[1]
    side = math.isqrt(numbers)
    if side**2 != numbers:
        raise DataError(f"this network reads {numbers} numbers, which do not make a square picture; give another --run")
    told, failed = [], False
    for image in images:
        try:
            drawn = pictures.drawing(image)
        except DataError as error:
            failed = True
            click.echo(f"gradproof: {error}", err=True)
            continue
        seen, several = pictures.pixels(drawn, side), pictures.several(drawn)
        x = mnist.pixels(seen.reshape(1, -1), network.weights[0].dtype).T
        values = np.asarray(backend.feedforward(network.weights, network.biases, x)[1][-1])[:, 0]
        certain = bool(values.max() >= CERTAIN)
        said = {"file": image, "digit": int(values.argmax()), "certain": certain, "several": several}
        told.append(said | {"outputs": values.tolist()})
        if not as_json:
            click.echo(f"{visible(image)}: {line(values, several)}")
            click.echo("\n".join(shown(seen)))
    if as_json:
        click.echo(json_of(told))
    return DataError.exit_code if failed else 0


def line(values: Any, several: bool) -> str:
    """Return the digits of the two largest outputs (10,), and what speaks against believing the first."""
    first, second = (-values).argsort(kind="stable")[:2].tolist()
    doubts = [
        "; the network is not certain" * bool(values[first] < CERTAIN),
        "; the picture seems to hold more than one digit" * several,
    ]
    return f"{first} ({values[first]:.2f}), else {second} ({values[second]:.2f}){''.join(doubts)}"


def shown(seen: Any) -> Iterator[str]:
    """Yield the pixels as lines of text, two rows in one, because a character is twice as high as it is wide."""
    for row in range(0, len(seen), 2):
        pairs = seen[row : row + 2].astype(int).max(axis=0)
        yield "".join(SHADES[value * (len(SHADES) - 1) // 255] for value in pairs).rstrip()


def _latest() -> Path:
    """Return the folder of the latest run that has weights. Raises UsageError if there is none."""
    from gradproof.errors import UsageError
    from gradproof.train.saved_run import WEIGHTS

    runs = [Path("runs", name) for name in (os.listdir("runs") if os.path.isdir("runs") else []) if name.isdigit()]
    trained = sorted((run for run in runs if (run / WEIGHTS).is_file()), key=lambda run: int(run.name))
    if not trained:
        example = "gradproof train --backend handcrafted --epochs 3"
        raise UsageError(f"there is no trained network in runs: train one with {example}, or name one with --run")
    return trained[-1]
