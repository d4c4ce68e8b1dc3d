"""A real API server refuses what the chart's admission policies are for, and nothing else.

Each refusal stands beside the closest request that must pass.
"""

import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from tests.harness import cluster as harness
from tests.harness.cluster import kubectl
from tests.harness.operator import Operator
from tests.unit.chart.charts import SETS, rendered

from dist import render
from scenario_operator.api import names

ANN = ("--as=ann", "--as-group=system:masters")
BOB = ("--as=bob", "--as-group=system:masters")

Body = dict[str, Any]


@dataclass(frozen=True)
class Cluster:
    """kubectl against the bed; `refused` gives the server's words."""

    kubeconfig: str

    def kubectl(self, *arguments: str, body: Body | list[Body] | None = None) -> str:
        done = self._run(arguments, body)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str, body: Body | None = None) -> str:
        done = self._run(arguments, body)
        assert done.returncode != 0, f"not refused: {done.stdout}"
        return done.stderr

    def get(self, *arguments: str) -> Body:
        found: Body = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def gone(self, *arguments: str) -> bool:
        return not self.kubectl("get", *arguments, "--ignore-not-found", "-o", "name").strip()

    def _run(
        self, arguments: tuple[str, ...], body: Body | list[Body] | None
    ) -> subprocess.CompletedProcess[str]:
        command = [kubectl(), "--kubeconfig", self.kubeconfig, *arguments]
        text = yaml.safe_dump_all(body if isinstance(body, list) else [body]) if body is not None else None
        return subprocess.run(command, check=False, capture_output=True, text=True, input=text)


@pytest.fixture(scope="module")
def cluster(sim_bed: harness.Cluster, shared_operator: Operator) -> Iterator[Cluster]:
    """A real API server with our kinds, under the chart's policies, and no operator that writes statuses."""
    shared_operator.stop()
    cluster = Cluster(sim_bed.kubeconfig)
    manifests = [each for each in render.helm_template() if not render.is_hook(each)]
    policies = [each for each in manifests if each["kind"].startswith("ValidatingAdmissionPolicy")]
    cluster.kubectl("apply", "-f", "-", body=policies)
    try:
        make_upgrade(cluster, "canary")
        make_scenario(cluster, "canary", runs=1)
        eventually(lambda: "must be the requesting user" in said(cluster, approve("canary", "nobody")))
        eventually(lambda: "InUse" in said(cluster, ("delete", "scenario", "canary", "--dry-run=server")))
        yield cluster
    finally:
        cluster.kubectl("delete", "-f", "-", body=policies)
        everything = ("delete", "scenarios,scenarioruns,scenarioupgrades", "--all", "-A")
        eventually(
            lambda: not cluster._run(everything, None).returncode
        )  # once it has forgotten the policies


def said(cluster: Cluster, arguments: tuple[str, ...]) -> str:
    return cluster._run(arguments, None).stderr


def eventually(true: Any) -> None:
    deadline = time.monotonic() + harness.PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def make(cluster: Cluster, kind: str, name: str, spec: Body, status: Body | None, namespace: str) -> None:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
    cluster.kubectl("create", "-f", "-", body=body)
    if status is not None:
        patch = json.dumps({"status": status})
        where = (names.PLURALS[kind], name, "-n", namespace)
        cluster.kubectl("patch", *where, "--subresource=status", "--type=merge", "-p", patch)


def make_scenario(
    cluster: Cluster, name: str, runs: int | None, namespace: str = "default", **spec: Any
) -> None:
    counts = {"runs": {"total": runs}} if runs is not None else None
    base = {"version": "1.0.0", "artifact": {"image": "registry.example/watch:1.0.0"}}
    make(cluster, names.SCENARIO, name, {**base, **spec}, counts, namespace)


def make_upgrade(cluster: Cluster, name: str, **spec: Any) -> None:
    base = {"scenarioRef": {"name": "watch"}, "revision": "watch-r1", "cause": "Revision"}
    make(cluster, names.UPGRADE, name, {**base, **spec}, None, "default")


def entry(plan: str, approver: str, reason: str | None = None) -> Body:
    return {"planHash": plan, "approver": approver, **({"reason": reason} if reason else {})}


def approvals(upgrade: str, *entries: Body) -> tuple[str, ...]:
    patch = json.dumps({"spec": {"approvals": list(entries)}})
    return ("patch", "scenarioupgrade", upgrade, "--type=merge", "--field-manager=scenario-cli", "-p", patch)


def approve(upgrade: str, approver: str) -> tuple[str, ...]:
    return (*approvals(upgrade, entry("abc", approver)), "--dry-run=server")


@pytest.fixture
def name() -> str:
    return f"x{uuid.uuid4().hex[:12]}"


