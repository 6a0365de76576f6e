"""Records the ufunc calls of a function on NumPy arrays and repeats them, without its Python code or allocations."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn

import numpy as np

from gradproof.problem import Array

TRIALS = 2  # sets of numbers on which the recording must agree with the function


def repeated(function: Callable[..., object], *arguments: Any) -> Callable[[], object]:
    """Return a callable that repeats function(*arguments), which changes some of these arrays in place.

    The function runs once, on arrays that record every ufunc call with its operands and its result. If it calls nothing
    but ufuncs, calling these again, in the same order and into the same results, gives the same bits. That is tested on
    random numbers, and if the test fails the callable calls the function itself. Arguments are arrays, lists of arrays,
    or constants. Their contents are restored before this returns.
    """
    arrays = list(_arrays(arguments))
    before, calls = [array.copy() for array in arrays], list[Callable[[], object]]()

    def repeat() -> None:
        for call in calls:
            call()

    try:
        with np.errstate(all="ignore"):
            _fill(arrays, 0)
            function(*_watched(arguments, calls))
            same = all(_alike(function, arguments, repeat, seed) for seed in range(1, 1 + TRIALS))
    except Exception:  # the function itself will raise it again when it is called
        same = False
    finally:
        for array, value in zip(arrays, before, strict=True):
            array[...] = value
    return repeat if same else partial(function, *arguments)


def _arrays(argument: Any) -> Iterator[Array]:
    if isinstance(argument, np.ndarray):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for part in argument:
            yield from _arrays(part)


def _mapped(move: Callable[[Array], Any], argument: Any) -> Any:
    """Return the same arguments with `move` applied to each array."""
    if isinstance(argument, (list, tuple)):
        return [_mapped(move, part) for part in argument]
    return move(argument) if isinstance(argument, np.ndarray) else argument


def _fill(arrays: list[Array], seed: int) -> None:
    few = np.random.default_rng(seed).standard_normal(1009)  # a prime: repetition makes no two rows alike
    enough = np.resize(few, max(array.size for array in arrays))
    for array in arrays:
        array[...] = enough[: array.size].reshape(array.shape)


def _alike(function: Callable[..., object], arguments: Any, repeat: Callable[[], object], seed: int) -> bool:
    """Whether function and recording give the same bits on random numbers."""
    arrays = list(_arrays(arguments))
    _fill(arrays, seed)
    own = _mapped(lambda array: array.copy(order="K"), arguments)  # same layout, since it affects rounding in products
    function(*own)
    repeat()
    return all(p.tobytes() == q.tobytes() for p, q in zip(_arrays(own), arrays, strict=True))


def _watched(arguments: tuple[Any, ...], calls: list[Callable[[], object]]) -> Any:
    """Return the arguments with arrays of a class that records each ufunc call in `calls`."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise TypeError("a single number or a copy cannot be repeated")

    class Recorded(np.ndarray):
        def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
            call, operands = getattr(ufunc, method), [plain(operand) for operand in inputs]
            result = call(*operands, out=plain(out[0]) if out else None, **options)
            # Convert Python numbers now, or NumPy would at every call.
            operands = [np.asarray(v, result.dtype) if isinstance(v, (int, float)) else v for v in operands]
            if method == "__call__" and not options:
                calls.append(partial(ufunc, *operands, result))
            elif method == "reduce" and options.keys() <= {"axis", "keepdims"}:
                axis, keepdims = options.get("axis", 0), options.get("keepdims", False)
                # Positional, without a dtype: parsing keywords takes half as long as a small sum.
                calls.append(partial(call, *operands, axis, None, result, keepdims))
            else:
                calls.append(partial(call, *operands, out=result, **options))
            return out[0] if out else result.view(Recorded)

        # A decision or a number taken from an array may differ in another step, which the trials may not reveal.
        __bool__ = __float__ = __int__ = __iter__ = item = tolist = __array_function__ = refuse

        def __getitem__(self, where: Any) -> Any:
            part = super().__getitem__(where)
            return part if isinstance(part, np.ndarray) else refuse()

    def plain(array: Any) -> Any:
        return array.view(np.ndarray) if isinstance(array, Recorded) else array

    return _mapped(lambda array: array.view(Recorded), arguments)
