"""State that cannot be kept: recomputed, continued, or refused (rows A2 to A5, A36, A37, A47, A55 to A57, A64, A73)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.harness.cluster import Cluster
from tests.harness.moments import PATIENT, hang, let_go
from tests.harness.objects import incompatible, run, scenario, sim, strategy

JsonObject = dict[str, Any]
NEVER_ASK = {"approval": "Never"}


def forward_only(**more: Any) -> JsonObject:
    """Return a strategy that recomputes without asking."""
    return strategy("ForwardOnly", **{**NEVER_ASK, **more})


def continuation(**more: Any) -> JsonObject:
    """Return a strategy that continues with a learning phase without asking."""
    return strategy("Continuation", **{**NEVER_ASK, **more})


def upgraded_to(version: str, chosen: JsonObject, **more: Any) -> JsonObject:
    """Return a version of the scenario that keeps no state of any other."""
    return scenario("s", version, edges=incompatible(), strategy=chosen, **more)


def test_a2_an_incompatible_version_without_runs_is_rolled_out_at_once(cluster: Cluster) -> None:
    """Given no runs, when v2 is applied, then the rollout is over, with no pod and no attempt."""
    cluster.apply(scenario("s", "1.0.0"))
    cluster.until_published("s", "1.0.0")

    cluster.apply(scenario("s", "2.0.0", edges=incompatible()))
    cluster.until_published("s", "2.0.0")

    cluster.until_condition("scn", "s", "RolledOut", "True", "NoRuns")
    cluster.until("the probe to be gone", lambda: not cluster.list("pods"))
    assert cluster.list("supg") == []


def test_a3_forward_only_reverts_deletes_and_starts_anew_in_that_order(cluster: Cluster) -> None:
    """Given a run on v1, when an incompatible v2 arrives, then it is recomputed as incarnation 2."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")

    cluster.apply(upgraded_to("2.0.0", forward_only()))
    after = cluster.until_settled("r", "2.0.0")["status"]

    report = cluster.until_report("s")
    assert report["groups"][0]["steps"] == [
        "Stop(live)",
        "ResolveWindow",
        "RevertResults(live)",
        "DeleteState(live)",
        "Start(next)",
        "Verify(next)",
        "Commit",
    ]
    assert [(e["outcome"], e["loss"]["resultsReverted"]) for e in report["runs"]] == [("Recomputed", 3)]
    assert after["runID"] == "r-2"
    assert after["incarnation"] == 2
    cluster.until("the old claim to be gone", lambda: cluster.find("pvc", "state-r-1-0") is None)
    assert cluster.find("sts", "r-1") is None
    writes = cluster.writes()
    hook = next(name for verb, what, name in writes if (verb, what) == ("patch", "jobs"))
    order = [
        ("patch", "statefulsets", "r-1"),
        ("patch", "jobs", hook),
        ("delete", "statefulsets", "r-1"),
        ("delete", "persistentvolumeclaims", "state-r-1-0"),
        ("patch", "statefulsets", "r-2"),
    ]
    last = {write: index for index, write in enumerate(writes) if write in order}
    assert sorted(last, key=lambda write: last[write]) == order


