"""What tests of this room share."""

from collections.abc import Iterator

import pytest

from gradproof.proof import theorem


@pytest.fixture(scope="module")
def few_digits() -> Iterator[None]:
    """In this process 40 digits on two networks; all four are compiled and judged by test_theorem.py and by what is
    started for real."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theorem, "DIGITS", 40)
        patch.setattr(theorem, "DIGIT_NETWORKS", theorem.DIGIT_NETWORKS[:2])
        yield
