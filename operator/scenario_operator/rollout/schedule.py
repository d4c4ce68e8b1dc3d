"""One attempt's next state: settle what came back, group what waits, grant what may go.

Grants are never revoked, only returned: a grant leaves `active` only after its holder's outcome is on record,
or a live read has shown that the holder is gone.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.names import PlainName
from scenario_operator.api.outcomes import BACK_TO_WAITING, ENDED_BADLY, FAILURES, Outcome
from scenario_operator.api.reasons import Reason
from scenario_operator.api.upgrade import AttemptCause, AttemptPhase
from scenario_operator.planning.compile import Blocked
from scenario_operator.planning.plan import Plan
from scenario_operator.planning.stored import Ended
from scenario_operator.rollout.canary import choose, failed_canaries
from scenario_operator.rollout.consent import Consent, consent
from scenario_operator.rollout.facts import Attempt, Fleet, Grant, Group, Report, RunFacts
from scenario_operator.rollout.gate import halt
from scenario_operator.rollout.groups import Planner, cause_of, group_of, is_behind


class Planned(NamedTuple):
    """A run that an attempt would lead to its revision, with its plan, the plan's hash and the consent to it."""

    run: RunFacts
    plan: Plan
    plan_hash: PlainName
    consent: Consent


class Blockage(NamedTuple):
    """Runs that no plan leads on, with the reason of the first.

    `run` is that one when it has to change, and not the Scenario.
    """

    runs: int
    reason: str
    message: str
    run: RunFacts | None


def settle(attempt: Attempt, fleet: Fleet) -> Attempt:
    """Move returned grants to the report; park those that wait for a person.

    A run that would wait again has nothing to wait for when the attempt is closed, so there it ends.
    """
    runs = {run.uid: run for run in fleet.runs}
    unread = {run.uid for run in fleet.unread}
    active: list[Grant] = []
    reports = list(attempt.reports)
    for grant in attempt.active:
        run = runs.get(grant.run_uid)
        ended = run.ended.get(grant.id) if run else None
        if run is None and grant.run_uid in fleet.gone:
            ended = _cancelled(grant, attempt, fleet)
        if ended is None:
            waits = _waits(run) or grant.run_uid in unread
            active.append(grant._replace(parked=grant.parked or waits))
        elif ended.outcome not in BACK_TO_WAITING:
            reports.append(_report(grant, attempt, ended))
        elif attempt.closed and run is not None:
            reports.append(_never(run, attempt, fleet))
    return attempt._replace(active=tuple(active), reports=tuple(reports))


def waiting_runs(attempt: Attempt, fleet: Fleet) -> tuple[RunFacts, ...]:
    """Return the runs that this attempt has yet to lead on, in the order in which they go."""
    wanted = fleet.revisions.get(attempt.revision)
    if wanted is None:
        return ()
    only = frozenset(attempt.only)
    known = {e.run_uid for e in attempt.active} | {r.uid for r in attempt.reports}
    unasked = left_alone(attempt, fleet)
    return tuple(
        run
        for run in fleet.runs
        if (not only or run.full_name in only)
        and run.uid not in known
        and run.uid not in unasked
        and not run.left_out
        and run.stored.applied is not None
        and (_still_asks(run, attempt) if attempt.cause == AttemptCause.RECOMPUTE else is_behind(run, wanted))
        and not _ended_here(run, attempt)
    )


def _still_asks(run: RunFacts, attempt: Attempt) -> bool:
    """Say whether the wish that an attempt answers is still open: no wish is carried out twice, or on another run.

    An attempt of an operator that did not record the wish yet stands for itself. Of one that was aborted the run may
    have noted so first; it still has to read it in the report.
    """
    handled = run.stored.handled.recompute
    open_wish = run.recompute_nonce != handled
    return not attempt.asked or any(
        a.uid == run.uid and ((a.nonce != handled and open_wish) or attempt.called_off) for a in attempt.asked
    )


def ended_badly(fleet: Fleet, attempts: frozenset[str], revision: str = "") -> frozenset[str]:
    """Return the uids of the runs for which one of these attempts, or any at the revision, has ended badly.

    The runs remember the revision, so that it does not matter when somebody has deleted an attempt.
    An abort that ended more runs than a report lists is taken to have ended all that there are: a run that was
    aborted must not begin unasked, one that came later can ask. What was rejected is for nobody who does not ask.
    """
    named = [a for a in fleet.attempts if a.name in attempts]
    if any(not a.only and (a.reject or (a.abort and a.unlisted.skipped)) for a in named):
        return frozenset(run.uid for run in fleet.runs)
    told = {r.uid for a in named for r in a.reports if r.ended.outcome in ENDED_BADLY}
    recorded = {
        run.uid
        for run in fleet.runs
        if any(
            e.outcome in ENDED_BADLY
            and (any(a.saw(e) for a in named) or (e.grant_id and revision and e.to_revision == revision))
            for e in run.stored.history
        )
    }
    return frozenset(told | recorded)


