"""Who goes next: how many are granted, in which order, and who waits or is left out."""

from __future__ import annotations

import pytest

from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.upgrade import AttemptPhase
from scenario_operator.rollout.decide import Opening, decide

from .fleets import V1, V2, attempt, ended, fleet, grant_of, granted, named, run, runs


def test_runs_that_are_behind_open_one_attempt_and_those_in_step_none() -> None:
    """Given a new revision, when runs are behind, then one attempt is asked for, and only then."""
    assert decide(fleet(runs(3, V1))).opening == Opening("v2", "Revision")
    assert decide(fleet(runs(3, V2))).opening is None
    assert decide(fleet(())).opening is None


def test_an_attempt_grants_up_to_max_concurrent_in_the_order_of_the_runs() -> None:
    """Given three runs and maxConcurrent 2, when the attempt is looked at, then two are granted under new ids."""
    [made] = decide(fleet(runs(3, V1), [attempt()], pace=(2, 1))).attempts
    assert [e.id for e in made.active] == ["s-1.uid.1", "s-1.uid.2"]
    assert granted(made) == ["r001", "r002"]
    assert made.granted == 2


def test_open_plans_of_attempts_that_are_gone_count_as_in_flight() -> None:
    """Given a run that carries out a grant nobody lists, when room is counted, then it takes a place."""
    stray = run("r000", V1, journal_grant="old-1.7")
    [made] = decide(fleet((stray, *runs(2, V1)), [attempt()], pace=(1, 1))).attempts
    assert granted(made) == []


def test_a_parked_run_leaves_its_place_to_the_others_until_too_many_are_parked() -> None:
    """Given parked runs (A79), when maxFailed allows for them, then others go; when not, the rollout is held."""
    parked = [run(f"p{n}", V1, journal_grant=f"s-1.{n}", waits=True) for n in (1, 2)]
    before = attempt(active=tuple(grant_of(f"p{n}", f"s-1.{n}") for n in (1, 2)), granted=2)
    [made] = decide(fleet((*parked, *runs(3, V1)), [before], pace=(2, 5))).attempts
    assert [e.parked for e in made.active] == [True, True, False, False]
    [held] = decide(fleet((*parked, *runs(3, V1)), [before], pace=(2, 1))).attempts
    assert held.phase == "Held"
    assert granted(held) == ["p1", "p2"]


def test_a_run_that_goes_on_after_it_was_parked_stays_parked_until_it_returns() -> None:
    """Given a parked entry, when its run goes on, then it does not come back into the count."""
    going = run("p", V1, journal_grant="s-1.1")
    [made] = decide(fleet((going,), [attempt(active=(grant_of("p", parked=True),), granted=1)])).attempts
    assert made.active[0].parked


@pytest.mark.parametrize(("failed", "goes"), [(1, True), (2, False)])
def test_granting_stops_when_more_than_max_failed_have_failed(failed: int, goes: bool) -> None:
    """Given maxFailed 1, when one has failed, then the others go on; when two have, nobody does."""
    failures = [run(f"f{n}", V1, ended(Outcome.ROLLED_BACK, grant=f"s-1.{n}")) for n in range(failed)]
    before = attempt(active=tuple(grant_of(f"f{n}", f"s-1.{n}") for n in range(failed)), granted=2)
    [made] = decide(fleet((*failures, *runs(1, V1)), [before])).attempts
    assert (granted(made) == ["r001"]) is goes
    assert (made.phase == "Held") is not goes


def test_a_held_run_and_one_with_its_own_plan_wait_and_a_pinned_one_is_left_out() -> None:
    """Given runs that must not be touched, when grants are given, then they get none."""
    others = (
        run("a", V1, hold=True),
        run("b", V1, journal_grant=""),
        run("c", V1, pinned=True),
        run("d", V1),
        run("e", V1, deleting=True),
    )
    [made] = decide(fleet(others, [attempt()])).attempts
    assert granted(made) == ["d"]
    assert (made.waiting, made.held) == (2, 1)


@pytest.mark.parametrize("where", ["scenario", "attempt"])
def test_suspend_stops_grants_and_takes_none_back(where: str) -> None:
    """Given a suspended rollout, when it is looked at, then nothing is granted and what is granted stays."""
    before = attempt(active=(grant_of("r001"),), granted=1, suspend=where == "attempt")
    [made] = decide(fleet(runs(3, V1), [before], suspend=where == "scenario")).attempts
    assert granted(made) == ["r001"]
    assert made.phase == "Suspended"


def test_one_pass_grants_in_one_attempt_and_first_writes_the_others_of_its_revision() -> None:
    """Given a recompute beside a rollout, when one grants, then the other is written before it, under a used-up id."""
    known = fleet(
        runs(1, V1), [attempt(granted=4), attempt(2, cause="Recompute", only=named("r001"), granted=2)]
    )
    other, granting = decide(known).attempts
    assert (other.name, other.granted) == ("s-2", 3)
    assert granted(granting) == ["r001"]
    assert granting.name == "s-1"


def test_a_newcomer_that_lands_behind_joins_the_open_attempt_or_opens_one() -> None:
    """Given a run that started on an old revision, when there is an attempt it joins, else one is opened."""
    [made] = decide(fleet((run("new", V1),), [attempt()])).attempts
    assert granted(made) == ["new"]
    over = attempt(finished=True, closed=True, phase=AttemptPhase.SUCCEEDED)
    assert decide(fleet((run("new", V1),), [over])).opening == Opening("v2", "Revision")


def test_a_run_that_never_started_is_in_no_attempt() -> None:
    """Given a first start, when there is an attempt, then it takes no grant."""
    [made] = decide(fleet((run("new", None),), [attempt()])).attempts
    assert made.finished


def test_attempts_that_take_turns_are_fenced_once_for_each_turn() -> None:
    """Given two open attempts, when one grants again, then the other costs no write; when it is its turn, both do.

    A leader that froze before it wrote its turn would else find the attempt as it was, and grant beside the other one.
    """
    both = [attempt(1), attempt(2, cause="Retry", only=named("r004"))]
    known = fleet(runs(4, V1), both, pace=(1, 5))
    retry, rollout = decide(known).attempts
    assert (rollout.name, rollout.fenced, retry.fenced, retry.granted) == ("s-1", False, True, 1)
    more = known.pace._replace(max_concurrent=2)
    again = {a.name: a for a in decide(known._replace(attempts=(rollout, retry), pace=more)).attempts}
    assert (again["s-1"].granted, again["s-2"].granted) == (2, 1)
    turned = (rollout._replace(suspend=True, fenced=True), retry)
    others = {a.name: a for a in decide(known._replace(attempts=turned, pace=more)).attempts}
    assert (others["s-2"].fenced, len(others["s-2"].active)) == (False, 1)
    assert (others["s-1"].fenced, others["s-1"].granted) == (True, rollout.granted + 1)
