"""A newer revision closes the attempt of the older one before its own grants."""

from __future__ import annotations

from scenario_operator.api.outcomes import Outcome
from scenario_operator.rollout.decide import Opening, decide

from .fleets import V1, V2, attempt, ended, fleet, grant_of, granted, passed, run, runs, words


def test_a_newer_revision_closes_the_attempt_before_its_successor_grants() -> None:
    """Given v3 in mid-rollout, when passes follow, then v2's attempt is closed on record before v3's grants."""
    known = fleet(
        runs(2, V1), [attempt(active=(grant_of("r001"),), granted=1)], wanted="v3", pace=(2, 1), sequence=1
    )
    known, made = passed(known)
    assert made.opening == Opening("v3", "Revision")
    assert known.attempts[0].closed
    assert words(known.attempts[0]) == {"r002": "Superseded"}
    known, _ = passed(known)
    assert granted(known.attempts[1]) == ["r002"]


def test_a_successor_that_was_opened_early_waits_until_its_predecessor_is_closed_on_record() -> None:
    """Given two open attempts, when the first is not closed on record yet, then only that is written."""
    first, second = decide(fleet(runs(2, V1), [attempt(), attempt(2, "v3")], wanted="v3")).attempts
    assert first.closed
    assert not second.active


def test_a_run_that_answers_plan_changed_to_a_closed_attempt_ends_there() -> None:
    """Given a closed attempt, when its last grant comes back as PlanChanged, then the run is reported once."""
    before = attempt(active=(grant_of("r"),), granted=1, closed=True)
    [made] = decide(fleet((run("r", V1, ended(Outcome.PLAN_CHANGED)),), [before], wanted="v3")).attempts
    assert words(made) == {"r": "Superseded"}
    assert made.finished


def test_an_attempt_with_arrivals_that_is_superseded_says_so() -> None:
    """Given some runs that arrived, when a newer revision ends the rest at once, then it did not succeed."""
    arrived = run("a", V2, ended(Outcome.UPGRADED))
    before = attempt(active=(grant_of("a"),), granted=1)
    [made] = decide(fleet((arrived, run("b", V1)), [before], wanted="v3")).attempts
    assert words(made) == {"a": "Upgraded", "b": "Superseded"}
    assert made.phase == "Superseded"
