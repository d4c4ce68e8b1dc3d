"""Whose object it is: the names and labels of owned objects, and the reference to their owner.

The uid decides. A run that was deleted and made again under its old name owns nothing of its predecessor.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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