RECOMPUTES: Final = 10
"""Finished attempts at a recompute that are kept; they do not push those over revisions out of the history."""


def forgettable(fleet: Fleet, limit: int) -> tuple[Attempt, ...]:
    """Return the finished attempts beyond so many, oldest first; recomputes are counted apart.

    What ended badly at the wanted revision is remembered there and kept: else it would be tried again unasked.
    """
    finished = sorted((a for a in fleet.attempts if a.finished), key=lambda a: a.sequence)
    again = [a for a in finished if a.cause == AttemptCause.RECOMPUTE]
    others = [a for a in finished if a.cause != AttemptCause.RECOMPUTE]
    surplus = [*again[: max(0, len(again) - RECOMPUTES)], *others[: max(0, len(others) - limit)]]
    wanted = fleet.wanted.name if fleet.wanted else ""
    return tuple(
        a
        for a in sorted(surplus, key=lambda a: a.sequence)
        if a.revision != wanted or not (a.called_off or ended_badly(fleet, frozenset((a.name,))))
    )


def left_alone(attempt: Attempt, fleet: Fleet) -> frozenset[str]:
    """Return the runs that an earlier attempt at the same revision gave up: none of them is retried unasked.

    One that asked speaks for itself, also when its attempt is about all others that are unsettled. A retry of an
    operator that did not record who asked stands for itself.
    """
    if attempt.only or attempt.cause == AttemptCause.RECOMPUTE:
        return frozenset()
    if attempt.cause == AttemptCause.RETRY and not attempt.asked:
        return frozenset()
    earlier = (a for a in fleet.attempts if a.revision == attempt.revision and a.sequence < attempt.sequence)
    given_up = ended_badly(fleet, frozenset(a.name for a in earlier), attempt.revision)
    return given_up - {asked.uid for asked in attempt.asked}


def _ended_here(run: RunFacts, attempt: Attempt) -> bool:
    """Say whether the run itself remembers its end in this attempt: reports may be full."""
    return any(attempt.saw(e) and e.outcome not in BACK_TO_WAITING for e in run.stored.history)


def advance(attempt: Attempt, fleet: Fleet, planner: Planner) -> Attempt:
    """Return the attempt after one pass over it; grants are added by `give_grants`.

    While nothing can be granted for want of something that can be read, what was planned and consented to stands as
    it was shown.
    """
    attempt = settle(attempt, fleet)
    waiting = () if attempt.closed else waiting_runs(attempt, fleet)
    if not attempt.closed and (attempt.called_off or _superseded(attempt, fleet)):
        left = tuple(_never(run, attempt, fleet) for run in waiting)
        attempt, waiting = attempt._replace(closed=True, reports=(*attempt.reports, *left)), ()
    if fleet.frozen and waiting:
        held = sum(1 for run in waiting if run.hold)
        return attempt._replace(waiting=len(waiting), held=held)
    planned = plans_of(attempt, waiting, fleet, planner)
    return _phase(attempt._replace(groups=_groups(attempt, planned, fleet)), planned, fleet)


def plans_of(
    attempt: Attempt, waiting: tuple[RunFacts, ...], fleet: Fleet, planner: Planner
) -> tuple[Planned, ...]:
    """Return the plans of the runs that wait; a run without a plan explains itself in its own status."""
    target = fleet.revisions.get(attempt.revision)
    if target is None:
        return ()
    # Equal runs share one plan object, so that it is hashed and judged once.
    judged: dict[int, tuple[PlainName, Consent]] = {}
    found: list[Planned] = []
    for run in waiting:
        plan = planner.plan(run, target, cause_of(attempt))
        if isinstance(plan, Blocked):
            continue
        if id(plan) not in judged:
            judged[id(plan)] = plan.plan_hash, consent(plan, attempt, fleet)
        found.append(Planned(run, plan, *judged[id(plan)]))
    return tuple(found)


