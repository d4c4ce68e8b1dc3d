"""Bad surroundings: told with a reason and the next command, nothing lost, and on again when the cause is gone."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from tests.harness.cluster import Cluster
from tests.harness.moments import PATIENT, hang, let_go, until_stopping
from tests.harness.objects import compatible, incompatible, run, scenario, sim, strategy
from tests.harness.obstacles import Quota, broken_webhook, policy

JsonObject = dict[str, Any]
MINE = "scenarios.dev/run=r"


def red(version: str, **more: Any) -> JsonObject:
    """Return a compatible version whose pods carry a label that a policy can object to."""
    workload = {"podLabels": {"team": "red"}, **more.pop("workload", {})}
    return scenario("s", version, edges=compatible(), workload=workload, **more)


def on_v1(cluster: Cluster, **more: Any) -> dict[str, str]:
    """Bring up a run on v1, and return the versions of what holds its state."""
    cluster.apply(scenario("s", "1.0.0", **more), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    return cluster.versions("pvc/state-r-1-0")


def refused(cluster: Cluster, words: str) -> JsonObject:
    """Wait until the run says that something is refused, in these words, with a command that can be run."""
    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "Refused")
    assert words in seen["message"]
    assert cluster.condition("srun", "r", "Degraded")["status"] == "True"
    assert cluster.condition("srun", "r", "Ready")["status"] == "False"
    cluster.carry_out(seen["message"])
    return seen


def asked_and_approved(cluster: Cluster) -> None:
    """Wait until the plan to the newest version waits for consent, and give it."""
    cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    cluster.carry_out(cluster.condition("scn", "s", "ActionRequired")["message"])


def nudge(cluster: Cluster, ref: str = "scn/s") -> None:
    """Have an object looked at now, not within the half minute in which everything that waits is."""
    cluster.kubectl("annotate", "--overwrite", ref, f"test/look={time.monotonic()}")


# --- Quotas ---------------------------------------------------------------------------------------------


def test_a_claim_beyond_the_quota_is_told_and_made_as_soon_as_there_is_room(cluster: Cluster) -> None:
    """Given no room for claims, when a run is created, then it says so and starts by itself once there is."""
    quota = Quota(cluster, persistentvolumeclaims=0)
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))

    refused(cluster, "exceeded quota: narrow")
    assert cluster.list("pods", MINE) == []

    quota.allow(persistentvolumeclaims=2)
    cluster.until_settled("r", "1.0.0")
    assert cluster.condition("srun", "r", "ActionRequired")["status"] == "False"
    assert cluster.condition("srun", "r", "Degraded") == {}


def test_a_pod_beyond_the_quota_is_told_in_mid_upgrade_and_made_as_soon_as_there_is_room(
    cluster: Cluster,
) -> None:
    """Given no room for the new pod, when v2 is to start, then the run says so, keeps its state, and goes on."""
    before = on_v1(cluster)
    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=strategy("InPlace", approval="Always")))
    cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    quota = Quota(cluster, pods=0)
    asked_and_approved(cluster)

    refused(cluster, "exceeded quota: narrow")
    assert cluster.versions("pvc/state-r-1-0") == before

    quota.allow(pods=2)
    cluster.until_settled("r", "2.0.0")
    assert cluster.versions("pvc/state-r-1-0") == before


def test_a_hook_beyond_the_quota_is_told_and_run_as_soon_as_there_is_room(cluster: Cluster) -> None:
    """Given no room for the hook's pod, when results are to be reverted, then the run says so, and goes on."""
    on_v1(cluster)
    forward = strategy("ForwardOnly", approval="Always")
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=forward))
    cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    quota = Quota(cluster, pods=0)
    asked_and_approved(cluster)

    cluster.until(
        "the quota to be named",
        lambda: "exceeded quota: narrow" in cluster.condition("srun", "r", "ActionRequired")["message"],
    )
    assert cluster.get("pvc", "state-r-1-0")["metadata"].get("deletionTimestamp") is None

    quota.allow(pods=2)
    cluster.until_settled("r", "2.0.0")
    assert cluster.until_report("s")["runs"][0]["loss"]["resultsReverted"] == 3


