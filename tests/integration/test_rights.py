"""The chart's rights are those that the operator needs: none is missing, and none that changes anything is spare."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.harness.cluster import Cluster
from tests.harness.objects import compatible, incompatible, run, scenario, sim, strategy
from tests.harness.operator import running

from dist import render

JsonObject = dict[str, Any]
Right = tuple[str, str]
"""A verb and a resource, with its subresource."""

ACCOUNT = "operator"
READS = {"get", "list", "watch"}


def rules() -> list[JsonObject]:
    """Return what the chart lets the operator do, wherever it stands."""
    roles = [
        each
        for each in render.helm_template()
        if each["kind"] in ("ClusterRole", "Role") and not render.is_hook(each)
    ]
    chosen = [r for r in roles if r["metadata"]["labels"]["app.kubernetes.io/component"] == "operator"]
    return [rule for role in chosen for rule in role["rules"]]


def granted() -> set[Right]:
    """Return every right of the chart that changes something."""
    return {
        (verb, resource) for rule in rules() for resource in rule["resources"] for verb in rule["verbs"]
    } - {(verb, resource) for rule in rules() for resource in rule["resources"] for verb in READS}


def asked(cluster: Cluster) -> list[tuple[Right, int]]:
    """Return what the account asked for, with the answer's code, from the audit log."""
    user = f"system:serviceaccount:{cluster.namespace}:{ACCOUNT}"
    found: list[tuple[Right, int]] = []
    for line in cluster.audit.read_text().splitlines():
        if user not in line:
            continue
        entry = json.loads(line)
        about = entry.get("objectRef") or {}
        if entry.get("user", {}).get("username") != user or "resource" not in about:
            continue
        resource = "/".join(x for x in (about["resource"], about.get("subresource")) if x)
        found.append(((entry["verb"], resource), entry.get("responseStatus", {}).get("code", 0)))
    return found


@pytest.fixture
def limited(unserved: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """A namespace that is served by an operator with the chart's rights and no others."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": ACCOUNT}}
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": unserved.namespace}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT}
    unserved.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}},
        {**role, "kind": "Role", "rules": rules()},
        {**role, "kind": "RoleBinding", "roleRef": ref, "subjects": [subject]},
    )
    configuration = yaml.safe_load(unserved.kubectl("config", "view", "--raw", "--flatten"))
    configuration["users"][0]["user"] = {"token": unserved.kubectl("create", "token", ACCOUNT).strip()}
    path = tmp_path / "limited.kubeconfig"
    path.write_text(yaml.safe_dump(configuration))
    weak = Cluster(str(path), unserved.namespace)
    more = ("--namespace", unserved.namespace, "--lease-namespace", unserved.namespace)
    with running(weak, tmp_path / "operator.log", *more):
        yield unserved


def everything(version: str, **more: Any) -> JsonObject:
    """Return a version with files and all hooks, of which one finished attempt is kept."""
    made = scenario("s", version, upgrade={"historyLimit": 1}, **more)
    made["spec"]["artifact"]["configMapRef"] = {"name": "rules"}
    made["spec"]["hooks"] |= {hook: {"command": sim()} for hook in ("validate", "preflight", "verify")}
    return made


def test_a_whole_life_uses_every_right_of_the_chart_and_asks_for_no_other(limited: Cluster) -> None:
    """Given the chart's rules, when a run lives through all plans, then no right is missing or idle."""
    files = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "rules"}, "data": {"a": "1"}}
    limited.apply(files, everything("1.0.0"), run("r", "s"))
    limited.until_settled("r", "1.0.0")

    both = {"state": "2", "accepts": ["1", "2"], "edges": compatible(reversible=False)}
    limited.apply(everything("2.0.0", **both))
    limited.until_settled("r", "2.0.0")
    forward = strategy("ForwardOnly", approval="Never")
    limited.apply(everything("3.0.0", state="3", edges=incompatible(), strategy=forward))
    limited.until_settled("r", "3.0.0")

    limited.until("the oldest attempt was trimmed", lambda: limited.find("supg", "s-1") is None)
    limited.until(
        "no revision is kept for nothing", lambda: limited.find("controllerrevision", "s-r1") is None
    )
    seen = asked(limited)
    assert [right for right, code in seen if code == 403] == []
    used = {right for right, code in seen if 200 <= code < 300}
    assert granted() - used == set(), "rights that nothing used"
