"""The trials as assertions: they raise with the whole judgement unless it is verified.

A failure under pytest is shown at the line of the test that asserts: `__tracebackhide__` leaves our lines out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradproof.errors import GradproofError
from gradproof.judge.trial.backward import check_backward
from gradproof.judge.trial.gradient import check_gradient
from gradproof.judge.trial.step import check_step


def assert_gradient(*arguments: Any, **options: Any) -> None:
    """Raise AssertionError with the judgement unless `check_gradient` with the same arguments verifies."""
    __tracebackhide__ = True
    require(check_gradient, arguments, options)


def assert_backward(*arguments: Any, **options: Any) -> None:
    """Raise AssertionError with the judgement unless `check_backward` with the same arguments verifies."""
    __tracebackhide__ = True
    require(check_backward, arguments, options)


def assert_step(*arguments: Any, **options: Any) -> None:
    """Raise AssertionError with the judgement unless `check_step` with the same arguments verifies."""
    __tracebackhide__ = True
    require(check_step, arguments, options)


def require(check: Callable[..., Any], arguments: Sequence[Any], options: Mapping[str, Any], again: str = "") -> None:
    """AssertionError with the judgement, and what gives it again, unless the check of these arguments is verified."""
    __tracebackhide__ = True
    try:
        judgement = check(*arguments, **options)
    except GradproofError as error:  # one line, without the way it came
        raise error.with_traceback(None) from None
    if not judgement:  # no assert statement: python -O would leave it out
        raise AssertionError(f"{judgement}{again}")