def give_grants(
    attempt: Attempt, fleet: Fleet, planner: Planner, under_way: int, busy: frozenset[str]
) -> Attempt:
    """Add the grants that pace, consent and failures allow.

    `under_way`: what is in flight over all unfinished attempts. `busy` are the runs that any of them has granted.
    """
    if (
        attempt.closed
        or attempt.suspend
        or fleet.suspend
        or halt(fleet.told)
        or fleet.frozen
        or attempt.finished
        or halted(attempt, fleet)
        or failed_canaries(attempt, fleet)
    ):
        return attempt
    room = fleet.pace.max_concurrent - under_way
    active = list(attempt.active)
    given = attempt.granted
    if room <= 0:
        return attempt
    able = [
        planned
        for planned in plans_of(attempt, waiting_runs(attempt, fleet), fleet, planner)
        if planned.consent.given
        and not (planned.run.hold or planned.run.uid in busy or planned.run.journal_grant is not None)
    ]
    canaries = choose(attempt, fleet, [planned.run for planned in able])
    for run, _, plan_hash, word in able:
        if room <= 0:
            break
        if canaries is not None and run.uid not in canaries:
            continue
        given, room = given + 1, room - 1
        identity = attempt.grant_id(given)
        active.append(Grant(identity, run.uid, run.namespace, run.name, plan_hash, approver=word.approver))
    fresh = given - attempt.granted
    if fresh and canaries is not None:
        attempt = attempt._replace(canaries=canaries)
    return attempt._replace(
        active=tuple(active), granted=given, waiting=attempt.waiting - fresh, movable=attempt.movable - fresh
    )


def in_flight(attempts: tuple[Attempt, ...], runs: tuple[RunFacts, ...]) -> int:
    """Count what is under way: grants that are not parked, and open plans whose attempt is gone.

    Nobody remembers of the latter that they were parked, so they count again when they go on.
    """
    granted = {grant.id for attempt in attempts for grant in attempt.active}
    strays = sum(1 for r in runs if r.journal_grant and r.journal_grant not in granted and not r.waits)
    return strays + sum(1 for a in attempts for grant in a.active if not grant.parked)


def halted(attempt: Attempt, fleet: Fleet) -> bool:
    """Say whether too many runs have failed or wait for a person for this attempt to go on."""
    return troubled(attempt) > fleet.pace.max_failed


def troubled(attempt: Attempt) -> int:
    """Count the failed and the parked runs of an attempt."""
    failed = sum(1 for r in attempt.reports if r.ended.outcome in FAILURES)
    failed += attempt.unlisted.rolled_back + attempt.unlisted.failed
    return failed + sum(1 for grant in attempt.active if grant.parked)


def _phase(attempt: Attempt, planned: tuple[Planned, ...], fleet: Fleet) -> Attempt:
    """Say where the attempt stands; it is finished when nobody waits and nobody is under way."""
    held = sum(1 for p in planned if p.run.hold)
    unapproved = [p for p in planned if not p.consent.given]
    movable = sum(1 for p in planned if p.consent.given and not p.run.hold)
    attempt = attempt._replace(waiting=len(planned), held=held, movable=movable)
    if not planned and not attempt.active and (attempt.closed or not _blocked_only(attempt, fleet)):
        word = _closing_word(attempt)
        return attempt._replace(finished=True, closed=True, phase=word, reason=word.value)
    if attempt.closed:
        return attempt._replace(phase=AttemptPhase.CLOSING, reason=_unbegun(attempt).value)
    if fleet.suspend or attempt.suspend:
        return attempt._replace(phase=AttemptPhase.SUSPENDED, reason=Reason.SUSPENDED.value)
    if failed_canaries(attempt, fleet):
        return attempt._replace(phase=AttemptPhase.HELD, reason=Reason.CANARY_FAILED.value)
    if halted(attempt, fleet):
        return attempt._replace(phase=AttemptPhase.HELD, reason=Reason.ROLLOUT_HELD.value)
    if planned and len(unapproved) == len(planned) and not attempt.active:
        return attempt._replace(phase=AttemptPhase.AWAITING_APPROVAL, reason=Reason.AWAITING_APPROVAL.value)
    return attempt._replace(phase=AttemptPhase.RUNNING, reason=Reason.ROLLING_OUT.value)


def _blocked_only(attempt: Attempt, fleet: Fleet) -> bool:
    """Say whether runs wait that have no plan: the attempt stays open for them."""
    return bool(waiting_runs(attempt, fleet))


def _unbegun(attempt: Attempt) -> Outcome:
    """Return how a closed attempt ends for the runs that it never granted."""
    if attempt.abort:
        return Outcome.ABORTED
    return Outcome.SKIPPED if attempt.reject else Outcome.SUPERSEDED


