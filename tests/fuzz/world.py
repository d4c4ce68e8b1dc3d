"""One case: objects on an API server in memory, both controllers over them, and a kubelet that does what it is told."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from scenario_operator.cluster import errors
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import (
    JOB,
    POD,
    RUN,
    SCENARIO,
    STATEFUL_SET,
    STRATEGY,
    UPGRADE,
    JsonObject,
)
from scenario_operator.controllers.run import RunController
from scenario_operator.controllers.scenario import ScenarioController
from scenario_operator.manifests.pod import CONTAINER
from tests.unit.controllers.memory import Memory

TURNS, EDITED = 12, 2
"""How often everybody looks, and when the Scenario is edited: a plan that stops and starts has time to end."""


class Case(NamedTuple):
    """What people, newer operators and programs have written: specs, statuses (None: none yet), last words."""

    scenario: JsonObject
    edited: JsonObject | None
    strategy: JsonObject
    runs: tuple[tuple[JsonObject, JsonObject | None], ...]
    attempt: tuple[JsonObject, JsonObject] | None
    standing: JsonObject | None
    words: str
    works: bool


def _digest(probe: JsonObject) -> str:
    """Return the digest of what a probe has pulled: another image has another one."""
    return f"sha256:{hashlib.sha256(probe['spec']['containers'][0]['image'].encode()).hexdigest()}"


def _stated(obj: JsonObject) -> bool:
    """Say whether an object's conditions are about the spec that it has, and explain themselves."""
    status = obj.get("status") or {}
    ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})
    return bool(ready.get("reason")) and status.get("observedGeneration") == obj["metadata"]["generation"]