def test_without_room_for_the_probe_a_version_is_not_published_and_the_scenario_says_so(
    cluster: Cluster,
) -> None:
    """Given no room for a probe, when v2 is applied, then the Scenario says why, and v1 works on untouched."""
    on_v1(cluster)
    before = cluster.versions("srun/r", "pod/r-1-0", "sts/r-1", "pvc/state-r-1-0")
    quota = Quota(cluster, pods=1)

    cluster.apply(scenario("s", "2.0.0", edges=compatible()))

    seen = cluster.until_condition("scn", "s", "ActionRequired", "True", "Refused")
    assert "exceeded quota: narrow" in seen["message"]
    cluster.until_condition("scn", "s", "Stalled", "True", "Refused")
    cluster.carry_out(seen["message"])
    assert cluster.versions("srun/r", "pod/r-1-0", "sts/r-1", "pvc/state-r-1-0") == before

    quota.allow(pods=2)
    nudge(cluster)
    cluster.until_settled("r", "2.0.0")


# --- Admission of others --------------------------------------------------------------------------------


def test_a_policy_that_refuses_our_pods_is_told_and_the_upgrade_goes_on_when_it_is_gone(
    cluster: Cluster,
) -> None:
    """Given a policy against the pods of v2, when it is rolled out, then the run says who refuses, and goes on."""
    before = on_v1(cluster)

    with policy(cluster, "pods", "!('team' in object.metadata.labels)", "nothing red in here"):
        cluster.apply(red("2.0.0"))
        refused(cluster, "nothing red in here")
        assert cluster.versions("pvc/state-r-1-0") == before

    cluster.until_settled("r", "2.0.0")
    assert cluster.versions("pvc/state-r-1-0") == before


def test_a_policy_that_refuses_our_workloads_is_told_and_the_old_version_comes_back(cluster: Cluster) -> None:
    """Given a policy against the workload of v2, when startSeconds pass, then v1 is back, and retry gets through."""
    before = on_v1(cluster)
    impatient = strategy("InPlace", timeouts={"startSeconds": 20})
    colour = "!('team' in object.spec.template.metadata.labels)"

    with policy(cluster, "apps/statefulsets", colour, "nothing red in here"):
        cluster.apply(red("2.0.0", strategy=impatient))
        refused(cluster, "nothing red in here")
        cluster.until_condition("srun", "r", "RolledBack", "True")
        cluster.until_condition("srun", "r", "Available", "True")
        seen = cluster.condition("srun", "r", "ActionRequired")
        assert "nothing red in here" in seen["message"]
        assert cluster.versions("pvc/state-r-1-0") == before

    cluster.carry_out(seen["message"])
    cluster.until_settled("r", "2.0.0")


def test_past_the_point_of_no_return_a_refusal_is_told_too(cluster: Cluster) -> None:
    """Given no room for the new claim, when the old one is gone, then the refusal is in the message, and it goes on."""
    on_v1(cluster)
    forward = strategy("ForwardOnly", approval="Always", timeouts={"startSeconds": 2})
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=forward))
    cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    quota = Quota(cluster, persistentvolumeclaims=1)
    asked_and_approved(cluster)

    def told() -> bool:
        seen = cluster.condition("srun", "r", "ActionRequired")
        return seen["reason"] == "PastPointOfNoReturn" and "exceeded quota: narrow" in seen["message"]

    cluster.until("the refusal to be told", told)

    quota.allow(persistentvolumeclaims=2)
    nudge(cluster, "srun/r")
    cluster.until_settled("r", "2.0.0")


@pytest.mark.parametrize("resource", ["persistentvolumeclaims", "apps/statefulsets"])
def test_a_webhook_of_others_that_is_down_is_told_and_waited_for(cluster: Cluster, resource: str) -> None:
    """Given a webhook whose server is down, when a run is created, then it says which, and starts when that is gone."""
    cluster.apply(scenario("s", "1.0.0"))
    cluster.until_published("s", "1.0.0")

    with broken_webhook(cluster, resource):
        cluster.apply(run("r", "s"))
        refused(cluster, "down.vendor.example")
        assert cluster.list("pods", MINE) == []

    cluster.until_settled("r", "1.0.0")


