"""A plan that keeps the state: whether it can go back, when it needs a report, and where its hooks run."""

from __future__ import annotations

from typing import Any

from tests.unit.planning.build import (
    FORWARD_ONLY,
    KEEP,
    REVERT,
    V1,
    VOLUME,
    case,
    compatible,
    incompatible,
    planned,
    revision,
    stored,
    titles,
)

from scenario_operator.api.journal import Kind


def test_a1_a_compatible_reversible_version_keeps_the_state_and_can_go_back_from_every_step() -> None:
    plan = planned(case(V1, compatible(reversible=True)))
    assert titles(plan) == KEEP
    assert (plan.reversible, plan.point_of_no_return, plan.destructive) == (True, "", ())


def test_a_compatible_version_that_is_not_declared_reversible_has_its_start_as_point_of_no_return() -> None:
    plan = planned(case(V1, compatible(reversible=False)))
    assert (plan.reversible, plan.point_of_no_return, plan.destructive) == (False, "Start(live)", ())


def test_reversible_counts_only_if_the_old_version_reads_what_the_new_one_writes() -> None:
    state = {"version": "2", "accepts": ["1", "2"], "volume": VOLUME}
    target = compatible(reversible=True, state=state)
    assert not planned(case(V1, target)).reversible
    reads_both = revision(state={"version": "1", "accepts": ["1", "2"], "volume": VOLUME})
    assert planned(case(reads_both, target)).reversible


def test_a_version_without_stored_state_can_always_go_back() -> None:
    bare: dict[str, Any] = {"state": None}
    assert planned(case(revision(**bare), compatible(reversible=False, **bare))).reversible


def test_a_stop_of_a_keep_holds_the_report_only_while_the_format_is_ambiguous() -> None:
    target = compatible(state={"version": "1", "accepts": ["1", "2"], "volume": VOLUME})
    certain = planned(case(V1, target))
    ambiguous = planned(case(V1, target, applied=stored(V1, "1", "2").applied))
    assert [d.args.report for d in certain.steps if d.kind is Kind.STOP] == [False]
    assert [d.args.report for d in ambiguous.steps if d.kind is Kind.STOP] == [True]


def test_preflight_runs_before_anything_is_stopped_and_verify_runs_the_hook() -> None:
    hooks = {**REVERT, "preflight": {"command": ["p"]}, "verify": {"command": ["v"]}}
    for plan in (
        planned(case(V1, compatible(hooks=hooks))),
        planned(case(V1, incompatible(hooks=hooks), FORWARD_ONLY)),
    ):
        assert titles(plan)[:2] == ["Preflight", "Stop(live)"]
        assert [d.args.hook for d in plan.steps if d.kind is Kind.VERIFY] == [True]
