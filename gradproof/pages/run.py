"""The page of a run: its learning curves, misread digits, the neurons' weights and the gradients of both backends."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from gradproof import files
from gradproof.numerics.verdict import Finding
from gradproof.pages.chart import Chart, chart
from gradproof.pages.page import diverging, picture, rendered, typed_options
from gradproof.problem import Array
from gradproof.text import typed
from gradproof.train import review
from gradproof.train.loop import Epoch, first_training_images
from gradproof.train.mnist import DataSet, Mnist
from gradproof.train.review import Glance
from gradproof.train.run import PAGE, Run

# Limits on what is drawn, so that the page stays small enough for e-mail.
EPOCHS = 200
MISREAD = 66
NEURONS = 100
SIDE = 40  # pixels; larger pictures are thinned out
LAYERS = 5  # of a deep network: the first, and the last ones
ROWS, COLUMNS = 30, 60  # of a layer's ∂C/∂w
ACROSS = 10  # neurons side by side


class Part(NamedTuple):
    """δ^l or ∂C/∂w^l of one digit: a picture from each backend, and their comparison."""

    name: str
    layer: int
    shown: str  # which part of it the pictures show
    handcrafted: Markup
    autodiff: Markup
    largest: float  # the |value| with the full colour
    difference: float  # largest
    ratio: float  # of difference to bound, largest
    verdict: str


def page(run: Run, results: Mapping[str, Any], curves: Mapping[str, Sequence[Epoch]]) -> str:
    """Return the page as HTML. `curves` holds the epochs of each backend trained on this schedule."""
    weights, biases, test = run.state.weights, run.state.biases, run.digits.test
    read = review.read(run.settings.backend, weights, biases, test)
    misread = read.misread(test.labels, MISREAD)
    glances = review.glances(weights, biases, test, read)
    varied = test.images.std(axis=0)
    neurons = _strongest(weights[0] * varied, NEURONS)
    return rendered(
        "run.html",
        run=run,
        results=results,
        images=f"{len(run.digits.train.labels)} to train, {len(run.digits.validation.labels)} to validate",
        validated=len(run.digits.validation.labels),
        trained=len(first_training_images(run.digits).labels),
        data=typed(run.at.data or ""),
        options=typed_options(run.settings._asdict()),
        seconds=run.state.seconds + sum(epoch.seconds for epoch in run.state.history),
        curves={name: _thinned(epochs) for name, epochs in curves.items()},
        charts=learning(curves, run.digits) if run.state.history else [],
        wrong=int((read.digits != test.labels).sum()),
        misread=[(_digit(test, i), test.labels[i], read.digits[i], read.surely[i]) for i in misread],
        confusion=read.confusion.tolist(),
        neurons=[(j + 1, picture(diverging(_image(weights[0][j] * varied, test.rows)))) for j in neurons],
        shown=glances[0].digit,
        glances=[
            (glance, _digit(test, glance.image), list(_parts(glance, test.rows)))
            for glance in sorted(glances, key=lambda glance: glance.digit)
        ],
        left_out=_left_out(len(weights)),
    )


def write(run: Run, results: Mapping[str, Any], curves: Mapping[str, Sequence[Epoch]]) -> Path:
    """Write the page into the run's folder and return its path; MachineError if it cannot be written."""
    files.write(run.place / PAGE, page(run, results, curves).encode(errors="replace"))
    return run.place / PAGE


def learning(curves: Mapping[str, Sequence[Epoch]], digits: Mnist) -> list[Chart]:
    """Return charts over the epochs: test, validation and training images read correctly, and the cost."""
    validated, trained = len(digits.validation.labels), len(first_training_images(digits).labels)
    thinned = {name: _thinned(epochs) for name, epochs in curves.items()}
    shares: dict[str, list[tuple[float, float]]] = {}
    for name, epochs in thinned.items():
        whose = f"{name}, " if len(curves) > 1 else ""
        shares[f"{whose}test"] = [(e.epoch, 100 * e.correct / e.test) for e in epochs]
        shares[f"{whose}validation"] = [(e.epoch, 100 * e.validation / validated) for e in epochs]
        shares[f"{whose}training"] = [(e.epoch, 100 * e.training / trained) for e in epochs]
    costs = {name: [(e.epoch, e.cost) for e in epochs] for name, epochs in thinned.items()}
    return [chart("Images read correctly", "%", shares), chart("Cost C on the test images", "", costs)]


