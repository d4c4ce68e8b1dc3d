"""A recompute has an attempt of its own, for the run that asked, once."""

from __future__ import annotations

from scenario_operator.api.scenario import Hooks
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import make
from scenario_operator.planning.stored import Handled
from scenario_operator.rollout.decide import Opening, decide

from .fleets import V1, V2, asked_by, attempt, fleet, grant_of, granted, named, passed, run, runs


def test_all_runs_that_ask_for_a_recompute_get_one_attempt_of_their_own() -> None:
    """Given new nonces, when runs are settled, then one attempt with cause Recompute is about all of them."""
    asking, asked = ("r001", "r002"), (*asked_by("r001"), *asked_by("r002"))
    known = fleet(runs(2, V2, recompute_nonce="1"))
    assert decide(known).opening == Opening("v2", "Recompute", named(*asking), asked)
    known, _ = passed(known)
    assert decide(known).opening is None


def test_those_who_ask_while_a_recompute_goes_on_are_gathered() -> None:
    """Given a recompute that gives its grants, when others ask, then they get one attempt when it has given them."""
    wishes = (*asked_by("r001"), *asked_by("r002"))
    asked = attempt(1, cause="Recompute", only=named("r001", "r002"), asked=wishes)
    known = fleet(runs(4, V2, recompute_nonce="1"), [asked], pace=(1, 1))
    assert decide(known).opening is None
    waits = asked._replace(active=(grant_of("r001"), grant_of("r002")), granted=2)
    made = decide(known._replace(attempts=(waits,)))
    assert made.opening == Opening(
        "v2", "Recompute", named("r003", "r004"), (*asked_by("r003"), *asked_by("r004"))
    )


def test_a_recompute_that_waits_for_a_person_holds_up_nobody_else() -> None:
    """Given a recompute that waits for consent, when another run asks, then it gets an attempt of its own."""
    asked = attempt(1, cause="Recompute", only=named("r001"), asked=asked_by("r001"))
    always = Snapshot(type="ForwardOnly", approval="Always")
    made = decide(fleet(runs(2, V2, recompute_nonce="1"), [asked], strategy=always))
    assert made.attempts[0].phase == "AwaitingApproval"
    assert made.opening == Opening("v2", "Recompute", named("r002"), asked_by("r002"))


def test_a_recompute_that_cannot_be_planned_opens_nothing_and_is_told_of() -> None:
    """Given Reversible outputs without a revert hook, when a recompute is asked for, then it says what is missing."""
    without = make("v2", 2, V2.spec.model_copy(update={"hooks": Hooks()}), V2.artifact)
    known = fleet(runs(1, without, recompute_nonce="1"), revisions={"v1": V1, "v2": without})
    made = decide(known)
    assert made.opening is None
    assert made.blocked is not None
    assert (made.blocked.runs, made.blocked.reason) == (1, "CleanLogicMissing")


def test_a_recompute_is_carried_out_once_and_on_the_run_that_asked_only() -> None:
    """Given attempts for one wish, when it was carried out or its run was replaced, then nobody is granted."""
    asked = attempt(cause="Recompute", only=named("f"), asked=asked_by("f"))
    asking = run("f", V2, recompute_nonce="1")
    done = asking._replace(stored=asking.stored._replace(handled=Handled("1", "", "", "")))
    another = asking._replace(uid="uid-another")
    assert [granted(decide(fleet((r,), [asked])).attempts[0]) for r in (asking, done, another)] == [
        ["f"],
        [],
        [],
    ]
