"""The notes on trial, all of them, as `gradproof study` tries them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from gradproof.study import reader
from gradproof.study.summary import together
from handcrafted import equations
from tests.browser import needs_chromium, opened
from tests.commands import ended_here
from tests.once import once
from tests.processes import started
from tests.study.plain import plain

ROOT = Path(__file__).parents[2]
WRONG = {
    "N5": "the numerator e⁻ᶻ is lost",
    "N8": "8 entries for 10 digits",
    "N10": "m + 1 samples divided by m",
    "N13": "equal to first order only",
    "N23": "m + 1 terms",
    "N24": "m + 1 terms",
    "N27": "equal to first order only; saturated is not adjusted",
    "N31": "σ for δ",
}
CONVENTION = {"N11", "N17", "N19", "N20", "N21", "N22", "N25", "N28", "N29", "N30", "N32"}
PROGRAM = {"N7", "N9", "N18"}
LIMIT = 300  # seconds, for a machine that is busy


def study(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "gradproof", "study", *arguments],
        env=environment | {"PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT,
    )


def study_here(*arguments: str) -> subprocess.CompletedProcess[str]:
    return ended_here([sys.executable, "-m", "gradproof", "study", *arguments], Path.cwd())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def tried(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:  # two processes say the same: see test_courts.py
            patch.setattr("gradproof.commands.study.MANY", sys.maxsize)
            done = study_here("--json", "-o", str(folder / "study.html"))
        assert (done.returncode, done.stderr) == (0, "")
        (folder / "study.json").write_text(done.stdout, "utf8")

    return once(tmp_path_factory, "notes", tried) / "study.html"


@pytest.fixture(scope="module")
def document(page: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.with_name("study.json").read_text("utf8"))
    return found


@needs_chromium
def test_the_page_of_all_lines_opens_offline_and_shows_every_verdict(document: dict[str, Any], page: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    assert page.stat().st_size <= 2_000_000
    with opened(page) as here:
        for line in document["lines"]:
            article = here.page.locator(f"article#{line['id']}")
            assert article.locator("math").count() or line["verdict"] == "not a mathematical claim"
            assert line["verdict"] in article.locator(".verdict").first.text_content()
        here.page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
        if settings().max_examples > 100:  # of a few lines axe is asked in tests/pages/test_study.py
            assert [v["id"] for v in Axe().run(here.page).response["violations"]] == []
        assert (here.errors, here.requests) == ([], [])


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


def test_every_claim_rejects_at_least_five_neighbours_and_every_one_that_is_wrong(document: dict[str, Any]) -> None:
    for line in document["lines"]:
        for claim in line["claims"]:
            n = claim["neighbours"]
            assert n["rejected"] >= 5, line["id"]
            if "<=" not in claim["claim"]:
                assert n["rejected"] + n["meaningless"] + n["same"] == n["tried"], line["id"]


def test_the_pages_count_what_is_found(document: dict[str, Any]) -> None:
    counts = Counter(line["verdict"] for line in document["lines"])
    rejected = sum(claim["neighbours"]["rejected"] for line in document["lines"] for claim in line["claims"])
    for name in ("README.md", "docs/study.md"):
        page = " ".join((ROOT / name).read_text("utf-8").split())
        assert f"{counts['holds']} hold, {counts['holds under a convention']} hold under a convention" in page
        assert (
            f"{counts['wrong']} are wrong, and {counts['not a mathematical claim']} are no mathematical claim" in page
        )
    assert f"{rejected} wrong variants" in page


def test_the_handcrafted_equations_stand_for_their_lines(document: dict[str, Any]) -> None:
    """Each line of which handcrafted/ says that it implements it names the function."""
    said: dict[str, set[str]] = {}
    for name in ("sigma", "sigma_prime", "cost_gradient", "bp1", "bp2", "bp3", "bp4"):
        for line in re.findall(r"N\d+", str(getattr(equations, name).__doc__)):
            said.setdefault(line, set()).add(f"handcrafted.equations.{name}")
    said |= {line: {"handcrafted.network.feedforward"} for line in ("N2", "N19", "N25")}
    said |= {line: {"handcrafted.descent.step"} for line in ("N14", "N15", "N16", "N23", "N24")}
    named = {line["id"]: {code["function"] for code in line["code"]} for line in document["lines"]}
    assert {line for line, functions in said.items() if not functions <= named[line]} == set()
    assert {"handcrafted.network.cost"} <= named["N10"]
    assert {"handcrafted.backprop.errors"} <= named["N28"]


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
    assert together(held) == "No single reading makes all of these lines true"


def test_one_letter_for_two_costs_is_told(document: dict[str, Any]) -> None:
    """C of N10 is the mean over the samples; BP3 and BP4 are true of the cost of one sample only."""
    (held,) = (held for names, held in document["conventions"].items() if "cost C_x" in names)
    one, mean, mixed = held.values()
    assert one == ["N20", "N22", "N28", "N29", "N31", "N32"]
    assert mean == ["N20", "N28", "N29"]
    assert mixed == []
    assert together(held) == "These lines agree with each other only if C is the cost C_x of one sample"


def test_an_approximation_is_tried_as_one_and_a_single_mini_batch_is_told_from_the_mean(
    document: dict[str, Any],
) -> None:
    (claim,) = (c for line in document["lines"] if line["id"] == "N17" for c in line["claims"] if "approx" in c["says"])
    assert list(claim["readings"].values()) == ["verified", "refuted"]
    shown = claim["smallest"]
    assert any(one != other for one, other in zip(shown["left"], shown["right"], strict=True))


def test_a_raised_l_is_read_as_a_prime_and_as_a_layer(document: dict[str, Any]) -> None:
    claims = {c["says"]: c for line in document["lines"] if line["id"] == "N24" for c in line["claims"]}
    for says in ("the raised l of W", "the raised l of b"):
        prime, layer = claims[says]["readings"].items()
        assert "prime" in prime[0]
        assert (prime[1], layer[1]) == ("verified", "refuted")


def test_each_line_of_the_notes_stands_in_the_ledger_completely() -> None:
    notes = (ROOT / "docs" / "notes.md").read_text("utf-8")
    lines = dict(re.findall(r"^- (N\d+) +(.*(?:\n +.*)*)", notes, re.MULTILINE))
    written = {line.id: line.written for line in reader.load().lines}
    assert list(lines) == list(written)
    for name, text in lines.items():
        assert plain(written[name]) == plain(text), name


@pytest.mark.parametrize(("line", "left_out"), [("N18", "each loop shuffles"), ("N23", "m")])
def test_a_line_that_drops_a_part_is_not_that_line(line: str, left_out: str) -> None:
    written = {entry.id: entry.written for entry in reader.load().lines}[line]
    assert plain(written.replace(left_out, "", 1)) != plain(written)


# ---- one line, another ledger ----------------------------------------------------------------------------------


def test_one_line_is_explained_with_its_numbers() -> None:
    done = study_here("n21")
    assert (done.returncode, done.stderr) == (0, "")
    claims = 'its claims are in gradproof/study/notes.toml, under id = "N21"'
    for said in (
        "N21 holds under a convention",
        "w_jk leads from",
        "symbolic",
        "rigorous",
        "bp2 computes it",
        "0.042972",
    ):
        assert said in done.stdout
    assert claims in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_the_example_ledger_finds_its_two_slips() -> None:
    done = study_here("--notes", str(ROOT / "docs" / "cross_entropy.toml"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    verdicts = {line["id"]: line["verdict"] for line in json.loads(done.stdout)["lines"]}
    assert verdicts == {"X1": "holds", "X2": "wrong", "X3": "holds", "X4": "wrong"}


def test_the_list_of_a_ledger_says_how_to_go_on_with_that_ledger(tmp_path: Path) -> None:
    file = tmp_path / "my notes.toml"
    head, _, _ = (ROOT / "docs" / "cross_entropy.toml").read_text("utf-8").partition('\n[[line]]\nid = "X2"')
    file.write_text(head, "utf-8")
    done = study_here("--notes", str(file))
    assert f"gradproof study X1 --notes '{file}'" in done.stdout
    assert f"gradproof study --notes '{file}' -o study.html" in done.stdout
    assert "N21" not in done.stdout


def test_a_wrong_line_without_a_correction_is_refuted(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "cross_entropy.toml").read_text("utf-8")
    file = tmp_path / "mine.toml"
    file.write_text("\n".join(row for row in text.splitlines() if not row.startswith("correct")), "utf-8")
    assert study_here("X2", "--notes", str(file)).returncode == 1


@pytest.mark.parametrize(("beside", "code"), [("C == C", 1), ("C / (m - m) == 2 * C", 5)])
def test_a_corrected_slip_does_not_settle_what_stands_beside_it(tmp_path: Path, beside: str, code: int) -> None:
    text = (ROOT / "docs" / "cross_entropy.toml").read_text("utf-8")
    head, _, line = text.partition('id = "X2"')
    first, _, rest = line.partition("[[line]]")
    file = tmp_path / "mine.toml"
    file.write_text(f'{head}id = "X2"{first}[[line.claim]]\nclaim = "{beside}"\n[[line]]{rest}', "utf-8")
    assert study_here("X2", "--notes", str(file)).returncode == code


@pytest.mark.parametrize("claim", ["((((7^9)^9)^9)^9)^9 == C", "(((C + x[1])^9)^9)^9 * (((y[1] + C)^9)^9)^9 == C"])
def test_a_ledger_that_nobody_can_compute_ends_with_one_line(tmp_path: Path, claim: str) -> None:
    text = (ROOT / "docs" / "cross_entropy.toml").read_text("utf-8")
    file = tmp_path / "mine.toml"
    file.write_text(text.replace('claim = "δ[L] == a[L] - y"', f'claim = "{claim}"'), "utf-8")
    done = study_here("--notes", str(file))
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    assert "line X3, claim 1, claim: with its powers and definitions written out" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["N99"], 2, "there is no line N99; there are N1 … N32"),
        (["--notes", "nowhere.toml"], 3, f"nowhere.toml: there is no such file; {ROOT}/docs/ledger.md"),
        (["--walk", "N1"], 2, "--walk takes no LINE"),
        (["N1", "-o", "x.html"], 2, "leave out LINE or --out"),
        (["--seed", "-1"], 2, "--seed must be at least 0"),
    ],
)
def test_a_wrong_call_is_one_line(arguments: list[str], code: int, said: str) -> None:
    done = study_here(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


SAYING = """
import sys
from gradproof.__main__ import main
from gradproof.commands import courts
wait, said = courts.wait, iter(["waiting"])
def saying(*arguments):
    for word in said:
        print(word, file=sys.stderr, flush=True)
    return wait(*arguments)
courts.wait = saying
main()
"""


def test_ctrl_c_ends_the_list_in_one_line() -> None:
    line = [sys.executable, "-c", SAYING, "study"]
    with started(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        assert running.stderr.readline() == "waiting\n"
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert err.strip() == "gradproof: interrupted"
