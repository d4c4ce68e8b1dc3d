"""What differs between the entries of a run and the target, and how deep each difference cuts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from scenario_operator.planning import compatibility
from scenario_operator.planning.diff import shown
from scenario_operator.planning.items import hashes, order
from scenario_operator.planning.items.match import Carried
from scenario_operator.planning.items.words import (
    Because,
    Entry,
    Item,
    ItemCase,
    ItemPhase,
    Need,
    Purpose,
)

_PARTIAL = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))?", re.ASCII)


class Change(StrEnum):
    """The classes of differences, in the order in which they are told."""

    REMOVED = "removed"
    RENAMED = "renamed"
    ADDED = "added"
    CHANGED = "changed"

    @property
    def place(self) -> int:
        """The place of the class in the order."""
        return list(Change).index(self)


class Judged(NamedTuple):
    """What one item needs by itself, whatever happens to others: how deep, why its check is asked, and why at all."""

    need: Need
    because: Because
    why: tuple[str, ...]


class Difference(NamedTuple):
    """One line of the diff: a role, its class, and what it needs; a removed or only renamed one needs nothing."""

    change: Change
    role: str
    need: Need | None = None
    why: tuple[str, ...] = ()
    formerly: str = ""


def judge(case: ItemCase, item: Item, entries: Mapping[str, Entry]) -> Judged | None:
    """Return what an item of the target needs by itself, None if nothing; `entries` are those carried to it."""
    entry = entries.get(item.role)
    if entry is None or not entry.exists:
        because = Because.RETRY if entry and entry.phase is ItemPhase.FAILED else Because.VERSION
        return Judged(Need.APPLY, because, ("there is nothing of it",))
    found = [
        *_moved(case, item, entry, entries),
        *_of_version(case, item, entry),
        *_unfinished(entry),
        *_of_definition(case, item, entry),
        *_of_inputs(case, item, entry, entries),
    ]
    if not found:
        return None
    need = max((f.need for f in found), key=lambda n: n.depth)
    if need is Need.DISCOVER and not item.discover:
        need = Need.APPLY
    asked = [f.because for f in found if f.need is not Need.RECORD] or [Because.VERSION]
    return Judged(need, min(asked, key=list(Because).index), tuple(line for f in found for line in f.why))


def need_from(item: Item, version: str) -> Need:
    """Return what the author says an item needs to come from a version: the first entry that fits, else Apply."""
    return next((e.needs for e in item.upgrade_from if _fits(version, e.versions)), Need.APPLY)


def sees_difference(entry: Entry, predecessors: Iterable[Entry]) -> tuple[str, ...]:
    """Return the predecessors that are no longer what an entry was done with, sorted.

    An edge that it did not have then is a difference only if that predecessor was done after it, or at the same time.
    """
    seen = dict(entry.seen)
    differ = (
        p.role
        for p in predecessors
        if (seen[p.role] != p.token if p.role in seen else p.changed_at >= entry.changed_at)
    )
    return tuple(sorted(differ))


def may_skip(
    entry: Entry,
    item: Item,
    definition: str,
    predecessors: Iterable[Entry],
    inputs_hash: str,
    *,
    carried: bool,
) -> bool:
    """Say whether an item that is looked at is left as it is, without a Job (early cut-off).

    `definition`: the one that the entry was made by. `carried`: its version and definition differ, but the author said
    that it needs nothing for that. The plan must be no recheck. Without a check, only `memoize` trusts what is equal.
    """
    same = carried or (entry.version == item.version and definition == hashes.definition(item))
    return (
        entry.exists
        and entry.phase is ItemPhase.DONE
        and same
        and bool(item.check or item.memoize)
        and entry.inputs_hash == inputs_hash
        and not sees_difference(entry, predecessors)
    )


def differences(case: ItemCase, carried: Carried, judged: Mapping[str, Judged]) -> tuple[Difference, ...]:
    """Return the diff in its fixed order: by class, inside a class topologically, then by role."""
    old = {new: former for former, new in carried.renamed}
    had = {e.role for e in carried.entries}
    found = [Difference(Change.REMOVED, e.role) for e in removed(case, carried)]
    for item in case.target.items:
        verdict = judged.get(item.role)
        need, why = (verdict.need, verdict.why) if verdict else (None, ())
        if item.role in old and item.role in had:
            found.append(Difference(Change.RENAMED, item.role, need, why, old[item.role]))
        elif item.role not in had:
            found.append(Difference(Change.ADDED, item.role, need, why))
        elif verdict:
            found.append(Difference(Change.CHANGED, item.role, need, why))
    return _sorted(case, carried, found)


def removed(case: ItemCase, carried: Carried) -> tuple[Entry, ...]:
    """Return the entries that the target does not declare."""
    declared = {i.role for i in case.target.items}
    return tuple(e for e in carried.entries if e.role not in declared)


def _sorted(case: ItemCase, carried: Carried, found: list[Difference]) -> tuple[Difference, ...]:
    needs = {i.role: case.target.predecessors(i.role) for i in case.target.items}
    old = {e.role: (e.within, *(role for role, _ in e.seen)) for e in removed(case, carried)}
    new_place = {role: n for n, role in enumerate(order.in_order(needs, lambda role: role))}
    old_place = {role: n for n, role in enumerate(order.in_order(old, lambda role: role))}
    place = {**new_place, **old_place}
    return tuple(sorted(found, key=lambda d: (d.change.place, place[d.role], d.role)))


def _fits(version: str, stated: str) -> bool:
    """Compare as a semantic range if both can be read as such, else as plain words; 3 and 3.1 count as 3.0.0, 3.1.0."""
    number = _padded(version)
    if compatibility.is_version(number) and compatibility.is_range(stated):
        return compatibility.in_range(number, stated)
    return version == stated


def _padded(version: str) -> str:
    found = _PARTIAL.fullmatch(version)
    return version if found is None else version + (".0" if found[2] else ".0.0")


def _moved(case: ItemCase, item: Item, entry: Entry, entries: Mapping[str, Entry]) -> list[Judged]:
    """An item lives in one container, and in one that is there: else it is made again where it belongs."""
    wanted = case.target.container(item.role)
    container = entries.get(wanted)
    if entry.within == wanted and (not wanted or (container is not None and container.exists)):
        return []
    before, after = (
        f"inside {shown(role)}" if role else "in no container" for role in (entry.within, wanted)
    )
    line = (
        f"it lives {before}, not {after}"
        if before != after
        else f"its container {shown(wanted)} is not there"
    )
    return [Judged(Need.REPLACE, Because.VERSION, (line,))]


def _of_version(case: ItemCase, item: Item, entry: Entry) -> list[Judged]:
    """Judge every version that may be there: of an unfinished item that is the one of its last `do` as well."""
    declared = hashes.declared_of(entry, case.revisions)
    unfinished = entry.phase is not ItemPhase.DONE and declared is not None
    versions = {entry.version} | ({declared.version} if unfinished and declared else set())
    return [
        Judged(need_from(item, v), Because.VERSION, (f"version {shown(v)} → {shown(item.version)}",))
        for v in sorted(versions - {"", item.version})
    ]


def _unfinished(entry: Entry) -> list[Judged]:
    if entry.phase is ItemPhase.DONE:
        return []
    return [Judged(Need.APPLY, Because.RETRY, (f"it is {entry.phase.value}",))]


def _of_definition(case: ItemCase, item: Item, entry: Entry) -> list[Judged]:
    """Between two versions the author's word decides; of one version a changed definition is a difference by itself."""
    if entry.version != item.version or hashes.definition_of(entry, case.revisions) == hashes.definition(
        item
    ):
        return []
    return [Judged(Need.APPLY, Because.VERSION, ("its definition changed",))]


def _of_inputs(case: ItemCase, item: Item, entry: Entry, entries: Mapping[str, Entry]) -> list[Judged]:
    found = []
    if hashes.resolved(item, entries, case.given).hash != entry.inputs_hash:
        found.append(Judged(Need.APPLY, Because.INPUTS, ("its inputs changed",)))
    known = (entries.get(role) for role in case.target.predecessors(item.role))
    stale = sees_difference(entry, (p for p in known if p is not None and p.exists))
    if stale:
        named = ", ".join(shown(role) for role in stale)
        found.append(Judged(Need.APPLY, Because.INPUTS, (f"done before {named} became what it is",)))
    return found


def judge_all(case: ItemCase, carried: Carried) -> dict[str, Judged]:
    """Return what each item of the target needs by itself; for purpose Anew everything is replaced."""
    entries = {e.role: e for e in carried.entries}
    found: dict[str, Judged] = {}
    for item in sorted(case.target.items):
        verdict = judge(case, item, entries)
        if case.purpose is Purpose.ANEW and item.role in entries and entries[item.role].exists:
            verdict = Judged(Need.REPLACE, Because.VERSION, ("everything is made anew",))
        if verdict:
            found[item.role] = verdict
    return found
