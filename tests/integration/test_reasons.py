"""Every wait explains itself: words of the reasons that no other test here sees, as a person meets them."""

from __future__ import annotations

from typing import Any

from tests.harness.cluster import Cluster
from tests.harness.moments import PATIENT
from tests.harness.objects import compatible, incompatible, run, scenario, sim, strategy

JsonObject = dict[str, Any]


def test_a_run_that_has_nothing_to_start_on_says_what_is_missing_and_what_to_run(cluster: Cluster) -> None:
    """Given no Scenario, no valid one, no such version and no value, then each run names what it lacks."""
    asks = scenario("asks", "1.0.0", parameters=[{"name": "p", "required": True}])
    cluster.apply(scenario("bad", "two"), asks)
    cluster.apply(
        run("alone", "nobody"),
        run("early", "bad"),
        run("mute", "asks"),
        run("pinned", "asks", pinnedVersion="9.0.0", parameters={"p": "1"}),
    )

    for name, reason in (
        ("alone", "ScenarioNotFound"),
        ("early", "NoValidRevision"),
        ("mute", "ParameterRequired"),
        ("pinned", "RevisionNotFound"),
    ):
        asked = cluster.until_condition("srun", name, "ActionRequired", "True", reason)
        assert f"kubectl -n {cluster.namespace} " in asked["message"]
        cluster.until_condition("srun", name, "Ready", "False", reason)
    cluster.until_condition("scn", "asks", "Stalled", "True", "PlansBlocked")


def test_a_run_that_may_not_start_yet_waits_and_is_no_alarm(cluster: Cluster) -> None:
    """Given a first version that is staged, when a run is made, then it waits for it by name, and starts with it."""
    cluster.apply(scenario("s", "1.0.0", upgrade={"suspend": True}), run("r", "s"))

    cluster.until_condition("srun", "r", "Ready", "True", "Suspended")
    assert cluster.condition("srun", "r", "ActionRequired")["status"] == "False"
    assert cluster.list("sts") == []

    cluster.patch("scn", "s", {"spec": {"upgrade": {"suspend": False}}})
    cluster.until_settled("r", "1.0.0")


def test_who_waits_for_a_turn_is_ready_and_nobody_is_asked(cluster: Cluster) -> None:
    """Given two runs and one slot, when the first gets on with v2, then the second waits and nothing is an alarm."""
    slow = strategy("InPlace", rollout={"maxConcurrent": 1})
    cluster.apply(scenario("s", "1.0.0"), run("a", "s"), run("b", "s"))
    for name in ("a", "b"):
        cluster.until_settled(name, "1.0.0")
    second = scenario("s", "2.0.0", edges=compatible(), strategy=slow, command=sim(neverStart=True))
    cluster.apply(second)

    cluster.until_condition("srun", "a", "Reconciling", "True", "Start")
    cluster.until_condition("srun", "b", "UpToDate", "False", "Waiting")
    cluster.until_condition("srun", "b", "Ready", "True", "Waiting")
    cluster.until_condition("srun", "b", "ActionRequired", "False", "NoActionRequired")
    cluster.until_condition("scn", "s", "Reconciling", "True", "RollingOut")
    cluster.until_condition("scn", "s", "MixedVersions", "False", "SameVersion")
    cluster.until_condition("supg", "s-1", "Approved", "True", "ApprovalNotRequired")


def test_a_rollout_is_held_when_more_failed_than_may(cluster: Cluster) -> None:
    """Given maxFailed 0, when the first run goes back, then the second stays and everybody is told why."""
    strict = strategy(
        "InPlace",
        rollout={"maxConcurrent": 1, "maxFailed": 0, "canary": {"runs": 0}},
        timeouts={"startSeconds": 2},
    )
    cluster.apply(scenario("s", "1.0.0"), run("a", "s"), run("b", "s"))
    for name in ("a", "b"):
        cluster.until_settled(name, "1.0.0")
    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=strict, command=sim(neverStart=True)))

    cluster.until_condition("scn", "s", "Stalled", "True", "RolloutHeld")
    asked = cluster.until_condition("scn", "s", "ActionRequired", "True", "RolloutHeld")
    assert asked["message"].rpartition("; see: ")[2] == f"kubectl -n {cluster.namespace} describe supg s-1"
    cluster.until_condition("supg", "s-1", "Stalled", "True", "RolloutHeld")
    cluster.until_condition("srun", "a", "Ready", "True", "RolledBack")
    cluster.until_condition("srun", "b", "UpToDate", "False", "RolloutHeld")


