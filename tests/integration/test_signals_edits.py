"""Edits of a run at any moment: retry, restart, pin, stop, parameters, windows; and a newer version."""

from __future__ import annotations

from typing import Any

from tests.harness.cluster import Cluster
from tests.harness.moments import (
    anew,
    ask,
    begun_at,
    given,
    hook_pod,
    image,
    journal,
    let_go,
    looked_at,
    outcomes,
    patient,
    settled,
    stopping,
    until_journal,
    until_stopping,
)
from tests.harness.objects import compatible, run, scenario, sim, strategy

JsonObject = dict[str, Any]
P = [{"name": "p", "default": "a"}]


# --- Retry and restart ----------------------------------------------------------------------------


def failed_verification(cluster: Cluster, on_failure: str) -> str:
    """Upgrade run r to v2, whose verify hook fails; return the hook's pod."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    once = strategy("InPlace", onFailure=on_failure, retry={"maxAttempts": 1, "backoffSeconds": 1})
    hooks = {"verify": {"command": sim(runFor=3600)}}
    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=once, hooks=hooks))
    pod = hook_pod(cluster, "r")
    cluster.behave(pod, runFor=0, exit=1, message="sums are wrong")
    return pod


def test_a_plan_held_by_a_failure_goes_on_when_it_is_retried(cluster: Cluster) -> None:
    """Given onFailure Hold and a hook that failed, when retryNonce changes, then the same plan goes on."""
    failed = failed_verification(cluster, "Hold")
    seen = cluster.until_condition("srun", "r", "ActionRequired", "True", "HookFailed")
    cluster.until_condition("srun", "r", "Stalled", "True", "HookFailed")
    attempt = cluster.until("a parked grant", lambda: parked(cluster))
    plan = journal(cluster, "r")["id"]

    retry, _, _ = seen["message"].partition("; take it back")
    cluster.carry_out(retry)
    again = hook_pod(cluster, "r", unlike=failed)
    assert journal(cluster, "r")["id"] == plan
    cluster.behave(again, runFor=0)

    cluster.until_settled("r", "2.0.0")
    assert outcomes(cluster.until_report("s")) == {"r": "Upgraded"}
    assert cluster.latest_attempt("s")["metadata"]["name"] == attempt


def parked(cluster: Cluster) -> str:
    """Return the attempt in which run r waits for a person, "" when there is none."""
    attempt = cluster.latest_attempt("s")
    waits = [entry["parked"] for entry in attempt["status"].get("active") or ()]
    return attempt["metadata"]["name"] if waits == [True] else ""


def test_a_run_that_went_back_is_retried_by_an_attempt_of_its_own(cluster: Cluster) -> None:
    """Given a run that went back, when the command in its message is run, then a Retry attempt leads it on."""
    failed = failed_verification(cluster, "RollBack")
    cluster.until_condition("srun", "r", "RolledBack", "True")
    cluster.until_report("s", 1)

    cluster.carry_out(cluster.condition("srun", "r", "ActionRequired")["message"])
    cluster.behave(hook_pod(cluster, "r", unlike=failed), runFor=0)

    cluster.until_settled("r", "2.0.0")
    assert outcomes(cluster.until_report("s", 2)) == {"r": "Upgraded"}
    assert outcomes(cluster.until_report("s", 1)) == {"r": "RolledBack"}
    spec = cluster.get("supg", "s-2")["spec"]
    assert (spec["cause"], spec["runs"]) == ("Retry", ["r"])
    assert cluster.condition("srun", "r", "RolledBack") == {}


def test_a_restart_nonce_restarts_once_on_the_same_state(cluster: Cluster) -> None:
    """Given a run, when restartNonce changes, then its pod is replaced once, without an attempt."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    before = cluster.until_settled("r", "1.0.0")["status"]
    claim, pod = cluster.uid("pvc", "state-r-1-0"), cluster.uid("pod", "r-1-0")

    ask(cluster, "r", restartNonce="1")

    def replaced() -> bool:
        found = cluster.find("pod", "r-1-0")
        return found is not None and found["metadata"]["uid"] != pod

    cluster.until("another pod", replaced)
    after = cluster.until_settled("r", "1.0.0")["status"]
    assert cluster.uid("pvc", "state-r-1-0") == claim
    assert (after["runID"], after["window"]) == (before["runID"], before["window"])
    settled_at = cluster.versions("pod/r-1-0", "sts/r-1")
    looked_at(cluster, "r")
    assert cluster.versions("pod/r-1-0", "sts/r-1") == settled_at
    assert cluster.list("supg") == []


