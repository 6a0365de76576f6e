"""Mistakes planted in whole programs: three networks, each in three forms, with the rows of the known ways to go wrong.

A row changes some lines of a right program. What counts as its line is where the text changes; where a line is left
out, its neighbours count as well.
"""

from collections.abc import Iterator
from typing import NamedTuple

FUNCTIONS = {
    "sigmoid": """\
def act(z):
    return 1 / (1 + np.exp(-z))


def act_prime(z):
    return act(z) * (1 - act(z))


out, out_prime = act, act_prime
""",
    "tanh": """\
def act(z):
    return np.tanh(z)


def act_prime(z):
    return 1 - np.tanh(z) ** 2


out, out_prime = act, act_prime
""",
    "relu": """\
def act(z):
    return np.maximum(z, 0)


def act_prime(z):
    return (z > 0).astype(float)


def out(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
""",
}
COSTS = {  # of one example, and dZ3
    "sigmoid": ("0.5 * np.sum((A3 - Y) ** 2)", "(A3 - Y) * out_prime({Z3})"),
    "tanh": ("np.sum((A3 - Y) ** 2)", "2 * (A3 - Y) * out_prime({Z3})"),
    "relu": ("-np.sum(Y * np.log(A3))", "A3 - Y"),
}
_FORWARD = """
{Z1} = X @ {W1} + {b1}
{A1} = act({Z1})
{Z2} = {A1} @ {W2} + {b2}
{A2} = act({Z2})
{Z3} = {A2} @ {W3} + {b3}
A3 = out({Z3})
"""
_BACKWARD = """
dZ3 = {slope}
{dW3} = {A2}.T @ dZ3 / m
{db3} = np.sum(dZ3, axis=0, keepdims=True) / m
dA2 = dZ3 @ {W3}.T
dZ2 = dA2 * act_prime({Z2})
{dW2} = {A1}.T @ dZ2 / m
{db2} = np.sum(dZ2, axis=0, keepdims=True) / m
dA1 = dZ2 @ {W2}.T
dZ1 = dA1 * act_prime({Z1})
{dW1} = X.T @ dZ1 / m
{db1} = np.sum(dZ1, axis=0, keepdims=True) / m
"""
_UPDATE = "".join(f"{{{name}{k}}} -= lr * {{d{name}{k}}}\n" for k in (1, 2, 3) for name in ("W", "b"))
_CLASS = """
class Net:
    def __init__(self, n_in, n, n_out):
        self.W1, self.b1 = np.random.randn(n_in, n), np.zeros((1, n))
        self.W2, self.b2 = np.random.randn(n, n), np.zeros((1, n))
        self.W3, self.b3 = np.random.randn(n, n_out), np.zeros((1, n_out))

    def train(self, images, Y, lr=0.1):
        m = images.shape[0]
        X = images / 255.0{forward}        self.cost = {cost} / m{backward}{update}"""
