"""An API server in memory, with watches that never lag: for passes of a controller without a cluster."""

from __future__ import annotations

import copy
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from scenario_operator.cluster import errors
from scenario_operator.cluster.client import Client, Listing, Propagation
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.keys import indices
from scenario_operator.cluster.kinds import WATCHED_KINDS, JsonObject, Ref, ResourceKind, selector_of
from scenario_operator.cluster.store import Store
from scenario_operator.cluster.trims import TRIMS, is_managed

START = datetime(2026, 1, 1, tzinfo=UTC)


class Memory:
    """The objects, and what was asked, by verb and kind. Only metadata that we rely on is made up."""

    def __init__(self) -> None:
        self.objects: dict[tuple[ResourceKind, str, str], JsonObject] = {}
        self.store = Store(trims=TRIMS, indices=indices(WATCHED_KINDS))
        self.now = START
        self.version = 0
        self.told: list[tuple[str, str]] = []
        self.lists: list[tuple[ResourceKind, str]] = []
        self.asked: Counter[tuple[str, str]] = Counter()

    def context(self) -> Context:
        """Return the context of a controller over these objects."""
        quiet = cast("Any", self)
        return Context(
            client=cast("Client", self),
            store=self.store,
            events=quiet,
            measures=quiet,
            now=lambda: self.now,
            reached_since=lambda: START,
            wake=lambda _key: None,
            wake_after=lambda _key, _seconds: None,
            namespaces=(),
            version="test",
        )

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def post(self, _obj: JsonObject, *, reason: str, note: str, **_: Any) -> None:
        """Take an Event."""
        self.told.append((reason, note))

    def upgrade_finished(self, outcome: str) -> None:
        """Measure nothing."""

    def step_finished(self, kind: str, seconds: float) -> None:
        """Measure nothing."""

    def put(self, kind: ResourceKind, obj: Mapping[str, Any]) -> JsonObject:
        """Make or overwrite an object as anybody might."""
        self.version += 1
        before = self.objects.get((kind, obj["metadata"].get("namespace", "ns"), obj["metadata"]["name"]), {})
        edited = bool(before) and before.get("spec") != obj.get("spec")
        metadata = {
            "namespace": "ns",
            "uid": str(uuid.uuid4()),
            "creationTimestamp": self.now.isoformat().replace("+00:00", "Z"),
            **obj["metadata"],
            "generation": before.get("metadata", {}).get("generation", 1) + edited,
            "resourceVersion": str(self.version),
        }
        typed = {"apiVersion": kind.api_version, "kind": kind.kind}
        made = {**typed, **copy.deepcopy(dict(obj)), "metadata": metadata}
        self.objects[kind, metadata["namespace"], metadata["name"]] = made
        if kind in WATCHED_KINDS and (selector_of(kind) is None or is_managed(made)):
            self.store.offer(kind, "MODIFIED", copy.deepcopy(made))
        return copy.deepcopy(made)

    def change(self, kind: ResourceKind, name: str, patch: Mapping[str, Any]) -> JsonObject:
        """Merge-patch an object as anybody might."""
        return self.put(kind, _merged(self.objects[kind, "ns", name], patch))

    def names(self, kind: ResourceKind) -> list[str]:
        """Return the names of all objects of a kind."""
        return sorted(name for found, _, name in self.objects if found == kind)

    # --- as the operator's client ---------------------------------------------------------------------

    async def get(self, ref: Ref) -> JsonObject | None:
        self.asked["get", ref.kind.kind] += 1
        return copy.deepcopy(self.objects.get((ref.kind, ref.namespace or "", ref.name)))

    async def list(
        self, kind: ResourceKind, namespace: str | None = None, *, label_selector: str | None = None, **_: Any
    ) -> Listing:
        self.asked["list", kind.kind] += 1
        self.lists.append((kind, label_selector or ""))
        wanted = dict(part.split("=") for part in (label_selector or "").split(",") if part)
        found = [
            copy.deepcopy(obj)
            for (known, _, _), obj in self.objects.items()
            if known == kind and wanted.items() <= (obj["metadata"].get("labels") or {}).items()
        ]
        return Listing(tuple(found), str(self.version))

    async def create(
        self, kind: ResourceKind, namespace: str | None, manifest: Mapping[str, Any]
    ) -> JsonObject:
        self.asked["create", kind.kind] += 1
        if (kind, namespace or "", manifest["metadata"]["name"]) in self.objects:
            raise errors.AlreadyExists(manifest["metadata"]["name"])
        return self.put(kind, manifest)

    async def patch(
        self,
        ref: Ref,
        body: Mapping[str, Any],
        *,
        uid: str,
        resource_version: str,
        subresource: str | None = None,
    ) -> JsonObject:
        self.asked["patch", ref.kind.kind] += 1
        live = self.objects.get((ref.kind, ref.namespace or "", ref.name))
        if live is None:
            raise errors.Vanished(ref.name)
        if live["metadata"]["uid"] != uid or live["metadata"]["resourceVersion"] != resource_version:
            raise errors.Conflict(ref.name)
        return self.change(ref.kind, ref.name, body)

    async def replace(self, ref: Ref, obj: Mapping[str, Any]) -> JsonObject:
        self.asked["replace", ref.kind.kind] += 1
        live = self.objects.get((ref.kind, ref.namespace or "", ref.name))
        if live is None:
            raise errors.Vanished(ref.name)
        if live["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise errors.Conflict(ref.name)
        return self.put(ref.kind, obj)

    async def delete(
        self,
        ref: Ref,
        *,
        uid: str,
        resource_version: str | None = None,
        propagation: Propagation = "Background",
    ) -> bool:
        self.asked["delete", ref.kind.kind] += 1
        live = self.objects.get((ref.kind, ref.namespace or "", ref.name))
        if live is None:
            return False
        if live["metadata"]["uid"] != uid:
            raise errors.Conflict(ref.name)
        del self.objects[ref.kind, ref.namespace or "", ref.name]
        self.version += 1
        gone = {**live, "metadata": {**live["metadata"], "resourceVersion": str(self.version)}}
        self.store.offer(ref.kind, "DELETED", gone)
        return True


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    known = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            known.pop(key, None)
        else:
            known[key] = _merged(known.get(key), value)
    return known
