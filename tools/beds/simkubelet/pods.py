"""The life of a pod: its binding, its status, its end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

from beds.rest import PATCH
from beds.simkubelet.claims import Claims
from beds.simkubelet.containers import Container, Sandbox
from beds.simkubelet.objects import NEVER, Host, Json, stamp, version


class Pod(Sandbox):
    """One pod's task: wake, advance the containers, write the status if it changed."""

    def __init__(self, host: Host, claims: Claims, pod: Json) -> None:
        super().__init__(host, pod)
        self.claims = claims
        self.path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        self.awake = asyncio.Event()
        self.written = ""
        self.refused = False  # by a server in trouble: try again soon
        self.asked_to_stop: float | None = None
        self.unbound_since: float | None = None
        self.removed = False
        self.containers = [Container(self, spec) for spec in pod["spec"]["containers"]]
        known = {status["name"]: status for status in pod["status"].get("containerStatuses", [])}
        for container in self.containers:
            if container.spec["name"] in known:
                container.resume(known[container.spec["name"]])

    def update(self, pod: Json) -> None:
        """Take an event unless it is older than the answer to our own write.

        One of the same age counts: that answer may have held a deletion that nobody has acted upon yet.
        """
        if version(pod) >= version(self.object):
            self.object = pod
            self.awake.set()

    def _mounted(self) -> list[tuple[str, str]]:
        """Namespace and name of every claim that it mounts."""
        volumes = self.object["spec"].get("volumes", [])
        mounted = (volume.get("persistentVolumeClaim", {}).get("claimName") for volume in volumes)
        return [(self.object["metadata"]["namespace"], name) for name in mounted if name]

    async def live(self) -> None:
        """Until the pod's object is gone (the node then cancels this task)."""
        while True:
            self.awake.clear()
            self.refused = False
            try:
                due = await self._step()
            except ValueError as problem:
                due = await self._complain(str(problem))
            if self.refused:
                due = min(due, time.monotonic() + 1)
            try:
                async with asyncio.timeout(None if due == NEVER else max(0.0, due - time.monotonic())):
                    await self.awake.wait()
            except TimeoutError:
                continue

    async def _step(self) -> float:
        if self.object["metadata"].get("deletionTimestamp") and not self.object["spec"].get("nodeName"):
            return NEVER  # the API server removes a pod that was never bound by itself
        if not await self._bound():
            return await self._unbound(time.monotonic())
        now = time.monotonic()
        if self.object["metadata"].get("deletionTimestamp"):
            return await self._terminate(now)
        if self._over() and self.object["status"].get("phase") in ("Succeeded", "Failed"):
            return NEVER
        for container in self.containers:
            container.advance(now)
        await self._write_if_changed()
        restarting = [c for c in self.containers if c.phase == "terminated"]
        for container in restarting:
            container.restart_if_due(now)
        if any(container.phase == "waiting" for container in restarting):
            await self._write_if_changed()
        return min(container.due for container in self.containers)

    async def _bound(self) -> bool:
        """Bind the pod as a scheduler would: not before its claims are bound."""
        spec = self.object["spec"]
        if spec.get("nodeName"):
            return True
        if spec.get("schedulingGates") or not self.claims.provide(self._mounted(), self.awake):
            return False
        if any(container.behaviour.unschedulable for container in self.containers):
            await self._complain("0/1 nodes are available: asked to be unschedulable", "Unschedulable")
            return False
        metadata = {"name": self.object["metadata"]["name"], "uid": self.uid}
        target = {"apiVersion": "v1", "kind": "Node", "name": self.host.name}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": target}
        return await self._do("POST", f"{self.path}/binding", body) is not None

    async def _unbound(self, now: float) -> float:
        """Say what is wrong with its claims once that has lasted: events of two kinds come in any order."""
        trouble = self.claims.trouble(self._mounted())
        if not trouble:
            self.unbound_since = None
            return NEVER
        self.unbound_since = self.unbound_since or now
        if now < self.unbound_since + 1:
            return self.unbound_since + 1
        return await self._complain(f"0/1 nodes are available: {trouble}", "Unschedulable")

    async def _do(self, method: str, path: str, body: Json, kind: str = "") -> Json | None:
        """One write. Gone or another uid (404, 409) is for the next watch event; other trouble is not."""
        status, answer = await self.host.client.request(method, path, body, kind)
        if status < 300:
            return answer
        if status not in (404, 409):
            self.refused = True
            print(f"{method} {path}: {status} {answer.get('message', '')}", flush=True)
        return None

    async def _complain(self, text: str, reason: str = "SchedulerError") -> float:
        condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": text}
        if self.written != text:
            self.written = text
            body = {"metadata": {"uid": self.uid}, "status": {"conditions": [condition]}}
            await self._do("PATCH", f"{self.path}/status", body, PATCH)
        return NEVER

    async def _terminate(self, now: float) -> float:
        """Containers end, their end is written, and only then the object is asked to go."""
        if self.asked_to_stop is None:
            self.asked_to_stop = now
        grace = float(self.object["metadata"].get("deletionGracePeriodSeconds", 30))
        for container in self.containers:
            container.due = NEVER
            container.stop(now, self.asked_to_stop, grace)
        if any(container.phase == "running" for container in self.containers):
            return min(container.due for container in self.containers)
        await self._write_if_changed()
        if not self.removed and not self.refused:
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
            await self._do("DELETE", self.path, options)
            self.removed = not self.refused
        return NEVER

    def _over(self) -> bool:
        return all(container.phase == "terminated" for container in self.containers)

    def _phase(self) -> str:
        spec, deleting = self.object["spec"], self.object["metadata"].get("deletionTimestamp")
        policy = spec.get("restartPolicy", "Always")
        if self._over() and (deleting or policy != "Always"):
            failed = any(container.code for container in self.containers)
            if not failed or policy == "Never" or deleting:
                return "Failed" if failed else "Succeeded"
        return "Running" if any(container.began for container in self.containers) else "Pending"

    async def _write_if_changed(self) -> None:
        """Patch the status, with the uid in it: a successor of the same name is refused with 409."""
        ready = all(container.ready for container in self.containers)
        phase = self._phase()
        status: Json = {
            "phase": phase,
            "hostIP": self.host.address,
            "containerStatuses": [container.status() for container in self.containers],
            "conditions": list(self._conditions(ready, phase)),
        }
        if phase != "Pending":
            address = self.host.address_of(self.uid)
            status |= {"podIP": address, "podIPs": [{"ip": address}]}
        if init := self.object["spec"].get("initContainers"):
            status["initContainerStatuses"] = [self._initialised(spec) for spec in init]
        text = json.dumps(status)
        if text == self.written:
            return
        start = self.object["status"].get("startTime") or stamp()
        body = {"metadata": {"uid": self.uid}, "status": {**status, "startTime": start}}
        if (answer := await self._do("PATCH", f"{self.path}/status", body, PATCH)) is not None:
            self.written = text
            if version(answer) > version(self.object):
                self.object = answer

    def _conditions(self, ready: bool, phase: str) -> Iterator[Json]:
        known = {c["type"]: c for c in self.object["status"].get("conditions", [])}
        over = phase in ("Succeeded", "Failed")
        reason = {"reason": "PodCompleted"} if phase == "Succeeded" else {"reason": "ContainersNotReady"}
        for kind, value in {
            "PodReadyToStartContainers": not over,
            "Initialized": True,
            "ContainersReady": ready,
            "Ready": ready,
        }.items():
            word = "True" if value else "False"
            before = known.get(kind, {})
            moment = before.get("lastTransitionTime") if before.get("status") == word else None
            extra = {} if value else reason
            yield {"type": kind, "status": word, "lastTransitionTime": moment or stamp(), **extra}

    def _initialised(self, spec: Json) -> Json:
        done = {"exitCode": 0, "reason": "Completed", "startedAt": stamp(), "finishedAt": stamp()}
        known = {s["name"]: s for s in self.object["status"].get("initContainerStatuses", [])}
        identity = self.host.images.identity(spec["image"])
        fresh: Json = {"name": spec["name"], "image": spec["image"], "imageID": identity, "ready": True}
        fresh |= {"restartCount": 0, "started": False, "state": {"terminated": done}}
        earlier: Json | None = known.get(spec["name"])
        return earlier or fresh