_DICT = """
def initialise(n_in, n, n_out):
    return {{
        'W1': np.random.randn(n_in, n), 'b1': np.zeros((1, n)),
        'W2': np.random.randn(n, n), 'b2': np.zeros((1, n)),
        'W3': np.random.randn(n, n_out), 'b3': np.zeros((1, n_out)),
    }}


def forward(p, X):
    c = {{}}{forward}    return A3, c


def cost(A3, Y):
    return {cost} / len(Y)


def backward(p, c, A3, X, Y):
    g = {{}}
    m = len(Y){backward}    return g


def update(p, g, lr):{update}

def train(images, Y, p, lr=0.1, steps=100):
    X = images / 255.0
    for step in range(steps):
        A3, c = forward(p, X)
        print(cost(A3, Y))
        g = backward(p, c, A3, X, Y)
        update(p, g, lr)


if __name__ == "__main__":
    images, Y = np.random.rand(6, 4) * 255, np.eye(3)[np.random.randint(3, size=6)]
    train(images, Y, initialise(4, 5, 3))
"""
_LOOP = """
class Network:
    def __init__(self, sizes):
        self.weights = [np.random.randn(n, k) for n, k in zip(sizes[:-1], sizes[1:])]
        self.biases = [np.zeros((1, k)) for k in sizes[1:]]

    def train(self, images, Y, lr=0.1):
        m = images.shape[0]
        activations, zs = [images / 255.0], []
        for i in range(len(self.weights)):
            zs.append(activations[-1] @ self.weights[i] + self.biases[i])
            activations.append(out(zs[-1]) if i == len(self.weights) - 1 else act(zs[-1]))
        A3 = activations[-1]
        self.cost = {cost} / m
        delta = {slope}
        dW, db = [None] * len(self.weights), [None] * len(self.weights)
        for i in reversed(range(len(self.weights))):
            dW[i] = activations[i].T @ delta / m
            db[i] = np.sum(delta, axis=0, keepdims=True) / m
            if i > 0:
                back = delta @ self.weights[i].T
                delta = back * act_prime(zs[i - 1])
        for i in range(len(self.weights)):
            self.weights[i] -= lr * dW[i]
            self.biases[i] -= lr * db[i]


if __name__ == "__main__":
    net = Network([4, 5, 5, 3])
    for step in range(100):
        net.train(np.random.rand(6, 4) * 255, np.eye(3)[np.random.randint(3, size=6)])
"""
FORMS = ("class", "dict", "loop")


def right(form: str, network: str) -> str:
    """The program as it should be."""
    cost, slope = COSTS[network]
    head = f"import numpy as np\n\n\n{FUNCTIONS[network]}\n"
    words = _words(form)
    slope = slope.format(**words)
    if form == "loop":
        return head + _LOOP.format(cost=cost, slope=slope)
    indent, whole = (8, _CLASS) if form == "class" else (4, _DICT)
    forward, update = (_indented(text.format(**words), indent) for text in (_FORWARD, _UPDATE))
    backward = _indented(_BACKWARD.format(slope=slope, **words), indent)
    return head + whole.format(forward=forward, backward=backward, update=update.rstrip("\n") + "\n", cost=cost)


def _words(form: str) -> dict[str, str]:
    """How the arrays of a form are written."""
    names = [f"{kind}{k}" for k in (1, 2, 3) for kind in ("W", "b", "Z", "A", "dW", "db")]
    if form == "class":
        return {name: f"self.{name}" if name[0] in "Wb" else name for name in names}
    if form == "loop":
        return {"Z3": "zs[-1]"}
    return {name: f"{'p' if name[0] in 'Wb' else 'g' if name[0] == 'd' else 'c'}['{name}']" for name in names}


def _indented(text: str, indent: int) -> str:
    return "\n" + "".join(f"{'':{indent}}{line}\n" for line in text.strip().splitlines())


