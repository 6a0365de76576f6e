"""What is kept of the networks that a submission is judged on does not grow with their number, and no reading is lost.

Stacks of one network, so that the first KINDS of them are read together and few others are enough.
"""

import hashlib
import weakref

import pytest

import gradproof
from gradproof.judge.float64 import networks, questions
from gradproof.judge.float64.claims import Sigma
from gradproof.judge.float64.diagnosis import FORMS
from gradproof.judge.float64.interpretation import chosen
from gradproof.judge.float64.layouts import Layout
from gradproof.judge.float64.networks import KINDS
from gradproof.judge.float64.tally import Tally
from gradproof.judge.isolation.submission import Function
from gradproof.proof.summary import summary
from tests.judge.catalogue import RIGHT_ONES, WRONG, backprop

pytestmark = pytest.mark.usefixtures("few_edits")

ASKED = 10 * KINDS


@pytest.fixture(autouse=True)
def stacks_of_one(monkeypatch):
    monkeypatch.setattr(networks, "GROUP", 1)


def rarely(other):
    """The right code on the networks that are read together, and another on one in seven of the others."""
    random = [drawn for _, drawn in networks.stacks(ASKED, 0)]
    others = [_number(drawn.of_network(0)) for drawn in random[KINDS:]][::7]

    def submission(*problem):
        return (other if _number(problem) in others else backprop())(*problem)

    return submission


def _number(problem):
    return hashlib.sha256(problem[0][0].tobytes()).digest()


@pytest.mark.parametrize("count", [4 * KINDS, 8 * KINDS])
def test_a_stack_that_was_counted_is_forgotten(monkeypatch, count):
    """Those that are read together are kept, and besides them the worst, and the one at work."""
    made, most, claim_of = [], 0, questions.claim_of

    def watched(*arguments):
        nonlocal most
        claim = claim_of(*arguments)
        made.append(weakref.ref(claim.mine.delta[0]))
        most = max(most, sum(array() is not None for array in made))
        return claim

    monkeypatch.setattr(questions, "claim_of", watched)
    judged = gradproof.check(backprop(), networks=count)
    assert (judged.verdict, judged.networks, len(made)) == ("verified", count, count + 4)
    assert most <= KINDS + 4 + 3


@pytest.mark.turns(1)
@pytest.mark.parametrize("name", ["a(1 − a)", "float32", "sum", "δ twice"])
def test_what_is_counted_stack_by_stack_is_the_summary_of_all_at_once(name):
    layout = Layout(dtype="float32" if name == "float32" else "float64")
    claims, _ = questions.Questions(Function(RIGHT_ONES[name][0]), layout, KINDS, 0).first()
    light = chosen(claims, None)
    counted, at_once = Tally(light.judged).summary(), summary(light.judged)
    assert counted[:9] == at_once[:9]
    assert (counted.faults, counted.worst[1]) == (at_once.faults, at_once.worst[1])


@pytest.mark.turns(1)
def test_a_form_of_sigma_that_shows_in_a_later_stack_is_recognised_not_accused():
    judged = gradproof.check(rarely(RIGHT_ONES["a(1 − a)"][0]), networks=ASKED)
    assert judged.verdict == "verified", str(judged)
    assert judged.conventions == FORMS[Sigma.BOOK]
    assert judged.networks == ASKED
    assert not judged.summary.undecided


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("name", ["hidden factor ½", "bias sign", "weight gradient off by 1e-12"])
def test_what_is_wrong_in_a_later_stack_alone_is_refuted_and_ends_it(name):
    rules, equation, _ = WRONG[name]
    judged = gradproof.check(rarely(backprop(**rules)), networks=ASKED)
    assert judged.verdict == "refuted"
    assert {(one.fault.equation, one.fault.networks) for one in judged.faults} == {(equation, 1)}
    assert KINDS < judged.networks < ASKED


def test_what_raises_in_a_later_stack_alone_is_refuted():
    def raises(*_):
        raise IndexError("there are no such weights")

    judged = gradproof.check(rarely(raises), networks=ASKED)
    (trouble,) = judged.troubles
    assert (judged.verdict, trouble.kind, trouble.networks) == ("refuted", "raises", 1)


@pytest.mark.turns(1)
def test_of_a_mean_and_a_sum_no_light_explains_all():
    judged = gradproof.check(rarely(RIGHT_ONES["sum"][0]), networks=ASKED)
    assert judged.verdict == "refuted"
    assert {named.fault.equation for named in judged.faults} == {"BP3", "BP4"}