def test_a_webhook_of_others_that_is_down_stops_publishing_and_the_scenario_says_so(cluster: Cluster) -> None:
    """Given a webhook for pods whose server is down, when v2 is applied, then the Scenario says which it is."""
    on_v1(cluster)
    before = cluster.versions("srun/r", "pod/r-1-0", "sts/r-1", "pvc/state-r-1-0")

    with broken_webhook(cluster, "pods"):
        cluster.apply(scenario("s", "2.0.0", edges=compatible()))
        seen = cluster.until_condition("scn", "s", "ActionRequired", "True", "Refused")
        assert "down.vendor.example" in seen["message"]
        assert cluster.versions("srun/r", "pod/r-1-0", "sts/r-1", "pvc/state-r-1-0") == before

    nudge(cluster)
    cluster.until_settled("r", "2.0.0")


# --- Storage --------------------------------------------------------------------------------------------


def test_without_a_storage_class_the_run_says_so_and_starts_when_there_is_one(cluster: Cluster) -> None:
    """Given a class that does not exist, when a run is created, then it says so, and starts once it does."""
    made = f"late-{cluster.namespace}"
    short = strategy("InPlace", timeouts={"startSeconds": 3})
    stored = scenario("s", "1.0.0", strategy=short)
    stored["spec"]["state"]["volume"]["storageClassName"] = made
    cluster.apply(stored, run("r", "s"))

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StartTimeout")
    assert "unbound immediate PersistentVolumeClaims" in seen["message"]
    claim = cluster.uid("pvc", "state-r-1-0")

    sim_class = cluster.get("storageclass", "sim")
    kept = ("apiVersion", "kind", "provisioner", "reclaimPolicy", "volumeBindingMode")
    cluster.apply({**{key: sim_class[key] for key in kept}, "metadata": {"name": made}})
    try:
        cluster.until_settled("r", "1.0.0")
    finally:
        cluster.delete("storageclass", made)
    assert cluster.uid("pvc", "state-r-1-0") == claim


def hold_claim(cluster: Cluster, *finalizers: str) -> None:
    """Let finalizers of others hold the state claim."""
    cluster.patch("pvc", "state-r-1-0", {"metadata": {"finalizers": list(finalizers) or None}})


