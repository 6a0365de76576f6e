"""Programs written by a table, in any form: right ones are verified, and each with one slip is refuted."""

import re
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

from gradproof.judge.assessment import assess
from tests.judge.corpus import without_repairs
from tests.judge.written import ACTIVATIONS, FORMS, OUTPUTS, Plan, Slip, slips, spoiled, written
from tests.thorough import THOROUGH

PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # the source is short as it is
MOST = settings().max_examples // 2 if THOROUGH else 2

plans = st.builds(
    Plan,
    st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=1, max_size=2),
    st.sampled_from(sorted(OUTPUTS)),
    st.booleans(),
    st.sampled_from(FORMS),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@st.composite
def wrong(draw: Any) -> tuple[Plan, Slip]:
    plan = draw(plans)
    return plan, draw(st.sampled_from(sorted(slips(plan))))


def judged(source: str, folder: Path) -> dict[str, Any]:
    note(source)
    path = folder / "mine.py"
    path.write_text(source, "utf8")
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", [str(path)])
        without_repairs(patch)
        return assess(str(path))


@settings(max_examples=MOST, phases=PHASES)
@given(plans)
def test_a_right_program_is_verified_in_any_form(tmp_path_factory: Any, plan: Plan) -> None:
    found = judged(written(plan), tmp_path_factory.getbasetemp())
    note(str(found))
    assert found["verdict"] == "verified", plan
    assert found["digits"] >= 30


@settings(max_examples=MOST, phases=PHASES)
@given(wrong())
def test_a_program_with_one_slip_is_refuted_in_any_form(tmp_path_factory: Any, case: tuple[Plan, Slip]) -> None:
    plan, slip = case
    found = judged(written(plan, slip), tmp_path_factory.getbasetemp())
    note(str(found))
    assert found["verdict"] == "refuted", case
    blamed = {re.findall(r"[Wb]\d", fault["parameter"])[-1] for fault in found["faults"]}
    assert blamed
    assert not plan.costs or blamed == spoiled(slip), case
