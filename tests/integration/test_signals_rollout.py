"""Signals to a rollout at any moment: consent, suspend, strategies, abort, failures, several attempts."""

from __future__ import annotations

from typing import Any

from tests.harness.cluster import Cluster
from tests.harness.moments import (
    abort,
    ask,
    granted,
    hook_pod,
    in_turns,
    journal,
    let_go,
    looked_at,
    one_after_the_other,
    outcomes,
    two_runs,
    until_journal,
    until_stopping,
)
from tests.harness.objects import compatible, incompatible, run, scenario, sim, stored_strategy, strategy

JsonObject = dict[str, Any]


# --- Consent and suspend --------------------------------------------------------------------------


def test_consent_withdrawn_before_the_grant_counts_no_more(cluster: Cluster) -> None:
    """Given a suspended version with consent, when that is withdrawn and it is released, then it waits untouched."""
    asked = strategy("ForwardOnly")
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions("pod/r-1-0", "sts/r-1", "pvc/state-r-1-0")
    staged = scenario("s", "2.0.0", edges=incompatible(), strategy=asked, upgrade={"suspend": True})
    cluster.apply(staged)
    cluster.until_condition("supg", "s-1", "Approved", "False", "ApprovalRequired")
    cluster.approve("s-1", cluster.get("supg", "s-1")["status"]["groups"][0]["hash"])
    cluster.until_condition("supg", "s-1", "Approved", "True")

    cluster.patch("supg", "s-1", {"spec": {"approvals": []}})
    cluster.until_condition("supg", "s-1", "Approved", "False", "ApprovalRequired")
    cluster.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=asked))

    seen = cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    looked_at(cluster, "r")
    assert cluster.versions("pod/r-1-0", "sts/r-1", "pvc/state-r-1-0") == before
    cluster.carry_out(seen["message"])
    cluster.until_settled("r", "2.0.0")


def test_consent_withdrawn_after_the_grant_stops_nothing_that_has_begun(cluster: Cluster) -> None:
    """Given a granted and a waiting run, when consent is withdrawn, then the one arrives and the other waits for it."""
    two_runs(cluster)
    cluster.apply(in_turns("2.0.0", "ForwardOnly"))
    seen = cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    cluster.carry_out(seen["message"])
    until_stopping(cluster, "a-1-0")
    who = cluster.user()

    cluster.patch("supg", "s-1", {"spec": {"approvals": []}})
    cluster.until_condition("supg", "s-1", "Approved", "False", "ApprovalRequired")
    let_go(cluster, "a-1-0")

    cluster.until_settled("a", "2.0.0")
    cluster.until_condition("srun", "b", "UpToDate", "False", "AwaitingApproval")
    again = cluster.until_condition("scn", "s", "ActionRequired", "True", "ApprovalRequired")
    assert "upgrade" not in cluster.get("srun", "b")["status"]
    first = cluster.until("the report on a", lambda: cluster.get("supg", "s-1")["status"]["runs"])
    assert [(e["name"], e["outcome"], e.get("approver")) for e in first] == [("a", "Recomputed", who)]
    cluster.carry_out(again["message"])
    cluster.until_settled("b", "2.0.0")
    assert outcomes(cluster.until_report("s")) == {"a": "Recomputed", "b": "Recomputed"}


def test_a_suspended_attempt_lets_what_has_begun_end_and_begins_nothing(cluster: Cluster) -> None:
    """Given a run under way and one that waits, when the attempt is suspended, then one arrives, the other stays."""
    two_runs(cluster)
    cluster.apply(in_turns("2.0.0"))
    until_stopping(cluster, "a-1-0")

    cluster.patch("supg", "s-1", {"spec": {"suspend": True}})
    cluster.until_condition("supg", "s-1", "Ready", "True", "Suspended")
    let_go(cluster, "a-1-0")

    cluster.until_settled("a", "2.0.0")
    cluster.until_condition("srun", "b", "UpToDate", "False", "Suspended")
    cluster.until_condition("scn", "s", "Ready", "True", "Suspended")
    before = cluster.versions("pod/b-1-0", "sts/b-1")
    looked_at(cluster, "b")
    assert cluster.versions("pod/b-1-0", "sts/b-1") == before
    cluster.patch("supg", "s-1", {"spec": {"suspend": False}})
    cluster.until_settled("b", "2.0.0")
    assert outcomes(cluster.until_report("s")) == {"a": "Upgraded", "b": "Upgraded"}