def test_a_claim_that_is_being_deleted_under_a_working_run_is_told_and_no_upgrade_lets_it_go(
    cluster: Cluster,
) -> None:
    """Given the claim deleted by hand, when v2 comes, then the pod, which alone keeps the claim, is not stopped."""
    on_v1(cluster)
    cluster.delete("pvc", "state-r-1-0", "--wait=false")
    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StateOutOfSync")
    assert "somebody deleted the state claim of incarnation 1" in seen["message"]
    cluster.until_condition("srun", "r", "Degraded", "True", "StateOutOfSync")
    cluster.carry_out(seen["message"])
    volume = cluster.get("pvc", "state-r-1-0")["spec"]["volumeName"]
    assert cluster.get("pv", volume)["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    before = cluster.versions("pvc/state-r-1-0", "pod/r-1-0", "sts/r-1")

    cluster.apply(scenario("s", "2.0.0", edges=compatible()))
    cluster.until("the plan to be open", lambda: cluster.get("srun", "r")["status"].get("upgrade"))
    cluster.until_condition("srun", "r", "Stalled", "True", "StateOutOfSync")
    assert cluster.versions("pvc/state-r-1-0", "pod/r-1-0", "sts/r-1") == before
    cluster.delete("pv", volume, "--wait=false")


def test_a_claim_that_is_being_deleted_is_waited_for_and_never_replaced_by_an_empty_one(
    cluster: Cluster,
) -> None:
    """Given a stopped run whose claim is being deleted, when it is to start, then it does not, then or later."""
    on_v1(cluster)
    cluster.patch("srun", "r", {"spec": {"desiredState": "Stopped"}})
    cluster.until_condition("srun", "r", "Available", "False", "Stopped")
    hold_claim(cluster, "backup.example/snapshot")
    cluster.delete("pvc", "state-r-1-0", "--wait=false")
    cluster.until_condition("srun", "r", "ActionRequired", "True", "StateOutOfSync")

    cluster.patch("srun", "r", {"spec": {"desiredState": "Running"}})
    cluster.until("the plan to be open", lambda: cluster.get("srun", "r")["status"].get("upgrade"))
    cluster.until_condition("srun", "r", "ActionRequired", "True", "StateOutOfSync")
    assert cluster.list("pods", MINE) == []

    hold_claim(cluster)
    cluster.until("the claim to be gone", lambda: cluster.find("pvc", "state-r-1-0") is None)
    seen = cluster.until(
        "the loss to be told",
        lambda: "is gone" in (c := cluster.condition("srun", "r", "ActionRequired"))["message"] and c,
    )
    assert seen["reason"] == "StateOutOfSync"
    assert cluster.list("pods", MINE) == []
    assert cluster.find("pvc", "state-r-1-0") is None


def test_a_new_run_waits_for_the_claim_of_its_deleted_namesake_to_go(cluster: Cluster) -> None:
    """Given a deleted run whose claim is held, when it is made again, then it waits, and gets a claim of its own."""
    on_v1(cluster, strategy=strategy("InPlace", timeouts={"startSeconds": 3}))
    hold_claim(cluster, "backup.example/snapshot")
    old = cluster.uid("pvc", "state-r-1-0")
    cluster.delete("srun", "r")
    cluster.until("the old pod to be gone", lambda: cluster.find("pod", "r-1-0") is None)

    cluster.apply(run("r", "s"))
    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StartTimeout")
    assert "being deleted" in seen["message"]
    assert cluster.list("pods", MINE) == []

    hold_claim(cluster)
    cluster.until_settled("r", "1.0.0")
    assert cluster.uid("pvc", "state-r-1-0") != old


# --- Files of the artifact ------------------------------------------------------------------------------


def rules(content: str) -> JsonObject:
    """Return the ConfigMap of an artifact."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "rules"},
        "data": {"rules.txt": content},
    }


def with_files(version: str, **more: Any) -> JsonObject:
    """Return a version whose artifact has files."""
    made = scenario("s", version, edges=compatible(), **more)
    made["spec"]["artifact"]["configMapRef"] = {"name": "rules"}
    return made


def mounted(cluster: Cluster) -> JsonObject:
    """Return the copy of the files that the pod mounts."""
    volumes = cluster.get("pod", "r-1-0")["spec"]["volumes"]
    [name] = [v["configMap"]["name"] for v in volumes if v["name"] == "artifact"]
    return cluster.get("configmap", name)


def test_files_edited_in_place_never_reach_a_run_under_the_same_label(cluster: Cluster) -> None:
    """Given a run on v1, when the ConfigMap is edited, then ConfigMapChanged: the run keeps its copy, v2 gets it."""
    cluster.apply(rules("one"), with_files("1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    copy = mounted(cluster)
    assert (copy["immutable"], copy["data"]) == (True, {"rules.txt": "one"})
    names = ("srun/r", "pod/r-1-0", "sts/r-1", f"configmap/{copy['metadata']['name']}")
    before = cluster.versions(*names)

    cluster.apply(rules("two"))
    nudge(cluster)
    seen = cluster.until_condition("scn", "s", "Valid", "False", "ConfigMapChanged")
    assert seen["message"].startswith("spec.artifact.configMapRef")
    asked = cluster.until_condition("scn", "s", "ActionRequired", "True", "ConfigMapChanged")
    assert f"kubectl -n {cluster.namespace} " in asked["message"]
    assert cluster.versions(*names) == before

    cluster.apply(with_files("2.0.0"))
    cluster.until_settled("r", "2.0.0")
    assert mounted(cluster)["data"] == {"rules.txt": "two"}


def test_files_edited_in_place_and_back_change_nothing(cluster: Cluster) -> None:
    """Given a ConfigMap edited under a run, when it is edited back, then all is valid and no run was written."""
    cluster.apply(rules("one"), with_files("1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions("srun/r", "pod/r-1-0", "sts/r-1")
    cluster.apply(rules("two"))
    nudge(cluster)
    cluster.until_condition("scn", "s", "Valid", "False", "ConfigMapChanged")

    cluster.apply(rules("one"))

    nudge(cluster)
    cluster.until_condition("scn", "s", "Valid", "True")
    assert cluster.versions("srun/r", "pod/r-1-0", "sts/r-1") == before


def test_files_edited_before_any_run_are_a_new_revision(cluster: Cluster) -> None:
    """Given v1 without runs, when its ConfigMap is edited, then a new revision under the label, and runs get that."""
    cluster.apply(rules("one"), with_files("1.0.0"))
    first = cluster.until_published("s", "1.0.0")["status"]["latestRevision"]

    cluster.apply(rules("two"))
    cluster.until("a new revision", lambda: cluster.get("scn", "s")["status"]["latestRevision"] != first)

    cluster.apply(run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    assert mounted(cluster)["data"] == {"rules.txt": "two"}


def test_a_copy_of_the_files_that_is_lost_is_made_again(cluster: Cluster) -> None:
    """Given the run's copy deleted by hand, when it is missed, then it is there again, as it was."""
    cluster.apply(rules("one"), with_files("1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    name = mounted(cluster)["metadata"]["name"]

    cluster.delete("configmap", name)

    nudge(cluster)
    cluster.until("the copy to be back", lambda: cluster.find("configmap", name))
    assert mounted(cluster)["data"] == {"rules.txt": "one"}


# --- Hooks that never end -------------------------------------------------------------------------------


HOOK_SECONDS = 15
"""The time of a hook that is to end within it at last, on a busy machine too."""


def endless(again: str, **more: Any) -> JsonObject:
    """Return a hook that never ends within its time, but in the Jobs whose names contain `again`."""
    command = sim(runFor=3600, inPods={again: {"runFor": 0}}, **more)
    return {"command": command, "timeoutSeconds": HOOK_SECONDS}


def test_a_validate_hook_that_never_ends_refuses_the_version(cluster: Cluster) -> None:
    """Given v2 whose validate hook never ends, when its time is up, then ValidationFailed says so, runs untouched."""
    on_v1(cluster)
    before = cluster.versions("srun/r", "pod/r-1-0", "sts/r-1")

    stuck = scenario("s", "2.0.0", edges=compatible())
    stuck["spec"]["hooks"]["validate"] = {"command": sim(runFor=3600), "timeoutSeconds": 2}
    cluster.apply(stuck)

    seen = cluster.until_condition("scn", "s", "Valid", "False", "ValidationFailed")
    assert seen["message"].startswith("spec.hooks.validate: it did not end within 2 s")
    asked = cluster.until_condition("scn", "s", "ActionRequired", "True", "ValidationFailed")
    assert f"kubectl -n {cluster.namespace} " in asked["message"]
    assert cluster.versions("srun/r", "pod/r-1-0", "sts/r-1") == before


def test_a_validate_hook_whose_pod_is_lost_refuses_nothing_and_runs_again(cluster: Cluster) -> None:
    """Given v2 whose validate hook runs, when its pod is deleted as with its node, then another one lets v2 through."""
    on_v1(cluster)
    lengthy = scenario("s", "2.0.0", edges=compatible())
    lengthy["spec"]["hooks"]["validate"] = {"command": sim(runFor=3600)}
    cluster.apply(lengthy)

    def running(but: str = "") -> str:
        pods = cluster.list("pods", "scenarios.dev/hook=validate")
        names = [p["metadata"]["name"] for p in pods if p["status"].get("phase") == "Running"]
        return next((name for name in names if name != but), "")

    first = cluster.until("the hook's pod", running)
    (job,) = cluster.list("jobs", "scenarios.dev/hook=validate")
    cluster.behave(first, exit=137)
    cluster.delete("pod", first, "--wait=false")

    cluster.behave(cluster.until("another one", lambda: running(first)), runFor=0)
    cluster.until_settled("r", "2.0.0")
    made = [w for w in cluster.writes() if w[:2] == ("create", "jobs") and w[2] == job["metadata"]["name"]]
    assert len(made) == 2


@pytest.mark.parametrize("hook", ["preflight", "verify"])
def test_a_hook_that_never_ends_takes_the_run_back(cluster: Cluster, hook: str) -> None:
    """Given v2 with a hook that never ends, when its time is up, then v1 works again; retry can get through."""
    before = on_v1(cluster)
    once = strategy("InPlace", retry={"maxAttempts": 1, "backoffSeconds": 1})
    stuck = scenario("s", "2.0.0", edges=compatible(), strategy=once)
    stuck["spec"]["hooks"][hook] = endless(again="-p3-")
    cluster.apply(stuck)

    cluster.until_condition("srun", "r", "RolledBack", "True")
    seen = cluster.condition("srun", "r", "ActionRequired")
    assert f"it did not end within {HOOK_SECONDS} s" in seen["message"]
    cluster.until_condition("srun", "r", "Available", "True")
    assert cluster.get("srun", "r")["status"]["applied"]["version"] == "1.0.0"
    assert cluster.versions("pvc/state-r-1-0") == before

    cluster.carry_out(seen["message"])
    cluster.until_settled("r", "2.0.0")


def test_a_revert_hook_that_never_ends_waits_with_its_results_unreverted(cluster: Cluster) -> None:
    """Given a revert hook that never ends, when its time is up, then the run asks; retry can get through."""
    on_v1(cluster, hooks={"revert": endless(again="-live-1", message='{"reverted": 7}')})
    forward = strategy("ForwardOnly", approval="Never", retry={"maxAttempts": 1, "backoffSeconds": 3600})
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=forward))

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "PastPointOfNoReturn")
    assert f"it did not end within {HOOK_SECONDS} s" in seen["message"]
    assert cluster.get("pvc", "state-r-1-0")["metadata"].get("deletionTimestamp") is None

    cluster.carry_out(seen["message"])
    cluster.until_settled("r", "2.0.0")
    assert cluster.until_report("s")["runs"][0]["loss"]["resultsReverted"] == 7


