"""The trials as assertions, which raise with the whole judgement unless the verdict is verified.

Under pytest a failure is shown at the asserting line of the test: `__tracebackhide__` hides the lines of gradproof.
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
    """Raise AssertionError with the judgement, followed by `again`, unless the check of these arguments verifies."""
    __tracebackhide__ = True
    try:
        judgement = check(*arguments, **options)
    except GradproofError as error:  # one line, without its traceback
        raise error.with_traceback(None) from None
    if not judgement:  # not an assert statement, which python -O would leave out
        raise AssertionError(f"{judgement}{again}")
