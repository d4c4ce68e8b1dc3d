"""Hold and abort, of an attempt and of a run's own plan, at any moment."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from tests.harness.cluster import Cluster
from tests.harness.moments import (
    abort,
    anew,
    ask,
    begun_at,
    given,
    hang,
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


def writes_to(cluster: Cluster, *about: str) -> int:
    """Count what was written so far about a resource, and name if given."""
    return sum(1 for write in cluster.writes() if write[1 : 1 + len(about)] == about)


# --- Hold -----------------------------------------------------------------------------------------


def test_a_held_plan_stands_still_and_goes_on_when_the_hold_goes(cluster: Cluster) -> None:
    """Given a run at Stop, when it is held and its pod ends, then nothing follows until the hold is taken off."""
    stopping(cluster)

    ask(cluster, "r", hold="on call")
    cluster.until_condition("srun", "r", "Ready", "False", "Held")
    cluster.until_condition("srun", "r", "Stalled", "True", "Held")
    let_go(cluster, "r-1-0")
    cluster.until("the old pod to be gone", lambda: cluster.find("pod", "r-1-0") is None)
    before = writes_to(cluster, "statefulsets", "r-1")
    looked_at(cluster, "r")

    assert writes_to(cluster, "statefulsets", "r-1") == before
    assert cluster.find("pod", "r-1-0") is None
    told = cluster.condition("srun", "r", "ActionRequired")
    assert (told["status"], told["reason"]) == ("True", "Held")
    cluster.carry_out(told["message"])
    cluster.until_settled("r", "2.0.0")
    assert outcomes(cluster.until_report("s")) == {"r": "Upgraded"}


def test_the_time_of_a_hold_counts_towards_no_deadline(cluster: Cluster) -> None:
    """Given a start that has 30 s, when it is held for longer, then it goes on with the time that was left."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    patient = strategy("InPlace", timeouts={"startSeconds": 30})
    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=patient, command=sim(neverStart=True)))
    begun = cluster.until("its Start", lambda: begun_at(cluster, "r", "start"))

    ask(cluster, "r", hold="on call")
    cluster.until("the hold", lambda: journal(cluster, "r").get("heldSince"))
    cluster.until("the deadline to pass", lambda: time.time() > begun + 31)
    ask(cluster, "r", hold=None)

    def looked_again() -> JsonObject:
        seen = journal(cluster, "r")
        return seen if seen and "heldSince" not in seen else {}

    seen = cluster.until("a look at the plan after the hold", looked_again)
    assert seen["heading"] == "Forward"
    cluster.behave("r-1-0", neverStart=False)
    cluster.until_settled("r", "2.0.0")
    assert outcomes(cluster.until_report("s")) == {"r": "Upgraded"}


