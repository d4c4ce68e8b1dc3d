"""What each step of a plan of items waits for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from scenario_operator.planning.items import order
from scenario_operator.planning.items.diff import Difference
from scenario_operator.planning.items.steps import ItemKind, ItemStep, step_id
from scenario_operator.planning.items.words import Entry, ItemCase


class Wired(NamedTuple):
    """Steps with their needs, each after what it needs; or the ids of steps that wait for each other in a circle."""

    steps: tuple[ItemStep, ...] = ()
    notes: tuple[str, ...] = ()
    circle: tuple[str, ...] = ()


def wire(
    case: ItemCase,
    entries: Iterable[Entry],
    steps: tuple[ItemStep, ...],
    differences: tuple[Difference, ...],
) -> Wired:
    """Give each step its needs. Soft ones that would close a circle are dropped, and a note says which."""
    by_id = {s.id: s for s in steps}
    before = {e.role: e for e in entries}
    needs = {s.id: set(_hard(case, before, by_id, s)) for s in steps}
    circle = order.members_of_circles(needs)
    if circle:
        return Wired(circle=circle)
    notes = []
    for waiting, wanted in sorted(_soft(case, before, by_id)):
        if order.reaches(needs, wanted, waiting):
            first, second = by_id[waiting].title, by_id[wanted].title
            notes.append(f"{first} does not wait for {second}: that would close a circle")
        else:
            needs[waiting].add(wanted)
    classes = {d.role: d.change.place for d in differences}
    last = 1 + max(classes.values(), default=0)
    sequence = order.in_order(needs, lambda i: (classes.get(by_id[i].role, last), by_id[i].role))
    wired = tuple(by_id[i]._replace(needs=tuple(sorted(needs[i]))) for i in sequence)
    return Wired(wired, tuple(notes))


def _hard(
    case: ItemCase, before: Mapping[str, Entry], by_id: Mapping[str, ItemStep], step: ItemStep
) -> set[str]:
    """What must never be otherwise: no item precedes what it needs or itself, none outlives its container."""
    role = step.role
    if step.kind is ItemKind.CLEAN:
        wanted = {step_id(ItemKind.CLEAN, e.role) for e in before.values() if e.exists and e.within == role}
    else:
        applied = {_last(by_id, p) for p in case.target.predecessors(role)}
        own = {step_id(ItemKind.CLEAN, role), step_id(ItemKind.DISCOVER, role)} - {step.id}
        wanted = applied | own
    return {w for w in wanted if w in by_id}


def _last(by_id: Mapping[str, ItemStep], role: str) -> str:
    applied = step_id(ItemKind.APPLY, role)
    return applied if applied in by_id else step_id(ItemKind.DISCOVER, role)


def _soft(
    case: ItemCase, before: Mapping[str, Entry], by_id: Mapping[str, ItemStep]
) -> Iterable[tuple[str, str]]:
    """Nothing should go while another still points to it: pairs of a clean and what it should wait for."""
    for entry in before.values():
        cleaned, applied = step_id(ItemKind.CLEAN, entry.role), step_id(ItemKind.APPLY, entry.role)
        stays_with = case.target.predecessors(entry.role)
        for role, _ in entry.seen:
            waiting = step_id(ItemKind.CLEAN, role)
            if waiting not in by_id or role == entry.role:
                continue
            if cleaned in by_id:
                yield waiting, cleaned
            elif applied in by_id and role not in stays_with:
                yield waiting, applied
