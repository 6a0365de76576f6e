"""Whatever stands in the pipe of the answers is a frame, or one line: the judge itself never fails of it."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.errors import DataError
from gradproof.judge.isolation import frames
from gradproof.judge.isolation.submission import File, Kind
from gradproof.judge.troubles import KINDS, SubmissionError
from gradproof.problem import Problem

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
ENTRY = st.tuples(
    st.sampled_from(["0_0", "1_0", "2_0", "x"]) | JSON,
    st.sampled_from(["<f8", ">f4", "|O", "V8", "M8[s]", "<f8,<f8", "U9", "|b1", "f99", "<i8"]) | JSON,
    st.lists(st.integers(-2, 3) | st.sampled_from([2**40, 2**70, 0.5, True]), max_size=3) | JSON,
).map(list)
META = st.fixed_dictionaries(
    {},
    optional={
        "arrays": st.lists(ENTRY | JSON, max_size=3) | JSON,
        "lengths": st.lists(st.integers(-1, 3) | st.sampled_from([10**9, 10**30, True, "1"]), max_size=4) | JSON,
        "trouble": st.lists(st.sampled_from([*KINDS, "load", "x"]) | JSON, max_size=3) | JSON,
        "class": JSON, "updates": JSON, "name": JSON, "unjudged": JSON, "source": JSON, "sha256": JSON,
    },
)  # fmt: skip
PROBLEM = Problem([np.ones((1, 1))], [np.ones((1, 1))], np.ones((1, 1)), np.ones((1, 1)))


class Forged:
    """In the place of a sandbox: whatever is asked, these bytes come, and then nothing."""

    open = True

    def __init__(self, data: bytes) -> None:
        self.data = data

    def write(self, data, end):
        pass

    def read(self, count, end):
        if len(self.data) < count:
            raise ChildProcessError("ends the process (exit code 0)")
        got, self.data = self.data[:count], self.data[count:]
        return got

    def close(self):
        self.open = False


def told(data: bytes, ask) -> object:
    """What a file whose worker says this is told to be: an answer, or the error in one line."""
    code = File.__new__(File)
    code.path, code.seconds, code.left, code.sandbox = "mine.py", 1.0, 60.0, Forged(data)
    try:
        return ask(code)
    except (SubmissionError, DataError) as error:
        return str(error)


ASKED = {
    "kind": lambda code: code.kind,
    "backprop": lambda code: code.backprop(PROBLEM),
    "descent": lambda code: code.descent(PROBLEM, 1.0, 1),
}


def frame(text: bytes, body: bytes = b"", more: int = 0) -> bytes:
    return struct.pack("<QQ", 8 + len(text) + len(body), max(0, len(text) + more)) + text + body


@given(st.sampled_from(sorted(ASKED)), META, st.binary(max_size=32), st.integers(-3, 3))
def test_a_forged_frame_is_an_answer_or_one_line(asked, meta, body, more):
    data = frame(json.dumps(meta).encode(), body, more)
    answer = told(2 * data, ASKED[asked])
    assert isinstance(answer, str | list | Kind)


@given(st.sampled_from(sorted(ASKED)), st.binary(max_size=64))
def test_noise_is_one_line(asked, data):
    assert isinstance(told(data, ASKED[asked]), str)


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize(
    "text",
    [b"[" * 100_000, b"1" * 10_000, b'{"a": ' * 100_000, b"\xff\xfe", b"null", b"[]", b"{}", b'{"arrays": {}}', b"NaN",
     b'{"arrays": [["0_0", "<f8", [9223372036854775807, 0]]], "lengths": [1]}',
     b'{"arrays": [], "lengths": [0, 0]}', b'{"arrays": [], "trouble": ["raises"]}'],
)  # fmt: skip
def test_a_frame_that_is_none_is_one_line(asked, text):
    answer = told(2 * frame(text), ASKED[asked])
    assert isinstance(answer, str) or (asked == "backprop" and answer == [[], []])


@pytest.mark.parametrize("size", [0, 7, 2**28 + 2**25, 2**63, 2**64 - 1])
def test_a_frame_of_no_size_is_one_line(size):
    assert "writes to the pipe that carries its answers" in told(struct.pack("<Q", size) + b"x" * 64, ASKED["backprop"])


@given(st.lists(st.lists(st.sampled_from([(), (0,), (2, 3), (1, 1)]), max_size=3), max_size=5), st.sampled_from("fdi?"))
def test_what_is_packed_is_unpacked(shapes, kind):
    lists = [[np.ones(shape, kind) for shape in part] for part in shapes]
    lengths, arrays = frames.packed(lists)
    data = frames.framed({"lengths": lengths}, arrays)
    assert frames.size(data[: frames.HEAD]) == len(data) - frames.HEAD
    meta, got = frames.unframed(data[frames.HEAD :])
    for one, other in zip(frames.unpacked(meta["lengths"], got), lists, strict=True):
        assert [(a.shape, a.dtype, a.tobytes()) for a in one] == [(a.shape, a.dtype, a.tobytes()) for a in other]
