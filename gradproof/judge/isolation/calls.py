"""Call somebody's code on a problem and return lists of NumPy arrays; anything else is a `SubmissionError`."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np

from gradproof.judge.isolation.signatures import has_sgd
from gradproof.judge.troubles import SubmissionError

# Bound now, because the code may replace NumPy's functions.
_asarray, _array, _shares_memory, _shape = np.asarray, np.array, np.shares_memory, np.shape
_byte_bounds, _argwhere = np.lib.array_utils.byte_bounds, np.argwhere
_Masked = np.ma.MaskedArray
Lists = list[list[Any]]
MOST = 1000  # arrays in one list, since a generator may never end
PARAMETERS = ("weights", "biases")
EXPECTED = "return (delta, grad_b, grad_w), (grad_b, grad_w) or (delta, grad_b, grad_w, zs, activations)"


def called(subject: Any, request: str, problem: Lists, eta: float, size: int) -> Lists:
    """Return the answer to one problem: the lists of a backprop, or those of `descended`."""
    weights, biases, (x,), (y,) = problem
    if request == "descent":
        return descended(_network(subject, problem), x, y, eta, size)
    if isinstance(subject, type):
        network = _network(subject, problem)
        returned = _with_its_own(network, lambda: unchanged(lambda: network.backprop(x, y), problem))
        return lists(returned, problem)
    returned = _in_order(problem, lambda: unchanged(lambda: subject(weights, biases, x, y), problem))
    return lists(returned, problem)


def _network(subject: Any, problem: Lists) -> Any:
    """Return the class's network with the problem's parameters."""
    weights, biases, *_ = problem
    sizes = [weights[0].size // biases[0].size, *(b.size for b in biases)]
    network = subject(sizes)
    if missing := [name for name in PARAMETERS if not hasattr(network, name)]:
        _reads(subject(sizes), missing, problem)
    network.weights, network.biases = weights, biases
    return network


def _reads(network: Any, missing: Sequence[str], problem: Lists) -> None:
    """Raise SubmissionError if backprop runs without the missing attributes and has such arrays under other names."""
    given = dict(zip(PARAMETERS, problem, strict=False))
    for name in set(PARAMETERS) - set(missing):
        setattr(network, name, [array.copy() for array in given[name]])
    sizes = [[array.size for array in given[name]] for name in missing]
    attributes = getattr(network, "__dict__", {})
    others = [name for name in attributes if name not in PARAMETERS and _sizes(attributes[name]) in sizes]
    try:
        network.backprop(*(part[0].copy() for part in problem[2:]))
    except Exception:  # it reads them, or the shapes do not fit, which another call shows
        return
    if others:
        said = f"attribute{'s' * (len(missing) > 1)} {' and '.join(missing)} that backprop reads"
        said += f"; rename yours (it has {' and '.join(sorted(others))})"
        raise SubmissionError("unread", f"{type(network).__name__} has no {said}")


def _sizes(value: Any) -> list[int] | None:
    """Return the size of each array in a list of arrays, or None for anything else."""
    return [each.size for each in value if hasattr(each, "size")] if isinstance(value, (list, tuple)) else None


def unchanged(call: Callable[[], Any], problem: Lists) -> Any:
    """Return what the call returns; raise SubmissionError if it changes its arguments."""
    names = [f"{kind}{j + 1}" for kind, part in zip("wb", problem, strict=False) for j in range(len(part))] + ["x", "y"]
    arguments = [array for part in problem for array in part]
    before = [array.tobytes() for array in arguments]
    result = call()
    for name, array, copy in zip(names, arguments, before, strict=True):
        if array.tobytes() != copy:
            raise SubmissionError("mutation", f"changes its argument {name}; work on a copy")
    return result


def _in_order(problem: Lists, call: Callable[[], Any]) -> Any:
    """Return what the call returns; raise SubmissionError if the lists of parameters no longer hold the same arrays."""
    before = [list(part) for part in problem]
    result = call()
    for name, part, kept in zip(PARAMETERS, problem, before, strict=False):
        if len(part) != len(kept) or any(one is not other for one, other in zip(part, kept, strict=True)):
            raise SubmissionError("mutation", f"changes its argument {name}, a list; work on a copy")
    return result


def _with_its_own(network: Any, call: Callable[[], Any]) -> Any:
    """Return what the call returns; raise SubmissionError if the network's weights or biases have other values then."""
    before = {name: _values(network, name) for name in PARAMETERS}
    result = call()
    for name, values in before.items():
        if values is not None and _values(network, name) != values:
            raise SubmissionError("mutation", f"backprop changes self.{name}; only the update should")
    return result