def test_a69_a_strategy_edited_in_mid_plan_counts_for_the_next_plan(cluster: Cluster) -> None:
    """Given a Continuation under way, when the strategy becomes ForwardOnly, then it ends as one; the next does not."""

    def gentle(kind: str) -> JsonObject:
        spec = strategy(kind, approval="Never", rollout={"maxConcurrent": 1})
        return stored_strategy("gentle", spec)

    by_name = {"strategy": None, "upgrade": {"strategyRef": {"name": "gentle"}}}
    cluster.apply(gentle("Continuation"))
    two_runs(cluster, **by_name)
    cluster.apply(in_turns("2.0.0", "Continuation", **by_name))
    until_stopping(cluster, "a-1-0")

    cluster.apply(gentle("ForwardOnly"))

    def replanned() -> bool:
        groups = cluster.get("supg", "s-1")["status"]["groups"]
        return {g["strategy"] for g in groups} == {"Continuation", "ForwardOnly"}

    cluster.until("b to be planned anew", replanned)
    let_go(cluster, "a-1-0")
    cluster.until_settled("a", "2.0.0")
    cluster.until_settled("b", "2.0.0")
    assert outcomes(cluster.until_report("s")) == {"a": "Continued", "b": "Recomputed"}


# --- Abort and failures ---------------------------------------------------------------------------


def test_an_aborted_attempt_ends_those_who_wait_until_one_is_retried(cluster: Cluster) -> None:
    """Given a run under way and one that waits, when it is aborted, then both stay on v1; a retry leads one on."""
    two_runs(cluster)
    cluster.apply(in_turns("2.0.0"))
    until_stopping(cluster, "a-1-0")

    abort(cluster, "s-1")
    let_go(cluster, "a-1-0")

    assert outcomes(cluster.until_report("s", 1)) == {"a": "Aborted", "b": "Aborted"}
    cluster.until_condition("scn", "s", "Stalled", "True", "RunsFailed")
    looked_at(cluster, "a", "b")
    assert len(cluster.list("supg")) == 1
    cluster.patch("srun", "b", {"spec": {"retryNonce": "1"}})
    cluster.until_settled("b", "2.0.0")
    assert outcomes(cluster.until_report("s", 2)) == {"b": "Upgraded"}
    assert cluster.get("srun", "a")["status"]["applied"]["version"] == "1.0.0"


def test_an_aborted_recompute_is_not_asked_for_again_by_itself(cluster: Cluster) -> None:
    """Given a recompute that waits for consent, when it is aborted, then no other one is opened until a new nonce."""
    always = strategy("ForwardOnly", approval="Always")
    cluster.apply(scenario("s", "1.0.0", strategy=always), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions("pod/r-1-0", "sts/r-1", "pvc/state-r-1-0")
    cluster.patch("srun", "r", {"spec": {"recomputeNonce": "1"}})
    cluster.until_condition("supg", "s-1", "Approved", "False", "ApprovalRequired")

    abort(cluster, "s-1")

    assert outcomes(cluster.until_report("s", 1)) == {"r": "Aborted"}
    looked_at(cluster, "r")
    looked_at(cluster)
    assert [a["metadata"]["name"] for a in cluster.list("supg")] == ["s-1"]
    assert cluster.versions("pod/r-1-0", "sts/r-1", "pvc/state-r-1-0") == before
    cluster.patch("srun", "r", {"spec": {"recomputeNonce": "2"}})
    cluster.until_condition("supg", "s-2", "Approved", "False", "ApprovalRequired")


def test_an_aborted_retry_is_not_asked_for_again_by_itself(cluster: Cluster) -> None:
    """Given a retry that waits for consent, when it is aborted, then no other one is opened until a new nonce."""
    always = strategy("InPlace", approval="Always")
    cluster.apply(scenario("s", "1.0.0", strategy=always), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    before = cluster.versions("pod/r-1-0", "sts/r-1")
    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=always))
    cluster.until_condition("supg", "s-1", "Approved", "False", "ApprovalRequired")
    abort(cluster, "s-1")
    cluster.until_report("s", 1)
    cluster.patch("srun", "r", {"spec": {"retryNonce": "1"}})
    cluster.until_condition("supg", "s-2", "Approved", "False", "ApprovalRequired")

    abort(cluster, "s-2")

    assert outcomes(cluster.until_report("s", 2)) == {"r": "Aborted"}
    looked_at(cluster, "r")
    looked_at(cluster)
    assert {a["metadata"]["name"] for a in cluster.list("supg")} == {"s-1", "s-2"}
    assert cluster.versions("pod/r-1-0", "sts/r-1") == before
    cluster.patch("srun", "r", {"spec": {"retryNonce": "2"}})
    cluster.until_condition("supg", "s-3", "Approved", "False", "ApprovalRequired")


