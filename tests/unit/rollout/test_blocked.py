"""Runs without a plan are told of, and hold up no other."""

from __future__ import annotations

from scenario_operator.api.workload import Workload
from scenario_operator.planning.revision import make
from scenario_operator.rollout.decide import decide

from .fleets import FRESH, V1, attempt, fleet, granted, run, runs


def test_runs_without_a_plan_are_told_of_and_open_nothing() -> None:
    """Given runs that no strategy leads on, when the fleet is looked at, then a blockage says how many and why."""
    made = decide(fleet(runs(3, FRESH["v1"]), revisions=FRESH))
    assert made.opening is None
    assert made.blocked is not None
    assert (made.blocked.runs, made.blocked.reason) == (3, "StrategyRequired")


def test_state_that_its_own_version_does_not_accept_blocks_its_run_and_no_other() -> None:
    """Given a run whose claim somebody replaced, when only configuration changes, then the others are led on."""
    spec = V1.spec.model_copy(update={"workload": Workload(env=({"name": "A", "value": "b"},))})
    edited = make("v2", 2, spec, V1.artifact)
    odd = run("odd", V1)
    applied = odd.stored.applied
    assert applied is not None
    odd = odd._replace(stored=odd.stored._replace(applied=applied._replace(formats=("9",))))
    made = decide(fleet((odd, run("ok", V1)), [attempt()], revisions={"v1": V1, "v2": edited}))
    assert granted(made.attempts[0]) == ["ok"]
    assert made.blocked is not None
    assert (made.blocked.runs, made.blocked.reason) == (1, "StrategyRequired")
