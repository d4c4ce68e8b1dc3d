"""Many runs, many versions: who goes when, and what is told of it.

Acceptance rows A10 to A12, A17 to A19, A38, A42, A48, A52, A58, A69, A74, A78 and A79.
"""

from __future__ import annotations

import json
from typing import Any

from tests.harness.cluster import Cluster
from tests.harness.moments import PATIENT, hang, let_go, until_stopping
from tests.harness.objects import (
    API,
    compatible,
    incompatible,
    run,
    scenario,
    sim,
    stored_strategy,
    strategy,
)

JsonObject = dict[str, Any]
FIVE = ("a", "b", "c", "d", "e")


def outcomes(report: JsonObject) -> dict[str, str]:
    """Return the outcome of every run of an attempt, and require that each is told once."""
    told = [(entry["name"], entry["outcome"]) for entry in report["runs"]]
    assert len(told) == len(dict(told)), f"told twice: {told}"
    return dict(told)


def images_of(cluster: Cluster, workload: str) -> set[str]:
    """Return every image that a StatefulSet's template ever had, from its own history."""
    found: set[str] = set()
    for revision in cluster.list("controllerrevisions.apps"):
        owners = revision["metadata"].get("ownerReferences") or []
        if any((o["kind"], o["name"]) == ("StatefulSet", workload) for o in owners):
            containers = revision["data"]["spec"]["template"]["spec"]["containers"]
            found.add(next(c["image"] for c in containers if c["name"] == "scenario"))
    return found


def resolved(cluster: Cluster) -> str:
    """Return what runs of the newest revision use."""
    return str(cluster.get("scn", "s")["status"]["resolvedImage"])


def third_fails(cluster: Cluster) -> None:
    """Roll v2 out over five runs; the verify hook of the third fails, those of the others succeed."""
    once = strategy("InPlace", retry={"maxAttempts": 1, "backoffSeconds": 1})
    cluster.apply(
        scenario("s", "1.0.0", parameters=[{"name": "p", "default": "a"}]),
        *(run(name, "s", parameters={"p": name}) for name in FIVE),
    )
    for name in FIVE:
        cluster.until_settled(name, "1.0.0")
    checked = scenario(
        "s", "2.0.0", edges=compatible(), strategy=once, parameters=[{"name": "p", "default": "b"}]
    )
    checked["spec"]["hooks"]["verify"] = {"command": sim(runFor=3600)}
    cluster.apply(checked)
    for name in FIVE:
        hook = cluster.until(f"the hook of {name}", lambda name=name: hook_pods(cluster, name))[0]
        bad = {"exit": 1, "message": "sums are wrong"} if name == "c" else {}
        cluster.behave(hook, runFor=0, **bad)


def hook_pods(cluster: Cluster, name: str) -> list[str]:
    """Return the pods of a run's hooks."""
    found = cluster.list("pods", f"scenarios.dev/run={name},batch.kubernetes.io/job-name")
    return [pod["metadata"]["name"] for pod in found]


def test_a17_a18_one_failing_run_goes_back_and_blocks_nobody(cluster: Cluster) -> None:
    """Given five runs of which the third fails, when v2 rolls out, then four arrive; v3 then gets all of them."""
    third_fails(cluster)
    report = cluster.until_report("s")

    arrived = dict.fromkeys("abde", "Upgraded")
    assert outcomes(report) == {**arrived, "c": "RolledBack"}
    third = next(e for e in report["runs"] if e["name"] == "c")
    assert third["reason"] == "HookFailed"
    assert "sums are wrong" in third["message"]
    for name in "abde":
        cluster.until_settled(name, "2.0.0")
    cluster.until_condition("srun", "c", "RolledBack", "True")
    cluster.until_condition("srun", "c", "Available", "True")
    cluster.until_condition("srun", "c", "Ready", "True", "RolledBack")
    cluster.until_condition("srun", "c", "UpToDate", "False", "RolledBack")
    cluster.until_condition("srun", "c", "ActionRequired", "True", "RolledBack")
    assert cluster.condition("srun", "c", "Stalled") == {}, (
        "what failed is the Scenario's wish, not the run's"
    )
    status = cluster.get("srun", "c")["status"]
    assert status["applied"]["version"] == "1.0.0"
    assert status["parameters"]["effective"] == {"p": "c"}
    assert status["parameters"]["base"] == {"p": "a"}
    cluster.until_condition("scn", "s", "MixedVersions", "True")
    cluster.until_condition("scn", "s", "Stalled", "True", "RunsFailed")
    assert cluster.latest_attempt("s")["status"]["granted"] == len(FIVE)
    assert len(cluster.list("supg")) == 1

    cluster.apply(scenario("s", "3.0.0", edges=compatible(), parameters=[{"name": "p", "default": "b"}]))
    cluster.until_published("s", "3.0.0")
    for name in FIVE:
        cluster.until_settled(name, "3.0.0")
    cluster.until_condition("scn", "s", "MixedVersions", "False")
    cluster.until_condition("scn", "s", "RolledOut", "True")


