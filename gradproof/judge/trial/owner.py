"""The object whose methods are judged: its arrays, and the gradients that it keeps beside them."""

import re
from collections.abc import Container, Iterable
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray, exact
from gradproof.exact.numbers import Number
from gradproof.exact.sweeps import computed_from, push_along
from gradproof.judge.trial.arguments import leaves, numbers_of

STATE = ("m", "v", "s", "vel", "mom", "cache", "accum")  # names, or how names begin, of an optimizer's arrays

_GRADIENTS = re.compile(r"(?i)grad")  # in the name of a container of gradients
_CONTAINER = re.compile(r"(?i)d?_?params?|d?_?parameters|(?:d_)?grad(?:ient)?s?|gradparams|data|val(?:ue)?s?")
_OF = re.compile(  # what the name of a gradient has besides the name of the array
    r"^(?:gradients?_?(?:of_)?|grads?_?|delta_?|nabla_?|d[a-z]*_d|d[cjle]_?d|d_?|g_?)(?=\w)|_?grad(?:ient)?s?$"
)


def arrays_of(owner: Any) -> dict[str, Any]:
    """Return the attributes that hold float arrays, bare or in lists and dicts."""
    return {
        name: value
        for name, value in vars(owner).items()
        if any(isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f" for _, leaf in leaves(value, name))
    }


def is_state(name: str, value: Any) -> bool:
    """Whether this looks like an optimizer's state before its first step: named so, and 0."""
    zero = all(not np.any(leaf) for _, leaf in leaves(value, name) if isinstance(leaf, np.ndarray))
    return zero and _named_as_state(name)


def _named_as_state(name: str) -> bool:
    plain = name.strip("_")  # a V may be a weight
    return any(plain == word if len(word) == 1 else plain.lower().startswith(word) for word in STATE)


def steering(given: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Return the attributes from which others of a step's arrays are moved, element by element, as from a velocity.

    Attributes that the step does not read are returned as well, such as those that it keeps gradients in. Single
    numbers count only beside larger arrays, since a bias that is moved first may look like them.
    """
    pairs = [(name, a, b) for name in given for a, b in zip(_exact(given[name]), _exact(after[name]), strict=False)]
    read = {x.index for x in computed_from([x for _, _, new in pairs for x in numbers_of(new)])}
    found = list[tuple[str, int]]()
    for name in given:
        own = [(old, new) for other, old, new in pairs if other == name]
        others = [(old, new) for other, old, new in pairs if other != name]
        if own and not any(x.index in read for old, _ in own for x in numbers_of(old)):
            found.append((name, 2))
        elif own and all(any(_steers(*pair, *other, others) for other in others) for pair in own):
            found.append((name, max(old.size for old, _ in own)))
    return {name for name, _ in found} if any(size > 1 for _, size in found) else set()


def _exact(value: Any) -> list[ExactArray]:
    return [leaf for _, leaf in leaves(value, "") if isinstance(leaf, ExactArray)]


def _steers(old: Any, new: Any, start: Any, end: Any, others: Any) -> bool:
    """Whether the second array moves by what the first becomes, and feels it in no other way but as if moved itself."""
    if not old.shape == new.shape == start.shape == end.shape:
        return False
    states, moves = numbers_of(new), numbers_of(end - start)
    ends = {x.index for x in states}
    is_used = {x.index for x in computed_from(moves[:1])} & ends == {states[0].index}
    ratios = [u.value / x.value for u, x in zip(moves, states, strict=True)]
    in_line = len(ratios) > 1 and all(ratio.is_finite() and ratio.overlaps(ratios[0]) for ratio in ratios)
    if not is_used and not in_line:
        return False
    felt = [x for pair in others for k, x in enumerate(numbers_of(pair[1])) if k or pair[1].shape != old.shape]
    first, second = push_along([*felt, *states[1:]], [{numbers_of(one)[0].index: 1} for one in (old, start)])
    shifts = [(first.get(x.index, arb(0)), second.get(x.index, arb(0))) for x in [*felt, *states[1:]]]
    ahead = next((a / b for a, b in shifts if not b.contains(0)), arb(0))
    return all(a.overlaps(ahead * b) for a, b in shifts)


def moving_state(owner: Any, parameters: Container[str]) -> str:
    """Return the name of the state that an optimizer keeps from earlier steps; "" if there is none."""
    held = arrays_of(owner) if hasattr(owner, "__dict__") else {}
    kept = [name for name, value in held.items() if _named_as_state(name) and not is_state(name, value)]
    return next((name for name in kept if name not in parameters), "")


def put(run: Any, owner: Any, arrays: dict[str, Any]) -> Any:
    """Put these arrays into the attributes of this run's owner, exact or in float64, and return it."""
    taken = run.takeover.take(owner)
    for name, value in arrays.items():
        object.__setattr__(taken, name, value)
    return taken


def within(value: Any, path: str = "") -> dict[str, Any]:
    """Return every array and number in nested lists, dicts and objects, by a path such as `layers[0].W`."""
    found, around = dict[str, Any](), set[int]()

    def walk(value: Any, path: str) -> None:
        if isinstance(value, np.ndarray | Number | float):
            found[path] = value
        if id(value) in around or isinstance(
            value, type | ModuleType | FunctionType | MethodType | np.ndarray | Number
        ):
            return
        around.add(id(value))
        if isinstance(value, dict):
            inner = {f"{path}[{key!r}]": item for key, item in value.items()}
        elif isinstance(value, list | tuple):
            inner = {f"{path}[{k}]": item for k, item in enumerate(value)}
        else:
            inner = {f"{path}.{name}".lstrip("."): item for name, item in getattr(value, "__dict__", {}).items()}
        for name, item in inner.items():
            walk(item, name)

    walk(value, path)
    return found


def fill(owner: Any, arrays: dict[str, Any]) -> None:
    """Replace the numbers of these arrays of an object in place, so that whatever else holds an array sees them."""
    held = within(owner)
    for path, array in arrays.items():
        new = exact(array) if isinstance(held[path], ExactArray) else array
        held[path].view(np.ndarray)[...] = new.view(np.ndarray)


def gradient_of(path: str, paths: Iterable[str]) -> list[str]:
    """Return the paths that are named as the gradient of an array: dW, W_grad, grads['W'], W.grad, … of W.

    The likeliest is first. Words such as params, grads and data distinguish containers, not arrays.
    """
    own = _words(path)
    found = [(other, words) for other in paths if other != path and len(words := _words(other)) == len(own)]
    told = [(other, words) for other, words in found if all(map(_is_named_after, words, own))]
    told = [(other, words) for other, words in told if words != own or _GRADIENTS.search(other)]
    return [other for other, words in sorted(told, key=lambda one: sum(map(str.__ne__, one[1], own)))]


def _words(path: str) -> list[str]:
    return [word for part in re.findall(r"\w+", path) if not _CONTAINER.fullmatch(word := part.strip("_"))]


def _is_named_after(word: str, name: str) -> bool:
    return name.lower() in (word.lower(), _OF.sub("", word.lower(), count=1))
