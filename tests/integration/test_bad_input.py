"""What the schema cannot tell: said with the field's path and the next step, runs untouched (rows A6, A7, A51, A59)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.harness.cluster import Cluster
from tests.harness.objects import compatible, incompatible, run, scenario, sim, stored_strategy, strategy

JsonObject = dict[str, Any]
RUNS = ("a", "b", "c")
THEIRS = tuple(ref for name in RUNS for ref in (f"srun/{name}", f"pod/{name}-1-0", f"sts/{name}-1"))


def not_semantic() -> JsonObject:
    """Return a version whose label is no version."""
    return scenario("s", "two", edges=compatible())


def unreadable_range() -> JsonObject:
    """Return a version with a range that nobody can read."""
    return scenario("s", "2.0.0", edges=compatible("as you like"))


def reused_label() -> JsonObject:
    """Return other logic under the label v1."""
    changed = scenario("s", "1.0.0")
    changed["spec"]["artifact"]["image"] = "registry.test/s:other"
    return changed


def refused_by_its_own_hook() -> JsonObject:
    """Return a version whose validate hook fails."""
    bad = scenario("s", "2.0.0", edges=compatible())
    bad["spec"]["hooks"]["validate"] = {"command": sim(exit=4, message="rule 7 does not parse")}
    return bad


def three_runs(cluster: Cluster) -> dict[str, str]:
    """Bring up three runs on v1, and return the versions of everything of theirs."""
    cluster.apply(scenario("s", "1.0.0"), *(run(name, "s") for name in RUNS))
    for name in RUNS:
        cluster.until_settled(name, "1.0.0")
    cluster.until_condition("scn", "s", "RolledOut", "True", "RolledOut")
    return cluster.versions(*THEIRS)


@pytest.mark.parametrize(
    ("bad", "reason", "told"),
    [
        (not_semantic, "InvalidVersion", "spec.version"),
        (unreadable_range, "InvalidSpec", "spec.compatibility.from[0].versions"),
        (reused_label, "VersionReused", "spec.version"),
        (
            refused_by_its_own_hook,
            "ValidationFailed",
            "spec.hooks.validate: exit code 4: rule 7 does not parse",
        ),
    ],
)
def test_a6_a51_an_invalid_version_reaches_no_run(cluster: Cluster, bad: Any, reason: str, told: str) -> None:
    """Given three runs, when an invalid v2 is applied, then the Scenario says why and no run is written."""
    before = three_runs(cluster)

    cluster.apply(bad())
    seen = cluster.until_condition("scn", "s", "Valid", "False", reason)
    cluster.until_condition("scn", "s", "Stalled", "True", reason)
    cluster.until_condition("scn", "s", "ActionRequired", "True", reason)
    assert told in seen["message"]
    assert cluster.versions(*THEIRS) == before

    cluster.apply(scenario("s", "1.0.0"))
    cluster.until_condition("scn", "s", "RolledOut", "True", "RolledOut")
    assert cluster.condition("scn", "s", "Valid")["status"] == "True"
    assert cluster.versions(*THEIRS) == before
    assert cluster.list("supg") == []


def test_a6_every_invalid_scenario_ends_its_message_with_a_command(cluster: Cluster) -> None:
    """Given an invalid Scenario, when its attention flag is read, then it ends with what to run."""
    cluster.apply(scenario("s", "two"))

    seen = cluster.until_condition("scn", "s", "ActionRequired", "True", "InvalidVersion")

    assert f"kubectl -n {cluster.namespace} " in seen["message"]


def test_a7_a_missing_image_stops_everything_until_it_appears(cluster: Cluster) -> None:
    """Given v2 whose image does not exist, when it appears, then the rollout goes on without an edit."""
    before = three_runs(cluster)
    tag = f"registry.test/missing-{cluster.namespace}:2.0.0"
    absent = scenario("s", "2.0.0", edges=compatible())
    absent["spec"]["artifact"]["image"] = tag

    cluster.apply(absent)
    seen = cluster.until_condition("scn", "s", "ArtifactAvailable", "False", "ArtifactUnavailable")
    cluster.until_condition("scn", "s", "Reconciling", "True", "ArtifactUnavailable")
    assert "spec.artifact.image" in seen["message"]
    assert cluster.versions(*THEIRS) == before

    digest = "sha256:" + "7" * 64
    pinned = f"registry.test/missing-{cluster.namespace}@{digest}"
    with cluster.registry(present=[tag, pinned], digests={tag: digest}):
        for name in RUNS:
            cluster.until_settled(name, "2.0.0")
        assert cluster.get("scn", "s")["status"]["resolvedImage"] == pinned


def test_a59_a_claim_of_somebody_else_is_never_mounted(cluster: Cluster) -> None:
    """Given a stranger's claim under the run's name, when the run is created, then it gets no pod."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "state-r-1-0"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    cluster.apply(claim, scenario("s", "1.0.0"), run("r", "s"))

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StateOutOfSync")

    assert "incarnation 1" in seen["message"]
    assert f"kubectl -n {cluster.namespace} " in seen["message"]
    assert cluster.list("pods", "scenarios.dev/run=r") == []

    cluster.delete("pvc", "state-r-1-0")
    cluster.kubectl("annotate", "srun", "r", "test/look=now")  # a stranger's claim is watched by nobody
    cluster.until_settled("r", "1.0.0")


