"""A recompute has an attempt of its own, for the run that asked, once."""

from __future__ import annotations

from scenario_operator.api.scenario import Hooks
from scenario_operator.planning.revision import make
from scenario_operator.planning.stored import Handled
from scenario_operator.rollout.decide import Opening, decide

from .fleets import V1, V2, asked_by, attempt, fleet, granted, named, passed, run, runs


def test_a_recompute_opens_an_attempt_of_its_own_for_one_run_at_a_time() -> None:
    """Given new nonces, when runs are settled, then each gets an attempt with cause Recompute."""
    known = fleet(runs(2, V2, recompute_nonce="1"))
    assert decide(known).opening == Opening("v2", "Recompute", named("r001"), asked_by("r001"))
    known, _ = passed(known)
    assert decide(known).opening == Opening("v2", "Recompute", named("r002"), asked_by("r002"))


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
    done = run("f", V2)
    done = done._replace(stored=done.stored._replace(handled=Handled("1", "", "", "")))
    another = run("f", V2)._replace(uid="uid-another")
    assert [granted(decide(fleet((r,), [asked])).attempts[0]) for r in (run("f", V2), done, another)] == [
        ["f"],
        [],
        [],
    ]