OUTPUTS = {  # what is written for dZ3, which has a slope
    "1": "A3 - Y", "2": "(A3 - Y) * out_prime(A3)", "8": "(Y - A3) * out_prime({Z3})", "45": "(A3 - Y) * (1 - {Z3})",
}  # fmt: skip
ROWS = (  # number, what is right, what is written; "" is left out
    ("4", "dZ2 = dA2 * act_prime({Z2})", "dZ2 = dA2 * act_prime({A2})"),
    ("5", "dZ2 = dA2 * act_prime({Z2})", "dZ2 = dA2"),
    ("5 in layer 1", "dZ1 = dA1 * act_prime({Z1})", "dZ1 = dA1"),
    ("6", "dA2 = dZ3 @ {W3}.T", "dA2 = (A3 - Y) @ {W3}.T"),
    ("7", "dA1 = dZ2 @ {W2}.T", "dA1 = dZ2"),
    ("8 of b", "{b2} -= lr * {db2}", "{b2} += lr * {db2}"),
    ("8 of W", "{W2} -= lr * {dW2}", "{W2} += lr * {dW2}"),
    ("8 hidden", "dA1 = dZ2 @ {W2}.T", "dA1 = -dZ2 @ {W2}.T"),
    ("9 hidden", "dZ2 = dA2 * act_prime({Z2})", "dZ2 = 2 * dA2 * act_prime({Z2})"),
    ("9 of W", "{dW2} = {A1}.T @ dZ2 / m", "{dW2} = 2 * {A1}.T @ dZ2 / m"),
    ("11", "dA1 = dZ2 @ {W2}.T", "dA1 = dZ2 @ {W2}"),
    ("12", "dA1 = dZ2 @ {W2}.T", "dA1 = dZ3 @ {W3}.T"),
    ("13", "{dW2} = {A1}.T @ dZ2 / m", "{dW2} = {A2}.T @ dZ2 / m"),
    ("15", "{dW1} = X.T @ dZ1 / m", "{dW1} = (255 * X).T @ dZ1 / m"),
    ("19", "{b2} -= lr * {db2}", ""),
    ("19 as 0", "{db2} = np.sum(dZ2, axis=0, keepdims=True) / m", "{db2} = np.zeros_like({b2})"),
    ("20", "{db2} = np.sum(dZ2, axis=0, keepdims=True) / m", "{db2} = np.sum(dZ2) / m"),
    ("21", "{db2} = np.sum(dZ2, axis=0, keepdims=True) / m", "{db2} = dZ2 / m"),
    ("22 of b", "{db2} = np.sum(dZ2, axis=0, keepdims=True) / m", "{db2} = np.sum(dZ2, axis=0, keepdims=True)"),
    ("22 of W", "{dW2} = {A1}.T @ dZ2 / m", "{dW2} = {A1}.T @ dZ2"),
    ("23", "{db2} = np.sum(dZ2, axis=0, keepdims=True) / m", "{db2} = np.sum(dZ2, axis=1, keepdims=True) / m"),
    ("27", "{dW2} = {A1}.T @ dZ2 / m", "{dW2} = {A1}.T @ dZ2 / 32"),
    ("49 of W", "{W1} -= lr * {dW1}", ""),
    ("49", "{W1} -= lr * {dW1}\n{b1} -= lr * {db1}", "\n"),
    ("49 of the last", "{W3} -= lr * {dW3}\n{b3} -= lr * {db3}", "\n"),
    ("50", "{dW2} = {A1}.T @ dZ2 / m", "{dW2} = {A1}.T @ dZ2 / m + 0.01 * {W2}"),
    ("50 of b", "{b2} -= lr * {db2}", "{b2} -= lr * ({db2} + 0.1 * {b2})"),
    ("52", "{W2} -= lr * {dW2}", "{W2} -= {dW2}"),
    ("52 by m", "{W2} -= lr * {dW2}", "{W2} -= lr * len(Y) * {dW2}"),
    ("mask of another layer", "dZ2 = dA2 * act_prime({Z2})", "dZ2 = dA2 * act_prime({Z1})"),
    ("slope of the other", "dZ1 = dA1 * act_prime({Z1})", "dZ1 = dA1 * {A1} * (1 - {A1} ** 2)"),
    ("gradient of the other", "{W2} -= lr * {dW2}", "{W2} -= lr * {dW2}.T"),
)
RIGHT = {("4", "relu"), ("6", "relu")}  # no mistake: relu′(a) is relu′(z), and δ of softmax is a − y
LOOP_ROWS = (
    ("4", "delta = back * act_prime(zs[i - 1])", "delta = back * act_prime(activations[i])"),
    ("5", "delta = back * act_prime(zs[i - 1])", "delta = back"),
    ("6", "back = delta @ self.weights[i].T", "back = (A3 - Y) @ self.weights[i].T"),
    ("7", "back = delta @ self.weights[i].T", "back = delta"),
    ("8 of b", "self.biases[i] -= lr * db[i]", "self.biases[i] += lr * db[i]"),
    ("8 hidden", "delta = back * act_prime(zs[i - 1])", "delta = -back * act_prime(zs[i - 1])"),
    ("9 hidden", "delta = back * act_prime(zs[i - 1])", "delta = 2 * back * act_prime(zs[i - 1])"),
    ("9 of W", "dW[i] = activations[i].T @ delta / m", "dW[i] = 2 * activations[i].T @ delta / m"),
    ("11", "back = delta @ self.weights[i].T", "back = delta @ self.weights[i]"),
    ("12", "back = delta @ self.weights[i].T", "back = delta @ self.weights[i - 1].T"),
    ("13", "dW[i] = activations[i].T @ delta / m", "dW[i] = activations[i + 1].T @ delta / m"),
    ("19", "self.biases[i] -= lr * db[i]", ""),
    ("20", "db[i] = np.sum(delta, axis=0, keepdims=True) / m", "db[i] = np.sum(delta) / m"),
    ("21", "db[i] = np.sum(delta, axis=0, keepdims=True) / m", "db[i] = delta / m"),
    ("22 of b", "db[i] = np.sum(delta, axis=0, keepdims=True) / m", "db[i] = np.sum(delta, axis=0, keepdims=True)"),
    ("22 of W", "dW[i] = activations[i].T @ delta / m", "dW[i] = activations[i].T @ delta"),
    ("23", "db[i] = np.sum(delta, axis=0, keepdims=True) / m", "db[i] = np.sum(delta, axis=1, keepdims=True) / m"),
    ("27", "dW[i] = activations[i].T @ delta / m", "dW[i] = activations[i].T @ delta / 32"),
    ("49", "for i in range(len(self.weights)):\nself.weights[i] -= lr * dW[i]",
     "for i in range(1, len(self.weights)):\n    self.weights[i] -= lr * dW[i]"),
    ("49 of the last", "for i in range(len(self.weights)):\nself.weights[i] -= lr * dW[i]",
     "for i in range(len(self.weights) - 1):\n    self.weights[i] -= lr * dW[i]"),
    ("52", "self.weights[i] -= lr * dW[i]", "self.weights[i] -= dW[i]"),
    ("mask of another layer", "delta = back * act_prime(zs[i - 1])", "delta = back * act_prime(zs[i])"),
)  # fmt: skip


