"""Which items an upgrade of a finished graph may touch, found without the planner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from tests.unit.planning.items.histories import RANGES
from tests.unit.planning.items.world import key_of

from scenario_operator.planning.items.plan import ItemPlan
from scenario_operator.planning.items.steps import ItemKind
from scenario_operator.planning.items.words import Entry, Graph, Item, Need


def affected(old: Graph, new: Graph, before: Mapping[str, Entry]) -> tuple[set[str], set[str]]:
    """Return the keys of what is applied, looked up or looked at, and of what is cleaned."""
    had, wants = ({key_of(i): i for i in g.items} for g in (old, new))

    def keys(graph: Graph, item: Item) -> set[str]:
        return {
            key_of(i) for i in graph.items for e in graph.edges if (e.source, e.target) == (i.role, item.role)
        }

    def container(graph: Graph, item: Item) -> str:
        return next((key_of(i) for i in graph.items if i.role == graph.container(item.role)), "")

    def anew(key: str) -> bool:
        """Made again: by its author's word, by a move, or with its container."""
        if key not in had:
            return False
        then, now = had[key], wants[key]
        inside = container(new, now)
        moved = container(old, then) != inside
        return moved or word(then, now) is Need.REPLACE or (bool(inside) and anew(inside))

    @cache
    def touched(key: str) -> bool:
        if key not in had or anew(key):
            return True
        then, now = had[key], wants[key]
        word_ = word(then, now)
        differs = word_ not in (None, Need.RECORD) or values(then) != values(now)
        redefined = word_ is None and recipe(then) != recipe(now)
        fresh = keys(new, now) - keys(old, then)
        later = any(p in before and before[p].changed_at > before[key].changed_at for p in fresh)
        return differs or redefined or later or any(touched(p) for p in keys(new, now))

    gone = had.keys() - wants.keys()
    return {k for k in wants if touched(k)}, {k for k in wants if anew(k)} | gone


def word(then: Item, now: Item) -> Need | None:
    """Return what the author says of the way between two versions, None if it is one version."""
    if then.version == now.version:
        return None
    fitting = (e.needs for e in now.upgrade_from if then.version in RANGES[e.versions])
    return next(fitting, Need.APPLY)


def values(item: Item) -> set[tuple[str, ...]]:
    """Return the inputs whose values do not come from other items."""
    named = {("", i.name) for i in item.inputs if i.item}
    return named | {(i.name, i.value, i.parameter) for i in item.inputs if not i.item}


def recipe(item: Item) -> tuple[object, ...]:
    """Return what is called the definition of an item."""
    return (item.check, item.do, sorted(item.inputs), sorted(item.mounts))


def stepped(plan: ItemPlan, target: Graph) -> set[str]:
    """Return the keys of what a plan applies, looks up or looks at."""
    roles = {s.role for s in plan.steps if s.kind is not ItemKind.CLEAN}
    return {key_of(i) for i in target.items if i.role in roles}


def cleaned(plan: ItemPlan, revisions: Mapping[str, Graph], entries: Iterable[Entry]) -> set[str]:
    """Return the keys of what a plan cleans."""
    roles = {s.role for s in plan.steps if s.kind is ItemKind.CLEAN}
    found = set()
    for entry in entries:
        declared = revisions[entry.revision].item(entry.declared_as or entry.role)
        if entry.role in roles and declared:
            found.add(key_of(declared))
    return found


def substance(entry: Entry) -> tuple[object, ...]:
    """Return what of an entry changes only if its item is touched; names of others may change."""
    return (entry.phase, entry.token, entry.inputs_hash, entry.outputs, entry.physical_ids, entry.done_count)


def downstream(graph: Graph, roles: Iterable[str]) -> set[str]:
    """Return the roles that need one of some roles, and what needs those."""
    found: set[str] = set()
    left = set(roles)
    while left:
        left = {e.target for e in graph.edges if e.source in left} - found
        found |= left
    return found
