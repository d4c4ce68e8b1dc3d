"""A recompute is ForwardOnly to the wanted revision, whatever the strategy."""

from __future__ import annotations

import pytest
from tests.unit.planning.build import (
    CONTINUATION,
    FORWARD,
    FORWARD_ONLY,
    STRATEGIES,
    V1,
    case,
    compatible,
    planned,
    titles,
)

from scenario_operator.api.strategy import WindowMode
from scenario_operator.planning.plan import Cause, Snapshot
from scenario_operator.planning.windows import Bound, Bounds


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.type if s else "no strategy")
def test_a_recompute_is_forward_only_to_the_wanted_revision_whatever_the_strategy(
    strategy: Snapshot | None,
) -> None:
    plan = planned(case(V1, compatible(), strategy, cause=Cause.RECOMPUTE))
    assert titles(plan) == FORWARD
    assert (plan.cause, plan.level, plan.strategy.type) == (Cause.RECOMPUTE, "Replace", "ForwardOnly")
    assert plan.target.version == "2.0.0"


def test_a_recompute_on_the_same_version_is_a_plan_too() -> None:
    assert titles(planned(case(V1, V1, cause=Cause.RECOMPUTE))) == FORWARD


def test_a_recompute_does_not_take_over_the_window_of_another_strategy_type() -> None:
    stated = CONTINUATION._replace(
        window=Bounds(Bound(WindowMode.SAME), Bound(WindowMode.NOW), Bound(WindowMode.NOW))
    )
    plan = planned(case(V1, V1, stated, cause=Cause.RECOMPUTE))
    assert plan.strategy.window.start_from == Bound(WindowMode.RUN)
    own = FORWARD_ONLY._replace(window=Bounds(Bound(WindowMode.BEGINNING)))
    assert planned(case(V1, V1, own, cause=Cause.RECOMPUTE)).strategy.window.start_from == Bound(
        WindowMode.BEGINNING
    )