def test_a_missing_config_map_is_waited_for(cluster: Cluster) -> None:
    """Given configMapRef to nothing, when the ConfigMap is made, then the version is published by itself."""
    files = scenario("s", "1.0.0")
    files["spec"]["artifact"]["configMapRef"] = {"name": "rules"}
    cluster.apply(files, run("r", "s"))
    seen = cluster.until_condition("scn", "s", "ArtifactAvailable", "False", "ConfigMapMissing")
    assert "spec.artifact.configMapRef" in seen["message"]
    cluster.until_condition("srun", "r", "Ready", "False", "ConfigMapMissing")

    cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "rules"}, "data": {"a": "1"}}
    )

    cluster.until_settled("r", "1.0.0")


def test_an_image_with_another_digest_than_declared_is_refused(cluster: Cluster) -> None:
    """Given artifact.digest that the image has not, when v2 is applied, then no run is written."""
    before = three_runs(cluster)
    other = scenario("s", "2.0.0", edges=compatible())
    other["spec"]["artifact"]["digest"] = "sha256:" + "1" * 64

    cluster.apply(other)

    seen = cluster.until_condition("scn", "s", "ArtifactAvailable", "False", "DigestMismatch")
    assert "spec.artifact.digest" in seen["message"]
    cluster.until_condition("scn", "s", "Stalled", "True", "DigestMismatch")
    asked = cluster.until_condition("scn", "s", "ActionRequired", "True", "DigestMismatch")
    assert f"kubectl -n {cluster.namespace} edit scn s" in asked["message"]
    assert cluster.versions(*THEIRS) == before

    cluster.apply(scenario("s", "2.0.0", edges=compatible()))
    for name in RUNS:
        cluster.until_settled(name, "2.0.0")


def test_a_required_parameter_must_be_set_before_the_first_start(cluster: Cluster) -> None:
    """Given a required parameter, when a run does not set it, then it waits and names it; setting it is enough."""
    cluster.apply(scenario("s", "1.0.0", parameters=[{"name": "region", "required": True}]), run("r", "s"))
    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "ParameterRequired")
    assert "spec.parameters.region" in seen["message"]
    assert f"kubectl -n {cluster.namespace} edit srun r" in seen["message"]
    assert cluster.list("pods", "scenarios.dev/run=r") == []

    cluster.patch("srun", "r", {"spec": {"parameters": {"region": "north"}}})
    cluster.until_settled("r", "1.0.0")


def test_a_parameter_that_v2_requires_keeps_the_run_on_v1_until_it_is_set(cluster: Cluster) -> None:
    """Given v2 that requires a parameter, when it is applied, then the run stays on v1 and says what to set."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions("pod/r-1-0", "sts/r-1", "pvc/state-r-1-0")

    cluster.apply(
        scenario("s", "2.0.0", edges=compatible(), parameters=[{"name": "region", "required": True}])
    )
    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "ParameterRequired")
    assert "spec.parameters.region" in seen["message"]
    assert cluster.versions("pod/r-1-0", "sts/r-1", "pvc/state-r-1-0") == before

    cluster.patch("srun", "r", {"spec": {"parameters": {"region": "north"}}})
    cluster.until_settled("r", "2.0.0")


def test_an_unknown_parameter_at_the_first_start_is_most_likely_misspelt(cluster: Cluster) -> None:
    """Given a key that nobody declares, when the run is created, then it does not start and names the key."""
    cluster.apply(
        scenario("s", "1.0.0", parameters=[{"name": "threshold", "default": "5"}]),
        run("r", "s", parameters={"treshold": "9"}),
    )
    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "UnknownParameter")
    assert "spec.parameters.treshold" in seen["message"]
    assert cluster.list("pods", "scenarios.dev/run=r") == []

    cluster.patch("srun", "r", {"spec": {"parameters": {"treshold": None, "threshold": "9"}}})
    assert cluster.until_settled("r", "1.0.0")["status"]["parameters"]["effective"] == {"threshold": "9"}


def test_without_a_strategy_state_that_cannot_be_kept_stays(cluster: Cluster) -> None:
    """Given no strategy, when v2 is incompatible, then the run says which field decides, and is not touched."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions("pod/r-1-0", "sts/r-1", "pvc/state-r-1-0")

    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=None))

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StrategyRequired")
    assert "spec.upgrade.strategyRef" in seen["message"]
    assert f"kubectl -n {cluster.namespace} edit scn s" in seen["message"]
    assert cluster.versions("pod/r-1-0", "sts/r-1", "pvc/state-r-1-0") == before

    chosen = strategy("Continuation", approval="Never")
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=chosen))
    cluster.until_settled("r", "2.0.0")


