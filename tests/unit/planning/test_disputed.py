"""What a declaration and the formats, or two identities, contradict in waits for a human."""

from __future__ import annotations

import pytest
from tests.unit.planning.build import (
    CONTINUATION,
    FORWARD_ONLY,
    IN_PLACE,
    INCIDENT,
    V1,
    VOLUME,
    blocked,
    case,
    compatible,
    incompatible,
    planned,
    stored,
)

from scenario_operator.api.reasons import Reason
from scenario_operator.planning.plan import Snapshot


@pytest.mark.parametrize("strategy", [None, IN_PLACE], ids=["no strategy", "InPlace"])
def test_a33_a_declaration_that_the_formats_contradict_is_disputed_and_nothing_is_done(
    strategy: Snapshot | None,
) -> None:
    found = blocked(case(V1, compatible(state={"version": "2", "volume": VOLUME}), strategy))
    assert found.reason is Reason.DISPUTED
    assert "spec.state.accepts" in found.message


@pytest.mark.parametrize("strategy", [CONTINUATION, FORWARD_ONLY], ids=lambda s: s.type)
def test_a33_a_disputed_plan_waits_for_a_human_whatever_the_policy(strategy: Snapshot) -> None:
    target = compatible(state={"version": "2", "volume": VOLUME})
    plan = planned(case(V1, target, strategy._replace(approval="Never")))
    assert plan.attention == Reason.DISPUTED
    assert plan.notes


def test_a_claim_that_may_have_one_unreadable_format_is_disputed_too() -> None:
    target = compatible(state={"version": "2", "volume": VOLUME})
    plan = planned(case(V1, target, FORWARD_ONLY, applied=stored(V1, "1", "2").applied))
    assert plan.attention == Reason.DISPUTED
    assert "none" not in plan.notes[0]


def test_continuing_across_a_changed_output_identity_needs_a_human() -> None:
    target = incompatible(outputs=[{**INCIDENT, "identity": "v2"}])
    plan = planned(case(V1, target, CONTINUATION._replace(approval="Never")))
    assert plan.attention == Reason.OUTPUT_IDENTITY_CHANGED
    assert "incident" in plan.notes[0]
    assert planned(case(V1, target, FORWARD_ONLY)).attention == ""


def test_a_disputed_continuation_tells_of_the_changed_identity_as_well() -> None:
    target = compatible(state={"version": "2", "volume": VOLUME}, outputs=[{**INCIDENT, "identity": "v2"}])
    plan = planned(case(V1, target, CONTINUATION))
    assert plan.attention == Reason.DISPUTED
    assert any("incident" in note for note in plan.notes)
