"""What the schema cannot tell about declared items: what makes a Scenario's items no graph that can be carried out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from scenario_operator.planning.diff import shown
from scenario_operator.planning.items import order
from scenario_operator.planning.items.words import EdgeType, Graph, Item, ItemEdge, Need


class ItemProblem(NamedTuple):
    """Why declared items are not served: the path of the field to correct, and what is wrong with it."""

    path: str
    message: str


def problems(graph: Graph, *, task_graph: bool, parameters: Iterable[str] = ()) -> tuple[ItemProblem, ...]:
    """Return every problem of the items and edges of a Scenario, those of items first, in the order of the fields.

    `task_graph`: the Scenario is one, so that each item has to have a `do`. `parameters`: the names that it declares.
    """
    known = frozenset(parameters)
    found: list[ItemProblem] = []
    for index, item in enumerate(graph.items):
        path = f"spec.items[{index}]"
        found += _role(graph, index, path)
        found += _names(graph, index, path)
        found += _inputs(graph, item, path, known)
        found += _hooks(item, path, task_graph=task_graph)
    for index, edge in enumerate(graph.edges):
        found += _edge(graph, index, edge)
    return (*found, *_circle(graph))


def _role(graph: Graph, index: int, path: str) -> Iterable[ItemProblem]:
    role = graph.items[index].role
    if role in {i.role for i in graph.items[:index]}:
        yield ItemProblem(
            f"{path}.role", f"{shown(role)} is the role of an item before it: give it another one"
        )


def _names(graph: Graph, index: int, path: str) -> Iterable[ItemProblem]:
    """An entry that is found by a former role must belong to one item only."""
    item = graph.items[index]
    existing = {i.role for i in graph.items}
    named = {role for other in graph.items[:index] for role in other.renamed_from}
    for place, role in enumerate(item.renamed_from):
        where = f"{path}.renamedFrom[{place}]"
        if role in existing:
            yield ItemProblem(where, f"{shown(role)} is the role of an item of this version: remove it here")
        elif role in named:
            yield ItemProblem(where, f"{shown(role)} is named twice: one item only can have had a role")
        named.add(role)


def _inputs(graph: Graph, item: Item, path: str, parameters: frozenset[str]) -> Iterable[ItemProblem]:
    predecessors = graph.predecessors(item.role)
    names: set[str] = set()
    for place, given in enumerate(item.inputs):
        where = f"{path}.inputs[{place}]"
        if given.name in names:
            yield ItemProblem(f"{where}.name", f"{shown(given.name)} is the name of an input before it")
        names.add(given.name)
        if given.parameter and given.parameter not in parameters:
            message = f"{shown(given.parameter)} is not declared in spec.parameters"
            yield ItemProblem(f"{where}.valueFrom.parameter", message)
        if given.item and graph.item(given.item) is None:
            message = f"there is no item of role {shown(given.item)}"
            yield ItemProblem(f"{where}.valueFrom.itemOutput.role", message)
        elif given.item and given.item not in predecessors:
            message = f"it needs an edge from {shown(given.item)} to {shown(item.role)} in spec.edges"
            yield ItemProblem(f"{where}.valueFrom.itemOutput.role", message)


def _hooks(item: Item, path: str, *, task_graph: bool) -> Iterable[ItemProblem]:
    """What is declared must be there when it is needed: `do`, and the logic that `upgradeFrom` names."""
    if task_graph and not item.do:
        yield ItemProblem(f"{path}.do", "is required in a TaskGraph")
    if item.memoize and item.check:
        yield ItemProblem(f"{path}.memoize", "is for items without a check: remove the one or the other")
    for place, entry in enumerate(item.upgrade_from):
        where = f"{path}.upgradeFrom[{place}].needs"
        if entry.needs is Need.DISCOVER and not item.discover:
            yield ItemProblem(where, "Discover needs a discover command: declare spec.items[].discover")
        if entry.needs is Need.REPLACE and not item.clean:
            yield ItemProblem(where, "Replace needs a clean command: declare spec.items[].clean")


def _edge(graph: Graph, index: int, edge: ItemEdge) -> Iterable[ItemProblem]:
    path = f"spec.edges[{index}]"
    for field, role in (("from", edge.source), ("to", edge.target)):
        if graph.item(role) is None:
            yield ItemProblem(f"{path}.{field}", f"there is no item of role {shown(role)}")
    before = graph.edges[:index]
    if any((e.source, e.target) == (edge.source, edge.target) for e in before):
        yield ItemProblem(
            path, f"there is an edge from {shown(edge.source)} to {shown(edge.target)} before it"
        )
    elif edge.type is EdgeType.CONTAINS and _contained(before, edge.target):
        first = _contained(before, edge.target)
        yield ItemProblem(
            f"{path}.type", f"{shown(edge.target)} lives inside {shown(first)} already: one container only"
        )


def _contained(edges: Iterable[ItemEdge], role: str) -> str:
    return next((e.source for e in edges if e.target == role and e.type is EdgeType.CONTAINS), "")


def _circle(graph: Graph) -> Iterable[ItemProblem]:
    needs = {i.role: graph.predecessors(i.role) for i in graph.items}
    members = order.members_of_circles(needs)
    if members:
        yield ItemProblem("spec.edges", f"{', '.join(shown(m) for m in members)} need each other in a circle")
