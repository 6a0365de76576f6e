"""The process in which somebody else's backprop runs: it loads the code, calls it, and sends back arrays.

    python -m gradproof.judge.worker FILE NAME MEMORY

One frame a request and one an answer, on the pipes that were stdin and stdout: two lengths, what it is about and the
arrays' names, dtypes and shapes as JSON, and their bytes. The code's own output goes nowhere; its random numbers are
the same in every run. This guards against accidents – code that raises, exits, hangs, prints or takes all memory – and
not against malice.
"""

import json
import math
import os
import random
import resource
import struct
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gradproof.judge import signatures
from gradproof.judge.calling import called
from gradproof.judge.loading import loaded
from gradproof.judge.troubles import SubmissionError

# As they are now: the code may put something else in their place.
_frombuffer, _dumps, _loads, _pack, _unpack = np.frombuffer, json.dumps, json.loads, struct.pack, struct.unpack
_seed, _np_seed = random.seed, np.random.seed
JUDGE = os.path.dirname(__file__)
LARGEST = 1 << 28  # bytes of an answer: the judge's networks are small


def read(stream: BinaryIO) -> tuple[Any, dict[str, Any]] | None:
    """(meta, arrays) of the next frame; None at the end, ValueError where it is no frame."""
    head = stream.read(16)
    if len(head) < 16:
        return None
    size, length = _unpack("<QQ", head)
    text, body = stream.read(length), stream.read(size - 8 - length)
    meta, arrays, start = _loads(text), {}, 0
    for name, dtype, shape in meta.pop("arrays"):
        count = math.prod(shape)
        arrays[name] = _frombuffer(body, dtype, count, start).reshape(shape).copy()
        start += arrays[name].nbytes
    return meta, arrays


def write(stream: BinaryIO, meta: Any, arrays: dict[str, Any]) -> None:
    entries = [[name, array.dtype.str, array.shape] for name, array in arrays.items()]
    text = _dumps(meta | {"arrays": entries}).encode()
    body = b"".join(array.tobytes() for array in arrays.values())
    stream.write(_pack("<QQ", 8 + len(text) + len(body), len(text)) + text + body)
    stream.flush()


def pack(lists: Sequence[Sequence[Any]]) -> tuple[list[int], dict[str, Any]]:
    """Lists of arrays as entries of a frame, and how long each list is."""
    arrays = {f"{i}_{j}": a for i, part in enumerate(lists) for j, a in enumerate(part)}
    if other := [str(array.dtype) for array in arrays.values() if array.dtype.kind not in "fiub"]:
        raise SubmissionError("dtype", f"has parameters of {other[0]} where numbers should be")
    if sum(array.nbytes for array in arrays.values()) > LARGEST:
        raise SubmissionError("shape", f"returns more than {LARGEST >> 20} MiB")
    return [len(part) for part in lists], arrays


def unpack(lengths: Sequence[int], arrays: dict[str, Any]) -> list[list[Any]]:
    return [[arrays[f"{i}_{j}"] for j in range(length)] for i, length in enumerate(lengths)]


def seeded(number: int) -> None:
    """Begin the random numbers of Python and of NumPy anew, others for each number."""
    _seed(number)
    _np_seed(number)


def explained(error: BaseException, path: str) -> str:
    """The error, and the last line of the user's own where it arose."""
    what = error.msg if isinstance(error, SyntaxError) else error  # str(SyntaxError) has the line in it
    said = " ".join(f"{type(error).__name__}: {what}".split())[:300].rstrip(": ")
    if isinstance(error, SyntaxError):
        return f"{said} ({Path(error.filename or path).name}, line {error.lineno})"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(JUDGE)]
    own = [f for f in frames if f.filename == path] or [
        f for f in frames if "importlib" not in f.filename and f"{os.sep}site-packages{os.sep}" not in f.filename
    ]
    return said + (f" (line {own[-1].lineno}: {own[-1].line})" if own else "")


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
            seeded(0)
            subject, name = loaded(path, name)
            about = {"class": isinstance(subject, type), "updates": signatures.has_update(subject)}
            write(answers, about | {"name": name, "unjudged": signatures.not_judged(subject)}, {})
        except SubmissionError as error:
            return write(answers, {"trouble": [error.kind, str(error)]}, {})
        for number, (meta, arrays) in enumerate(iter(lambda: read(requests), None), start=1):
            entries: dict[str, Any] = {}
            seeded(number)  # of this call: with one seed for all, code that draws would seem to repeat itself
            try:
                problem = unpack(meta["lengths"], arrays)
                lengths, entries = pack(called(subject, meta["request"], problem, meta["eta"], meta["size"]))
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