def test_a4_a_recomputed_run_reads_everything_again_and_tells_nobody_twice(cluster: Cluster) -> None:
    """Given A3, when the new pod is looked into, then it reads anew, notifies from the stop on, mounts its own."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")

    cluster.apply(upgraded_to("2.0.0", forward_only()))
    status = cluster.until_settled("r", "2.0.0")["status"]

    told = cluster.environment("r-2-0")
    assert told["SCENARIO_START_FROM"] == ""
    assert told["SCENARIO_NOTIFICATIONS_FROM"] == status["lastStop"]["processedUntil"]
    assert told["SCENARIO_NOTIFICATIONS_FROM"] == status["window"]["notificationsFrom"]
    volumes = cluster.get("pod", "r-2-0")["spec"]["volumes"]
    claims = {v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v}
    assert claims == {"state-r-2-0", "results-r"}


def test_a5_continuation_keeps_results_learns_and_then_retires_the_old_state(cluster: Cluster) -> None:
    """Given open incidents on v1, when v2 continues, then it learns up to the hand-over; the old state goes after."""
    report = {"processedUntil": "2026-01-02T03:04:05Z", "stateVersion": "1", "outputs": {"open": 3}}
    cluster.apply(scenario("s", "1.0.0", command=sim(report=report)), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    results = cluster.uid("pvc", "results-r")

    cluster.apply(upgraded_to("2.0.0", continuation(), command=sim(neverReady=True)))
    cluster.until_condition("srun", "r", "Learning", "True")
    cluster.until_report("s")
    assert cluster.get("pvc", "state-r-1-0")["metadata"].get("deletionTimestamp") is None
    learning = cluster.get("srun", "r")["status"]
    assert learning["window"]["outputActionsFrom"] == "2026-01-02T03:04:05Z"
    assert cluster.environment("r-2-0")["SCENARIO_OUTPUT_ACTIONS_FROM"] == "2026-01-02T03:04:05Z"
    first = learning["incarnations"][0]
    assert (first["state"], first["results"], first["supersededBy"]) == ("Retained", "Kept", "r-2")

    cluster.behave("r-2-0", neverReady=False)
    cluster.until_settled("r", "2.0.0")
    assert cluster.condition("srun", "r", "Learning") == {}
    cluster.until("the old state to go", lambda: cluster.find("pvc", "state-r-1-0") is None)
    assert cluster.uid("pvc", "results-r") == results


def test_a36_in_place_never_falls_through_to_dropping_state(cluster: Cluster) -> None:
    """Given strategy InPlace, when the state cannot be kept, then the run says so and stays as it is."""
    in_place = strategy("InPlace", approval="Never")
    cluster.apply(scenario("s", "1.0.0", strategy=in_place), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions("pod/r-1-0", "pvc/state-r-1-0", "sts/r-1")

    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=in_place))

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StrategyInsufficient")
    assert "Continuation or ForwardOnly" in seen["message"]
    cluster.until_condition("scn", "s", "Stalled", "True", "StrategyInsufficient")
    assert cluster.condition("srun", "r", "Ready")["status"] == "True"
    assert cluster.versions("pod/r-1-0", "pvc/state-r-1-0", "sts/r-1") == before
    assert cluster.list("supg") == []


def test_a37_a_stop_that_takes_too_long_stops_the_plan_and_destroys_nothing(cluster: Cluster) -> None:
    """Given a pod that ignores SIGTERM, when stopSeconds pass, then Degraded, and nothing is reverted or deleted."""
    cluster.apply(scenario("s", "1.0.0", workload=PATIENT), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    hang(cluster, "r-1-0")
    claim = cluster.uid("pvc", "state-r-1-0")

    cluster.apply(upgraded_to("2.0.0", forward_only(timeouts={"stopSeconds": 2}), workload=PATIENT))

    cluster.until_condition("srun", "r", "Degraded", "True", "StopTimeout")
    cluster.until_condition("srun", "r", "ActionRequired", "True", "StopTimeout")
    assert cluster.uid("pvc", "state-r-1-0") == claim
    assert cluster.get("pvc", "state-r-1-0")["metadata"].get("deletionTimestamp") is None
    assert cluster.list("jobs", "scenarios.dev/run=r") == []
    assert cluster.find("sts", "r-2") is None
    let_go(cluster, "r-1-0")


def test_a47_a_recompute_is_asked_for_by_a_changed_nonce_only(cluster: Cluster) -> None:
    """Given a run that carries a nonce, when it is removed nothing happens, when it is another it is recomputed."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s", recomputeNonce="first"))
    cluster.until_settled("r", "1.0.0")
    pod = cluster.uid("pod", "r-1-0")

    cluster.patch("srun", "r", {"spec": {"recomputeNonce": None}})
    generation = cluster.get("srun", "r")["metadata"]["generation"]
    cluster.until(
        "the edit to be seen",
        lambda: cluster.get("srun", "r")["status"]["observedGeneration"] == generation,
    )
    assert cluster.list("supg") == []
    assert cluster.uid("pod", "r-1-0") == pod

    cluster.patch("srun", "r", {"spec": {"recomputeNonce": "second"}})
    report = cluster.until_report("s")
    after = cluster.until_settled("r", "1.0.0")["status"]
    assert after["incarnation"] == 2
    assert [(e["outcome"], e["strategy"]) for e in report["runs"]] == [("Recomputed", "ForwardOnly")]
    assert cluster.latest_attempt("s")["spec"]["cause"] == "Recompute"
    assert len(cluster.list("supg")) == 1


