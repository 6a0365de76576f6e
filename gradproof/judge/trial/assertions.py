"""The trials as assertions: they raise with the whole judgement unless it is verified."""

from typing import Any

from gradproof.judge.trial.backward import check_backward
from gradproof.judge.trial.gradient import check_gradient
from gradproof.judge.trial.judgement import Judgement
from gradproof.judge.trial.step import check_step


def assert_gradient(*arguments: Any, **options: Any) -> None:
    """AssertionError with the judgement unless `check_gradient` of the same arguments is verified."""
    _require(check_gradient(*arguments, **options))


def assert_backward(*arguments: Any, **options: Any) -> None:
    """AssertionError with the judgement unless `check_backward` of the same arguments is verified."""
    _require(check_backward(*arguments, **options))


def assert_step(*arguments: Any, **options: Any) -> None:
    """AssertionError with the judgement unless `check_step` of the same arguments is verified."""
    _require(check_step(*arguments, **options))


def _require(judgement: Judgement) -> None:
    if not judgement:  # no assert statement: python -O would leave it out
        raise AssertionError(str(judgement))
