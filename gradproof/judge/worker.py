"""The process in which somebody else's backprop runs: it loads the code, calls it, and sends back arrays.

    python -m gradproof.judge.worker FILE NAME MEMORY

One frame a request and one an answer, on the pipes that were stdin and stdout: eight bytes of length and an .npz
without pickle, whose entry `meta` is JSON. The code's own output goes nowhere. This guards against accidents – code
that raises, exits, hangs, prints or takes all memory – and not against malice.
"""

import builtins
import importlib
import importlib.util
import io
import json
import os
import resource
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

# As they are now: the code may put something else in NumPy's place.
_load, _savez, _frombuffer, _asarray, _shares_memory = np.load, np.savez, np.frombuffer, np.asarray, np.shares_memory
KINDS = ("backprop", "gradients", "Network")  # what is looked for where no name is given


class SubmissionError(Exception):
    """What the code did wrong, with the kind of fault that it is."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


def read(stream: BinaryIO) -> tuple[Any, dict[str, Any]] | None:
    """(meta, arrays) of the next frame; None at the end."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    body = stream.read(struct.unpack("<Q", head)[0])
    with _load(io.BytesIO(body), allow_pickle=False) as entries:
        arrays = {name: entries[name] for name in entries.files}
    return json.loads(bytes(arrays.pop("meta"))), arrays


def write(stream: BinaryIO, meta: Any, arrays: dict[str, Any]) -> None:
    body = io.BytesIO()
    _savez(body, meta=_frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)
    stream.write(struct.pack("<Q", body.tell()) + body.getvalue())
    stream.flush()


def pack(lists: Sequence[Sequence[Any]]) -> tuple[list[int], dict[str, Any]]:
    """Lists of arrays as entries of a frame, and how long each list is."""
    return [len(part) for part in lists], {f"{i}_{j}": a for i, part in enumerate(lists) for j, a in enumerate(part)}


def unpack(lengths: Sequence[int], arrays: dict[str, Any]) -> list[list[Any]]:
    return [[arrays[f"{i}_{j}"] for j in range(length)] for i, length in enumerate(lengths)]


def loaded(path: str, name: str) -> Any:
    """The function or class of that name, or the first of KINDS that there is, in a file or a module."""
    if not hasattr(builtins, "xrange"):
        builtins.xrange = range  # type: ignore[attr-defined]  # the book's code was written for Python 2
    if path.endswith(".py"):
        sys.path.insert(0, str(Path(path).resolve().parent))
        spec = importlib.util.spec_from_file_location("submission", path)
        if spec is None or spec.loader is None:
            raise SubmissionError("load", f"{path} is not Python")
        module = importlib.util.module_from_spec(spec)
        sys.modules["submission"] = module
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, os.getcwd())
        module = importlib.import_module(path)
    for candidate in (name,) if name else KINDS:
        if hasattr(module, candidate):
            return getattr(module, candidate)
    wanted = f"{name!r}" if name else "a function backprop(weights, biases, x, y) or a class Network(sizes)"
    raise SubmissionError("load", f"there is no {wanted} in {path}")


def called(subject: Any, request: str, problem: list[list[Any]], eta: float) -> list[list[Any]]:
    """What the code makes of one problem, as lists of arrays."""
    weights, biases, (x,), (y,) = problem
    if not isinstance(subject, type):
        return lists(unchanged(lambda: subject(weights, biases, x, y), problem))
    network = subject([len(x), *(len(b) for b in biases)])
    network.weights, network.biases = weights, biases
    if request == "update":
        examples = [(x[:, [i]], y[:, [i]]) for i in range(x.shape[1])]
        network.update_mini_batch(examples, eta)
        return lists((network.biases, network.weights))
    return lists(unchanged(lambda: network.backprop(x, y), problem))


def unchanged(call: Callable[[], Any], problem: list[list[Any]]) -> Any:
    """What the call returns, if it leaves its arguments as they were."""
    names = [f"{kind}{j + 1}" for kind, part in zip("wb", problem, strict=False) for j in range(len(part))] + ["x", "y"]
    arguments = [array for part in problem for array in part]
    before = [array.tobytes() for array in arguments]
    result = call()
    for name, array, copy in zip(names, arguments, before, strict=True):
        if array.tobytes() != copy:
            raise SubmissionError("mutation", f"changes its argument {name}; work on a copy")
    return result


def lists(returned: Any) -> list[list[Any]]:
    """The returned tuple of lists as NumPy arrays."""
    if not isinstance(returned, (tuple, list)) or len(returned) not in (2, 3, 5):
        what = f"{len(returned)} values" if isinstance(returned, (tuple, list)) else type(returned).__name__
        raise SubmissionError("shape", f"returns {what}; return (delta, grad_b, grad_w) or (grad_b, grad_w)")
    parts = [list(part) if hasattr(part, "__iter__") else [part] for part in returned]
    result = [[_asarray(item) for item in part] for part in parts]
    for part in result:
        for array in part:
            if array.dtype.kind not in "fiub":
                raise SubmissionError("dtype", f"returns {array.dtype} where numbers should be")
    gradients = [array for part in result[-2:] for array in part if array.size]
    for i, one in enumerate(gradients):
        if any(_shares_memory(one, other) for other in gradients[:i]):
            raise SubmissionError("mutation", "returns two gradients that share memory, as [zeros] * L does; copy them")
    return result


def explained(error: BaseException, path: str) -> str:
    """The error, and the last line of the user's own where it arose."""
    said = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, SyntaxError):
        return f"{said[:300]} ({Path(error.filename or path).name}, line {error.lineno})"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "gradproof" not in f.filename]
    own = [f for f in frames if f.filename == path] or [f for f in frames if "importlib" not in f.filename]
    return said[:300] + (f" (line {own[-1].lineno}: {own[-1].line})" if own else "")


def main() -> None:
    path, name, memory = sys.argv[1], sys.argv[2], int(sys.argv[3])
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    if memory:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    me = os.getpid()
    try:
        try:
            subject = loaded(path, name)
            about = {"class": isinstance(subject, type), "updates": hasattr(subject, "update_mini_batch")}
            write(answers, about | {"name": getattr(subject, "__name__", name or "backprop")}, {})
        except SubmissionError as error:
            return write(answers, {"trouble": [error.kind, str(error)]}, {})
        while frame := read(requests):
            meta, arrays = frame
            entries: dict[str, Any] = {}
            try:
                result = called(subject, meta["request"], unpack(meta["lengths"], arrays), meta.get("eta", 1.0))
                lengths, entries = pack(result)
                answer: dict[str, Any] = {"lengths": lengths}
            except SubmissionError as error:
                answer = {"trouble": [error.kind, str(error)]}
            except BaseException as error:
                kind = "exits" if isinstance(error, SystemExit) else "raises"
                answer = {"trouble": [kind, explained(error, path)]}
            if os.getpid() != me:  # a fork that the code has left behind: only the first process answers
                os._exit(0)
            write(answers, answer, entries)
    except BaseException as error:
        write(answers, {"trouble": ["load", explained(error, path)]}, {})
    return None


if __name__ == "__main__":
    main()
    os._exit(0)  # threads that the code has left behind are not waited for
