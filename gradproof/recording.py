"""A function of NumPy arrays recorded once and then repeated: the same calls, without Python and memory in between."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn

import numpy as np

from gradproof.problem import Array


class UnrepeatableError(TypeError):
    """The function did something else than call ufuncs."""


def repeated(function: Callable[..., object], *arguments: Any) -> Callable[[], object]:
    """What calls function(*arguments) as often as wanted, for the sake of the arrays that it changes in place.

    The function is run once, on arrays that note every ufunc called on them with its operands and its result; then they
    are as they were. Calling these ufuncs again, in their order, into the same results, ends at the same bits. A
    function that copies an array, asks for a number or calls what is no ufunc cannot be recorded, and is simply called.
    Arguments are arrays, lists of arrays, and whatever never changes.
    """
    arrays = list(_arrays(arguments))
    before, calls = [array.copy() for array in arrays], list[Callable[[], object]]()
    try:
        with np.errstate(all="ignore"):  # whatever the arrays hold by now
            function(*_watched(arguments, calls))
    except UnrepeatableError:
        return partial(function, *arguments)
    finally:
        for array, value in zip(arrays, before, strict=True):
            array[...] = value

    def repeat() -> None:
        for call in calls:
            call()

    return repeat


def _arrays(argument: Any) -> Iterator[Array]:
    if isinstance(argument, np.ndarray):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for part in argument:
            yield from _arrays(part)


def _owner(array: Array) -> Array:
    """The array that has the memory of this one."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _watched(arguments: tuple[Any, ...], calls: list[Callable[[], object]]) -> tuple[Any, ...]:
    """The arguments, their arrays seen through a class that adds to `calls`."""
    known = {
        id(_owner(array)): array for array in _arrays(arguments)
    }  # where numbers are that calls made or were given

    class Recorded(np.ndarray):
        def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
            call, operands = getattr(ufunc, method), [plain(operand) for operand in inputs]
            result = call(*operands, out=plain(out[0]) if out else None, **options)
            if not isinstance(result, np.ndarray):
                raise UnrepeatableError("a number is not changed in place")
            known[id(_owner(result))] = result
            # Python's numbers would be made arrays at every call.
            operands = [np.asarray(v, result.dtype) if isinstance(v, (int, float)) else v for v in operands]
            if method == "__call__" and not options:
                calls.append(partial(ufunc, *operands, result))
            else:
                calls.append(partial(call, *operands, out=result, **options))
            return out[0] if out else result.view(Recorded)

        def __array_function__(self, function: Callable[..., Any], *_: Any) -> NoReturn:
            raise UnrepeatableError(f"{function.__name__} is no ufunc")

        def __bool__(self) -> NoReturn:
            raise UnrepeatableError("what is decided once may be decided otherwise")

    def plain(array: Any) -> Any:
        if not isinstance(array, Recorded):
            return array
        if id(_owner(array)) not in known:
            raise UnrepeatableError("a copy is no ufunc's result")
        return array.view(np.ndarray)

    def seen(argument: Any) -> Any:
        if isinstance(argument, list):
            return [seen(part) for part in argument]
        return argument.view(Recorded) if isinstance(argument, np.ndarray) else argument

    return tuple(map(seen, arguments))
