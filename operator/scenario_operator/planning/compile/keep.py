"""Plans that keep the state where it is."""

from __future__ import annotations

from scenario_operator.api.journal import Kind
from scenario_operator.planning.compile.change import Change, unmatched
from scenario_operator.planning.compile.common import COMMIT, LIVE, Case, assembled, preflight, verify
from scenario_operator.planning.plan import Cause, Plan
from scenario_operator.planning.steps import Args, Draft
from scenario_operator.planning.stored import Applied


def plan_keep(case: Case, applied: Applied, change: Change) -> Plan:
    """Plan a change after which the run works on with the state that it has."""
    reversible = change.reversible or not case.target.has_state
    steps = keep_steps(case, applied, reversible=reversible)
    notes = unmatched(case, applied, change)
    return assembled(
        case, case.cause, change.level, steps, reversible=reversible, diff=change.diff, notes=notes
    )


def keep_steps(case: Case, applied: Applied | None, *, reversible: bool) -> tuple[Draft, ...]:
    """Stop, start on the same state, verify; a stopped run only changes its record."""
    first = preflight(case) if case.cause is Cause.UPGRADE else ()
    if case.stored.stopped:
        return (*first, COMMIT)
    report = applied is not None and len(applied.formats) > 1
    start = Args(revision="to", irreversible=not reversible)
    return (
        *first,
        Draft("stop", Kind.STOP, LIVE, Args(report=report)),
        Draft("start", Kind.START, LIVE, start),
        *verify(case.target, LIVE),
        COMMIT,
    )
