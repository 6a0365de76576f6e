"""A ledger that is no ledger: one line that names the file, the line, the field and the place, and nothing else."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.errors import DataError
from gradproof.study import reader

GOOD = """
title = "One line"
letters = ["u"]
[definitions]
"σ(t)" = "1 / (1 + exp(-t))"
[[line]]
id = "A1"
written = 'x'
rule = "definition"
[[line.claim]]
claim = "d(σ(u), u) == σ(u) * (1 - σ(u))"
"""


def complaint(text: str) -> str:
    with pytest.raises(DataError) as caught:
        reader.read(text, "mine.toml")
    said = str(caught.value)
    assert said.startswith("mine.toml")
    assert "\n" not in said
    return said


def _code(function: str, arguments: int) -> tuple[str, str]:
    """From the ledger above to one that names a function and gives it so many arguments."""
    code = f'[[line.code]]\nfunction = "{function}"\narguments = {["u"] * arguments}\ngives = "u"\nanchor = "a"\n'
    return "[[line.claim]]", f"{code}[[line.claim]]"


def test_a_good_ledger_is_read() -> None:
    book = reader.read(GOOD, "mine.toml")
    assert [line.id for line in book.lines] == ["A1"]
    assert book.line("a1") is book.lines[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "One line"', "", "title: is missing"),
        ('title = "One line"', "title = 3", "title: should be text"),
        ('id = "A1"', "", "line 1, id: is missing"),
        ('id = "A1"', 'id = "A 1"', "line 1, id: should be a short name"),
        ("written = 'x'", "", "line A1, written: is missing"),
        ('rule = "definition"', 'rule = "magic"', "line A1, rule: is 'magic', should be one of definition"),
        ('rule = "definition"', 'rule = "definition"\ndepends = ["B9"]', "line A1, depends: there is no line B9"),
        ('rule = "definition"', 'rule = "definition"\ndepends = ["A1"]', "depends: runs in a circle: A1 → A1"),
        ('rule = "definition"', 'rule = "definition"\nproof = 1', "line A1: 'proof' is not a field; there are id"),
        ("[[line.claim]]", "", "line A1, claim: should be a list, such as [[line.claim]]"),
        ("σ(u) * (1 - σ(u))", "σ(u) * (1 - ", "line A1, claim 1, claim, column 27: expected a number, a name or ("),
        ("== σ(u) * (1 - σ(u))", "", "line A1, claim 1, claim, column 12: expected ==, <= or >="),
        ("σ(u) * (1 - σ(u))", "τ(u)", "line A1, claim 1, claim: τ is neither defined nor one of"),
        ("σ(u) * (1 - σ(u))", "v", "claim: v is neither defined"),
        ('letters = ["u"]', 'letters = "u"', "letters: should be a list of texts"),
        ('"1 / (1 + exp(-t))"', "3", "definitions, σ(t): should be an expression in quotes"),
        ('"1 / (1 + exp(-t))"', '"1 / (1 + exp(-t)"', "definitions, σ(t), column 17: expected ')'"),
        ('"σ(t)"', '"σ(t)(u)"', "definitions, σ(t)(u): expected an operator or the end"),
        ("[[line.claim]]", "[[line.claim]]\nlayers = '1..7'", "claim 1, layers: should be a range such as 1..L"),
        ("[[line.claim]]", "[[line.claim]]\ngeneral = 1", "claim 1, general: should be true or false"),
        ("[[line.claim]]", '[[line.claim]]\nreadings = "index"', "claim 1, readings: there is no [readings.index]"),
        ("[[line.claim]]", "[[line.claim]]\nreadings = { a = 1 }", "claim 1, readings, a: should be a table"),
        ("[[line.claim]]", '[[line.code]]\nfunction = "os.system"\n[[line.claim]]', "function: should be in handcr"),
        (
            '[[line.claim]]\nclaim = "d(σ(u), u) == σ(u) * (1 - σ(u))"',
            '[[line.code]]\nfunction = "handcrafted.equations.sigma"\narguments = []\ngives = "u"\nanchor = "exp"',
            "line A1, code 1: implements no claim; say in a [[line.claim]] what the line claims",
        ),
        (*_code("handcrafted.nowhere.bp1", 2), "line A1, code 1, function: there is no module handcrafted.nowhere"),
        (*_code("handcrafted.equations.nothing", 2), "line A1, code 1, function: handcrafted.equations has no nothing"),
        (*_code("handcrafted.equations.np", 2), "line A1, code 1, function: handcrafted.equations has no np, or it is"),
        (*_code("handcrafted.equations.bp1", 1), "code 1, arguments: bp1 takes grad_a, z; it is given 1"),
        (*_code("reference.stages.hidden_delta", 9), "code 1, arguments: hidden_delta takes "),
        (
            "[[line.claim]]",
            '[[line.fact]]\nmeasure = "luck"\nsays = 1\n[[line.claim]]',
            "measure: 'luck' is not one of",
        ),
        ('letters = ["u"]', 'letters = ["u"]\nreadings.index = 1', "readings.index: should be a table"),
        ("title =", "title ", "not valid TOML: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(old: str, new: str, said: str) -> None:
    assert old in GOOD
    assert said in complaint(GOOD.replace(old, new, 1))


FACT = GOOD.replace("[[line.claim]]", '[[line.fact]]\nmeasure = "loops"\nsays = 30\n[[line.claim]]')
BEYOND = "line A1, fact 1, says: should be a number of at most 15 digits, and finite"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("1" * 5000, "not valid TOML: a number has thousands of digits"),
        ("0xff" + "f" * 4000, BEYOND),
        ("nan", BEYOND),
        ("-inf", BEYOND),
        ("[1, [2]]", "says: should be true or false, a number, a text"),
        ("[1, 1e400]", BEYOND),
    ],
)
def test_a_number_that_nobody_can_show_is_refused(number: str, said: str) -> None:
    assert said in complaint(FACT.replace("says = 30", f"says = {number}"))
    assert reader.read(FACT, "mine.toml").lines[0].facts[0].says == 30


@pytest.mark.parametrize("result", ["[0x" + "f" * 4000 + "]", "[-1]", "[true]", "[[0]]"])
def test_a_part_of_what_a_function_returns_is_a_small_number(result: str) -> None:
    code = _code("handcrafted.equations.sigma", 1)[1].replace("anchor =", f"result = {result}\nanchor =")
    assert "line A1, code 1, result: should be a list of numbers from 0" in complaint(
        GOOD.replace("[[line.claim]]", code)
    )


def test_an_id_is_taken_once() -> None:
    assert "id: A1 is used twice" in complaint(GOOD + GOOD[GOOD.index("[[line]]") :])


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_one_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=r"mine\.toml: (there is no such file|byte 0 is not UTF-8)"):
        reader.load(file)


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert reader.load(file).title == "One line"


@pytest.mark.parametrize("file", [Path(__file__).parent, Path("/dev/zero")])
def test_what_is_there_and_no_file_is_called_that(file: Path) -> None:
    with pytest.raises(DataError, match=r": is not a file; \S*docs/ledger\.md says how a ledger is written$"):
        reader.load(file)


# ---- whatever stands there -------------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, inner in pairs:
        found += places(inner, (*path, key))
    return found


NOTES = tomllib.loads(reader.NOTES.read_text("utf-8"))
PLACES = places(NOTES)


@given(st.sampled_from(PLACES), anything)
def test_one_changed_value_anywhere_in_the_notes_is_read_or_is_one_error(place: tuple[Any, ...], new: Any) -> None:
    document = copy.deepcopy(NOTES)
    *inside, last = place
    tree: Any = document
    for key in inside:
        tree = tree[key]
    tree[last] = new
    said = "mine.toml: "
    try:
        reader._Reader("mine.toml", document).ledger()
    except DataError as error:
        said = str(error)
    assert said.startswith("mine.toml: ")


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_any_text_is_a_ledger_or_one_error(text: str) -> None:
    with pytest.raises(DataError):
        reader.read(text, "mine.toml")
