"""Bugs that people reported, each in the style it was written in, diagnosed as the thread's own fix says.

The thread and its fix stand at the head of each file of submissions/wild.
"""

from pathlib import Path

import pytest

from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import File

WILD = Path(__file__).parent / "submissions" / "wild"
UPDATED = "the weights are updated before δ is propagated (η = "
SUMMED = "the mini-batch is summed, not averaged"
OF_A = "σ′ is applied to a in place of z"
OF_Z = "a(1 − a) is applied to z in place of a"
# the file: what is wrong, (equation, the mistake's name) or (kind of trouble, words); and a word of each convention
EXPECTED = {
    "make_your_own": ({("BP2", "the error aᴸ − y is propagated in place of δˡ⁺¹")}, ["2 layers", "downhill"]),
    "louisjc": ({("BP2", "the error aᴸ − y is propagated in place of δˡ⁺¹")}, ["2 layers", "as a vector"]),
    "bot_academy": ({("BP1", "σ′ is missing at the output"), ("BP2", UPDATED + "0.01)")}, ["2 layers"]),
    "joelgrus": ({("BP2", UPDATED + "1)")}, ["2 layers", "as a vector"]),
    "basic_neural_network": ({("BP2", "the weights are updated by the sum before δ is propagated (η = 0.1)")}, []),
    "jiexunsee": ({("BP1", "σ′ is missing at the output")}, ["3 layers", "rows", "downhill", "sum"]),
    "mnielsen_network2": ({("BP1", "σ′ is missing at the output")}, ["one example"]),
    "grokking_movie_reviews": ({("BP1", "σ′ is missing at the output"), ("BP2", "σ′ is missing")}, ["(n_in, n_out)"]),
    "gophernet": ({("BP1", OF_A), ("BP2", OF_A)}, ["rows", "downhill", "sum"]),
    "sudo_productivity": ({("BP1", OF_Z), ("BP2", OF_Z)}, []),
    "learn_dl": ({("BP2", "σ′ is applied before w")}, ["one example"]),
    "smile_sign": ({("BP2", "the sign is wrong")}, []),
    "codelabs_one_hot": ({("BP1", "the targets are one class off")}, []),
    "stat453": ({("BP3", "summed over the neurons as well")}, ["rows"]),
    "kvfrans_notes": ({("BP4", SUMMED)}, []),
    "handson_ml": ({("BP4", SUMMED)}, ["rows", "without the ½"]),
    "mattm_no_bias": ({("BP3", "the bias gradient is left at 0")}, ["as a vector"]),
    "dl4j_wrong_dimension": (
        {("BP3", "averaged over the neurons, not over the mini-batch"), ("shape", "the other axis")}, []),
    "dl4j_in_place": ({("mutation", "z1 and a1 are the same array")}, []),
    "differentiation": ({("shape", "not averaged over the mini-batch")}, ["rows"]),
    "mistnet": ({("update", "not divided by m")}, ["one example"]),
    "shuffle_ndarray": ({("data", "of 7 examples an epoch leaves out")}, ["one example"]),
    "practical_dl_accumulation": ({("mutation", "a different answer the second time")}, []),
    "iamtrask_11_lines": (set(), ["2 layers", "rows", "downhill", "sum", "a(1 − a)"]),  # reported, and no bug
}  # fmt: skip


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", EXPECTED)
def test_the_diagnosis_is_the_threads_own(name):
    expected, conventions = EXPECTED[name]
    with File(str(WILD / f"{name}.py")) as submission:
        judged = judgement(submission, 40)
    assert judged.verdict == ("refuted" if expected else "verified"), str(judged)
    found = {(one.fault.equation, mistake.name) for one in judged.faults for mistake in one.names}
    found |= {
        (t.kind, words) for t in judged.troubles for kind, words in expected if t.kind == kind and words in t.said
    }
    assert found == expected, str(judged)
    assert all(len(one.names) == 1 for one in judged.faults) or name == "codelabs_one_hot"
    assert {one.fault.equation for one in judged.faults} <= {kind for kind, _ in expected}
    for word in conventions:
        assert any(word in said for said in judged.conventions), judged.conventions


def test_every_file_cites_its_thread_and_is_expected():
    files = {path.stem: path.read_text("utf8") for path in WILD.glob("*.py")}
    assert files.keys() == EXPECTED.keys()
    assert sum(bool(expected) for expected, _ in EXPECTED.values()) >= 20
    for source in files.values():
        style, thread, *_ = source.splitlines()
        assert style.startswith("# Style: ")
        assert thread.startswith("# Thread: github.com/")
