"""A run's own plans: its start, its stop, its restart. Nobody grants them; no version changes hands."""

from __future__ import annotations

from scenario_operator.api.common import Level
from scenario_operator.api.journal import Kind
from scenario_operator.planning.compile.common import (
    COMMIT,
    LIVE,
    NEXT,
    Blocked,
    Case,
    assembled,
    no_room,
    unusable_parameters,
    verify,
)
from scenario_operator.planning.compile.keep import keep_steps
from scenario_operator.planning.plan import Cause, End, Plan, Snapshot
from scenario_operator.planning.steps import Args, Draft
from scenario_operator.planning.stored import Applied

STOP = (Draft("stop", Kind.STOP, LIVE, Args(report=True)), COMMIT)


def plan_start(case: Case) -> Plan | Blocked:
    """Make the plan of a start with no stored state: the first one, or the one after a replacement."""
    unusable = unusable_parameters(case)
    if unusable:
        return unusable
    only_copy = case.stored.live != 0
    slot = LIVE if only_copy else NEXT
    steps = (
        Draft("resolve-window", Kind.RESOLVE_WINDOW),
        Draft("start", Kind.START, slot, Args(revision="to", create=not only_copy, irreversible=only_copy)),
        *verify(case.target, slot),
        COMMIT,
    )
    full = no_room(case, steps)
    return full or assembled(case, Cause.START, Level.NONE, steps, reversible=not only_copy)


def plan_stop(case: Case) -> Plan:
    """Make the plan of a stop that the user asked for."""
    return assembled(case, Cause.STOP, Level.RESTART, STOP, reversible=True)


def plan_blind_stop(applied: Applied, strategy: Snapshot | None) -> Plan:
    """Make the plan of a stop of a run whose revision is no more: from its record alone."""
    end = End(applied.revision, applied.version, applied.digest, applied.state_version)
    stated = strategy or Snapshot()
    return Plan(Cause.STOP, end, end, Level.RESTART.value, stated, STOP, (), reversible=True, destructive=())


def plan_resume(case: Case) -> Plan | Blocked:
    """Make the plan that starts a run again which its user had stopped."""
    unusable = unusable_parameters(case)
    if unusable:
        return unusable
    steps = (
        Draft("start", Kind.START, LIVE, Args(revision="to")),
        *verify(case.target, LIVE),
        COMMIT,
    )
    return assembled(case, Cause.START, Level.RESTART, steps, reversible=True)


def plan_restart(case: Case, cause: Cause) -> Plan | Blocked:
    """Make the plan of a restart on the same version: asked for, or because parameters changed."""
    unusable = unusable_parameters(case)
    if unusable:
        return unusable
    applied = case.stored.applied
    steps = keep_steps(case, applied, reversible=True)
    return assembled(case, cause, Level.RESTART, steps, reversible=True)
