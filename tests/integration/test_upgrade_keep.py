"""State that can be kept is kept (acceptance rows A1, A49, A50)."""

from __future__ import annotations

from tests.harness.cluster import Cluster
from tests.harness.objects import compatible, run, scenario, strategy


def test_a1_a_compatible_upgrade_replaces_the_pod_and_keeps_the_state(cluster: Cluster) -> None:
    """Given a run on v1, when a compatible v2 is applied, then pod and version change and the claim stays."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    before = cluster.until_settled("r", "1.0.0")
    pod = cluster.get("pod", "r-1-0")["metadata"]["uid"]
    claim = cluster.get("pvc", "state-r-1-0")["metadata"]["uid"]

    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=strategy("InPlace")))
    after = cluster.until_settled("r", "2.0.0")

    assert cluster.get("pod", "r-1-0")["metadata"]["uid"] != pod
    assert cluster.get("pvc", "state-r-1-0")["metadata"]["uid"] == claim
    assert after["status"]["runID"] == before["status"]["runID"] == "r-1"
    assert cluster.condition("srun", "r", "UpToDate")["status"] == "True"
    report = cluster.until(
        "the report", lambda: (cluster.latest_attempt("s").get("status") or {}).get("runs")
    )
    assert [entry["outcome"] for entry in report] == ["Upgraded"]


def test_a49_a_compatible_upgrade_never_drops_state_whatever_the_strategy_says(cluster: Cluster) -> None:
    """Given strategy ForwardOnly, when v2 is declared compatible, then nothing is reverted or deleted."""
    forward = strategy("ForwardOnly")
    cluster.apply(scenario("s", "1.0.0", strategy=forward), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    claim = cluster.get("pvc", "state-r-1-0")["metadata"]["uid"]

    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=forward))
    cluster.until_settled("r", "2.0.0")

    group = cluster.latest_attempt("s")["status"]["groups"][0]
    assert group["steps"] == ["Stop(live)", "Start(live)", "Verify(live)", "Commit"]
    assert not group["destructive"]
    assert cluster.get("pvc", "state-r-1-0")["metadata"]["uid"] == claim


def test_a50_a_change_of_config_restarts_on_the_same_state_without_consent(cluster: Cluster) -> None:
    """Given a run on v1, when only the environment changes, then the pod gets it and nobody is asked."""
    destructive = strategy("ForwardOnly", approval="Destructive")
    cluster.apply(scenario("s", "1.0.0", strategy=destructive), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    claim = cluster.get("pvc", "state-r-1-0")["metadata"]["uid"]

    changed = scenario("s", "1.0.0", strategy=destructive)
    changed["spec"]["workload"]["env"] = [{"name": "COLOUR", "value": "blue"}]
    cluster.apply(changed)

    def coloured() -> bool:
        pod = cluster.find("pod", "r-1-0") or {"spec": {"containers": [{}]}}
        env = pod["spec"]["containers"][0].get("env") or []
        return {"name": "COLOUR", "value": "blue"} in env

    cluster.until("the new environment", coloured)
    cluster.until_settled("r", "1.0.0")
    assert cluster.get("pvc", "state-r-1-0")["metadata"]["uid"] == claim
    assert not (cluster.latest_attempt("s")["spec"].get("approvals"))
