"""Whatever stands in a status or in a Scenario that nobody checked: the planner answers, and its plan can be walked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planning.items.build import case, graph

from scenario_operator.planning.items import order
from scenario_operator.planning.items.plan import ItemPlan, cleaning_case, plan_items
from scenario_operator.planning.items.validity import problems
from scenario_operator.planning.items.words import (
    EdgeType,
    Entry,
    Graph,
    Input,
    Item,
    ItemCase,
    ItemEdge,
    ItemPhase,
    ItemsBlocked,
    Need,
    Obstacle,
    Purpose,
    RemovedItems,
    UpgradeFrom,
)

roles = st.sampled_from(["a", "b", "c", "d", ""])
versions = st.sampled_from(["", "1", "2.0.0", "spring", "1.0.0-", "<", "\x00"])
commands = st.sampled_from([(), ("x",)])
items = st.builds(
    Item,
    roles,
    versions,
    renamed_from=st.lists(roles, max_size=2).map(tuple),
    inputs=st.lists(st.builds(Input, roles, roles, roles, roles, roles, roles), max_size=2).map(tuple),
    check=commands,
    do=commands,
    clean=commands,
    discover=commands,
    memoize=st.booleans(),
    upgrade_from=st.lists(st.builds(UpgradeFrom, versions, st.sampled_from(Need)), max_size=2).map(tuple),
)
edges = st.builds(ItemEdge, roles, roles, st.sampled_from(EdgeType))
graphs = st.builds(Graph, st.lists(items, max_size=4).map(tuple), st.lists(edges, max_size=5).map(tuple))
entries = st.builds(
    Entry,
    roles,
    versions,
    st.sampled_from(["", "v1", "gone"]),
    st.sampled_from(ItemPhase),
    roles,
    st.lists(st.tuples(roles, versions), max_size=3).map(tuple),
    versions,
    versions,
    formerly=st.lists(roles, max_size=2).map(tuple),
    declared_as=roles,
    changed_at=st.integers(0, 3),
)
lists = st.lists(entries, max_size=4).map(tuple)


@given(graphs, graphs, lists, lists, st.sampled_from(RemovedItems), st.sampled_from(Purpose))
def test_of_anything_there_is_a_plan_that_can_be_walked_or_a_reason(
    target: Graph,
    old: Graph,
    had: tuple[Entry, ...],
    left: tuple[Entry, ...],
    removed: RemovedItems,
    purpose: Purpose,
) -> None:
    """Given entries and graphs of no sense, then the answer is a plan without circles, or a refusal that says why."""
    problems(target, task_graph=True)
    foreign = ItemCase("v2", target, had, left, {"v1": old}, removed=removed, purpose=purpose)
    for found in (plan_items(foreign), plan_items(cleaning_case(foreign))):
        if isinstance(found, ItemPlan):
            needs = {s.id: s.needs for s in found.steps}
            assert all(set(wanted) <= needs.keys() for wanted in needs.values())
            assert order.members_of_circles(needs) == ()
            assert all(line.isprintable() for line in found.lines())
        else:
            assert found.roles
            assert found.message.isprintable()


def test_a_circle_of_declared_items_is_blocked_with_its_members() -> None:
    """Given a graph that nobody checked, when its items need each other, then that is said, with their roles."""
    found = plan_items(case([], graph("a", "b", "c", "d", edges=["a>b", "b>c", "c>b", "c>d"])))
    assert isinstance(found, ItemsBlocked)
    assert (found.obstacle, found.roles) == (Obstacle.CIRCLE, ("b", "c"))
