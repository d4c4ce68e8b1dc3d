"""Runs without a plan are told of, and hold up no other."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.execution.life import Life

from scenario_operator.api.workload import Workload
from scenario_operator.planning.parameters import HEAVIEST
from scenario_operator.planning.revision import make
from scenario_operator.rollout.decide import decide
from scenario_operator.rollout.facts import Told
from scenario_operator.rollout.gate import Around, gate_of

from .fleets import FRESH, V1, attempt, fleet, granted, run, runs, status


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


@pytest.mark.parametrize(
    ("parameters", "given", "reason"),
    [
        (({"name": "city", "required": True},), {}, "ParameterRequired"),
        (({"name": "city"},), {"city": "x" * HEAVIEST}, "ParametersTooLarge"),
    ],
)
def test_what_a_run_alone_can_mend_leads_to_that_run(
    parameters: tuple[dict[str, Any], ...], given: dict[str, str], reason: str
) -> None:
    """Given a version whose parameters a run does not fit, then run and Scenario end with the edit of that run."""
    spec = V1.spec.model_dump(by_alias=True) | {"version": "2.0.0", "parameters": parameters}
    asking = make("v2", 2, type(V1.spec).model_validate(spec), V1.artifact)
    odd = run("odd", V1)._replace(parameters=tuple(given.items()))
    seen = fleet((odd,), revisions={"v1": V1, "v2": asking})
    asked = next(c for c in status(seen)["conditions"] if c["type"] == "ActionRequired")
    assert (asked["status"], asked["reason"]) == ("True", reason)
    assert asked["message"].endswith("edit: kubectl -n ns edit srun odd --field-manager=scenario-cli")

    view = Life.on_v1({"v1": V1, "v2": asking}).edit(parameters=tuple(given.items())).view()
    gate = gate_of(view, Around(Told(), active=V1))
    assert gate is not None
    assert (gate.reason, gate.command) == (
        reason,
        "edit: kubectl -n ns edit srun r --field-manager=scenario-cli",
    )