def _thinned(epochs: Sequence[Epoch]) -> Sequence[Epoch]:
    """Return the epochs or, if there are more than EPOCHS, a regular sample and the last."""
    step = -(-len(epochs) // EPOCHS)
    return [*epochs[:-1:step], epochs[-1]] if step > 1 else epochs


def _image(pixels: Array, rows: int) -> Array:
    """Return an image or a neuron's weights as a picture, thinned out if large."""
    image = pixels.reshape(rows, -1)
    return image[:: -(-len(image) // SIDE), :: -(-len(image.T) // SIDE)]


def _digit(examples: DataSet, number: int) -> Markup:
    return picture(255 - _image(examples.images[number], examples.rows))


def _strongest(values: Array, most: int) -> list[int]:
    """Return the indices, in order, of up to `most` rows with the largest sums of |value|."""
    order = np.argsort(-np.abs(values).sum(axis=tuple(range(1, values.ndim))), kind="stable")
    return sorted(order[:most].tolist())


def _left_out(depth: int) -> range:
    """Return the layers of a deep network that are not drawn."""
    return range(2, depth - LAYERS + 2)


def _parts(glance: Glance, rows: int) -> Iterator[Part]:
    """Yield the parts from the output layer down, as errors propagate, without the layers left out."""
    depth = len(glance.delta)
    for i in (i for i in reversed(range(depth)) if i + 1 not in _left_out(depth)):
        deltas = glance.handcrafted.delta[i][0], glance.autodiff.delta[i][0]
        gradients = glance.handcrafted.grad_w[i][0], glance.autodiff.grad_w[i][0]
        n, fan_in = gradients[0].shape
        kept = _strongest(deltas[0], ROWS)
        which = f"{n} neurons" if n <= ROWS else f"{ROWS} of {n} neurons, those where δ is largest"
        yield _part("δ", glance.delta[i], which, deltas, [delta[kept].T for delta in deltas])
        if i == 0:
            which = f"{which}, a square each"
            yield _part("∂C/∂w", glance.grad_w[i], which, gradients, [g[kept] for g in gradients], rows)
        else:
            across = _strongest(gradients[0].T, COLUMNS)
            weights = f"all {fan_in} weights" if fan_in <= COLUMNS else f"the {COLUMNS} largest of {fan_in} weights"
            which = f"{which}, a row each with {weights}"
            cuts = [g[np.ix_(kept, across)] for g in gradients]
            yield _part("∂C/∂w", glance.grad_w[i], which, gradients, cuts)


def _part(name: str, found: Finding, shown: str, whole: Sequence[Array], cuts: Sequence[Array], rows: int = 0) -> Part:
    """Draw a cut of each backend's array on one scale; with `rows`, each neuron's weights as an image that high."""
    largest = float(max(np.abs(array).max() for array in whole))
    mine, theirs = (picture(_sheet(cut, rows, largest) if rows else diverging(cut, largest)) for cut in cuts)
    difference = float(np.abs(whole[0] - whole[1]).max())
    return Part(name, found.layer, shown, mine, theirs, largest, difference, found.ratio, found.verdict)


def _sheet(weights: Array, rows: int, largest: float) -> Array:
    """Return the weights of some neurons as pictures the shape of the images, side by side with lines between."""
    tiles = [_framed(diverging(_image(w, rows), largest)) for w in weights]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % ACROSS)
    return np.concatenate([np.concatenate(tiles[i : i + ACROSS], axis=1) for i in range(0, len(tiles), ACROSS)])


def _framed(tile: Array) -> Array:
    """Add a grey line to the right of a picture and below it."""
    return np.pad(tile, [(0, 1), (0, 1), (0, 0)], constant_values=208)
