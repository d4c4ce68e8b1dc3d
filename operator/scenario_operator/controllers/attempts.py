"""The attempts of a Scenario as objects: read, written, opened, trimmed.

Grants are counted in attempts, so those that are not finished are read live, and each write is fenced by what was
read. What an attempt should be is decided elsewhere (`rollout/decide.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.reading import Unreadable
from scenario_operator.api.upgrade import AttemptPhase
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.errors import AlreadyExists
from scenario_operator.cluster.keys import BY_SCENARIO, Key
from scenario_operator.cluster.kinds import RUN, SCENARIO, UPGRADE, JsonObject, Ref
from scenario_operator.cluster.store import filed
from scenario_operator.controllers.statuses import Statuses
from scenario_operator.controllers.surroundings import loaded
from scenario_operator.execution.status import merge_patch, unreadable
from scenario_operator.manifests.attempt import attempt_manifest, is_attempt
from scenario_operator.manifests.identity import ScenarioIdentity
from scenario_operator.rollout.decide import FleetDecision, Opening
from scenario_operator.rollout.facts import Attempt, Fleet, RunFacts
from scenario_operator.rollout.schedule import forgettable
from scenario_operator.rollout.wire import dump_attempt

logger = logging.getLogger(__name__)
_WARNS = frozenset({AttemptPhase.HELD, AttemptPhase.FAILED, AttemptPhase.AWAITING_APPROVAL})
"""Phases in which a person should look at the attempt."""


class ReadAttempts(NamedTuple):
    """The attempts of a Scenario, and those that cannot be read, each with what it is; `objects` by name."""

    attempts: tuple[Attempt, ...]
    unread: tuple[tuple[JsonObject, Unreadable], ...]
    objects: Mapping[str, JsonObject]


class Attempts:
    """Reads and writes the attempts of one Scenario at a time."""

    def __init__(self, context: Context, statuses: Statuses) -> None:
        self._context = context
        self._statuses = statuses

    async def read(self, key: Key, sequence: int) -> ReadAttempts:
        """Return the attempts: finished ones as known, since they never change, all others live.

        What is granted is counted there. The newest is looked for by name: a watch that lags must not hide it, or
        it would be opened twice. `sequence` is the number of the newest, 0 when there was none.
        """
        known = self._context.store.indexed(UPGRADE, BY_SCENARIO, filed(key.namespace, key.name))
        by_name = {obj["metadata"]["name"]: obj for obj in known if is_attempt(obj)}
        done = {name for name, obj in by_name.items() if "completionTime" in (obj.get("status") or {})}
        looked_for = by_name.keys() - done
        if sequence:
            looked_for |= {names.upgrade(key.name, sequence)} - done
        found = [by_name[name] for name in done]
        for name in sorted(looked_for):
            live = await self._context.client.get(Ref(UPGRADE, key.namespace, name))
            found += [live] if live is not None else []
        read = [(obj, loaded(obj)) for obj in found]
        return ReadAttempts(
            tuple(attempt for _, attempt in read if isinstance(attempt, Attempt)),
            tuple((obj, problem) for obj, problem in read if isinstance(problem, Unreadable)),
            {obj["metadata"]["name"]: obj for obj in found},
        )

    async def mark(self, key: Key, obj: JsonObject, problem: Unreadable, now: datetime) -> None:
        """Say on an attempt that cannot be read which field it is; nothing else of it is touched.

        Its Scenario says so as well, also when the attempt takes no status any more.
        """
        old = obj.get("status") or {}
        new = unreadable(obj, "supg", problem, now)
        if old == new:
            return
        await self._statuses.tell(key, UPGRADE, obj, merge_patch(old, new))

    async def gone(self, attempts: tuple[Attempt, ...], runs: tuple[RunFacts, ...]) -> frozenset[str]:
        """Return the holders of grants that a live read finds to be no more."""
        known = {run.uid for run in runs}
        gone: set[str] = set()
        for grant in (g for a in attempts if not a.finished for g in a.active):
            if grant.run_uid in known:
                continue
            live = await self._context.client.get(Ref(RUN, grant.namespace, grant.name))
            if live is None or live["metadata"]["uid"] != grant.run_uid:
                gone.add(grant.run_uid)
        return frozenset(gone)

    async def write(
        self, key: Key, read: Mapping[str, JsonObject], fleet: Fleet, decision: FleetDecision
    ) -> None:
        """Write what has changed over the attempts as read, predecessors first; a conflict means look again."""
        for attempt in decision.attempts:
            obj = read[attempt.name]
            old = obj.get("status") or {}
            new = dump_attempt(attempt, fleet, old, obj["metadata"].get("generation", 1))
            if old == new:
                continue
            written = await self._statuses.write(key, UPGRADE, obj, merge_patch(old, new))
            self._tell(written, old, new)
            self._wake_runs(fleet, old, new)
            if len(decision.attempts) > 1:
                # One attempt is granted to in a pass: the next one may be another's turn.
                self._context.wake(key)

    async def open(self, key: Key, scenario: JsonObject, opening: Opening, sequence: int) -> JsonObject:
        """Write the next sequence number, then create the attempt under it: no number is used twice."""
        written = await self._statuses.write(key, SCENARIO, scenario, {"lastUpgradeSequence": sequence})
        manifest = attempt_manifest(
            ScenarioIdentity(key.namespace, key.name, scenario["metadata"]["uid"]),
            names.upgrade(key.name, sequence),
            revision=opening.revision,
            cause=opening.cause.value,
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

    async def trim(self, fleet: Fleet, limit: int) -> None:
        """Remove finished attempts beyond `limit`, but for those that have to be remembered (`forgettable`)."""
        for attempt in forgettable(fleet, limit):
            await self._context.client.delete(Ref(UPGRADE, fleet.namespace, attempt.name), uid=attempt.uid)

    def _wake_runs(self, fleet: Fleet, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Wake the newly granted; everybody only when the reason for which they wait has changed."""
        known = {grant["id"] for grant in old.get("active") or ()}
        for grant in new["active"]:
            if grant["id"] not in known:
                self._context.wake(Key("run", grant["namespace"], grant["name"]))
        if _gates(old) != _gates(new):
            for run in fleet.runs:
                self._context.wake(Key("run", run.namespace, run.name))

    def _tell(self, obj: JsonObject, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        if old.get("phase") == new.get("phase"):
            return
        ready = next(c for c in new["conditions"] if c["type"] == "Ready")
        warns = new["phase"] in _WARNS
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


def _gates(status: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what runs that wait read of an attempt: whether it grants, and which plans have consent."""
    groups = ((g["hash"], g.get("approved", False)) for g in status.get("groups") or ())
    return status.get("phase"), "completionTime" in status, tuple(sorted(groups))
