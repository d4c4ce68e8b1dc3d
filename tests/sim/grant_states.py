"""What an exploration of grants is made of: runs, attempts, what leaders are about to write, and how all is read.

A run is idle, carries out a grant, waits for a person, or has an outcome on record: less than the executor's model
keeps of it, since here only grants and their return count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from scenario_operator.api.outcomes import Outcome
from scenario_operator.execution.close import applied_of
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import Ended, Handled, Incarnation, Stored
from scenario_operator.rollout.facts import Attempt, Fleet, Grant, Pace, RunFacts

from .setups import KEEP_SAME, STRATEGY, WINDOW

NAMESPACE = "ns"
NOW = "2026-01-01T00:00:00Z"


class Luck(NamedTuple):
    """How much bad luck and how many changes of mind an exploration allows.

    `stale`: leaders that know the runs only as they were. `own`: plans that runs begin by themselves. `arrivals`: runs
    that appear, and start on the version before or on the wanted one. `replacements`: runs that another one of their
    name comes after. `removals`: attempts that somebody deletes. `consents`: approvals given or withdrawn. `raises`: of
    maxFailed, by one.
    """

    late: int = 0
    newer: int = 0
    deletions: int = 0
    failures: int = 0
    parks: int = 0
    refusals: int = 0
    aborts: int = 0
    suspends: int = 0
    own: int = 0
    recomputes: int = 0
    stale: int = 0
    arrivals: int = 0
    replacements: int = 0
    removals: int = 0
    consents: int = 0
    raises: int = 0
    pins: int = 0
    holds: int = 0
    strategies: int = 0
    scenarios: int = 0
    retries: int = 0


class R(NamedTuple):
    """A run: the revision it is on ("" before its first start), its open grant, what it has seen, and its outcomes.

    `grant` is None without a plan, "" with one of its own; `to` and `why` are the revision and the cause of the
    attempt that gave it. `nonce` and `done`: recomputes wanted and acted upon; `retry` and `retried` the same of
    retries. `life`: how many runs of its name were there before. `parked` (ghost): its plan has waited for a person.
    """

    on: str = "v1"
    grant: str | None = None
    seen: str = ""
    waits: bool = False
    history: tuple[tuple[str, str, Outcome, str], ...] = ()
    nonce: int = 0
    done: int = 0
    to: str = ""
    why: str = ""
    life: int = 0
    pinned: bool = False
    hold: bool = False
    retry: int = 0
    retried: int = 0
    parked: bool = False
    seen_to: str = ""


class Scenario(NamedTuple):
    """What people ask of all runs, and the highest sequence number given out.

    `exists`: it has not been deleted; `life`: how often it was. `raised`: by how much maxFailed is more than it was.
    """

    wanted: str = "v2"
    suspend: bool = False
    sequence: int = 0
    raised: int = 0
    strategy: int = 0
    exists: bool = True
    life: int = 0


class Write(NamedTuple):
    """One status write under way, fenced by what was seen; `before` None creates the attempt."""

    before: Attempt | None
    after: Attempt


class Flight(NamedTuple):
    """What one leader is about to do: writes in their order, then perhaps a new sequence number and its attempt.

    `numbered`: the number is written, only the attempt is left to be created.
    """

    seen: Scenario
    writes: tuple[Write, ...] = ()
    opening: Attempt | None = None
    numbered: bool = False


class State(NamedTuple):
    """Everything. `cache`: the runs as the leader's watch last brought them, None when it is up to date.

    `used` counts, as a ghost, the grants ever written for an attempt; `removed` are the grants that nobody had taken
    when somebody deleted their attempts.
    """

    scenario: Scenario
    runs: tuple[tuple[str, R], ...]
    attempts: tuple[Attempt, ...]
    active: Flight | None
    late: Flight | None
    luck: Luck
    cache: tuple[tuple[str, R], ...] | None = None
    used: tuple[tuple[str, int], ...] = ()
    removed: tuple[str, ...] = ()


class Rules(NamedTuple):
    """What the API server and the controller do, so that a mutant can break exactly one of them."""

    fenced: bool = True
    predecessors_first: bool = True


@dataclass(frozen=True)
class Setup:
    """One exploration."""

    name: str
    luck: Luck
    runs: int = 3
    pace: Pace = field(default_factory=lambda: Pace(1, 1, 0))
    wanted: str = "v2"
    revisions: dict[str, Revision] = field(default_factory=lambda: KEEP_SAME)
    strategy: Snapshot = STRATEGY
    others: tuple[Snapshot | None, ...] = ()

    @property
    def strategies(self) -> tuple[Snapshot | None, ...]:
        """Return every strategy that may be in force, None for one that was deleted."""
        return (self.strategy, *self.others)


class Move(NamedTuple):
    """A labelled transition; `luck` as in the executor's exploration."""

    label: str
    state: State
    luck: bool = False


class Found(NamedTuple):
    """The outcome of an exploration."""

    states: int
    goals: int


def uid_of(name: str, run: R) -> str:
    """Return the uid of a run: another one of the same name has another."""
    return f"uid-{name}-{run.life}"


def grants_of(state: State, name: str, run: R) -> list[tuple[Attempt, Grant]]:
    """Return the grants that a run holds, with their attempts."""
    mine = uid_of(name, run)
    return [(a, e) for a in state.attempts for e in a.active if e.run_uid == mine]


def facts(setup: Setup, name: str, run: R) -> RunFacts:
    """Return what the scenario's side reads of a run."""
    if not run.on:
        return RunFacts(NAMESPACE, name, uid_of(name, run), Stored())
    revision = setup.revisions[run.on]
    stored = Stored(
        applied=applied_of(revision, (revision.state_version,)),
        live=1,
        incarnations=(Incarnation(1, revision.version, revision.name),),
        window=WINDOW,
        handled=Handled(str(run.done), "", str(run.retried) if run.retried else "", ""),
        history=tuple(
            Ended(g, a, word, word.value, "", "", "", "", "", NOW, NOW, to_revision=to)
            for g, a, word, to in run.history
        ),
    )
    return RunFacts(
        NAMESPACE,
        name,
        uid_of(name, run),
        stored,
        pinned=run.pinned,
        hold=run.hold,
        journal_grant=run.grant,
        journal_attempt=(run.grant or "").rpartition(".")[0],
        waits=run.grant is not None and (run.waits or run.hold),
        recompute_nonce=str(run.nonce) if run.nonce else "",
        retry_nonce=str(run.retry) if run.retry else "",
    )


def fleet(setup: Setup, state: State) -> Fleet:
    """Return what a leader reads: runs from its watch, attempts and vanished holders live."""
    seen = state.runs if state.cache is None else state.cache
    known = {uid_of(name, run) for name, run in (*state.runs, *seen)}
    holders = {e.run_uid for a in state.attempts for e in a.active}
    pace, strategy = setup.pace, setup.strategies[state.scenario.strategy]
    return Fleet(
        scenario="s",
        wanted=setup.revisions[state.scenario.wanted],
        revisions=setup.revisions,
        strategy=strategy,
        strategy_missing="" if strategy else "gone",
        pace=pace._replace(max_failed=pace.max_failed + state.scenario.raised),
        suspend=state.scenario.suspend,
        approved_plans=frozenset(),
        runs=tuple(facts(setup, name, run) for name, run in seen),
        attempts=state.attempts,
        now=NOW,
        gone=frozenset(holders - known),
        sequence=state.scenario.sequence,
    )