def test_a_version_that_ends_again_and_again_fails_within_verify_seconds(cluster: Cluster) -> None:
    """Given v2 that starts and ends for ever, when verifySeconds pass, then it failed, long before startSeconds."""
    impatient = strategy("InPlace", timeouts={"verifySeconds": 8}, verify={"stableSeconds": 6})
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")

    crashing = scenario("s", "2.0.0", edges=compatible(), strategy=impatient, command=sim(crashAfter=0.5))
    cluster.apply(crashing)

    cluster.until_condition("srun", "r", "RolledBack", "True")
    assert [e["reason"] for e in cluster.until_report("s")["runs"]] == ["VerifyFailed"]


def test_a10_a_version_that_was_overtaken_never_runs(cluster: Cluster) -> None:
    """Given v2 whose rollout has not begun, when v3 is applied, then the run goes to v3 and v2 is Superseded."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.apply(scenario("s", "2.0.0", edges=compatible(), upgrade={"suspend": True}))
    cluster.until_condition("srun", "r", "UpToDate", "False", "Suspended")
    never = resolved(cluster)

    cluster.apply(scenario("s", "3.0.0", edges=compatible()))
    cluster.until_settled("r", "3.0.0")

    assert outcomes(cluster.until_report("s", 1)) == {"r": "Superseded"}
    assert outcomes(cluster.until_report("s", 2)) == {"r": "Upgraded"}
    assert resolved(cluster) in images_of(cluster, "r-1")
    assert never not in images_of(cluster, "r-1")


def test_a11_a_downgrade_is_not_made_unasked(cluster: Cluster) -> None:
    """Given a run on v2, when v1 is applied without allowDowngrade, then v2 keeps running."""
    cluster.apply(scenario("s", "2.0.0"), run("r", "s"))
    cluster.until_settled("r", "2.0.0")
    before = cluster.versions("pod/r-1-0", "sts/r-1")

    cluster.apply(scenario("s", "1.0.0", edges=compatible()))

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "Downgrade")
    assert "spec.compatibility.allowDowngrade" in seen["message"]
    cluster.until_condition("scn", "s", "Stalled", "True", "Downgrade")
    assert cluster.versions("pod/r-1-0", "sts/r-1") == before


def test_a12_a_run_deleted_in_mid_upgrade_leaves_nothing_and_frees_its_slot(cluster: Cluster) -> None:
    """Given one slot and a run that stops slowly, when it is deleted, then all of it goes and the next one goes on."""
    single = strategy("InPlace", rollout={"maxConcurrent": 1})
    cluster.apply(scenario("s", "1.0.0", strategy=single, workload=PATIENT), run("a", "s"), run("b", "s"))
    cluster.until_settled("a", "1.0.0")
    cluster.until_settled("b", "1.0.0")
    hang(cluster, "a-1-0")

    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=single, workload=PATIENT))
    until_stopping(cluster, "a-1-0")
    cluster.delete("srun", "a", "--wait=false")
    let_go(cluster, "a-1-0")

    mine = "scenarios.dev/run=a"
    kinds = ("pods", "sts", "pvc", "jobs", "configmaps", "services")
    cluster.until("nothing of a to be left", lambda: not any(cluster.list(kind, mine) for kind in kinds))
    cluster.until_settled("b", "2.0.0")
    assert outcomes(cluster.until_report("s")) == {"a": "Cancelled", "b": "Upgraded"}


def test_a19_a_stopped_run_takes_the_version_and_stays_stopped(cluster: Cluster) -> None:
    """Given a run stopped by its user, when v2 is applied, then v2 is applied and there is still no pod."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.patch("srun", "r", {"spec": {"desiredState": "Stopped"}})
    cluster.until_condition("srun", "r", "Available", "False", "Stopped")

    cluster.apply(scenario("s", "2.0.0", edges=compatible()))
    cluster.until_settled("r", "2.0.0")

    assert cluster.list("pods", "scenarios.dev/run=r") == []
    assert cluster.get("sts", "r-1")["spec"]["replicas"] == 0
    assert cluster.condition("srun", "r", "Available")["reason"] == "Stopped"
    cluster.until_condition("scn", "s", "RolledOut", "True")
    cluster.patch("srun", "r", {"spec": {"desiredState": "Running"}})
    cluster.until("the pod of v2", lambda: cluster.find("pod", "r-1-0"))
    assert cluster.get("pod", "r-1-0")["spec"]["containers"][0]["image"] == resolved(cluster)