# --- Reports --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "left"), [("2", ["2"]), ("9", ["1", "2"]), ("not a format", ["1", "2"]), (7, ["1", "2"])]
)
def test_a_report_narrows_the_formats_only_to_one_that_the_claim_can_have(
    cluster: Cluster, told: object, left: list[str]
) -> None:
    """Given state in format 1 or 2, when the report names a format, then only one of these is believed."""
    on_v1(cluster)
    words = {"processedUntil": "$now", "stateVersion": told}
    both = {"state": "2", "accepts": ["1", "2"], "edges": compatible()}
    cluster.apply(scenario("s", "2.0.0", command=sim(report=words), **both))
    cluster.until_settled("r", "2.0.0")
    assert cluster.get("srun", "r")["status"]["applied"]["formats"] == ["1", "2"]

    cluster.apply(scenario("s", "3.0.0", **both))
    cluster.until_settled("r", "3.0.0")

    stamped = cluster.get("pvc", "state-r-1-0")["metadata"]["annotations"]["scenarios.dev/state-formats"]
    assert json.loads(stamped) == left


# --- Pods that vanish during Stop -----------------------------------------------------------------------


def stopping(cluster: Cluster) -> None:
    """Begin a Continuation to v2, and return while v1 is stopping, until it is let go, with its report held."""
    words = {"processedUntil": "2026-01-02T03:04:05Z", "stateVersion": "1"}
    slow = {**PATIENT, "command": sim(report=words)}
    on_v1(cluster, workload=slow)
    hang(cluster, "r-1-0")
    continuing = strategy("Continuation", approval="Never")
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=continuing, workload=slow))
    until_stopping(cluster, "r-1-0")
    assert "scenarios.dev/report" in cluster.get("pod", "r-1-0")["metadata"]["finalizers"]


