"""Real digits in a [784, 30, 10] network at several stages of training, by both backends on the same weights."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gradproof import backends
from gradproof.backends import answer
from gradproof.numerics.chain import radii
from gradproof.numerics.rounding import arithmetic
from gradproof.problem import Answer, Array, Parameters, Problem, stack_of, starting_parameters
from gradproof.train import loop, mnist

STAGES = (0, 250, 1000, 5000)  # steps of training; one epoch has 5000
SHOWN = (7, 0, 2, 3, 8, 5)


class Compared(NamedTuple):
    """One quantity from both backends, and the element with the largest ratio of difference to bound."""

    hand: Array
    autodiff: Array
    worst: int  # its index
    difference: float
    bound: float
    ratio: float  # of difference to bound; rounding cannot explain more than 1


class Seen(NamedTuple):
    """One digit at one stage."""

    steps: int
    cost: float
    read: int
    activations: Array  # a² (10,)
    hidden: Array  # a¹ (30,)
    neuron: int  # in layer 1, the one with the largest |δ¹|; counted from 0
    output_delta: Compared
    hidden_delta: Compared
    weights: Compared  # ∂C/∂w¹ of that neuron (784,)


class Digit(NamedTuple):
    label: int
    image: Array  # (28, 28), 0 is white
    stages: list[Seen]


def digits(progress: Callable[[str], None] = lambda what: None) -> list[Digit]:
    """Return the first test image of each digit in SHOWN, at every stage of STAGES."""
    data = mnist.load()
    stages = trained(data, progress)
    rows = [int(np.flatnonzero(data.test.labels == label)[0]) for label in SHOWN]
    return [
        Digit(
            label, data.test.images[row].reshape(28, 28), [_seen(data, row, steps, stages[steps]) for steps in STAGES]
        )
        for label, row in zip(SHOWN, rows, strict=True)
    ]


def trained(data: mnist.Mnist, progress: Callable[[str], None]) -> dict[int, Parameters]:
    """Train the handcrafted network and return its parameters in float64 after each number of steps in STAGES."""
    settings = loop.Settings("handcrafted", epochs=1)
    stages = {0: starting_parameters(settings.sizes, settings.seed, settings.init, settings.dtype)}

    for state in loop.states(settings, data, loop.begin(settings), most=STAGES[1]):
        if state.batch in STAGES[1:]:
            stages[state.steps] = state.weights, state.biases
            progress(f"trained {state.steps} steps")
    return {
        steps: ([w.astype(np.float64) for w in weights], [b.astype(np.float64) for b in biases])
        for steps, (weights, biases) in stages.items()
    }


def _seen(data: mnist.Mnist, row: int, steps: int, parameters: Parameters) -> Seen:
    x = mnist.pixels(data.test.images[row : row + 1], np.float64).T
    y = mnist.one_hot(data.test.labels[row : row + 1], np.float64).T
    problem = Problem(*parameters, x, y)
    hand, autodiff = (answer(backends.load(name), problem) for name in backends.NAMES)
    off = radii(stack_of(problem), autodiff, arithmetic(np.float64))
    neuron = int(np.abs(hand.delta[0]).argmax())

    def both(part: Callable[[Answer], Array]) -> Compared:
        return compared(part(hand), part(autodiff), 2 * part(off))

    return Seen(
        steps,
        float(hand.cost[0]),
        int(hand.activations[-1].argmax()),
        hand.activations[-1].ravel(),
        hand.activations[1].ravel(),
        neuron,
        both(lambda a: a.delta[1].ravel()),
        both(lambda a: a.delta[0].ravel()),
        both(lambda a: a.grad_w[0][0, neuron]),
    )


def compared(hand: Array, autodiff: Array, bound: Array) -> Compared:
    """Compare two vectors element by element; NaN counts as beyond every bound."""
    difference = np.abs(hand - autodiff)
    with np.errstate(all="ignore"):
        ratio = np.where(difference == 0, 0.0, difference / bound)
    ratio[np.isnan(ratio)] = np.inf
    worst = int(ratio.argmax())
    return Compared(hand, autodiff, worst, float(difference[worst]), float(bound[worst]), float(ratio[worst]))
