"""The simulated kubelet of bed `sim`: one ready node whose pods behave as a test asks.

kwok was tried first: it deletes a terminating pod by name only, so that a StatefulSet's successor of the
same name is deleted as well, without end. Here every write and delete carries the pod's uid, and the order
is a real kubelet's: final status first, then the delete with grace period 0, which finalizers hold back.

One task a pod, woken by watch events and by its containers' next deadline; it writes the status only when
it changed, so a thousand resting pods cost nothing.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beds import behaviour
from beds.rest import PATCH, Client

Json = dict[str, Any]
PROVISIONER = "scenario.test/sim"
_NEVER = float("inf")
_VOLUMES = "/api/v1/persistentvolumes"
_BOUND = {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


def stamp(fraction: bool = False) -> str:
    """Now, as RFC 3339 in UTC; API times have whole seconds, reports and leases microseconds."""
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if fraction else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.datetime.now(datetime.UTC).strftime(form)


class Container:
    """One container's life: waiting → running → terminated, and again if the pod restarts it."""

    def __init__(self, pod: Pod, spec: Json) -> None:
        self.pod = pod
        self.spec = spec
        self.state: Json = {"waiting": {"reason": "ContainerCreating"}}
        self.last: Json = {}
        self.restarts = 0
        self.began = 0.0
        self.started = self.ready = False
        self.due = 0.0  # when the next thing happens to it by itself

    @property
    def behaviour(self) -> behaviour.Behaviour:
        return behaviour.of(self.pod.object, self.spec)

    @property
    def phase(self) -> str:
        return next(iter(self.state))

    @property
    def code(self) -> int:
        return int(self.state["terminated"]["exitCode"])

    def resume(self, status: Json) -> None:
        """Take over from an earlier life of the simulated kubelet."""
        self.state, self.last = status["state"], status.get("lastState", {})
        self.restarts = status["restartCount"]
        self.started, self.ready = bool(status.get("started")), status["ready"]
        if self.last or self.phase != "waiting":
            self.began = time.monotonic()

    def status(self) -> Json:
        image = self.spec["image"]
        pulled = self.began or self.phase == "terminated"
        shown: Json = {
            "name": self.spec["name"],
            "image": image,
            "imageID": self.pod.node.images.identity(image) if pulled else "",
            "state": self.state,
            "lastState": self.last,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
        }
        if pulled:
            shown["containerID"] = f"sim://{self.pod.uid}/{self.spec['name']}/{self.restarts}"
        return shown

    def advance(self, now: float) -> None:
        """Do everything that is due, and set when to look again."""
        self.due = _NEVER
        if self.phase == "waiting":
            self._try_to_run(now)
        if self.phase == "running":
            self._live(now)

    def _try_to_run(self, now: float) -> None:
        image = self.spec["image"]
        if not self.pod.node.images.pullable(image):
            backing_off = self.state["waiting"]["reason"] in ("ErrImagePull", "ImagePullBackOff")
            reason = "ImagePullBackOff" if backing_off else "ErrImagePull"
            self.due = _NEVER if backing_off else now + 0.2
            text = f'Back-off pulling image "{image}"' if backing_off else f"{image}: not found"
            self.state = {"waiting": {"reason": reason, "message": text}}
            return
        if self.last and now < self.began + self.behaviour.backoff:
            self.due = self.began + self.behaviour.backoff
            return
        if self.behaviour.startError:
            self.began = now
            self._end(128, "StartError", f"exec: {self.spec['command'][0]!r}: no such file or directory")
            return
        self.began = now
        self.state = {"running": {"startedAt": stamp()}}

    def _live(self, now: float) -> None:
        does = self.behaviour
        crashes = does.crashTimes is None or self.restarts < does.crashTimes
        if does.crashAfter is not None and crashes and self._reached(now, does.crashAfter):
            self._end(does.crashCode, "Error", does.message or "")
        elif does.runFor is not None and self._reached(now, does.runFor):
            self.finish(does.exit)
        else:
            self.started = not does.neverStart and self._reached(now, does.startAfter)
            ready_after = max(does.startAfter, does.readyAfter)
            self.ready = self.started and not does.neverReady and self._reached(now, ready_after)

    def _reached(self, now: float, after: float) -> bool:
        moment = self.began + after
        if now < moment:
            self.due = min(self.due, moment)
        return now >= moment

    def finish(self, code: int) -> None:
        """End by itself or because it was asked to, with its report."""
        environment = behaviour.environment(self.pod.object, self.spec)
        text = self.behaviour.last_words(stamp(fraction=True), environment)
        self._end(code, "Error" if code else "Completed", text)

    def _end(self, code: int, reason: str, message: str) -> None:
        started = self.state.get("running", {}).get("startedAt", "1970-01-01T00:00:00Z")
        ended: Json = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": stamp()}
        if message:
            ended["message"] = message
        self.state = {"terminated": ended}
        self.started = self.ready = False

    def restart_if_due(self, now: float) -> None:
        """restartPolicy: a container that ended goes back to waiting, with back-off."""
        policy = self.pod.object["spec"].get("restartPolicy", "Always")
        if self.phase != "terminated" or policy == "Never" or (policy == "OnFailure" and self.code == 0):
            return
        self.last, self.restarts, self.began = self.state, self.restarts + 1, now
        self.state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting container"}}
        self.due = now + self.behaviour.backoff

    def stop(self, now: float, asked: float, grace: float) -> None:
        """SIGTERM came at `asked`; SIGKILL follows after the grace period."""
        if self.phase == "waiting":
            self._end(137, "ContainerStatusUnknown", "never started")
        if self.phase != "running":
            return
        obeys = _NEVER if self.behaviour.ignoreTerm else asked + self.behaviour.stopAfter
        if now >= obeys and obeys <= asked + grace:
            self.finish(self.behaviour.exit)
        elif now >= asked + grace:
            self._end(137, "Error", "")
        else:
            self.due = min(self.due, obeys, asked + grace)