def test_a_held_run_lets_others_pass_and_follows_when_the_hold_goes(cluster: Cluster) -> None:
    """Given a held run, when v2 rolls out, then the other one arrives and this one waits for the hold to go."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"), run("other", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.until_settled("other", "1.0.0")
    ask(cluster, "r", hold="on call")
    cluster.until_condition("srun", "r", "ActionRequired", "True", "Held")
    before = cluster.versions("pod/r-1-0", "sts/r-1")

    cluster.apply(scenario("s", "2.0.0", edges=compatible()))

    cluster.until_settled("other", "2.0.0")
    cluster.until_condition("srun", "r", "UpToDate", "False", "Held")
    assert cluster.condition("srun", "r", "Ready")["status"] == "True"
    assert cluster.versions("pod/r-1-0", "sts/r-1") == before
    cluster.carry_out(cluster.condition("srun", "r", "ActionRequired")["message"])
    cluster.until_settled("r", "2.0.0")
    assert outcomes(cluster.until_report("s")) == {"r": "Upgraded", "other": "Upgraded"}


# --- Abort ----------------------------------------------------------------------------------------


def test_an_attempt_that_is_aborted_at_its_stop_goes_back_to_exactly_what_was(cluster: Cluster) -> None:
    """Given a run at Stop, when the attempt is aborted, then the old version works again and nothing is retried."""
    settled(cluster)
    before = cluster.get("srun", "r")["status"]
    old, claim = image(cluster), cluster.uid("pvc", "state-r-1-0")
    cluster.apply(patient("2.0.0"))
    until_stopping(cluster, "r-1-0")

    abort(cluster, "s-1")
    until_journal(cluster, "r", heading="Back", turnedBy="Aborted")
    let_go(cluster, "r-1-0")

    cluster.until_condition("srun", "r", "Ready", "True", "RolledBack")
    cluster.until_condition("srun", "r", "ActionRequired", "True", "RolledBack")
    cluster.until_condition("srun", "r", "Available", "True")
    status = cluster.get("srun", "r")["status"]
    unmoved = ("applied", "window", "parameters", "incarnation", "runID")
    assert {k: status.get(k) for k in unmoved} == {k: before.get(k) for k in unmoved}
    assert (image(cluster), cluster.uid("pvc", "state-r-1-0")) == (old, claim)
    report = cluster.until_report("s")
    assert outcomes(report) == {"r": "Aborted"}
    assert report["phase"] == "Aborted"
    looked_at(cluster, "r")
    assert [a["metadata"]["name"] for a in cluster.list("supg")] == ["s-1"]


def test_an_abort_takes_a_new_incarnation_away_again(cluster: Cluster) -> None:
    """Given a Continuation at Start, when it is aborted, then the new incarnation goes and the old one works on."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    claim = cluster.uid("pvc", "state-r-1-0")
    cluster.apply(anew("2.0.0", "Continuation", command=sim(neverStart=True)))
    cluster.until("the new incarnation", lambda: cluster.find("pod", "r-2-0"))

    abort(cluster, "s-1")

    cluster.until_condition("srun", "r", "RolledBack", "True")
    cluster.until_condition("srun", "r", "Available", "True")
    status = cluster.get("srun", "r")["status"]
    assert (status["applied"]["version"], status["runID"]) == ("1.0.0", "r-1")
    assert outcomes(cluster.until_report("s")) == {"r": "Aborted"}
    assert cluster.uid("pvc", "state-r-1-0") == claim
    cluster.until("its claim to go", lambda: cluster.find("pvc", "state-r-2-0") is None)
    assert cluster.find("sts", "r-2") is None


def test_an_abort_of_a_held_plan_takes_effect_when_the_hold_goes(cluster: Cluster) -> None:
    """Given a held plan, when it is aborted, then it stands still as before, and goes back after the hold."""
    stopping(cluster)
    ask(cluster, "r", hold="on call")
    cluster.until_condition("srun", "r", "Ready", "False", "Held")

    abort(cluster, "s-1")
    let_go(cluster, "r-1-0")
    cluster.until("the old pod to be gone", lambda: cluster.find("pod", "r-1-0") is None)
    looked_at(cluster, "r")
    assert journal(cluster, "r")["heading"] == "Forward"
    assert cluster.find("pod", "r-1-0") is None

    ask(cluster, "r", hold=None)
    cluster.until_condition("srun", "r", "RolledBack", "True")
    cluster.until_condition("srun", "r", "Available", "True")
    assert outcomes(cluster.until_report("s")) == {"r": "Aborted"}


