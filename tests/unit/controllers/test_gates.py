"""Why a run that is behind does not go: it is never told to wait for a turn that will not come."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from tests.sim.setups import KEEP_SAME, WINDOW, applied_of

from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.reasons import Reason
from scenario_operator.controllers.surroundings import Surroundings
from scenario_operator.execution.decide import decide
from scenario_operator.execution.view import Claim, Gate, Handle, Pod, Run, View, World
from scenario_operator.planning.stored import Ended, Handled, Incarnation, Stored

V1 = KEEP_SAME["v1"]
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
        assert "retryNonce" in (view.gate or Gate("", "")).message


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
