"""Grants and gates: what a run answers when it may not begin, and what it says while it waits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.sim.setups import CONTINUE, FRESH, KEEP_SAME
from tests.unit.execution.life import Life, granted, told

from scenario_operator.api.reasons import Reason
from scenario_operator.execution.decide import decide
from scenario_operator.execution.situation import Standing
from scenario_operator.execution.view import Gate

ANSWERS: dict[str, tuple[Callable[[Life], Life], Reason]] = {
    "PlanChanged": (lambda life: life.attempt(plan_hash="another"), Reason.PLAN_CHANGED),
    "Held": (lambda life: life.edit(hold="audit"), Reason.HELD),
    "Pinned": (lambda life: life.edit(pinned="1.0.0"), Reason.PINNED),
    "Superseded": (lambda life: life.want("v3"), Reason.SUPERSEDED),
    "Aborted": (lambda life: life.attempt(abort=True), Reason.ABORTED),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_grant_that_cannot_be_taken_is_answered_and_spent(answer: str) -> None:
    disturb, reason = ANSWERS[answer]
    life = Life.on_v1(KEEP_SAME).run(granted)
    disturb(life)
    life.work()
    outcome = life.stored.history[0]
    assert (outcome.outcome, outcome.reason, outcome.grant_id) == (answer, reason, "g0-v2")
    assert (life.state.record.journal, life.effects) == (None, [])
    life.edit(hold="", pinned="").want("v2").attempt(abort=False, plan_hash="another").work()
    assert [e.grant_id for e in life.stored.history] == ["g0-v2"]
    assert life.state.record.journal is None


def test_a_plan_that_became_impossible_is_answered_with_its_reason() -> None:
    life = Life.on_v1(FRESH, CONTINUE).run(granted)
    blocked = decide(life.view()._replace(strategy=None))
    outcome = blocked.record.stored.history[0]
    assert (outcome.outcome, outcome.reason) == ("PlanChanged", Reason.STRATEGY_REQUIRED)


def test_a_recompute_that_cannot_be_planned_says_so() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").edit(recompute_nonce="once")
    gate = Gate("CleanLogicMissing", "spec.hooks.revert: 1.0.0 has none", attention=True)
    found = decide(life.view()._replace(gate=gate))
    assert "spec.hooks.revert" in told(found, Standing.BLOCKED, Reason.CLEAN_LOGIC_MISSING)
    assert found.wake is not None


def test_a_suspended_grant_is_kept_and_not_begun() -> None:
    life = Life.on_v1(KEEP_SAME).run(granted).attempt(suspend=True)
    found = life.look()
    assert (found.record.journal, found.record.stored.history, found.effects) == (None, (), ())
    life.attempt(suspend=False).run()
    assert life.stored.history[0].outcome == "Upgraded"


def test_a_gate_is_said_and_asks_for_attention_only_when_a_person_must_act() -> None:
    life = Life.on_v1(KEEP_SAME)
    gate = Gate("AwaitingApproval", "not approved", attention=True, command="approve it: kubectl …")
    asked = decide(life.view()._replace(gate=gate)).situation
    assert (asked.standing, asked.reason, asked.attention) == (
        Standing.BLOCKED,
        "AwaitingApproval",
        "not approved; approve it: kubectl …",
    )
    queued = decide(life.view()._replace(gate=gate._replace(attention=False))).situation
    assert (queued.standing, queued.attention) == (Standing.WAITING, "")
