"""The kinds that we read or write, and how to name one object of them.

A plain table instead of discovery at run time: what the operator may touch is known when it is written, and
the RBAC rules of the chart are checked against this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from scenario_operator.api import names

JsonObject: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One resource of the API server; `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """As in a manifest's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The URL path of one object, or of a collection; without a namespace, of all namespaces."""
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if namespace is not None:
            parts.append(f"namespaces/{quote(namespace, safe='')}")
        parts.append(self.plural)
        parts.extend(quote(part, safe="") for part in (name, subresource) if part is not None)
        return "/".join(parts)

    def __str__(self) -> str:
        return self.kind


@dataclass(frozen=True, slots=True)
class Ref:
    """The address of one object; says nothing about its identity, which is its uid."""

    kind: ResourceKind
    namespace: str | None
    name: str

    @classmethod
    def to(cls, kind: ResourceKind, obj: Mapping[str, Any]) -> "Ref":
        """The address of an object that was read."""
        metadata = obj["metadata"]
        return cls(kind, metadata.get("namespace"), metadata["name"])

    @property
    def path(self) -> str:
        """Its URL path."""
        return self.kind.path(self.namespace, self.name)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


SCENARIO: Final = ResourceKind(names.GROUP, names.VERSION, names.SCENARIOS, names.SCENARIO)
RUN: Final = ResourceKind(names.GROUP, names.VERSION, names.RUNS, names.RUN)
STRATEGY: Final = ResourceKind(names.GROUP, names.VERSION, names.STRATEGIES, names.STRATEGY)
UPGRADE: Final = ResourceKind(names.GROUP, names.VERSION, names.UPGRADES, names.UPGRADE)

STATEFUL_SET: Final = ResourceKind("apps", "v1", "statefulsets", "StatefulSet")
POD: Final = ResourceKind("", "v1", "pods", "Pod")
CLAIM: Final = ResourceKind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
JOB: Final = ResourceKind("batch", "v1", "jobs", "Job")
CONFIG_MAP: Final = ResourceKind("", "v1", "configmaps", "ConfigMap")
CONTROLLER_REVISION: Final = ResourceKind("apps", "v1", "controllerrevisions", "ControllerRevision")
LEASE: Final = ResourceKind("coordination.k8s.io", "v1", "leases", "Lease")
EVENT: Final = ResourceKind("events.k8s.io", "v1", "events", "Event")

#: Kinds that people write.
OWN_KINDS: Final = (SCENARIO, RUN, STRATEGY, UPGRADE)
#: Kinds that we write, watched only where our label is on them; but for pods, since anybody's may mount a claim.
CHILD_KINDS: Final = (STATEFUL_SET, POD, JOB, CLAIM, CONFIG_MAP, CONTROLLER_REVISION)
WATCHED_KINDS: Final = (*OWN_KINDS, *CHILD_KINDS)
MANAGED_SELECTOR: Final = f"{names.LABEL_MANAGED_BY}={names.CONTROLLER}"


def selector_of(kind: ResourceKind) -> str | None:
    """The label selector that every list and watch of a kind uses, so that both see the same objects."""
    return MANAGED_SELECTOR if kind in CHILD_KINDS and kind != POD else None
