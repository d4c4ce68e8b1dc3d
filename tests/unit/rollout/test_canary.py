"""Canaries: who goes first, what their end means for the others, and who takes the place of one that says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.execution.life import Life, at

from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.strategy import Rollout
from scenario_operator.execution.wire import dump
from scenario_operator.rollout.asking import asked_by as asked_by_attempt
from scenario_operator.rollout.decide import FleetDecision, decide
from scenario_operator.rollout.facts import Attempt, RunFacts
from scenario_operator.rollout.read import facts_of

from .fleets import (
    KEEP_SAME,
    V1,
    V2,
    asked_by,
    attempt,
    ended,
    fleet,
    grant_of,
    granted,
    named,
    returned,
    run,
    runs,
    words,
)


def one(found: tuple[RunFacts, ...], of: Attempt, canaries: int = 1, **more: Any) -> Attempt:
    """Return an attempt after one pass."""
    [made] = decide(fleet(found, [of], canaries=canaries, **more)).attempts
    return made


def under_way(found: RunFacts, grant: str = "s-1.1", **more: Any) -> RunFacts:
    return found._replace(journal_grant=grant, journal_attempt="s-1", journal_revisions=("v1", "v2"), **more)


@pytest.mark.parametrize(
    ("stated", "canaries"),
    [({}, 1), ({"canary": {}}, 1), ({"canary": {"runs": 0}}, 0), ({"canary": {"runs": 3}}, 3)],
)
def test_unless_the_strategy_says_otherwise_one_run_goes_first(stated: dict[str, Any], canaries: int) -> None:
    assert Rollout.model_validate(stated).canaries == canaries


def test_the_first_run_goes_alone_and_is_recorded_by_uid() -> None:
    """Given three runs, when they are behind, then one is granted, and the attempt says which goes first."""
    made = one(runs(3, V1), attempt())
    assert granted(made) == ["r001"]
    assert made.canaries == ("uid-r001",)
    again = one((under_way(run("r001", V1)), *runs(3, V1)[1:]), made)
    assert granted(again) == ["r001"]


def test_when_it_has_ended_well_the_others_go() -> None:
    first, *others = runs(3, V1)
    arrived = returned(first, Outcome.UPGRADED, "s-1.1")._replace(
        stored=returned(run("r001", V2), Outcome.UPGRADED, "s-1.1").stored
    )
    made = one((arrived, *others), attempt(active=(grant_of("r001"),), granted=1, canaries=("uid-r001",)))
    assert granted(made) == ["r002", "r003"]


@pytest.mark.parametrize("outcome", [Outcome.ROLLED_BACK, Outcome.FAILED])
def test_when_it_goes_back_nobody_follows_and_the_attempt_says_why(outcome: Outcome) -> None:
    """Given a canary that failed, when passes follow, then the rest is held although maxFailed is not passed."""
    first, *others = runs(3, V1)
    of = attempt(active=(grant_of("r001"),), granted=1, canaries=("uid-r001",))
    made = one((returned(first, outcome, "s-1.1"), *others), of)
    assert (granted(made), made.phase, made.reason) == ([], "Held", "CanaryFailed")
    assert words(made) == {"r001": outcome}


def test_one_that_is_stuck_holds_the_others_until_it_arrives() -> None:
    """Given a canary past the point of no return that does not start, then nobody follows; when it arrives, all do."""
    first, *others = runs(3, V1)
    of = attempt(active=(grant_of("r001"),), granted=1, canaries=("uid-r001",))
    stuck = one((under_way(first, waits=True), *others), of)
    assert (granted(stuck), stuck.reason) == (["r001"], "CanaryFailed")
    arrived = returned(run("r001", V2), Outcome.UPGRADED, "s-1.1")
    assert granted(one((arrived, *others), stuck)) == ["r002", "r003"]


@pytest.mark.parametrize(
    "change",
    [
        {"hold": True, "waits": True},
        {"unproved": True, "waits": True},
    ],
    ids=["held", "waits for what says nothing of the version"],
)
def test_one_that_is_parked_without_having_failed_is_replaced(change: dict[str, Any]) -> None:
    first, *others = runs(3, V1)
    of = attempt(active=(grant_of("r001"),), granted=1, canaries=("uid-r001",))
    made = one((under_way(first, **change), *others), of)
    assert granted(made) == ["r001", "r002"]
    assert made.canaries == ("uid-r002",)


@pytest.mark.parametrize(
    ("reason", "says_nothing"),
    [
        ("Refused", True),
        ("ClaimInUse", True),
        ("StopTimeout", True),
        ("HookFailed", False),
        ("StartTimeout", False),
        ("PastPointOfNoReturn", False),
    ],
)
def test_a_stranger_on_the_claim_or_an_old_version_that_does_not_stop_has_failed_nobody(
    reason: str, says_nothing: bool
) -> None:
    """Given a canary that waits for a person, then only a step of its plan that failed counts against the version."""
    life = Life.on_v1(KEEP_SAME).run(until=at("stop"))
    status = dump(life.state.record, "r001")
    since = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    asks = {"type": "ActionRequired", "status": "True", "reason": reason, **since}
    found = facts_of(
        {
            "metadata": {"namespace": "ns", "name": "r001", "uid": "uid-r001"},
            "spec": {"scenarioRef": {"name": "s"}},
            "status": {**status, "conditions": [asks]},
        }
    )
    assert isinstance(found, RunFacts)
    of = attempt(active=(grant_of("r001"),), granted=1, canaries=("uid-r001",))
    made = one((found, *runs(3, V1)[1:]), of)
    assert (granted(made)[1:], made.reason) == (
        (["r002"], "RollingOut") if says_nothing else ([], "CanaryFailed")
    )


@pytest.mark.parametrize(
    "change", [{"hold": True}, {"pinned": True}, {"deleting": True}, {"journal_grant": ""}], ids=str
)
def test_one_that_cannot_be_granted_is_replaced(change: dict[str, Any]) -> None:
    first, *others = runs(3, V1)
    made = one((first._replace(**change), *others), attempt(canaries=("uid-r001",)))
    assert granted(made) == ["r002"]


def test_one_that_is_gone_or_refused_its_grant_is_replaced() -> None:
    """Given a canary that answered that it is pinned, and one that was deleted, then others take their places."""
    _, second, *others = runs(4, V1)
    pinned = returned(run("r001", V1, pinned=True), Outcome.PINNED, "s-1.1")
    of = attempt(active=(grant_of("r001"),), granted=1, canaries=("uid-r001",))
    assert granted(one((pinned, second, *others), of)) == ["r002"]
    assert granted(one((second, *others), attempt(canaries=("uid-r001",)))) == ["r002"]


def test_stopped_runs_are_no_canaries_and_go_at_once_when_there_is_nobody_else() -> None:
    stopped = tuple(run(f"a{n}", V1, stopped=True) for n in range(2))
    assert granted(one((*stopped, run("z", V1)), attempt())) == ["z"]
    assert granted(one(stopped, attempt())) == ["a0", "a1"]


def test_who_waits_for_consent_is_no_canary() -> None:
    """Given two groups of which only one was approved, when a canary is chosen, then it is of that group."""
    made = one((run("a", V1, hold=True), run("b", V1)), attempt())
    assert granted(made) == ["b"]


@pytest.mark.parametrize("cause", ["Retry", "Recompute"])
def test_runs_that_asked_by_name_have_no_canary(cause: str) -> None:
    asking = tuple(
        run(n, V1 if cause == "Retry" else V2, recompute_nonce="1", retry_nonce="1") for n in ("a", "b")
    )
    of = attempt(cause=cause, only=named("a", "b"), asked=(*asked_by("a"), *asked_by("b")))
    assert granted(one(asking, of)) == ["a", "b"]


def test_the_retry_of_a_failed_canary_is_the_canary_of_the_attempt_that_takes_over() -> None:
    """Given an attempt held by its canary, when that is retried and arrives, then all others follow."""
    failed = run("r2", V1, ended(Outcome.ROLLED_BACK), retry_nonce="1")
    over = attempt(finished=True, closed=True, reports=())
    again = attempt(2, cause="Retry", asked=asked_by("r2"))
    known = fleet((run("r1", V1), failed, run("r3", V1)), [over, again], sequence=2, canaries=1)
    made: FleetDecision = decide(known)
    [retried] = made.attempts
    assert granted(retried) == ["r2"]
    arrived = returned(run("r2", V2), Outcome.UPGRADED, "s-2.uid.1", "s-2")
    assert granted(one((run("r1", V1), arrived, run("r3", V1)), retried, sequence=2)) == ["r1", "r3"]


def test_a_higher_number_of_canaries_lets_so_many_go_and_all_of_them_have_to_arrive() -> None:
    first, second, *others = runs(4, V1)
    made = one((first, second, *others), attempt(), canaries=2)
    assert granted(made) == ["r001", "r002"]
    arrived = returned(run("r001", V2), Outcome.UPGRADED, "s-1.uid.1")
    half = one((arrived, under_way(second, "s-1.uid.2"), *others), made, canaries=2)
    assert granted(half) == ["r002"]


def test_turning_canaries_off_releases_what_a_failed_one_held() -> None:
    first, *others = runs(3, V1)
    of = attempt(active=(grant_of("r001"),), granted=1, canaries=("uid-r001",))
    held = one((returned(first, Outcome.ROLLED_BACK, "s-1.1"), *others), of)
    assert granted(one((returned(first, Outcome.ROLLED_BACK, "s-1.1"), *others), held, canaries=0)) == [
        "r002",
        "r003",
    ]


@pytest.mark.parametrize(
    ("gone", "see"), [(False, "describe srun r001"), (True, "describe supg s-1")], ids=["there", "deleted"]
)
def test_a_canary_that_failed_is_shown_by_a_command_that_works(gone: bool, see: str) -> None:
    """Given a canary that went back, when somebody deletes it, then the others are held, and its report is shown."""
    first, *others = runs(3, V1)
    of = attempt(active=(grant_of("r001"),), granted=1, canaries=("uid-r001",))
    held = one((returned(first, Outcome.ROLLED_BACK, "s-1.1"), *others), of)
    known = fleet(others if gone else (first, *others), [held], canaries=1)
    [made] = decide(known).attempts
    asking = asked_by_attempt(made, known)
    assert asking is not None
    assert (asking.reason, asking.onward) == ("CanaryFailed", f"see: kubectl -n ns {see}")
