"""The fake node."""

from __future__ import annotations

import asyncio
import traceback

from beds import behaviour
from beds.rest import PATCH, Client
from beds.simkubelet.claims import PROVISIONER, Claims
from beds.simkubelet.objects import Host, Json, stamp
from beds.simkubelet.pods import Pod

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


class Node(Host):
    """The fake node: its registration, its heartbeat, its pods and its volumes."""

    def __init__(self, client: Client, name: str) -> None:
        super().__init__(client, name)
        self.claims = Claims(client)
        self.pods: dict[str, Pod] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

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
            self.pods[uid] = Pod(self, self.claims, pod)
            self.tasks[uid] = asyncio.create_task(self.pods[uid].live())
            self.tasks[uid].add_done_callback(_report)

    def on_images(self, event: str, config: Json) -> None:
        try:
            self.images = behaviour.Images.of({} if event == "DELETED" else config.get("data", {}))
        except ValueError as problem:
            print(f"ConfigMap sim-images: {problem}", flush=True)
        for pod in self.pods.values():
            pod.awake.set()

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
            group.create_task(follow("/apis/storage.k8s.io/v1/storageclasses", self.claims.on_class))
            group.create_task(follow(f"{core}/persistentvolumeclaims", self.claims.on_claim))
            group.create_task(follow(f"{core}/namespaces/kube-system/configmaps", self.on_images, only))
            group.create_task(follow(f"{core}/pods", self.on_pod))


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (problem := task.exception()):
        traceback.print_exception(problem)