# --- Pin ------------------------------------------------------------------------------------------


def test_a_pinned_run_follows_when_the_pin_goes(cluster: Cluster) -> None:
    """Given a run pinned to v1 behind v2, when the pin is removed, then an attempt leads it to v2."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s", pinnedVersion="1.0.0"))
    cluster.until_settled("r", "1.0.0")
    cluster.apply(scenario("s", "2.0.0", edges=compatible()))
    cluster.until_condition("srun", "r", "UpToDate", "False", "Pinned")
    cluster.until_condition("scn", "s", "RolledOut", "True")
    assert cluster.list("supg") == []

    ask(cluster, "r", pinnedVersion=None)

    cluster.until_settled("r", "2.0.0")
    assert outcomes(cluster.until_report("s")) == {"r": "Upgraded"}
    cluster.until(
        "nobody to count as pinned", lambda: not cluster.get("scn", "s")["status"]["runs"]["pinned"]
    )


def test_a_pin_in_mid_plan_moves_nothing_and_keeps_the_next_version_away(cluster: Cluster) -> None:
    """Given a run on its way to v2, when it is pinned to v1, then it arrives, never goes back, and v3 passes it by."""
    settled(cluster, run("other", "s"))
    cluster.until_settled("other", "1.0.0")
    cluster.apply(patient("2.0.0"))
    until_stopping(cluster, "r-1-0")

    ask(cluster, "r", pinnedVersion="1.0.0")
    let_go(cluster, "r-1-0")

    cluster.until_settled("r", "2.0.0")
    assert outcomes(cluster.until_report("s", 1))["r"] == "Upgraded"
    before = cluster.versions("pod/r-1-0", "sts/r-1")
    cluster.apply(patient("3.0.0"))
    cluster.until_settled("other", "3.0.0")
    cluster.until_condition("srun", "r", "UpToDate", "False", "Pinned")
    cluster.until_condition("scn", "s", "RolledOut", "True")
    assert cluster.versions("pod/r-1-0", "sts/r-1") == before


# --- Stop, start and edits in mid-plan ------------------------------------------------------------


def test_a_stop_in_mid_upgrade_waits_for_the_plan_to_end(cluster: Cluster) -> None:
    """Given a run on its way to v2, when it is stopped, then it arrives first; started again it works on v2."""
    stopping(cluster)
    claim = cluster.uid("pvc", "state-r-1-0")

    ask(cluster, "r", desiredState="Stopped")
    let_go(cluster, "r-1-0")

    cluster.until_condition("srun", "r", "Available", "False", "Stopped")
    status = cluster.until_settled("r", "2.0.0")["status"]
    assert status["stopped"] is True
    assert status["lastStop"]["incarnation"] == 1
    assert outcomes(cluster.until_report("s")) == {"r": "Upgraded"}
    assert cluster.list("pods", "scenarios.dev/run=r") == []

    ask(cluster, "r", desiredState="Running")
    cluster.until_condition("srun", "r", "Available", "True")
    cluster.until_settled("r", "2.0.0")
    assert image(cluster) == cluster.get("scn", "s")["status"]["resolvedImage"]
    assert cluster.uid("pvc", "state-r-1-0") == claim
    assert len(cluster.list("supg")) == 1


def test_parameters_edited_in_mid_plan_make_a_second_plan(cluster: Cluster) -> None:
    """Given v2 at Start, when a parameter is edited, then this plan ends with the old value, the next has the new."""
    cluster.apply(scenario("s", "1.0.0", parameters=P), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    late = scenario("s", "2.0.0", edges=compatible(), parameters=P, command=sim(neverStart=True))
    cluster.apply(late)
    cluster.until("the pod of v2", lambda: begun_at(cluster, "r", "start") and cluster.find("pod", "r-1-0"))
    first = cluster.uid("pod", "r-1-0")

    ask(cluster, "r", parameters={"p": "b"})
    looked_at(cluster, "r")
    assert cluster.uid("pod", "r-1-0") == first
    assert given(cluster, "r-1-0") == {"p": "a"}
    cluster.behave("r-1-0", neverStart=False)
    assert outcomes(cluster.until_report("s")) == {"r": "Upgraded"}

    until_journal(cluster, "r", cause="Parameters")
    cluster.until("the second pod", lambda: second(cluster, first))
    cluster.behave("r-1-0", neverStart=False)
    cluster.until_settled("r", "2.0.0")
    assert given(cluster, "r-1-0") == {"p": "b"}
    assert len(cluster.list("supg")) == 1


def second(cluster: Cluster, first: str) -> JsonObject:
    """Return the pod of run r that is not the first, {} while there is none."""
    found = cluster.find("pod", "r-1-0") or {}
    return found if found and found["metadata"]["uid"] != first else {}


def test_a_window_edited_in_mid_plan_counts_for_the_next_incarnation_only(cluster: Cluster) -> None:
    """Given a recompute at Start, when startFrom is edited, then this window stands and the next recompute has it."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s", recomputeNonce="0"))
    cluster.until_settled("r", "1.0.0")
    cluster.apply(anew("2.0.0", "ForwardOnly", command=sim(neverStart=True)))
    cluster.until("the new incarnation", lambda: cluster.find("pod", "r-2-0"))
    pod = cluster.uid("pod", "r-2-0")

    ask(cluster, "r", startFrom={"mode": "At", "time": "2020-01-01T00:00:00Z"})
    cluster.behave("r-2-0", neverStart=False)
    status = cluster.until_settled("r", "2.0.0")["status"]
    assert "startFrom" not in status["window"]
    assert cluster.uid("pod", "r-2-0") == pod
    assert cluster.environment("r-2-0")["SCENARIO_START_FROM"] == ""

    ask(cluster, "r", recomputeNonce="1")
    cluster.until("the next incarnation", lambda: cluster.find("pod", "r-3-0"))
    assert cluster.environment("r-3-0")["SCENARIO_START_FROM"] == "2020-01-01T00:00:00Z"
    cluster.behave("r-3-0", neverStart=False)
    assert cluster.until_settled("r", "2.0.0")["status"]["plans"] == len(["start", "upgrade", "recompute"])


# --- A newer version ------------------------------------------------------------------------------


def test_a_newer_version_takes_over_from_one_that_is_stuck(cluster: Cluster) -> None:
    """Given v2 that waits for a person at Start, when v3 is applied, then v2 is taken back and v3 arrives."""
    waits = strategy("InPlace", onFailure="Hold", timeouts={"startSeconds": 2})
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    claim = cluster.uid("pvc", "state-r-1-0")
    stuck = scenario("s", "2.0.0", edges=compatible(), strategy=waits, command=sim(neverStart=True))
    cluster.apply(stuck)
    cluster.until_condition("srun", "r", "ActionRequired", "True", "StartTimeout")

    cluster.apply(scenario("s", "3.0.0", edges=compatible()))

    cluster.until_settled("r", "3.0.0")
    report = cluster.until_report("s", 1)
    assert outcomes(report) == {"r": "Superseded"}
    assert report["runs"][0]["reason"] == "StartTimeout"
    assert outcomes(cluster.until_report("s", 2)) == {"r": "Upgraded"}
    assert cluster.uid("pvc", "state-r-1-0") == claim
