"""`gradproof explain`: whatever has a name is explained by its own name, and each example shows its mistake."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.commands.check import command as check
from gradproof.commands.explain import page
from gradproof.commands.explain import shown as explained
from gradproof.judge import catalogue
from gradproof.judge.catalogue import CONVENTION, LINE, STEP, Entry
from gradproof.judge.float64 import families, mistakes
from gradproof.judge.lines import faults
from gradproof.judge.lines.edits import applied, edits, places_of
from gradproof.judge.lines.examples import EXAMPLES
from gradproof.judge.lines.names import NAMES, STEPS
from gradproof.judge.lines.steps import STEP_MISTAKES
from gradproof.judge.lines.words import Words
from gradproof.judge.trial.adaptive_steps import BY_SIGN, NO_ROOT
from gradproof.judge.trial.penalties import OTHER_DECAY
from gradproof.judge.trial.symmetry import OF_ANOTHER
from gradproof.judge.whole_program import FORGOTTEN
from tests.commands import ended_here

ROOT = Path(__file__).parents[2]
ENTRIES = catalogue.entries()
MISTAKES = [entry for entry in ENTRIES if entry.compute]


def explain(place: Path, *words: str) -> Any:
    return ended_here([sys.executable, "-m", "gradproof", "explain", *words], place)


def test_the_page_is_what_the_command_writes(tmp_path: Path) -> None:
    ended = explain(tmp_path, "-o", "mistakes.md")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    written = (tmp_path / "mistakes.md").read_text("utf8")
    assert written == page() == (ROOT / "docs/mistakes.md").read_text("utf8")
    assert all(f"| {entry.name} |" in written for entry in ENTRIES)


def test_every_mistake_of_the_tables_is_in_the_catalogue() -> None:
    assert len(MISTAKES) == len(mistakes.MISTAKES) + len(families.FAMILIES)


@pytest.mark.parametrize("entry", MISTAKES, ids=lambda entry: f"{entry.place} {entry.formula}")
def test_each_example_shows_its_mistake(entry: Entry) -> None:
    """Some number of it is another one than autodiff's, by far more than rounding; or it has another shape."""
    wrong, right = catalogue.wrong(entry), catalogue.right(entry.place)
    assert wrong.value.shape != right.shape or (np.abs(wrong.value - right) > 1e6 * wrong.radius).any()


@pytest.mark.parametrize("equation", mistakes.RIGHT)
def test_what_the_notes_have_for_an_equation_is_what_it_should_be_in_the_example(equation: str) -> None:
    formulas = {"BP1": mistakes.bp1, "BP2": mistakes.bp2, "BP3": mistakes.bp3, "BP4": mistakes.bp4}
    formulas |= {"z": lambda p: p.w[p.l - 1] @ p.a[p.l - 1] + p.b[p.l - 1], "a": lambda p: p.a[p.l]}
    own = catalogue.wrong(Entry(equation, "", "", compute=formulas[equation]))
    assert (np.abs(own.value - catalogue.right(equation)) <= 2 * own.radius).all()


@given(st.sampled_from(ENTRIES), st.data())
def test_each_is_found_by_its_name_and_by_words_of_it_in_any_order(entry: Entry, data: st.DataObject) -> None:
    assert all(found.name == entry.name for found in catalogue.find_entries(entry.name.split()))
    words = data.draw(st.permutations(f"{entry.place} {entry.name}".upper().split()))
    assert entry[:3] in [found[:3] for found in catalogue.find_entries([" ".join(words)])]


OF_SEVERAL = "order of statements", "counterpart", "missing statement"  # which no statement alone shows


@pytest.mark.parametrize("kind", [kind for kind in EXAMPLES if kind not in OF_SEVERAL])
def test_the_example_of_a_slip_is_mended_by_the_edit_of_its_name(kind: str) -> None:
    written, meant, *_ = EXAMPLES[kind]
    tree = ast.parse(written)
    names = ["X", "Y", "Z1", "A1", "Z2", "A2", "W1", "W2", "dZ1", "dZ2", "dA1", "dA2"]
    places, found = places_of(tree), []
    for edit in edits(tree.body[0], Words(names, ["f", "slope"], ["m"], ["l"])):
        with applied(edit, places):
            found += [edit.kind] if edit.correction() == meant else []
    assert found[0] == kind  # the likeliest; as a slope of another activation it may be read as well


def test_every_slip_of_a_statement_is_in_the_catalogue_once() -> None:
    assert set(EXAMPLES) == set(NAMES)
    assert [entry.name for entry in ENTRIES if entry.place == LINE] == list(NAMES.values())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.place} {entry.name}")
def test_each_has_a_formula_an_example_that_is_run_and_a_repair(entry: Entry) -> None:
    assert entry.formula
    assert entry.repair
    value, got, expected = explained(entry)
    assert value
    assert (got == expected) == (entry.written == "--convention ours"), "the example shows what is said of it"


