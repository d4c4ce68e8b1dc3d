"""What an exploration is made of: states, moves between them, and where it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scenario_operator.execution.decide import Record
from scenario_operator.execution.view import Grant, Run
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision

from .model import Cluster, Flight

RUN_UID = "uid"


class Luck(NamedTuple):
    """How much bad luck and how many changes of mind an exploration allows.

    The first three, odd reports and refusals are the machine's; the others are people's, one for each thing that they
    can do at any moment. What has an on and an off (toggles, holds, pins, strategies, scenarios, suspends) costs one
    for each change.
    """

    late: int = 1
    evictions: int = 1
    hook_failures: int = 1
    aborts: int = 0
    newer: int = 0
    toggles: int = 0
    restarts: int = 0
    holds: int = 0
    pins: int = 0
    retries: int = 0
    recomputes: int = 0
    edits: int = 0
    strategies: int = 0
    scenarios: int = 0
    suspends: int = 0
    lost_attempts: int = 0
    deletions: int = 0
    replacements: int = 0
    odd_reports: int = 0
    refusals: int = 0
    lost_results: int = 0
    lost_revisions: int = 0
    skips: int = 0
    lags: int = 0


class Lag(NamedTuple):
    """Objects of one kind as a watch that lags shows them, and the keys of those that have changed since."""

    kind: str
    objects: tuple[tuple[object, object], ...]
    changed: frozenset[tuple[str, object]] = frozenset()


class Truth(NamedTuple):
    """What has really happened to the incarnations of a run, over all of its plans (ghost; see `ghosts`).

    `published`: they have run, and nothing of it was reverted since; `reverted`: their hook has. `clean`: those whose
    pod has ended by itself, each with the mark of the Stop that held it.
    """

    published: tuple[int, ...] = ()
    reverted: tuple[int, ...] = ()
    clean: tuple[tuple[int, str], ...] = ()


class State(NamedTuple):
    """One state of everything.

    `ran`: how often the hook of each step of each journal has succeeded (ghost). `strategy`: which of the setup's
    strategies is in force. `scenario`: the Scenario exists. `suspended`: so is whatever attempt there is.
    `removed`: grants of attempts that somebody deleted (ghost). `taken_back`: what aborted attempts had been asked for.
    A run that is gone has no uid. `gone`: revisions that somebody has deleted. `refused`: the API server refuses what
    was called last. `truth` is kept where a setup follows several plans. `lags`: kinds of which caches show an earlier
    moment.
    """

    record: Record
    cluster: Cluster
    run: Run
    wanted: str
    grants: tuple[Grant, ...]
    issued: int
    active: Flight | None
    late: tuple[Flight, ...]
    luck: Luck
    ran: tuple[tuple[str, int], ...] = ()
    strategy: int = 0
    scenario: bool = True
    suspended: bool = False
    removed: tuple[Grant, ...] = ()
    taken_back: tuple[tuple[str, str], ...] = ()
    gone: frozenset[str] = frozenset()
    refused: bool = False
    truth: Truth = Truth()
    lags: tuple[Lag, ...] = ()


class Move(NamedTuple):
    """A labelled transition. `luck`: it needs luck or a change of mind, so liveness may not count on it."""

    label: str
    state: State
    luck: bool = False


def by_people(
    changes: Iterable[tuple[str, Callable[[Any, Any], Iterator[tuple[str, Any]]]]], explorer: Any, state: Any
) -> Iterator[tuple[str, Any]]:
    """Return what people may do next, of every change of mind whose luck is left; it is spent by that."""
    for luck, change in changes:
        left = getattr(state.luck, luck)
        if left:
            yield from change(explorer, state._replace(luck=state.luck._replace(**{luck: left - 1})))


class Violation(Exception):  # noqa: N818 - the word of the field
    """A promise is broken; carries the labels that led there."""

    def __init__(self, promise: str, trace: list[str]) -> None:
        super().__init__(promise + "\n  " + "\n  ".join(trace))
        self.promise = promise
        self.trace = trace


@dataclass(frozen=True)
class Setup:
    """One exploration: where it starts and how the world behaves.

    `broken`: revisions that never start. `unreleased`: revisions that wait for consent. `others`: what the strategy
    may be changed to, None for one that is deleted.
    `numbers`: what every revert hook answers. `follows`: the truth about all plans is kept beside the records.
    """

    name: str
    record: Record
    cluster: Cluster
    revisions: dict[str, Revision]
    wanted: str
    newest: str
    strategy: Snapshot
    luck: Luck
    broken: frozenset[str] = frozenset()
    unreleased: frozenset[str] = frozenset()
    run: Run = field(default_factory=lambda: Run("ns", "r", RUN_UID))
    others: tuple[Snapshot | None, ...] = ()
    numbers: tuple[tuple[str, int], ...] = (("reverted", 1),)
    follows: bool = False

    @property
    def strategies(self) -> tuple[Snapshot | None, ...]:
        """Return every strategy that may be in force, the first one first."""
        return (self.strategy, *self.others)

    @property
    def judged(self) -> frozenset[str]:
        """Return the revisions that have a verify hook."""
        return frozenset(name for name, revision in self.revisions.items() if revision.spec.hooks.verify)

    @property
    def formats(self) -> dict[str, str]:
        """Return in which format each revision writes its state."""
        return {name: revision.state_version for name, revision in self.revisions.items()}


class Rules(NamedTuple):
    """What the API server and the operator do, so that a mutant can break exactly one of them.

    `torn`: the run is read before the world, not with it; `looks_again`: and once more after it. `looks_live`: what
    rests on something being absent is decided again on what really exists.
    """

    fenced: bool = True
    act_first: bool = False
    upsert: bool = False
    awake_workload: bool = False
    awake_job: bool = False
    job_ttl: bool = False
    revoke: bool = False
    torn: bool = False
    looks_again: bool = True
    looks_live: bool = True


class Found(NamedTuple):
    """The outcome of an exploration.

    `met`: the kinds of steps and of effects that occur in it. `unmet`: planned kinds that never do.
    """

    states: int
    goals: int
    longest: int
    met: frozenset[object] = frozenset()
    unmet: frozenset[object] = frozenset()