def test_a_rollout_held_by_failures_goes_on_when_max_failed_is_raised(cluster: Cluster) -> None:
    """Given maxFailed 0 and a run that went back, when maxFailed is raised, then the others get their turn."""

    def allowing(failures: int) -> JsonObject:
        pace = {"maxConcurrent": 1, "maxFailed": failures, "canary": {"runs": 0}}
        once = strategy("InPlace", rollout=pace, retry={"maxAttempts": 1, "backoffSeconds": 1})
        hooks = {"verify": {"command": sim(runFor=3600)}}
        return scenario("s", "2.0.0", edges=compatible(), strategy=once, hooks=hooks)

    cluster.apply(scenario("s", "1.0.0"), *(run(name, "s") for name in "abc"))
    for name in "abc":
        cluster.until_settled(name, "1.0.0")
    cluster.apply(allowing(0))
    cluster.behave(hook_pod(cluster, "a"), runFor=0, exit=1)

    cluster.until_condition("scn", "s", "Stalled", "True", "RolloutHeld")
    cluster.until_condition("supg", "s-1", "Ready", "False", "RolloutHeld")
    for name in "bc":
        cluster.until_condition("srun", name, "UpToDate", "False", "RolloutHeld")
    untouched = ("pod/b-1-0", "sts/b-1", "pod/c-1-0", "sts/c-1")
    before = cluster.versions(*untouched)
    looked_at(cluster, "b", "c")
    assert cluster.versions(*untouched) == before

    cluster.apply(allowing(1))
    for name in "bc":
        cluster.behave(hook_pod(cluster, name), runFor=0)
        cluster.until_settled(name, "2.0.0")
    told = {"a": "RolledBack", "b": "Upgraded", "c": "Upgraded"}
    assert outcomes(cluster.until_report("s", 1)) == told


# --- Several attempts -----------------------------------------------------------------------------


def test_an_attempt_deleted_by_hand_still_counts_its_run_under_way(cluster: Cluster) -> None:
    """Given one slot and a run under way, when its attempt is deleted, then it arrives before the next one begins."""
    two_runs(cluster)
    cluster.apply(in_turns("2.0.0"))
    until_stopping(cluster, "a-1-0")

    cluster.delete("supg", "s-1")
    cluster.until("the next attempt", lambda: cluster.find("supg", "s-2"))
    looked_at(cluster)
    assert granted(cluster) <= {"a"}
    let_go(cluster, "a-1-0")

    cluster.until_settled("a", "2.0.0")
    cluster.until_settled("b", "2.0.0")
    one_after_the_other(cluster, "a", "b")
    assert outcomes(cluster.until_report("s", 2)) == {"b": "Upgraded"}


