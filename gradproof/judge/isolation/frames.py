"""What the judge and its worker say to each other: what it is about, as JSON, and arrays.

Two lengths, of all the rest and of the JSON, the JSON with the arrays' names, dtypes and shapes, and their bytes.
"""

import json
import math
import re
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.judge.troubles import SubmissionError

# As they are now: the code may put something else in their place.
_frombuffer, _dtype, _dumps, _loads = np.frombuffer, np.dtype, json.dumps, json.loads
_pack, _unpack = struct.pack, struct.unpack
_is_number = re.compile(r"[<>|=]?(?:[iu][1248]|f(?:2|4|8|12|16)|b1)").fullmatch
LARGEST = 1 << 28  # bytes of an answer: the judge's networks are small
MOST_TEXT = 1 << 24  # bytes of the JSON
HEAD = 8  # bytes that say how many more there are
Arrays = dict[str, Any]


class FrameError(Exception):
    """These bytes are not a frame."""


def framed(meta: dict[str, Any], arrays: Arrays) -> bytes:
    """The bytes of a frame."""
    entries = [[name, array.dtype.str, array.shape] for name, array in arrays.items()]
    text = _dumps(meta | {"arrays": entries}).encode()
    body = b"".join(array.tobytes() for array in arrays.values())
    return _pack("<QQ", 8 + len(text) + len(body), len(text)) + text + body


def size(head: bytes) -> int:
    """How many bytes come after the head; FrameError where no frame is so large."""
    (rest,) = _unpack("<Q", head)
    if not 8 <= rest <= LARGEST + MOST_TEXT:
        raise FrameError("is larger than any answer")
    return int(rest)


def unframed(rest: bytes) -> tuple[dict[str, Any], Arrays]:
    """(meta, arrays) of the bytes after the head, whatever they are: FrameError where they are not a frame."""
    (length,) = _unpack("<Q", rest[:8])
    text, body = rest[8 : 8 + length], rest[8 + length :]
    try:
        meta = _loads(text) if length <= min(MOST_TEXT, len(rest) - 8) else None
    except (ValueError, RecursionError):  # no JSON, no UTF-8, digits without end; brackets without end
        meta = None
    if not isinstance(meta, dict) or not isinstance(entries := meta.pop("arrays", None), list):
        raise FrameError("is no frame")
    arrays: Arrays = {}
    start = 0
    name: Any
    dtype: Any
    shape: Any
    for entry in entries:
        name, dtype, shape = entry if isinstance(entry, list) and len(entry) == 3 else (None, None, None)
        if not (isinstance(name, str) and isinstance(dtype, str) and _is_number(dtype) and _is_shape(shape)):
            raise FrameError("has something that is not an array")
        kind, count = _dtype(dtype), math.prod(shape)
        if count > len(body) or start + count * kind.itemsize > len(body):
            raise FrameError("has fewer numbers than it says")
        arrays[name] = _frombuffer(body, kind, count, start).reshape(shape).copy()
        start += arrays[name].nbytes
    if start != len(body):
        raise FrameError("has more numbers than it says")
    return meta, arrays


def _is_shape(shape: Any) -> bool:
    numbers = isinstance(shape, list) and len(shape) <= 32 and all(type(n) is int for n in shape)
    return numbers and all(0 <= n <= LARGEST for n in shape)


def packed(lists: Sequence[Sequence[Any]]) -> tuple[list[int], Arrays]:
    """Lists of arrays as entries of a frame, and how long each list is."""
    arrays = {f"{i}_{j}": a for i, part in enumerate(lists) for j, a in enumerate(part)}
    if other := [str(array.dtype) for array in arrays.values() if array.dtype.kind not in "fiub"]:
        raise SubmissionError("dtype", f"has parameters of {other[0]} where numbers should be")
    if sum(array.nbytes for array in arrays.values()) > LARGEST:
        raise SubmissionError("shape", f"returns more than {LARGEST >> 20} MiB")
    return [len(part) for part in lists], arrays


def unpacked(lengths: Any, arrays: Arrays) -> list[list[Any]]:
    """The lists of `packed`; FrameError where they are not the arrays that came."""
    if not (isinstance(lengths, list) and all(type(n) is int and 0 <= n <= len(arrays) for n in lengths)):
        raise FrameError("has no lengths")
    names = [[f"{i}_{j}" for j in range(length)] for i, length in enumerate(lengths)]
    if sorted(name for part in names for name in part) != sorted(arrays):
        raise FrameError("has other arrays than it says")
    return [[arrays[name] for name in part] for part in names]
