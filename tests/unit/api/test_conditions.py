"""Conditions tell news as news, and only then."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenario_operator.api.conditions import (
    MOST_CONDITIONS,
    ONLY_WHILE_TRUE,
    Assessment,
    Condition,
    ConditionType,
    condition,
    merge_conditions,
)
from scenario_operator.api.reasons import Reason

T0 = datetime(2026, 1, 31, 12, tzinfo=UTC)
T1 = T0 + timedelta(minutes=5)

READY = Assessment(ConditionType.READY, "True", Reason.UP_TO_DATE, "All is well.")
NOT_READY = Assessment(ConditionType.READY, "False", Reason.STARTING)
BUSY = Assessment(ConditionType.RECONCILING, "True", Reason.STARTING)
STUCK = Assessment(ConditionType.STALLED, "True", Reason.ROLLED_BACK)


def types(merged: list[dict[str, Any]]) -> list[str]:
    """Return the types in order."""
    return [entry["type"] for entry in merged]


class TestMergeConditions:
    """The old conditions and what is stated now."""

    def test_a_first_statement(self) -> None:
        assert merge_conditions([], [READY], T0, 3) == [
            {
                "type": "Ready",
                "status": "True",
                "observedGeneration": 3,
                "lastTransitionTime": "2026-01-31T12:00:00Z",
                "reason": "UpToDate",
                "message": "All is well.",
            }
        ]

    def test_time_stands_while_the_status_does(self) -> None:
        old = merge_conditions([], [NOT_READY], T0, 1)

        (merged,) = merge_conditions(old, [NOT_READY._replace(reason=Reason.LEARNING)], T1, 2)

        assert merged["lastTransitionTime"] == "2026-01-31T12:00:00Z"
        assert (merged["reason"], merged["observedGeneration"]) == ("Learning", 2)

    def test_time_moves_with_the_status(self) -> None:
        old = merge_conditions([], [NOT_READY], T0, 1)

        assert merge_conditions(old, [READY], T1, 1)[0]["lastTransitionTime"] == "2026-01-31T12:05:00Z"

    @pytest.mark.parametrize("kind", sorted(ONLY_WHILE_TRUE))
    @pytest.mark.parametrize("status", ["False", "Unknown"])
    def test_reconciling_and_stalled_are_there_only_while_true(
        self, kind: ConditionType, status: Any
    ) -> None:
        """kstatus reads their presence."""
        old = merge_conditions([], [READY, Assessment(kind, "True", Reason.STARTING)], T0, 1)

        merged = merge_conditions(old, [READY, Assessment(kind, status, Reason.STARTING)], T1, 1)

        assert types(old) == ["Ready", kind.value]
        assert types(merged) == ["Ready"]

    def test_reconciling_and_stalled_are_never_true_together(self) -> None:
        with pytest.raises(ValueError, match="must not both be True"):
            merge_conditions([], [BUSY, STUCK], T0, 1)

    def test_nothing_is_stated_twice(self) -> None:
        with pytest.raises(ValueError, match="Ready is stated twice"):
            merge_conditions([], [READY, NOT_READY], T0, 1)

    def test_what_is_no_longer_stated_is_dropped(self) -> None:
        learning = Assessment(ConditionType.LEARNING, "True", Reason.LEARNING)
        old = merge_conditions([], [READY, learning], T0, 1)

        assert types(merge_conditions(old, [READY], T1, 1)) == ["Ready"]

    def test_conditions_of_other_writers_stay(self) -> None:
        foreign = {"type": "example.com/Checked", "status": "True", "lastTransitionTime": "x", "reason": "R"}

        assert merge_conditions([foreign], [READY], T0, 1)[1] == foreign

    def test_order_does_not_depend_on_who_speaks_first(self) -> None:
        assert merge_conditions([], [BUSY, READY], T0, 1) == merge_conditions([], [READY, BUSY], T0, 1)

    def test_a_condition_can_be_found(self) -> None:
        (found,) = [Condition.model_validate(c) for c in merge_conditions([], [READY], T0, 1)]

        assert condition([found], ConditionType.READY) == found
        assert condition([found], ConditionType.STALLED) is None


assessments = st.lists(
    st.builds(
        Assessment,
        st.sampled_from(list(ConditionType)),
        st.sampled_from(["True", "False", "Unknown"]),
        st.sampled_from(list(Reason)),
        st.text(max_size=5),
    ),
    unique_by=lambda assessment: assessment.type,
).filter(lambda found: sum(a.type in ONLY_WHILE_TRUE and a.status == "True" for a in found) < 2)


@given(first=assessments, second=assessments)
def test_stating_the_same_again_changes_nothing(first: list[Assessment], second: list[Assessment]) -> None:
    """A status is written only when it changes: the clock alone is no news."""
    once = merge_conditions(merge_conditions([], first, T0, 1), second, T1, 2)

    assert merge_conditions(once, second, T1 + timedelta(hours=1), 2) == once
    assert [Condition.model_validate(entry).type for entry in once] == types(once)


def test_conditions_of_others_never_keep_ours_out() -> None:
    """Given as many conditions of others as the schema takes, when ours are stated, then theirs give way."""
    at = "2026-01-01T00:00:00Z"
    theirs = [
        {"type": f"Other{n}", "status": "True", "reason": "X", "lastTransitionTime": at}
        for n in range(MOST_CONDITIONS)
    ]
    found = merge_conditions(theirs, [READY], T0, 1)
    assert len(found) == MOST_CONDITIONS
    assert [c["type"] for c in found[:2]] == ["Ready", "Other0"]
