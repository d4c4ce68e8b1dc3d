"""Canaries: the runs that go before all others, and whose end decides whether the others go at all.

They are chosen once and recorded by uid in the attempt, in the same write that grants the first of them. What counts is
how their plan ended, not how they feel.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from scenario_operator.api.outcomes import ENDED_BADLY, SUCCESSES
from scenario_operator.api.upgrade import AttemptCause
from scenario_operator.rollout.facts import Attempt, Fleet, RunFacts


class Trial(Enum):
    """What a chosen run says of the revision so far."""

    AHEAD = "ahead"
    PASSED = "passed"
    FAILED = "failed"
    VOID = "void"


def wanted_canaries(attempt: Attempt, fleet: Fleet) -> int:
    """Return how many runs go first: none in an attempt about runs that were named, they asked for it."""
    return 0 if attempt.only or attempt.cause == AttemptCause.RECOMPUTE else fleet.pace.canaries


def failed_canaries(attempt: Attempt, fleet: Fleet) -> tuple[str, ...]:
    """Return the names of the canaries that hold the attempt."""
    return _those_that(Trial.FAILED, attempt, fleet)


def canaries_ahead(attempt: Attempt, fleet: Fleet) -> tuple[str, ...]:
    """Return the names of the canaries that nobody may overtake."""
    return _those_that(Trial.AHEAD, attempt, fleet)


def _those_that(trial: Trial, attempt: Attempt, fleet: Fleet) -> tuple[str, ...]:
    """Name the canaries of which this is so. It is asked often; without canaries no run is looked at."""
    if not attempt.canaries or not wanted_canaries(attempt, fleet):
        return ()
    runs = {run.uid: run for run in fleet.runs}
    return tuple(_name(attempt, runs, uid) for uid in attempt.canaries if _trial(attempt, runs, uid) is trial)


def choose(attempt: Attempt, fleet: Fleet, grantable: Iterable[RunFacts]) -> tuple[str, ...] | None:
    """Return the uids of the canaries while they go first, None when everybody may go.

    `grantable` are the runs that could be granted now. A canary that is gone, held, pinned, refused, or parked without
    having failed gives its place to another run; when there is none, everybody goes.
    """
    wanted = wanted_canaries(attempt, fleet)
    if not wanted:
        return None
    runs = {run.uid: run for run in fleet.runs}
    able = {run.uid: run for run in grantable if run.desired_running and not run.stored.stopped}
    active = {grant.run_uid for grant in attempt.active}
    trials = {uid: _trial(attempt, runs, uid) for uid in attempt.canaries}
    kept = [
        uid
        for uid, trial in trials.items()
        if trial is not Trial.VOID and (trial is not Trial.AHEAD or uid in active or uid in able)
    ]
    asking = {asked.uid for asked in attempt.asked}
    others = sorted((uid for uid in able if uid not in kept), key=lambda uid: uid not in asking)
    chosen = (*kept, *others[: max(0, wanted - len(kept))])
    passed = all(trials.get(uid) is Trial.PASSED for uid in chosen)
    return None if passed else chosen


def _trial(attempt: Attempt, runs: dict[str, RunFacts], uid: str) -> Trial:
    run = runs.get(uid)
    report = attempt.report_of(uid)
    if report is not None:
        # Any other outcome says nothing of the revision, and another run takes the place.
        outcome = report.ended.outcome
        return (
            Trial.PASSED if outcome in SUCCESSES else Trial.FAILED if outcome in ENDED_BADLY else Trial.VOID
        )
    grant = next((g for g in attempt.active if g.run_uid == uid), None)
    if grant is not None:
        # A run that cannot be read has not failed either: it cannot say how it goes.
        stands = run is None or run.hold or run.unproved
        return Trial.AHEAD if not grant.parked else Trial.VOID if stands else Trial.FAILED
    if run is None or run.left_out or run.hold:
        return Trial.VOID
    # A list of reports that is full has dropped successes first, so a run that has arrived has passed.
    applied = run.stored.applied
    arrived = applied is not None and applied.revision == attempt.revision
    return Trial.PASSED if arrived else Trial.AHEAD


def _name(attempt: Attempt, runs: dict[str, RunFacts], uid: str) -> str:
    run, report = runs.get(uid), attempt.report_of(uid)
    return run.name if run else report.name if report else uid
