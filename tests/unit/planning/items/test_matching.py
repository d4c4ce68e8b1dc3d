"""Which entry belongs to which item, and what a renaming leaves as it was."""

from __future__ import annotations

import pytest
from tests.unit.planning.items.build import blocked, case, finished, graph, ids, item, planned

from scenario_operator.planning.items.hashes import declared_of
from scenario_operator.planning.items.match import carry
from scenario_operator.planning.items.plan import ItemPlan, plan_items
from scenario_operator.planning.items.steps import ItemKind
from scenario_operator.planning.items.words import Entry, Graph, ItemPhase, Need, Obstacle, RemovedItems


def test_a_renamed_item_keeps_its_entry_and_nothing_is_cleaned() -> None:
    """Given make-db, when v2 calls it create-db and says so, then the entry is carried over without a step (A30)."""
    run = finished(graph("make-db"))
    made = run.entries["make-db"].physical_ids
    same = item("make-db")._replace(role="create-db", renamed_from=("make-db",))
    plan = planned(run, graph(same))
    assert (plan.carried.renamed, plan.steps) == ((("make-db", "create-db"),), ())
    run.finish(plan)
    entry = run.entries["create-db"]
    assert (entry.physical_ids, entry.formerly, entry.revision) == (made, ("make-db",), "v2")
    assert planned(run, graph(same)).empty


def test_a_renaming_that_nobody_told_is_one_item_removed_and_one_added() -> None:
    """Given make-db, when v2 has create-db and says no more, then one is cleaned and the other applied (A30)."""
    run = finished(graph("make-db"))
    assert ids(planned(run, graph("create-db"))) == ["apply-create-db", "clean-make-db"]


@pytest.mark.parametrize("listed", [("a", "b"), ("b", "a")])
def test_every_role_that_an_item_had_finds_its_entry(listed: tuple[str, ...]) -> None:
    """Given a run two renames behind, when the newest version lists both roles, then the entry is carried over."""
    run = finished(graph("a"))
    newest = item("a")._replace(role="c", renamed_from=listed)
    assert planned(run, graph(newest), "v3").carried.renamed == (("a", "c"),)


def test_a_run_that_goes_back_finds_its_entry_by_the_role_that_it_had() -> None:
    """Given an item renamed in v2, when the run goes back to v1, then the old name is back and nothing is cleaned."""
    v1 = graph("make-db")
    run = finished(v1)
    run.reach("v2", graph(item("make-db")._replace(role="create-db", renamed_from=("make-db",))))
    back = planned(run, v1, "v1")
    assert (back.carried.renamed, back.steps) == ((("create-db", "make-db"),), ())
    run.finish(back)
    assert run.entries["make-db"].formerly == ("create-db",)


def test_an_entry_goes_by_its_role_before_any_former_one() -> None:
    """Given entries of a role and of its former name, when both could be an item's, then its own role counts."""
    target = graph(item("db", renamed_from=("make-db",)))
    found = carry(target, [Entry("make-db"), Entry("db")], [])
    assert found.renamed == ()
    former = carry(graph("db"), [Entry("other", formerly=("db",)), Entry("db")], [])
    assert former.renamed == ()


def test_references_follow_a_renaming() -> None:
    """Given an item inside a container, when the container is renamed, then the item still lives inside it."""
    run = finished(graph("host", "app", edges=["host[app"]))
    renamed = item("host")._replace(role="node", renamed_from=("host",))
    plan = planned(run, graph(renamed, "app", edges=["node[app"]))
    assert plan.steps == ()
    run.finish(plan)
    assert run.entries["app"].within == "node"
    assert dict(run.entries["app"].seen).keys() == {"node"}


def test_an_orphan_does_not_lose_sight_of_its_renamed_container() -> None:
    """Given an orphan inside a container, when it is renamed and has to be made anew, then that is still Blocked."""
    run = finished(graph("host", "app", edges=["host[app"]))
    run.reach("v2", graph("host"), removed=RemovedItems.ORPHAN)
    anew = item("node", "2", renamed_from=("host",), from_={"1": Need.REPLACE})
    found = blocked(run, graph(anew))
    assert (found.obstacle, found.roles) == (Obstacle.ORPHAN_IN_CONTAINER, ("app",))


def test_logic_is_looked_up_under_the_role_that_its_revision_knows() -> None:
    """Given v2 calls a x and is left at once, when v3 calls b a, then each is cleaned with its own logic of v1."""
    v1 = graph(item("a", clean=("clean", "first")), item("b", clean=("clean", "second")))
    run = finished(v1)
    for _ in run.carry_out(planned(run, graph(item("x", renamed_from=("a",)), "b"))):
        break
    carried = planned(run, graph("x", item("a", renamed_from=("b",))), "v3").carried.entries
    logic = {e.role: declared_of(e, {"v1": v1}) for e in carried}
    assert {role: found and found.clean[1] for role, found in logic.items()} == {"x": "first", "a": "second"}


def test_an_orphan_takes_its_role_back() -> None:
    """Given an orphan, when a version declares its role again, then its entry is an item's again, and is no new one."""
    v1 = graph("a", "b")
    run = finished(v1)
    made = run.entries["b"].physical_ids
    run.reach("v2", graph("a"), removed=RemovedItems.ORPHAN)
    assert [o.role for o in run.orphans] == ["b"]
    plan = planned(run, v1, "v3")
    assert (plan.carried.returned, plan.steps) == (("b",), ())
    run.finish(plan)
    assert run.orphans == ()
    assert run.entries["b"].physical_ids == made


def test_an_orphan_of_an_older_version_is_led_on_when_it_returns() -> None:
    """Given an orphan at version 1, when its role returns at version 2, then it is applied, not made beside the old."""
    run = finished(graph("a", "b"))
    run.reach("v2", graph("a"), removed=RemovedItems.ORPHAN)
    plan = planned(run, graph("a", item("b", "2")), "v3")
    assert ids(plan) == ["apply-b"]
    assert plan.steps[0].why == ("version 1 → 2",)


def test_a_renamed_item_does_not_take_the_role_of_an_orphan() -> None:
    """Given an orphan b, when a is to be called b, then that is refused: two things would have one name."""
    run = finished(graph("a", "b"))
    run.reach("v2", graph("a"), removed=RemovedItems.ORPHAN)
    found = blocked(run, graph(item("b", renamed_from=("a",))))
    assert (found.obstacle, found.roles) == (Obstacle.ROLE_TAKEN, ("b",))


def test_an_entry_of_which_there_is_nothing_is_forgotten() -> None:
    """Given an item that never began, when the next version drops it, then there is nothing to clean or to block."""
    pending = Entry("b", phase=ItemPhase.BLOCKED)
    plan = plan_items(case([pending], Graph(), removed=RemovedItems.BLOCK))
    assert isinstance(plan, ItemPlan)
    assert (plan.steps, plan.dropped) == ((), ("b",))


def test_a_role_renamed_again_and_again_remembers_a_bounded_number_of_names() -> None:
    """Given thirty renames, then the latest sixteen former names are known."""
    run = finished(graph("r0"))
    for n in range(1, 31):
        run.reach(f"w{n}", graph(item("r0")._replace(role=f"r{n}", renamed_from=(f"r{n - 1}",))))
    assert run.entries["r30"].formerly == tuple(f"r{n}" for n in range(14, 30))
    assert not [s for s in planned(run, graph("r29")).steps if s.kind is ItemKind.CLEAN]
