"""A run that is stopped, or has no state any more, is planned like the others and is not started."""

from __future__ import annotations

import pytest
from tests.unit.planning.build import (
    CONTINUATION,
    FORWARD_ONLY,
    STOP,
    V1,
    blocked,
    case,
    compatible,
    incompatible,
    planned,
    titles,
)

from scenario_operator.api.reasons import Reason
from scenario_operator.api.strategy import WindowMode
from scenario_operator.planning.stored import DELETED, Incarnation, LastStop
from scenario_operator.planning.windows import Bound, Bounds


@pytest.mark.parametrize("reversible", [True, False])
def test_a_stopped_run_that_keeps_its_state_only_changes_its_record(reversible: bool) -> None:
    plan = planned(case(V1, compatible(reversible=reversible), stopped=True, last_stop=STOP))
    assert titles(plan) == ["Commit"]


def test_a_stopped_run_is_planned_like_the_others_and_is_not_started() -> None:
    plan = planned(case(V1, incompatible(), FORWARD_ONLY, stopped=True, last_stop=STOP))
    assert titles(plan) == ["ResolveWindow", "RevertResults(live)", "DeleteState(live)", "Commit"]


def test_continuation_of_a_stopped_run_has_nowhere_to_start_and_deletes_its_state_on_record() -> None:
    plan = planned(case(V1, incompatible(), CONTINUATION, stopped=True, last_stop=STOP))
    assert titles(plan) == ["ResolveWindow", "DeleteState(live)", "Commit"]
    assert plan.destructive == ("DeleteState(live)",)
    assert not plan.reversible


@pytest.mark.parametrize("stop", [None, LastStop(1, None, None, None, clean=False, reported=False)])
def test_a_stopped_run_without_a_report_says_so_before_anything_is_touched(stop: LastStop | None) -> None:
    found = blocked(case(V1, incompatible(), CONTINUATION, stopped=True, last_stop=stop))
    assert found.reason is Reason.STOP_REPORT_MISSING
    assert "spec.window" in found.message
    assert "ifMissing: ObservedStop" in found.message


def test_a_stopped_run_without_a_report_goes_on_when_the_strategy_takes_the_observed_stop() -> None:
    observed = Bound(WindowMode.STOPPED_AT, if_missing="ObservedStop")
    lenient = CONTINUATION._replace(window=Bounds(None, observed, observed))
    assert planned(case(V1, incompatible(), lenient, stopped=True))
    assert planned(case(V1, incompatible(), FORWARD_ONLY, stopped=True))


def test_a_run_whose_state_is_gone_only_changes_its_record() -> None:
    given_ = case(V1, incompatible(), live=0, incarnations=(Incarnation(1, "1.0.0", "x-1.0.0", DELETED),))
    assert titles(planned(given_)) == ["Commit"]
