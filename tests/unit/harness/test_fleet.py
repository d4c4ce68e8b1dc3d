"""What is read out of a history, and the lots by which operators are killed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import pytest
from tests.crash.fleet import Flights, Roulette, pods_made
from tests.crash.laboratory import Subject
from tests.harness.faults import Call
from tests.harness.history import Moment

JsonObject = dict[str, Any]


def attempt(version: int, *granted: str, parked: str = "", name: str = "s-1") -> Moment:
    """Return a write of an attempt's grants."""
    active = [{"id": grant, "name": f"run of {grant}", "parked": grant == parked} for grant in granted]
    obj = {"metadata": {"name": name}, "status": {"active": active}}
    return Moment(version, "ScenarioUpgrade", "MODIFIED", obj)


def plan(version: int, name: str, grant: str, what: str = "MODIFIED") -> Moment:
    """Return a write of a run's open plan, "" for none."""
    status = {"upgrade": {"grantID": grant}} if grant else {}
    return Moment(version, "ScenarioRun", what, {"metadata": {"name": name}, "status": status})


def test_parked_grants_leave_their_place_to_others() -> None:
    """Given three grants of which one is parked, when they are counted, then two were in flight at once."""
    moments = [
        attempt(1, "g1", "g2"),
        plan(2, "a", "g1"),
        attempt(3, "g1", "g2", "g3", parked="g1"),
        plan(4, "c", "g3"),
    ]

    assert Flights.seen(moments) == Flights(most=2, parked={"run of g1"})


def test_two_attempts_are_counted_together() -> None:
    """Given an old and a new attempt, when both have grants, then all of them are in flight."""
    assert Flights.seen([attempt(1, "g1"), attempt(2, "h1", "h2", name="s-2")]).most == 3


@pytest.mark.parametrize("gone", [plan(3, "a", ""), plan(3, "a", "g1", "DELETED")])
def test_a_plan_that_outlives_its_grant_is_a_stray_and_in_flight(gone: Moment) -> None:
    """Given a plan whose grant was taken away, when it is counted, then it is told, and no more once it has ended."""
    moments = [attempt(1, "g1"), plan(2, "a", "g1"), attempt(2, "g2")]

    assert Flights.seen(moments) == Flights(most=2, strays=["g1"])
    assert Flights.seen([*moments[:2], gone, *moments[2:]]) == Flights(most=1)


def test_only_workload_pods_that_were_made_since_then_are_counted() -> None:
    """Given pods of a run, when they are counted, then those of hooks and of before are left out."""

    def pod(what: str, component: str) -> Moment:
        labels = {"scenarios.dev/run": "a", "scenarios.dev/component": component}
        return Moment(1, "Pod", what, {"metadata": {"name": "p", "labels": labels}})

    moments = [
        pod("FOUND", "workload"),
        pod("ADDED", "hook"),
        pod("ADDED", "workload"),
        pod("MODIFIED", "workload"),
    ]

    assert pods_made(moments) == {"a": 1}


def test_each_life_of_an_operator_ends_once() -> None:
    """Given three kills, when calls come while the operator is dying, then only a new life is killed again."""

    class Victim:
        lives = 1

    victim = Victim()
    roulette = Roulette(cast("Subject", victim), kills=3, seed=1, farthest=4)
    kills = []
    for number in range(100):
        fault = roulette(Call("patch", "scenarioruns/status", "a", number))
        if fault:
            kills.append(number)
        elif kills and number == kills[-1] + 5:
            victim.lives += 1

    assert len(kills) == 3
    assert all(later - earlier > 5 for earlier, later in pairwise(kills))
