"""The contestants of train.py: each descends on the same network and the same mini-batches in its own manner.

Each function prepares what it needs outside the steps and returns the function that is timed, which takes all the steps
of a task from its start. That one returns the parameters reached, or None if it is another descent or none at all.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import handcrafted
import reference
from gradproof.problem import Array, Parameters
from gradproof.train import handcrafted_descent


class Task(NamedTuple):
    """The arguments of `descend`: examples are rows of images and targets, mini-batches rows of batches (k, m)."""

    weights: Sequence[Array]
    biases: Sequence[Array]
    images: Array
    targets: Array
    batches: Array
    eta: float


Descent = Callable[[], Parameters | None]


def recorded(task: Task) -> Descent:
    """gradproof's own descent in NumPy, with its calls recorded as in `gradproof train`."""

    @np.errstate(over="ignore")
    def descend() -> Parameters:
        return handcrafted_descent.descend(*task)

    return descend


def plainly(task: Task) -> Descent:
    """The same without recording: the equations are called one by one."""
    return lambda: handcrafted.descend(*task)


def by_autodiff(task: Task) -> Descent:
    """gradproof's own descent in JAX."""
    here = on_device(task)
    return lambda: jax.block_until_ready(reference.descend(*here, task.eta))


def scan(task: Task) -> Descent:
    """One scan as a JAX engineer would write it, with jax.nn.sigmoid. The cost's value is never computed."""
    here = on_device(task)
    return lambda: jax.block_until_ready(_scan(*here, task.eta))


def on_device(task: Task) -> Any:
    weights, biases, *data, _ = task
    return [list(weights), list(biases), *jax.device_put(data)]


@jax.jit
def _scan(weights, biases, images, targets, batches, eta):
    def loss(parameters, x, y):
        a = x
        for w, b in zip(*parameters, strict=True):
            a = jax.nn.sigmoid(a @ w.T + b.T)
        return 0.5 * jnp.mean(jnp.sum((a - y) ** 2, axis=1))

    def one(parameters, rows):
        gradient = jax.grad(loss)(parameters, images[rows], targets[rows])
        return jax.tree.map(lambda p, g: p - eta.astype(p.dtype) * g, parameters, gradient), None

    return jax.lax.scan(one, (weights, biases), batches)[0]


def eager(task: Task) -> Descent:
    """PyTorch, one operation at a time, with the update in place and without an optimiser's overhead."""
    import torch

    torch.set_num_threads(1)
    images, targets, batches = map(torch.from_numpy, (task.images, task.targets, task.batches))

    def descend() -> Parameters:
        weights, biases = ([torch.tensor(p, requires_grad=True) for p in part] for part in task[:2])
        parameters = [*weights, *biases]
        rows_of_biases = [b.T for b in biases]
        for rows in batches:
            a, y = images[rows], targets[rows]
            for w, b in zip(weights, rows_of_biases, strict=True):
                a = torch.sigmoid(torch.addmm(b, a, w.T))
            loss = 0.5 * ((a - y) ** 2).sum(dim=1).mean()
            gradient = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for p, g in zip(parameters, gradient, strict=True):
                    p.sub_(g, alpha=task.eta)
        return [w.detach().numpy() for w in weights], [b.detach().numpy() for b in biases]

    return descend


def scikit_learn(task: Task) -> Descent:
    """MLPClassifier with plain SGD: the same layers, but softmax and cross-entropy at the end, on examples in order."""
    from sklearn.neural_network import MLPClassifier

    images, labels = (data[task.batches.ravel()] for data in (task.images, task.targets.argmax(axis=1)))
    options = {"activation": "logistic", "solver": "sgd", "momentum": 0.0, "alpha": 0.0, "shuffle": False}
    options |= {"batch_size": task.batches.shape[1], "learning_rate_init": task.eta, "random_state": 0}
    hidden = [len(b) for b in task.biases[:-1]]

    def descend() -> None:
        MLPClassifier(hidden_layer_sizes=hidden, **options).partial_fit(images, labels, classes=np.arange(10))

    return descend


