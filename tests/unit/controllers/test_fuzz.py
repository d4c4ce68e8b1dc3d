"""Whatever the CRDs admit, and whatever somebody wrote into a status: both controllers go on, without an exception."""

from __future__ import annotations

import pytest
from tests.fuzz.cases import KINDS_OF_CASES
from tests.fuzz.run import play


@pytest.mark.parametrize("kind", KINDS_OF_CASES)
def test_nothing_that_is_written_ends_a_pass_and_all_say_how_they_stand(kind: str) -> None:
    """Given odd specs, statuses and last words, when both controllers look again and again, then they come through."""
    assert play(KINDS_OF_CASES[kind], examples=25).cases == 25
