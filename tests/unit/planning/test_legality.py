"""Every illegal plan is caught, whoever made it; the plans that we make are held against it in test_promises.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.planning.build import (
    CONTINUATION,
    FORWARD_ONLY,
    IN_PLACE,
    case,
    compatible,
    incompatible,
    revision,
)

from scenario_operator.api.journal import Kind
from scenario_operator.api.reasons import Reason
from scenario_operator.planning.compile import Blocked, plan_upgrade
from scenario_operator.planning.legality import violations
from scenario_operator.planning.plan import Plan
from scenario_operator.planning.steps import Args, Draft, Slot

LIVE, NEXT = Slot("live"), Slot("next")


def keep() -> Plan:
    plan = plan_upgrade(case(revision(), compatible()))
    assert isinstance(plan, Plan)
    return plan


def forward() -> Plan:
    plan = plan_upgrade(case(revision(), incompatible(), FORWARD_ONLY))
    assert isinstance(plan, Plan)
    return plan


def continuation() -> Plan:
    plan = plan_upgrade(case(revision(), incompatible(), CONTINUATION))
    assert isinstance(plan, Plan)
    return plan


def without(plan: Plan, step: str) -> Plan:
    return plan._replace(steps=tuple(d for d in plan.steps if d.id != step))


def swapped(plan: Plan, one: str, other: str) -> Plan:
    ids = [d.id for d in plan.steps]
    steps = list(plan.steps)
    i, j = ids.index(one), ids.index(other)
    steps[i], steps[j] = steps[j], steps[i]
    return plan._replace(steps=tuple(steps))


def inserted(plan: Plan, at: int, draft: Draft) -> Plan:
    return plan._replace(steps=(*plan.steps[:at], draft, *plan.steps[at:]))


REVERT = Draft("revert-live", Kind.REVERT_RESULTS, LIVE, Args(committed=True))
DELETE = Draft("delete-live", Kind.DELETE_STATE, LIVE, Args(committed=True))

ILLEGAL: dict[str, tuple[Callable[[], Plan], str]] = {
    "a plan without a Commit": (lambda: without(keep(), "commit"), "only Commit"),
    "a step after the Commit": (lambda: inserted(keep(), 4, Draft("stop-2", Kind.STOP, LIVE)), "only Commit"),
    "two Commits": (lambda: inserted(keep(), 0, Draft("commit-0", Kind.COMMIT)), "only Commit"),
    "an empty plan": (lambda: keep()._replace(steps=()), "only Commit"),
    "two steps with one id": (lambda: inserted(keep(), 2, keep().steps[0]), "twice"),
    "a restart without a stop": (lambda: without(keep(), "stop"), "while live may still run"),
    "a new incarnation beside the old one": (
        lambda: without(continuation(), "stop"),
        "Start(next) while live",
    ),
    "a start before the stop": (lambda: swapped(keep(), "stop", "start"), "while live may still run"),
    "two new incarnations": (
        lambda: inserted(continuation(), 3, Draft("start-live", Kind.START, LIVE, Args(revision="from"))),
        "Start(live) while next may still run",
    ),
    "results reverted in place": (lambda: inserted(keep(), 1, REVERT), "without a strategy that reverts"),
    "results reverted by InPlace": (
        lambda: inserted(keep()._replace(strategy=IN_PLACE, destructive=("x",)), 1, REVERT),
        "without a strategy that reverts",
    ),
    "results reverted by Continuation": (
        lambda: inserted(continuation(), 1, REVERT),
        "without a strategy that reverts",
    ),
    "state deleted in place": (lambda: inserted(keep(), 1, DELETE), "without a strategy that gives up state"),
    "kept state destroyed because the strategy may": (
        lambda: inserted(keep()._replace(strategy=FORWARD_ONLY, destructive=("x",)), 1, DELETE),
        "level Restart",
    ),
    "destruction that is not announced": (lambda: forward()._replace(destructive=()), "must say so"),
    "destruction that is called reversible": (
        lambda: continuation()._replace(reversible=True),
        "not called reversible",
    ),
    "state deleted before its results are reverted": (
        lambda: swapped(forward(), "revert-live", "delete-live"),
        "after its state is gone",
    ),
    "results reverted under a running version": (
        lambda: swapped(forward(), "stop", "revert-live"),
        "RevertResults(live) while live may still run",
    ),
    "state deleted under a running version": (
        lambda: swapped(forward(), "stop", "delete-live"),
        "DeleteState(live) while live may still run",
    ),
    "a fresh start without a window": (
        lambda: without(forward(), "resolve-window"),
        "before its window is resolved",
    ),
    "a fresh start before its window": (
        lambda: swapped(continuation(), "resolve-window", "start"),
        "before its window is resolved",
    ),
}


@pytest.mark.parametrize("name", ILLEGAL)
def test_an_illegal_plan_is_caught(name: str) -> None:
    make, told = ILLEGAL[name]
    found = violations(make(), running=True, accepted=True)
    assert any(told in violation for violation in found), found


def test_a_start_on_state_that_the_version_does_not_accept_is_caught() -> None:
    assert violations(keep(), running=True, accepted=False) == (
        "Start(live) on state that it does not accept",
    )


def test_a_fresh_start_reads_no_old_state() -> None:
    assert violations(forward(), running=True, accepted=False) == ()
    assert violations(continuation(), running=True, accepted=False) == ()


def test_a_stopped_run_needs_no_stop() -> None:
    assert violations(without(keep(), "stop"), running=False, accepted=True) == ()


@pytest.mark.parametrize("make", [keep, forward, continuation], ids=lambda m: m.__name__)
def test_the_plans_that_we_make_are_legal(make: Callable[[], Plan]) -> None:
    assert violations(make(), running=True, accepted=True) == ()


def test_an_illegal_plan_is_blocked_for_its_run_with_the_promise_it_would_break(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given a strategy that leads to an illegal plan, when it is planned, then the run is blocked and told why."""
    monkeypatch.setattr(
        f"{plan_upgrade.__module__}.keep.verify", lambda target, slot: (Draft("commit-early", Kind.COMMIT),)
    )
    plan = plan_upgrade(case(revision(), compatible()))
    assert isinstance(plan, Blocked)
    assert plan.reason is Reason.STRATEGY_INVALID
    assert "a plan ends with its only Commit" in plan.message