def test_a_pod_that_is_not_ready_and_steps_that_take_long_are_named(cluster: Cluster) -> None:
    """Given a pod that never acts, a preflight and a verify hook that take long, then Ready names where each stands."""
    hooks: JsonObject = {"hooks": {"verify": {"command": sim(runFor=3600)}}}
    cluster.apply(
        scenario("dull", "1.0.0", command=sim(neverReady=True)),
        scenario("sure", "1.0.0", **hooks),
        run("d", "dull"),
    )
    cluster.apply(run("v", "sure"), scenario("s", "1.0.0"), run("p", "s"))
    cluster.until_settled("p", "1.0.0")
    hooks = {"hooks": {"preflight": {"command": sim(runFor=3600)}}}
    cluster.apply(scenario("s", "2.0.0", edges=compatible(), **hooks))

    cluster.until_condition("srun", "p", "Ready", "False", "Preflight")
    cluster.until_condition("srun", "p", "Available", "True", "Available")
    cluster.until_condition("srun", "v", "Ready", "False", "Verify")
    cluster.until_condition("srun", "d", "Ready", "False", "Starting")
    cluster.until_condition("srun", "d", "Available", "False", "NotReady")
    assert "upgrade" not in cluster.get("srun", "d")["status"]


def test_state_that_may_have_a_format_which_nobody_reads_is_not_mounted_again(cluster: Cluster) -> None:
    """Given a claim whose stamp names another format, when its run is looked at, then it says what it would need."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.kubectl("annotate", "--overwrite", "pvc", "state-r-1-0", 'scenarios.dev/state-formats=["1","9"]')

    asked = cluster.until_condition("srun", "r", "ActionRequired", "True", "StateNotAccepted")

    assert "format 1, 9" in asked["message"]
    assert f"kubectl -n {cluster.namespace} " in asked["message"]


def test_results_that_nothing_can_take_back_block_a_plan_that_would(cluster: Cluster) -> None:
    """Given v1 without a revert hook, when v2 comes with ForwardOnly, then nothing begins and the hook is named."""
    cluster.apply(scenario("s", "1.0.0", hooks={}), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    forward = strategy("ForwardOnly", approval="Never")
    cluster.apply(scenario("s", "2.0.0", state="2", edges=incompatible(), strategy=forward))

    asked = cluster.until_condition("srun", "r", "ActionRequired", "True", "CleanLogicMissing")

    assert asked["message"].startswith("spec.hooks.revert: 1.0.0")
    cluster.until_condition("srun", "r", "Ready", "True", "CleanLogicMissing")
    assert cluster.list("supg") == []


def test_a_way_back_that_gets_stuck_is_told_and_goes_on_by_itself(cluster: Cluster) -> None:
    """Given a new version that neither starts nor stops, when it is taken back, it says so, then arrives."""
    hasty = strategy("Continuation", approval="Never", timeouts={"startSeconds": 15, "stopSeconds": 3})
    stubborn = scenario(
        "s",
        "2.0.0",
        state="2",
        edges=incompatible(),
        strategy=hasty,
        command=sim(neverStart=True, ignoreTerm=True),
    )
    stubborn["spec"]["workload"] |= PATIENT
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.apply(stubborn)

    asked = cluster.until_condition("srun", "r", "ActionRequired", "True", "RollbackFailed")
    assert f"kubectl -n {cluster.namespace} describe srun r" in asked["message"]
    cluster.until_condition("srun", "r", "Degraded", "True", "RollbackFailed")

    cluster.behave("r-2-0", ignoreTerm=False)
    cluster.until_condition("srun", "r", "RolledBack", "True", "RolledBack")
    cluster.until_condition("srun", "r", "Available", "True")
    assert cluster.get("srun", "r")["status"]["applied"]["version"] == "1.0.0"
