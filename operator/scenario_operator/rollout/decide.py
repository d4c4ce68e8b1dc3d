"""The scenario's side of one pass: which attempts change, and whether a new one is opened."""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from scenario_operator.api.names import PlainName
from scenario_operator.api.outcomes import FAILURES
from scenario_operator.api.upgrade import MAX_NAMED_RUNS, AttemptCause
from scenario_operator.planning.compile import Blocked
from scenario_operator.planning.plan import Cause
from scenario_operator.planning.revision import Revision
from scenario_operator.rollout.consent import consent
from scenario_operator.rollout.facts import OF_THE_RUN, Asked, Attempt, Fleet, RunFacts, RunName
from scenario_operator.rollout.groups import Planner, is_behind
from scenario_operator.rollout.schedule import (
    Blockage,
    advance,
    ended_badly,
    give_grants,
    in_flight,
    left_alone,
)


class Opening(NamedTuple):
    """A new attempt to be created under the next sequence number; `asked` has the nonces that it answers."""

    revision: str
    cause: AttemptCause
    only: tuple[RunName, ...] = ()
    asked: tuple[Asked, ...] = ()


class FleetDecision(NamedTuple):
    """Attempts as they should be, in the order in which they are to be written: predecessors first.

    `blocked` tells of runs that are behind and that no plan leads on. `released`: new runs may start on what is wanted.
    """

    attempts: tuple[Attempt, ...]
    opening: Opening | None
    blocked: Blockage | None
    released: bool = False


def decide(fleet: Fleet) -> FleetDecision:
    """Return the next state of every unfinished attempt.

    Grants are counted over all unfinished attempts, so one pass grants in one of them, and only after all others
    were fenced: closed for good, or written with a grant id used up. Such a write fails if the other has granted since
    it was read, and makes every grant fail that another leader still has under way there. So the bound holds over all
    attempts, whatever crashes in between. An attempt that granted last and grants again finds the others fenced
    already: whoever wants to grant there has to write this one first.
    """
    planner = Planner(fleet)
    open_before = [a for a in fleet.attempts if not a.finished]
    advanced = [advance(a, fleet, planner) for a in sorted(open_before, key=lambda a: a.sequence)]
    count = in_flight(tuple(advanced), fleet.runs)
    busy = frozenset(e.run_uid for a in advanced for e in a.active)
    decided = advanced
    for attempt in advanced:
        if not _predecessors_closed(attempt, open_before):
            continue
        granted = give_grants(attempt, fleet, planner, count, busy)
        if granted.active != attempt.active:
            others = (_fenced(a, again=attempt.fenced) for a in advanced if a is not attempt)
            decided = [*others, granted._replace(fenced=False)]
            break
    opening = _opening(fleet, decided, planner)
    released = _released(fleet, decided, opening, planner)
    return FleetDecision(tuple(decided), opening, _blockage(fleet, planner), released)


def _released(fleet: Fleet, decided: list[Attempt], opening: Opening | None, planner: Planner) -> bool:
    """Say whether runs that have nothing yet may start on the wanted revision.

    It takes a grant, or that nothing there is needs consent; that there is no attempt says nothing, somebody may have
    aborted it.
    """
    wanted = fleet.wanted
    if wanted is None or fleet.suspend:
        return False
    finished = [a for a in fleet.attempts if a.finished]
    here = [a for a in (*finished, *decided) if a.revision == wanted.name]
    if any(a.released for a in here):
        return True
    if opening is not None or any(a.called_off or (a.suspend and not a.finished) for a in here):
        return False
    behind = [run for run in fleet.runs if not run.left_out and is_behind(run, wanted)]
    if fleet.frozen and (behind or fleet.unread):
        return False  # whether their plans need consent is not known
    unasked = Attempt(PlainName(""), "", 0, wanted.name)
    plans = (planner.plan(run, wanted, Cause.UPGRADE) for run in behind)
    return all(isinstance(plan, Blocked) or consent(plan, unasked, fleet).given for plan in plans)


def _fenced(attempt: Attempt, *, again: bool) -> Attempt:
    """Use up a grant id, so that no grant which was decided on earlier can be written any more.

    `again`: also where that was done before, since it is another attempt's turn now.
    """
    if attempt.closed or (attempt.fenced and not again):
        return attempt
    return attempt._replace(granted=attempt.granted + 1, fenced=True)


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
    if wanted is None or fleet.frozen:
        return None
    covering = [a for a in decided if a.revision == wanted.name and not a.finished and not a.closed]
    recompute = _to_recompute(fleet, wanted, covering, planner)
    if recompute:
        only = tuple(run.full_name for run in recompute)
        return Opening(wanted.name, AttemptCause.RECOMPUTE, only, _asked(recompute, AttemptCause.RECOMPUTE))
    under_way = {e.run_uid for a in decided if a.revision == wanted.name and not a.finished for e in a.active}
    behind = [r for r in fleet.runs if r.uid not in under_way and _leads_on(r, wanted, fleet, planner)]
    finished = [a for a in fleet.attempts if a.finished]
    here_before = frozenset(a.name for a in (*finished, *decided) if a.revision == wanted.name)
    known = fleet._replace(attempts=(*finished, *decided))
    gave_up = ended_badly(known, here_before, wanted.name)
    here = next((a for a in reversed(covering) if not a.only), None)
    waited_for = {name for a in covering for name in a.only}
    free = [r for r in behind if r.full_name not in waited_for]
    if here is not None:
        again = [r for r in free if _asks_again(r, here, fleet)]
        # Whoever asked for what is taken over, and has not had it, asks still.
        unmet = {asked.uid for asked in here.asked} - {report.uid for report in here.reports}
        asking = [r for r in free if r in again or (r.uid in unmet and _wants_retry(r, fleet))]
        # An attempt that could not say who asked for it must not be about all: its abort would leave wishes unspent.
        return _retry(wanted, asking, all_runs=len(asking) <= MAX_NAMED_RUNS) if again else None
    if any(r.uid not in gave_up for r in behind):
        return Opening(wanted.name, AttemptCause.REVISION)
    retried = [r for r in free if _wants_retry(r, fleet)]
    return _retry(wanted, retried, all_runs=False) if retried else None


