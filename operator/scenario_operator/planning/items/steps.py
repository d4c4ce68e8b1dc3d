"""Which steps a plan of items has: what is cleaned, looked up again, applied, and what is only looked at."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from scenario_operator.planning.diff import shown
from scenario_operator.planning.items import order
from scenario_operator.planning.items.diff import Judged, removed
from scenario_operator.planning.items.hashes import declared_of
from scenario_operator.planning.items.match import Carried
from scenario_operator.planning.items.words import (
    Because,
    EdgeType,
    Entry,
    Item,
    ItemCase,
    Need,
    Purpose,
    RemovedItems,
)


class ItemKind(StrEnum):
    """The steps that items have."""

    CLEAN = "CleanItem"
    DISCOVER = "DiscoverItem"
    APPLY = "ApplyItem"


class ItemStep(NamedTuple):
    """One step of a plan of items.

    `revision`: whose logic it uses; of a clean the one that last released the item's `do`. `certain`: false if it is
    done only when what it sees differs at run time. `recheck`: its check is asked whatever it sees. `carried`: its
    version differs, and the author said that it needs nothing for that. `logic`: there is a command for it.
    `irreversible`: the release of its `do` is the point of no return. `stays`: of a clean, the item is made again.
    """

    kind: ItemKind
    role: str
    revision: str
    because: Because = Because.VERSION
    why: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    certain: bool = True
    recheck: bool = False
    carried: bool = False
    logic: bool = True
    irreversible: bool = False
    stays: bool = False

    @property
    def id(self) -> str:
        """Return the step's identity within its plan."""
        return step_id(self.kind, self.role)

    @property
    def title(self) -> str:
        """Return the step for people: `CleanItem(db)`."""
        return f"{self.kind.value}({shown(self.role)})"


class Fates(NamedTuple):
    """What becomes of the entries that the target does not declare.

    `cleaned`, `orphaned`, `blocked` exist; of the `dropped` there is nothing, they are forgotten at the end.
    """

    cleaned: tuple[Entry, ...] = ()
    orphaned: tuple[Entry, ...] = ()
    blocked: tuple[Entry, ...] = ()
    dropped: tuple[Entry, ...] = ()


def step_id(kind: ItemKind, role: str) -> str:
    """Return the identity of an item's step of a kind: `apply-db`."""
    return f"{kind.value.removesuffix('Item').lower()}-{role}"


def fates(case: ItemCase, carried: Carried) -> Fates:
    """Decide what becomes of each removed entry, by the strategy's word."""
    found: dict[str, list[Entry]] = {name: [] for name in Fates._fields}
    for entry in removed(case, carried):
        found[_fate(case, entry)].append(entry)
    return Fates(**{name: tuple(entries) for name, entries in found.items()})


def _fate(case: ItemCase, entry: Entry) -> str:
    """On the way back the plan's own additions go and its orphans stay orphans, and nothing blocks it."""
    if not entry.exists:
        return "dropped"
    policy = RemovedItems.CLEAN if case.purpose is Purpose.CLEAN else case.removed
    if case.back is not None:
        if entry.role in case.back.added:
            policy = RemovedItems.CLEAN
        elif entry.role in case.back.returned or policy is RemovedItems.BLOCK:
            policy = RemovedItems.ORPHAN
    return {
        RemovedItems.CLEAN: "cleaned",
        RemovedItems.ORPHAN: "orphaned",
        RemovedItems.BLOCK: "blocked",
    }[policy]


def replaced(case: ItemCase, carried: Carried, judged: Mapping[str, Judged]) -> dict[str, Judged]:
    """Return what is made anew: what needs it by itself, and whatever lives inside of that."""
    exists = {e.role for e in carried.entries if e.exists}
    found = {r: j for r, j in judged.items() if j.need is Need.REPLACE and r in exists}
    inside = [e for e in sorted(case.target.edges) if e.type is EdgeType.CONTAINS and e.target in exists]
    while True:
        fresh = {e.target: e.source for e in inside if e.source in found and e.target not in found}
        if not fresh:
            return found
        for role, container in fresh.items():
            line = f"it lives inside {shown(container)}, which is made anew"
            own = judged.get(role)
            found[role] = Judged(Need.REPLACE, Because.VERSION, (line, *(own.why if own else ())))


def chosen(
    case: ItemCase, carried: Carried, judged: Mapping[str, Judged], going: tuple[Entry, ...]
) -> tuple[ItemStep, ...]:
    """Return the steps without their needs; `going`: removed entries that are cleaned."""
    entries = {e.role: e for e in carried.entries}
    anew = replaced(case, carried, judged)
    verdicts = {**judged, **anew}
    needs = {i.role: case.target.predecessors(i.role) for i in case.target.items}
    sure = {role for role, j in verdicts.items() if j.need is not Need.RECORD}
    asked = {i.role for i in case.target.items if i.check and case.purpose is Purpose.RECHECK}
    looked = order.downstream(needs, sure | asked)
    found = [_clean(case, e, ("it is no longer declared",)) for e in going]
    found += [_clean(case, entries[r], j.why, stays=True) for r, j in anew.items()]
    for item in case.target.items:
        verdict = verdicts.get(item.role)
        if verdict and verdict.need is Need.DISCOVER:
            found.append(_step(case, ItemKind.DISCOVER, item, verdict))
        recheck = item.role in asked
        if verdict and verdict.need in (Need.APPLY, Need.REPLACE):
            found.append(_step(case, ItemKind.APPLY, item, verdict)._replace(recheck=recheck))
        elif recheck or item.role in looked:
            found.append(_look(case, item, verdict, needs, sure | asked | looked, recheck=recheck))
    return tuple(found)


def _clean(case: ItemCase, entry: Entry, why: tuple[str, ...], *, stays: bool = False) -> ItemStep:
    declared = declared_of(entry, case.revisions)
    logic = bool(declared and declared.clean)
    return ItemStep(ItemKind.CLEAN, entry.role, entry.revision, why=why, logic=logic, stays=stays)


def _step(case: ItemCase, kind: ItemKind, item: Item, verdict: Judged) -> ItemStep:
    logic = bool(item.discover if kind is ItemKind.DISCOVER else item.do)
    final = kind is ItemKind.APPLY and item.irreversible
    return ItemStep(
        kind, item.role, case.revision, verdict.because, verdict.why, logic=logic, irreversible=final
    )


def _look(
    case: ItemCase,
    item: Item,
    verdict: Judged | None,
    needs: Mapping[str, tuple[str, ...]],
    touched: set[str],
    *,
    recheck: bool,
) -> ItemStep:
    """Make the step of an item that is only looked at: a recheck asks its check, else it goes by what it sees."""
    after = [shown(p) for p in needs[item.role] if p in touched]
    why = "its check is asked again" if recheck else f"looked at after {', '.join(after)}"
    because = Because.RECHECK if recheck else Because.INPUTS
    carried = verdict is not None and verdict.need is Need.RECORD
    step = _step(case, ItemKind.APPLY, item, Judged(Need.APPLY, because, (why,)))
    return step._replace(certain=False, recheck=recheck, carried=carried)