def test_a42_a_pinned_run_stays_and_is_counted(cluster: Cluster) -> None:
    """Given pinnedVersion v1, when v2 and v3 roll out, then the run is unchanged and counted as pinned."""
    cluster.apply(scenario("s", "1.0.0"), run("pinned", "s", pinnedVersion="1.0.0"), run("free", "s"))
    cluster.until_settled("pinned", "1.0.0")
    cluster.until_settled("free", "1.0.0")
    before = cluster.versions("pod/pinned-1-0", "sts/pinned-1")

    for version in ("2.0.0", "3.0.0"):
        cluster.apply(scenario("s", version, edges=compatible()))
        cluster.until_settled("free", version)

    cluster.until_condition("srun", "pinned", "UpToDate", "False", "Pinned")
    cluster.until_condition("scn", "s", "RolledOut", "True")
    assert cluster.condition("srun", "pinned", "Ready")["status"] == "True"
    assert cluster.get("scn", "s")["status"]["runs"]["pinned"] == 1
    assert cluster.versions("pod/pinned-1-0", "sts/pinned-1") == before


def two_slow_runs(cluster: Cluster) -> None:
    """Bring up two runs on v1 with one slot, of which the first hangs when it is stopped."""
    cluster.apply(in_turns("1.0.0"), run("a", "s"), run("b", "s"))
    cluster.until_settled("a", "1.0.0")
    cluster.until_settled("b", "1.0.0")
    hang(cluster, "a-1-0")


def in_turns(version: str) -> JsonObject:
    """Return a version that may be reached from everywhere, one run after the other."""
    single = strategy("InPlace", rollout={"maxConcurrent": 1})
    made = scenario("s", version, edges=compatible(), strategy=single, workload=PATIENT)
    made["spec"]["compatibility"]["allowDowngrade"] = True
    return made


def test_a48_there_and_back_again_converges(cluster: Cluster) -> None:
    """Given a rollout of B under way, when A is applied again, then every run ends on A, told once an attempt."""
    two_slow_runs(cluster)
    cluster.apply(in_turns("2.0.0"))
    until_stopping(cluster, "a-1-0")

    cluster.apply(in_turns("1.0.0"))

    cluster.until_published("s", "1.0.0")
    let_go(cluster, "a-1-0")
    cluster.until_settled("a", "1.0.0")
    cluster.until_settled("b", "1.0.0")
    cluster.until_condition("scn", "s", "RolledOut", "True")
    for attempt in cluster.list("supg"):
        assert attempt["status"].get("completionTime")
        outcomes(attempt["status"])
    assert outcomes(cluster.until_report("s", 1)).keys() == {"a", "b"}


def test_a48_a_third_version_overtakes_the_second(cluster: Cluster) -> None:
    """Given a rollout of B under way, when C is applied, then every run ends on C, told once an attempt."""
    two_slow_runs(cluster)
    cluster.apply(in_turns("2.0.0"))
    until_stopping(cluster, "a-1-0")

    cluster.apply(in_turns("3.0.0"))

    cluster.until_published("s", "3.0.0")
    let_go(cluster, "a-1-0")
    cluster.until_settled("a", "3.0.0")
    cluster.until_settled("b", "3.0.0")
    cluster.until_condition("scn", "s", "RolledOut", "True")
    assert outcomes(cluster.until_report("s", 1))["b"] == "Superseded"
    assert outcomes(cluster.until_report("s", 2)) == {"a": "Upgraded", "b": "Upgraded"}


