"""The book's class with one line of its descent changed."""

import random
from pathlib import Path

import numpy as np

from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import Function

RIGHT = (Path(__file__).parent / "submissions" / "book.py").read_text("utf8").replace("xrange", "range")
STEP = "[w - (eta / len(mini_batch)) * nw for"
SHUFFLE = "            random.shuffle(training_data)\n"
BATCHES = "range(0, len(training_data), mini_batch_size)"
APART = "            xs, ys = [list(v) for v in zip(*training_data)]\n" \
    "            random.shuffle(ys); training_data = list(zip(xs, ys))\n"  # fmt: skip
BIAS = "[b - (eta / len(mini_batch)) * nb for"
KEPT = "        nabla_w = self.kept = getattr(self, 'kept', [np.zeros(w.shape) for w in self.weights])\n"
SUMS = "            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w)]\n"
CHANGED = {  # what was done: (the line, what it became, kind, words)
    "it climbs": (STEP, "[w + (eta / len(mini_batch)) * nw for", "update", "the sign is wrong: it climbs"),
    "not divided": (STEP, "[w - eta * nw for", "update", "move w by −η ∂C/∂w: not divided by m;"),
    "biases not divided": (BIAS, "[b - eta * nb for", "update", "move b by −η ∂C/∂b: not divided by m;"),
    "divided twice": (STEP, "[w - (eta / len(mini_batch) ** 2) * nw for", "update", "divided by m twice"),
    "no η": (STEP, "[w - nw / len(mini_batch) for", "update", "η is missing;"),
    "no η, not divided": (STEP, "[w - nw for", "update", "η is missing, and not divided by m"),
    "η squared": (STEP, "[w - (eta ** 2 / len(mini_batch)) * nw for", "update", "η is squared"),
    "twice": (STEP, "[w - (2 * eta / len(mini_batch)) * nw for", "update", "factor of 2"),
    "nominal size": (STEP, "[w - (eta / 3) * nw for", "update", "the nominal size of a mini-batch"),
    "all examples": (STEP, "[w - (eta / 7) * nw for", "update", "the number of all examples"),
    "nothing": (STEP, "[w for", "update", "nothing is updated"),
    "old lost": (STEP, "[-(eta / len(mini_batch)) * nw for", "update", "the old parameters are lost"),
    "only the last": ("nw + dnw for", "dnw for", "update", "only the last example counts, divided by m"),
    "biases only the last": ("nb + dnb for", "dnb for", "update", "only the last example counts, divided by m"),
    "not reset": (
        "        nabla_w = [np.zeros(w.shape) for w in self.weights]\n        for x, y", KEPT + "        for x, y",
        "update",
        "still in the sum"),
    "weight decay": (STEP, "[0.9 * w - (eta / len(mini_batch)) * nw for",
                     "update", "move w by −η ∂C/∂w; it"),
    "shuffled apart": (SHUFFLE, APART, "data", "x and y are shuffled separately"),
    "tail dropped": (BATCHES, "range(0, len(training_data) // mini_batch_size * mini_batch_size, mini_batch_size)",
                     "data", "the last, smaller mini-batch is dropped: 1 of 7"),
    "one repeated": (SHUFFLE, "            training_data = training_data[:-1] + training_data[:1]\n", "data",
                     "leaves out 1 and repeats 1"),
    "another example": (SHUFFLE, "            training_data = [(2 * x, y) for x, y in training_data]\n", "data",
                        "not in the data"),
    "one-hot shifted": (SHUFFLE, "            training_data = [(x, np.roll(y, 1)) for x, y in training_data]\n",
                        "data", ""),
    "raises": (SHUFFLE, "            training_data[99]\n", "update", "IndexError"),
}  # fmt: skip


def changed(name):
    """(source, kind, words): the class, the kind of trouble and words that must be said."""
    line, became, kind, words = CHANGED[name]
    source = RIGHT.replace(line, became)
    if name == "not reset":  # in place, so that the sum is kept
        source = source.replace(SUMS, "            for nw, dnw in zip(nabla_w, delta_nabla_w): nw += dnw\n")
    return source, kind, words


def judged(source, networks=20, seed=0, declared=()):
    names = {"random": random, "np": np}
    exec(source, names)
    return judgement(Function(names["Network"]), networks, seed, declared=declared)
