"""The frames that the judge and its worker exchange: metadata as JSON, and arrays.

A frame has two lengths (of all that follows, and of the JSON), the JSON with the arrays' names, dtypes and shapes, and
the arrays' bytes.
"""

import json
import math
import re
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.judge.troubles import SubmissionError

# Bound now, because the code may replace them.
_frombuffer, _dtype, _dumps, _loads = np.frombuffer, np.dtype, json.dumps, json.loads
_pack, _unpack = struct.pack, struct.unpack
_is_number = re.compile(r"[<>|=]?(?:[iu][1248]|f(?:2|4|8|12|16)|b1)").fullmatch
LARGEST = 1 << 28  # bytes of an answer: the judge's networks are small
MOST_TEXT = 1 << 24  # bytes of the JSON
HEAD = 8  # bytes, which say how many follow
Arrays = dict[str, Any]


class FrameError(Exception):
    """These bytes are not a frame."""


def framed(meta: dict[str, Any], arrays: Arrays) -> bytes:
    """Return the bytes of a frame."""
    entries = [[name, array.dtype.str, array.shape] for name, array in arrays.items()]
    text = _dumps(meta | {"arrays": entries}).encode()
    body = b"".join(array.tobytes() for array in arrays.values())
    return _pack("<QQ", 8 + len(text) + len(body), len(text)) + text + body


def size(head: bytes) -> int:
    """Return how many bytes follow the head; raise FrameError if no frame has that size."""
    (rest,) = _unpack("<Q", head)
    if not 8 <= rest <= LARGEST + MOST_TEXT:
        raise FrameError("is larger than any answer")
    return int(rest)


def unframed(rest: bytes) -> tuple[dict[str, Any], Arrays]:
    """Return (meta, arrays) from the bytes after the head; raise FrameError for any bytes that are not a frame."""
    (length,) = _unpack("<Q", rest[:8])
    text, body = rest[8 : 8 + length], rest[8 + length :]
    try:
        meta = _loads(text) if length <= min(MOST_TEXT, len(rest) - 8) else None
    except (ValueError, RecursionError):  # not JSON or UTF-8, too many digits; too many brackets
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
    """Return the length of each list, and the arrays as a frame's entries; raise SubmissionError if they do not fit."""
    arrays = {f"{i}_{j}": a for i, part in enumerate(lists) for j, a in enumerate(part)}
    if other := [str(array.dtype) for array in arrays.values() if array.dtype.kind not in "fiub"]:
        raise SubmissionError("dtype", f"has parameters of {other[0]}, should have numbers")
    if sum(array.nbytes for array in arrays.values()) > LARGEST:
        raise SubmissionError("shape", f"returns more than {LARGEST >> 20} MiB")
    return [len(part) for part in lists], arrays


def unpacked(lengths: Any, arrays: Arrays) -> list[list[Any]]:
    """Return the lists that `packed` was given; raise FrameError if lengths and arrays do not match."""
    if not (isinstance(lengths, list) and all(type(n) is int and 0 <= n <= len(arrays) for n in lengths)):
        raise FrameError("has no lengths")
    names = [[f"{i}_{j}" for j in range(length)] for i, length in enumerate(lengths)]
    if sorted(name for part in names for name in part) != sorted(arrays):
        raise FrameError("has other arrays than it says")
    return [[arrays[name] for name in part] for part in names]