def test_the_server_understands_every_expression(cluster: Cluster) -> None:
    """Its type checker has looked at the policies with our kinds at hand and warns of nothing."""

    def checked() -> bool:
        items = cluster.get("validatingadmissionpolicies")["items"]
        return all((each.get("status") or {}).get("observedGeneration") for each in items)

    eventually(checked)
    found = cluster.get("validatingadmissionpolicies")["items"]

    assert len(found) == 3
    assert [each["status"].get("typeChecking", {}) for each in found] == [{}, {}, {}]


@pytest.mark.parametrize("values", SETS)
def test_the_server_takes_every_manifest_of_the_chart(cluster: Cluster, values: str) -> None:
    """Given strict validation, when the chart is applied for trial, then no field is unknown and nothing is refused.

    But for the ServiceMonitor, whose kind is another project's.
    """
    manifests = [each for each in rendered(values) if each["kind"] != "ServiceMonitor"]
    for place in {each["metadata"].get("namespace", "default") for each in manifests} - {"default"}:
        if cluster.gone("namespace", place):
            cluster.kubectl("create", "namespace", place)

    told = cluster.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
        body=manifests,
    )

    assert len(told.splitlines()) == len(manifests)


# --- Deletion of a Scenario in use ----------------------------------------------------------------


def test_a_scenario_in_use_is_not_deleted(cluster: Cluster, name: str) -> None:
    """The message carries the reason, the number of runs and the command that lifts the protection."""
    make_scenario(cluster, name, runs=3)

    message = cluster.refused("delete", "scenario", name)

    assert f"InUse: Scenario {name} has 3 runs; delete its ScenarioRuns first" in message
    command = message[message.index("kubectl patch") :].strip()
    assert command == (
        f"kubectl patch scenario {name} -n default --field-manager=scenario-cli --type=merge"
        """ -p '{"spec":{"deletionProtection":false}}'"""
    )
    assert not cluster.gone("scenario", name)


def test_the_collection_is_no_way_around(cluster: Cluster) -> None:
    """A delete of a whole collection asks for each object."""
    cluster.kubectl("create", "namespace", "collected")
    make_scenario(cluster, "used", runs=1, namespace="collected")
    path = f"/apis/{names.API_VERSION}/namespaces/collected/{names.SCENARIOS}"

    assert "InUse: Scenario used has 1 run;" in cluster.refused("delete", "--raw", path)


def test_lifting_the_protection_lets_it_go(cluster: Cluster, name: str) -> None:
    make_scenario(cluster, name, runs=3)
    cluster.refused("delete", "scenario", name)
    cluster.kubectl(
        "patch", "scenario", name, "--type=merge", "-p", '{"spec": {"deletionProtection": false}}'
    )

    cluster.kubectl("delete", "scenario", name)

    assert cluster.gone("scenario", name)


@pytest.mark.parametrize("runs", [0, None], ids=["no runs", "never seen by the operator"])
def test_a_scenario_without_runs_is_deleted(cluster: Cluster, name: str, runs: int | None) -> None:
    make_scenario(cluster, name, runs=runs, deletionProtection=True)

    cluster.kubectl("delete", "scenario", name)

    assert cluster.gone("scenario", name)


def test_a_namespace_takes_its_scenarios_along(cluster: Cluster, name: str) -> None:
    cluster.kubectl("create", "namespace", name)
    make_scenario(cluster, "used", runs=3, namespace=name)

    cluster.kubectl("delete", "namespace", name, harness.PATIENCE)

    assert cluster.gone("namespace", name)


def test_in_a_namespace_that_ends_anybody_may_delete(cluster: Cluster, name: str) -> None:
    """A tool that deletes what it owns must not be held up by a namespace that is going anyway."""
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "namespace": name}}
    cluster.kubectl("create", "namespace", name)
    held["metadata"] |= {"finalizers": ["example.com/hold"]}  # type: ignore[operator]
    cluster.kubectl("create", "-f", "-", body=held)
    make_scenario(cluster, "used", runs=3, namespace=name)
    cluster.kubectl("delete", "namespace", name, "--wait=false")

    try:
        cluster.kubectl("delete", "scenario", "used", "-n", name, "--ignore-not-found")
    finally:
        cluster.kubectl(
            "patch", "configmap", "held", "-n", name, "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
        )


def test_the_garbage_collector_passes(cluster: Cluster, name: str) -> None:
    """An owner that is deleted takes a Scenario in use along."""
    cluster.kubectl("create", "configmap", name)
    owner = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": name,
        "uid": cluster.get("configmap", name)["metadata"]["uid"],
    }
    make_scenario(cluster, name, runs=3)
    patch = json.dumps({"metadata": {"ownerReferences": [owner]}})
    cluster.kubectl("patch", "scenario", name, "--type=merge", "-p", patch)

    cluster.kubectl("delete", "configmap", name)

    eventually(lambda: cluster.gone("scenario", name))


