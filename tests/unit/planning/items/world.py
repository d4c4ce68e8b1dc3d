"""A small world in which plans of items are carried out: things, what they were made of, and who lives inside whom.

It knows nothing of how plans are made. It requires of each step what the design promises, whoever planned it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from scenario_operator.planning.items import entries as write
from scenario_operator.planning.items import hashes
from scenario_operator.planning.items.diff import may_skip, need_from
from scenario_operator.planning.items.plan import ItemPlan, commit, plan_items
from scenario_operator.planning.items.steps import ItemKind, ItemStep
from scenario_operator.planning.items.words import (
    Entry,
    Given,
    Graph,
    Item,
    ItemCase,
    ItemPhase,
    ItemsBlocked,
    Need,
)


class Body(NamedTuple):
    """What a thing is made of: the series of its version, values it was given, and predecessors by their key."""

    series: str
    values: tuple[str, ...]
    made_of: tuple[tuple[str, str], ...]

    @property
    def print(self) -> str:
        """Return what others can tell it apart by."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:8]


class Thing(NamedTuple):
    """Something that a `do` has made; `made_by` is the revision that last released one."""

    body: Body
    made_by: str
    inside: str
    versions: frozenset[str]
    whole: bool = True


def key_of(item: Item) -> str:
    """Return what an item is, whatever it is called."""
    return item.display_name.split("|")[0] if "|" in item.display_name else item.role


def series(version: str) -> str:
    """Return what of a version shows in what it makes."""
    return version.split(".")[0]


