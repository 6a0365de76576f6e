"""The object whose methods are judged: its arrays, and the gradients that it keeps beside them."""

from collections.abc import Container
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number
from gradproof.exact.sweeps import computed_from, push_along
from gradproof.judge.trial.arguments import leaves, numbers_of

STATE = ("m", "v", "s", "vel", "mom", "cache", "accum")  # names, or how names begin, of an optimizer's arrays


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


def gradient_beside(taken: Any, name: str) -> Any:
    """Return what the object keeps as the gradient of its attribute `name` (dW, W_grad, grads['W'], …), or None."""
    forms = ("d{}", "d_{}", "grad_{}", "{}_grad", "{}_gradient", "grad{}", "{}grad", "delta_{}", "nabla_{}")
    spellings = [form.format(name) for form in forms] + [f"d{name.lower()}"]
    for spelling in spellings:
        found = getattr(taken, spelling, None)
        if isinstance(found, ExactArray | Number | np.ndarray | list | dict):
            return found
    for holder in ("grads", "grad", "gradients", "gradient", "gradparams"):
        kept = getattr(taken, holder, None)
        if isinstance(kept, dict):
            for spelling in (name, *spellings):
                if spelling in kept:
                    return kept[spelling]
    return None
