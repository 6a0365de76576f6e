"""Networks written by a table, of random activations, costs, layouts and forms: right, or with one planted slip."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from textwrap import indent
from typing import NamedTuple

ACTIVATIONS = {  # of Z; the slope, of Z and A
    "sigmoid": ("1 / (1 + np.exp(-Z))", "A * (1 - A)"),
    "tanh": ("np.tanh(Z)", "1 - A ** 2"),
    "relu": ("np.maximum(0, Z)", "(Z > 0)"),
    "leaky": ("np.where(Z > 0, Z, 0.01 * Z)", "np.where(Z > 0, 1, 0.01)"),
    "softplus": ("np.log(1 + np.exp(Z))", "1 / (1 + np.exp(-Z))"),
    "swish": ("Z / (1 + np.exp(-Z))", "(1 + np.exp(-Z) * (1 + Z)) / (1 + np.exp(-Z)) ** 2"),
}
OUTPUTS = {  # the output of Z, its cost, ∂C/∂Z
    "linear": ("Z", "0.5 * np.sum((A - y) ** 2)", "A - y"),
    "sigmoid": ("1 / (1 + np.exp(-Z))", "0.5 * np.sum((A - y) ** 2)", "(A - y) * A * (1 - A)"),
    "tanh": ("np.tanh(Z)", "np.sum((y - A) ** 2)", "-2 * (y - A) * (1 - A ** 2)"),
    "binary": ("1 / (1 + np.exp(-Z))", "-np.sum(y * np.log(A) + (1 - y) * np.log(1 - A))", "A - y"),
    "softmax": ("np.exp(Z) / np.exp(Z).sum(axis=F, keepdims=True)", "-np.sum(y * np.log(A))", "A - y"),
}
FORMS = ("class", "class in parts", "functions", "dictionaries", "script")
SLIPS = ("transposed", "no slope", "slope of another layer", "sign", "factor", "too early")


class Plan(NamedTuple):
    """A network, and how it is written."""

    hidden: Sequence[str]
    output: str
    rows: bool
    form: str
    costs: bool  # whether it computes its cost
    mean: bool
    upwards: bool  # whether what is added points downhill

    @property
    def layers(self) -> int:
        return len(self.hidden) + 1


class Slip(NamedTuple):
    """What is wrong, and in which layer."""

    kind: str
    layer: int
    array: str = "W"


def slips(plan: Plan) -> Iterator[Slip]:
    """All that can be planted in it."""
    layers, several = range(1, plan.layers + 1), len(plan.hidden) > 1
    for layer in layers:
        for array in "Wb":
            yield Slip("sign", layer, array)
            yield Slip("factor", layer, array)
    for layer in layers[:-1]:
        yield Slip("no slope", layer)
        if plan.form in ("class", "script"):
            yield Slip("too early", layer + 1)
    if several:
        yield Slip("transposed", 2)  # all hidden layers have one width
        other = plan.hidden[0] != plan.hidden[1]
        yield Slip("slope of another layer", 1 + other)


def spoiled(slip: Slip) -> set[str]:
    """Which arrays of parameters it moves wrongly."""
    if slip.kind in ("sign", "factor"):
        return {f"{slip.array}{slip.layer}"}
    last = slip.layer - (slip.kind in ("transposed", "too early"))
    return {f"{array}{layer}" for layer in range(1, last + 1) for array in "Wb"}


def written(plan: Plan, slip: Slip | None = None) -> str:
    """The source."""
    return "import numpy as np\n\n\n" + {
        "class": _class, "class in parts": _parts, "functions": _functions, "dictionaries": _dictionaries,
        "script": _script,
    }[plan.form](plan, slip)  # fmt: skip


def _put(expression: str, layer: int, plan: Plan) -> str:
    """An expression of Z and A for a layer."""
    for name, word in (("Z", f"z{layer}"), ("A", f"a{layer}"), ("F", "1" if plan.rows else "0")):
        expression = "".join(
            word if letter == name and not _inside(expression, place) else letter
            for place, letter in enumerate(expression)
        )
    return expression


def _inside(text: str, place: int) -> bool:
    around = text[place - 1 : place] + text[place + 1 : place + 2]
    return any(letter.isalnum() or letter == "_" for letter in around)


def forward(plan: Plan, owner: str = "{}") -> list[str]:
    """Of x, by parameters that are named so."""
    lines = []
    for layer in range(1, plan.layers + 1):
        w, b, a = owner.format(f"W{layer}"), owner.format(f"b{layer}"), f"a{layer - 1}" if layer > 1 else "x"
        lines.append(f"z{layer} = {f'{a} @ {w}' if plan.rows else f'{w} @ {a}'} + {b}")
        last = layer == plan.layers
        f = OUTPUTS[plan.output][0] if last else ACTIVATIONS[plan.hidden[layer - 1]][0]
        lines.append(f"a{layer} = {_put(f, layer, plan)}")
    return lines


def cost(plan: Plan) -> str:
    """Of a and y."""
    return _put(OUTPUTS[plan.output][1], plan.layers, plan) + f" / y.shape[{0 if plan.rows else 1}]" * plan.mean


def backward(plan: Plan, slip: Slip | None, owner: str = "{}") -> list[str]:
    """Of all that forward has named: d…, dW…, db…; with an update on the way, if that is the slip."""
    slip = slip or Slip("", 0)
    m = f" / y.shape[{0 if plan.rows else 1}]" * plan.mean
    lines = [f"d{plan.layers} = ({_put(OUTPUTS[plan.output][2], plan.layers, plan)}){m}"]
    for layer in range(plan.layers, 0, -1):
        d, a, w = f"d{layer}", f"a{layer - 1}" if layer > 1 else "x", owner.format(f"W{layer}")
        arrays = {
            "W": f"{a}.T @ {d}" if plan.rows else f"{d} @ {a}.T",
            "b": f"{d}.sum(axis=0)" if plan.rows else f"{d}.sum(axis=1, keepdims=True)",
        }
        for array, text in arrays.items():
            if slip[1:] == (layer, array):
                text = f"-{text}" if slip.kind == "sign" else f"2 * {text}" if slip.kind == "factor" else text
            lines.append(f"d{array}{layer} = {text}")
        if slip[:2] == ("too early", layer):
            lines.append(step(plan, f"W{layer}", owner))
        if layer > 1:
            turned = w if slip[:2] == ("transposed", layer) else f"{w}.T"
            behind = layer - 1
            other = behind % len(plan.hidden) + 1 if slip[:2] == ("slope of another layer", behind) else behind
            slope = f" * ({_put(ACTIVATIONS[plan.hidden[behind - 1]][1], other, plan)})"
            if slip[:2] == ("no slope", behind):
                slope = ""
            lines.append(f"d{behind} = ({f'{d} @ {turned}' if plan.rows else f'{turned} @ {d}'}){slope}")
    return lines


def step(plan: Plan, name: str, owner: str = "{}", gradient: str = "d{}") -> str:
    g = gradient.format(name)
    return f"{owner.format(name)} += 0.1 * -{g}" if plan.upwards else f"{owner.format(name)} -= 0.1 * {g}"


def names(plan: Plan) -> list[str]:
    return [f"{array}{layer}" for layer in range(1, plan.layers + 1) for array in "Wb"]


def updates(plan: Plan, slip: Slip | None, owner: str = "{}", gradient: str = "d{}") -> list[str]:
    early = f"W{slip.layer}" if slip is not None and slip.kind == "too early" else ""
    return [step(plan, name, owner, gradient) for name in names(plan) if name != early]


def made(plan: Plan, owner: str, sizes: Sequence[str] = ("n_in", "n_hidden", "n_out")) -> list[str]:
    widths = [sizes[0], *[sizes[1]] * len(plan.hidden), sizes[2]]
    lines = []
    for layer, (n, k) in enumerate(pairwise(widths), start=1):
        shape = f"{n}, {k}" if plan.rows else f"{k}, {n}"
        lines.append(f"{owner.format(f'W{layer}')} = np.random.randn({shape})")
        lines.append(f"{owner.format(f'b{layer}')} = np.zeros({k if plan.rows else f'({k}, 1)'})")
    return lines


def _def(head: str, lines: Sequence[str]) -> str:
    return f"def {head}:\n" + indent("\n".join(lines), "    ") + "\n\n\n"


def _class(plan: Plan, slip: Slip | None) -> str:
    own = "self.{}"
    body = [*forward(plan, own), *backward(plan, slip, own), *updates(plan, slip, own)]
    body += [f"loss = {cost(plan)}", "return loss"] if plan.costs else []
    methods = _def("__init__(self, n_in, n_hidden, n_out)", made(plan, own)) + _def("train(self, x, y)", body)
    return "class Net:\n" + indent(methods, "    ")


def _parts(plan: Plan, slip: Slip | None) -> str:
    own, seen = "self.{}", [f"{name}{layer}" for layer in range(1, plan.layers + 1) for name in "za"]
    kept = [f"self.{', self.'.join(seen)} = {', '.join(seen)}", f"return a{plan.layers}"]
    again = f"{', '.join(seen)} = self.{', self.'.join(seen)}"
    gradients = [f"self.d{name} = d{name}" for name in names(plan)]
    methods = _def("__init__(self, n_in, n_hidden, n_out)", made(plan, own))
    methods += _def("forward(self, x)", [*forward(plan, own), *kept])
    methods += _def("backward(self, x, y)", [again, *backward(plan, slip, own), *gradients])
    methods += _def("update(self)", updates(plan, slip, own, "self.d{}"))
    if plan.costs:
        methods += _def("cost(self, x, y)", [f"a{plan.layers} = self.forward(x)", f"return {cost(plan)}"])
    return "class Net:\n" + indent(methods, "    ")


def _functions(plan: Plan, slip: Slip | None) -> str:
    all_of_them = ", ".join(names(plan))
    seen = ", ".join(f"{name}{layer}" for layer in range(1, plan.layers + 1) for name in "za")
    gradients = ", ".join(f"d{name}" for name in names(plan))
    text = _def("init_params(n_in, n_hidden, n_out)", [*made(plan, "{}"), f"return {all_of_them}"])
    text += _def(f"forward_prop({all_of_them}, x)", [*forward(plan), f"return {seen}"])
    text += _def(f"backward_prop({seen}, {all_of_them}, x, y)", [*backward(plan, slip), f"return {gradients}"])
    moved = [line.replace(" -= ", f" = {line.split()[0]} - ").replace(" += ", f" = {line.split()[0]} + ")
             for line in updates(plan, slip)]  # fmt: skip
    text += _def(f"update_params({all_of_them}, {gradients})", [*moved, f"return {all_of_them}"])
    if plan.costs:
        text += _def(f"compute_cost(a{plan.layers}, y)", [f"return {cost(plan)}"])
    return text


def _dictionaries(plan: Plan, slip: Slip | None) -> str:
    own, gradient = "parameters['{}']", "grads['d{}']"
    seen = [f"{name}{layer}" for layer in range(1, plan.layers + 1) for name in "za"]
    kept = ", ".join(f"'{name}': {name}" for name in seen)
    gradients = ", ".join(f"'d{name}': d{name}" for name in names(plan))
    text = _def("initialize_parameters(n_x, n_h, n_y)",
                ["parameters = {}", *made(plan, own, ("n_x", "n_h", "n_y")), "return parameters"])  # fmt: skip
    text += _def("forward_propagation(x, parameters)",
                 [*forward(plan, own), f"cache = {{{kept}}}", f"return a{plan.layers}, cache"])  # fmt: skip
    again = [f"{name} = cache['{name}']" for name in seen]
    body = [*again, *backward(plan, slip, own), f"grads = {{{gradients}}}", "return grads"]
    text += _def("backward_propagation(parameters, cache, x, y)", body)
    text += _def("update_parameters(parameters, grads)", [*updates(plan, slip, own, gradient), "return parameters"])
    if plan.costs:
        text += _def(f"compute_cost(a{plan.layers}, y)", [f"return {cost(plan)}"])
    return text


def _script(plan: Plan, slip: Slip | None) -> str:
    targets = "np.eye(3)[[0, 1, 2, 1, 0, 2]]"
    data = ["x = np.random.randn(6, 4)" + ".T" * (not plan.rows), f"y = {targets}" + ".T" * (not plan.rows)]
    body = [*forward(plan), *backward(plan, slip), *updates(plan, slip)]
    body += [f"loss = {cost(plan)}", "print(loss)"] if plan.costs else []
    lines = ["np.random.seed(1)", *data, *made(plan, "{}", ("4", "5", "3")), "for epoch in range(1000):"]
    return "\n".join(lines) + "\n" + indent("\n".join(body), "    ") + "\n"
