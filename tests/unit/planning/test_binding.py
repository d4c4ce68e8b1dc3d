"""Binding gives a plan the numbers, revisions and order that its run carries out."""

from __future__ import annotations

from tests.unit.planning.build import FORWARD_ONLY, V1, case, incompatible, planned

from scenario_operator.planning.steps import Slot, Step
from scenario_operator.planning.stored import DELETED, Incarnation


def test_binding_gives_numbers_revisions_and_a_chain() -> None:
    incarnations = (Incarnation(2, "0.9.0", "old", DELETED), Incarnation(4, V1.version, V1.name))
    plan = planned(case(V1, incompatible(), FORWARD_ONLY, live=4, incarnations=incarnations))
    steps = plan.bind(live=4, upcoming=6)
    found = {s.id: (s.args.incarnation, s.args.revision) for s in steps}
    assert found["stop"] == (4, "")
    assert found["revert-live"] == (4, "")
    assert found["revert-live-2"] == (2, "")
    assert found["start"] == (6, "x-2.0.0")
    assert found["verify"] == (6, "x-2.0.0")
    assert [s.needs for s in steps] == [(), *((s.id,) for s in steps[:-1])]
    assert all(isinstance(s, Step) for s in steps)


def test_a_slot_counts_back_from_the_live_incarnation() -> None:
    assert (str(Slot("live")), str(Slot("live", 2)), str(Slot("next"))) == ("live", "live-2", "next")
    assert (Slot("live", 2).number(5, 8), Slot("next").number(5, 8)) == (3, 8)
    assert (str(Slot("live", -2)), Slot("live", -2).number(5, 8)) == ("live-plus-2", 7)
