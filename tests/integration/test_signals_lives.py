"""Scenarios and runs that come and go in the middle of an upgrade (row A41)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.harness.cluster import Cluster
from tests.harness.moments import (
    granted,
    hang,
    in_turns,
    let_go,
    looked_at,
    outcomes,
    two_runs,
    until_stopping,
)
from tests.harness.objects import compatible, run, scenario, sim, strategy

from dist import render

JsonObject = dict[str, Any]


def until_working(cluster: Cluster, name: str, version: str) -> None:
    """Wait until a run is on a version with a pod that is ready and no plan open, whatever else it says."""

    def look() -> bool:
        status = cluster.get("srun", name)["status"]
        there = (status.get("applied") or {}).get("version") == version and "upgrade" not in status
        return there and cluster.condition("srun", name, "Available").get("status") == "True"

    cluster.until(f"srun/{name} to work on {version}", look)


def test_a_run_whose_scenario_is_deleted_in_mid_upgrade_arrives_and_works_on(cluster: Cluster) -> None:
    """Given a run under way, when its Scenario goes, then it arrives, works on and says so, until there is one."""
    cluster.apply(in_turns("1.0.0"), run("a", "s"), run("pinned", "s", pinnedVersion="1.0.0"))
    cluster.until_settled("a", "1.0.0")
    cluster.until_settled("pinned", "1.0.0")
    hang(cluster, "a-1-0")
    cluster.apply(in_turns("2.0.0"))
    until_stopping(cluster, "a-1-0")

    cluster.patch("scn", "s", {"spec": {"deletionProtection": False}})
    cluster.delete("scn", "s")
    let_go(cluster, "a-1-0")

    until_working(cluster, "a", "2.0.0")
    for name in ("a", "pinned"):
        cluster.until_condition("srun", name, "ActionRequired", "True", "ScenarioNotFound")
        cluster.until_condition("srun", name, "Ready", "True", "ScenarioNotFound")
    cluster.until("its attempts to go", lambda: not cluster.list("supg"))
    pod = cluster.uid("pod", "a-1-0")
    cluster.delete("pod", "a-1-0")
    until_working(cluster, "a", "2.0.0")
    assert cluster.uid("pod", "a-1-0") != pod

    cluster.apply(in_turns("2.0.0"))
    cluster.until_settled("a", "2.0.0")
    cluster.until_condition("srun", "a", "ActionRequired", "False")
    cluster.apply(in_turns("3.0.0"))
    cluster.until_settled("a", "3.0.0")
    cluster.until_report("s")
    assert [outcomes(a["status"]) for a in cluster.list("supg")] == [{"a": "Upgraded"}]


def test_a_scenario_made_again_leads_on_a_run_that_went_back_before(cluster: Cluster) -> None:
    """Given a run that went back to v1, when its Scenario is deleted and made again as v3, then the run goes to v3."""
    once = strategy("InPlace", timeouts={"startSeconds": 2})
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=once, command=sim(neverStart=True)))
    cluster.until_condition("srun", "r", "RolledBack", "True")

    cluster.delete("scn", "s")
    cluster.until_condition("srun", "r", "ActionRequired", "True", "ScenarioNotFound")
    cluster.until("its attempts to go", lambda: not cluster.list("supg"))
    cluster.apply(scenario("s", "3.0.0", edges=compatible()))

    cluster.until_settled("r", "3.0.0")
    assert outcomes(cluster.until_report("s")) == {"r": "Upgraded"}
    assert len(cluster.list("supg")) == 1


def test_a_run_created_in_mid_rollout_starts_on_the_new_version(cluster: Cluster) -> None:
    """Given v2 under way, when a run is created, then it starts on v2 at once and is in nobody's way."""
    two_runs(cluster)
    cluster.apply(in_turns("2.0.0"))
    until_stopping(cluster, "a-1-0")

    cluster.apply(run("late", "s"))

    cluster.until_settled("late", "2.0.0")
    assert [i["version"] for i in cluster.get("srun", "late")["status"]["incarnations"]] == ["2.0.0"]
    assert granted(cluster) <= {"a"}
    let_go(cluster, "a-1-0")
    cluster.until_settled("b", "2.0.0")
    assert outcomes(cluster.until_report("s")) == {"a": "Upgraded", "b": "Upgraded"}


def test_a_run_replaced_under_its_name_in_mid_upgrade_starts_from_nothing(cluster: Cluster) -> None:
    """Given a run at Stop with a held report, when it is deleted and made again, then nothing of it is taken over."""
    two_runs(cluster)
    cluster.apply(in_turns("2.0.0", "Continuation", {"approval": "Never"}))
    until_stopping(cluster, "a-1-0")
    old = cluster.uid("srun", "a"), cluster.uid("pvc", "state-a-1-0"), cluster.uid("pod", "a-1-0")

    cluster.kubectl("replace", "--force", "-f", "-", stdin=json.dumps(run("a", "s")))
    let_go(cluster, "a-1-0")

    cluster.until("the old run to be told", lambda: cluster.get("supg", "s-1")["status"].get("runs"))
    status = cluster.until_settled("a", "2.0.0")["status"]
    new = cluster.uid("srun", "a"), cluster.uid("pvc", "state-a-1-0"), cluster.uid("pod", "a-1-0")
    assert not set(old) & set(new)
    assert (status["runID"], status["plans"], status.get("history", [])) == ("a-1", 1, [])
    assert "lastStop" not in status
    cluster.until_settled("b", "2.0.0")
    report = cluster.until_report("s")
    assert [(e["uid"], e["outcome"]) for e in report["runs"] if e["name"] == "a"] == [(old[0], "Cancelled")]


@contextmanager
def under_the_policies(cluster: Cluster) -> Iterator[None]:
    """Install the chart's admission policies for a while, and wait until they are enforced."""
    manifests = [each for each in render.helm_template() if not render.is_hook(each)]
    policies = [each for each in manifests if each["kind"].startswith("ValidatingAdmissionPolicy")]
    refs = [f"{each['kind']}/{each['metadata']['name']}" for each in policies]
    cluster.apply(*policies)
    try:
        yield
    finally:
        cluster.kubectl("delete", *refs, "--ignore-not-found")


def test_a41_a_scenario_in_use_cannot_be_deleted_and_its_runs_work_on(cluster: Cluster) -> None:
    """Given a Scenario with a run, when it is deleted, then that is refused with InUse and the run is untouched."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.until("the run to be counted", lambda: cluster.get("scn", "s")["status"]["runs"]["total"] == 1)

    def refusal() -> str:
        told = cluster.kubectl("delete", "scn", "s", "--dry-run=server", check=False)
        return told if "InUse" in told else ""

    with under_the_policies(cluster):
        cluster.until("the policies to be enforced", refusal)
        before = cluster.versions("pod/r-1-0", "sts/r-1", "pvc/state-r-1-0")
        told = cluster.kubectl("delete", "scn", "s", check=False)
        assert "InUse: Scenario s has 1 run" in told
        looked_at(cluster, "r")
        assert cluster.versions("pod/r-1-0", "sts/r-1", "pvc/state-r-1-0") == before
        cluster.until_settled("r", "1.0.0")

        cluster.apply(scenario("s", "2.0.0", edges=compatible()))
        cluster.until_settled("r", "2.0.0")
        cluster.delete("srun", "r")
        cluster.until("nobody to use it", lambda: cluster.get("scn", "s")["status"]["runs"]["total"] == 0)
        cluster.delete("scn", "s")
    assert cluster.find("scn", "s") is None
