"""What a class's constructor and its descent methods take. They are called only if their arguments are the book's:

SGD(training_data, epochs, mini_batch_size, eta) and update_mini_batch(mini_batch, eta), under any names.
"""

import inspect
import linecache
import re
from functools import partial
from typing import Any

EPOCHS, SIZE, ETA = r"epoch|iter", r"size|batch", r"eta|η|lr|learn|rate|alpha|step"
SGD, UPDATE = "SGD(training_data, epochs, mini_batch_size, eta)", "update_mini_batch(mini_batch, eta)"


def defined(subject: Any) -> tuple[str, int]:
    """Return the file and the line of a function, or of a class's backprop, as Python knows them; "" and 0 if not."""
    function = inspect.unwrap(getattr(subject, "backprop", subject))
    while isinstance(function, partial):
        function = inspect.unwrap(function.func)
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return "", 0
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    decorators = next((k for k, line in enumerate(lines) if not line.strip().startswith(("@", "#"))), 0)
    is_def = bool(lines) and lines[decorators].strip().startswith(("def ", "async def "))
    return code.co_filename, code.co_firstlineno + decorators * is_def


def made_otherwise(subject: type) -> str:
    """Return the constructor as it is written if sizes are not enough for it, else ""."""
    names, fits = _taken(subject, 1)
    return "" if fits else f"{subject.__name__}({', '.join(names)})"


def has_sgd(subject: type) -> bool:
    """Whether the class has an SGD that takes the book's arguments in the book's order."""
    if not hasattr(subject, "SGD"):
        return False
    names, fits = _method(subject, "SGD", 4)
    if not fits or len(names) < 4:
        return False
    return _is(EPOCHS, names[1]) and not _is(ETA, names[2]) and not _is(SIZE, names[3])


def has_update(subject: Any) -> bool:
    """Whether it has an update_mini_batch for a list of examples. It may take more if the class has the book's SGD."""
    if not hasattr(subject, "update_mini_batch"):
        return False
    names, fits = _method(subject, "update_mini_batch", 2)
    return (fits or has_sgd(subject)) and all(_is(ETA, name) for name in names[1:2])


def not_judged(subject: Any) -> str:
    """Return which part of the descent is not judged, and why, in words; "" if nothing is left out."""
    if not isinstance(subject, type):
        return ""
    if not hasattr(subject, "update_mini_batch"):
        return f"there is no {UPDATE}: SGD is not judged" if hasattr(subject, "SGD") else ""
    if not has_update(subject):
        return f"{_as_written(subject, 'update_mini_batch')} is not {UPDATE}: the descent is not judged"
    if hasattr(subject, "SGD") and not has_sgd(subject):
        return f"{_as_written(subject, 'SGD')} is not {SGD}: it is not judged, only update_mini_batch is"
    return ""


def _as_written(subject: type, name: str) -> str:
    return f"{name}({', '.join(_method(subject, name, 0)[0])})"


def _is(pattern: str, name: str) -> bool:
    return re.search(pattern, name, re.IGNORECASE) is not None


def _method(subject: type, name: str, count: int) -> tuple[list[str], bool]:
    """Return the names of a method's arguments without self, and whether it can be called with `count` arguments."""
    bound = not isinstance(inspect.getattr_static(subject, name), (staticmethod, classmethod))
    names, fits = _taken(getattr(subject, name), count + bound)
    return names[bound:], fits


def _taken(function: Any, count: int) -> tuple[list[str], bool]:
    """Return the names of its arguments, and whether `count` positional ones suffice; [], True without a signature."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return [], True
    try:
        signature.bind(*range(count))
    except TypeError:
        return list(signature.parameters), False
    return list(signature.parameters), True