def _retry(wanted: Revision, runs: list[RunFacts], *, all_runs: bool) -> Opening:
    """Open a retry for the first of these runs that fit into one attempt, or for all runs because these ask."""
    asking = runs[:MAX_NAMED_RUNS]
    only = () if all_runs else tuple(r.full_name for r in asking)
    return Opening(wanted.name, AttemptCause.RETRY, only, _asked(asking, AttemptCause.RETRY))


def _to_recompute(
    fleet: Fleet, wanted: Revision, covering: list[Attempt], planner: Planner
) -> list[RunFacts]:
    """Return the runs that ask for a recompute which can be planned, and which nobody has aborted: one attempt's fill.

    While an attempt over others that asked gives its grants, they are gathered: a loop that asks for a thousand runs
    makes few attempts. One that stands still, for consent or a person, holds up nobody.
    """
    if any(a.cause == AttemptCause.RECOMPUTE and a.movable for a in covering):
        return []
    named = {name for a in covering for name in a.only}
    asking = (r for r in fleet.runs if r.full_name not in named and _wants_recompute(r, fleet))
    able = (r for r in asking if not isinstance(planner.plan(r, wanted, Cause.RECOMPUTE), Blocked))
    return list(islice(able, MAX_NAMED_RUNS))


def _asked(runs: list[RunFacts], cause: AttemptCause) -> tuple[Asked, ...]:
    """Return by which nonces these runs ask for an attempt."""
    return tuple(
        Asked(
            r.namespace,
            r.name,
            r.uid,
            r.recompute_nonce if cause == AttemptCause.RECOMPUTE else r.retry_nonce,
        )
        for r in runs
    )


def _wants_retry(run: RunFacts, fleet: Fleet) -> bool:
    new = bool(run.retry_nonce) and run.retry_nonce != run.stored.handled.retry
    return new and not _taken_back(run, AttemptCause.RETRY, fleet)


def _asks_again(run: RunFacts, attempt: Attempt, fleet: Fleet) -> bool:
    """Say whether a run wants to be retried that an attempt in progress, or one before it, has given up."""
    report = attempt.report_of(run.uid)
    failed = report.ended.outcome in FAILURES if report else run.uid in left_alone(attempt, fleet)
    return failed and _wants_retry(run, fleet) and run.journal_grant is None


def _wants_recompute(run: RunFacts, fleet: Fleet) -> bool:
    handled = run.stored.handled.recompute
    new = bool(run.recompute_nonce) and handled not in (None, run.recompute_nonce)
    free = run.stored.applied is not None and not run.left_out and run.journal_grant is None
    return new and free and not _taken_back(run, AttemptCause.RECOMPUTE, fleet)


def _taken_back(run: RunFacts, cause: AttemptCause, fleet: Fleet) -> bool:
    """Say whether the attempt that a nonce asked for was aborted: the run is about to note it as handled."""
    [asked] = _asked([run], cause)
    return any(a.called_off and a.cause == cause and asked in a.asked for a in fleet.attempts)


def _leads_on(run: RunFacts, wanted: Revision, fleet: Fleet, planner: Planner) -> bool:
    # What a run under way is on when it is done is not known yet: a plan that is shown now may not be the one it needs.
    busy = bool(run.journal_grant) and wanted.name not in run.journal_revisions[1:]
    if busy or run.left_out or not is_behind(run, wanted):
        return False
    return not isinstance(planner.plan(run, wanted, Cause.UPGRADE), Blocked)


def _blockage(fleet: Fleet, planner: Planner) -> Blockage | None:
    if fleet.wanted is None:
        return None
    found: list[tuple[RunFacts, Blocked]] = []
    for run in fleet.runs:
        causes = [Cause.RECOMPUTE] if _wants_recompute(run, fleet) else []
        causes += [Cause.UPGRADE] if is_behind(run, fleet.wanted) and not run.left_out else []
        plans = [planner.plan(run, fleet.wanted, cause) for cause in causes]
        found += [(run, p) for p in plans if isinstance(p, Blocked)][:1]
    if not found:
        return None
    first, why = found[0]
    return Blockage(len(found), why.reason.value, why.message, first if why.reason in OF_THE_RUN else None)
