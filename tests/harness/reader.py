"""Reads and writes objects of a bed over one open connection, with the requests that kubectl would make.

A kubectl costs a process, and discovery and schemas of the server, each time. Commands that a message tells its
reader to run, and all that a test says about kubectl itself, are run with kubectl.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import urllib3

from tests.harness.faults import Upstream

JsonObject = dict[str, Any]
_OWN = "apis/scenarios.dev/v1alpha1"
_RBAC = "apis/rbac.authorization.k8s.io/v1"
_PLURALS = MappingProxyType(
    {
        "scn": (_OWN, "scenarios"),
        "srun": (_OWN, "scenarioruns"),
        "supg": (_OWN, "scenarioupgrades"),
        "ustrat": (_OWN, "upgradestrategies"),
        "sts": ("apis/apps/v1", "statefulsets"),
        "statefulset": ("apis/apps/v1", "statefulsets"),
        "controllerrevision": ("apis/apps/v1", "controllerrevisions"),
        "controllerrevisions.apps": ("apis/apps/v1", "controllerrevisions"),
        "pod": ("api/v1", "pods"),
        "pvc": ("api/v1", "persistentvolumeclaims"),
        "configmap": ("api/v1", "configmaps"),
        "namespace": ("api/v1", "namespaces"),
        "serviceaccount": ("api/v1", "serviceaccounts"),
        "resourcequota": ("api/v1", "resourcequotas"),
        "job": ("apis/batch/v1", "jobs"),
        "role": (_RBAC, "roles"),
        "rolebinding": (_RBAC, "rolebindings"),
    }
)
"""Kinds by the words that tests use for them, in the singular; whatever is not here is a matter for kubectl."""


_SINGULAR = MappingProxyType(
    {
        "Scenario": "scn",
        "ScenarioRun": "srun",
        "ScenarioUpgrade": "supg",
        "UpgradeStrategy": "ustrat",
        "StatefulSet": "sts",
        "Pod": "pod",
        "PersistentVolumeClaim": "pvc",
        "ConfigMap": "configmap",
        "Namespace": "namespace",
        "ServiceAccount": "serviceaccount",
        "ResourceQuota": "resourcequota",
        "Job": "job",
        "Role": "role",
        "RoleBinding": "rolebinding",
    }
)
"""Those of them that tests apply, by their kind."""


class Reader:
    """What tests ask of the kinds that they know."""

    def __init__(self, kubeconfig: str) -> None:
        upstream = Upstream(kubeconfig)
        # A bed's server is restarted in the middle of some tests.
        retries = urllib3.Retry(
            total=5, backoff_factor=0.2, status_forcelist=(429, 503), allowed_methods=["GET"]
        )
        self._server = upstream.server
        self._pool = urllib3.PoolManager(ssl_context=upstream.tls, retries=retries, timeout=120)

    def find(self, kind: str, namespace: str, name: str) -> JsonObject | None:
        """Return an object, None when it does not exist."""
        return self._get(f"{_collection(kind, namespace)}/{quote(name)}")

    def list(self, kind: str, namespace: str, selector: str) -> list[JsonObject]:
        """Return the objects of a kind, like kubectl with kind and apiVersion in each."""
        query = f"?labelSelector={quote(selector)}" if selector else ""
        found = self._get(f"{_collection(kind, namespace)}{query}") or {}
        told = {"apiVersion": found.get("apiVersion"), "kind": str(found.get("kind")).removesuffix("List")}
        return [{**told, **item} for item in found.get("items") or []]

    def apply(self, namespace: str, obj: Mapping[str, Any], *, force: bool) -> None:
        """Apply an object, with the server's own merge and strict validation."""
        metadata = obj["metadata"]
        path = _collection(_SINGULAR[obj["kind"]], metadata.get("namespace", namespace))
        query = f"?fieldManager=kubectl&fieldValidation=Strict&force={str(force).lower()}"
        self._write("PATCH", f"{path}/{quote(metadata['name'])}{query}", obj, "application/apply-patch+yaml")

    def patch(self, kind: str, namespace: str, name: str, body: Mapping[str, Any]) -> None:
        """Merge-patch an object."""
        path = f"{_collection(kind, namespace)}/{quote(name)}?fieldManager=kubectl-patch"
        self._write("PATCH", path, body, "application/merge-patch+json")

    def delete(self, kind: str, namespace: str, name: str) -> str:
        """Delete an object, with what belongs to it after it; return its uid, "" when it is not there."""
        known = self.find(kind, namespace, name)
        if known is None:
            return ""
        uid = str(known["metadata"]["uid"])
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        path = f"{_collection(kind, namespace)}/{quote(name)}"
        self._write("DELETE", path, body, "application/json", forgiven=(404, 409))
        return uid

    def clear(self, namespace: str) -> None:
        """Delete the runs and Scenarios of a namespace; what belongs to them goes with them."""
        for kind in ("srun", "scn"):
            self._write("DELETE", _collection(kind, namespace), {}, "application/json")

    def _write(
        self, method: str, path: str, body: Mapping[str, Any], content: str, forgiven: Sequence[int] = ()
    ) -> None:
        headers = {"Content-Type": content}
        answer = self._pool.request(
            method, f"{self._server}/{path}", body=json.dumps(body).encode(), headers=headers
        )
        fine = answer.status < 300 or answer.status in forgiven
        assert fine, f"{method} {path}: {answer.data.decode(errors='replace')}"

    def _get(self, path: str) -> JsonObject | None:
        answer = self._pool.request("GET", f"{self._server}/{path}")
        if answer.status == 404:
            return None
        assert answer.status == 200, f"GET {path}: {answer.data.decode(errors='replace')}"
        found: JsonObject = json.loads(answer.data)
        return found


def appliable(kind: str) -> bool:
    """Say whether objects of this kind are applied here."""
    return kind in _SINGULAR


def known(kind: str) -> bool:
    """Say whether a kind is read here."""
    return _singular(kind) in _PLURALS


def reader(kubeconfig: str) -> Reader:
    """Return the reader of a kubeconfig as it is now: the next bed of that name has certificates of its own."""
    return _reader(kubeconfig, Path(kubeconfig).stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _reader(kubeconfig: str, _written: int) -> Reader:
    return Reader(kubeconfig)


def _collection(kind: str, namespace: str) -> str:
    group, plural = _PLURALS[_singular(kind)]
    if plural == "namespaces":
        return f"{group}/{plural}"
    return f"{group}/namespaces/{quote(namespace)}/{plural}"


def _singular(kind: str) -> str:
    return kind if kind in _PLURALS else kind.removesuffix("s")
