"""The object that the subject's methods belong to: its arrays, and the gradients that it keeps beside them."""

from collections.abc import Container
from typing import Any

import numpy as np

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number
from gradproof.judge.trial.arguments import leaves

STATE = ("m", "v", "s", "vel", "mom", "cache", "accum")  # how arrays that an optimizer keeps are named


def arrays_of(owner: Any) -> dict[str, Any]:
    """The attributes that hold float arrays, bare or in lists and dicts."""
    return {
        name: value
        for name, value in vars(owner).items()
        if any(isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f" for _, leaf in leaves(value, name))
    }


def is_state(name: str, value: Any) -> bool:
    """Whether this looks like what an optimizer keeps between steps: 0 at first, and named so."""
    zero = all(not np.any(leaf) for _, leaf in leaves(value, name) if isinstance(leaf, np.ndarray))
    return zero and _named_as_state(name)


def _named_as_state(name: str) -> bool:
    plain = name.strip("_")  # a V may be a weight
    return any(plain == word if len(word) == 1 else plain.lower().startswith(word) for word in STATE)


def moving_state(owner: Any, parameters: Container[str]) -> str:
    """The name of what an optimizer keeps from steps that it has taken before; "" if there is none."""
    held = arrays_of(owner) if hasattr(owner, "__dict__") else {}
    kept = [name for name, value in held.items() if _named_as_state(name) and not is_state(name, value)]
    return next((name for name in kept if name not in parameters), "")


def put(run: Any, owner: Any, arrays: dict[str, Any]) -> Any:
    """The owner of this run, exact or in float64, with these arrays in its attributes."""
    taken = run.takeover.take(owner)
    for name, value in arrays.items():
        object.__setattr__(taken, name, value)
    return taken


def gradient_beside(taken: Any, name: str) -> Any:
    """What the object keeps as the gradient of its attribute `name`: dW, grad_W, W_grad, grads['W'], …; or None."""
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
