"""From what a run has of its items and what is wanted to a graph of steps, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from scenario_operator.api.common import Level
from scenario_operator.planning.diff import bounded, shown
from scenario_operator.planning.items import graph, hashes
from scenario_operator.planning.items.diff import Difference, differences, judge_all
from scenario_operator.planning.items.match import Carried, carry
from scenario_operator.planning.items.steps import Fates, ItemKind, ItemStep, chosen, fates
from scenario_operator.planning.items.words import (
    Entry,
    Graph,
    ItemCase,
    ItemPhase,
    ItemsBlocked,
    Need,
    Obstacle,
    Purpose,
    RemovedItems,
)
from scenario_operator.planning.plan import digest_of

LINES = 40
"""Lines of a plan's graph that are shown at most."""
_NAMED = 8
"""Roles that a message names at most."""


class ItemPlan(NamedTuple):
    """What would be done to the items of a run.

    `carried`: entries and orphans as the write that opens the plan has them. `steps`: each after what it needs.
    `recorded`: roles whose version is set at Commit, for they need no more. `orphaned`: roles whose entries move to
    the orphans at Commit. `dropped`: roles of which there is nothing; forgotten at Commit.
    """

    purpose: Purpose
    revision: str
    first_start: bool
    differences: tuple[Difference, ...]
    carried: Carried
    steps: tuple[ItemStep, ...]
    recorded: tuple[str, ...] = ()
    orphaned: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Say whether there is nothing to do and nothing to record."""
        moves = (self.carried.renamed, self.carried.returned, self.recorded, self.orphaned, self.dropped)
        return not (self.steps or self.differences or any(moves))

    @property
    def destroys(self) -> tuple[str, ...]:
        """Return the roles of items that are cleaned: such a plan needs an attempt and its consent."""
        return tuple(sorted(s.role for s in self.steps if s.kind is ItemKind.CLEAN))

    @property
    def level(self) -> Level:
        """Return how deep the plan cuts."""
        kinds = {s.kind for s in self.steps}
        if ItemKind.CLEAN in kinds:
            return Level.REPLACE
        if ItemKind.APPLY in kinds:
            return Level.APPLY
        return Level.DISCOVER if ItemKind.DISCOVER in kinds else Level.NONE

    @property
    def identity(self) -> str:
        """Return a hash of what would be done: runs whose mixes need other steps do not share it."""
        steps = [[s.kind, s.role, *s[2:]] for s in self.steps]
        moves = [self.carried.renamed, self.carried.returned, self.recorded, self.orphaned, self.dropped]
        return digest_of([self.purpose, self.revision, self.first_start, steps, moves])[:20]

    def lines(self) -> tuple[str, ...]:
        """Render the plan for people as a graph, at most `LINES` lines."""
        found = [f"{shown(old)} is called {shown(new)}" for old, new in self.carried.renamed]
        found += [f"{shown(role)} takes its orphaned entry back" for role in self.carried.returned]
        found += [_line(step) for step in self.steps]
        idle = sorted({*self.recorded} - {s.role for s in self.steps})
        found += [f"{shown(role)}: its version is recorded, nothing is done" for role in idle]
        found += [f"{shown(role)} is left behind as an orphan" for role in self.orphaned]
        return bounded([*found, *self.notes], LINES)


class Settled(NamedTuple):
    """The entries and orphans of a run after a Commit."""

    entries: tuple[Entry, ...]
    orphans: tuple[Entry, ...]


def plan_items(case: ItemCase) -> ItemPlan | ItemsBlocked:
    """Make the plan that leads a run's items from their entries, whatever mix they are, to the target.

    The same case, in whatever order its parts are listed, gives the same plan.
    """
    case = _with_target(case)
    strangers = case.back.added if case.back else frozenset[str]()
    carried = carry(case.target, case.entries, case.orphans, strangers)
    judged = judge_all(case, carried)
    going = fates(case, carried)
    steps = chosen(case, carried, judged, going.cleaned)
    blocked = _blocked(case, carried, going, steps)
    if blocked:
        return blocked
    differ = differences(case, carried, judged)
    wired = graph.wire(case, carried.entries, steps, differ)
    if wired.circle:
        return _circle(wired.circle)
    recorded = sorted(r for r, j in judged.items() if j.need is Need.RECORD)
    replaced = {s.role for s in steps if s.kind is ItemKind.CLEAN}
    return ItemPlan(
        case.purpose,
        case.revision,
        not case.entries and not case.orphans,
        differ,
        carried,
        wired.steps,
        tuple(r for r in recorded if r not in replaced),
        tuple(e.role for e in going.orphaned),
        tuple(e.role for e in going.dropped),
        (*wired.notes, *_nothing_to_clean(steps)),
    )


def commit(plan: ItemPlan, case: ItemCase, entries: Iterable[Entry], orphans: Iterable[Entry]) -> Settled:
    """Return what the write that closes a plan makes of the entries and orphans as they then are.

    What is at the target's version and definition moves to the target's revision, so that a mended clean arrives and
    old revisions can go.
    """
    case = _with_target(case)
    kept: list[Entry] = []
    left = [*orphans]
    for entry in entries:
        if entry.role in plan.orphaned:
            left.append(entry)
        elif entry.role not in plan.dropped:
            kept.append(_settled(plan, case, entry))
    return Settled(tuple(sorted(kept)), tuple(sorted(left)))


def cleaning_case(case: ItemCase) -> ItemCase:
    """Return the case of cleaning every item for good, for a run that is deleted; its orphans stay behind."""
    return case._replace(target=Graph(), removed=RemovedItems.CLEAN, purpose=Purpose.CLEAN, back=None)


def _with_target(case: ItemCase) -> ItemCase:
    """Know the target as a revision too.

    What is published under its name goes first: the target of a clean is empty, its revision is not.
    """
    return case._replace(revisions={case.revision: case.target, **case.revisions})


def _settled(plan: ItemPlan, case: ItemCase, entry: Entry) -> Entry:
    item = case.target.item(entry.role)
    if item is None or entry.phase is not ItemPhase.DONE:
        return entry
    same = entry.version == item.version
    equal = same and hashes.definition_of(entry, case.revisions) == hashes.definition(item)
    if equal or entry.role in plan.recorded:
        return entry._replace(version=item.version, revision=case.revision, declared_as="")
    return entry


def _blocked(
    case: ItemCase, carried: Carried, going: Fates, steps: tuple[ItemStep, ...]
) -> ItemsBlocked | None:
    """Return what stands against the steps; orphans are kept, so nothing that one lives inside is cleaned."""
    if carried.taken:
        return _refused(
            Obstacle.ROLE_TAKEN,
            carried.taken,
            "is still an orphan's: clean or discard the orphan, or choose another role",
        )
    if going.blocked:
        roles = tuple(e.role for e in going.blocked)
        return _refused(
            Obstacle.REMOVED_ITEMS_BLOCKED,
            roles,
            "is no longer declared, and the strategy's removedItems is Block: declare it again, or set Clean or Orphan",
        )
    cleaned = {s.role for s in steps if s.kind is ItemKind.CLEAN}
    inside = sorted(o.role for o in (*carried.orphans, *going.orphaned) if o.exists and o.within in cleaned)
    if inside:
        return _refused(
            Obstacle.ORPHAN_IN_CONTAINER,
            tuple(inside),
            "is an orphan that lives inside an item that has to be cleaned: clean or discard the orphan",
        )
    by_role = {e.role: e for e in carried.entries}
    lost = tuple(sorted(r for r in cleaned if hashes.declared_of(by_role[r], case.revisions) is None))
    if lost:
        return _refused(
            Obstacle.CLEAN_LOGIC_MISSING,
            lost,
            "has to be cleaned, and the revision whose logic does that is gone: clean it by hand and discard it",
        )
    return None


def _circle(ids: tuple[str, ...]) -> ItemsBlocked:
    roles = tuple(sorted({i.split("-", 1)[1] for i in ids}))
    return _refused(Obstacle.CIRCLE, roles, "stands in a circle of items that wait for each other")


def _refused(obstacle: Obstacle, roles: tuple[str, ...], message: str) -> ItemsBlocked:
    named = ", ".join(shown(role) for role in roles[:_NAMED])
    more = f" and {len(roles) - _NAMED} more" if roles[_NAMED:] else ""
    each = "item" if len(roles) == 1 else "each of the items"
    return ItemsBlocked(obstacle, roles, f"{each} {named}{more} {message}")


def _nothing_to_clean(steps: tuple[ItemStep, ...]) -> tuple[str, ...]:
    bare = sorted(s.role for s in steps if s.kind is ItemKind.CLEAN and not s.logic)
    return tuple(f"{shown(role)} declares no clean: its entry goes, nothing is cleaned" for role in bare)


def _line(step: ItemStep) -> str:
    waits = f" (after {', '.join(shown(n) for n in step.needs)})" if step.needs else ""
    return f"{step.title}: {'; '.join(step.why)}{waits}"