def test_a_strategy_that_is_not_there_is_named(cluster: Cluster) -> None:
    """Given strategyRef to nothing, when v2 is applied, then the run names it and is not touched."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions("pod/r-1-0", "sts/r-1")

    lost = scenario(
        "s", "2.0.0", edges=incompatible(), strategy=None, upgrade={"strategyRef": {"name": "gone"}}
    )
    cluster.apply(lost)

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StrategyNotFound")
    assert "gone" in seen["message"]
    assert f"kubectl -n {cluster.namespace} get ustrat" in seen["message"]
    assert cluster.versions("pod/r-1-0", "sts/r-1") == before

    cluster.apply(stored_strategy("gone", strategy("Continuation", approval="Never")))
    cluster.until_settled("r", "2.0.0")


def test_a_revert_hook_that_fails_is_told_with_its_exit_code_and_message(cluster: Cluster) -> None:
    """Given a revert hook that exits 5, when v2 recomputes, then nothing is deleted and its words are told."""
    forward = strategy("ForwardOnly", approval="Never")
    hooks = {"revert": {"command": sim(exit=5, message="ledger is locked")}}
    cluster.apply(scenario("s", "1.0.0", hooks=hooks), run("r", "s"))
    cluster.until_settled("r", "1.0.0")

    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=forward))

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True")
    assert "exit code 5: ledger is locked" in seen["message"]
    assert f"kubectl -n {cluster.namespace}" in seen["message"]
    assert cluster.get("pvc", "state-r-1-0")["metadata"].get("deletionTimestamp") is None

    cluster.patch("supg", "s-1", {"spec": {"skipRevert": True}})
    cluster.until_settled("r", "2.0.0")
    assert cluster.until_report("s")["runs"][0]["loss"]["revertSkipped"] is True


def test_a_pod_that_never_starts_is_told_after_start_seconds(cluster: Cluster) -> None:
    """Given v1 whose container never starts, when startSeconds pass, then the run says so and keeps its pod."""
    short = strategy("InPlace", timeouts={"startSeconds": 2})
    cluster.apply(scenario("s", "1.0.0", strategy=short, command=sim(neverStart=True)), run("r", "s"))

    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "StartTimeout")

    assert f"kubectl -n {cluster.namespace}" in seen["message"]
    assert cluster.find("pod", "r-1-0") is not None

    cluster.behave("r-1-0", neverStart=False)
    cluster.until_settled("r", "1.0.0")


def test_an_unclean_stop_is_in_the_loss(cluster: Cluster) -> None:
    """Given v1 that is killed instead of stopping, when v2 recomputes, then the loss tells of it."""
    deaf = {"terminationGracePeriodSeconds": 1, "command": sim(ignoreTerm=True)}
    forward = strategy("ForwardOnly", approval="Never")
    cluster.apply(scenario("s", "1.0.0", workload=deaf), run("r", "s"))
    cluster.until_settled("r", "1.0.0")

    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=forward, workload=deaf))

    status = cluster.until_settled("r", "2.0.0")["status"]
    assert status["lastStop"]["clean"] is False
    assert cluster.until_report("s")["runs"][0]["loss"]["uncleanStop"] is True


@pytest.mark.parametrize(
    "words", ["bye", "[1, 2]", json.dumps({"processedUntil": "yesterday"}), '{"processedUntil":']
)
def test_a_report_that_says_nothing_counts_as_missing(cluster: Cluster, words: str) -> None:
    """Given a termination message that is no report, when v2 continues, then the run asks instead of guessing."""
    cluster.apply(scenario("s", "1.0.0", command=sim(message=words)), run("r", "s"))
    cluster.until_settled("r", "1.0.0")

    continuing = strategy("Continuation", approval="Never")
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=continuing))

    cluster.until_condition("srun", "r", "ActionRequired", "True", "StopReportMissing")
    assert cluster.find("sts", "r-2") is None
