"""The scenario controller: publish the spec, lead the runs through attempts, say how it stands.

One key holds a Scenario with all its attempts, so that grants of an old and a new attempt are counted together.
It never writes a run; a run never writes here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from scenario_operator.api import commands, names
from scenario_operator.api.reading import Unreadable
from scenario_operator.api.reasons import Reason
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.errors import ServerError, Terminal
from scenario_operator.cluster.keys import BY_SCENARIO, Key
from scenario_operator.cluster.kinds import CONTROLLER_REVISION, RUN, SCENARIO, JsonObject, Ref
from scenario_operator.cluster.store import filed
from scenario_operator.controllers.attempts import Attempts
from scenario_operator.controllers.publish import Published, Publisher
from scenario_operator.controllers.refusals import REFUSALS, Refusals
from scenario_operator.controllers.statuses import Statuses
from scenario_operator.controllers.surroundings import (
    Strategy,
    is_suspended,
    revisions_of,
    run_read,
    scenario_strategy,
    strategy_named,
)
from scenario_operator.execution.status import merge_patch
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import timestamp
from scenario_operator.planning.validity import Problem, read_policy
from scenario_operator.rollout.decide import FleetDecision, decide
from scenario_operator.rollout.facts import Fleet, Pace, RunFacts, Statement, Told, Unread
from scenario_operator.rollout.gate import halt
from scenario_operator.rollout.keep import in_use, unneeded
from scenario_operator.rollout.read import facts_of
from scenario_operator.rollout.standing import ScenarioStanding, refused, render, standing_of

logger = logging.getLogger(__name__)
_LOOK_AGAIN = timedelta(seconds=30)


@dataclass(slots=True)
class _Pass:
    """One pass over a Scenario: what was read, and what each phase leaves to those after it.

    `scenario` is the object as this pass last read or wrote it; `unread` are its runs that cannot be read.
    """

    key: Key
    scenario: JsonObject
    runs: tuple[RunFacts, ...]
    unread: tuple[Unread, ...]
    revisions: Mapping[str, Revision]
    published: Published = field(init=False)
    attempts: Mapping[str, JsonObject] = field(init=False)
    fleet: Fleet = field(init=False)
    decision: FleetDecision = field(init=False)

    @property
    def ref(self) -> Ref:
        """The Scenario's address."""
        return Ref(SCENARIO, self.key.namespace, self.key.name)

    @property
    def all_read(self) -> bool:
        """Say whether `runs` are all runs of the Scenario."""
        return not self.unread

    @property
    def serves(self) -> bool:
        """Say whether the spec as it is now is published; while it is not, no attempt is opened."""
        return self.published.problem is None and halt(told_of(self.published)) is None

    @property
    def rests(self) -> bool:
        """Say whether nothing has to be looked at again before something changes."""
        problem = self.published.problem
        return (
            self.decision.opening is None
            and self.published.pending is None
            and (problem is None or problem.reason is not Reason.DIGEST_MISMATCH)
            and all(a.finished for a in self.decision.attempts)
            and "configMapRef" not in (self.scenario["spec"].get("artifact") or {})
        )


