"""A plan that gives up the state: whose results it reverts, what it leaves, and its window."""

from __future__ import annotations

import pytest
from tests.unit.planning.build import (
    CONTINUATION,
    CONTINUE,
    FORWARD_ONLY,
    V1,
    blocked,
    case,
    incompatible,
    kinds,
    planned,
    revision,
    titles,
)

from scenario_operator.api.reasons import Reason
from scenario_operator.api.strategy import WindowMode
from scenario_operator.planning.stored import DELETED, RETAINED, REVERTED, Incarnation
from scenario_operator.planning.windows import Bound, Bounds


def test_every_incarnation_whose_results_are_kept_is_reverted_newest_first() -> None:
    incarnations = (
        Incarnation(1, "0.8.0", "a", DELETED, REVERTED),
        Incarnation(2, "0.9.0", "b", DELETED, superseded_by=3),
        Incarnation(3, "0.9.5", "c", RETAINED, superseded_by=4),
        Incarnation(4, V1.version, V1.name),
    )
    plan = planned(case(V1, incompatible(), FORWARD_ONLY, live=4, incarnations=incarnations))
    assert titles(plan)[2:7] == [
        "RevertResults(live)",
        "RevertResults(live-1)",
        "RevertResults(live-2)",
        "DeleteState(live)",
        "DeleteState(live-1)",
    ]


def test_reversible_outputs_without_a_revert_hook_stop_the_plan() -> None:
    found = blocked(case(revision(hooks={}), incompatible(), FORWARD_ONLY))
    assert found.reason is Reason.CLEAN_LOGIC_MISSING
    assert "spec.hooks.revert" in found.message
    assert titles(planned(case(revision(hooks={}), incompatible(), CONTINUATION))) == CONTINUE


def test_a_source_that_is_gone_took_its_revert_logic_with_it() -> None:
    found = blocked(case(V1, incompatible(), FORWARD_ONLY)._replace(source=None))
    assert found.reason is Reason.CLEAN_LOGIC_MISSING
    assert "Continuation" in found.message


@pytest.mark.parametrize("class_", ["Irreversible", "Retained"])
def test_outputs_that_cannot_be_taken_back_are_left_and_the_plan_says_so(class_: str) -> None:
    source = revision(outputs=[{"kind": "mail", "class": class_}], hooks={})
    plan = planned(case(source, incompatible(), FORWARD_ONLY))
    assert "RevertResults" not in kinds(plan)
    assert plan.point_of_no_return == "DeleteState(live)"
    assert plan.notes


def test_the_window_of_a_fresh_plan_is_the_presets_where_the_strategy_states_nothing() -> None:
    at = Bound(WindowMode.AT, "2026-01-01T00:00:00Z")
    plan = planned(case(V1, incompatible(), CONTINUATION._replace(window=Bounds(at))))
    hand_over = Bound(WindowMode.STOPPED_AT)
    assert plan.strategy.window == Bounds(at, hand_over, hand_over)