def test_a55_continuation_without_a_report_asks_before_it_goes_on(cluster: Cluster) -> None:
    """Given a container that writes no report, when v2 continues, then the run waits and names the choices."""
    cluster.apply(scenario("s", "1.0.0", command=sim(report=None)), run("r", "s"))
    cluster.until_settled("r", "1.0.0")

    cluster.apply(upgraded_to("2.0.0", continuation()))

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StopReportMissing")
    assert "ObservedStop" in seen["message"]
    assert "kubectl -n" in seen["message"]
    assert cluster.find("sts", "r-2") is None
    assert cluster.get("pvc", "state-r-1-0")["metadata"].get("deletionTimestamp") is None


def test_a55_a_run_that_was_stopped_without_a_report_says_so_before_a_plan_begins(cluster: Cluster) -> None:
    """Given a run stopped without a report, when v2 continues, then no plan begins: it is already known."""
    cluster.apply(scenario("s", "1.0.0", command=sim(report=None)), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.patch("srun", "r", {"spec": {"desiredState": "Stopped"}})
    cluster.until_condition("srun", "r", "Available", "False", "Stopped")

    cluster.apply(upgraded_to("2.0.0", continuation()))

    cluster.until_condition("srun", "r", "ActionRequired", "True", "StopReportMissing")
    assert "upgrade" not in cluster.get("srun", "r")["status"]
    assert cluster.list("supg") == []


def test_a55_with_observed_stop_continuation_goes_on_and_tells_the_risk(cluster: Cluster) -> None:
    """Given ifMissing ObservedStop, when there is no report, then the time the pod ended takes its place."""
    observed = {"mode": "StoppedAt", "ifMissing": "ObservedStop"}
    window = {"outputActionsFrom": observed, "notificationsFrom": observed}
    cluster.apply(scenario("s", "1.0.0", command=sim(report=None)), run("r", "s"))
    cluster.until_settled("r", "1.0.0")

    cluster.apply(upgraded_to("2.0.0", continuation(window=window)))

    status = cluster.until_settled("r", "2.0.0")["status"]
    assert status["window"]["outputActionsFrom"] == status["lastStop"]["finishedAt"]
    assert cluster.until_report("s")["runs"][0]["loss"]["inputAtRisk"] is True


def test_a55_forward_only_goes_on_without_a_report_and_says_so(cluster: Cluster) -> None:
    """Given no report, when v2 recomputes, then it goes on by itself and the loss tells of it."""
    cluster.apply(scenario("s", "1.0.0", command=sim(report=None)), run("r", "s"))
    cluster.until_settled("r", "1.0.0")

    cluster.apply(upgraded_to("2.0.0", forward_only()))

    status = cluster.until_settled("r", "2.0.0")["status"]
    assert status["window"]["notificationsFrom"] == status["lastStop"]["finishedAt"]
    assert cluster.until_report("s")["runs"][0]["loss"]["inputAtRisk"] is True


def test_a56_a_failed_preflight_leaves_the_old_incarnation_at_work(cluster: Cluster) -> None:
    """Given a preflight hook that fails, when v2 arrives, then the old pod is never touched."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions("pod/r-1-0", "pvc/state-r-1-0", "sts/r-1")

    refusing = upgraded_to("2.0.0", forward_only())
    refusing["spec"]["hooks"]["preflight"] = {"command": sim(exit=3, message="no licence")}
    cluster.apply(refusing)

    seen = cluster.until_condition("srun", "r", "RolledBack", "True", "RolledBack")
    assert "no licence" in seen["message"]
    assert cluster.condition("srun", "r", "Available")["status"] == "True"
    assert cluster.versions("pod/r-1-0", "pvc/state-r-1-0", "sts/r-1") == before


def test_a56_past_the_point_of_no_return_only_a_fixed_version_gets_through(cluster: Cluster) -> None:
    """Given v2 that never starts after the state went, when v3 is applied, then it starts with the same horizon."""
    asked = strategy("ForwardOnly", timeouts={"startSeconds": 2})
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")

    cluster.apply(upgraded_to("2.0.0", asked, command=sim(neverStart=True, report=None)))
    cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    cluster.carry_out(cluster.condition("scn", "s", "ActionRequired")["message"])
    cluster.until_condition("srun", "r", "Ready", "False", "PastPointOfNoReturn")
    cluster.until_condition("srun", "r", "ActionRequired", "True", "PastPointOfNoReturn")
    told = cluster.until("the pod of the new version", lambda: cluster.environment("r-2-0"))
    horizon = told["SCENARIO_NOTIFICATIONS_FROM"]
    assert cluster.find("sts", "r-1") is None

    cluster.apply(upgraded_to("3.0.0", asked))
    status = cluster.until_settled("r", "3.0.0")["status"]
    assert status["window"]["notificationsFrom"] == horizon
    assert cluster.condition("scn", "s", "ActionRequired")["status"] == "False"
    assert cluster.environment(f"r-{status['incarnation']}-0")["SCENARIO_NOTIFICATIONS_FROM"] == horizon


def test_a57_going_back_reverts_the_new_incarnation_and_keeps_its_horizon(cluster: Cluster) -> None:
    """Given a new incarnation that has notified, when Verify fails, then its results go and nobody is told twice."""
    old = {"processedUntil": "2026-01-01T00:00:00Z", "stateVersion": "1"}
    new = {"processedUntil": "2026-03-01T00:00:00Z", "stateVersion": "1"}
    cluster.apply(scenario("s", "1.0.0", command=sim(report=old)), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    claim = cluster.uid("pvc", "state-r-1-0")

    failing = upgraded_to("2.0.0", continuation(), command=sim(report=new))
    failing["spec"]["hooks"]["verify"] = {"command": sim(exit=1, message="wrong sums")}
    failing["spec"]["hooks"]["revert"] = {
        "command": sim(message=json.dumps({"reverted": 5, "notRevertible": 2}))
    }
    cluster.apply(failing)

    cluster.until_condition("srun", "r", "RolledBack", "True")
    cluster.until_condition("srun", "r", "Available", "True")
    status = cluster.get("srun", "r")["status"]
    assert status["window"]["notificationsFrom"] == "2026-03-01T00:00:00Z"
    assert cluster.environment("r-1-0")["SCENARIO_NOTIFICATIONS_FROM"] == "2026-03-01T00:00:00Z"
    loss = cluster.until_report("s")["runs"][0]["loss"]
    assert (loss["resultsReverted"], loss["resultsNotRevertible"]) == (5, 2)
    second = next(i for i in status["incarnations"] if i["number"] == 2)
    assert (second["state"], second["results"]) == ("Deleted", "Reverted")
    cluster.until("its claim to go", lambda: cluster.find("pvc", "state-r-2-0") is None)
    assert cluster.uid("pvc", "state-r-1-0") == claim


def test_a64_retained_outputs_are_counted_and_never_taken_back(cluster: Cluster) -> None:
    """Given Retained and Reversible outputs, when they are recomputed, then the report tells both numbers."""
    outputs = [{"kind": "incident", "class": "Reversible"}, {"kind": "archive", "class": "Retained"}]
    hooks = {"revert": {"command": sim(message=json.dumps({"reverted": 3, "kept": 4}))}}
    cluster.apply(scenario("s", "1.0.0", outputs=outputs, hooks=hooks), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    results = cluster.uid("pvc", "results-r")

    cluster.apply(upgraded_to("2.0.0", forward_only(), outputs=outputs, hooks=hooks))
    cluster.until_settled("r", "2.0.0")

    loss = cluster.until_report("s")["runs"][0]["loss"]
    assert (loss["resultsReverted"], loss["resultsKept"]) == (3, 4)
    assert cluster.uid("pvc", "results-r") == results


@pytest.mark.parametrize("chosen", ["Continuation", "ForwardOnly"])
def test_a73_a_version_that_still_learns_hands_over_its_horizon(cluster: Cluster, chosen: str) -> None:
    """Given v2 that has not caught up yet, when v3 follows, then no horizon moves back to v2's position."""
    first = {"processedUntil": "2026-05-01T00:00:00Z", "stateVersion": "1"}
    behind = {"processedUntil": "2026-02-01T00:00:00Z", "stateVersion": "1"}
    plan = strategy(chosen, approval="Never")
    cluster.apply(scenario("s", "1.0.0", command=sim(report=first)), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.apply(upgraded_to("2.0.0", continuation(), command=sim(neverReady=True, report=behind)))
    cluster.until_condition("srun", "r", "Learning", "True")

    cluster.apply(upgraded_to("3.0.0", plan))
    status = cluster.until_settled("r", "3.0.0")["status"]

    assert status["lastStop"]["processedUntil"] == "2026-02-01T00:00:00Z"
    assert status["window"]["notificationsFrom"] == "2026-05-01T00:00:00Z"
    if chosen == "Continuation":
        assert status["window"]["outputActionsFrom"] == "2026-05-01T00:00:00Z"