def test_a52_a_tag_that_moves_changes_nothing(cluster: Cluster) -> None:
    """Given v1 resolved, when its tag moves, then new runs, restarts and rollouts use the digest on record."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    image = resolved(cluster)
    pod = cluster.uid("pod", "r-1-0")

    moved = {"registry.test/s:1.0.0": "sha256:" + "9" * 64}
    with cluster.registry(digests=moved):
        cluster.apply(run("new", "s"))
        cluster.until_settled("new", "1.0.0")
        cluster.patch("srun", "r", {"spec": {"restartNonce": "again"}})
        cluster.until(
            "a new pod",
            lambda: (cluster.find("pod", "r-1-0") or {"metadata": {"uid": pod}})["metadata"]["uid"] != pod,
        )
        cluster.until_settled("r", "1.0.0")
        changed = scenario("s", "1.0.0", workload={"env": [{"name": "COLOUR", "value": "blue"}]})
        cluster.apply(changed)
        for name in ("r", "new"):
            cluster.until(
                f"the new environment of {name}",
                lambda name=name: cluster.environment(f"{name}-1-0").get("COLOUR") == "blue",
            )
            assert images_of(cluster, f"{name}-1") == {image}
        assert resolved(cluster) == image


def test_a69_a_plan_ends_by_the_strategy_that_it_began_with(cluster: Cluster) -> None:
    """Given a strategy deleted in mid-plan, when the plan goes on, then it ends; the next one says what is missing."""

    def referring(version: str) -> JsonObject:
        by_name = {"strategyRef": {"name": "gentle"}}
        return scenario("s", version, edges=incompatible(), strategy=None, upgrade=by_name, workload=PATIENT)

    cluster.apply(stored_strategy("gentle", strategy("Continuation", approval="Never")))
    cluster.apply(referring("1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    hang(cluster, "r-1-0")
    cluster.apply(referring("2.0.0"))
    until_stopping(cluster, "r-1-0")

    cluster.delete("ustrat", "gentle")
    let_go(cluster, "r-1-0")

    cluster.until_settled("r", "2.0.0")
    assert outcomes(cluster.until_report("s")) == {"r": "Continued"}
    cluster.apply(referring("3.0.0"))
    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StrategyNotFound")
    assert "gentle" in seen["message"]


def test_a74_a_recompute_leads_onto_the_version_whose_keeping_path_failed(cluster: Cluster) -> None:
    """Given v2 that failed on the old state, when recomputeNonce changes, then it is recomputed on v2, and told."""
    impatient = strategy("InPlace", timeouts={"startSeconds": 2})
    cluster.apply(scenario("s", "1.0.0"), run("r", "s", recomputeNonce="0"))
    cluster.until_settled("r", "1.0.0")
    failing = scenario("s", "2.0.0", edges=compatible(), strategy=impatient, command=sim(startAfter=3600))
    cluster.apply(failing)
    cluster.until_condition("srun", "r", "RolledBack", "True")

    cluster.patch("srun", "r", {"spec": {"recomputeNonce": "1"}})
    cluster.until("the second incarnation", lambda: cluster.find("pod", "r-2-0"))
    cluster.behave("r-2-0", startAfter=0)

    cluster.until_settled("r", "2.0.0")
    assert outcomes(cluster.until_report("s", 2)) == {"r": "Recomputed"}
    assert cluster.get("supg", "s-2")["spec"]["cause"] == "Recompute"
    cluster.delete("srun", "r")
    assert outcomes(cluster.until_report("s", 2)) == {"r": "Recomputed"}


def test_a78_the_number_of_a_failed_incarnation_is_not_used_again(cluster: Cluster) -> None:
    """Given incarnation 2 that was rolled back, when the next version continues, then it is incarnation 3."""
    impatient = strategy("Continuation", approval="Never", timeouts={"startSeconds": 2})
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    failing = scenario("s", "2.0.0", edges=incompatible(), strategy=impatient, command=sim(neverStart=True))
    cluster.apply(failing)
    cluster.until_condition("srun", "r", "RolledBack", "True")
    assert cluster.get("srun", "r")["status"]["incarnation"] == 1

    patient = strategy("Continuation", approval="Never")
    cluster.apply(scenario("s", "3.0.0", edges=incompatible(), strategy=patient))
    status = cluster.until_settled("r", "3.0.0")["status"]

    assert status["incarnation"] == 3
    assert status["runID"] == "r-3"
    numbers = [i["number"] for i in status["incarnations"]]
    assert len(numbers) == len(set(numbers))


def test_a79_runs_that_wait_for_a_person_leave_their_slots_to_others(cluster: Cluster) -> None:
    """Given two slots and two runs that wait for a person, when v2 rolls out, then the others still get their turn."""
    two = strategy(
        "Continuation", approval="Never", rollout={"maxConcurrent": 2, "maxFailed": 5, "canary": {"runs": 0}}
    )
    cluster.apply(scenario("s", "1.0.0"), *(run(name, "s") for name in FIVE))
    for name in FIVE:
        cluster.until_settled(name, "1.0.0")
    for name in "ab":
        cluster.behave(f"{name}-1-0", report=None)

    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=two))

    for name in "ab":
        cluster.until_condition("srun", name, "ActionRequired", "True", "StopReportMissing")
    for name in "cde":
        cluster.until_settled(name, "2.0.0")
    attempt = cluster.until(
        "two parked grants",
        lambda: (
            (a := cluster.latest_attempt("s"))
            and sum(g["parked"] for g in a["status"]["active"]) == 2
            and len(a["status"]["active"]) == 2
            and a
        ),
    )
    assert attempt["status"]["counts"]["succeeded"] == 3
    assert attempt["apiVersion"] == API


def test_a38_a_workload_edited_by_hand_is_mended(cluster: Cluster) -> None:
    """Given a StatefulSet that somebody edited, when v2 is applied, then nothing of the edit is left."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    edit = [
        {
            "op": "add",
            "path": "/spec/template/spec/containers/0/env/-",
            "value": {"name": "HACK", "value": "1"},
        }
    ]
    cluster.kubectl("patch", "sts", "r-1", "--type=json", "-p", json.dumps(edit))

    cluster.apply(scenario("s", "2.0.0", edges=compatible()))
    cluster.until_settled("r", "2.0.0")

    cluster.until("the pod", lambda: cluster.find("pod", "r-1-0"))
    assert "HACK" not in cluster.environment("r-1-0")
    template = cluster.get("sts", "r-1")["spec"]["template"]["spec"]["containers"][0]
    assert "HACK" not in {e["name"] for e in template["env"]}


