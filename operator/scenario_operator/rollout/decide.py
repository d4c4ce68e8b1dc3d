"""The scenario's side of one pass: which attempts change, and whether a new one is opened."""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.planning.compile import Blocked
from scenario_operator.planning.plan import Cause
from scenario_operator.planning.revision import Revision
from scenario_operator.rollout.facts import Attempt, Fleet, RunFacts
from scenario_operator.rollout.groups import Planner, is_behind
from scenario_operator.rollout.schedule import FAILURES, Blockage, advance, grant, in_flight

_ENDED = FAILURES | {"Aborted"}


class Opening(NamedTuple):
    """A new attempt to be created under the next sequence number."""

    revision: str
    cause: str
    only: tuple[str, ...] = ()


class FleetDecision(NamedTuple):
    """Attempts as they should be, in the order in which they are to be written: predecessors first.

    `blocked` tells of runs that are behind and that no plan leads on.
    """

    attempts: tuple[Attempt, ...]
    opening: Opening | None
    blocked: Blockage | None


def decide(fleet: Fleet) -> FleetDecision:
    """Return the next state of every unfinished attempt.

    Grants are counted over all unfinished attempts, and an attempt grants only when every predecessor has been
    closed in an earlier, successful write: so the bound holds whatever crashes in between.
    """
    planner = Planner(fleet)
    open_before = [a for a in fleet.attempts if not a.finished]
    advanced = [advance(a, fleet, planner) for a in sorted(open_before, key=lambda a: a.sequence)]
    count = in_flight(tuple(advanced), fleet.runs)
    decided: list[Attempt] = []
    for attempt in advanced:
        if _predecessors_closed(attempt, open_before):
            busy = frozenset(e.run_uid for a in (*advanced, *decided) for e in a.active)
            granted = grant(attempt, fleet, planner, count, busy)
            count += len(granted.active) - len(attempt.active)
            attempt = granted
        decided.append(attempt)
    return FleetDecision(tuple(decided), _opening(fleet, decided, planner), _blockage(fleet, planner))


def _predecessors_closed(attempt: Attempt, known: list[Attempt]) -> bool:
    """Say whether every older attempt over the same runs is on record as closed."""
    return all(
        other.closed
        for other in known
        if other.sequence < attempt.sequence and other.revision != attempt.revision
    )


def _opening(fleet: Fleet, decided: list[Attempt], planner: Planner) -> Opening | None:
    """Open an attempt for runs that no unfinished attempt will lead on."""
    wanted = fleet.wanted
    if wanted is None:
        return None
    covering = [a for a in decided if a.revision == wanted.name and not a.finished and not a.closed]
    recompute = [r for r in fleet.runs if _wants_recompute(r) and not any(r.name in a.only for a in covering)]
    if recompute:
        return Opening(wanted.name, "Recompute", (recompute[0].name,))
    if any(not a.only for a in covering):
        return None
    behind = [r for r in fleet.runs if _leads_on(r, wanted, fleet, planner)]
    fresh = [r for r in behind if not _failed_before(r, wanted, fleet)]
    if fresh:
        return Opening(wanted.name, "Revision")
    retried = [r for r in behind if r.retry_nonce and r.retry_nonce != r.stored.handled.retry]
    return Opening(wanted.name, "Retry", tuple(r.name for r in retried)) if retried else None


def _wants_recompute(run: RunFacts) -> bool:
    handled = run.stored.handled.recompute
    new = bool(run.recompute_nonce) and handled is not None and run.recompute_nonce != handled
    return new and run.stored.applied is not None and not run.pinned and run.journal_grant is None


def _leads_on(run: RunFacts, wanted: Revision, fleet: Fleet, planner: Planner) -> bool:
    if run.pinned or not is_behind(run, wanted):
        return False
    return not isinstance(planner.plan(run, wanted, Cause.UPGRADE), Blocked)


def _failed_before(run: RunFacts, wanted: Revision, fleet: Fleet) -> bool:
    """Say whether an attempt at this revision has ended badly for this run: nothing is retried unasked."""
    here = {a.name for a in fleet.attempts if a.revision == wanted.name}
    for attempt in fleet.attempts:
        report = attempt.report_of(run.uid) if attempt.name in here else None
        if report is not None and report.outcome.outcome in _ENDED:
            return True
    return any(e.attempt in here and e.outcome in _ENDED for e in run.stored.history)


def _blockage(fleet: Fleet, planner: Planner) -> Blockage | None:
    if fleet.wanted is None:
        return None
    found: list[Blocked] = []
    for run in fleet.runs:
        if run.pinned or not is_behind(run, fleet.wanted):
            continue
        plan = planner.plan(run, fleet.wanted, Cause.UPGRADE)
        if isinstance(plan, Blocked):
            found.append(plan)
    return Blockage(len(found), found[0].reason.value, found[0].message) if found else None
