"""The claims of a cluster: what provisioner and volume controller do with those of our class."""

from __future__ import annotations

import asyncio
from typing import Any

from beds.rest import PATCH, Client
from beds.simkubelet.objects import Json

PROVISIONER = "scenario.test/sim"
_VOLUMES = "/api/v1/persistentvolumes"
_BOUND = {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}

Key = tuple[str, str]
"""Namespace and name of a claim."""


class Claims:
    """All claims and their classes, and who waits for which."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.claims: dict[Key, Json] = {}
        self.waiting: dict[Key, set[asyncio.Event]] = {}  # to wake pods by a claim that is not bound yet
        self.provided: set[str] = set()
        self.classes: dict[str, Json] = {}
        self.background: set[asyncio.Task[Any]] = set()

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    def on_class(self, event: str, made: Json) -> None:
        self.classes.pop(made["metadata"]["name"], None)
        if event != "DELETED":
            self.classes[made["metadata"]["name"]] = made
        for waiting in self.waiting.values():
            for awake in waiting:
                awake.set()

    def on_claim(self, event: str, claim: Json) -> None:
        key = (claim["metadata"]["namespace"], claim["metadata"]["name"])
        if event == "DELETED":
            self.claims.pop(key, None)
            self._do(self._release(claim))
            return
        self.claims[key] = claim
        self._wake_waiting(key)

    def _wake_waiting(self, key: Key) -> None:
        """Let the pods that wait for a claim look at it again."""
        for awake in self.waiting.pop(key, ()):
            awake.set()

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

    def provide(self, mounted: list[Key], awake: asyncio.Event) -> bool:
        """Whether all these claims are bound; makes the volumes of those of our class on first use."""
        bound = True
        for key in mounted:
            claim = self.claims.get(key, {})
            if not claim or claim["status"].get("phase") != "Bound" or _doomed(claim):
                bound = False
                self.waiting.setdefault(key, set()).add(awake)
                self._do(self._provide(claim))
        return bound

    def trouble(self, mounted: list[Key]) -> str:
        """What a scheduler says of a claim that will not be bound as things are; "" if there is none."""
        for key in mounted:
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
