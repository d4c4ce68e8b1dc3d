"""Outcomes: the words on the wire, which are never changed, and words of other versions of the operator."""

from __future__ import annotations

import pytest

from scenario_operator.api import outcomes
from scenario_operator.api.outcomes import Outcome

SETS = ("SUCCESSES", "FAILURES", "ENDED_BADLY", "WENT_BACK", "BACK_TO_WAITING")


def test_the_words_on_the_wire_stay_as_they_are() -> None:
    """Given the outcomes, when they are written, then the words are those that statuses hold already."""
    assert [outcome.value for outcome in Outcome] == [
        "Upgraded",
        "Recomputed",
        "Continued",
        "RolledBack",
        "Superseded",
        "Skipped",
        "Failed",
        "Aborted",
        "Cancelled",
        "Pinned",
        "Held",
        "PlanChanged",
    ]


def test_a_word_of_another_version_keeps_its_text_and_is_in_no_set() -> None:
    """Given a word that is not known, when it is read, then it is that word, and nothing follows from it."""
    read = Outcome("Migrated")
    assert (read, read.value, f"{read}", hash(read)) == ("Migrated", "Migrated", "Migrated", hash("Migrated"))
    assert read == Outcome("Migrated")
    assert read not in list(Outcome)
    assert [name for name in SETS if read in getattr(outcomes, name)] == []


def test_what_is_no_word_is_refused() -> None:
    """Given a number where the schema has a word, when it is read, then the reading fails."""
    with pytest.raises(ValueError, match="7"):
        Outcome(7)
