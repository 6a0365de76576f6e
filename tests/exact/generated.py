"""Networks of three layers written by a table: activations × costs × conventions, right, or with one line wrong."""

import itertools
import linecache
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

# name: (activation of Z, its slope from Z and A), as people write them
ACTIVATIONS = {
    "sigmoid": ("1 / (1 + np.exp(-Z))", "A * (1 - A)"),
    "expit": ("expit(Z)", "expit(Z) * (1 - expit(Z))"),
    "stable": ("np.where(Z >= 0, 1 / (1 + np.exp(-Z)), np.exp(Z) / (1 + np.exp(Z)))", "A * (1.0 - A)"),
    "tanh": ("np.tanh(Z)", "1 - A ** 2"),
    "lecun": ("1.7159 * np.tanh(2 / 3 * Z)", "2 / 3 / 1.7159 * (1.7159 - A) * (1.7159 + A)"),
    "relu": ("np.maximum(0, Z)", "(Z > 0)"),
    "relu by mask": ("Z * (Z > 0)", "np.where(Z > 0, 1.0, 0.0)"),
    "leaky": ("np.where(Z > 0, Z, 0.01 * Z)", "np.where(A > 0, 1, 0.01)"),
    "elu": ("np.where(Z > 0, Z, np.exp(np.minimum(Z, 0)) - 1)", "np.where(Z > 0, 1, A + 1)"),
    "selu": (
        "1.0507009873554805 * np.where(Z > 0, Z, 1.6732632423543772 * np.expm1(Z))",
        "np.where(Z > 0, 1.0507009873554805, A + 1.7580993408473766)",
    ),
    "softplus": ("np.log1p(np.exp(Z))", "1 / (1 + np.exp(-Z))"),
    "logaddexp": ("np.logaddexp(0, Z)", "expit(Z)"),
    "softsign": ("Z / (1 + np.abs(Z))", "1 / (1 + np.abs(Z)) ** 2"),
    "swish": ("Z * expit(Z)", "expit(Z) + A * (1 - expit(Z))"),
    "gelu by erf": (
        "0.5 * Z * (1 + erf(Z / np.sqrt(2)))",
        "0.5 * (1 + erf(Z / np.sqrt(2))) + Z * np.exp(-Z ** 2 / 2) / np.sqrt(2 * np.pi)",
    ),
    "gelu": (
        "0.5 * Z * (1 + np.tanh(0.7978845608 * (Z + 0.044715 * Z ** 3)))",
        "0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z ** 3))) + 0.5 * Z * (1 - np.tanh(np.sqrt(2 / np.pi)"
        " * (Z + 0.044715 * Z ** 3)) ** 2) * np.sqrt(2 / np.pi) * (1 + 0.134145 * Z ** 2)",
    ),
    "arctan": ("np.arctan(Z)", "1 / (1 + Z * Z)"),
    "sine": ("np.sin(Z)", "np.cos(Z)"),
    "square root": ("Z / np.sqrt(1 + Z ** 2)", "(1 + Z ** 2) ** -1.5"),
    "gauss": ("np.exp(-Z ** 2)", "-2 * Z * A"),
}
SIGN_ONLY = ("relu", "relu by mask", "leaky")  # the slope asks for the sign of Z, which f(Z) has as well
# name: (output A3 of Z3, the cost before its scale, ∂C/∂Z3 before its scale); F is the axis of the features
COSTS = {
    "half": ("Z3", "0.5 * np.sum((A3 - Y) ** 2)", "A3 - Y"),
    "norm": ("Z3", "0.5 * np.linalg.norm(A3 - Y) ** 2", "A3 - Y"),
    "backwards": ("Z3", "np.sum(np.square(Y - A3))", "-2 * (Y - A3)"),
    "sigmoid half": ("1 / (1 + np.exp(-Z3))", "np.sum((Y - A3) ** 2) / 2", "(A3 - Y) * A3 * (1 - A3)"),
    "tanh half": ("np.tanh(Z3)", "0.5 * ((A3 - Y) ** 2).sum()", "(A3 - Y) * (1 - A3 ** 2)"),
    "binary": ("expit(Z3)", "-np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))", "A3 - Y"),
    "binary by parts": (
        "expit(Z3)",
        "-np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))",
        "(-(Y / A3) + (1 - Y) / (1 - A3)) * A3 * (1 - A3)",
    ),
    "binary with eps": ("expit(Z3)", "-np.sum(Y * np.log(A3 + 1e-8) + (1 - Y) * np.log(1 - A3 + 1e-8))", "A3 - Y"),
    "binary clipped": (
        "np.clip(expit(Z3), 1e-12, 1 - 1e-12)",
        "-np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))",
        "A3 - Y",
    ),
    "logits": ("expit(Z3)", "np.sum(np.maximum(Z3, 0) - Z3 * Y + np.log1p(np.exp(-np.abs(Z3))))", "A3 - Y"),
    "softmax": (
        "np.exp(Z3 - Z3.max(axis=F, keepdims=True)); A3 /= A3.sum(axis=F, keepdims=True)",
        "-np.sum(Y * np.log(A3))",
        "A3 - Y",
    ),
    "softmax with eps": ("softmax(Z3, axis=F)", "-np.sum(Y * np.log(A3 + 1e-8))", "A3 - Y"),
    "softmax clipped": (
        "np.exp(Z3) / np.sum(np.exp(Z3), axis=F, keepdims=True)",
        "-np.sum(Y * np.log(np.clip(A3, 1e-12, 1)))",
        "A3 - Y",
    ),
    "softmax squared": (
        "softmax(Z3, axis=F)",
        "0.5 * np.sum((A3 - Y) ** 2)",
        "A3 * ((A3 - Y) - np.sum((A3 - Y) * A3, axis=F, keepdims=True))",
    ),
    "logsumexp": (
        "Z3 - logsumexp(Z3, axis=F, keepdims=True)",
        "-np.sum(Y * A3)",
        "np.exp(A3) - Y",
    ),
    "huber": (
        "Z3",
        "np.sum(np.where(np.abs(A3 - Y) <= 1, 0.5 * (A3 - Y) ** 2, np.abs(A3 - Y) - 0.5))",
        "np.where(np.abs(A3 - Y) <= 1, A3 - Y, np.sign(A3 - Y))",
    ),
    "log cosh": ("Z3", "np.sum(np.log(np.cosh(A3 - Y)))", "np.tanh(A3 - Y)"),
    "poisson": ("np.exp(Z3)", "np.sum(A3 - Y * Z3)", "A3 - Y"),
    "absolute": ("Z3", "np.abs(A3 - Y).sum()", "np.sign(A3 - Y)"),
    "hinge": (
        "Z3",
        "np.sum(np.maximum(0, 1 - (2 * Y - 1) * A3))",
        "-(2 * Y - 1) * ((2 * Y - 1) * A3 < 1)",
    ),
}
COLUMNS = """    Z1 = W1 @ X + b1
    A1 = f(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = f(Z2){mask}
    Z3 = W3.dot(A2) + b3
    A3 = {output}
"""
ROWS = """    Z1 = np.dot(X, W1) + b1
    A1 = f(Z1)
    Z2 = A1.dot(W2) + b2
    A2 = f(Z2){mask}
    Z3 = A2 @ W3 + b3
    A3 = {output}
"""
COLUMNS_BACK = """    dZ3 = ({delta}){over}
    dW3 = dZ3 @ A2.T{decay3}
    db3 = np.sum(dZ3, axis=1, keepdims=True)
    dZ2 = W3.T @ dZ3{mask} * slope(Z2, f(Z2))
    dW2 = np.dot(dZ2, A1.T){decay2}
    db2 = dZ2.sum(axis=1).reshape(b2.shape)
    dZ1 = np.dot(W2.T, dZ2)
    dZ1 *= slope(Z1, A1)
    dW1 = dZ1.dot(X.T){decay1}
    db1 = np.sum(dZ1, axis=1, keepdims=True)
"""
ROWS_BACK = """    dZ3 = ({delta}){over}
    dW3 = A2.T @ dZ3{decay3}
    db3 = np.sum(dZ3, axis=0)
    dZ2 = dZ3 @ W3.T{mask} * slope(Z2, f(Z2))
    dW2 = np.dot(A1.T, dZ2){decay2}
    db2 = dZ2.sum(axis=0)
    dZ1 = np.dot(dZ2, W2.T)
    dZ1 *= slope(Z1, A1)
    dW1 = X.T.dot(dZ1){decay1}
    db1 = np.sum(dZ1, axis=0)
"""
PROGRAM = """import numpy as np
from scipy.special import erf, expit, logsumexp, softmax

F = {axis}
M = np.array([[1.25], [0.0], [1.25]]){turned}
decay = 0.1


def f(Z):
    return {activation}


def slope(Z, A):
    return {slope}


def cost(W1, b1, W2, b2, W3, b3, X, Y):
    m = X.shape[{examples}]
{forward}    C = {cost}{over}{penalty}
    return C


def gradient(W1, b1, W2, b2, W3, b3, X, Y):
    m = X.shape[{examples}]
{forward}{backward}    return dW1, db1, dW2, db2, dW3, db3
"""


