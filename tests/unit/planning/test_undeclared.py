"""An edge about which the author has said nothing: state is never lost on it by nobody's word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.planning.build import (
    CONTINUATION,
    FORWARD_ONLY,
    IN_PLACE,
    KEEP,
    V1,
    blocked,
    case,
    compatible,
    edge,
    incompatible,
    planned,
    revision,
    spec,
    titles,
)

from scenario_operator.api.reasons import Reason
from scenario_operator.api.strategy import StrategySpec
from scenario_operator.execution.wire import _dump_strategy, _load_strategy
from scenario_operator.planning.compatibility import near_miss
from scenario_operator.planning.plan import Cause, Snapshot
from scenario_operator.planning.revision import is_content_of
from scenario_operator.planning.snapshot import snapshot_of

NEVER = FORWARD_ONLY._replace(approval="Never")
ACCEPT = NEVER._replace(undeclared_edge="Accept")
RC = revision("2.0.0-rc.1")
WIDE = ">=1.0.0 <3.0.0"
SAID = f"2.0.0-rc.1 is a pre-release, `{WIDE}` does not contain it"


@pytest.mark.parametrize("strategy", [NEVER, CONTINUATION._replace(approval="Never")], ids=lambda s: s.type)
def test_an_undeclared_edge_asks_a_person_although_the_policy_asks_nobody(strategy: Snapshot) -> None:
    plan = planned(case(V1, incompatible(), strategy))
    assert plan.attention == Reason.UNDECLARED_EDGE
    said = "no entry of spec.compatibility.from of version 2.0.0 is about 1.0.0: it counts as Incompatible"
    assert said in plan.notes


@pytest.mark.parametrize(
    ("declared", "strategy"),
    [
        ({}, ACCEPT),
        ({"compatibility": {"undeclared": "Incompatible"}}, NEVER),
        ({"compatibility": {"from": [edge("Incompatible")]}}, NEVER),
        ({}, NEVER._replace(approve_from="Restart")),
        ({}, FORWARD_ONLY),
        ({}, FORWARD_ONLY._replace(approval="Always")),
    ],
    ids=[
        "accepted",
        "undeclared is stated",
        "an entry",
        "asked by level",
        "asked by default",
        "always asked",
    ],
)
def test_nobody_is_asked_twice_or_about_what_was_said(declared: dict[str, Any], strategy: Snapshot) -> None:
    assert planned(case(V1, incompatible(**declared), strategy)).attention == ""


def test_a_recompute_and_a_change_of_configuration_need_nobodys_word_on_the_edge() -> None:
    assert planned(case(V1, incompatible(), NEVER, cause=Cause.RECOMPUTE)).attention == ""
    configured = revision(workload={"command": ["other"]})
    kept = planned(case(V1, configured, NEVER))
    assert (kept.attention, kept.notes, titles(kept)) == ("", (), KEEP)


def test_a_prerelease_that_no_range_contains_is_said_and_never_loses_state_unasked() -> None:
    """Given 2.0.0-rc.1 on a run, when 2.0.0 declares >=1.0.0 <3.0.0 Compatible, then a person learns why it is not."""
    target = revision("2.0.0", compatibility={"from": [edge("Compatible", versions=WIDE)]})
    plan = planned(case(RC, target, NEVER))
    assert plan.attention == Reason.UNDECLARED_EDGE
    assert SAID in plan.notes
    assert SAID in planned(case(RC, target, FORWARD_ONLY)).notes
    for strategy in (None, IN_PLACE):
        assert SAID in blocked(case(RC, target, strategy)).message


def test_a_prerelease_is_said_where_it_is_kept_by_the_word_on_the_rest_as_well() -> None:
    """Given a range declared Incompatible, when the rest is Compatible, then a kept pre-release is said."""
    declared = {"from": [edge("Incompatible", versions=WIDE)], "undeclared": "Compatible"}
    plan = planned(case(RC, revision("2.0.0", compatibility=declared), NEVER))
    assert titles(plan) == KEEP
    assert plan.notes == (SAID,)


@pytest.mark.parametrize(
    ("version", "ranges", "missed"),
    [
        ("2.0.0-rc.1", [WIDE], WIDE),
        ("2.0.0-rc.1", ["1.x", ">=2.0.0"], ">=2.0.0"),
        ("2.0.7-rc.1", ["~2.0.0"], "~2.0.0"),
        ("2.0.0-rc.1", ["1.x"], ""),
        ("2.0.0-rc.1+build.5", [WIDE], WIDE),
        ("0.0.0-rc.1", ["*"], "*"),
        ("2.0.0-rc.1", [">=3.0.0"], ""),
        ("2.0.0-rc.1", [WIDE, ">=2.0.0-rc.0 <3.0.0"], ""),
        ("2.0.0-rc.1", [], ""),
        ("2.0.0", [">=3.0.0"], ""),
        ("summer", ["*"], ""),
    ],
)
def test_the_range_that_seems_to_contain_a_prerelease_is_named(
    version: str, ranges: list[str], missed: str
) -> None:
    declared = [edge("Compatible", versions=expression) for expression in ranges]
    assert near_miss(spec("9.0.0", compatibility={"from": declared}), version) == missed


def test_an_older_plan_keeps_its_hash_and_its_journal() -> None:
    """Given strategies that do not know the choice, then neither hash nor journal holds it; Accept is in both."""
    for stated in ({}, {"undeclaredEdge": "Ask"}):
        made = snapshot_of(
            StrategySpec.model_validate({"type": "ForwardOnly", "approval": "Never", **stated})
        )
        assert made.undeclared_edge == ""
        assert "undeclaredEdge" not in _dump_strategy(made)
    target = incompatible()
    assert planned(case(V1, target, FORWARD_ONLY)).plan_hash == "8f30d60233668d09f3bb"
    assert planned(case(V1, compatible(), NEVER)).plan_hash == "a4ba5efbffd67954a505"
    accepted = snapshot_of(StrategySpec.model_validate({"type": "ForwardOnly", "undeclaredEdge": "Accept"}))
    assert _load_strategy(_dump_strategy(accepted)) == accepted
    assert planned(case(V1, target, accepted)).plan_hash != planned(case(V1, target, FORWARD_ONLY)).plan_hash


def test_an_operator_that_knows_the_choice_publishes_nothing_anew() -> None:
    """Given a revision of an older operator, when the API server had filled in Incompatible, then it is the same."""
    stated = spec("2.0.0", compatibility={"undeclared": "Incompatible"})
    new = revision("2.0.0")
    older = replace(new, artifact=replace(new.artifact, files=None))
    assert is_content_of(older, stated, new.artifact)
    assert not is_content_of(new, stated, new.artifact), "the author's word makes a new revision"
    other = spec("2.0.0", compatibility={"undeclared": "Compatible"})
    assert not is_content_of(older, other, new.artifact)
