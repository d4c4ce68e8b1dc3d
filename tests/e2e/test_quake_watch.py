"""What upgrades do to the state, results and notifications of a real service (acceptance rows A1, A3, A4, A5)."""

from __future__ import annotations

from quake_watch_oracle import Stage, instant
from tests.e2e.watch import SCENARIO, Watch
from tests.harness.cluster import PATIENCE

ORDER = ["Stop(live)", "ResolveWindow", "RevertResults(live)", "DeleteState(live)", "Start(next)"]


def test_a1_after_a_compatible_upgrade_in_place_no_event_is_lost_or_taken_in_twice(watch: Watch) -> None:
    """Given v1 in the middle of its week, when v1.1 is applied, then the week ends as if nobody had stopped it."""
    watch.apply("scenario-v1")
    before = watch.start("r")
    paused = watch.show("r")
    claim = watch.cluster.uid("pvc", "state-r-1-0")
    pod = watch.cluster.uid("pod", "r-1-0")

    watch.apply("scenario-v1.1")
    after = watch.cluster.until_settled("r", "1.1.0")

    assert watch.cluster.uid("pod", "r-1-0") != pod
    assert watch.cluster.uid("pvc", "state-r-1-0") == claim
    assert after["status"]["runID"] == before["status"]["runID"] == "r-1"
    assert watch.show("r")["counter"] == paused["counter"] > 0
    (entry,) = watch.cluster.until_report(SCENARIO)["runs"]
    assert entry["outcome"] == "Upgraded"
    watch.go_on("r")
    found = watch.assert_results("r", Stage("r-1", "v1"))
    assert [number for number, _, _ in found["r-1"].events] == list(range(1, len(found["r-1"].events) + 1))


def test_a72_manifests_applied_again_during_a_rollout_conflict_with_nothing(watch: Watch) -> None:
    """Given the operator as Helm installs it, when Git applies again, then `kubectl wait` ends all the same."""
    watch.apply("scenario-v1")
    watch.start("r")

    watch.apply("scenario-v1.1", force=False)
    watch.cluster.until(
        "the plan to be open", lambda: watch.cluster.get("srun", "r")["status"].get("upgrade"), 120
    )
    watch.apply("scenario-v1.1", force=False)
    watch.cluster.kubectl("wait", "--for=condition=RolledOut", f"scn/{SCENARIO}", PATIENCE)
    watch.cluster.kubectl("wait", "--for=condition=Ready", "srun/r", PATIENCE)
    watch.apply("scenario-v1.1", force=False)

    for kind, name in (("scn", SCENARIO), ("srun", "r")):
        managed = watch.cluster.get(kind, name)["metadata"]["managedFields"]
        ours = [entry for entry in managed if entry["manager"] == "scenario-operator"]
        assert [(entry["subresource"], list(entry["fieldsV1"])) for entry in ours] == [
            ("status", ["f:status"])
        ]


def test_a3_a4_forward_only_computes_everything_anew_and_notifies_nobody_about_the_past(watch: Watch) -> None:
    """Given v1 in mid-week, when v2 replaces it, then results equal those of v2 alone and the past stays silent."""
    watch.apply("strategies")
    watch.apply("scenario-v1")
    watch.start("r")
    watch.apply("scenario-v2-forward-only")
    group = watch.approve()
    after = watch.cluster.until_settled("r", "2.0.0")

    kept = [step for step in group["steps"] if step in ORDER]
    assert kept == ORDER
    assert group["steps"][-2:] == ["Verify(next)", "Commit"]
    assert group["destroys"] == ["RevertResults(live)", "DeleteState(live)"]
    assert watch.cluster.find("pvc", "state-r-1-0") is None
    assert (after["status"]["runID"], after["status"]["incarnation"]) == ("r-2", 2)

    stopped = after["status"]["lastStop"]["processedUntil"]
    given = watch.cluster.environment("r-2-0")
    assert given["SCENARIO_START_FROM"] == given["SCENARIO_OUTPUT_ACTIONS_FROM"] == ""
    assert given["SCENARIO_NOTIFICATIONS_FROM"] == stopped
    volumes = watch.cluster.get("pod", "r-2-0")["spec"]["volumes"]
    claims = {v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v}
    assert claims == {"state-r-2-0", "results-r"}

    watch.go_on("r")
    handed_over = instant(stopped)
    found = watch.assert_results(
        "r",
        Stage("r-1", "v1", processed_until=handed_over, reverted=True),
        Stage("r-2", "v2", notifications_from=handed_over),
    )
    assert found["r-2"].notifications, (
        "nothing was to be notified after the hand-over: the comparison is empty"
    )
    (entry,) = watch.cluster.until_report(SCENARIO)["runs"]
    assert entry["outcome"] == "Recomputed"
    assert entry["loss"]["resultsReverted"] == len(found["r-1"].transitions) > 0
    assert entry["loss"]["resultsNotRevertible"] == len(found["r-1"].notifications) > 0
    assert entry["loss"]["resultsKept"] == len(found["r-1"].events) > 0


def test_a5_continuation_hands_over_without_a_gap_and_without_an_overlap(watch: Watch) -> None:
    """Given open incidents in mid-week, when v2 takes over, then each transition is there once and from its owner."""
    watch.apply("strategies")
    watch.apply("scenario-v1")
    watch.start("r", learningSpeed="x15000")
    open_before = watch.show("r")["openIncidents"]
    assert open_before > 0
    watch.apply("scenario-v2-continuation")
    group = watch.approve()
    assert group["attention"] == "OutputIdentityChanged"

    learning = watch.cluster.until_condition("srun", "r", "Learning", "True")
    assert learning
    assert watch.cluster.find("pvc", "state-r-1-0") is not None, (
        "old state went before the new version had learnt"
    )
    after = watch.cluster.until_settled("r", "2.0.0")

    assert watch.cluster.condition("srun", "r", "Learning").get("status") != "True"
    watch.cluster.until("the old state gone", lambda: watch.cluster.find("pvc", "state-r-1-0") is None)
    old, new = after["status"]["incarnations"]
    assert (old["runID"], old["results"], old["supersededBy"]) == ("r-1", "Kept", "r-2")
    assert (new["runID"], new["results"]) == ("r-2", "Kept")
    stopped = after["status"]["lastStop"]
    assert stopped["openOutputs"] == open_before

    watch.go_on("r")
    handed_over = instant(stopped["processedUntil"])
    found = watch.assert_results(
        "r",
        Stage("r-1", "v1", processed_until=handed_over),
        Stage("r-2", "v2", output_actions_from=handed_over, notifications_from=handed_over),
    )
    assert {step.at < handed_over for step in found["r-1"].transitions} == {True}
    assert {step.at >= handed_over for step in found["r-2"].transitions} == {True}
    acted = [name for output in found.values() for _, name, learnt in output.events if not learnt]
    assert len(acted) == len(set(acted)) == watch.show("r")["counter"]
    (entry,) = watch.cluster.until_report(SCENARIO)["runs"]
    assert entry["loss"]["openOutputs"] == open_before