def test_no_two_entries_have_the_same_example() -> None:
    shown = [(entry.place, entry.written, entry.meant) for entry in ENTRIES if entry.place == LINE]
    assert len(set(shown)) == len(shown)
    divided = [EXAMPLES[kind].written for kind in ("division", "multiple")]
    assert len(set(divided)) == 2


def test_each_convention_says_where_it_is_usual() -> None:
    assert all(entry.seen for entry in ENTRIES if entry.place == CONVENTION)


def test_what_is_said_of_a_whole_step_is_in_the_catalogue_by_the_words_of_the_judge() -> None:
    assert tuple(STEP_MISTAKES) == STEPS
    assert {OTHER_DECAY, NO_ROOT, BY_SIGN, OF_ANOTHER, FORGOTTEN, faults.OTHER_DECAY} <= set(STEPS)


@pytest.mark.parametrize(
    ("printed", "place", "name"),
    [
        ("its weight decay differs from that in its own cost", STEP, OTHER_DECAY),
        ("moved 1/3 times as far as the others", STEP, "moved 0.1 times as far as the others"),
        ("σ′ is missing (BP2)", "BP2", "σ′ is missing"),
        ("weight decay is left in: 0.03 w is added (BP4)", "BP4", "weight decay is left in: 0.1 w is added"),
    ],
)
def test_a_mistake_is_explained_by_the_name_that_the_count_of_a_class_gives_it(
    printed: str, place: str, name: str
) -> None:
    (found,) = catalogue.find_entries([printed])
    assert (found.place, found.name) == (place, name)


def test_every_word_of_convention_is_explained() -> None:
    (help_of_it,) = (option.help for option in check.params if option.name == "convention")
    words = [entry.written.removeprefix("--convention ") for entry in ENTRIES if entry.place == CONVENTION]
    assert help_of_it.endswith(f"explains each of: {', '.join(words)}.")


@pytest.mark.parametrize("word", [entry.written.split()[-1] for entry in ENTRIES if entry.place == CONVENTION])
def test_a_word_that_declares_a_convention_explains_only_that(word: str) -> None:
    found = [entry for entry in catalogue.find_entries([word]) if entry.name != word]
    assert {entry.written for entry in found} == {f"--convention {word}"}


def test_a_name_is_explained_in_words_and_for_programs(tmp_path: Path) -> None:
    ended = explain(tmp_path, "bp2", "σ′ is missing")
    lines = ended.stdout.splitlines()
    assert lines[:3] == [
        "BP2: σ′ is missing",
        "  yours is (wˡ⁺¹)ᵀδˡ⁺¹",
        "  it should be δˡ = ((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ′(zˡ)",
    ]
    assert lines[3].startswith("  in the example δ¹ is [[")
    assert lines[4].startswith("  to repair it: delta = (w.T @ delta) * a * (1 - a)")
    assert lines[5] == "  seen in Grokking#50, makeyourownneuralnetwork#88"
    assert lines[-1].startswith("  x = [[1, -1], [0.5, 2]], y = ")
    assert "  no public code in which it was seen is known" in explain(tmp_path, "σ is left out").stdout.splitlines()
    (told,) = json.loads(explain(tmp_path, "BP2 σ′ is missing", "--json").stdout)
    assert f"in the example δ¹ is {told['example']['is']} and should be {told['example']['should_be']}" in lines[3]
    assert len(explain(tmp_path).stdout.splitlines()) == len(ENTRIES)


@pytest.mark.parametrize(
    ("words", "said"),
    [(["nothing", "such"], "is called nothing such"), (["sign", "-o", "x"], "leave out NAME or --out")],
)
def test_what_is_not_there_is_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    ended = explain(tmp_path, *words)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert said in ended.stderr
    assert not list(tmp_path.iterdir())


def test_an_edit_changes_its_own_statement_and_no_other() -> None:
    """Python's tree has each operator once, however often it is written."""
    tree = ast.parse("a = b + c * (d > 0)\na += b - 1\ne = f + g * (h > 0) - 1\ne += f")
    places, source = places_of(tree), ast.unparse(tree).splitlines()
    for number, statement in enumerate(tree.body):
        for edit in edits(statement, Words(["b", "c", "f"], ["slope"], ["m"])):
            with applied(edit, places):
                now = ast.unparse(tree).splitlines()
            assert [k for k in range(4) if now[k] != source[k]] in ([], [number]), edit.kind
    kinds = [edit.kind for edit in edits(tree.body[0], Words([], [], []))]
    assert {"sign", "mask", "operator"} <= set(kinds)


def test_nothing_is_taken_from_itself() -> None:
    """p − p makes everything stand still, which is no correction."""
    tree = ast.parse("e = (r - p) / m")
    places, said = places_of(tree), []
    for edit in edits(tree.body[0], Words(["r", "p", "m"], [], [])):
        with applied(edit, places):
            said.append(edit.correction())
    assert "e = (m - p) / m" in said
    assert not {"e = (p - p) / m", "e = (r - r) / m"} & set(said)
