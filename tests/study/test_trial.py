"""The verdict on a line is found, not told; a claim that says nothing fails; a slip in the code is noticed."""

import ast
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradproof import limits
from gradproof.commands import study as command
from gradproof.errors import DataError
from gradproof.numerics.verdict import Verdict
from gradproof.problem import starting_parameters
from gradproof.study import facts, gate, mutants, reader, trial
from gradproof.study import limits as study_limits
from gradproof.study.language import parsed
from gradproof.study.ledger import Claim, Line
from gradproof.study.tree import Node, written
from gradproof.study.trial import Court
from gradproof.study.verdicts import Ruling, Tried
from gradproof.study.witnesses import code as witness
from gradproof.train import mnist
from gradproof.train.loop import Settings, State, begin, train
from gradproof.train.minibatches import shuffled
from handcrafted import equations
from tests.study.trees import trees

ROOT = Path(__file__).parents[2]
BOOK = """
title = "A test"
letters = ["u"]
[definitions]
"σ(t)" = "1 / (1 + exp(-t))"
"a[0]" = "x"
"z[l][j]" = "sum(k, edge[l][k,j] * a[l-1][k]) + b[l][j]"
"a[l]" = "σ(z[l])"
"C_x" = "1/2 * norm2(y - a[L])"
"C" = "mean(s, C_x)"
"δ[l]" = "d(C_x, z[l])"
[[line]]
id = "A1"
written = 'x'
rule = "definition"
[[line.claim]]
"""


def tried(claim: str) -> Tried:
    """The ruling on one claim (TOML)."""
    book = reader.read(BOOK + claim, "test")
    return Court(book).line(book.lines[0])


@pytest.fixture(scope="module")
def court() -> Court:
    return Court(reader.load())


def line(court: Court, name: str) -> Line:
    found = court.ledger.line(name)
    assert found is not None
    return found


# ---- verdicts --------------------------------------------------------------------------------------------------


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    "claim",
    [
        "δ[L] == d(C_x, a[L]) * σ'(z[L])",
        "d(C, b[l]) == mean(s, δ[l])",
        "d(C_x, edge[l])[k,j] == a[l-1][k] * δ[l][j]",
        "d(σ(u), u) == σ(u) * (1 - σ(u))",
        "16 * norm2(δ[L]) <= norm2(a[L] - y)",
    ],
)
def test_what_is_true_holds(claim: str) -> None:
    found = tried(f'claim = "{claim}"')
    assert found.claims[0].readings[0].verdict is Verdict.VERIFIED
    balls = found.claims[0].readings[0].testimonies[2]
    assert balls.verdict is (Verdict.UNDECIDED if "<=" in claim else Verdict.VERIFIED)  # a few do not prove that


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    "claim",
    [
        "δ[L] == d(C_x, a[L])",
        "δ[L] == d(C_x, a[L]) * σ(z[L])",
        "d(C, b[l]) == sum(s, δ[l])",
        "d(C_x, edge[l])[j,k] == a[l-1][k] * δ[l][j]",
        "d(C_x, edge[l])[k,j] == a[l][k] * δ[l][j]",
        "d(σ(u), u) == σ(u) * (1 + σ(u))",
        "16 * norm2(δ[L]) >= norm2(a[L] - y)",
        "C == 1 / (2 * m) * sum(s = 0..m, norm2(y - a[L]))",
    ],
)
def test_what_is_false_is_wrong_and_the_smallest_network_shows_it(claim: str) -> None:
    found = tried(f'claim = "{claim}"')
    assert found.ruling is Ruling.WRONG
    assert not found.settled  # no correction was given
    shown = found.claims[0].smallest
    assert shown is not None
    assert sum(shown.sizes) <= 3


def test_a_wrong_line_is_settled_by_a_correction_that_holds_and_by_no_other() -> None:
    wrong = 'claim = "δ[L] == a[L] - y"\n'
    assert tried(wrong + 'correction = "δ[L] == (a[L] - y) * σ\'(z[L])"').settled
    assert not tried(wrong + 'correction = "δ[L] == (a[L] - y) * σ(z[L])"').settled


def test_a_transpose_decides_under_which_reading_a_line_holds() -> None:
    readings = '[line.claim.readings]\nrows = { "W[l]" = "edge[l]ᵀ" }\ncolumns = { "W[l]" = "edge[l]" }\n'
    found = tried(f'claim = "z[l] == W[l] @ a[l-1] + b[l]"\n{readings}')
    assert found.ruling is Ruling.CONVENTION
    assert {h.name: h.verdict for h in found.claims[0].readings} == {"rows": "verified", "columns": "refuted"}


