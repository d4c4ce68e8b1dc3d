"""Short ways to items, graphs, finished runs and their plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from tests.unit.planning.items.world import Run

from scenario_operator.planning.items.plan import ItemPlan
from scenario_operator.planning.items.steps import ItemKind
from scenario_operator.planning.items.words import (
    EdgeType,
    Entry,
    Given,
    Graph,
    Item,
    ItemCase,
    ItemEdge,
    ItemsBlocked,
    Need,
    UpgradeFrom,
)

TELLS, STABLE = "tells", "stable"
"""What the model knows of an item by its display name: it answers a digest; its result is the same whatever it sees."""


def item(role: str, version: str = "1", *, from_: Mapping[str, Need] | None = None, **more: Any) -> Item:
    """Return an item with check, do and clean; `from_` is its `upgradeFrom`."""
    given = {
        "check": ("check", role),
        "do": ("do", role),
        "clean": ("clean", role),
        "display_name": TELLS,
        "upgrade_from": tuple(UpgradeFrom(v, n) for v, n in (from_ or {}).items()),
    }
    return Item(role, version, **{**given, **more})


def graph(*items: Item | str, edges: Iterable[str] = ()) -> Graph:
    """Return a graph; an edge is `a>b` for References and `a[b` for Contains."""
    declared = tuple(i if isinstance(i, Item) else item(i) for i in items)
    return Graph(declared, tuple(_edge(e) for e in edges))


def _edge(text: str) -> ItemEdge:
    inside = "[" in text
    source, target = text.split("[" if inside else ">")
    return ItemEdge(source, target, EdgeType.CONTAINS if inside else EdgeType.REFERENCES)


def finished(declared: Graph, **more: Any) -> Run:
    """Return a run that has carried a graph to its end, as revision v1."""
    run = Run()
    run.reach("v1", declared, **more)
    return run


def planned(run: Run, target: Graph, revision: str = "v2", **more: Any) -> ItemPlan:
    """Return the plan that leads a run to a graph."""
    plan = run.plan(revision, target, **more)
    assert isinstance(plan, ItemPlan), plan
    return plan


def blocked(run: Run, target: Graph, **more: Any) -> ItemsBlocked:
    """Return why a run has no plan that leads it to a graph."""
    plan = run.plan("v2", target, **more)
    assert isinstance(plan, ItemsBlocked), plan
    return plan


def ids(plan: ItemPlan) -> list[str]:
    """Return the ids of a plan's steps, sorted."""
    return sorted(s.id for s in plan.steps)


def waits(plan: ItemPlan, first: str, second: str) -> bool:
    """Say whether one step of a plan waits for another, if only by what it needs."""
    needs = {s.id: s.needs for s in plan.steps}
    assert {first, second} <= needs.keys()
    left, seen = [first], set()
    while left:
        for n in needs[left.pop()]:
            if n not in seen:
                seen.add(n)
                left.append(n)
    return second in seen


def of_kind(plan: ItemPlan, kind: ItemKind) -> set[str]:
    """Return the roles that a plan has a step of one kind for."""
    return {s.role for s in plan.steps if s.kind is kind}


def case(entries: Iterable[Entry], target: Graph, **more: Any) -> ItemCase:
    """Return a case of bare entries."""
    return ItemCase("v2", target, tuple(entries), **{"given": Given(), **more})


def leave_at(run: Run, plan: ItemPlan, where: str) -> None:
    """Carry a plan out up to a write, and leave it there."""
    for place in run.carry_out(plan):
        if place == where:
            return
    pytest.fail(f"never came to {where}")
