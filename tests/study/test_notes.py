"""The notes on trial, all of them, as `gradproof study` tries them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WRONG = {
    "N5": "the numerator e⁻ᶻ is lost",
    "N8": "8 entries for 10 digits",
    "N10": "m + 1 samples divided by m",
    "N13": "equal to first order only",
    "N23": "m + 1 terms",
    "N24": "no prime; m + 1 terms",
    "N27": "equal to first order only; saturated is not adjusted",
    "N31": "σ for δ",
}
CONVENTION = {"N11", "N17", "N19", "N21", "N22", "N25", "N29", "N30", "N32"}
PROGRAM = {"N7", "N9", "N18"}
LIMIT = 300  # seconds, for a machine that is busy; the README says what it takes


def study(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "gradproof", "study", *arguments],
        env=environment | {"PYTHONUTF8": "1"} | variables,
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT,
    )


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    done = study("--json")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_line_has_an_entry(document: dict[str, Any]) -> None:
    assert [line["id"] for line in document["lines"]] == [f"N{n}" for n in range(1, 33)]


def test_the_verdicts(document: dict[str, Any]) -> None:
    verdicts = {line["id"]: line["verdict"] for line in document["lines"]}
    assert {name for name, v in verdicts.items() if v == "wrong"} == set(WRONG)
    assert {name for name, v in verdicts.items() if v == "holds under a convention"} == CONVENTION
    assert {name for name, v in verdicts.items() if v == "not a mathematical claim"} == PROGRAM
    assert set(verdicts.values()) == {"wrong", "holds under a convention", "not a mathematical claim", "holds"}


def test_every_wrong_line_has_a_correction_that_holds_and_a_witness_of_at_most_three_neurons(
    document: dict[str, Any],
) -> None:
    for line in document["lines"]:
        if line["verdict"] == "wrong":
            assert line["correction"]
        for claim in line["claims"]:
            if claim["verdict"] == "wrong":
                assert claim["correction"] == "verified"
                assert claim["corrected"]
                shown = claim["smallest"]
                assert sum(shown["sizes"]) <= 3
                assert shown["misfit"] == ""
                assert any(one != other for one, other in zip(shown["left"], shown["right"], strict=True))


def test_no_two_witnesses_contradict_each_other(document: dict[str, Any]) -> None:
    for line in document["lines"]:
        said: dict[tuple[str, str], set[str]] = {}
        for testimony in line["witnesses"]:
            said.setdefault((testimony["claim"], testimony["reading"]), set()).add(testimony["verdict"])
        for verdicts in said.values():
            assert not {"verified", "refuted"} <= verdicts, line["id"]


def test_every_claim_rejects_at_least_five_wrong_neighbours(document: dict[str, Any]) -> None:
    for line in document["lines"]:
        for claim in line["claims"]:
            neighbours = claim["neighbours"]
            assert neighbours["rejected"] >= 5, line["id"]
            assert neighbours["rejected"] + neighbours["same"] == neighbours["tried"], line["id"]


def test_the_code_stands_for_its_lines_and_no_mutant_survives(document: dict[str, Any]) -> None:
    tried = 0
    for line in document["lines"]:
        for code in line["code"]:
            assert code["holds"], line["id"]
            assert code["line"] > 0
            assert code["killed"] + len(code["same"]) == code["mutants"], line["id"]
            tried += code["mutants"]
    assert tried > 100


def test_no_single_index_convention_makes_all_lines_true(document: dict[str, Any]) -> None:
    held = document["conventions"]["w_jk leads from neuron k to neuron j | w_kj leads from neuron k to neuron j"]
    assert list(held.values()) == [["N19", "N21", "N30"], ["N22", "N25", "N32"]]


def test_the_lines_are_those_of_the_notes() -> None:
    from gradproof.study import reader

    notes = (ROOT / "docs" / "notes.md").read_text("utf-8")
    for line in reader.load().lines:
        assert f"- {line.id} " in notes or f"- {line.id}  " in notes


# ---- one line, another ledger ----------------------------------------------------------------------------------


def test_one_line_is_explained_with_its_numbers() -> None:
    done = study("n21")
    assert (done.returncode, done.stderr) == (0, "")
    for said in ("N21 holds under a convention", "w_jk leads from", "symbolic", "rigorous", "bp2 gives it", "0.042972"):
        assert said in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_the_example_ledger_finds_its_two_slips() -> None:
    done = study("--notes", str(ROOT / "docs" / "cross_entropy.toml"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    verdicts = {line["id"]: line["verdict"] for line in json.loads(done.stdout)["lines"]}
    assert verdicts == {"X1": "holds", "X2": "wrong", "X3": "holds", "X4": "wrong"}


def test_a_wrong_line_without_a_correction_is_refuted(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "cross_entropy.toml").read_text("utf-8")
    file = tmp_path / "mine.toml"
    file.write_text("\n".join(row for row in text.splitlines() if not row.startswith("correct")), "utf-8")
    assert study("X2", "--notes", str(file)).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["N99"], 2, "there is no line N99; there are N1 … N32"),
        (["--notes", "nowhere.toml"], 3, "nowhere.toml: there is no such file; docs/ledger.md"),
        (["--walk", "N1"], 2, "--walk stands alone"),
        (["N1", "-o", "x.html"], 2, "leave out either LINE or --out"),
        (["--seed", "-1"], 2, "--seed must be at least 0"),
    ],
)
def test_a_wrong_call_is_one_line(arguments: list[str], code: int, said: str) -> None:
    done = study(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