def test_a_plan_whose_attempt_was_deleted_is_aborted_by_the_nonce_of_its_run(cluster: Cluster) -> None:
    """Given a run under way whose attempt is gone, when abortNonce changes, then it goes back and stays there."""
    two_runs(cluster)
    cluster.apply(in_turns("2.0.0"))
    until_stopping(cluster, "a-1-0")
    cluster.delete("supg", "s-1")

    ask(cluster, "a", abortNonce="1")
    until_journal(cluster, "a", heading="Back", turnedBy="Aborted")
    let_go(cluster, "a-1-0")

    cluster.until_condition("srun", "a", "RolledBack", "True")
    cluster.until_condition("srun", "a", "Available", "True")
    cluster.until_settled("b", "2.0.0")
    assert outcomes(cluster.until_report("s", 2)) == {"b": "Upgraded"}
    looked_at(cluster, "a")
    assert cluster.get("srun", "a")["status"]["applied"]["version"] == "1.0.0"
    assert [a["metadata"]["name"] for a in cluster.list("supg")] == ["s-2"]


def test_a_recompute_beside_a_rollout_takes_its_slot_like_everybody(cluster: Cluster) -> None:
    """Given one slot that a rollout uses, when a recompute is asked for, then it waits for the slot."""
    two_runs(cluster)
    cluster.apply(in_turns("2.0.0"))
    until_stopping(cluster, "a-1-0")

    cluster.patch("srun", "b", {"spec": {"recomputeNonce": "1"}})
    cluster.until("the second attempt", lambda: cluster.find("supg", "s-2"))
    looked_at(cluster)
    assert granted(cluster) <= {"a"}
    let_go(cluster, "a-1-0")

    cluster.until_settled("a", "2.0.0")
    cluster.until("b recomputed", lambda: cluster.get("srun", "b")["status"]["incarnation"] == 2)
    cluster.until_settled("b", "2.0.0")
    one_after_the_other(cluster, "a", "b")
    assert outcomes(cluster.until_report("s", 2)) == {"b": "Recomputed"}
    assert outcomes(cluster.until_report("s", 1))["a"] == "Upgraded"


def test_a_new_revision_waits_for_the_slots_of_the_one_before(cluster: Cluster) -> None:
    """Given one slot in use for v2, when v3 is applied, then nobody begins on it before that slot is free."""
    two_runs(cluster)
    cluster.apply(in_turns("2.0.0"))
    until_stopping(cluster, "a-1-0")

    cluster.apply(in_turns("3.0.0"))
    cluster.until("the second attempt", lambda: cluster.find("supg", "s-2"))
    looked_at(cluster)
    assert granted(cluster) == {"a"}
    assert journal(cluster, "a")["attempt"] == "s-1"
    let_go(cluster, "a-1-0")

    cluster.until_settled("a", "3.0.0")
    cluster.until_settled("b", "3.0.0")
    assert outcomes(cluster.until_report("s", 1)) == {"a": "Upgraded", "b": "Superseded"}
    assert outcomes(cluster.until_report("s", 2)) == {"a": "Upgraded", "b": "Upgraded"}


def test_a48_there_back_again_and_on_converges(cluster: Cluster) -> None:
    """Given a rollout of B under way, when A and then C are applied, then every run ends on C, told once an attempt."""

    def either_way(version: str) -> JsonObject:
        made = in_turns(version)
        made["spec"]["compatibility"]["allowDowngrade"] = True
        return made

    two_runs(cluster)
    cluster.apply(either_way("2.0.0"))
    until_stopping(cluster, "a-1-0")
    cluster.apply(either_way("1.0.0"))
    cluster.until_published("s", "1.0.0")
    cluster.apply(either_way("3.0.0"))
    cluster.until_published("s", "3.0.0")
    let_go(cluster, "a-1-0")

    cluster.until_settled("a", "3.0.0")
    cluster.until_settled("b", "3.0.0")
    cluster.until_condition("scn", "s", "RolledOut", "True")
    assert outcomes(cluster.until_report("s", 1)) == {"a": "Upgraded", "b": "Superseded"}
    for attempt in cluster.list("supg"):
        assert attempt["status"].get("completionTime")
        outcomes(attempt["status"])
    last = cluster.latest_attempt("s")["status"]
    assert outcomes(last) == {"a": "Upgraded", "b": "Upgraded"}