@pytest.mark.parametrize(
    ("law", "slip"),
    [
        ("log(σ(z)) == -log(1 + exp(-z))", "log(σ(z)) == log(1 + exp(-z))"),
        ("σ(z / (1 + z)) == σ(1 - 1 / (1 + z))", "σ(z / (1 + z)) == σ(1 + 1 / (1 + z))"),
    ],
)
def test_what_sympy_does_not_see_is_no_slip(law: str, slip: str) -> None:
    """log σ(z) = −log(1 + e⁻ᶻ) in the ledger of the cross-entropy: true, and not 0 when it is written out."""
    book = reader.load(ROOT / "docs" / "cross_entropy.toml")
    for claim, ruling in ((law, Ruling.HOLDS), (slip, Ruling.WRONG)):
        found = Court(book).claim(book.lines[0].claims[0]._replace(tree=parsed(claim), layers=("L", "L")))
        assert found.ruling is ruling
        assert found.readings[0].testimonies[0].verdict is Verdict.UNDECIDED


# ---- the gate --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claim",
    [
        "δ[l] == δ[l]",
        "a[l] * (1 - a[l]) == a[l] - a[l]^2",
        "0 * δ[l] == 0 * a[l]",
        "d(x, b[1]) == 0 * d(x, b[1])",
        "u - u == 0 * u",
    ],
)
def test_a_claim_that_stays_true_whatever_it_says_proves_nothing(claim: str) -> None:
    found = tried(f'claim = "{claim}"')
    assert found.ruling is Ruling.VACUOUS
    assert not found.settled