def per_example(task: Task) -> Descent:
    """A loop over the examples of each mini-batch, like the book's network.py."""

    def sigmoid(z):
        return 1.0 / (1.0 + np.exp(-z))

    def backprop(weights, biases, x, y):
        activations, slopes = [x], []
        for w, b in zip(weights, biases, strict=True):
            z = np.dot(w, activations[-1]) + b
            activations.append(sigmoid(z))
            slopes.append(sigmoid(z) * (1 - sigmoid(z)))
        delta = (activations[-1] - y) * slopes[-1]
        nabla_b, nabla_w = [delta], [np.dot(delta, activations[-2].T)]
        for layer in range(2, len(weights) + 1):
            delta = np.dot(weights[1 - layer].T, delta) * slopes[-layer]
            nabla_b.insert(0, delta)
            nabla_w.insert(0, np.dot(delta, activations[-layer - 1].T))
        return nabla_b, nabla_w

    def descend() -> Parameters:
        weights, biases = list(task.weights), list(task.biases)
        for rows in task.batches:
            sum_b, sum_w = [np.zeros_like(b) for b in biases], [np.zeros_like(w) for w in weights]
            for row in rows:
                nabla_b, nabla_w = backprop(weights, biases, task.images[row][:, None], task.targets[row][:, None])
                sum_b = [s + n for s, n in zip(sum_b, nabla_b, strict=True)]
                sum_w = [s + n for s, n in zip(sum_w, nabla_w, strict=True)]
            weights = [w - (task.eta / len(rows)) * s for w, s in zip(weights, sum_w, strict=True)]
            biases = [b - (task.eta / len(rows)) * s for b, s in zip(biases, sum_b, strict=True)]
        return weights, biases

    return descend


def matmuls(task: Task) -> Descent:
    """Only the matrix products of a step, five in a network of two layers: the limit of NumPy."""
    activations = [task.images[: task.batches.shape[1]].T]
    for w in task.weights:
        activations.append(w @ activations[-1])
    deltas = activations[1:]

    def products() -> None:
        for _ in task.batches:
            for w, a in zip(task.weights, activations[:-1], strict=True):
                w @ a
            for w, delta in zip(task.weights[1:], deltas[1:], strict=True):
                w.T @ delta
            for a, delta in zip(activations[:-1], deltas, strict=True):
                delta @ a.T

    return products


def unrolled(task: Task) -> Descent:
    """NumPy with everything given up for speed: two layers by hand, every buffer allocated once, σ′ of both in one go.

    z, a and δ of both layers are stacked, so that one call serves both wherever possible.
    """
    (n, _), m, dtype = task.weights[0].shape, task.batches.shape[1], task.images.dtype
    height = n + len(task.biases[1])
    xt, yt = (np.empty((m, data.shape[1]), dtype) for data in (task.images, task.targets))
    z, a, slope, delta = (np.empty((height, m), dtype) for _ in range(4))
    (z1, z2), (a1, a2), (slope1, slope2), (delta1, delta2) = (np.split(v, [n]) for v in (z, a, slope, delta))
    sums, grad1, grad2 = np.empty((height, 1), dtype), *map(np.empty_like, task.weights)
    x, y, a1t, ones = xt.T, yt.T, a1.T, np.ones((m, 1), dtype)
    one, rate = np.ones((), dtype), np.full((), task.eta / m, dtype)
    add, subtract, multiply, matmul = np.add, np.subtract, np.multiply, np.matmul
    negative, exp, reciprocal, divide = np.negative, np.exp, np.reciprocal, np.divide
    images, targets = task.images.take, task.targets.take

    @np.errstate(over="ignore")
    def descend() -> Parameters:
        (w1, w2), b = (w.copy() for w in task.weights), np.vstack(task.biases)
        (b1, b2), w2t = np.split(b, [n]), w2.T
        for rows in task.batches:
            images(rows, 0, xt, "clip")
            targets(rows, 0, yt, "clip")
            matmul(w1, x, z1)
            add(z1, b1, z1)
            negative(z1, a1)
            exp(a1, a1)
            add(a1, one, a1)
            reciprocal(a1, a1)
            matmul(w2, a1, z2)
            add(z2, b2, z2)
            negative(z2, a2)
            exp(a2, a2)
            add(a2, one, a2)
            reciprocal(a2, a2)
            exp(z, slope)  # σ′(z) = σ(z)/(1 + e^z)
            add(slope, one, slope)
            divide(a, slope, slope)
            subtract(a2, y, delta2)
            multiply(delta2, slope2, delta2)
            matmul(w2t, delta2, delta1)
            multiply(delta1, slope1, delta1)
            multiply(delta, rate, delta)
            matmul(delta, ones, sums)
            subtract(b, sums, b)
            matmul(delta1, xt, grad1)
            subtract(w1, grad1, w1)
            matmul(delta2, a1t, grad2)
            subtract(w2, grad2, w2)
        return [w1, w2], [b1, b2]

    return descend
