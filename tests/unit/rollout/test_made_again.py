"""A Scenario that is deleted and applied again counts its attempts anew: no grant passes for one of the life before."""

from __future__ import annotations

from tests.unit.rollout.fleets import (
    FRESH,
    NEVER,
    V1,
    attempt,
    ended,
    fleet,
    passed,
    returned,
    run,
    runs,
    words,
)

from scenario_operator.api.outcomes import Outcome
from scenario_operator.planning.stored import Ended
from scenario_operator.rollout.facts import Attempt, Fleet


def made_again(number: int = 1) -> Attempt:
    """Return the attempt of the Scenario's second life; its name is that of one in the first."""
    return attempt(number)._replace(uid="5f0c2a9d-0000-4000-8000-000000000000")


def of_the_life_before(outcome: Outcome) -> Ended:
    """Return an outcome in an attempt that had the same name."""
    return ended(outcome, grant="s-1.0e1f2a3b.1")


def decided(*known: object) -> Fleet:
    found, _ = passed(fleet(known, [made_again()], revisions=FRESH, strategy=NEVER, pace=(10, 1)))
    return found


def test_a_grant_has_an_id_that_no_other_life_gives() -> None:
    [grant] = decided(run("r", V1)).attempts[0].active
    assert grant.id == "s-1.5f0c2a9d.1"


def test_an_outcome_of_the_life_before_is_not_reported_again() -> None:
    """Given a run with an outcome in an attempt of this name, when it is granted anew, then that grant is open."""
    known = decided(run("r", V1, of_the_life_before(Outcome.SUPERSEDED)))
    [grant] = known.attempts[0].active
    again, _ = passed(known)
    assert [g.id for g in again.attempts[0].active] == [grant.id]
    assert words(again.attempts[0]) == {}
    assert not known.runs[0].stored.spent(grant.id)


def test_an_outcome_of_this_life_ends_the_run_here() -> None:
    known = decided(run("r", V1))
    [grant] = known.attempts[0].active
    over, _ = passed(known._replace(runs=(returned(known.runs[0], Outcome.SUPERSEDED, grant.id),)))
    assert words(over.attempts[0]) == {"r": "Superseded"}
    assert over.attempts[0].active == ()


def test_a_grant_of_an_older_operator_is_settled_under_its_id() -> None:
    """Given an entry whose id has no part of a uid, when its run has returned it, then it is reported once."""
    from tests.unit.rollout.fleets import grant_of

    [one] = runs(1, V1)
    before = attempt(active=(grant_of("r001", "s-1.1"),), granted=1)
    known = fleet([returned(one, Outcome.ROLLED_BACK, "s-1.1")], [before], revisions=FRESH, strategy=NEVER)
    after, _ = passed(known)
    assert words(after.attempts[0]) == {"r001": "RolledBack"}
    assert before.saw(ended(Outcome.ROLLED_BACK))
