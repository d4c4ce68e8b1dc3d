"""One attempt's next state: settle what came back, group what waits, grant what may go.

Grants are never revoked, only returned: an entry leaves `active` only after its holder's outcome is on record,
or a live read has shown that the holder is gone.
"""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.planning.compile import Blocked
from scenario_operator.planning.stored import Outcome
from scenario_operator.rollout.consent import consent
from scenario_operator.rollout.facts import Attempt, Entry, Fleet, Group, Report, RunFacts
from scenario_operator.rollout.groups import Planned, Planner, cause_of, group_of, is_behind

SUCCESSES = frozenset({"Upgraded", "Recomputed", "Continued"})
FAILURES = frozenset({"RolledBack", "Failed"})
BACK_TO_WAITING = frozenset({"PlanChanged", "Held"})
"""Answers to a grant after which the run waits again; every other outcome ends it for its attempt."""


class Blockage(NamedTuple):
    """Runs that no plan leads on, with the reason of the first."""

    runs: int
    reason: str
    message: str


def settle(attempt: Attempt, fleet: Fleet) -> Attempt:
    """Move returned grants to the report; park those that wait for a person."""
    runs = {run.uid: run for run in fleet.runs}
    active: list[Entry] = []
    reports = list(attempt.reports)
    for entry in attempt.active:
        run = runs.get(entry.run_uid)
        outcome = run.outcomes.get(entry.id) if run else None
        if run is None and entry.run_uid in fleet.gone:
            outcome = _cancelled(entry, attempt, fleet)
        if outcome is None:
            active.append(entry._replace(parked=entry.parked or _waits(run, entry)))
        elif outcome.outcome not in BACK_TO_WAITING:
            reports.append(_report(entry, attempt, outcome))
    return attempt._replace(active=tuple(active), reports=tuple(reports))


def waiting_runs(attempt: Attempt, fleet: Fleet) -> tuple[RunFacts, ...]:
    """Return the runs that this attempt has yet to lead on, in the order in which they go."""
    wanted = fleet.revisions.get(attempt.revision)
    if wanted is None:
        return ()
    granted = {entry.run_uid for entry in attempt.active}
    return tuple(
        run
        for run in fleet.runs
        if (not attempt.only or run.name in attempt.only)
        and run.uid not in granted
        and attempt.report_of(run.uid) is None
        and not run.pinned
        and run.stored.applied is not None
        and (attempt.cause == "Recompute" or is_behind(run, wanted))
    )


def advance(attempt: Attempt, fleet: Fleet, planner: Planner) -> Attempt:
    """Return the attempt after one pass over it; grants are added by `grant`."""
    attempt = settle(attempt, fleet)
    superseded = fleet.wanted is not None and attempt.revision != fleet.wanted.name
    waiting = waiting_runs(attempt, fleet)
    if superseded or attempt.abort:
        word = "Aborted" if attempt.abort else "Superseded"
        attempt = attempt._replace(
            closed=True, reports=(*attempt.reports, *(_never(run, attempt, fleet, word) for run in waiting))
        )
        waiting = ()
    planned = plans_of(attempt, waiting, fleet, planner)
    return _phase(attempt._replace(groups=_groups(attempt, planned, fleet)), planned, fleet)


def plans_of(
    attempt: Attempt, waiting: tuple[RunFacts, ...], fleet: Fleet, planner: Planner
) -> tuple[Planned, ...]:
    """Return the plans of the runs that wait; a run without a plan explains itself in its own status."""
    target = fleet.revisions.get(attempt.revision)
    if target is None:
        return ()
    found = ((run, planner.plan(run, target, cause_of(attempt))) for run in waiting)
    return tuple(Planned(run, plan) for run, plan in found if not isinstance(plan, Blocked))


def grant(attempt: Attempt, fleet: Fleet, planner: Planner, in_flight: int, busy: frozenset[str]) -> Attempt:
    """Add the grants that pace, consent and failures allow.

    `in_flight` counts all unfinished attempts; `busy` are the runs that any of them has granted.
    """
    if attempt.closed or attempt.suspend or fleet.suspend or attempt.finished or halted(attempt, fleet):
        return attempt
    room = fleet.pace.max_concurrent - in_flight
    active = list(attempt.active)
    given = attempt.granted
    for run, plan in plans_of(attempt, waiting_runs(attempt, fleet), fleet, planner):
        if room <= 0:
            break
        if (
            run.hold
            or run.uid in busy
            or run.journal_grant is not None
            or not consent(plan, attempt, fleet).given
        ):
            continue
        given, room = given + 1, room - 1
        active.append(Entry(f"{attempt.name}.{given}", run.uid, run.namespace, run.name, plan.hash))
    fresh = given - attempt.granted
    return attempt._replace(active=tuple(active), granted=given, waiting=attempt.waiting - fresh)


