"""What a bad version may cost: the first run goes alone, and what failed is not started again.

Acceptance rows A104, A105, A115 and A120.
"""

from __future__ import annotations

from typing import Any

from tests.harness.cluster import Cluster
from tests.harness.objects import compatible, incompatible, run, scenario, sim, strategy

THREE = ("a", "b", "c")
CRASHING = sim(crashAfter=0.2)


def pods(cluster: Cluster) -> dict[str, str]:
    return {name: cluster.uid("pod", f"{name}-1-0") for name in THREE}


def test_a120_a_compatible_version_that_crashes_stops_one_run_only(cluster: Cluster) -> None:
    """Given three runs, when a version crash-loops, then only the first was touched; a fixed version reaches all."""
    cluster.apply(scenario("s", "1.0.0"), *(run(name, "s") for name in THREE))
    for name in THREE:
        cluster.until_settled(name, "1.0.0")
    before = pods(cluster)
    hasty = strategy(
        "InPlace", timeouts={"startSeconds": 10, "verifySeconds": 10}, verify={"stableSeconds": 8}
    )
    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=hasty, command=CRASHING))

    cluster.until_condition("srun", "a", "RolledBack", "True")
    cluster.until_condition("scn", "s", "Stalled", "True", "CanaryFailed")
    asked = cluster.until_condition("scn", "s", "ActionRequired", "True", "CanaryFailed")["message"]
    assert asked.endswith(f"; see: kubectl -n {cluster.namespace} describe srun a")
    cluster.until_condition("supg", "s-1", "Stalled", "True", "CanaryFailed")
    for name in ("b", "c"):
        cluster.until_condition("srun", name, "UpToDate", "False", "CanaryFailed")
        cluster.until_condition("srun", name, "Available", "True")
    assert pods(cluster)["b"] == before["b"]
    assert pods(cluster)["c"] == before["c"]
    assert cluster.get("supg", "s-1")["status"]["wave"]["canaries"] == [cluster.uid("srun", "a")]

    cluster.apply(scenario("s", "2.0.1", edges=compatible()))
    cluster.until_published("s", "2.0.1")
    for name in THREE:
        cluster.until_settled(name, "2.0.1")
    cluster.until_condition("scn", "s", "RolledOut", "True")


def test_without_canaries_all_go_at_once(cluster: Cluster) -> None:
    """Given canary.runs 0, when a version never starts, then more than the first run is led to it."""
    cluster.apply(scenario("s", "1.0.0"), *(run(name, "s") for name in THREE))
    for name in THREE:
        cluster.until_settled(name, "1.0.0")
    bold = strategy("InPlace", rollout={"canary": {"runs": 0}})
    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=bold, command=sim(neverStart=True)))
    for name in THREE:
        cluster.until_condition("srun", name, "Reconciling", "True", "Start")


def images(cluster: Cluster) -> set[str]:
    """Return the images that workloads of the run have now."""
    return {
        container["image"]
        for workload in cluster.list("sts")
        for container in workload["spec"]["template"]["spec"]["containers"]
    }


def broken_past_return(cluster: Cluster, approval: str) -> Any:
    """Lead run r past the point of no return to 2.0.0, which never starts; return the strategy."""
    asked = strategy("ForwardOnly", approval=approval, timeouts={"startSeconds": 2})
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.apply(
        scenario(
            "s", "2.0.0", edges=incompatible(), strategy=asked, command=sim(neverStart=True, report=None)
        )
    )
    cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    cluster.carry_out(cluster.condition("scn", "s", "ActionRequired")["message"])
    cluster.until_condition("srun", "r", "ActionRequired", "True", "PastPointOfNoReturn")
    return asked


