"""The fleets that are explored: a few runs, a pace, and what may happen to them."""

from __future__ import annotations

from scenario_operator.rollout.facts import Pace

from .grant_states import Luck, Setup
from .setups import KEEP_BACK, STRATEGY

TWO = Pace(max_concurrent=2, max_failed=1, canaries=0)
STRICT = Pace(max_concurrent=1, max_failed=0, canaries=0)
ALWAYS = STRATEGY._replace(approval="Always")
OTHER = STRATEGY._replace(type="Continuation")
PATIENT = Pace(max_concurrent=2, max_failed=5, canaries=0)
RECOMPUTE = Setup(
    "a recompute beside a rollout, own plans, a late leader", Luck(recomputes=1, late=1, own=2), runs=2
)
ABORTED = Setup("an aborted recompute beside a rollout", Luck(recomputes=1, aborts=1), runs=2)
TAKEN_OVER = Setup("a recompute, newer revision, a late leader", Luck(recomputes=1, newer=1, late=1), runs=1)
PARKED = Setup("runs that wait for people, a late leader", Luck(parks=2, late=1), pace=PATIENT)
NEWER = Setup("newer revision, a late leader", Luck(newer=1, late=1), runs=2)
CONSENT = Setup(
    "consent given and withdrawn, a late leader", Luck(consents=3, late=1), runs=2, strategy=ALWAYS
)
REMOVED = Setup("an attempt deleted, a late leader", Luck(removals=1, late=1), runs=2)
STRAY = Setup("an attempt deleted, a parked run", Luck(removals=1, parks=1), runs=2, pace=Pace(1, 5, 0))
REFUSED = Setup("refusals, newer revision, a late leader", Luck(refusals=1, newer=1, late=1), runs=2)

GONE_FIRST = Pace(2, 5, canaries=1)
CANARY = Setup("a canary, failures, a late leader", Luck(failures=1, late=1), runs=2, pace=GONE_FIRST)

QUICK = (
    Setup("newer revision, two at once", Luck(newer=1), pace=TWO),
    NEWER,
    Setup("failures", Luck(failures=2, late=1), pace=Pace(2, 1, 0)),
    Setup("deleted runs, newer revision", Luck(deletions=1, newer=1), runs=2),
    PARKED,
    Setup("a parked run, newer revision", Luck(parks=1, newer=1), runs=2, pace=Pace(1, 5, 0)),
    Setup("abort, newer revision", Luck(aborts=1, newer=1), runs=2),
    Setup("abort, a late leader", Luck(aborts=1, late=1), runs=2),
    Setup("suspend, newer revision", Luck(suspends=2, newer=1), runs=2),
    REFUSED,
    Setup("watches that lag, refusals, newer revision", Luck(stale=1, refusals=1, newer=1), runs=2),
    Setup("a recompute beside a rollout", Luck(recomputes=1, late=1), runs=2),
    Setup("two recomputes, a late leader", Luck(recomputes=2, late=1), runs=2),
    ABORTED,
    Setup("a run that appears, newer revision", Luck(arrivals=1, newer=1), runs=2),
    Setup("a run replaced under its name, newer revision", Luck(replacements=1, newer=1), runs=2),
    REMOVED,
    Setup("an attempt deleted, newer revision", Luck(removals=1, newer=1), runs=2),
    STRAY,
    Setup("an attempt deleted, a held run", Luck(removals=1, holds=1), runs=2, pace=Pace(1, 5, 0)),
    Setup("A to B to A, failures", Luck(newer=1, failures=1, late=1), runs=2, revisions=KEEP_BACK),
    Setup("a retry and an abort", Luck(retries=1, aborts=1), runs=2),
    Setup("a rollout held by a failure, newer revision", Luck(failures=1, newer=1), runs=2, pace=STRICT),
    CONSENT,
    Setup("consent withdrawn, newer revision", Luck(consents=3, newer=1), runs=2, strategy=ALWAYS),
    Setup("failures, then a higher maxFailed", Luck(failures=3, raises=1, late=1), runs=2, pace=STRICT),
    Setup("parked runs, then a higher maxFailed", Luck(parks=2, raises=1), runs=2, pace=STRICT),
    Setup("a pinned run, a late leader", Luck(pins=2, late=1), runs=2),
    Setup("a held run, a late leader", Luck(holds=2, late=1), runs=2),
    Setup("strategy edited and deleted", Luck(strategies=2), runs=2, others=(OTHER, None)),
    Setup("Scenario deleted and applied again, newer revision", Luck(scenarios=2, newer=1), runs=2),
    CANARY,
    Setup("a canary that parks, newer revision", Luck(parks=1, newer=1), runs=2, pace=GONE_FIRST),
    Setup("a canary that is held, a late leader", Luck(holds=1, late=1), runs=2, pace=GONE_FIRST),
    Setup("a canary that is pinned or deleted", Luck(pins=1, deletions=1), pace=GONE_FIRST),
    Setup("a canary that refuses, two of three go first", Luck(refusals=1), pace=Pace(3, 5, canaries=2)),
    Setup("a canary that fails, a retry", Luck(failures=1, retries=1), runs=2, pace=GONE_FIRST),
    Setup("a retry after a failure, a late leader", Luck(failures=1, retries=1, late=1), runs=2),
)
DEEP = (
    TAKEN_OVER,
    Setup("deleted runs, newer revision, a late leader", Luck(deletions=1, newer=1, late=1), runs=2),
    Setup(
        "a parked run, newer revision, a late leader",
        Luck(parks=1, newer=1, late=1),
        runs=2,
        pace=Pace(1, 5, 0),
    ),
    Setup("a run that appears, newer revision, a late leader", Luck(arrivals=1, newer=1, late=1), runs=2),
    Setup("a run that appears, two at once", Luck(arrivals=1, newer=1), pace=TWO),
    Setup("a run replaced, newer revision, a late leader", Luck(replacements=1, newer=1, late=1), runs=2),
    Setup("an attempt deleted, newer revision, a late leader", Luck(removals=1, newer=1, late=1), runs=2),
    Setup("a pinned run, newer revision", Luck(pins=2, newer=1), runs=2),
    Setup("a held run, newer revision", Luck(holds=2, newer=1), runs=2),
    Setup("strategy edited, a late leader", Luck(strategies=2, late=1), runs=2, others=(OTHER, None)),
    Setup("a retry after a failure, an attempt deleted", Luck(failures=1, retries=1, removals=1), runs=2),
    Setup("newer revision, three runs, a late leader", Luck(newer=1, late=1)),
    Setup("failures, newer revision, two at once", Luck(failures=1, newer=1), pace=TWO),
    Setup("abort, newer revision, a late leader", Luck(aborts=1, newer=1, late=1), runs=2),
    Setup("suspend, newer revision, a late leader", Luck(suspends=2, newer=1, late=1), runs=2),
    RECOMPUTE,
)
"""What `make explore` adds."""