class ScenarioController:
    """Brings one Scenario with its attempts one step further."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._publisher = Publisher(context)
        self._statuses = Statuses(context)
        self._attempts = Attempts(context, self._statuses)
        self._refused_revisions = Refusals()
        self._refused_rollouts = Refusals()
        self._read: dict[Key, dict[tuple[str, str], RunFacts | Unread]] = {}

    async def reconcile(self, key: Key) -> timedelta | None:
        """Make one pass over a Scenario; see `cluster.context.Controller`."""
        known = self._context.store.get(SCENARIO, key.namespace, key.name)
        if known is None:
            await self._leave(key)
            return None
        if (rest := self._statuses.rests(key, known)) is not None:
            return rest
        this = await self._begin(key, known)
        for phase in (
            self._publish,
            self._decide,
            self._roll_out,
            self._say,
            self._trim_attempts,
            self._sweep_unneeded,
        ):
            await phase(this)
        return None if this.rests else _LOOK_AGAIN

    async def _leave(self, key: Key) -> None:
        """Tidy up after a deleted Scenario: it leaves its revisions to its runs, with the last run they go."""
        runs = self._context.store.indexed(RUN, BY_SCENARIO, filed(key.namespace, key.name))
        for run in runs:
            self._context.wake(Key("run", key.namespace, run["metadata"]["name"]))
        if not runs and await self._context.client.get(Ref(SCENARIO, key.namespace, key.name)) is None:
            await self._sweep(key, revisions_of(self._context, key.namespace, key.name))
        self._read.pop(key, None)
        self._refused_revisions.forget(key)
        self._refused_rollouts.forget(key)
        self._statuses.forget(key)

    async def _begin(self, key: Key, known: JsonObject) -> _Pass:
        """Read what a pass begins with: the Scenario live, its runs and revisions as the watches brought them."""
        scenario = await self._context.client.get(Ref(SCENARIO, key.namespace, key.name)) or known
        runs = self._runs(key)
        unread = tuple(run for run in self._read[key].values() if isinstance(run, Unread))
        return _Pass(key, scenario, runs, unread, revisions_of(self._context, key.namespace, key.name))

    def _runs(self, key: Key) -> tuple[RunFacts, ...]:
        """Return the facts of every run that can be read; `_read` says which cannot."""
        found = self._context.store.indexed(RUN, BY_SCENARIO, filed(key.namespace, key.name))
        before, self._read[key] = self._read.get(key, {}), {}
        facts: list[RunFacts] = []
        for obj in found:
            # A run is read again only when it has changed: a pass looks at all of them.
            version = obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]
            read = before[version] if version in before else facts_of(obj, run_read(obj))
            self._read[key][version] = read
            if isinstance(read, Unread):
                continue
            own = self._own_strategy(obj)
            snapshot = own.snapshot if not own.unread else None
            facts.append(
                read._replace(strategy=snapshot, strategy_missing=own.missing, strategy_unread=own.unread)
            )
        return tuple(sorted(facts, key=lambda run: run.name))

    def _own_strategy(self, obj: JsonObject) -> Strategy:
        reference = obj["spec"].get("strategyRef")
        if not reference:
            return Strategy()
        return strategy_named(self._context, obj["metadata"]["namespace"], reference["name"])

    async def _publish(self, this: _Pass) -> None:
        """Publish the spec; what the API server refuses for it is told as what is waited for."""
        carried = in_use(this.runs, this.revisions, all_read=this.all_read)
        try:
            this.published = await self._publisher.publish(this.scenario, this.revisions, carried)
        except REFUSALS as refusal:
            self._refused_revisions.note(this.key, refusal, self._context.now().timestamp())
            told = self._refused_revisions.told(this.key)
            if not told:
                raise
            newest = max(this.revisions.values(), key=lambda r: r.number, default=None)
            this.published = Published(newest, pending=Problem(Reason.REFUSED, told.shown()))
        else:
            self._refused_revisions.forget(this.key)
        if this.published.revision is not None:
            this.revisions = {**this.revisions, this.published.revision.name: this.published.revision}

    async def _decide(self, this: _Pass) -> None:
        """Put together what the rollout is decided from, attempts read live, and decide."""
        strategy = scenario_strategy(self._context, this.scenario)
        policy = read_policy(this.scenario)
        sequence = (this.scenario.get("status") or {}).get("lastUpgradeSequence", 0)
        attempts, unread, this.attempts = await self._attempts.read(this.key, sequence)
        for obj, problem in unread:
            await self._attempts.mark(this.key, obj, problem, self._context.now())
        rollout = strategy.spec.rollout if strategy.spec else None
        this.fleet = Fleet(
            namespace=names.plain(this.key.namespace),
            told=told_of(this.published),
            scenario=names.plain(this.key.name),
            wanted=this.published.revision,
            revisions=this.revisions,
            strategy=strategy.snapshot,
            strategy_missing=strategy.missing,
            strategy_unread=strategy.unread,
            pace=Pace(rollout.max_concurrent, rollout.max_failed, rollout.canaries) if rollout else Pace(),
            suspend=is_suspended(this.scenario),
            approved_plans=frozenset()
            if isinstance(policy, Unreadable)
            else frozenset(policy.approved_plans),
            runs=this.runs,
            unread=this.unread,
            frozen=_frozen(this.key.namespace, this.published, strategy, unread),
            attempts=attempts,
            now=timestamp(self._context.now().timestamp()),
            gone=await self._attempts.gone(attempts, this.runs),
            sequence=sequence,
        )
        this.decision = decide(this.fleet)

    async def _roll_out(self, this: _Pass) -> None:
        """Write the attempts as decided and open the next one; what the API server refuses is told, and raised."""
        opening = this.decision.opening
        try:
            await self._attempts.write(this.key, this.attempts, this.fleet, this.decision)
            if opening is not None and this.serves:
                number = this.fleet.highest_sequence + 1
                this.scenario = await self._attempts.open(this.key, this.scenario, opening, number)
        except REFUSALS as refusal:
            await self._complain(this, refusal)
            raise
        self._refused_rollouts.forget(this.key)

    async def _complain(self, this: _Pass, refusal: Terminal | ServerError) -> None:
        """Say in the Scenario's status, as it is now, what the API server refuses."""
        self._refused_rollouts.note(this.key, refusal, self._context.now().timestamp())
        told = self._refused_rollouts.told(this.key)
        live = await self._context.client.get(this.ref) if told else None
        if live is not None:
            await self._write(this, live, refused(told, this.fleet))

    async def _say(self, this: _Pass) -> None:
        """Say in the Scenario's status how it stands."""
        await self._write(this, this.scenario, standing_of(this.published, this.fleet, this.decision))

    async def _write(self, this: _Pass, scenario: JsonObject, standing: ScenarioStanding) -> None:
        """Write the status of the Scenario as it was read, if it says something new, and tell whom it concerns."""
        old, generation = scenario.get("status") or {}, scenario["metadata"].get("generation", 1)
        new = render(standing, this.published, this.fleet, this.decision, old, generation)
        if old == new:
            return
        written = await self._statuses.write(this.key, SCENARIO, scenario, merge_patch(old, new))
        if _reason(old) != standing.reason:
            self._announce(written, standing)
        if _served(old) != _served(new):
            for run in this.runs:
                self._context.wake(Key("run", run.namespace, run.name))

    def _announce(self, scenario: JsonObject, standing: ScenarioStanding) -> None:
        self._context.events.post(
            scenario,
            type_="Warning" if standing.stalled or standing.attention else "Normal",
            reason=standing.reason,
            action="Reconcile",
            note=standing.message,
        )
        logger.info("scenario state reason=%(r)s: %(m)s", {"r": standing.reason, "m": standing.message})

    async def _trim_attempts(self, this: _Pass) -> None:
        """Remove attempts beyond the history limit."""
        policy = read_policy(this.scenario)
        if isinstance(policy, Unreadable):
            return
        limit = policy.history_limit
        await self._attempts.trim(this.fleet, limit)

    async def _sweep_unneeded(self, this: _Pass) -> None:
        """Remove the revisions that nobody needs any more."""
        status = this.scenario.get("status") or {}
        served = (status.get("latestRevision", ""), status.get("activeRevision", ""))
        unnamed = unneeded(this.fleet, this.decision.attempts, served, all_read=this.all_read)
        await self._sweep(this.key, unnamed)

    async def _sweep(self, key: Key, revisions: Iterable[str]) -> None:
        for name in revisions:
            obj = self._context.store.get(CONTROLLER_REVISION, key.namespace, name)
            if obj is not None:
                await self._context.remove(CONTROLLER_REVISION, obj)


