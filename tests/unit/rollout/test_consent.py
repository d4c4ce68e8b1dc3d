"""Which plans need consent, and whose word counts."""

from __future__ import annotations

import pytest

from scenario_operator.api.outcomes import Outcome
from scenario_operator.planning.compile import Blocked
from scenario_operator.planning.plan import Cause, Plan, Snapshot
from scenario_operator.rollout.consent import FROM_GIT, consent
from scenario_operator.rollout.decide import decide
from scenario_operator.rollout.facts import PlanApproval
from scenario_operator.rollout.groups import Planner

from .fleets import FORWARD, FRESH, KEEP_SAME, attempt, fleet, grant_of, granted, returned, run, runs


def plan_of(strategy: Snapshot, *, destroys: bool) -> Plan:
    """Return a plan of a run on v1 to v2 under a strategy."""
    revisions = FRESH if destroys else KEEP_SAME
    known = fleet(strategy=strategy, revisions=revisions)
    made = Planner(known).plan(run("r", revisions["v1"]), revisions["v2"], Cause.UPGRADE)
    assert not isinstance(made, Blocked), made
    assert bool(made.destructive) is destroys
    return made


@pytest.mark.parametrize(
    ("approval", "cause", "destroys", "given"),
    [
        ("Never", "Revision", False, True),
        ("Never", "Revision", True, True),
        ("Destructive", "Revision", False, True),
        ("Destructive", "Revision", True, False),
        ("Always", "Revision", False, False),
        ("Always", "Revision", True, False),
        ("Never", "Recompute", True, True),
        ("Destructive", "Recompute", True, True),
        ("Always", "Recompute", True, False),
        ("Destructive", "Retry", True, False),
    ],
)
def test_who_has_to_consent_follows_policy_cause_and_what_is_destroyed(
    approval: str, cause: str, destroys: bool, given: bool
) -> None:
    """Given a policy, when a plan is judged, then only what it names waits for a person."""
    plan = plan_of(FORWARD._replace(approval=approval), destroys=destroys)
    assert consent(plan, attempt(cause=cause), fleet()).given is given


@pytest.mark.parametrize(
    ("approval", "cause", "given"), [("Never", "Revision", False), ("Never", "Recompute", True)]
)
def test_what_needs_attention_is_approved_by_a_person_whatever_the_policy_says(
    approval: str, cause: str, given: bool
) -> None:
    """Given a plan that leaves outputs open, when the policy is Never, then a person consents, or their nonce did."""
    plan = plan_of(FORWARD._replace(approval=approval), destroys=True)._replace(attention="3 stay open")
    assert consent(plan, attempt(cause=cause), fleet()).given is given


@pytest.mark.parametrize(("bound", "given"), [("Restart", False), ("Apply", False), ("", True)])
def test_consent_is_needed_from_the_level_that_the_policy_names(bound: str, given: bool) -> None:
    """Given approveFrom, when the plan cuts as deep, then it waits, whatever it destroys."""
    plan = plan_of(FORWARD._replace(approval="Never", approve_from=bound), destroys=True)
    assert consent(plan, attempt(), fleet()).given is given


def test_an_approval_counts_for_its_hash_only_and_names_the_approver() -> None:
    """Given an approval, when the plan changes, then it counts no more."""
    plan = plan_of(FORWARD, destroys=True)
    approved = attempt(approvals=(PlanApproval(plan.plan_hash, "ann"),))
    assert consent(plan, approved, fleet()) == (True, "ann")
    assert not consent(plan._replace(parameters=("p",)), approved, fleet()).given


def test_a_hash_in_the_spec_of_the_scenario_is_consent_from_git() -> None:
    """Given approvedPlans, when the plan has that hash, then it may go."""
    plan = plan_of(FORWARD._replace(approval="Always"), destroys=True)
    assert consent(plan, attempt(), fleet(approved_plans=frozenset({plan.plan_hash}))) == (True, FROM_GIT)


def test_plans_without_consent_wait_and_an_approval_lets_them_go() -> None:
    """Given a destructive plan, when nobody has consented, then the attempt waits; with an approval it grants."""
    known = fleet(runs(2, FRESH["v1"]), [attempt()], revisions=FRESH, strategy=FORWARD)
    [waits] = decide(known).attempts
    assert (waits.phase, granted(waits)) == ("AwaitingApproval", [])
    approved = attempt(approvals=(PlanApproval(waits.groups[0].plan_hash, "ann"),))
    [made] = decide(known._replace(attempts=(approved,))).attempts
    assert granted(made) == ["r001", "r002"]
    assert (made.groups[0].approver, made.groups[0].runs) == ("ann", 2)


def test_a_consent_that_is_withdrawn_stops_nothing_that_was_granted() -> None:
    """Given a granted run, when the approval is taken back, then its grant stays and nobody else gets one."""
    known = fleet(runs(2, FRESH["v1"]), revisions=FRESH, strategy=FORWARD)
    [made] = decide(known._replace(attempts=(attempt(active=(grant_of("r001"),), granted=1),))).attempts
    assert granted(made) == ["r001"]


def test_a_report_names_whose_consent_it_was_also_when_that_was_withdrawn() -> None:
    """Given a grant on somebody's word, when the word is taken back before it returns, then the report still has it."""
    known = fleet(runs(2, FRESH["v1"]), revisions=FRESH, strategy=FORWARD, pace=(1, 1))
    [asked] = decide(known._replace(attempts=(attempt(),))).attempts
    [plan] = asked.groups
    [made] = decide(
        known._replace(attempts=(attempt(approvals=(PlanApproval(plan.plan_hash, "ann"),)),))
    ).attempts
    first, second = known.runs
    done = returned(first, Outcome.RECOMPUTED, made.active[0].id)
    after = decide(known._replace(runs=(done, second), attempts=(made._replace(approvals=()),)))
    [told] = after.attempts
    assert [(r.name, r.approver) for r in told.reports] == [("r001", "ann")]
    assert granted(told) == []