class Pod:
    """One pod's task: wake, advance the containers, write the status if it changed."""

    def __init__(self, node: Node, pod: Json) -> None:
        self.node = node
        self.object = pod
        self.uid = str(pod["metadata"]["uid"])
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
        if _version(pod) >= _version(self.object):
            self.object = pod
            self.awake.set()

    def claims(self) -> list[tuple[str, str]]:
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
                async with asyncio.timeout(None if due == _NEVER else max(0.0, due - time.monotonic())):
                    await self.awake.wait()
            except TimeoutError:
                continue

    async def _step(self) -> float:
        if self.object["metadata"].get("deletionTimestamp") and not self.object["spec"].get("nodeName"):
            return _NEVER  # the API server removes a pod that was never bound by itself
        if not await self._bound():
            return await self._unbound(time.monotonic())
        now = time.monotonic()
        if self.object["metadata"].get("deletionTimestamp"):
            return await self._terminate(now)
        if self._over() and self.object["status"].get("phase") in ("Succeeded", "Failed"):
            return _NEVER
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
        if spec.get("schedulingGates") or not self.node.provide_claims(self):
            return False
        if any(container.behaviour.unschedulable for container in self.containers):
            await self._complain("0/1 nodes are available: asked to be unschedulable", "Unschedulable")
            return False
        metadata = {"name": self.object["metadata"]["name"], "uid": self.uid}
        target = {"apiVersion": "v1", "kind": "Node", "name": self.node.name}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": target}
        return await self._do("POST", f"{self.path}/binding", body) is not None

    async def _unbound(self, now: float) -> float:
        """Say what is wrong with its claims once that has lasted: events of two kinds come in any order."""
        trouble = self.node.trouble_with_claims(self)
        if not trouble:
            self.unbound_since = None
            return _NEVER
        self.unbound_since = self.unbound_since or now
        if now < self.unbound_since + 1:
            return self.unbound_since + 1
        return await self._complain(f"0/1 nodes are available: {trouble}", "Unschedulable")

    async def _do(self, method: str, path: str, body: Json, kind: str = "") -> Json | None:
        """One write. Gone or another uid (404, 409) is for the next watch event; other trouble is not."""
        status, answer = await self.node.client.request(method, path, body, kind)
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
        return _NEVER

    async def _terminate(self, now: float) -> float:
        """Containers end, their end is written, and only then the object is asked to go."""
        if self.asked_to_stop is None:
            self.asked_to_stop = now
        grace = float(self.object["metadata"].get("deletionGracePeriodSeconds", 30))
        for container in self.containers:
            container.due = _NEVER
            container.stop(now, self.asked_to_stop, grace)
        if any(container.phase == "running" for container in self.containers):
            return min(container.due for container in self.containers)
        await self._write_if_changed()
        if not self.removed and not self.refused:
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
            await self._do("DELETE", self.path, options)
            self.removed = not self.refused
        return _NEVER

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
            "hostIP": self.node.address,
            "containerStatuses": [container.status() for container in self.containers],
            "conditions": list(self._conditions(ready, phase)),
        }
        if phase != "Pending":
            address = self.node.address_of(self.uid)
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
            if _version(answer) > _version(self.object):
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
        identity = self.node.images.identity(spec["image"])
        fresh: Json = {"name": spec["name"], "image": spec["image"], "imageID": identity, "ready": True}
        fresh |= {"restartCount": 0, "started": False, "state": {"terminated": done}}
        earlier: Json | None = known.get(spec["name"])
        return earlier or fresh