def _values(network: Any, name: str) -> Any:
    """Return each array's shape, dtype and bytes, or None if the class keeps something that NumPy cannot read."""
    with suppress(Exception):
        return [(array.shape, array.dtype, array.tobytes()) for array in map(_asarray, getattr(network, name))]
    return None


def lists(returned: Any, problem: Lists) -> Lists:
    """Return what was returned as lists of NumPy arrays; raise SubmissionError if it cannot be an answer."""
    if not isinstance(returned, (tuple, list)) or len(returned) not in (2, 3, 5):
        what = f"{len(returned)} values" if isinstance(returned, (tuple, list)) else type(returned).__name__
        raise SubmissionError("shape", f"returns {what}; {EXPECTED}")
    parts = [list(islice(part, MOST)) if hasattr(part, "__iter__") else [part] for part in returned]
    if any(isinstance(item, _Masked) for part in parts for item in part):
        raise SubmissionError("dtype", "returns a masked array; return plain arrays, with a number in every element")
    try:
        result = [[_asarray(item) for item in part] for part in parts]
    except ValueError as error:
        raise SubmissionError("shape", f"returns something that is not an array ({error}); {EXPECTED}") from None
    for part in result:
        for array in part:
            if array.dtype.kind not in "fiub":
                raise SubmissionError("dtype", f"returns {array.dtype}, should return numbers")
    _own_memory([array for part in result[-2 if len(result) < 5 else 1 :][:2] for array in part if array.size], problem)
    if len(result) == 5:
        for layer, (z, a) in enumerate(zip(result[3], result[4][1:], strict=False), start=1):
            if z.size and _shares_memory(z, a):
                said = f"z{layer} and a{layer} are the same array: σ was taken in place, and z is lost"
                raise SubmissionError("mutation", said)
    return [[_native(array) for array in part] for part in result]


def _native(array: Any) -> Any:
    """Return the numbers in this machine's byte order. Another order is not another number."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _own_memory(gradients: Sequence[Any], problem: Lists) -> None:
    """Raise SubmissionError if a gradient shares memory with another or with an argument.

    NumPy is only asked about pairs whose address ranges overlap, because an endless list has a million pairs.
    """
    count, arrays = len(gradients), [*gradients, *(argument for part in problem for argument in part)]
    low, high = _array([_byte_bounds(array) for array in arrays]).T
    for i, j in _argwhere((low[:count, None] < high) & (low < high[:count, None])):
        if (j < i or j >= count) and _shares_memory(arrays[i], arrays[j]):
            said = "returns a gradient that is a view of one of its arguments; copy it"
            if j < count:
                said = "returns two gradients that share memory, as [zeros] * L does; copy them"
            raise SubmissionError("mutation", said)


def descended(network: Any, x: Any, y: Any, eta: float, size: int) -> Lists:
    """Run one epoch of a class's SGD in mini-batches of `size`, or of its update_mini_batch if no SGD calls that.

    x and y are stacks of examples. Return four lists: the parameters before and those after each mini-batch, weights
    before biases; then the places of its examples in x and in y, −1 for any that is not in the data.
    """
    own, seen = network.update_mini_batch, Lists(([], [], [], []))

    def parameters() -> list[Any]:
        return [_native(_array(array)) for array in (*network.weights, *network.biases)]

    def watched(batch: Any, *others: Any, **named: Any) -> Any:
        batch = batch if hasattr(batch, "__len__") else list(batch)  # an iterator can be read only once
        before, pairs = parameters(), [(example[0], example[1]) for example in batch]
        result = own(batch, *others, **named)
        seen[0] += before
        seen[1] += parameters()
        seen[2].append(_array([_place(pair[0], x) for pair in pairs], int))
        seen[3].append(_array([_place(pair[1], y) for pair in pairs], int))
        return result

    network.update_mini_batch = watched
    data = list(zip([v.copy() for v in x], [v.copy() for v in y], strict=True))
    if has_sgd(type(network)):
        network.SGD(data, 1, size, eta)
    if not seen[2]:
        for start in range(0, len(data), size):
            network.update_mini_batch(data[start : start + size], eta)
    return seen


def _place(array: Any, among: Sequence[Any]) -> int:
    """Return the index of the array among the others, or −1."""
    return next((i for i, one in enumerate(among) if _shape(array) == one.shape and (array == one).all()), -1)
