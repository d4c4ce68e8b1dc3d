"""What other people put into a cluster and into our way: quotas, admission policies, webhooks that are down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.harness.cluster import Cluster

JsonObject = dict[str, Any]
_CANARY = "is-it-in-force"


class Quota:
    """A ResourceQuota of a namespace; `allow` changes it, and returns when it is in force."""

    def __init__(self, cluster: Cluster, **hard: int) -> None:
        self._cluster = cluster
        body = {"metadata": {"name": "narrow"}, "spec": {"hard": _amounts(hard)}}
        cluster.apply({"apiVersion": "v1", "kind": "ResourceQuota", **body})
        self._until_in_force(hard)

    def allow(self, **hard: int) -> None:
        """Set the bounds anew."""
        self._cluster.patch("resourcequota", "narrow", {"spec": {"hard": _amounts(hard)}})
        self._until_in_force(hard)

    def _until_in_force(self, hard: Mapping[str, int]) -> None:
        def look() -> bool:
            status = self._cluster.get("resourcequota", "narrow").get("status") or {}
            return bool(status.get("hard", {}).items() >= _amounts(hard).items())

        self._cluster.until("the quota to be in force", look)


def _amounts(hard: Mapping[str, int]) -> dict[str, str]:
    return {name: str(amount) for name, amount in hard.items()}


@contextmanager
def policy(cluster: Cluster, resource: str, allowed: str, message: str) -> Iterator[None]:
    """Refuse writes of a resource (`apps/statefulsets`, `pods`) in the namespace, but where CEL says it is allowed."""
    group, _, plural = resource.rpartition("/")
    name = f"{cluster.namespace}-{plural}"
    canary = f"object.metadata.name != '{_CANARY}'"
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "namespaceSelector": _only(cluster),
            "resourceRules": [_rule(group, plural), _rule("", "configmaps")],
        },
        "validations": [
            {
                "expression": f"request.resource.resource == 'configmaps' ? {canary} : ({allowed})",
                "message": message,
            }
        ],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    made = [
        _cluster_wide("ValidatingAdmissionPolicy", name, spec=spec),
        _cluster_wide("ValidatingAdmissionPolicyBinding", name, spec=binding),
    ]
    with _in_force(cluster, made, message):
        yield


@contextmanager
def broken_webhook(cluster: Cluster, resource: str) -> Iterator[None]:
    """Have a webhook asked about every write of a resource in the namespace whose server is down."""
    group, _, plural = resource.rpartition("/")
    name = f"{cluster.namespace}-{plural}"
    hook = {
        "name": "down.vendor.example",
        "clientConfig": {"url": "https://127.0.0.1:1/judge"},
        "rules": [_rule(group, plural), _rule("", "configmaps")],
        "namespaceSelector": _only(cluster),
        "matchConditions": [
            {
                "name": "asked",
                "expression": f"request.kind.kind != 'ConfigMap' || request.name == '{_CANARY}'",
            }
        ],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    with _in_force(
        cluster,
        [_cluster_wide("ValidatingWebhookConfiguration", name, webhooks=[hook])],
        "down.vendor.example",
    ):
        yield


@contextmanager
def _in_force(cluster: Cluster, made: list[JsonObject], words: str) -> Iterator[None]:
    """Make objects that refuse the canary with these words, for as long as the block lasts."""

    def said() -> str:
        return cluster.kubectl("create", "configmap", _CANARY, "--dry-run=server", check=False)

    cluster.apply(*made)
    try:
        cluster.until("the refusal to be in force", lambda: words in said())
        yield
    finally:
        for obj in reversed(made):
            cluster.delete(obj["kind"], obj["metadata"]["name"])
    cluster.until("the refusal to be gone", lambda: words not in said())


def _only(cluster: Cluster) -> JsonObject:
    return {"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace}}


def _rule(group: str, plural: str) -> JsonObject:
    operations = ["CREATE", "UPDATE"]
    return {"apiGroups": [group], "apiVersions": ["v1"], "operations": operations, "resources": [plural]}


def _cluster_wide(kind: str, name: str, **body: Any) -> JsonObject:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        **body,
    }
