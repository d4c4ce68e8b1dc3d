"""From what a run has and what is wanted to a plan, or to the reason why there is none.

`state that can be kept is kept, whatever the strategy's type`: a keeping path is looked for first, and a plan
that keeps state never turns into one that drops it.
"""

from __future__ import annotations

from scenario_operator.api.common import Level
from scenario_operator.api.reasons import Reason
from scenario_operator.api.strategy import TO_MAKE_FRESH
from scenario_operator.planning import compatibility
from scenario_operator.planning.compile.change import Change, classify, contradiction, unmatched
from scenario_operator.planning.compile.common import (
    COMMIT,
    Blocked,
    Case,
    assembled,
    label,
    source_of,
    unusable_parameters,
)
from scenario_operator.planning.compile.fresh import plan_fresh
from scenario_operator.planning.compile.keep import plan_keep
from scenario_operator.planning.compile.own import (
    plan_blind_stop,
    plan_restart,
    plan_resume,
    plan_start,
    plan_stop,
)
from scenario_operator.planning.diff import differences
from scenario_operator.planning.legality import violations
from scenario_operator.planning.plan import Cause, Plan
from scenario_operator.planning.presets import PRESETS, RECOMPUTE
from scenario_operator.planning.stored import Applied

__all__ = [
    "Blocked",
    "Case",
    "Change",
    "classify",
    "plan_blind_stop",
    "plan_restart",
    "plan_resume",
    "plan_start",
    "plan_stop",
    "plan_upgrade",
    "source_of",
]


def plan_upgrade(case: Case) -> Plan | Blocked:
    """Make the plan that leads a run from its applied revision to the target; one that is not legal is never shown."""
    plan = _upgrade(case)
    if isinstance(plan, Blocked):
        return plan
    applied, target = case.stored.applied, case.target
    accepted = target.accepts(applied.formats if applied else ())
    running = applied is not None and not case.stored.stopped
    broken = violations(plan, running=running, accepted=accepted)
    if not broken:
        return plan
    return Blocked(
        Reason.STRATEGY_INVALID,
        f"no legal plan leads to {label(target)}: {broken[0]}; change spec.upgrade.strategy or the UpgradeStrategy",
    )


def _upgrade(case: Case) -> Plan | Blocked:
    applied = case.stored.applied
    if applied is None:
        return plan_start(case)
    unusable = unusable_parameters(case)
    if unusable:
        return unusable
    if case.stored.live == 0:
        return assembled(case, case.cause, Level.NONE, (COMMIT,), reversible=True)
    if case.cause is Cause.RECOMPUTE:
        diff = differences(case.source, applied, case.target, fresh=True)
        change = Change(Level.REPLACE, False, False, diff)
        return plan_fresh(case, applied, change, RECOMPUTE)
    if _forbidden_downgrade(case, applied):
        return Blocked(
            Reason.DOWNGRADE,
            f"{label(case.target)} is older than the applied {applied.version}; "
            "set spec.compatibility.allowDowngrade on the Scenario to allow it",
        )
    change = classify(case, applied)
    if change.level is not Level.REPLACE:
        return plan_keep(case, applied, change)
    kind = case.strategy.type if case.strategy else ""
    if kind not in PRESETS:
        return _no_reach(case, applied, change, kind)
    return plan_fresh(case, applied, change, kind)


def _no_reach(case: Case, applied: Applied, change: Change, kind: str) -> Blocked:
    differs = [line for line in change.diff if not line.startswith("version: ")]
    why = f" ({'; '.join(differs[:3])}{' …' if differs[3:] else ''})" if differs else ""
    what = f"{applied.version} → {case.target.version} needs level Replace{why}"
    if compatibility.near_miss(case.target.spec, applied.version):
        what = "; ".join((what, *unmatched(case, applied, change)))
    if change.disputed:
        return Blocked(
            Reason.DISPUTED,
            f"{contradiction(case)}: correct the one or the other, or set spec.upgrade.strategyRef to a "
            f"strategy of type {TO_MAKE_FRESH} and approve its plan",
        )
    if not kind:
        return Blocked(
            Reason.STRATEGY_REQUIRED,
            f"{what}: declare the edge in spec.compatibility.from, or set spec.upgrade.strategy.type to "
            f"{TO_MAKE_FRESH}, or spec.upgrade.strategyRef to a strategy of such a type",
        )
    return Blocked(
        Reason.STRATEGY_INSUFFICIENT,
        f"{what}, strategy type {kind} keeps state only; use type {TO_MAKE_FRESH}",
    )


def _forbidden_downgrade(case: Case, applied: Applied) -> bool:
    declared = case.target.spec.compatibility
    allowed = bool(declared and declared.allow_downgrade)
    return not allowed and compatibility.is_downgrade(applied.version, case.target.version)