def in_flight(attempts: tuple[Attempt, ...], runs: tuple[RunFacts, ...]) -> int:
    """Count what is under way: grants that are not parked, and open plans whose attempt is gone."""
    granted = {entry.id for attempt in attempts for entry in attempt.active}
    strays = sum(1 for run in runs if run.journal_grant and run.journal_grant not in granted)
    return strays + sum(1 for a in attempts for entry in a.active if not entry.parked)


def halted(attempt: Attempt, fleet: Fleet) -> bool:
    """Say whether too many runs have failed or wait for a person for this attempt to go on."""
    return troubled(attempt) > fleet.pace.max_failed


def troubled(attempt: Attempt) -> int:
    """Count the failed and the parked runs of an attempt."""
    failed = sum(1 for r in attempt.reports if r.outcome.outcome in FAILURES)
    return failed + sum(1 for entry in attempt.active if entry.parked)


def _phase(attempt: Attempt, planned: tuple[Planned, ...], fleet: Fleet) -> Attempt:
    """Say where the attempt stands; it is finished when nobody waits and nobody is under way."""
    held = sum(1 for run, _ in planned if run.hold)
    unapproved = [p for p in planned if not consent(p.plan, attempt, fleet).given]
    attempt = attempt._replace(waiting=len(planned), held=held)
    if not planned and not attempt.active and (attempt.closed or not _blocked_only(attempt, fleet)):
        word = _closing_word(attempt)
        return attempt._replace(finished=True, closed=True, phase=word, reason=word)
    if attempt.closed:
        return attempt._replace(phase="Closing", reason="Superseded" if not attempt.abort else "Aborted")
    if fleet.suspend or attempt.suspend:
        return attempt._replace(phase="Suspended", reason="Suspended")
    if halted(attempt, fleet):
        return attempt._replace(phase="Held", reason="RolloutHeld")
    if planned and len(unapproved) == len(planned) and not attempt.active:
        return attempt._replace(phase="AwaitingApproval", reason="AwaitingApproval")
    return attempt._replace(phase="Running", reason="RollingOut")


def _blocked_only(attempt: Attempt, fleet: Fleet) -> bool:
    """Say whether runs wait that have no plan: the attempt stays open for them."""
    return bool(waiting_runs(attempt, fleet))


def _closing_word(attempt: Attempt) -> str:
    if attempt.abort:
        return "Aborted"
    outcomes = [r.outcome.outcome for r in attempt.reports]
    if any(word in FAILURES for word in outcomes):
        return "Failed"
    if attempt.reason == "Superseded" or (outcomes and all(word == "Superseded" for word in outcomes)):
        return "Superseded"
    return "Succeeded"


def _groups(attempt: Attempt, planned: tuple[Planned, ...], fleet: Fleet) -> tuple[Group, ...]:
    """Merge the groups of those who wait into the groups that granted or settled runs belong to."""
    used = {e.plan_hash for e in attempt.active} | {r.group for r in attempt.reports}
    kept = {g.hash: g._replace(runs=0) for g in attempt.groups if g.hash in used}
    for entry in attempt.active:
        _count(kept, entry.plan_hash)
    for report in attempt.reports:
        _count(kept, report.group)
    for _, plan in planned:
        word = consent(plan, attempt, fleet)
        group = kept.get(plan.hash) or group_of(plan)
        approver = word.approver if word.given else ""
        kept[plan.hash] = group._replace(runs=group.runs + 1, approved=word.given, approver=approver)
    return tuple(kept[key] for key in sorted(kept))


def _count(groups: dict[str, Group], plan_hash: str) -> None:
    known = groups.get(plan_hash)
    if known is not None:
        groups[plan_hash] = known._replace(runs=known.runs + 1)


def _waits(run: RunFacts | None, entry: Entry) -> bool:
    return run is not None and run.journal_grant == entry.id and run.waits


def _report(entry: Entry, attempt: Attempt, outcome: Outcome) -> Report:
    group = next((g for g in attempt.groups if g.hash == entry.plan_hash), None)
    approver = group.approver if group else ""
    return Report(entry.namespace, entry.name, entry.run_uid, entry.plan_hash, approver, outcome)


def _cancelled(entry: Entry, attempt: Attempt, fleet: Fleet) -> Outcome:
    message = "the run is gone"
    return _outcome(entry.id, attempt, "Cancelled", "Cancelled", message, fleet.now)


def _never(run: RunFacts, attempt: Attempt, fleet: Fleet, word: str) -> Report:
    message = {
        "Superseded": f"revision {fleet.wanted.name if fleet.wanted else ''} is wanted now",
        "Aborted": "the attempt was aborted before this run was granted",
    }[word]
    outcome = _outcome("", attempt, word, word, message, fleet.now)
    applied = run.stored.applied
    outcome = outcome._replace(from_version=applied.version if applied else "")
    return Report(run.namespace, run.name, run.uid, "", "", outcome)


def _outcome(grant_id: str, attempt: Attempt, word: str, reason: str, message: str, now: str) -> Outcome:
    return Outcome(grant_id, attempt.name, word, reason, message, "", "", "", "", now, now)