def evict(cluster: Cluster, pod: str) -> None:
    """Ask for an eviction, as a drain of the node does."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}/eviction"
    cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(body))


def test_a_pod_that_is_evicted_during_stop_still_hands_over_its_report(cluster: Cluster) -> None:
    """Given v1 that is stopping, when its pod is evicted and deleted, then its report is there all the same."""
    stopping(cluster)

    evict(cluster, "r-1-0")
    cluster.delete("pod", "r-1-0", "--wait=false")
    let_go(cluster, "r-1-0")

    window = cluster.until_settled("r", "2.0.0")["status"]["window"]
    assert window["outputActionsFrom"] == "2026-01-02T03:04:05Z"


def test_a_pod_that_is_evicted_just_before_stop_is_followed_by_one_that_reports(cluster: Cluster) -> None:
    """Given v1 whose pod is being evicted, when v2 continues, then the report is that of its successor."""
    words = {"processedUntil": "2026-01-02T03:04:05Z", "stateVersion": "1"}
    slow = {**PATIENT, "command": sim(report=words)}
    on_v1(cluster, workload=slow)
    continuing = strategy("Continuation", approval="Never")
    old = cluster.uid("pod", "r-1-0")
    hang(cluster, "r-1-0")
    evict(cluster, "r-1-0")
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=continuing, workload=slow))
    cluster.until(
        "the plan to have begun",
        lambda: (cluster.get("srun", "r")["status"].get("upgrade") or {}).get("begun"),
    )
    assert cluster.uid("pod", "r-1-0") == old
    let_go(cluster, "r-1-0")

    status = cluster.until_settled("r", "2.0.0")["status"]
    assert status["window"]["outputActionsFrom"] == "2026-01-02T03:04:05Z"


def test_a_pod_whose_deletion_is_forced_during_stop_is_told_as_a_missing_report(cluster: Cluster) -> None:
    """Given v1 that is stopping, when its pod is deleted by force, then StopReportMissing, and abort takes it back."""
    stopping(cluster)
    claim = cluster.uid("pvc", "state-r-1-0")

    cluster.delete("pod", "r-1-0", "--force", "--grace-period=0", "--wait=false")

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StopReportMissing")
    assert cluster.find("sts", "r-2") is None
    assert cluster.uid("pvc", "state-r-1-0") == claim

    cluster.carry_out(seen["message"])
    cluster.until_condition("srun", "r", "Available", "True")
    status = cluster.get("srun", "r")["status"]
    assert status["history"][0]["outcome"] == "Aborted"
    assert status["applied"]["version"] == "1.0.0"
    assert cluster.uid("pvc", "state-r-1-0") == claim

    observed = {"mode": "StoppedAt", "ifMissing": "ObservedStop"}
    window = {"outputActionsFrom": observed, "notificationsFrom": observed}
    forgiving = strategy("Continuation", approval="Never", window=window)
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=forgiving, workload=PATIENT))
    cluster.carry_out(cluster.until_condition("srun", "r", "ActionRequired", "True", "RolledBack")["message"])
    cluster.until_settled("r", "2.0.0")


def test_a_stop_over_its_deadline_goes_on_when_the_pod_ends_at_last(cluster: Cluster) -> None:
    """Given v1 that does not stop in time, when it ends after all, then the plan goes on, and nothing is lost."""
    words = {"processedUntil": "2026-01-02T03:04:05Z", "stateVersion": "1"}
    slow = {**PATIENT, "command": sim(report=words)}
    on_v1(cluster, workload=slow)
    hang(cluster, "r-1-0")
    short = strategy("Continuation", approval="Never", timeouts={"stopSeconds": 2})
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=short, workload=slow))
    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StopTimeout")
    assert f"kubectl -n {cluster.namespace} " in seen["message"]

    let_go(cluster, "r-1-0")

    window = cluster.until_settled("r", "2.0.0")["status"]["window"]
    assert window["outputActionsFrom"] == "2026-01-02T03:04:05Z"


# --- Strategies -----------------------------------------------------------------------------------------


def test_a_strategy_that_is_too_weak_is_told_with_the_command_and_a_stronger_one_is_enough(
    cluster: Cluster,
) -> None:
    """Given InPlace and state that cannot be kept, when the strategy is changed, then the run goes on."""
    before = on_v1(cluster)
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=strategy("InPlace")))

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StrategyInsufficient")
    assert f"kubectl -n {cluster.namespace} edit scn s" in seen["message"]
    assert cluster.versions("pvc/state-r-1-0") == before

    cluster.apply(
        scenario("s", "2.0.0", edges=incompatible(), strategy=strategy("Continuation", approval="Never"))
    )
    cluster.until_settled("r", "2.0.0")