def test_an_abort_past_the_point_of_no_return_stops_the_retries_and_undoes_nothing(cluster: Cluster) -> None:
    """Given a revert hook that fails, when it is aborted, then it is tried again for v3 only, until it is skipped."""
    hooks = {"revert": {"command": sim(exit=1, message="locked")}}
    cluster.apply(scenario("s", "1.0.0", hooks=hooks), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.apply(anew("2.0.0", "ForwardOnly"))
    cluster.until("the hook to have failed", lambda: journal(cluster, "r").get("attempts"))

    abort(cluster, "s-1")
    until_journal(cluster, "r", gaveUp=True, crossed=True, heading="Forward")
    cluster.until_condition("srun", "r", "ActionRequired", "True", "PastPointOfNoReturn")
    tries, failed = hook_tries(cluster), journal(cluster, "r")["attempts"][0]["at"]
    pause = datetime.fromisoformat(failed).timestamp() + 3
    cluster.until("the time of the next try", lambda: time.time() > pause)
    looked_at(cluster, "r")

    assert hook_tries(cluster) == tries
    assert cluster.get("sts", "r-1")["spec"]["replicas"] == 0
    assert cluster.get("pvc", "state-r-1-0")["metadata"].get("deletionTimestamp") is None
    cluster.apply(anew("3.0.0", "ForwardOnly"))
    cluster.until("the hook to be tried on the way to v3", lambda: hook_tries(cluster) > tries)
    cluster.patch("supg", "s-1", {"spec": {"skipRevert": True}})
    cluster.until_settled("r", "3.0.0")
    report = cluster.until_report("s", 1)
    assert outcomes(report) == {"r": "Superseded"}
    assert report["runs"][0]["loss"]["revertSkipped"] is True


def hook_tries(cluster: Cluster) -> int:
    """Count the Jobs that were made so far."""
    return sum(1 for verb, what, _ in cluster.writes() if (verb, what) == ("create", "jobs"))


def test_a_revert_hook_that_keeps_failing_can_be_given_up(cluster: Cluster) -> None:
    """Given a revert hook that fails, when the attempt says skipRevert, then the plan goes on and the loss tells."""
    hooks = {"revert": {"command": sim(exit=1, message="locked")}}
    cluster.apply(scenario("s", "1.0.0", hooks=hooks), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    cluster.apply(anew("2.0.0", "ForwardOnly"))
    cluster.until_condition("srun", "r", "ActionRequired", "True", "PastPointOfNoReturn")

    cluster.patch("supg", "s-1", {"spec": {"skipRevert": True}})

    cluster.until_settled("r", "2.0.0")
    report = cluster.until_report("s")
    assert outcomes(report) == {"r": "Recomputed"}
    assert report["runs"][0]["loss"]["revertSkipped"] is True


def test_a_runs_own_plan_is_aborted_by_its_nonce_and_retried_by_another(cluster: Cluster) -> None:
    """Given a restart for a parameter at Stop, when it is aborted, then the old value stays until it is retried."""
    cluster.apply(patient("1.0.0", parameters=P), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    hang(cluster, "r-1-0")
    ask(cluster, "r", parameters={"p": "b"})
    until_stopping(cluster, "r-1-0")

    ask(cluster, "r", abortNonce="1")
    until_journal(cluster, "r", heading="Back", turnedBy="Aborted")
    let_go(cluster, "r-1-0")
    cluster.until_condition("srun", "r", "RolledBack", "True")
    cluster.until_condition("srun", "r", "Available", "True")
    assert given(cluster, "r-1-0") == {"p": "a"}
    before = cluster.versions("pod/r-1-0", "sts/r-1")
    looked_at(cluster, "r")
    assert cluster.versions("pod/r-1-0", "sts/r-1") == before

    cluster.carry_out(cluster.condition("srun", "r", "ActionRequired")["message"])
    cluster.until_settled("r", "1.0.0")
    assert given(cluster, "r-1-0") == {"p": "b"}
    assert cluster.list("supg") == []


def test_a_first_start_that_is_aborted_leaves_nothing_and_starts_anew_when_it_is_retried(
    cluster: Cluster,
) -> None:
    """Given a first start that hangs, when it is aborted, then nothing is left; a retry makes incarnation 2."""
    cluster.apply(scenario("s", "1.0.0", command=sim(neverStart=True)), run("r", "s"))
    cluster.until("the pod", lambda: cluster.find("pod", "r-1-0"))

    ask(cluster, "r", abortNonce="1")

    cluster.until_condition("srun", "r", "RolledBack", "True")
    cluster.until("its state to go", lambda: cluster.find("pvc", "state-r-1-0") is None)
    assert cluster.list("pods", "scenarios.dev/run=r") == []
    looked_at(cluster, "r")
    assert cluster.list("sts", "scenarios.dev/run=r") == []
    cluster.carry_out(cluster.condition("srun", "r", "ActionRequired")["message"])
    cluster.until("incarnation 2", lambda: cluster.find("pod", "r-2-0"))
    cluster.behave("r-2-0", neverStart=False)
    assert cluster.until_settled("r", "1.0.0")["status"]["runID"] == "r-2"