class Run:
    """One run: its entries, its orphans, and the things that there are."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.orphans: tuple[Entry, ...] = ()
        self.revisions: dict[str, Graph] = {}
        self.things: dict[str, Thing] = {}
        self.jobs: list[str] = []
        self.plans = 0
        self.now = 0
        self.given = Given({"P": "p"})
        self.case = ItemCase("", Graph())

    def plan(self, revision: str, target: Graph, **more: Any) -> ItemPlan | ItemsBlocked:
        """Make the plan to a revision, of entries as they are."""
        self.revisions[revision] = target
        self.case = ItemCase(
            revision,
            target,
            tuple(self.entries.values()),
            self.orphans,
            dict(self.revisions),
            **{"given": self.given, **more},
        )
        return plan_items(self.case)

    def reach(self, revision: str, target: Graph, **more: Any) -> ItemPlan:
        """Plan and carry out to the end."""
        plan = self.plan(revision, target, **more)
        assert isinstance(plan, ItemPlan), plan
        self.finish(plan)
        return plan

    def finish(self, plan: ItemPlan) -> None:
        """Carry a plan out to its end."""
        for _ in self.carry_out(plan):
            pass

    def carry_out(self, plan: ItemPlan, pick: Callable[[int], int] = lambda _: 0) -> Iterator[str]:
        """Carry a plan out, any ready step next; where it yields, it may be left for good."""
        self.plans += 1
        self.jobs = []
        target = self.case.target
        self.entries = {e.role: e for e in plan.carried.entries}
        self.orphans = plan.carried.orphans
        for item in target.items:
            self.entries.setdefault(item.role, Entry(item.role))
        finished: set[str] = set()
        yield "opened"
        while len(finished) < len(plan.steps):
            ready = [s for s in plan.steps if s.id not in finished and finished.issuperset(s.needs)]
            assert ready, "a plan that cannot go on"
            step = ready[pick(len(ready))]
            yield from self._step(plan, step, finished)
            finished.add(step.id)
            yield f"{step.id} done"
        self._commit(plan)

    def _commit(self, plan: ItemPlan) -> None:
        self.entries, before = {}, self.entries
        settled = commit(plan, self.case, before.values(), self.orphans)
        self.entries = {e.role: e for e in settled.entries}
        self.orphans = settled.orphans
        for entry in settled.entries:
            thing = self.thing(entry)
            if thing:
                versions = frozenset({entry.version})
                self.things[entry.physical_ids[-1]] = thing._replace(
                    made_by=entry.revision, versions=versions
                )

    def thing(self, entry: Entry) -> Thing | None:
        """Return the thing of an entry, None if there is none."""
        return self.things.get(entry.physical_ids[-1]) if entry.physical_ids else None

    def _step(self, plan: ItemPlan, step: ItemStep, finished: set[str]) -> Iterator[str]:
        if step.kind is ItemKind.CLEAN:
            yield from self._clean(plan, step, finished)
        elif step.kind is ItemKind.DISCOVER:
            self._discover(step)
        else:
            yield from self._apply(step)

    def _clean(self, plan: ItemPlan, step: ItemStep, finished: set[str]) -> Iterator[str]:
        entry = self.entries[step.role]
        assert entry.exists, f"{step.title} of nothing"
        thing = self.thing(entry)
        if thing:
            assert step.revision == thing.made_by, "cleaned with the logic of another revision"
            inhabitants = [t for t in self.things.values() if t.inside == entry.physical_ids[-1]]
            assert not inhabitants, f"{step.title} with something inside"
        if not step.stays and not plan.notes:
            self._nobody_points_at(plan, step, finished)
        self.entries[step.role] = write.cleaning(entry)
        yield f"{step.id} released"
        self.jobs.append(step.id)
        if entry.physical_ids:
            self.things.pop(entry.physical_ids[-1], None)
        yield f"{step.id} worked"
        if step.stays:
            self.entries[step.role] = write.cleaned(entry)
        else:
            del self.entries[step.role]

    def _nobody_points_at(self, plan: ItemPlan, step: ItemStep, finished: set[str]) -> None:
        planned = {s.id for s in plan.steps}
        for other in self.entries.values():
            if other.role != step.role and step.role in dict(other.seen):
                left = {f"clean-{other.role}", f"apply-{other.role}"} & planned - finished
                assert not left, f"{step.title} while {other.role} points to it"

    def _work(self, step: ItemStep, item: Item) -> write.Work:
        target = self.case.target
        inputs = hashes.resolved(item, self.entries, self.case.given)
        assert not inputs.missing, inputs.missing
        seen = {p: self.entries[p].token for p in target.predecessors(item.role)}
        for role in seen:
            assert self.entries[role].phase is ItemPhase.DONE, f"{step.title} before {role}"
        self.now += 1
        token = hashes.work_token(str(self.plans), item.role, self.now)
        return write.Work(
            item.version, step.revision, target.container(item.role), seen, inputs.hash, token, self.now
        )

    def _item(self, step: ItemStep) -> Item:
        item = self.case.target.item(step.role)
        assert item is not None
        return item

    def _discover(self, step: ItemStep) -> None:
        item, entry = self._item(step), self.entries[step.role]
        thing = self.thing(entry)
        assert thing is not None
        assert entry.phase is ItemPhase.DONE
        self.jobs.append(step.id)
        work = self._work(step, item)
        self.entries[step.role] = write.discovered(entry, work, self._answer(item, entry))
        self.things[entry.physical_ids[-1]] = thing._replace(
            versions=frozenset({item.version}), made_by=step.revision
        )

    def _apply(self, step: ItemStep) -> Iterator[str]:
        item, entry = self._item(step), self.entries[step.role]
        work = self._work(step, item)
        predecessors = [self.entries[p] for p in work.seen]
        made_by = hashes.definition_of(entry, self.case.revisions)
        if not step.recheck and may_skip(
            entry, item, made_by, predecessors, work.inputs_hash, carried=step.carried
        ):
            return
        if item.check and self._check(item, entry):
            self.jobs.append(f"check-{item.role}")
            entry = write.done(entry, work, self._answer(item, entry), worked=False)
            self._own(entry, item, step)
            return
        yield from self._do(step, item, entry, work)

    def _own(self, entry: Entry, item: Item, step: ItemStep) -> None:
        self.entries[entry.role] = entry
        thing = self.thing(entry)
        assert thing is not None
        self.things[entry.physical_ids[-1]] = thing._replace(
            made_by=step.revision, versions=frozenset({item.version}), whole=True
        )

    def _do(self, step: ItemStep, item: Item, entry: Entry, work: write.Work) -> Iterator[str]:
        inside = self._container(item)
        old = self.thing(entry)
        if old:
            assert old.inside == inside, f"{step.title} in the wrong container"
            needs = [need_from(item, v) for v in old.versions if v != item.version]
            assert Need.REPLACE not in needs, f"{step.title} in place, where it had to be made anew"
        name = entry.physical_ids[-1] if old else f"{key_of(item)}-{self.plans}-{self.now}"
        entry = write.released(entry, work)._replace(physical_ids=(name,))
        self.entries[item.role] = entry
        if old:
            self.things[name] = old._replace(made_by=step.revision)
        yield f"{step.id} released"
        versions = frozenset({entry.version, item.version} - {""})
        body = old.body if old else Body("", (), ())
        self.jobs.append(step.id)
        self.things[name] = Thing(body, step.revision, inside, versions, whole=False)
        yield f"{step.id} half done"
        self.things[name] = Thing(self.wanted(item), step.revision, inside, frozenset({item.version}))
        yield f"{step.id} worked"
        self.entries[item.role] = write.done(entry, work, self._answer(item, entry), worked=True)

    def _container(self, item: Item) -> str:
        role = self.case.target.container(item.role)
        if not role:
            return ""
        thing = self.thing(self.entries[role])
        assert thing is not None, f"{item.role} before its container"
        assert thing.whole
        return self.entries[role].physical_ids[-1]

    def _check(self, item: Item, entry: Entry) -> bool:
        thing = self.thing(entry)
        return thing is not None and thing.whole and thing.body == self.wanted(item)

    def _answer(self, item: Item, entry: Entry) -> write.Answer:
        thing = self.thing(entry)
        assert thing is not None
        told = thing.body.print
        digest = told if "tells" in item.display_name else ""
        return write.Answer({"path": told}, entry.physical_ids, digest)

    def wanted(self, item: Item) -> Body:
        """Return what a clean start would make of an item now."""
        values = [i.value for i in item.inputs if i.value]
        values += [self.given.parameters[i.parameter] for i in item.inputs if i.parameter]
        made_of: Mapping[str, str] = {}
        if "stable" not in item.display_name:
            made_of = self._predecessors(item)
        return Body(series(item.version), tuple(values), tuple(sorted(made_of.items())))

    def _predecessors(self, item: Item) -> dict[str, str]:
        found = {}
        for role in self.case.target.predecessors(item.role):
            other, thing = self.case.target.item(role), self.thing(self.entries[role])
            assert other is not None
            assert thing is not None
            found[key_of(other)] = thing.body.print
        return found

    def require_end(self) -> None:
        """Require the end that every history has: all done, made of what is there now, nothing left over."""
        target = self.case.target
        assert set(self.entries) == {i.role for i in target.items}
        for item in target.items:
            entry = self.entries[item.role]
            thing = self.thing(entry)
            assert thing is not None
            assert (entry.phase, entry.version) == (ItemPhase.DONE, item.version)
            assert thing.whole
            assert thing.inside == self._container(item)
            assert entry.within == target.container(item.role)
            wanted = self.wanted(item)
            assert thing.body.series == wanted.series
            assert thing.body.values == wanted.values
            # An edge that came or went does not count by itself; what both have must be the same.
            made_of = dict(thing.body.made_of)
            stale = {k for k, told in wanted.made_of if made_of.get(k, told) != told}
            assert not stale, f"{item.role} was made of an older {stale}"
        owned = {e.physical_ids[-1] for e in (*self.entries.values(), *self.orphans) if e.physical_ids}
        assert set(self.things) <= owned, "something is left that nobody knows of"