def test_a_scenario_in_use_is_edited_freely(cluster: Cluster, name: str) -> None:
    make_scenario(cluster, name, runs=3)

    cluster.kubectl("patch", "scenario", name, "--type=merge", "-p", '{"spec": {"version": "1.0.1"}}')


# --- Whose approval it is -------------------------------------------------------------------------


def test_ones_own_approval_is_accepted(cluster: Cluster, name: str) -> None:
    make_upgrade(cluster, name)

    cluster.kubectl(*approvals(name, entry("abc", "ann", "tried on staging")), *ANN)

    stored = cluster.get("scenarioupgrade", name)["spec"]["approvals"]
    assert stored == [entry("abc", "ann", "tried on staging")]


def test_an_approval_in_somebody_elses_name_is_refused(cluster: Cluster, name: str) -> None:
    make_upgrade(cluster, name)

    message = cluster.refused(*approvals(name, entry("abc", "ann")), *BOB)

    assert "approver of plan abc must be the requesting user bob, not ann" in message
    assert "approvals" not in cluster.get("scenarioupgrade", name)["spec"]


def test_an_attempt_is_not_created_with_a_foreign_approval(cluster: Cluster, name: str) -> None:
    spec = {
        "scenarioRef": {"name": "w"},
        "revision": "w-r1",
        "cause": "Revision",
        "approvals": [entry("abc", "ann")],
    }
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.UPGRADE,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }

    assert "must be the requesting user" in cluster.refused("create", "-f", "-", *BOB, body=body)
    cluster.kubectl("create", "-f", "-", *ANN, body=body)


def test_approvals_of_others_stay_untouched(cluster: Cluster, name: str) -> None:
    """Adding one's own, suspending, and withdrawing do not ask about what was there."""
    make_upgrade(cluster, name)
    cluster.kubectl(*approvals(name, entry("abc", "ann", "why")), *ANN)

    cluster.kubectl(*approvals(name, entry("abc", "ann", "why"), entry("def", "bob")), *BOB)
    cluster.kubectl("patch", "scenarioupgrade", name, "--type=merge", "-p", '{"spec":{"suspend":true}}', *BOB)
    cluster.kubectl(*approvals(name, entry("def", "bob")), *BOB)

    assert cluster.get("scenarioupgrade", name)["spec"]["approvals"] == [entry("def", "bob")]


@pytest.mark.parametrize(
    "changed",
    [entry("def", "ann", "why"), entry("abc", "ann", "another reason"), entry("abc", "ann")],
    ids=["plan", "reason", "no reason"],
)
def test_an_approval_of_another_is_not_changed(cluster: Cluster, name: str, changed: Body) -> None:
    make_upgrade(cluster, name)
    cluster.kubectl(*approvals(name, entry("abc", "ann", "why")), *ANN)

    assert "must be the requesting user bob" in cluster.refused(*approvals(name, changed), *BOB)


def test_taking_an_approval_over_means_giving_ones_own(cluster: Cluster, name: str) -> None:
    make_upgrade(cluster, name)
    cluster.kubectl(*approvals(name, entry("abc", "ann")), *ANN)

    cluster.kubectl(*approvals(name, entry("abc", "bob")), *BOB)


def test_the_largest_list_stays_within_the_cost_limit(cluster: Cluster, name: str) -> None:
    """A policy that runs out of its budget would refuse what is right."""
    own = [entry(f"{number:x}".rjust(64, "f"), "ann", "w" * 1024) for number in range(126)]
    make_upgrade(cluster, name)
    found = cluster.get("scenarioupgrade", name)

    def holding(*entries: Body) -> Body:
        """An unconditional replacement; a patch of this size does not fit a command line."""
        metadata = {"name": name, "namespace": "default"}
        return {**found, "metadata": metadata, "spec": {**found["spec"], "approvals": list(entries)}}

    cluster.kubectl("replace", "-f", "-", *ANN, body=holding(*own))
    cluster.kubectl("replace", "-f", "-", *BOB, body=holding(*own, entry("def", "bob")))
    message = cluster.refused(
        "replace", "-f", "-", *BOB, body=holding(*own, entry("def", "bob"), entry("ghi", "ann"))
    )

    assert "approver of plan ghi must be the requesting user bob, not ann" in message


def test_an_abort_has_to_name_the_attempt_that_is_meant(cluster: Cluster, name: str) -> None:
    """Given an abort with another uid, when it is asked for, then it is refused with the uid that is right."""
    make_upgrade(cluster, name)
    uid = cluster.get("scenarioupgrade", name)["metadata"]["uid"]

    def abort(value: str) -> tuple[str, ...]:
        patch = json.dumps({"spec": {"abort": value}})
        return ("patch", "scenarioupgrade", name, "--type=merge", "-p", patch, "--dry-run=server")

    assert f"spec.abort: must be the uid of this object, {uid}" in cluster.refused(*abort("another"))
    cluster.kubectl(*abort(uid))