class World:
    """The objects of one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.server = Memory()
        self.passes = 0
        context = self.server.context()
        self.runs, self.scenarios = RunController(context), ScenarioController(context)

    async def play(self) -> World:
        """Put everything there, and let both controllers look, again and again; whatever a pass raises is raised."""
        case, server = self.case, self.server
        server.put(STRATEGY, {"metadata": {"name": "x"}, "spec": case.strategy})
        status = {} if case.standing is None else {"status": case.standing}
        server.put(SCENARIO, {"metadata": {"name": "s", "uid": "uid-s"}, "spec": case.scenario, **status})
        await self._look()
        for name, (spec, told) in zip("ab", case.runs, strict=False):
            spec = {**spec, "scenarioRef": {"name": "s"}}
            status = {} if told is None else {"status": told}
            server.put(RUN, {"metadata": {"name": name, "uid": f"uid-{name}"}, "spec": spec, **status})
        if case.attempt is not None:
            spec, told = case.attempt
            spec = {**spec, "scenarioRef": {"name": "s"}}
            server.put(UPGRADE, {"metadata": {"name": "s-1", "uid": "uid-1"}, "spec": spec, "status": told})
        for turn in range(TURNS):
            if turn == EDITED and case.edited is not None:
                server.change(SCENARIO, "s", {"spec": case.edited})
            await self._look()
        return self

    def silent(self) -> list[str]:
        """Return the runs, and the Scenario, that say nothing of how they stand: also what cannot be read says so."""
        objects = self.server.objects
        ours = [(kind, name) for kind in (SCENARIO, RUN) for name in self.server.names(kind)]
        return [name for kind, name in ours if not _stated(objects[kind, "ns", name])]

    def unreadable(self) -> int:
        """Count the objects that say of themselves that they cannot be read, or are not valid."""
        own = (obj for kind in (SCENARIO, RUN, UPGRADE) for obj in self._of(kind))
        stated = (c for obj in own for c in (obj.get("status") or {}).get("conditions") or ())
        return sum((c["type"], c["status"]) == ("Valid", "False") for c in stated)

    async def _look(self) -> None:
        for key in (Key("scenario", "ns", "s"), *(Key("run", "ns", name) for name in self.server.names(RUN))):
            controller = self.scenarios if key.kind == "scenario" else self.runs
            for _ in range(2):
                self.passes += 1
                try:
                    await controller.reconcile(key)
                except errors.ClusterError:
                    continue  # what a server answers is no matter of what was read
            self._kubelet()
        self.server.wait(20)

    def _kubelet(self) -> None:
        """Pull probes, run pods and Jobs as they are asked for, and end pods with the program's last words."""
        for obj in list(self._of(POD)):
            if "-probe-" in obj["metadata"]["name"] and "status" not in obj:
                self._say(obj, {"terminated": {"exitCode": 128}}, imageID=f"r/x@{_digest(obj)}")
        for obj in list(self._of(STATEFUL_SET)):
            self._serve(obj)
        self._bury()
        for obj in list(self._of(JOB)):
            if not obj["spec"].get("suspend") and "status" not in obj:
                kind = "Complete" if self.case.works else "Failed"
                made = self._pod(obj, f"{obj['metadata']['name']}-pod", obj["spec"]["template"])
                self._say(
                    made, {"terminated": {"exitCode": int(not self.case.works), "message": self.case.words}}
                )
                obj = copy.deepcopy(obj) | {"status": {"conditions": [{"type": kind, "status": "True"}]}}
                self.server.put(JOB, obj)

    def _bury(self) -> None:
        """Take away the pods that were told to end, or whose owner is gone, unless something holds them."""
        there = {obj["metadata"]["uid"] for obj in self.server.objects.values()}
        for obj in list(self._of(POD)):
            metadata = obj["metadata"]
            orphaned = any(owner["uid"] not in there for owner in metadata.get("ownerReferences", ()))
            if metadata.get("finalizers") or not (orphaned or "deletionTimestamp" in metadata):
                continue
            del self.server.objects[POD, "ns", metadata["name"]]
            self.server.version += 1
            gone = {**obj, "metadata": {**metadata, "resourceVersion": str(self.server.version)}}
            self.server.store.offer(POD, "DELETED", gone)

    def _serve(self, obj: JsonObject) -> None:
        name, replicas = f"{obj['metadata']['name']}-0", obj["spec"].get("replicas", 1)
        pod = self.server.objects.get((POD, "ns", name))
        if replicas and pod is None:
            made = self._pod(obj, name, obj["spec"]["template"])
            running = {"running": {"startedAt": self.server.now.isoformat().replace("+00:00", "Z")}}
            state = running if self.case.works else {"waiting": {"reason": "CrashLoopBackOff"}}
            self._say(made, state, ready=self.case.works, started=self.case.works)
        elif not replicas and pod is not None and "deletionTimestamp" not in pod["metadata"]:
            gone = {**pod["metadata"], "deletionTimestamp": "2026-01-01T00:00:01Z"}
            ended = {"terminated": {"exitCode": 0, "message": self.case.words}}
            self._say({**copy.deepcopy(pod), "metadata": gone}, ended, phase="Succeeded")
        status = {"replicas": replicas, "observedGeneration": obj["metadata"]["generation"]}
        if obj.get("status") != status:
            self.server.put(STATEFUL_SET, {**copy.deepcopy(obj), "status": status})

    def _pod(self, owner: JsonObject, name: str, template: JsonObject) -> JsonObject:
        metadata = {**copy.deepcopy(template["metadata"]), "name": name}
        metadata["ownerReferences"] = [{"uid": owner["metadata"]["uid"], "controller": True}]
        return self.server.put(POD, {"metadata": metadata, "spec": template["spec"]})

    def _say(
        self, pod: JsonObject, state: JsonObject, *, phase: str = "", ready: bool = False, **container: Any
    ) -> None:
        told = {"name": CONTAINER, "state": state, **container}
        conditions = [{"type": "Ready", "status": "True"}] if ready else []
        status = {
            "containerStatuses": [told],
            "conditions": conditions,
            **({"phase": phase} if phase else {}),
        }
        self.server.put(POD, {**pod, "status": status})

    def _of(self, kind: Any) -> Iterator[JsonObject]:
        return (obj for (found, _, _), obj in self.server.objects.items() if found == kind)