class Node:
    """The fake node: its registration, its heartbeat, its pods and its volumes."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name
        self.address = "10.255.0.1"
        self.images = behaviour.Images()
        self.pods: dict[str, Pod] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.claims: dict[tuple[str, str], Json] = {}
        self.waiting: dict[tuple[str, str], set[Pod]] = {}  # pods by a claim that is not bound yet
        self.provided: set[str] = set()
        self.classes: dict[str, Json] = {}
        self.background: set[asyncio.Task[Any]] = set()

    def address_of(self, uid: str) -> str:
        number = int(uid[:8], 16) % (1 << 20)
        return f"10.{224 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    # -- watch events -------------------------------------------------------------------------------

    def on_pod(self, event: str, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        if event == "DELETED":
            self.pods.pop(uid, None)
            if task := self.tasks.pop(uid, None):
                task.cancel()
        elif uid in self.pods:
            self.pods[uid].update(pod)
        elif pod["spec"].get("nodeName", self.name) == self.name:
            self.pods[uid] = Pod(self, pod)
            self.tasks[uid] = asyncio.create_task(self.pods[uid].live())
            self.tasks[uid].add_done_callback(_report)

    def on_images(self, event: str, config: Json) -> None:
        try:
            self.images = behaviour.Images.of({} if event == "DELETED" else config.get("data", {}))
        except ValueError as problem:
            print(f"ConfigMap sim-images: {problem}", flush=True)
        for pod in self.pods.values():
            pod.awake.set()

    def on_class(self, event: str, made: Json) -> None:
        self.classes.pop(made["metadata"]["name"], None)
        if event != "DELETED":
            self.classes[made["metadata"]["name"]] = made
        for waiting in self.waiting.values():
            for pod in waiting:
                pod.awake.set()

    # -- volumes ------------------------------------------------------------------------------------

    def on_claim(self, event: str, claim: Json) -> None:
        key = (claim["metadata"]["namespace"], claim["metadata"]["name"])
        if event == "DELETED":
            self.claims.pop(key, None)
            self._do(self._release(claim))
            return
        self.claims[key] = claim
        self._wake_waiting(key)

    def _wake_waiting(self, key: tuple[str, str]) -> None:
        """Let the pods that wait for a claim look at it again."""
        for pod in self.waiting.pop(key, ()):
            pod.awake.set()

    async def _release(self, claim: Json) -> None:
        """Do with the volume of a claim that is gone what its reclaim policy says now."""
        path = f"{_VOLUMES}/{_volume_name(claim)}"
        status, volume = await self.client.request("GET", path)
        if status != 200:
            return
        if volume["spec"]["persistentVolumeReclaimPolicy"] != "Delete":
            await self.client.request("PATCH", f"{path}/status", {"status": {"phase": "Released"}}, PATCH)
            return
        await self.client.request("PATCH", path, {"metadata": {"finalizers": None}}, PATCH)
        await self.client.request("DELETE", path)

    def provide_claims(self, pod: Pod) -> bool:
        """Whether all claims of a pod are bound; makes the volumes of those of our class on first use."""
        bound = True
        for key in pod.claims():
            claim = self.claims.get(key, {})
            if not claim or claim["status"].get("phase") != "Bound" or _doomed(claim):
                bound = False
                self.waiting.setdefault(key, set()).add(pod)
                self._do(self._provide(claim))
        return bound

    def trouble_with_claims(self, pod: Pod) -> str:
        """What a scheduler says of a claim that will not be bound as things are; "" if there is none."""
        for key in pod.claims():
            claim = self.claims.get(key)
            if claim is None:
                return f'persistentvolumeclaim "{key[1]}" not found'
            if _doomed(claim):
                return f'persistentvolumeclaim "{key[1]}" is being deleted'
            if claim["status"].get("phase") == "Pending" and self._provisioner(claim) != PROVISIONER:
                return "pod has unbound immediate PersistentVolumeClaims"
        return ""

    def _provisioner(self, claim: Json) -> str:
        made = self.classes.get(claim["spec"].get("storageClassName", ""), {})
        return str(made.get("provisioner", ""))

    async def _provide(self, claim: Json) -> None:
        """Make the volume of a claim and bind the two, as provisioner and controller do together.

        A claim that names a volume of somebody else stays Pending.
        """
        waits = (
            claim and claim["status"].get("phase") == "Pending" and self._provisioner(claim) == PROVISIONER
        )
        uid = claim["metadata"]["uid"] if claim else ""
        if (
            not waits
            or uid in self.provided
            or claim["spec"].get("volumeName", "") not in ("", _volume_name(claim))
        ):
            return
        self.provided.add(uid)
        if not await self._bind(claim):
            self.provided.discard(uid)
            await asyncio.sleep(1)
            self._wake_waiting((claim["metadata"]["namespace"], claim["metadata"]["name"]))

    async def _bind(self, claim: Json) -> bool:
        """Write volume and claim, which can be done again; say whether nothing is left to do."""
        metadata = claim["metadata"]
        volume = _volume_for(claim, self.classes[claim["spec"]["storageClassName"]])
        name, mine = volume["metadata"]["name"], {"uid": metadata["uid"]}
        bound = {key: volume["spec"][key] for key in ("accessModes", "capacity")} | {"phase": "Bound"}
        claimed = {"metadata": {**mine, "annotations": _BOUND}, "spec": {"volumeName": name}}
        path = f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims/{metadata['name']}"
        status, _ = await self.client.request("POST", _VOLUMES, volume)
        status = 200 if status == 409 else status
        for target, body in (
            (f"{_VOLUMES}/{name}/status", {"status": {"phase": "Bound"}}),
            (path, claimed),
            (f"{path}/status", {"metadata": mine, "status": bound}),
        ):
            if status >= 300:
                break
            status, _ = await self.client.request("PATCH", target, body, PATCH)
        if status in (404, 409):  # the claim is gone, or another one has its name
            await self._release(claim)
        return status < 300 or status in (404, 409)

    # -- registration -------------------------------------------------------------------------------

    async def register(self) -> None:
        labels = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux", "sim/node": "true"}
        labels["kubernetes.io/arch"] = "amd64"
        metadata: Json = {"name": self.name, "labels": labels}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
        await self.client.request("POST", "/api/v1/nodes", node)
        parameters = {"reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer"}
        default = {"storageclass.kubernetes.io/is-default-class": "true"}
        storage: Json = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "provisioner": PROVISIONER,
        }
        storage |= {"metadata": {"name": "sim", "annotations": default}, "allowVolumeExpansion": True}
        await self.client.request("POST", "/apis/storage.k8s.io/v1/storageclasses", storage | parameters)
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": self.name}}
        await self.client.request("POST", _LEASES, lease)

    async def heartbeat(self) -> None:
        """The lease, and a full node status, often enough that no node is ever thought lost."""
        amounts = {"cpu": "100k", "memory": "1000Ti", "pods": "1M", "ephemeral-storage": "1000Ti"}
        while True:
            renewed = {"holderIdentity": self.name, "renewTime": stamp(fraction=True)}
            lease = {"spec": {**renewed, "leaseDurationSeconds": 40}}
            await self.client.request("PATCH", f"{_LEASES}/{self.name}", lease, PATCH)
            ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
            status: Json = {
                "capacity": amounts,
                "allocatable": amounts,
                "addresses": [{"type": "InternalIP", "address": self.address}],
                "conditions": [{**ready, "lastHeartbeatTime": stamp()}],
            }
            await self.client.request("PATCH", f"/api/v1/nodes/{self.name}/status", {"status": status}, PATCH)
            await asyncio.sleep(10)

    async def run(self) -> None:
        await self.register()
        core = "/api/v1"
        only = "fieldSelector=metadata.name%3Dsim-images"
        follow = self.client.follow
        async with asyncio.TaskGroup() as group:
            group.create_task(self.heartbeat())
            group.create_task(follow("/apis/storage.k8s.io/v1/storageclasses", self.on_class))
            group.create_task(follow(f"{core}/persistentvolumeclaims", self.on_claim))
            group.create_task(follow(f"{core}/namespaces/kube-system/configmaps", self.on_images, only))
            group.create_task(follow(f"{core}/pods", self.on_pod))


def _volume_name(claim: Json) -> str:
    return f"pvc-{claim['metadata']['uid']}"


def _volume_for(claim: Json, made: Json) -> Json:
    """Return the volume that a claim of a class gets."""
    metadata, spec = claim["metadata"], claim["spec"]
    reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1"}
    reference |= {key: metadata[key] for key in ("namespace", "name", "uid")}
    name = _volume_name(claim)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "claimRef": reference,
            "storageClassName": spec["storageClassName"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "persistentVolumeReclaimPolicy": made.get("reclaimPolicy", "Delete"),
            "hostPath": {"path": f"/sim/{name}"},
        },
    }


def _doomed(claim: Json) -> bool:
    return "deletionTimestamp" in claim["metadata"]


def _version(thing: Json) -> int:
    return int(thing["metadata"]["resourceVersion"])


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (problem := task.exception()):
        traceback.print_exception(problem)


async def _main() -> None:
    client = Client(Path(sys.argv[1]), "simkubelet")
    await Node(client, sys.argv[2]).run()


if __name__ == "__main__":
    asyncio.run(_main())
