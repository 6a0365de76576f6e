"""The words of a report."""

import pytest

from gradproof.judge.wording import cost_in_words


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        ("", "a cost that it does not compute"),
        ("Σ out · dout", "Σ out · dout"),
        ("quadratic, Σ(a − y)²", "the quadratic cost, Σ(a − y)²"),
        ("quadratic, Σ(a − y)², its own", "the program's own quadratic cost, Σ(a − y)²"),
        ("cross-entropy, Σ(−y log a), its own", "the program's own cross-entropy, Σ(−y log a)"),
        ("quadratic cost", "the quadratic cost"),
        ("loss of cell 2, line 3", "the program's own cost, `loss` in cell 2, line 3"),
        ("net.loss(x, y)", "the program's own cost, `net.loss(x, y)`"),
    ],
)
def test_a_cost_is_named_as_in_a_sentence(cost: str, words: str) -> None:
    assert cost_in_words(cost) == words
