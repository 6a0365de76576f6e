"""Whatever is claimed, there is a verdict on it, or one line that says what is wrong with it."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings

from gradproof.errors import DataError
from gradproof.study import limits, reader
from gradproof.study.trial import Court
from gradproof.study.verdicts import Ruling
from tests.study.claims import claims
from tests.thorough import THOROUGH

LEDGER = """
title = "One claim"
letters = ["z"]
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
written = "x"
rule = "fact"
[[line.claim]]
claim = "{}"
"""
found: Counter[str] = Counter()


@pytest.fixture(scope="module")
def court() -> Court:
    return Court(reader.read(LEDGER.replace("{}", "z == 1"), "mine.toml"))


@pytest.fixture(scope="module", autouse=True)
def counted() -> Iterator[None]:
    yield
    assert found["wrong"] > 0 < found["one line"], "a generator of nothing but errors would show nothing"
    print(f"\n{found.total():,} claims were tried: {dict(found)}")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 5.0)


@settings(
    max_examples=3200 if THOROUGH else 40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(claims)
@example("expected(k, expected(j, mean(s, C_x))) == C")
@example("sum(j = m..m, θ) == 1")
@example("(d(edge[L-1][i,s], x) + l) == abs(edge[l] / y[m] / 2)")
@example("(d(edge[1][i,j], x) + l) == abs(edge[l] / y[m] / 2)")
@example("C == at(-y, z[1][j] = (y)[2])")
@example("at(-y[s], z[l+1][s] = (y)[2]) == 1")
@example("at(d(edge[l][k,j], C), C = b[L-1][k]) == 1")
@example("d(abs(z[L][i] / C_x), edge[1]) == 1")
def test_every_claim_has_a_verdict_or_is_one_error_that_names_it(court: Court, claim: str) -> None:
    said = "mine.toml: line A1"
    try:
        court.ledger = reader.read(LEDGER.replace("{}", claim), "mine.toml")
        court.found.clear()
        (tried,) = court.trials()
        found[tried.ruling.value] += 1
        assert tried.ruling in set(Ruling)
    except DataError as error:
        found["one line"] += 1
        said = str(error)
    assert said.startswith("mine.toml: line A1")
    assert "\n" not in said
