"""The run's own plans: start, stop, resume and restart."""

from __future__ import annotations

from typing import Any

from tests.unit.planning.build import (
    KEEP,
    STRATEGIES,
    V1,
    blocked,
    case,
    compatible,
    incompatible,
    planned,
    stored,
    titles,
)

from scenario_operator.api.reasons import Reason
from scenario_operator.planning.compile import Blocked, Case, plan_restart, plan_resume, plan_start, plan_stop
from scenario_operator.planning.plan import Cause, Plan
from scenario_operator.planning.stored import Stored


def test_a_run_that_never_started_starts_on_the_version_whatever_it_declares() -> None:
    plan = planned(Case(Stored(), None, incompatible(), None))
    assert titles(plan) == ["ResolveWindow", "Start(next)", "Verify(next)", "Commit"]
    assert (plan.cause, plan.reversible, plan.point_of_no_return) == (Cause.START, True, "")


def test_a_start_on_an_only_copy_that_a_replaced_version_left_cannot_be_undone() -> None:
    left = stored(V1)._replace(applied=None)
    plan = plan_start(Case(left, None, compatible(), None))
    assert isinstance(plan, Plan)
    assert titles(plan) == ["ResolveWindow", "Start(live)", "Verify(live)", "Commit"]
    assert (plan.reversible, plan.point_of_no_return) == (False, "Start(live)")


def test_stop_resume_and_restart_destroy_nothing() -> None:
    given_ = case(V1, V1)
    assert titles(plan_stop(given_)) == ["Stop(live)", "Commit"]
    resumed = plan_resume(case(V1, V1, stopped=True))
    assert isinstance(resumed, Plan)
    assert titles(resumed) == ["Start(live)", "Verify(live)", "Commit"]
    for cause in (Cause.RESTART, Cause.PARAMETERS):
        restarted = plan_restart(given_._replace(cause=cause), cause)
        assert isinstance(restarted, Plan)
        assert titles(restarted) == KEEP


def test_a_users_stop_asks_for_the_report() -> None:
    assert plan_stop(case(V1, V1)).steps[0].args.report


def test_no_plan_starts_a_version_without_its_required_parameter() -> None:
    needs: dict[str, Any] = {"parameters": [{"name": "city", "required": True}]}
    target = compatible(**needs)
    for strategy in STRATEGIES:
        found = blocked(case(V1, target, strategy))
        assert found.reason is Reason.PARAMETER_REQUIRED
        assert "spec.parameters.city" in found.message
    for found_ in (
        plan_start(Case(Stored(), None, target, None)),
        plan_resume(case(target, target, stopped=True)),
        plan_restart(case(target, target), Cause.RESTART),
    ):
        assert isinstance(found_, Blocked)
        assert found_.reason is Reason.PARAMETER_REQUIRED
    assert titles(plan_stop(case(target, target)))
    assert planned(case(V1, target, user={"city": "Oslo"}))
