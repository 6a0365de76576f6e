"""The object whose methods are judged: its arrays, and the gradients that it keeps beside them."""

from collections.abc import Container
from typing import Any

import numpy as np

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number
from gradproof.judge.trial.arguments import leaves

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