class Network(NamedTuple):
    """One program of the table."""

    activation: str
    cost: str
    rows: bool = False
    over: str = " / m"
    dropout: bool = False
    decayed: bool = False

    @property
    def source(self) -> str:
        activation, slope = ACTIVATIONS[self.activation]
        output, cost, delta = COSTS[self.cost]
        mask = " * M" if self.dropout else ""
        decays = {f"decay{k}": f" + decay * W{k}" if self.decayed else "" for k in (1, 2, 3)}
        forward, backward = (ROWS, ROWS_BACK) if self.rows else (COLUMNS, COLUMNS_BACK)
        squares = " + ".join(f"np.sum(W{k} ** 2)" for k in (1, 2, 3))
        return PROGRAM.format(
            axis=int(self.rows),
            examples=int(not self.rows),
            turned=".T" if self.rows else "",
            activation=activation,
            slope=slope,
            forward=forward.format(mask=mask, output=output),
            backward=backward.format(delta=delta, over=self.over, mask=mask, **decays),
            cost=cost,
            over=self.over,
            penalty=f" + 0.5 * decay * ({squares})" if self.decayed else "",
        )

    @property
    def arguments(self) -> list[Any]:
        """Examples: weights and biases, inputs, and targets of the kind that the cost asks for."""
        rng = np.random.default_rng(0)
        weights = [rng.normal(size=(3, 3)) for _ in range(3)]
        biases = [rng.normal(size=3 if self.rows else (3, 1)) for _ in range(3)]
        x, hot = rng.normal(size=(4, 3)), np.eye(3)[[0, 2, 1, 2]]
        y = hot if not COSTS[self.cost][0].startswith(("Z3", "np.tanh", "np.exp(Z3)")) else rng.normal(size=(4, 3))
        y = hot if self.cost in ("hinge", "logsumexp", "softmax clipped", "softmax") else y
        data = [x, y] if self.rows else [x.T.copy(), y.T.copy()]
        return [*itertools.chain(*zip(weights, biases, strict=True)), *data]


