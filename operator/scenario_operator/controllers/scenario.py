"""The scenario controller: publish the spec, lead the runs through attempts, say how it stands.

One key holds a Scenario with all its attempts, so that grants of an old and a new attempt are counted together.
It never writes a run; a run never writes here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from scenario_operator.api import names
from scenario_operator.api.reasons import Reason
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.errors import AlreadyExists, ServerError, Terminal
from scenario_operator.cluster.keys import BY_SCENARIO, Key
from scenario_operator.cluster.kinds import (
    CONTROLLER_REVISION,
    RUN,
    SCENARIO,
    UPGRADE,
    JsonObject,
    Ref,
)
from scenario_operator.cluster.store import filed
from scenario_operator.controllers.publish import Published, Publisher
from scenario_operator.controllers.refusals import REFUSALS, Refusals
from scenario_operator.controllers.surroundings import revisions_of, scenario_strategy, strategy_named
from scenario_operator.execution.read import readable
from scenario_operator.execution.status import merge_patch
from scenario_operator.manifests.attempt import attempt_manifest, is_attempt
from scenario_operator.manifests.identity import ScenarioIdentity
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.snapshot import snapshot_of
from scenario_operator.planning.stored import timestamp
from scenario_operator.planning.validity import Problem
from scenario_operator.rollout.decide import FleetDecision, Opening, decide
from scenario_operator.rollout.facts import Attempt, Fleet, Pace, RunFacts
from scenario_operator.rollout.keep import in_use, unneeded
from scenario_operator.rollout.read import facts_of
from scenario_operator.rollout.schedule import forgettable
from scenario_operator.rollout.standing import Standing, refused, render, standing_of
from scenario_operator.rollout.wire import dump_attempt, load_attempt

logger = logging.getLogger(__name__)
_LOOK_AGAIN = timedelta(seconds=30)


class ScenarioController:
    """Brings one Scenario with its attempts one step further."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._publisher = Publisher(context)
        self._refused_revisions = Refusals()
        self._refused_rollouts = Refusals()
        self._read: dict[Key, dict[tuple[str, str], RunFacts | None]] = {}

    async def reconcile(self, key: Key) -> timedelta | None:
        """Make one pass over a Scenario; see `cluster.context.Controller`."""
        scenario = self._context.store.get(SCENARIO, key.namespace, key.name)
        if scenario is None:
            await self._sweep(key)
            self._read.pop(key, None)
            self._refused_revisions.forget(key)
            self._refused_rollouts.forget(key)
            return None
        scenario = await self._context.client.get(Ref(SCENARIO, key.namespace, key.name)) or scenario
        runs = self._runs(key)
        known = revisions_of(self._context, key.namespace, key.name)
        all_read = None not in self._read[key].values()
        published = await self._publish(key, scenario, known, in_use(runs, known, all_read=all_read))
        if published.revision is not None:
            known = {**known, published.revision.name: published.revision}
        fleet = await self._fleet(key, scenario, published, known, runs)
        decision = decide(fleet)
        try:
            await self._write_attempts(key, fleet, decision)
            if decision.opening is not None and published.problem is None and published.pending is None:
                scenario = await self._open(key, scenario, decision.opening, fleet.highest_sequence + 1)
        except REFUSALS as refusal:
            await self._complain(key, published, fleet, decision, refusal)
            raise
        self._refused_rollouts.forget(key)
        await self._say(scenario, published, fleet, decision)
        await self._trim(key, scenario, fleet)
        served = _served_revisions(scenario)
        await self._sweep_revisions(key, unneeded(fleet, decision.attempts, served, all_read=all_read))
        rests = (
            decision.opening is None
            and published.pending is None
            and (published.problem is None or published.problem.reason is not Reason.DIGEST_MISMATCH)
            and all(a.finished for a in decision.attempts)
            and "configMapRef" not in scenario["spec"]["artifact"]
        )
        return None if rests else _LOOK_AGAIN

    async def _publish(
        self, key: Key, scenario: JsonObject, known: Mapping[str, Revision], carried: frozenset[str]
    ) -> Published:
        """Publish the spec; what the API server refuses for it is told as what is waited for."""
        try:
            published = await self._publisher.publish(scenario, known, carried)
        except REFUSALS as refusal:
            self._refused_revisions.note(key, refusal)
            told = self._refused_revisions.told(key)
            if not told:
                raise
            newest = max(known.values(), key=lambda r: r.number, default=None)
            return Published(newest, pending=Problem(Reason.REFUSED, told))
        self._refused_revisions.forget(key)
        return published

    async def _complain(
        self,
        key: Key,
        published: Published,
        fleet: Fleet,
        decision: FleetDecision,
        refusal: Terminal | ServerError,
    ) -> None:
        """Say in the Scenario's status, as it is now, what the API server refuses."""
        self._refused_rollouts.note(key, refusal)
        told = self._refused_rollouts.told(key)
        live = await self._context.client.get(Ref(SCENARIO, key.namespace, key.name)) if told else None
        if live is not None:
            await self._say(live, published, fleet, decision, told)

    def _runs(self, key: Key) -> tuple[RunFacts, ...]:
        """Return the facts of every run that can be read; `_read` says which cannot."""
        found = self._context.store.indexed(RUN, BY_SCENARIO, filed(key.namespace, key.name))
        before, self._read[key] = self._read.get(key, {}), {}
        facts: list[RunFacts] = []
        for obj in found:
            # A run is read again only when it has changed: a pass looks at all of them.
            version = obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]
            read = before[version] if version in before else facts_of(obj) if readable(obj) else None
            self._read[key][version] = read
            if read is None:
                continue
            strategy, missing = self._own_strategy(obj)
            facts.append(read._replace(strategy=strategy, strategy_missing=missing))
        return tuple(sorted(facts, key=lambda run: run.name))

    def _own_strategy(self, obj: JsonObject) -> tuple[Snapshot | None, str]:
        reference = obj["spec"].get("strategyRef")
        if not reference:
            return None, ""
        return strategy_named(self._context, obj["metadata"]["namespace"], reference["name"])

    async def _fleet(
        self,
        key: Key,
        scenario: JsonObject,
        published: Published,
        revisions: Mapping[str, Revision],
        runs: tuple[RunFacts, ...],
    ) -> Fleet:
        """Put together what the rollout is decided from; attempts are read live, since grants are counted there."""
        spec, missing = scenario_strategy(self._context, scenario)
        policy = scenario["spec"].get("upgrade") or {}
        sequence = (scenario.get("status") or {}).get("lastUpgradeSequence", 0)
        attempts = tuple(load_attempt(obj) for obj in await self._attempts(key, sequence))
        rollout = spec.rollout if spec else None
        return Fleet(
            namespace=key.namespace,
            pending=published.pending is not None,
            scenario=key.name,
            wanted=published.revision,
            revisions=revisions,
            strategy=snapshot_of(spec) if spec else None,
            strategy_missing=missing,
            pace=Pace(rollout.max_concurrent, rollout.max_failed) if rollout else Pace(),
            suspend=policy.get("suspend", False),
            approved_plans=frozenset(policy.get("approvedPlans") or ()),
            runs=runs,
            attempts=attempts,
            now=timestamp(self._context.now().timestamp()),
            gone=await self._gone(attempts, runs),
            sequence=sequence,
        )

    async def _attempts(self, key: Key, sequence: int) -> list[JsonObject]:
        """Return the attempts: finished ones as known, since they never change, all others live.

        What is granted is counted there. The newest is looked for by name: a watch that lags must not hide it, or
        it would be opened twice.
        """
        known = self._context.store.indexed(UPGRADE, BY_SCENARIO, filed(key.namespace, key.name))
        by_name = {obj["metadata"]["name"]: obj for obj in known if is_attempt(obj)}
        done = {name for name, obj in by_name.items() if "completionTime" in (obj.get("status") or {})}
        looked_for = by_name.keys() - done
        if sequence:
            looked_for |= {names.upgrade(key.name, sequence)} - done
        attempts = [by_name[name] for name in done]
        for name in sorted(looked_for):
            live = await self._context.client.get(Ref(UPGRADE, key.namespace, name))
            attempts += [live] if live is not None else []
        return attempts

    async def _gone(self, attempts: tuple[Attempt, ...], runs: tuple[RunFacts, ...]) -> frozenset[str]:
        """Return the holders of grants that a live read finds to be no more."""
        known = {run.uid for run in runs}
        gone: set[str] = set()
        for entry in (e for a in attempts if not a.finished for e in a.active):
            if entry.run_uid in known:
                continue
            live = await self._context.client.get(Ref(RUN, entry.namespace, entry.name))
            if live is None or live["metadata"]["uid"] != entry.run_uid:
                gone.add(entry.run_uid)
        return frozenset(gone)

    async def _write_attempts(self, key: Key, fleet: Fleet, decision: FleetDecision) -> None:
        """Write what has changed, predecessors first; a conflict means look again."""
        for attempt in decision.attempts:
            ref = Ref(UPGRADE, key.namespace, attempt.name)
            obj = await self._context.client.get(ref)
            if obj is None:
                continue
            old = obj.get("status") or {}
            new = dump_attempt(attempt, fleet, old, obj["metadata"].get("generation", 1))
            if old == new:
                continue
            before = next(a for a in fleet.attempts if a.name == attempt.name)
            if load_attempt(obj) != before:
                self._context.wake(key)
                return
            written = await self._context.client.patch(
                ref,
                {"status": merge_patch(old, new)},
                uid=obj["metadata"]["uid"],
                resource_version=obj["metadata"]["resourceVersion"],
                subresource="status",
            )
            self._context.store.offer(UPGRADE, "MODIFIED", written)
            self._tell(written, old, new)
            self._wake_runs(fleet, old, new)
            if len(decision.attempts) > 1:
                # One attempt is granted to in a pass: the next one may be another's turn.
                self._context.wake(key)

    def _wake_runs(self, fleet: Fleet, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Wake the newly granted; everybody only when the reason for which they wait has changed."""
        known = {entry["id"] for entry in old.get("active") or ()}
        for entry in new["active"]:
            if entry["id"] not in known:
                self._context.wake(Key("run", entry["namespace"], entry["name"]))
        if _gates(old) != _gates(new):
            for run in fleet.runs:
                self._context.wake(Key("run", run.namespace, run.name))

    def _tell(self, obj: JsonObject, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        if old.get("phase") == new.get("phase"):
            return
        ready = next(c for c in new["conditions"] if c["type"] == "Ready")
        warns = new["phase"] in ("Held", "Failed", "AwaitingApproval")
        self._context.events.post(
            obj,
            type_="Warning" if warns else "Normal",
            reason=ready["reason"],
            action="Upgrade",
            note=ready.get("message", ""),
        )
        logger.info(
            "attempt %(name)s phase=%(phase)s", {"name": obj["metadata"]["name"], "phase": new["phase"]}
        )

    async def _open(self, key: Key, scenario: JsonObject, opening: Opening, sequence: int) -> JsonObject:
        """Write the next sequence number, then create the attempt under it: no number is used twice."""
        metadata = scenario["metadata"]
        written = await self._context.client.patch(
            Ref(SCENARIO, key.namespace, key.name),
            {"status": {"lastUpgradeSequence": sequence}},
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            subresource="status",
        )
        self._context.store.offer(SCENARIO, "MODIFIED", written)
        manifest = attempt_manifest(
            ScenarioIdentity(key.namespace, key.name, metadata["uid"]),
            names.upgrade(key.name, sequence),
            revision=opening.revision,
            cause=opening.cause,
            only=[run.written(key.namespace) for run in opening.only],
            asked=[asked._asdict() for asked in opening.asked],
        )
        try:
            made = await self._context.client.create(UPGRADE, key.namespace, manifest)
        except AlreadyExists:
            return written
        self._context.store.offer(UPGRADE, "ADDED", made)
        self._context.wake(key)
        return written

    async def _say(
        self,
        scenario: JsonObject,
        published: Published,
        fleet: Fleet,
        decision: FleetDecision,
        refusal: str = "",
    ) -> None:
        """Write the Scenario's status, if it says something new."""
        old = scenario.get("status") or {}
        standing = refused(refusal, fleet) if refusal else standing_of(published, fleet, decision)
        metadata = scenario["metadata"]
        new = render(standing, published, fleet, decision, old, metadata.get("generation", 1))
        if old == new:
            return
        written = await self._context.client.patch(
            Ref.to(SCENARIO, scenario),
            {"status": merge_patch(old, new)},
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            subresource="status",
        )
        self._context.store.offer(SCENARIO, "MODIFIED", written)
        if _reason(old) != standing.reason:
            self._announce(written, standing)
        if _served(old) != _served(new):
            for run in fleet.runs:
                self._context.wake(Key("run", run.namespace, run.name))

    def _announce(self, scenario: JsonObject, standing: Standing) -> None:
        self._context.events.post(
            scenario,
            type_="Warning" if standing.stalled or standing.attention else "Normal",
            reason=standing.reason,
            action="Reconcile",
            note=standing.message,
        )
        logger.info("scenario state reason=%(r)s: %(m)s", {"r": standing.reason, "m": standing.message})

    async def _trim(self, key: Key, scenario: JsonObject, fleet: Fleet) -> None:
        """Remove attempts beyond the history limit."""
        limit = (scenario["spec"].get("upgrade") or {}).get("historyLimit", 10)
        for attempt in forgettable(fleet, limit):
            await self._context.client.delete(Ref(UPGRADE, key.namespace, attempt.name), uid=attempt.uid)

    async def _sweep_revisions(self, key: Key, unnamed: Iterable[str]) -> None:
        for name in unnamed:
            obj = self._context.store.get(CONTROLLER_REVISION, key.namespace, name)
            if obj is not None:
                await self._context.remove(CONTROLLER_REVISION, obj)

    async def _sweep(self, key: Key) -> None:
        """A deleted Scenario leaves its revisions to its runs; with the last run they go."""
        runs = self._context.store.indexed(RUN, BY_SCENARIO, filed(key.namespace, key.name))
        for run in runs:
            self._context.wake(Key("run", key.namespace, run["metadata"]["name"]))
        if runs:
            return
        live = await self._context.client.get(Ref(SCENARIO, key.namespace, key.name))
        if live is not None:
            return
        await self._sweep_revisions(key, revisions_of(self._context, key.namespace, key.name))


def _served_revisions(scenario: JsonObject) -> tuple[str, str]:
    """Return the names of the newest and of the released revision, "" where there is none."""
    status = scenario.get("status") or {}
    return status.get("latestRevision", ""), status.get("activeRevision", "")


def _served(status: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what runs read of a Scenario's status: not its messages, which change with every run that settles."""
    return status.get("latestRevision"), status.get("activeRevision"), _reason(status)


def _gates(status: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what runs that wait read of an attempt: whether it grants, and which plans have consent."""
    groups = ((g["hash"], g.get("approved", False)) for g in status.get("groups") or ())
    return status.get("phase"), "completionTime" in status, tuple(sorted(groups))


def _reason(status: Mapping[str, Any]) -> str:
    ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
    return ready["reason"] if ready else ""
