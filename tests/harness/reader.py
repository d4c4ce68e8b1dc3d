"""Reads objects of a bed over one open connection: waiting by kubectl costs a process for every look.

What a user does (apply, patch, wait, delete) stays with kubectl; this is only how a test looks again and again.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import urllib3

from tests.harness.faults import Upstream

JsonObject = dict[str, Any]
_OWN = "apis/scenarios.dev/v1alpha1"
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
        "job": ("apis/batch/v1", "jobs"),
    }
)
"""Kinds by the words that tests use for them, in the singular; whatever is not here is a matter for kubectl."""


class Reader:
    """Get and list, for the kinds that tests wait for."""

    def __init__(self, kubeconfig: str) -> None:
        upstream = Upstream(kubeconfig)
        # A bed's server is restarted in the middle of some tests.
        retries = urllib3.Retry(
            total=5, backoff_factor=0.2, status_forcelist=(429, 503), allowed_methods=["GET"]
        )
        self._server = upstream.server
        self._pool = urllib3.PoolManager(ssl_context=upstream.tls, retries=retries, timeout=30)

    def find(self, kind: str, namespace: str, name: str) -> JsonObject | None:
        """Return an object, None when it does not exist."""
        return self._get(f"{_collection(kind, namespace)}/{quote(name)}")

    def list(self, kind: str, namespace: str, selector: str) -> list[JsonObject]:
        """Return the objects of a kind, like kubectl with kind and apiVersion in each."""
        query = f"?labelSelector={quote(selector)}" if selector else ""
        found = self._get(f"{_collection(kind, namespace)}{query}") or {}
        told = {"apiVersion": found.get("apiVersion"), "kind": str(found.get("kind")).removesuffix("List")}
        return [{**told, **item} for item in found.get("items") or []]

    def _get(self, path: str) -> JsonObject | None:
        answer = self._pool.request("GET", f"{self._server}/{path}")
        if answer.status == 404:
            return None
        assert answer.status == 200, f"GET {path}: {answer.data.decode(errors='replace')}"
        found: JsonObject = json.loads(answer.data)
        return found


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
    return f"{group}/namespaces/{quote(namespace)}/{plural}"


def _singular(kind: str) -> str:
    return kind if kind in _PLURALS else kind.removesuffix("s")