def test_a_neighbour_that_survives_fails_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate is no decoration: if the witnesses let one wrong neighbour pass, the line proves nothing."""
    honest = Court.by_autodiff

    def lenient(self: Court, tree: Node, claim: Claim) -> trial.Testimony:
        found = honest(self, tree, claim)
        return found if tree == claim.tree else found._replace(verdict=Verdict.VERIFIED)

    monkeypatch.setattr(Court, "by_autodiff", lenient)
    monkeypatch.setattr(Court, "by_balls", lambda *_: trial.Testimony("rigorous", Verdict.VERIFIED, ""))
    assert tried('claim = "δ[L] == d(C_x, a[L]) * σ\'(z[L])"').ruling is Ruling.VACUOUS


@pytest.mark.parametrize("names", [("good", "vacuous"), ("vacuous", "good")])
def test_a_claim_that_proves_nothing_under_one_of_its_readings_proves_nothing(names: tuple[str, str]) -> None:
    sides = {"good": '{ P = "δ[L]", Q = "(a[L] - y) * σ\'(z[L])" }', "vacuous": '{ P = "C", Q = "C" }'}
    readings = "".join(f"{name} = {sides[name]}\n" for name in names)
    found = tried(f'claim = "P == Q"\n[line.claim.readings]\n{readings}').claims[0]
    assert [h.verdict for h in found.readings] == [Verdict.VERIFIED] * 2
    assert found.ruling is Ruling.VACUOUS
    assert found.gate is not None
    assert found.gate.trouble == "if vacuous: both sides are the same, whatever the network"


def test_a_neighbour_that_is_finite_nowhere_means_nothing_and_is_no_survivor() -> None:
    court = Court(reader.read(BOOK + 'claim = "log(1 + exp(u)) == log(exp(u) + 1)"', "test"))
    (claim,) = court.ledger.lines[0].claims
    nowhere = parsed("log(-1 - exp(u)) == log(exp(u) + 1)")
    assert gate._against(court, claim.tree, nowhere, claim).misfit
    assert not gate._against(court, nowhere, nowhere, claim).misfit  # nor is the claim


def test_the_cost_of_cross_entropy_in_terms_of_z_holds() -> None:
    court = Court(reader.load(ROOT / "docs" / "cross_entropy.toml"))
    law = parsed("C_x == sum(j, log(1 + exp(z[L][j])) - y[j] * z[L][j])")
    found = court.claim(court.ledger.lines[0].claims[0]._replace(tree=law, layers=("L", "L")))
    assert found.ruling is Ruling.HOLDS
    assert found.gate is not None
    assert found.gate.rejected >= gate.NEIGHBOURS


# ---- anything that parses --------------------------------------------------------------------------------------


@pytest.mark.turns(2)
@settings(max_examples=15)
@given(st.sampled_from(["==", "<=", ">="]), trees, trees)
def test_any_claim_that_is_read_gets_a_sentence(relation: str, left: Node, right: Node) -> None:
    """Whatever is claimed: not an error, not a warning."""
    text = written(Node(relation, (left, right)))
    if len(text) < 120:
        with contextlib.suppress(DataError):  # some names are not defined here
            assert tried(f'claim = "{text}"').ruling in Ruling


@pytest.mark.parametrize("claim", ["C / (m - m) == C / (m - m)", "C / (m - m) == 2 * C"])
def test_of_numbers_that_are_not_finite_nothing_is_said(claim: str) -> None:
    found = tried(f'claim = "{claim}"')
    assert not found.settled
    assert all(t.verdict is not Verdict.VERIFIED for h in found.claims[0].readings for t in h.testimonies)


@pytest.mark.parametrize(
    "claim",
    [
        "1/0 == 1/0",
        "σ(u) == 1/0",
        "log(0) == C",
        "C / (1 - 1) == 2 * C",
        "σ(u) == u / ((u + 1)^2 - u^2 - 2 * u - 1)",
    ],
)
def test_a_difference_that_is_infinite_or_undefined_refutes_nothing(claim: str) -> None:
    found = tried(f'claim = "{claim}"')
    assert found.ruling is Ruling.UNDECIDED
    assert found.claims[0].readings[0].testimonies[0].said == "is silent: a formula is infinite or undefined"


def test_definitions_that_run_in_a_circle_are_one_error() -> None:
    book = reader.read(BOOK.replace('"a[l]" = "σ(z[l])"', '"a[l]" = "σ(a[l])"') + 'claim = "a[l] == z[l]"', "mine.toml")
    with pytest.raises(DataError, match=r"mine\.toml: line A1: it is defined by itself, without end"):
        Court(book).line(book.lines[0])


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("d(C_x, edge[l])ᵀ == δ[l] @ a[l-1]ᵀ", "2–3–2: a[l-1] is a vector of 2 and has no transpose"),
        ("δ[l] == (edge[l+1] @ δ[l+1]) * σ'(z[l])", "3–2: there is no edge in layer 2"),
        ("δ[l][9] == z[l][9]", "2–3–2: there is no component 9 in δ[l], which is a vector of 3"),
        ("norm2(δ[l][9]) <= C", "3–2: there is no component 9 in δ[l], which is a vector of 2"),
        ("sum(k, δ[l]) == δ[l]", "2–3–2: nothing in δ[l] has the index k"),
        ("at(C, θ = C) == C", "3–2: θ is a vector of 8, C is a number: it cannot have that value"),
    ],
)
def test_a_claim_that_means_nothing_is_an_error_of_the_ledger(claim: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        tried(f'claim = "{claim}"')
    assert str(caught.value) == f"test: line A1, claim 1: means nothing on {said}; {trial.REPAIR}"


def test_so_is_a_claim_that_means_nothing_under_any_of_its_readings() -> None:
    readings = 'readings = { a = { P = "a[l]ᵀ" }, b = { P = "yᵀ" } }'
    with pytest.raises(DataError, match=r"^test: line A1, claim 1: means nothing on 2–3–2: a\[l\] is a vector"):
        tried(f'claim = "δ[l] == P"\n{readings}')


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    "fields",
    [
        'claim = "δ[l] == edge[l+1] @ δ[l+1]"',
        'claim = "δ[l] == P"\nreadings = { a = { P = "a[l]ᵀ" }, b = { P = "a[l]" } }',
        'claim = "d(C_x, b[l]) == δ[l]ᵀ"\ncorrection = "d(C_x, b[l]) == δ[l]"',
    ],
)
def test_what_a_number_refutes_or_a_correction_replaces_is_wrong_though_it_means_nothing_elsewhere(fields: str) -> None:
    assert tried(fields).ruling is Ruling.WRONG


# ---- the code --------------------------------------------------------------------------------------------------


def test_an_anchor_breaks_when_its_code_moves(court: Court) -> None:
    code = line(court, "N21").code[0]
    assert court.code(code).sound
    moved = court.code(code._replace(anchor="(w_next @ delta_next) * sigma_prime(z)"))
    assert moved.run is None
    assert not moved.sound


def test_code_that_does_something_else_does_not_stand_for_the_line(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = line(court, "N20").code[0]
    monkeypatch.setattr(equations, "bp1", lambda grad_a, z: grad_a * equations.sigma(z))
    monkeypatch.setattr(trial.code.mutants, "mutants", lambda *_: iter(()))
    run = trial.code.run_with_mutants(code, court.random, lambda world: [world.depth])
    assert not run.holds
    assert run.trouble == "it gives something else on a network 3–2, layer 1"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ('gives = "a[L]"', "gives something else on a network 3–2, layer 1"),
        ('arguments = ["x", "z[L]"]', "ValueError on a network 3–2, layer 1: operands could not be broadcast"),
        ("result = [9999]", "IndexError on a network 3–2, layer 1: "),
        ('anchor = "nowhere"', "no longer contains 'nowhere': the anchor has moved"),
    ],
)
def test_a_line_that_its_code_does_not_fit_is_refuted_with_the_reason(changed: str, said: str) -> None:
    """No mutant is counted of what does not hold itself."""
    given = {"arguments": '["a[L] - y", "z[L]"]', "gives": '"δ[L]"', "anchor": '"sigma_prime"', "result": "[]"}
    field, _, value = changed.partition(" = ")
    fields = "\n".join(f"{name} = {text}" for name, text in (given | {field: value}).items())
    found = tried(
        f'claim = "δ[L] == (a[L] - y) * σ\'(z[L])"\n[[line.code]]\nfunction = "handcrafted.equations.bp1"\n{fields}'
    )
    assert (found.ruling, found.verdict) == (Ruling.CODE, Verdict.REFUTED)
    assert said in found.code[0].trouble
    assert said[:40] in " ".join(str(text).strip() for text in command.explained(found))
    assert said[:20] in command.in_short(found)
    assert found.code[0].run is None or found.code[0].run.tried == 0


def test_every_guard_that_a_line_names_exists(court: Court) -> None:
    for entry in court.ledger.lines:
        for test in entry.tests:
            assert "def test_" in (ROOT / test).read_text()


def test_the_anchor_is_in_the_file_that_the_line_names(court: Court) -> None:
    for entry in court.ledger.lines:
        for code in entry.code:
            module, _, name = code.function.rpartition(".")
            source = (ROOT / (module.replace(".", "/") + ".py")).read_text()
            named = {f.name: f for f in ast.walk(ast.parse(source)) if isinstance(f, ast.FunctionDef)}
            own = [named[name], *(named[helper] for helper in mutants.helpers(named[name]))]
            assert any(code.anchor in (ast.get_source_segment(source, f) or "") for f in own), entry.id
            found = witness.anchored(code)
            assert code.anchor in source.splitlines()[found.line - 1], entry.id


def test_the_list_says_what_became_of_every_mutant(court: Court) -> None:
    found = [court.line(line(court, name)) for name in ("N4", "N1")]
    *_, said, _ = (text.plain for text in command.listed(court.ledger, found, None, None))
    assert said.endswith(" wrong variants rejected, 15 of 17 mutants of the code killed, 2 the same function")


# ---- facts -----------------------------------------------------------------------------------------------------


def test_a_fact_that_is_not_so_is_wrong() -> None:
    fact = '[[line.fact]]\nmeasure = "training samples"\nsays = 60000\n'
    for correction, shown in (("", None), ("correction = 50000\n", [50000])):
        book = reader.read(BOOK.replace("[[line.claim]]\n", fact + correction), "test")
        court = Court(book)
        found = court.line(book.lines[0])
        assert found.ruling is Ruling.WRONG
        assert command.document(court, [found])["lines"][0]["correction"] == shown


@pytest.mark.turns(2)
def test_every_measure_can_be_taken() -> None:
    for measure in facts.MEASURES.values():
        assert measure().how


def _broad() -> mnist.Mnist:
    return mnist.Mnist(*[mnist.DataSet(np.zeros((9, 12), np.uint8), np.zeros(9, np.uint8), 3)] * 3)


def _ordered(n: int, m: int, rng: np.random.Generator) -> list[Any]:
    return shuffled(n, m, np.random.default_rng(0))


def _twice(n: int, m: int, rng: np.random.Generator) -> list[Any]:
    return [rng.integers(n, size=(n // m, m))]


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    ("measure", "place", "slip"),
    [
        ("rows, columns and pixels of an image", "_digits", _broad),
        ("paper and ink", "mnist.pixels", lambda images, dtype: 1 - images / 255),
        ("input neurons", "starting_parameters", lambda sizes, *_: starting_parameters([785, *sizes[1:]], 0)),
        ("training samples", "_digits", lambda: mnist.Mnist(*(mnist.shipped_test(),) * 3)),
        ("y of an image of a 3", "mnist.one_hot", lambda labels, dtype: np.eye(8)[labels]),
        ("y[i] is 1 for the digit i, and 0 elsewhere", "mnist.one_hot", lambda labels, dtype: np.eye(10)[9 - labels]),
        ("output neurons", "starting_parameters", lambda sizes, *_: starting_parameters([*sizes[:-1], 11], 0)),
        ("output neurons", "mnist.one_hot", lambda labels, dtype: np.eye(11)[labels]),
        ("the digit read is the largest activation", "reading.read", lambda *_: np.zeros(100)),
        ("batches in a loop, samples in a batch", "shuffled", lambda n, m, rng: shuffled(n, m + 1, rng)),
        ("each sample is in one batch of a loop", "shuffled", _twice),
        ("a loop shuffles", "shuffled", _ordered),
        ("each batch updates weights and biases", "Settings", lambda backend: Settings(backend, eta=0.0)),
        ("η, m and the number of loops can be adjusted", "train", lambda settings, few: [begin(settings)]),
        ("loops", "Settings", lambda backend: Settings(backend, epochs=1)),
    ],
)
def test_every_measure_finds_a_planted_error(
    measure: str, place: str, slip: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = facts.MEASURES[measure]().found
    path = "gradproof.train." if "." in place else "gradproof.study.facts."
    monkeypatch.setattr(path + place, slip)
    assert facts.MEASURES[measure]().found != right


@pytest.mark.parametrize("field", ["eta", "batch", "epochs"])
def test_what_cannot_be_adjusted_is_noticed(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Settings("handcrafted", epochs=1)

    def deaf(settings: Settings, few: mnist.Mnist) -> Iterator[State]:
        return train(settings._replace(**{field: getattr(usual, field)}), few)

    measure = facts.MEASURES["η, m and the number of loops can be adjusted"]
    assert measure().found is True
    monkeypatch.setattr(facts, "train", deaf)
    assert measure().found is False


# ---- chance ----------------------------------------------------------------------------------------------------


@pytest.mark.turns(2)
@pytest.mark.sample(1)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_verdict_does_not_depend_on_the_seed(seed: int) -> None:
    court = Court(reader.load(), seed)
    for name, ruling in (("N21", Ruling.CONVENTION), ("N26", Ruling.HOLDS), ("N31", Ruling.WRONG)):
        assert court.line(line(court, name)).ruling is ruling
    assert not np.array_equal(
        court.random[0].primitives["b", 1].array.value, Court(court.ledger).random[0].primitives["b", 1].array.value
    )


# ---- in the terminal -------------------------------------------------------------------------------------------


@pytest.mark.turns(2)
def test_the_list_says_how_many_slips_a_line_has_and_the_line_shows_them_all(court: Court) -> None:
    several, one = court.line(line(court, "N31")), court.line(line(court, "N5"))
    assert command.in_short(several) == "σ for δ  +1 more: study N31"
    assert "more: study" not in command.in_short(one)
    shown = "\n".join(str(text) for text in command.explained(several))
    for claim in several.claims:
        assert claim.claim.says in shown


# ---- what costs too much ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definitions", "claim"),
    [
        ("", "((((u^9)^9)^9)^9)^9 == u"),
        ("", "((((((7^9)^9)^9)^9)^9)^9)^9 == 1"),
        ("".join(f'"q{n + 1}" = "q{n} * q{n}"\n' for n in range(40)) + '"q0" = "9 + u"\n', "q40 == u"),
    ],
)
def test_a_product_that_nobody_can_write_out_is_refused_before_it_is_tried(definitions: str, claim: str) -> None:
    text = BOOK.replace('"a[0]" = "x"\n', f'"a[0]" = "x"\n{definitions}') + f'claim = "{claim}"'
    with pytest.raises(DataError, match=r"mine\.toml: line A1, claim 1, claim: .* a product of over 5,000"):
        reader.read(text, "mine.toml")


def test_a_line_that_takes_too_long_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_limits, "SECONDS", 0.5)
    sums = "".join(f'"q{n + 1}" = "q{n} + q{n} * u"\n' for n in range(40)) + '"q0" = "u"\n'
    text = BOOK.replace('"a[0]" = "x"\n', f'"a[0]" = "x"\n{sums}') + 'claim = "d(q40, u) == 1"'
    book = reader.read(text, "mine.toml")
    with pytest.raises(DataError, match=r"mine\.toml: line A1: 0\.5 seconds of computing settle nothing"):
        Court(book).line(book.lines[0])


@pytest.mark.parametrize("thread", [False, True])
def test_a_limit_that_is_reached_at_the_end_of_an_object_s_life_is_not_lost(
    thread: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python drops what is raised there, and would print it; of any other error it still does."""
    dropped: list[str] = []
    printed: list[type[BaseException]] = []
    hook = lambda unraisable: printed.append(unraisable.exc_type)  # noqa: E731
    monkeypatch.setattr(sys, "unraisablehook", hook)

    class Other:
        def __del__(self) -> None:
            raise ValueError

    class Slow:
        def __del__(self) -> None:
            try:
                while True:
                    pass
            except limits.LateError:
                dropped.append("once")
                raise

    monkeypatch.setattr(limits, "AGAIN", 0.05)
    end = time.process_time() + 10

    def work() -> None:
        with limits.limited(0.05):
            Other()
            Slow()
            while time.process_time() < end:
                pass

    with ThreadPoolExecutor(1) as pool, pytest.raises(limits.LateError):
        pool.submit(work).result() if thread else work()
    assert (dropped, printed) == (["once"], [ValueError])
    assert sys.unraisablehook is hook


