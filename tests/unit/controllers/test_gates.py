"""Why a run that is behind does not go: it is never told to wait for a turn that will not come."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from tests.sim.setups import KEEP_SAME, WINDOW, applied_of

from scenario_operator.api.conditions import ConditionType
from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.reasons import Reason
from scenario_operator.controllers.publish import Published
from scenario_operator.controllers.scenario import told_of
from scenario_operator.controllers.surroundings import Surroundings
from scenario_operator.execution.close import HISTORY, remembered
from scenario_operator.execution.decide import decide
from scenario_operator.execution.own import case_of
from scenario_operator.execution.status import assess
from scenario_operator.execution.view import Claim, Gate, Handle, Pod, Run, View, World
from scenario_operator.planning.compile import Blocked, plan_upgrade
from scenario_operator.planning.plan import Cause
from scenario_operator.planning.stored import Ended, Handled, Incarnation, Stored
from scenario_operator.planning.validity import Problem
from scenario_operator.rollout.facts import Statement
from scenario_operator.rollout.gate import halt

V1 = KEEP_SAME["v1"]
NOW = "2026-01-01T00:00:00Z"
_VERSIONS = count(1)
SCENARIO = {"status": {"latestRevision": "v2", "activeRevision": "v2"}}


def attempt(name: str, *, abort: bool = False, over: bool = True, **spec: Any) -> dict[str, Any]:
    told = {"abort": name} if abort else {}
    status = {"completionTime": "2026-01-01T00:00:00Z"} if over else {"phase": "Running"}
    return {
        "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": str(next(_VERSIONS))},
        "spec": {"revision": "v2", "cause": "Revision", **told, **spec},
        "status": status,
    }


INVALID = {
    "type": "Valid",
    "status": "False",
    "reason": "InvalidVersion",
    "message": "spec.version: not semantic",
}


def seen(
    *attempts: dict[str, Any],
    nonce: str = "",
    retry: str = "",
    history: tuple[Ended, ...] = (),
    conditions: tuple[dict[str, str], ...] = (),
) -> View:
    """Return the view of a run that is behind, among attempts."""
    stored = Stored(
        applied=applied_of(V1, ("1",)),
        live=1,
        incarnations=(Incarnation(1, V1.version, V1.name),),
        window=WINDOW,
        handled=Handled("", "", "", ""),
        history=history,
    )
    claim = Claim(Handle("c", "1"), 1, ours=True, formats=("1",))
    pod = Pod(Handle("p", "1"), 1, "v1", started=True, ready=True, running=True)
    run = Run("ns", "r", "uid", scenario="s", recompute_nonce=nonce, retry_nonce=retry)
    view = View(run, stored, None, None, None, KEEP_SAME, World(claims=(claim,), pods=(pod,)), 0.0)
    status = {**SCENARIO["status"], "conditions": list(conditions)}
    return Surroundings({"status": status}, KEEP_SAME, None, "", attempts).complete(view)


@pytest.mark.parametrize(
    ("attempts", "reason"),
    [
        ((attempt("s-1", abort=True),), Reason.ABORTED),
        ((attempt("s-1", abort=True), attempt("s-2", runs=["other"])), Reason.ABORTED),
        ((attempt("s-1", abort=True), attempt("s-2", over=False)), None),
        ((attempt("s-1", abort=True, runs=["other"]),), None),
        ((attempt("s-1", abort=True, revision="v1"),), None),
        ((attempt("s-1"),), None),
    ],
    ids=["aborted", "aborted, another's retry", "open again", "another's", "another revision", "over"],
)
def test_a_run_whose_attempt_was_aborted_says_how_to_try_again(
    attempts: tuple[dict[str, Any], ...], reason: Reason | None
) -> None:
    """Given an aborted attempt, when no other one leads this run on, then it does not wait for a turn."""
    view = seen(*attempts)
    assert (view.gate.reason if view.gate else None) == reason
    if reason is not None:
        assert "retryNonce" in (view.gate or Gate("", "")).command


@pytest.mark.parametrize(
    ("nonce", "by", "spent"),
    [("n", "uid", True), ("another", "uid", False), ("", "uid", False), ("n", "one before it", False)],
)
def test_the_abort_of_a_recompute_spends_the_nonce_of_the_run_that_asked(
    nonce: str, by: str, spent: bool
) -> None:
    asked = [{"name": "r", "uid": by, "nonce": "n"}]
    view = seen(attempt("s-1", abort=True, runs=["r"], cause="Recompute", asked=asked), nonce=nonce)
    assert decide(view).record.stored.handled.recompute == (nonce if spent else "")


@pytest.mark.parametrize("asked", ["recompute", "retry"])
def test_a_wish_that_waits_for_a_valid_spec_says_so(asked: str) -> None:
    """Given an invalid spec, when a run asks for a recompute or a retry, then it says what it waits for."""
    went_back = Ended(
        "s-1.1",
        "s-1",
        Outcome.ROLLED_BACK,
        "StartTimeout",
        "x",
        "1.0.0",
        "2.0.0",
        "",
        "",
        "",
        "",
        to_revision="v2",
    )
    wish = {"nonce": "n"} if asked == "recompute" else {"retry": "n", "history": (went_back,)}
    told = decide(seen(conditions=(INVALID,), **wish)).situation.attention
    assert f"spec.{asked}Nonce waits until the spec of Scenario s is valid: InvalidVersion" in told
    assert "kubectl -n ns edit scn s" in told

    valid = decide(seen(**wish)).situation.attention
    assert "waits until" not in valid


def test_an_open_attempt_explains_itself_whatever_the_spec_is_now() -> None:
    """Given a suspended attempt and an invalid spec, when a retry is asked for, then it waits for the attempt."""
    suspended = attempt("s-1", over=False)
    suspended["status"]["phase"] = "Suspended"
    gate = seen(suspended, retry="n", conditions=(INVALID,)).gate
    assert gate is not None
    assert (gate.reason, gate.message) == ("Suspended", "s-1 to 2.0.0 is suspended")


def test_a_run_without_an_attempt_says_that_the_spec_is_not_valid() -> None:
    """Given an invalid spec and no attempt, when a run is behind, then it waits for no turn."""
    gate = seen(conditions=(INVALID,)).gate
    assert gate is not None
    assert gate.message.startswith("waits until the spec of Scenario s is valid: InvalidVersion")


def went_back(revision: str, reason: str = "VerifyFailed") -> Ended:
    return Ended(
        "s-1.1", "s-1", "RolledBack", reason, "x", "1.0.0", "2.0.0", "", "", NOW, NOW, to_revision=revision
    )


def failed_by_itself() -> Ended:
    return Ended("", "", "RolledBack", "StartTimeout", "600 s", "1.0.0", "1.0.0", "", "", NOW, NOW)


def test_a_fix_under_the_same_label_is_waited_for() -> None:
    """Given 2.0.0 that went back, when its configuration is mended under the same label, then it waits for its turn."""
    view = seen(attempt("s-2", over=False), history=(went_back("v2-before"),))
    assert decide(view).situation.reason == Reason.WAITING
    assert decide(seen(attempt("s-1"), history=(went_back("v2"),))).situation.reason == Reason.ROLLED_BACK


def test_what_an_older_operator_recorded_is_judged_by_its_label() -> None:
    view = seen(attempt("s-1"), history=(went_back(""),))
    assert decide(view).situation.reason == Reason.ROLLED_BACK


def test_plans_of_the_runs_own_that_fail_do_not_hide_that_the_upgrade_went_back() -> None:
    """Given an upgrade that went back, when ten changes of parameters fail after it, then it is still on record."""
    history: tuple[Ended, ...] = (went_back("v2"),)
    for _ in range(10):
        history = remembered((failed_by_itself(), *history))
    assert (len(history), history[-1]) == (HISTORY, went_back("v2"))
    assert decide(seen(attempt("s-1"), history=history)).situation.reason == Reason.ROLLED_BACK


def test_answers_to_later_grants_do_not_push_out_what_ended_badly() -> None:
    answers = tuple(went_back("v2")._replace(grant_id=f"s-1.{n}", outcome="Held") for n in range(2, 9))
    history: tuple[Ended, ...] = (went_back("v2"),)
    for one in answers:
        history = remembered((one, *history))
    assert went_back("v2") in history
    assert history[0] == answers[-1]


def test_a_run_whose_history_is_lost_hears_from_the_report_that_it_was_given_up() -> None:
    over = attempt("s-1")
    told = {
        "namespace": "ns",
        "name": "r",
        "uid": "uid",
        "group": "g",
        "outcome": "RolledBack",
        "reason": "x",
    }
    over["status"]["runs"] = [told]
    situation = decide(seen(over)).situation
    assert situation.reason == Reason.ROLLED_BACK
    assert "retryNonce" in situation.attention


MISSING = {
    "type": "ArtifactAvailable",
    "status": "False",
    "reason": "ArtifactUnavailable",
    "message": "r/x:3 cannot be pulled",
}


@pytest.mark.parametrize("reason", ["ArtifactUnavailable", "ConfigMapMissing"])
def test_a_rollout_that_a_missing_artifact_halts_says_so(reason: str) -> None:
    """Given v3 whose image is not there, when the rollout of v2 is halted by it, then the runs name the cause."""
    view = seen(attempt("s-1", over=False), conditions=({**MISSING, "reason": reason},))
    situation = decide(view).situation
    assert (situation.reason, situation.attention) == (reason, "")
    assert "r/x:3 cannot be pulled" in situation.message


@pytest.mark.parametrize("asked", [{"nonce": "n"}, {"retry": "n", "history": (went_back("v2"),)}, {}])
def test_what_no_attempt_is_opened_for_says_what_is_missing(asked: dict[str, Any]) -> None:
    situation = decide(seen(conditions=(MISSING,), **asked)).situation
    assert "until the spec of Scenario s is published: ArtifactUnavailable" in situation.attention


@pytest.mark.parametrize("reason", [None, Reason.ARTIFACT_UNAVAILABLE, Reason.RESOLVING, Reason.REFUSED])
def test_decision_and_message_ask_the_same_function(reason: Reason | None) -> None:
    """Given a spec that is published or not, then what keeps the decision from granting is what runs are told."""
    published = Published(V1, pending=Problem(reason, "x") if reason else None)
    assert halt(told_of(published)) == (Statement(reason.value, "x") if reason else None)


def test_a_run_that_waits_for_consent_says_how_to_give_it() -> None:
    """Given a plan that needs consent, then the run, too, asks for it, with the command that gives it."""
    open_one = attempt("s-1", over=False)
    plan = plan_upgrade(case_of(seen(), KEEP_SAME["v2"], Cause.UPGRADE))
    assert not isinstance(plan, Blocked)
    open_one["status"]["groups"] = [{"hash": plan.plan_hash, "level": "Restart", "approved": False}]
    view = seen(open_one)
    decision = decide(view)
    asked = next(a for a in assess(view, decision) if a.type is ConditionType.ACTION_REQUIRED)
    assert (decision.situation.reason, asked.reason) == (Reason.AWAITING_APPROVAL, Reason.APPROVAL_REQUIRED)
    assert f'"planHash":"{plan.plan_hash}"' in asked.message
    assert "kubectl" not in decision.situation.message
