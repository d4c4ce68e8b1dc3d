"""How far each strategy reaches, and what a plan at each level keeps or gives up."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.planning.build import (
    CONTINUATION,
    CONTINUE,
    FORWARD,
    FORWARD_ONLY,
    IN_PLACE,
    KEEP,
    STRATEGIES,
    V1,
    blocked,
    broken,
    case,
    compatible,
    edge,
    incompatible,
    planned,
    revision,
    titles,
)

from scenario_operator.api.reasons import Reason
from scenario_operator.planning.compile import Blocked, plan_upgrade
from scenario_operator.planning.plan import Plan, Snapshot
from scenario_operator.planning.revision import Revision

RELABELLED = revision("1.0.1", digest="sha256:1.0.0")
NEW_ENV = revision("1.0.0", name="x-1b", workload={"env": [{"name": "LEVEL", "value": "debug"}]})
REACH: dict[str, tuple[Revision, dict[str, Any]]] = {
    "None": (RELABELLED, {"": KEEP, "InPlace": KEEP, "Continuation": KEEP, "ForwardOnly": KEEP}),
    "Restart by config": (NEW_ENV, {"": KEEP, "InPlace": KEEP, "Continuation": KEEP, "ForwardOnly": KEEP}),
    "Restart by a Compatible edge": (
        compatible(),
        {"": KEEP, "InPlace": KEEP, "Continuation": KEEP, "ForwardOnly": KEEP},
    ),
    "Replace of the state": (
        incompatible(),
        {
            "": Reason.STRATEGY_REQUIRED,
            "InPlace": Reason.STRATEGY_INSUFFICIENT,
            "Continuation": CONTINUE,
            "ForwardOnly": FORWARD,
        },
    ),
}


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.type if s else "no strategy")
@pytest.mark.parametrize("level", REACH)
def test_reach_of_strategies(level: str, strategy: Snapshot | None) -> None:
    target, expected = REACH[level]
    found = plan_upgrade(case(V1, target, strategy))
    outcome = expected[strategy.type if strategy else ""]
    if isinstance(outcome, Reason):
        assert isinstance(found, Blocked)
        assert found.reason is outcome
    else:
        assert isinstance(found, Plan)
        assert titles(found) == outcome
        assert found.level == level.split()[0]
        assert broken(case(V1, target, strategy), found) == ()


def test_a3_forward_only_reverts_deletes_and_only_then_starts_anew() -> None:
    plan = planned(case(V1, incompatible(), FORWARD_ONLY))
    assert titles(plan) == FORWARD
    assert plan.destructive == ("RevertResults(live)", "DeleteState(live)")
    assert plan.point_of_no_return == "RevertResults(live)"
    assert not plan.reversible


def test_continuation_retires_the_state_later_so_it_is_destructive_but_has_no_point_of_no_return() -> None:
    plan = planned(case(V1, incompatible(), CONTINUATION))
    assert plan.destructive == ("DeleteState(live) when the new version is Ready",)
    assert (plan.reversible, plan.point_of_no_return) == (False, "")


def test_a11_a_downgrade_needs_the_authors_word() -> None:
    target = compatible("0.9.0")
    found = blocked(case(V1, target, FORWARD_ONLY))
    assert found.reason is Reason.DOWNGRADE
    assert "spec.compatibility.allowDowngrade" in found.message
    allowed = revision("0.9.0", compatibility={"from": [edge("Compatible")], "allowDowngrade": True})
    assert titles(planned(case(V1, allowed))) == KEEP


def test_a36_in_place_never_falls_through_to_forward_only() -> None:
    found = blocked(case(V1, incompatible(), IN_PLACE))
    assert found.reason is Reason.STRATEGY_INSUFFICIENT
    assert "Continuation or ForwardOnly" in found.message


def test_a_replace_without_a_strategy_names_what_differs_and_every_way_out() -> None:
    found = blocked(case(V1, incompatible()))
    assert found.reason is Reason.STRATEGY_REQUIRED
    assert "needs level Replace (artifact: " in found.message
    for way in ("spec.compatibility.from", "spec.upgrade.strategy.type", "spec.upgrade.strategyRef"):
        assert way in found.message


def test_a49_forward_only_keeps_what_a_compatible_version_can_keep() -> None:
    plan = planned(case(V1, compatible(), FORWARD_ONLY))
    assert titles(plan) == KEEP
    assert plan.destructive == ()


def test_a50_a_changed_env_restarts_on_the_same_state_and_destroys_nothing() -> None:
    plan = planned(case(V1, NEW_ENV, FORWARD_ONLY))
    assert (plan.level, titles(plan), plan.destructive, plan.reversible) == ("Restart", KEEP, (), True)


def test_a_new_artifact_under_declared_incompatibility_is_a_replace_even_with_equal_formats() -> None:
    target = revision("2.0.0", compatibility={"from": [edge("Incompatible")]})
    assert planned(case(V1, target, FORWARD_ONLY)).level == "Replace"


def test_a_source_revision_that_is_gone_is_unknown_and_nothing_of_it_is_kept() -> None:
    given_ = case(V1, compatible(), CONTINUATION)._replace(source=None)
    assert titles(planned(given_)) == CONTINUE


@pytest.mark.parametrize("direction", ["added", "removed"])
def test_a_state_volume_that_comes_or_goes_by_config_alone_cannot_be_kept(direction: str) -> None:
    """No claim can be mounted that was never made: the level is Replace, not Restart."""
    without = revision(state={"version": "1"})
    source, target = (without, V1) if direction == "added" else (V1, without)
    assert source.logic_hash == target.logic_hash
    assert blocked(case(source, target)).reason is Reason.STRATEGY_REQUIRED
    assert planned(case(source, target, CONTINUATION)).level == "Replace"
