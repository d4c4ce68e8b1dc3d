"""What others make and change beside a run: it is never touched, and nothing of the run comes to harm by it."""

from __future__ import annotations

from typing import Any

from tests.harness.cluster import Cluster
from tests.harness.objects import incompatible, run, scenario, sim, strategy

JsonObject = dict[str, Any]
MINE = {"app": "mine"}


def a_pod(name: str, *volumes: JsonObject) -> JsonObject:
    """Return a pod of somebody's."""
    container = {"name": "c", "image": "registry.test/x:1", "command": sim()}
    spec = {"containers": [container], "volumes": list(volumes)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": MINE}, "spec": spec}


def a_set(name: str) -> JsonObject:
    """Return a StatefulSet of somebody's."""
    template = {"metadata": {"labels": MINE}, "spec": a_pod("x")["spec"]}
    spec = {"replicas": 1, "serviceName": name, "selector": {"matchLabels": MINE}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": spec}


def look_again(cluster: Cluster, name: str) -> None:
    """Wake the run: nothing tells of a stranger that goes, so it would be looked for within 30 s only."""
    cluster.kubectl("annotate", "srun", name, "tests/woken=now")


def test_a_statefulset_of_somebody_else_under_our_next_name_is_left_alone(cluster: Cluster) -> None:
    """Given a stranger r-2, when r-1 is upgraded by Continuation, then it waits and says so, and goes on without it."""
    cluster.apply(a_set("r-2"), scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    stranger = cluster.uid("pod", "r-2-0")

    never = strategy("Continuation", approval="Never")
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), state="2", strategy=never))
    cluster.until(
        "the reason to be told",
        lambda: "StatefulSet r-2, which is not of" in cluster.condition("srun", "r", "Ready")["message"],
    )
    assert cluster.get("sts", "r-2")["spec"]["replicas"] == 1
    assert cluster.uid("pod", "r-2-0") == stranger

    cluster.delete("sts", "r-2")
    look_again(cluster, "r")
    cluster.until_settled("r", "2.0.0")
    assert cluster.get("srun", "r")["status"]["runID"] == "r-2"


def test_a_workload_that_somebody_scaled_up_has_one_pod_again(cluster: Cluster) -> None:
    """Given kubectl scale --replicas=2, when upkeep sees it, then the second pod on the same state goes."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    first = cluster.uid("pod", "r-1-0")
    cluster.kubectl("scale", "sts/r-1", "--replicas=2")
    cluster.until("one replica again", lambda: cluster.get("sts", "r-1")["spec"]["replicas"] == 1)
    cluster.until("the second pod to go", lambda: cluster.find("pod", "r-1-1") is None)
    assert cluster.uid("pod", "r-1-0") == first


def test_a_stopped_run_does_not_start_beside_a_pod_that_looks_into_its_state(cluster: Cluster) -> None:
    """Given a debug pod on the state of a stopped run, when the run is to start, then it waits for that pod to go."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s", desiredState="Running"))
    cluster.until_settled("r", "1.0.0")
    cluster.patch("srun", "r", {"spec": {"desiredState": "Stopped"}})
    cluster.until_condition("srun", "r", "Ready", "True", "Stopped")
    cluster.until("the pod to be gone", lambda: cluster.find("pod", "r-1-0") is None)

    state = {"name": "state", "persistentVolumeClaim": {"claimName": "state-r-1-0"}}
    cluster.apply(a_pod("debug", state))
    cluster.patch("srun", "r", {"spec": {"desiredState": "Running"}})
    cluster.until(
        "the reason to be told",
        lambda: (
            "which is not of this run and mounts its claim"
            in cluster.condition("srun", "r", "Ready")["message"]
        ),
    )
    assert cluster.get("sts", "r-1")["spec"]["replicas"] == 0

    cluster.delete("pod", "debug")
    look_again(cluster, "r")
    cluster.until("the run to work again", lambda: cluster.get("sts", "r-1")["spec"]["replicas"] == 1)
    cluster.until_condition("srun", "r", "Ready", "True", "UpToDate")
