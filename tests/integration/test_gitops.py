"""The operator beside a tool that keeps applying what Git says.

Neither takes a field from the other (row A72), and what was applied is what lives (row A118).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from tests.bench.audit import Audit
from tests.harness.cluster import PATIENCE, ROOT, Cluster, kubectl
from tests.harness.objects import API, incompatible, run, scenario, stored_strategy, strategy
from tests.unit.api.samples import BARE_ITEMS

JsonObject = dict[str, Any]
RUNS = ("a", "b", "c", "d")
KINDS = {"scenarios", "scenarioruns", "upgradestrategies", "scenarioupgrades"}
OPERATOR, GIT, PERSON = "scenario-operator", "gitops", "scenario-cli"


def manifests(version: str, state: str) -> list[JsonObject]:
    """Return everything that Git holds, at one version."""
    careful = stored_strategy("careful", strategy("ForwardOnly", rollout={"maxConcurrent": 2}))
    policy = {"upgrade": {"strategyRef": {"name": "careful"}}}
    wanted = scenario("s", version, state=state, edges=incompatible(), strategy=None, **policy)
    wanted["metadata"] |= {"labels": {"team": "tides"}, "annotations": {"example.com/commit": version}}
    return [careful, wanted, *(run(name, "s") for name in RUNS)]


def synchronise(cluster: Cluster, objects: list[JsonObject]) -> None:
    """Apply server-side as Argo CD and Flux do; raises `AssertionError` on a conflict."""
    text = "\n---\n".join(json.dumps(obj) for obj in objects)
    cluster.kubectl("apply", "--server-side", f"--field-manager={GIT}", "-f", "-", stdin=text)


def waiting(cluster: Cluster, *args: str) -> subprocess.Popen[str]:
    """Start `kubectl wait`."""
    place = [kubectl(), "--kubeconfig", cluster.kubeconfig, "-n", cluster.namespace]
    return subprocess.Popen(
        [*place, "wait", PATIENCE, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def managers(obj: Mapping[str, Any]) -> dict[tuple[str, str], JsonObject]:
    """Return what each manager owns of an object, apart for each subresource."""
    entries = obj["metadata"]["managedFields"]
    return {(entry["manager"], entry.get("subresource", "")): entry["fieldsV1"] for entry in entries}


def test_a72_what_git_applies_again_and_again_meets_no_conflict_and_the_operator_owns_nothing_of_it(
    cluster: Cluster,
) -> None:
    """Given manifests applied server-side in a loop, when a version rolls out, then nobody is in anybody's way.

    `kubectl wait` ends, and of users' objects the operator has written the status alone.
    """
    if not cluster.bed:
        pytest.skip("a cluster that is not ours shows no audit log")
    audit = Audit(cluster)
    synchronise(cluster, manifests("1.0.0", "1"))
    cluster.kubectl("wait", PATIENCE, "--for=condition=RolledOut", "scn/s")
    cluster.kubectl("wait", PATIENCE, "--for=condition=Ready", "srun", "--all")

    after = manifests("2.0.0", "2")
    synchronise(cluster, after)
    rolled_out = waiting(cluster, "--for=condition=RolledOut", "scn/s")
    asks = cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    cluster.carry_out(asks["message"])
    times = 0
    while rolled_out.poll() is None:
        synchronise(cluster, after)
        times += 1
    assert rolled_out.returncode == 0, rolled_out.communicate()[0]
    assert times > 1
    cluster.kubectl("wait", PATIENCE, "--for=condition=Ready", "srun", "--all")
    synchronise(cluster, after)

    for name in RUNS:
        assert cluster.get("srun", name)["status"]["applied"]["version"] == "2.0.0"
    for kind in ("scn", "srun"):
        for obj in cluster.list(kind):
            owned = managers(obj)
            assert owned.keys() == {(GIT, ""), (OPERATOR, "status")}, obj["metadata"]["name"]
            assert owned[OPERATOR, "status"].keys() == {"f:status"}
    assert managers(cluster.get("ustrat", "careful")).keys() == {(GIT, "")}
    assert cluster.get("scn", "s")["metadata"]["generation"] == 2

    owned = managers(cluster.get("supg", "s-1"))
    assert owned.keys() == {(OPERATOR, ""), (OPERATOR, "status"), (PERSON, "")}
    assert owned[PERSON, ""].keys() == {"f:spec"}
    assert owned[OPERATOR, "status"].keys() == {"f:status"}
    assert "f:approvals" not in owned[OPERATOR, ""]["f:spec"]
    written = [call for call in audit.writes(cluster.namespace) if call.resource in KINDS]
    assert [call for call in written if call.subresource != "status"] == [
        call for call in written if (call.verb, call.resource) == ("create", "scenarioupgrades")
    ]
    assert sum(call.verb == "create" for call in written) == 1


# --- What was applied is what lives ---------------------------------------------------------------


def shipped() -> list[JsonObject]:
    """Return every object of the examples, and a Scenario with every kind of list item as short as it may be."""
    files = sorted(ROOT.glob("examples/*/manifests/*.yaml"))
    found = [body for path in files for body in yaml.safe_load_all(path.read_text(encoding="utf-8")) if body]
    assert len(found) > len(files) > 3
    return [*found, {"apiVersion": API, "kind": "Scenario", "metadata": {"name": "bare"}, "spec": BARE_ITEMS}]


def merged(live: Any, git: Any) -> Any:
    """Return what a JSON merge patch makes of a live object: a list is one value."""
    if isinstance(live, dict) and isinstance(git, dict):
        return {**live, **{key: merged(live.get(key), value) for key, value in git.items()}}
    return git


@pytest.mark.parametrize("how", [("--server-side",), ()], ids=["server-side", "client-side"])
def test_a118_what_ships_is_in_sync_with_what_was_applied(space: Cluster, how: tuple[str, ...]) -> None:
    """Given the examples, when they are applied, then merging them into what lives changes nothing.

    That is how Argo CD decides, unless it is told to ask the server.
    """
    for body in shipped():
        space.kubectl("apply", *how, "-f", "-", stdin=json.dumps(body))
        live = space.get(body["kind"].lower(), body["metadata"]["name"])["spec"]
        assert merged(live, body["spec"]) == live, body["metadata"]["name"]
