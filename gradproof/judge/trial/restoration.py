"""Restores the caller's objects after a function has run on them in float64."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import CellType
from typing import Any

import numpy as np

from gradproof.exact.loading import Takeover
from gradproof.exact.run import Run, running


@contextmanager
def untouched(*functions: Callable[..., Any]) -> Iterator[None]:
    """Restore afterwards the arrays, containers, attributes, closures and globals that the functions reach."""
    takeover = Takeover()
    with running(Run()):
        for function in functions:
            takeover.take(function)
    undo = [step for value in takeover.originals if (step := _restoring(value)) is not None]
    try:
        yield
    finally:
        for step in undo:
            step()


def _restoring(value: Any) -> Callable[[], object] | None:
    """Return a function that restores a value, or None if the value cannot change."""
    match value:
        case np.ndarray():
            return partial(np.copyto, value, value.copy()) if value.flags.writeable else None
        case list():
            return partial(value.__setitem__, slice(None), value[:])
        case set():
            return partial(_refill_set, value, set(value))
        case dict():
            return partial(_refill, value, dict(value))
        case type():
            return partial(_refill_class, value, dict(vars(value)))
        case CellType():
            try:
                return partial(setattr, value, "cell_contents", value.cell_contents)
            except ValueError:  # an empty one
                return None
    inside = getattr(value, "__dict__", None)
    return partial(_refill, inside, dict(inside)) if isinstance(inside, dict) else None


def _refill_set(members: set[Any], kept: set[Any]) -> None:
    members.clear()
    members.update(kept)


def _refill_class(kind: type, kept: dict[str, Any]) -> None:
    for name in [name for name in vars(kind) if name not in kept]:
        delattr(kind, name)
    for name, item in kept.items():
        if vars(kind).get(name) is not item:
            setattr(kind, name, item)


def _refill(names: dict[Any, Any], kept: dict[Any, Any]) -> None:
    """Restore a dict, touching only what has changed: it may be the globals of running code."""
    for name in [name for name in names if name not in kept]:
        del names[name]
    for name, item in kept.items():
        if name not in names or names[name] is not item:
            names[name] = item
