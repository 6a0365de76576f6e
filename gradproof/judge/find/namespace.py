"""What a program holds at one moment: every array and number that can be reached from its names, by path."""

import ctypes
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import CellType, FrameType
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray, array_of
from gradproof.exact.numbers import Number
from gradproof.judge.trial.execution import InexactError

SMALLEST_ID = 1 << 32  # keys of dicts beyond it are taken for what id() returns
DEEPEST, MOST = 8, 4000  # levels and slots that are searched; no network that is tried has more


class Slot(NamedTuple):
    """A place that holds numbers: an array, a list of numbers, or one number."""

    path: str  # such as `net.layers[0].weights`
    value: Any  # an ExactArray, a list of Number, or a Number
    holder: Any  # the list, dict or object that a single number is written into
    key: Any

    @property
    def numbers(self) -> list[Number]:
        if isinstance(self.value, ExactArray):
            return list(self.value.ravel().tolist())
        return list(self.value) if isinstance(self.value, list) else [self.value]

    @property
    def shape(self) -> tuple[int, ...]:
        if isinstance(self.value, ExactArray):
            return self.value.shape
        return (len(self.value),) if isinstance(self.value, list) else ()

    @property
    def array(self) -> ExactArray:
        """Its current numbers, in a new array."""
        return array_of(self.numbers, self.shape)

    def write(self, numbers: list[Number]) -> None:
        """Replace its numbers in place, so that everything that shares the array or the list sees them."""
        if isinstance(self.value, ExactArray):
            plain = self.value.view(np.ndarray)
            for place, x in zip(np.ndindex(plain.shape), numbers, strict=True):
                plain[place] = x
        elif isinstance(self.value, list):
            self.value[:] = numbers
        elif isinstance(self.holder, FrameType):
            _write_local(self.holder, self.key, numbers[0])
        elif isinstance(self.holder, CellType):
            self.holder.cell_contents = numbers[0]
        elif isinstance(self.holder, dict | list):
            self.holder[self.key] = numbers[0]
        elif isinstance(self.holder, tuple):
            raise InexactError(f"{self.path} is a number in a tuple, which cannot be changed there; use an array")
        else:
            setattr(self.holder, self.key, numbers[0])


def slots(
    names: Mapping[str, Any], module: str, frame: FrameType | None = None, whole: set[str] | None = None
) -> Iterator[Slot]:
    """Yield every slot that can be reached from these names; an array once for each of its paths.

    `module` names the module whose objects are searched. A single number is written into `frame`, if there is one. The
    paths of ints, which are no slots, are added to `whole`.
    """
    search = _Search(module, whole)
    for name, value in list(names.items()):
        if not name.startswith("__") and not name.startswith("_gradproof"):
            yield from search.within(value, name, frame or names, name, 0)


def _write_local(frame: FrameType, name: str, value: Any) -> None:
    """Bind a name in a frame: a local name, which Python 3.13 writes through by itself, or a global one."""
    if name not in frame.f_locals or frame.f_locals is frame.f_globals:
        frame.f_globals[name] = value
        return
    frame.f_locals[name] = value
    if sys.version_info < (3, 13):
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))


class _Search:
    """A search for slots that visits each container once, and ends after MOST of them."""

    def __init__(self, module: str, whole: set[str] | None) -> None:
        self._module, self._whole = module, whole
        self._seen: set[int] = set()
        self._left = MOST

    def within(self, value: Any, path: str, holder: Any, key: Any, depth: int) -> Iterator[Slot]:
        """Yield the slots in a value, which `holder` holds at `key`."""
        if isinstance(value, Number):
            yield self._slot(path, value, holder, key)
            return
        if type(value) is int and self._whole is not None:
            self._whole.add(path)
        if isinstance(value, str | bytes | int | float | np.generic) or value is None:
            return
        if self._left < 0 or depth > DEEPEST:
            return
        if id(value) in self._seen and not _holds_only_arrays(value):
            return  # an array keeps all its paths: the step decides which of them is rebound
        self._seen.add(id(value))
        if isinstance(value, ExactArray):
            slot = self._slot(path, value, holder, key)
            yield from [slot] if value.size else []
            return
        if isinstance(value, list) and value and all(isinstance(x, Number) for x in value):
            yield self._slot(path, value, holder, key)
            return
        for inner, item, where in _parts(value, path, self._module):
            holder = value
            if isinstance(value, types.FunctionType):
                holder = (value.__closure__ or ())[value.__code__.co_freevars.index(where)]
            yield from self.within(item, inner, holder, where, depth + 1)

    def _slot(self, path: str, value: Any, holder: Any, key: Any) -> Slot:
        self._left -= 1
        return Slot(path, value, holder, key)


def _holds_only_arrays(value: Any) -> bool:
    """Whether a value is an array, or a list or tuple of nothing else, such as one layer of a copied list of layers."""
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(item, ExactArray) for item in value)
    return isinstance(value, ExactArray)


def _parts(value: Any, path: str, module: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, item, key) for each part of a container or of an object of the program's own classes."""
    if isinstance(value, dict):
        yield from ((f"{path}[{_key(key, place)}]", item, key) for place, (key, item) in enumerate(list(value.items())))
    elif isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
        yield from ((f"{path}[{place}]", item, place) for place, item in enumerate(value))
    elif isinstance(value, types.FunctionType):
        if value.__module__ == module and value.__closure__:
            for name, cell in zip(value.__code__.co_freevars, value.__closure__, strict=True):
                with suppress(ValueError):  # an empty cell
                    yield f"{path}.{name}", cell.cell_contents, name
    elif isinstance(value, types.MethodType):
        yield f"{path}.__self__", value.__self__, None
    elif isinstance(value, type):
        if value.__module__ == module:
            own = {name: item for name, item in vars(value).items() if isinstance(item, ExactArray | list | dict)}
            yield from ((f"{path}.{name}", item, name) for name, item in own.items())
    elif getattr(type(value), "__module__", None) == module:
        for name in _attributes(value):
            if hasattr(value, name):
                yield f"{path}.{name}", getattr(value, name), name


def _key(key: Any, place: int) -> str:
    """Return the key of a dict as Python writes it; for an object or its id, which differ in every run, its place."""
    if type(key) is int and key > SMALLEST_ID:
        return f"id {place}"
    return f"{type(key).__name__} {place}" if " at 0x" in (written := repr(key)) else written


def _attributes(value: Any) -> list[str]:
    held = list(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots_of = vars(kind).get("__slots__", ())
        held += [slots_of] if isinstance(slots_of, str) else list(slots_of)
    return [name for name in held if not name.startswith("__")]


def variables(values: Any) -> list[Number]:
    """Return numbers with respect to which gradients can be taken."""
    return [Number(arb(float(value)), varies=True) for value in values]