def _frozen(
    namespace: str, published: Published, strategy: Strategy, unread: Sequence[tuple[JsonObject, Unreadable]]
) -> Problem | None:
    """Say why nothing is granted, opened or released: consent, pace and what was granted already must be known."""
    if published.problem is not None:
        return published.problem
    for obj, problem in unread:
        name = obj["metadata"]["name"]
        see = commands.show("supg", names.plain(namespace), names.plain(name))
        return Problem(Reason.UNREADABLE, f"ScenarioUpgrade {name} cannot be read: {problem}; see: {see}")
    if strategy.unread:
        return Problem(Reason.UNREADABLE, strategy.unread)
    if strategy.missing:
        see = commands.listing("ustrat", names.plain(namespace))
        told = f"there is no UpgradeStrategy {strategy.missing}, which says the pace; see: {see}"
        return Problem(Reason.STRATEGY_NOT_FOUND, told)
    return None


def told_of(published: Published) -> Told:
    """Return what is missing of what a spec names, as the Scenario's conditions tell it to its runs."""
    pending = published.pending
    return Told(missing=Statement(pending.reason.value, pending.message) if pending else None)


def _served(status: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what runs read of a Scenario's status: not its messages, which change with every run that settles."""
    return status.get("latestRevision"), status.get("activeRevision"), _reason(status)


def _reason(status: Mapping[str, Any]) -> str:
    ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
    return ready["reason"] if ready else ""