def test_a38_a_claim_that_lost_its_stamp_is_not_mounted_by_the_next_version(cluster: Cluster) -> None:
    """Given the claim's owner stamp overwritten, when v2 is applied, then StateOutOfSync, and no pod of v2."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.kubectl("label", "--overwrite", "pvc", "state-r-1-0", "scenarios.dev/run-uid=somebody")
    cluster.until_condition("srun", "r", "ActionRequired", "True", "StateOutOfSync")

    cluster.apply(scenario("s", "2.0.0", edges=compatible()))
    cluster.until_published("s", "2.0.0")

    cluster.until_condition("srun", "r", "ActionRequired", "True", "StateOutOfSync")
    assert resolved(cluster) not in images_of(cluster, "r-1")


def test_a58_a_lost_status_is_rebuilt_from_the_claims(cluster: Cluster) -> None:
    """Given a run whose status was wiped, when it is looked at, then `applied` is known again and the pod untouched."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    before = cluster.until_settled("r", "1.0.0")["status"]
    pod = cluster.uid("pod", "r-1-0")

    wiped = [{"op": "remove", "path": "/status"}]
    cluster.kubectl("patch", "srun", "r", "--subresource=status", "--type=json", "-p", json.dumps(wiped))

    after = cluster.until_settled("r", "1.0.0")["status"]
    assert after["applied"] == before["applied"]
    assert after["runID"] == "r-1"
    assert cluster.uid("pod", "r-1-0") == pod


def test_a58_a_run_made_again_never_starts_over_state_that_is_there(cluster: Cluster) -> None:
    """Given a run deleted without what it owned, when it is made again, then StateOutOfSync, no fresh start."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    claim = cluster.uid("pvc", "state-r-1-0")
    cluster.delete("srun", "r", "--cascade=orphan")

    cluster.apply(run("r", "s"))

    cluster.until_condition("srun", "r", "ActionRequired", "True", "StateOutOfSync")
    assert cluster.uid("pvc", "state-r-1-0") == claim
    assert cluster.find("sts", "r-2") is None
