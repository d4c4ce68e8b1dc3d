"""Ways that are no upgrade: back, all anew, and away for good."""

from __future__ import annotations

import pytest
from tests.unit.planning.items.build import finished, graph, ids, item, leave_at, planned

from scenario_operator.planning.items.plan import ItemPlan, cleaning_case, plan_items
from scenario_operator.planning.items.words import Back, Graph, Need, Purpose, RemovedItems

REPLACE = {"1": Need.REPLACE}


def test_going_back_is_a_plan_from_what_there_is() -> None:
    """Given v2 that replaced a, dropped b and failed at its new c, when it goes back, then all is as at v1 (A102)."""
    v1 = graph("a", "b", "d", edges=["a>b", "a>d"])
    run = finished(v1)
    target = graph(item("a", "2", from_=REPLACE), "c", item("d", "2"), edges=["a>c", "c>d"])
    leave_at(run, planned(run, target), "apply-c half done")
    back = planned(run, v1, "v1", back=Back(added=frozenset({"c"})))
    assert {s.id for s in back.steps if s.certain} >= {"apply-a", "apply-b", "clean-c"}
    run.finish(back)
    run.require_end()
    assert planned(run, v1, "v1").empty


@pytest.mark.parametrize("policy", RemovedItems)
def test_the_way_back_takes_along_what_the_plan_has_added(policy: RemovedItems) -> None:
    """Given an item that the failed plan added, when it goes back, then that is cleaned, whatever removedItems says."""
    run = finished(graph("a"))
    leave_at(run, planned(run, graph("a", "b"), removed=policy), "apply-b half done")
    back = planned(run, graph("a"), "v1", removed=policy, back=Back(added=frozenset({"b"})))
    assert ids(back) == ["clean-b"]
    assert back.steps[0].revision == "v2"


def test_what_the_plan_has_added_is_no_former_item_of_the_version_that_it_goes_back_to() -> None:
    """Given v1 whose z was once an x, when v2 with a new x goes back, then x goes and z is made again."""
    v1 = graph(item("z", renamed_from=("x",)), "a")
    run = finished(v1)
    leave_at(run, planned(run, graph("x", item("a", "2"), edges=["x>a"])), "apply-a half done")
    assert ids(planned(run, v1, "v1", back=Back(added=frozenset({"x"})))) == ["apply-a", "apply-z", "clean-x"]


@pytest.mark.parametrize("policy", RemovedItems)
def test_the_way_back_leaves_an_orphan_an_orphan(policy: RemovedItems) -> None:
    """Given an orphan that the failed plan took back, when it goes back, then it is an orphan again."""
    run = finished(graph("a", "b"))
    run.reach("v2", graph("a"), removed=RemovedItems.ORPHAN)
    leave_at(run, planned(run, graph(item("a", "2"), "b"), "v3"), "apply-a half done")
    back = planned(run, graph("a"), "v2", removed=policy, back=Back(returned=frozenset({"b"})))
    assert (ids(back), back.orphaned) == (["apply-a"], ("b",))


def test_the_way_back_is_not_blocked_by_what_was_there_before() -> None:
    """Given a leftover that the old revision does not know, when a plan goes back under Block, then it is orphaned."""
    run = finished(graph("a", "left"))
    back = planned(run, graph("a"), "v0", removed=RemovedItems.BLOCK, back=Back())
    assert (back.steps, back.orphaned) == ((), ("left",))


def test_everything_anew_is_cleaned_in_reverse_and_applied() -> None:
    """Given a finished graph, when it is recomputed, then each item is cleaned after its successors and applied."""
    declared = graph("a", "b", "c", edges=["a>b", "b[c"])
    run = finished(declared)
    plan = planned(run, declared, "v1", purpose=Purpose.ANEW)
    assert plan.destroys == ("a", "b", "c")
    assert [s.id for s in plan.steps][:3] == ["clean-c", "clean-b", "clean-a"]
    run.finish(plan)
    run.require_end()


def test_a_deleted_run_cleans_every_item_with_its_own_logic_and_leaves_its_orphans() -> None:
    """Given a mix and an orphan, when the run is deleted, then each item is cleaned as its revision says (A100)."""
    run = finished(graph("a", "b", "o", edges=["a>b"]))
    run.reach("v2", graph("a", "b", edges=["a>b"]), removed=RemovedItems.ORPHAN)
    leave_at(run, planned(run, graph("a", item("b", "2"), edges=["a>b"]), "v3"), "apply-b half done")
    run.plan("gone", Graph(), removed=RemovedItems.BLOCK)
    run.case = cleaning_case(run.case)
    plan = plan_items(run.case)
    assert isinstance(plan, ItemPlan)
    assert [(s.id, s.revision) for s in plan.steps] == [("clean-b", "v3"), ("clean-a", "v2")]
    run.finish(plan)
    assert (run.entries, [o.role for o in run.orphans]) == ({}, ["o"])
