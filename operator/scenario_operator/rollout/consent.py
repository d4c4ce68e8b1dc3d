"""Consent: which plans need it, and who gave it. Execution never asks, it sees only a grant."""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.api.common import Level
from scenario_operator.api.upgrade import AttemptCause
from scenario_operator.planning.plan import Plan
from scenario_operator.rollout.facts import Attempt, Fleet

NONE_NEEDED = "policy"
FROM_GIT = "spec.upgrade.approvedPlans"


class Consent(NamedTuple):
    """Whether a plan may be carried out, and by whose word."""

    given: bool
    approver: str = ""


def consent(plan: Plan, attempt: Attempt, fleet: Fleet) -> Consent:
    """Say whether a plan is consented to.

    What contradicts the author's word, or would leave outputs open, is approved by a person whatever the policy
    says. A recompute's nonce is its consent, unless the policy is Always.
    """
    stated = next((a for a in attempt.approvals if a.plan_hash == plan.plan_hash), None)
    if stated is not None:
        return Consent(True, stated.approver)
    if plan.plan_hash in fleet.approved_plans:
        return Consent(True, FROM_GIT)
    return Consent(not _needed(plan, attempt), NONE_NEEDED)


def _needed(plan: Plan, attempt: Attempt) -> bool:
    policy = plan.strategy
    if policy.approval == "Always":
        return True
    if attempt.cause == AttemptCause.RECOMPUTE:
        return False
    if plan.attention:
        return True
    if policy.approve_from and Level(plan.level).depth >= Level(policy.approve_from).depth:
        return True
    return policy.approval == "Destructive" and bool(plan.destructive)
