"""A line of a log of the proof in parts that was changed is named, and never counted."""

import json
import re
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.commands import bulk as logs
from gradproof.commands.prove import command
from gradproof.errors import DataError, GradproofError
from gradproof.proof.total import Total

pytestmark = pytest.mark.usefixtures("few_digits")
COUNT = 30


def judge(place):
    return logs.judge(place, 0, 1, COUNT, 0, "float64", quiet=True)


@pytest.fixture(scope="module")
def log(few_digits, tmp_path_factory):
    return judge(tmp_path_factory.mktemp("log"))


@pytest.fixture(scope="module")
def whole(log):
    """The lines of the log, and what they hold."""
    return log.own.read_bytes().splitlines(keepends=True), {part.unit: part for part in log.parts()}


def read(log, place, lines):
    """What a log of these lines says: the parts before the first fault, and the fault."""
    other = logs.Log(place, 0, 1, log.claim)
    other.own.write_bytes(b"".join(lines))
    parts = []
    try:
        for part in other.parts():
            parts.append(part)
    except GradproofError as error:
        return parts, str(error)
    return parts, ""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@given(data=st.data())
def test_one_changed_digit_is_named_with_its_line(log, whole, place, data):
    lines, parts = whole
    number = data.draw(st.integers(1, len(lines) - 1))
    digits = [i for i, byte in enumerate(lines[number]) if chr(byte).isdigit()]
    i = data.draw(st.sampled_from(digits))
    other = data.draw(st.sampled_from([d for d in b"0123456789" if d != lines[number][i]]))
    changed = lines[number][:i] + bytes([other]) + lines[number][i + 1 :]
    found, said = read(log, place, [*lines[:number], changed, *lines[number + 1 :]])
    assert said.startswith(f"{place / log.own.name}, line {number + 1}: was changed: its checksum does not match"), said
    assert len(found) == number - 1
    assert all(part == parts[part.unit] for part in found)


@given(data=st.data())
def test_whatever_happens_to_a_log_nothing_is_counted_that_was_not_judged(log, whole, place, data):
    lines, parts = whole
    content = bytearray(b"".join(lines))
    for _ in range(data.draw(st.integers(1, 3))):
        i = data.draw(st.integers(0, len(content)))
        j = data.draw(st.integers(i, min(len(content), i + 5000)))
        piece = data.draw(st.binary(max_size=20) | st.just(bytes(content[i:j])) | st.sampled_from(lines))
        content[i:j] = piece * data.draw(st.integers(0, 2))
    found, said = read(log, place, [bytes(content)])
    assert all(part == parts[part.unit] for part in found)
    assert len({part.unit for part in found}) == len(found)
    assert "\n" not in said


def test_a_changed_log_has_no_verdict(log, whole, tmp_path, capsys):
    """As found: 9.237 in the place of 0.237 was shown as a bound that does not hold, and "verified"."""
    shutil.copytree(log.place, tmp_path / "log")
    file = tmp_path / "log" / log.own.name
    text = file.read_text()
    file.write_text(re.sub(r"(\[\d+, )0\.", r"\g<1>9.", text, count=1))
    assert file.read_text() != text
    with pytest.raises(DataError, match=r"line 2: was changed: [^\n]* delete that line and its stack is judged again$"):
        command.main(["--architectures", str(COUNT), "--log", str(tmp_path / "log")], standalone_mode=False)
    assert "verified" not in capsys.readouterr().out
    file.write_text("".join(text.splitlines(keepends=True)[:1] + text.splitlines(keepends=True)[2:]))
    assert command.main(["--architectures", str(COUNT), "--log", str(tmp_path / "log")], standalone_mode=False) == 0


def test_a_line_of_another_run_is_not_counted(log, whole, tmp_path):
    other = logs.judge(tmp_path / "other", 0, 1, COUNT, 1, "float64", quiet=True)
    moved = other.own.read_bytes().splitlines(keepends=True)[3]
    lines, _ = whole
    assert read(log, tmp_path, [*lines[:3], moved])[1].endswith(
        "line 4: was changed: its checksum does not match its content; delete that line and its stack is judged again"
    )


FIELDS = {
    "unit": (-1, 34, None, "1", True, 1.0),
    "first": (1, None),
    "source": ("digits", "nowhere", None),
    "networks": (0, 2, True, None),
    "examples": (99, None),
    "elements": (None, -1, 0, "many", 10**400, [], True),
    "alone": (None, [1], [5, 4], [0, 10**9], [True, 3], [1.5, 2], 3),
    "end_to_end": (None, [1], [5, 4], [0, 10**9]),
    "sharp": (2, -1, None, 0.5),
    "undecided": (-1, None, 10**9),
    "vanished": (-1, None, 10**9),
    "rows": (None, [], {}, {"z": [1, 0.5]}, {"BP9": [1, 0.5, ""]}),
    "faults": (None, {}, [["BP1", 1, True, 1, 1, 9.0]], [[1, 2]]),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_line_that_says_what_cannot_be_is_refused_though_its_checksum_fits(field, log, whole, tmp_path):
    lines, parts = whole
    for value in FIELDS[field]:
        other = logs.Log(tmp_path, 0, 1, log.claim)
        other.own.write_bytes(lines[0])
        other.add(parts[20]._replace(**{field: value}))
        with pytest.raises(DataError, match=r"line 2: [^\n]+; delete that line"):
            list(other.parts())


@pytest.mark.parametrize("ratio", [9.237, None, -0.5, float("nan"), float("inf"), "0.5", True])
def test_a_ratio_that_cannot_be_is_refused(ratio, log, whole, tmp_path):
    """Beyond its bound only in a stack that has faults."""
    lines, parts = whole
    name, (elements, _, where) = next(iter(parts[20].rows.items()))
    other = logs.Log(tmp_path, 0, 1, log.claim)
    other.own.write_bytes(lines[0])
    other.add(parts[20]._replace(rows={**parts[20].rows, name: (elements, ratio, where)}))
    with pytest.raises(DataError, match=r"line 2: its (rows|faults) cannot be "):
        list(other.parts())


def test_the_order_in_which_parts_are_added_does_not_matter(whole):
    _, parts = whole
    one, other = Total(parts.values()), Total(reversed(parts.values()))
    assert (one.sums, one.rows, one.faults, one.worst) == (other.sums, other.rows, other.faults, other.worst)


def test_a_long_log_takes_no_memory_of_its_own(log, whole):
    """What is kept of the parts does not grow with them."""
    _, parts = whole
    total = Total(parts.values())
    size = len(json.dumps([total.sums, *map(list, (total.rows, total.faults))]))
    for _ in range(100):
        for part in parts.values():
            total.add(part)
    assert len(json.dumps([total.sums, *map(list, (total.rows, total.faults))])) <= size + 100
