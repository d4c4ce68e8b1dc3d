"""A run's own plans: first start, stop and start, restart, changed parameters.

They destroy nothing and need no grant.
"""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.api.reasons import Reason
from scenario_operator.execution.view import View
from scenario_operator.planning.compile import (
    Blocked,
    Case,
    plan_blind_stop,
    plan_restart,
    plan_resume,
    plan_start,
    plan_stop,
    source_of,
)
from scenario_operator.planning.parameters import merge
from scenario_operator.planning.plan import Cause, Plan, Snapshot, digest_of
from scenario_operator.planning.revision import Revision


class Wish(NamedTuple):
    """A plan of the run's own and what it was made for; the same `desire` that failed is not tried again unasked."""

    plan: Plan | Blocked
    desire: str


def own_plan(view: View) -> Wish | None:
    """Return what the user's spec asks of the run beyond its version, None when nothing."""
    cause = _cause(view)
    target = _target(view)
    if cause is Cause.STOP and target is None and view.stored.applied is not None:
        # Somebody has deleted the revision. What runs is stopped all the same.
        blind = plan_blind_stop(view.stored.applied, view.strategy)
        return Wish(blind, _desire(view, cause, view.stored.applied.revision))
    if cause is None or target is None:
        return None
    case = Case(view.stored, view.revision(target.name), target, view.strategy, view.run.parameters, cause)
    return Wish(_plan(view, case, cause), _desire(view, cause, target.name))


def withdrawn(view: View, cause: Cause) -> bool:
    """Say whether the user no longer wants what an own plan is for, without wanting another one in its place."""
    match cause:
        case Cause.START:
            return not view.run.desired_running
        case Cause.STOP:
            return view.run.desired_running
        case Cause.PARAMETERS:
            return _cause(view) is None
    return False


def _cause(view: View) -> Cause | None:
    stored, run = view.stored, view.run
    if not run.desired_running:
        return Cause.STOP if stored.live and not stored.stopped else None
    if stored.applied is None or stored.stopped or not stored.live:
        return Cause.START
    if (
        run.restart_nonce
        and run.restart_nonce != stored.handled.restart
        and stored.handled.restart is not None
    ):
        return Cause.RESTART
    return Cause.PARAMETERS if _parameters_changed(view) else None


def _target(view: View) -> Revision | None:
    applied = view.stored.applied
    if applied is None:
        return view.entry
    record = view.stored.incarnation(view.stored.live)
    running = view.revision(record.revision) if record else None
    # What last ran, if it is but another label of what is applied; a stopped run took its version without running it.
    same = running is not None and (running.logic_hash, running.config_hash) == (
        applied.logic_hash,
        applied.config_hash,
    )
    return running if same else view.revision(applied.revision)


def _plan(view: View, case: Case, cause: Cause) -> Plan | Blocked:
    match cause:
        case Cause.STOP:
            return plan_stop(case)
        case Cause.START:
            # A run that has nothing to go back to waits where it is: its pod is what a person wants to look at.
            waits = case._replace(strategy=(case.strategy or Snapshot())._replace(on_failure="Hold"))
            fresh = view.stored.applied is None or not view.stored.live
            return plan_start(waits) if fresh else plan_resume(waits)
        case _:
            return plan_restart(case, cause)


def _parameters_changed(view: View) -> bool:
    """Compare what the user sets now with what is applied, by the applied version's definitions."""
    target = _target(view)
    if target is None:
        return False
    merged = merge(view.stored.parameters, dict(view.run.parameters), target.spec.parameters or ())
    return not merged.missing and merged.parameters.effective != view.stored.parameters.effective


def _desire(view: View, cause: Cause, target: str) -> str:
    run = view.run
    asked = [cause.value, target, run.parameters, run.restart_nonce, run.desired_running]
    return digest_of(asked)[:16]


def case_of(view: View, wanted: Revision, cause: Cause) -> Case:
    """Return the planning case that leads this run to the wanted revision."""
    source = source_of(view.stored, view.revisions)
    return Case(view.stored, source, wanted, view.strategy, view.run.parameters, cause)


def blocker(view: View) -> Blocked | None:
    """Say why an own plan cannot be made; a key that nobody declares is most likely a misspelt one."""
    wish = own_plan(view)
    if wish is None:
        return None
    if isinstance(wish.plan, Blocked):
        return wish.plan
    if view.stored.applied is None and view.entry is not None and not view.stored.window:
        declared = {p.name for p in view.entry.spec.parameters or ()}
        unknown = sorted(name for name, _ in view.run.parameters if name not in declared)
        if unknown:
            return Blocked(
                Reason.UNKNOWN_PARAMETER,
                f"spec.parameters.{unknown[0]} is not a parameter of version {view.entry.version}",
            )
    return None


def is_behind(view: View) -> bool:
    """Say whether the run is on other content than what is wanted."""
    applied, wanted = view.stored.applied, view.wanted
    if applied is None or wanted is None:
        return False
    return (applied.logic_hash, applied.config_hash) != (wanted.logic_hash, wanted.config_hash)