class Planted(NamedTuple):
    """A program with a mistake in it, and the line at which it is."""

    name: str
    source: str
    line: int
    is_missing: bool  # the line is left out: its neighbours may be told as well

    @property
    def lines(self) -> set[int]:
        """Those that may be told."""
        return set(range(self.line - 2, self.line + 3)) if self.is_missing else {self.line}


def planted(form: str, network: str) -> Iterator[Planted]:
    """Every row that fits this program."""
    source, words = right(form, network), _words(form)
    slope = COSTS[network][1].format(**words)
    target = "delta" if form == "loop" else "dZ3"
    outputs = {"1": "(A3 - Y) * A3 * (1 - A3)"} if network == "relu" else OUTPUTS
    rows = [(name, f"{target} = {slope}", f"{target} = {new.format(**words)}") for name, new in outputs.items()]
    rows += (
        LOOP_ROWS if form == "loop" else [(name, old.format(**words), new.format(**words)) for name, old, new in ROWS]
    )
    for name, old, new in rows:
        if (name, network) not in RIGHT and old != new:
            yield Planted(f"{form} {network} {name}", *_changed(source, old, new), not new.strip())
    if form == "class":
        early, late = "self.W2 -= lr * dW2", "dA1 = dZ2 @ self.W2.T"
        moved, line = _changed(_changed(source, early, "pass")[0], late, f"{early}\n{late}")
        yield Planted(f"class {network} 29", moved, line, False)


def _changed(source: str, old: str, new: str) -> tuple[str, int]:
    """The source with some lines of it changed, and the number of the first; their indentation stays."""
    lines, wanted = source.splitlines(), old.splitlines()
    (first,) = (
        k for k in range(len(lines)) if [line.strip() for line in lines[k : k + len(wanted)]] == wanted
    )  # fmt: skip
    indent = lines[first].removesuffix(wanted[0])
    changed = [indent + line if line else "" for line in new.splitlines() or [""]]
    return "\n".join([*lines[:first], *changed, *lines[first + len(wanted) :]]) + "\n", first + 1