@pytest.mark.parametrize("claim", ["((u + η + x[1] + 1)^9)^9 == u", "((u + η + y[1])^9)^9 / ((1 + u)^9)^9 == 1"])
def test_a_formula_with_too_many_terms_leaves_sympy_silent_and_others_speak(claim: str) -> None:
    symbolic, autodiff, _ = tried(f'claim = "{claim}"').claims[0].readings[0].testimonies
    assert "too large to expand" in symbolic.said
    assert autodiff.verdict is Verdict.REFUTED


# ---- samples and components ------------------------------------------------------------------------------------


@pytest.mark.turns(2)
def test_an_average_over_all_mini_batches_is_that_of_the_samples_whatever_their_size() -> None:
    holds = "expected(k, mean(s, d(C_x, θ))) == d(C, θ)"
    assert tried(f'claim = "{holds}"').ruling is Ruling.HOLDS
    for wrong in ("expected(k, sum(s, d(C_x, θ))) == d(C, θ)", "expected(k, norm2(d(C, θ))) == norm2(d(C, θ))"):
        assert tried(f'claim = "{wrong}"').ruling is Ruling.WRONG


@pytest.mark.turns(2)
def test_one_component_moves_and_no_other() -> None:
    slope = "at(d(at(C_x, z[l][j] = z[l][j] + t), t), t = 0) == d(C_x, z[l])[j]"
    book = reader.read(BOOK.replace('["u"]', '["u", "t"]') + f'claim = "{slope}"', "test")
    assert Court(book).line(book.lines[0]).ruling is Ruling.HOLDS
    book = reader.read(BOOK.replace('["u"]', '["u", "t"]') + f'claim = "{slope.replace("z[l][j]", "z[l]")}"', "test")
    assert Court(book).line(book.lines[0]).ruling is Ruling.WRONG


def test_what_cannot_be_compared_is_silent_and_a_ledger_that_turns_in_a_circle_is_one_error() -> None:
    def line(claim: str) -> str:
        return (
            'title = "t"\n[definitions]\n"q[l]" = "q[l]"\n[[line]]\nid = "A1"\nwritten = "x"\nrule = "definition"\n'
            f'[[line.claim]]\nclaim = "{claim}"\n'
        )

    def heard(claim: str) -> list[Verdict]:
        (tried,) = Court(reader.read(line(claim), "a ledger")).trials()
        return [testimony.verdict for testimony in tried.claims[0].readings[0].testimonies]

    assert set(heard("abs(x[1])/0 == 7")) == {Verdict.UNDECIDED}
    assert set(heard("1 == 2")) == {Verdict.REFUTED}
    with pytest.raises(DataError, match="a ledger: line A1: it is defined by itself"):
        heard("q[l] == edge[l]")