def networks() -> Iterator[Network]:
    """Every activation with every cost, in turn by columns, rows, means, sums, with dropout and with decay."""
    for n, (activation, cost) in enumerate(itertools.product(ACTIVATIONS, COSTS)):
        for k in range(4):
            bits = n + n // len(COSTS) + 4 * k
            yield Network(activation, cost, k % 2 == 1, "" if k > 1 else " / m", bits % 3 == 0, bits % 5 == 0)


# What goes wrong in one line of the backward pass: (what is there, what stands there instead), by columns and by rows
SLIPS = [
    (" * slope(Z2, f(Z2))", ""),
    ("    dZ1 *= slope(Z1, A1)\n", ""),
    ("slope(Z2, f(Z2))", "slope(Z1, A1)"),
    ("slope(Z1, A1)", "slope(Z2, f(Z2))"),
    ("slope(Z2, f(Z2))", "slope(f(Z2), f(f(Z2)))"),
    ("W3.T", "W3"),
    ("W2.T", "W2"),
    ("W3.T", "W2.T"),
    ("(W2.T, dZ2)", "(W3.T, dZ2)"),
    ("(dZ2, W2.T)", "(dZ2, W3.T)"),
    ("dZ3 @ A2.T", "dZ3 @ A1.T"),
    ("A2.T @ dZ3", "A1.T @ dZ3"),
    ("(dZ2, A1.T)", "(dZ2, A2.T)"),
    ("(A1.T, dZ2)", "(A2.T, dZ2)"),
    ("(dZ2, A1.T)", "(dZ2, Z1.T)"),
    ("(A1.T, dZ2)", "(Z1.T, dZ2)"),
    ("dZ1.dot(X.T)", "dZ1.dot(X.T).T"),
    ("X.T.dot(dZ1)", "X.T.dot(dZ1).T"),
    ("dZ1.dot(X.T)", "dZ2.dot(X.T)"),
    ("X.T.dot(dZ1)", "X.T.dot(dZ2)"),
    ("np.sum(dZ3, axis=1, keepdims=True)", "np.sum(dZ3)"),
    ("np.sum(dZ3, axis=0)", "np.sum(dZ3)"),
    ("np.sum(dZ1, axis=1, keepdims=True)", "np.sum(dZ2, axis=1, keepdims=True)"),
    ("np.sum(dZ1, axis=0)", "np.sum(dZ2, axis=0)"),
    ("dZ2.sum(", "dZ2.mean("),
    ("np.sum(dZ1", "2 * np.sum(dZ1"),
    ("    db2 = ", "    db2 = -"),
    ("dZ3 = (", "dZ3 = -("),
    ("dZ3 = (", "dZ3 = 2 * ("),
    ("    dW1 = ", "    dW1 = dW2 = "),
    ("    dW3 = ", "    dW3 = 1 / 4 * "),
    ("return dW1, db1", "return dW1, 0 * db1"),
    ("return dW1, db1, dW2, db2", "return dW2, db1, dW1, db2"),
    ("return dW1, db1, dW2, db2, dW3", "return dW1, db1, dW2, db2, W3"),
]
MORE_SLIPS = [  # of a mask or a decay, where there is one
    (" + decay * W2", ""),
    (" + decay * W1", " - decay * W1"),
    (" + decay * W3", " + 2 * decay * W3"),
    ("    db1 = ", "    db1 = decay * b1 + "),
    (" * M * slope", " * slope"),
]


def wrong(network: Network) -> Iterator[tuple[str, str]]:
    """(what was changed, the source) for each slip that can be made in this program's gradient."""
    head, mark, body = network.source.partition("def gradient")
    forward, start, backward = body.partition("    dZ3 = ")
    for old, new in SLIPS + MORE_SLIPS:
        if old in start + backward:
            yield f"{old.strip()} → {new.strip()}", head + mark + forward + (start + backward).replace(old, new, 1)


def is_the_same(network: Network, what: str) -> bool:
    """Whether the slip changes nothing: a slope that asks for the sign alone may ask it of f(Z), which has Z's."""
    return network.activation in SIGN_ONLY and what.startswith("slope(Z2, f(Z2)) → slope(f(Z2)")


_names = itertools.count()


def loaded(source: str) -> Any:
    """The names of a source that was never a file, as a notebook's cell is not."""
    path = f"<program {next(_names)}>"
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    module = types.ModuleType(path)
    exec(compile(source, path, "exec"), vars(module))
    return module
