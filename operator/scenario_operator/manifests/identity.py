"""Whose object it is: the names and labels of owned objects, and the reference to their owner, written and read.

The uid decides. A run that was deleted and made again under its old name owns nothing of its predecessor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject


class Component(StrEnum):
    """What an owned object is for; the value of its component label."""

    WORKLOAD = "workload"
    STATE = "state"
    RESULTS = "results"
    HOOK = "hook"
    PROBE = "probe"
    REVISION = "revision"
    ARTIFACT = "artifact"


class Handle(NamedTuple):
    """Identity and version of a live object, as an effect's precondition."""

    uid: str
    version: str


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The run that an object belongs to, and the Scenario it follows."""

    namespace: str
    name: str
    uid: str
    scenario: str

    def labels(self, component: Component, incarnation: int = 0) -> dict[str, str]:
        """Return the labels of an object of this run; 0: it belongs to no incarnation."""
        labels = {
            names.LABEL_MANAGED_BY: names.CONTROLLER,
            names.LABEL_SCENARIO: self.scenario,
            names.LABEL_RUN: self.name,
            names.LABEL_RUN_UID: self.uid,
            names.LABEL_COMPONENT: component.value,
        }
        return labels | ({names.LABEL_INCARNATION: str(incarnation)} if incarnation else {})

    def metadata(self, name: str, labels: dict[str, str], annotations: dict[str, str]) -> JsonObject:
        """Return the metadata of an object that this run owns."""
        metadata: JsonObject = {
            "name": name,
            "namespace": self.namespace,
            "labels": labels,
            "ownerReferences": [_owner(names.API_VERSION, names.RUN, self.name, self.uid)],
        }
        return metadata | ({"annotations": annotations} if annotations else {})

    def owns(self, obj: Mapping[str, Any]) -> bool:
        """Say whether an object names this run as its owner."""
        return any(o.get("uid") == self.uid for o in obj["metadata"].get("ownerReferences") or ())

    def labelled(self, obj: Mapping[str, Any]) -> bool:
        """Say whether an object carries this run's uid; labels can be edited."""
        return bool((obj["metadata"].get("labels") or {}).get(names.LABEL_RUN_UID) == self.uid)


@dataclass(frozen=True, slots=True)
class ScenarioIdentity:
    """The Scenario that an object belongs to. `uid` "": the object outlives it, so it has no owner."""

    namespace: str
    name: str
    uid: str = ""

    def labels(self, component: Component) -> dict[str, str]:
        """Return the labels of an object of this Scenario; no run's controller reacts to it."""
        return {
            names.LABEL_MANAGED_BY: names.CONTROLLER,
            names.LABEL_SCENARIO: self.name,
            names.LABEL_COMPONENT: component.value,
        }

    def metadata(self, name: str, labels: dict[str, str]) -> JsonObject:
        """Return the metadata of an object of this Scenario, owned by it if its uid is known."""
        metadata: JsonObject = {"name": name, "namespace": self.namespace, "labels": labels}
        if self.uid:
            owner = _owner(names.API_VERSION, names.SCENARIO, self.name, self.uid)
            metadata["ownerReferences"] = [owner]
        return metadata


def handle(obj: Mapping[str, Any]) -> Handle:
    """Return the identity and version of an object that was read."""
    return Handle(obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])


def owned_by_revision(name: str, uid: str) -> JsonObject:
    """Return the reference to a ControllerRevision as owner."""
    return _owner("apps/v1", "ControllerRevision", name, uid)


def _owner(api_version: str, kind: str, name: str, uid: str) -> JsonObject:
    """Point to an owner. Never blocking: that would need the right to update finalizers of the owner."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