def _closing_word(attempt: Attempt) -> AttemptPhase:
    if attempt.abort:
        return AttemptPhase.ABORTED
    if attempt.reject:
        return AttemptPhase.REJECTED
    outcomes = {r.ended.outcome for r in attempt.reports}
    if outcomes & FAILURES or attempt.unlisted.rolled_back or attempt.unlisted.failed:
        return AttemptPhase.FAILED
    if attempt.reason == Reason.SUPERSEDED or Outcome.SUPERSEDED in outcomes:
        return AttemptPhase.SUPERSEDED
    return AttemptPhase.SUCCEEDED


def _groups(attempt: Attempt, planned: tuple[Planned, ...], fleet: Fleet) -> tuple[Group, ...]:
    """Merge the groups of those who wait into the groups that granted or settled runs belong to."""
    used = {e.plan_hash for e in attempt.active} | {r.plan_hash for r in attempt.reports}
    kept: dict[str, Group] = {g.plan_hash: g._replace(runs=0) for g in attempt.groups if g.plan_hash in used}
    for grant in attempt.active:
        _count(kept, grant.plan_hash)
    for report in attempt.reports:
        _count(kept, report.plan_hash)
    for _, plan, plan_hash, word in planned:
        group = kept.get(plan_hash) or group_of(plan)
        approver = word.approver if word.given else ""
        kept[plan_hash] = group._replace(runs=group.runs + 1, approved=word.given, approver=approver)
    return tuple(kept[key] for key in sorted(kept))


def _count(groups: dict[str, Group], plan_hash: str) -> None:
    known = groups.get(plan_hash)
    if known is not None:
        groups[plan_hash] = known._replace(runs=known.runs + 1)


def _waits(run: RunFacts | None) -> bool:
    """Say whether a run waits for a person, with this grant or before it can look at it: a plan is open already."""
    return run is not None and run.waits


def _report(grant: Grant, attempt: Attempt, ended: Ended) -> Report:
    # A grant of an operator that did not record it yet was given on what the group says.
    group = next((g for g in attempt.groups if g.plan_hash == grant.plan_hash), None)
    approver = grant.approver or (group.approver if group else "")
    return Report(grant.namespace, grant.name, grant.run_uid, grant.plan_hash, approver, ended)


def _cancelled(grant: Grant, attempt: Attempt, fleet: Fleet) -> Ended:
    return _ended(grant.id, attempt, Outcome.CANCELLED, "the run is gone", fleet.now)


def _superseded(attempt: Attempt, fleet: Fleet) -> bool:
    """Say whether another revision is wanted, or a later attempt has taken over every run of this one."""
    known = fleet.revisions.get(attempt.revision)
    number = known.number if known else names.revision_number(attempt.revision)
    if fleet.wanted is not None and fleet.wanted.name != attempt.revision and fleet.wanted.number > number:
        return True
    return any(
        other.sequence > attempt.sequence
        and other.revision == attempt.revision
        and _takes_over(other, attempt)
        for other in fleet.attempts
    )


def _takes_over(later: Attempt, attempt: Attempt) -> bool:
    """Say whether a later attempt at the same revision leads on whom this one would have.

    One that is about runs that asked for it is taken over by a retry of all only, and a recompute by nobody.
    """
    if later.only or attempt.cause == AttemptCause.RECOMPUTE:
        return False
    return later.cause == AttemptCause.RETRY or not attempt.only


def _never(run: RunFacts, attempt: Attempt, fleet: Fleet) -> Report:
    message = f"revision {fleet.wanted.name if fleet.wanted else ''} is wanted now"
    if attempt.abort:
        message = "the attempt was aborted before this run was granted"
    elif attempt.reject:
        message = f"the attempt was rejected: {attempt.reject.shown()}"
    ended = _ended("", attempt, _unbegun(attempt), message, fleet.now)
    applied = run.stored.applied
    ended = ended._replace(from_version=applied.version if applied else "")
    if ended.outcome is Outcome.SKIPPED:
        ended = ended._replace(reason=Reason.REJECTED.value)
    return Report(run.namespace, run.name, run.uid, "", "", ended)


def _ended(grant_id: str, attempt: Attempt, outcome: Outcome, message: str, now: str) -> Ended:
    """Return the end of a run that had no plan; the outcome is the reason."""
    return Ended(grant_id, attempt.name, outcome, outcome.value, message, "", "", "", "", now, now)