def test_a104_a_fix_past_the_point_of_no_return_starts_and_what_failed_never_does_again(
    cluster: Cluster,
) -> None:
    """Given 2.0.0 that never starts, when 2.0.1 comes under Always, then it starts unasked, and 2.0.0 not once more."""
    asked = broken_past_return(cluster, "Always")

    cluster.apply(scenario("s", "2.0.1", edges=incompatible(), strategy=asked))
    status = cluster.until_settled("r", "2.0.1")["status"]

    assert [entry["outcome"] for entry in status["history"]][:1] == ["Superseded"]
    assert [i["version"] for i in status["incarnations"]] == ["1.0.0", "2.0.0", "2.0.1"]
    assert [a["metadata"]["name"] for a in cluster.list("supg")] == ["s-1"]
    assert cluster.condition("scn", "s", "ActionRequired")["status"] == "False"
    newest = cluster.get("scn", "s")["status"]
    assert newest["activeRevision"] == newest["latestRevision"]


def test_a105_a_hook_that_was_consented_to_is_not_dropped_by_a_fix(cluster: Cluster) -> None:
    """Given a revert hook that fails, when a fix is published, then it is tried on until a person gives it up."""
    asked = strategy("ForwardOnly", retry={"maxAttempts": 1, "backoffSeconds": 1})
    first = scenario("s", "1.0.0")
    first["spec"]["hooks"]["revert"] = {"command": sim(exit=1, message="no licence")}
    cluster.apply(first, run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=asked))
    cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    cluster.carry_out(cluster.condition("scn", "s", "ActionRequired")["message"])
    cluster.until_condition("srun", "r", "ActionRequired", "True", "PastPointOfNoReturn")

    cluster.apply(scenario("s", "2.0.1", edges=incompatible(), strategy=asked))

    def replacing() -> str:
        message = cluster.condition("srun", "r", "ActionRequired")["message"]
        return message if "2.0.1 starts only after this hook" in message else ""

    told = cluster.until("the run to say what publishing does not do", replacing)
    tries = cluster.get("srun", "r")["status"]["upgrade"]["attempts"][0]["count"]
    cluster.until(
        "further tries",
        lambda: cluster.get("srun", "r")["status"]["upgrade"]["attempts"][0]["count"] > tries + 1,
    )
    assert "no licence" in told
    cluster.patch("supg", "s-1", {"spec": {"skipRevert": True}})
    status = cluster.until_settled("r", "2.0.1")["status"]
    assert status["history"][0]["loss"]["revertSkipped"] is True
    assert next(i for i in status["incarnations"] if i["number"] == 1)["results"] == "Kept"


def test_a115_what_is_rejected_before_it_begins_touches_nobody(cluster: Cluster) -> None:
    """Given an attempt that waits for consent, when it is rejected, then all stays, newcomers get the old version."""
    asked = strategy("InPlace", approval="Always")
    cluster.apply(scenario("s", "1.0.0"), run("a", "s"))
    cluster.until_settled("a", "1.0.0")
    before = cluster.uid("pod", "a-1-0")
    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=asked))
    cluster.until_condition("scn", "s", "Ready", "True", "AwaitingApproval")

    cluster.patch("supg", "s-1", {"spec": {"reject": "breaks the reports"}})

    cluster.until_condition("scn", "s", "Ready", "True", "Rejected")
    cluster.until_condition("scn", "s", "RolledOut", "False", "Rejected")
    told = cluster.until_condition("srun", "a", "UpToDate", "False", "Rejected")
    assert "breaks the reports" in told["message"]
    report = cluster.until_report("s")
    assert [(r["outcome"], r["reason"]) for r in report["runs"]] == [("Skipped", "Rejected")]
    cluster.apply(run("b", "s"))
    cluster.until_condition("srun", "b", "Available", "True")
    assert cluster.get("srun", "b")["status"]["applied"]["version"] == "1.0.0"
    assert cluster.uid("pod", "a-1-0") == before
    assert len(cluster.list("supg")) == 1

    cluster.apply(scenario("s", "2.0.1", edges=compatible()))
    for name in ("a", "b"):
        cluster.until_settled(name, "2.0.1")
