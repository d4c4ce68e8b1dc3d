"""The promises of a plan of items, for every history of a graph, however often it is interrupted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.planning.items import oracle
from tests.unit.planning.items.histories import Luck, history, shuffled
from tests.unit.planning.items.world import Run, key_of

from scenario_operator.planning.items.plan import ItemPlan, cleaning_case, plan_items
from scenario_operator.planning.items.words import (
    Back,
    Graph,
    ItemPhase,
    ItemsBlocked,
    Obstacle,
    Purpose,
    RemovedItems,
)

luck = st.builds(Luck, st.integers(0, 2**64 - 1), st.integers(1, 6))
QUICK, DEEP = 500, 30_000
"""How many histories each promise is tried on."""


def leave_somewhere(run: Run, plan: ItemPlan, rng: Luck) -> bool:
    """Carry a plan out, and leave it at any write with some luck; say whether it came to its end."""
    chance = rng.choice([0.0, 0.05, 0.2, 0.5])
    return all(rng.random() >= chance for _ in run.carry_out(plan, rng.randrange))


def finish(run: Run, plan: ItemPlan, rng: Luck) -> None:
    for _ in run.carry_out(plan, rng.randrange):
        pass


def any_mix(rng: Luck, *, orphans: bool) -> Run:
    """Return a run somewhere on its way through a history: each plan done, left half-way, or refused."""
    run = Run()
    policies = list(RemovedItems) if orphans else [RemovedItems.CLEAN]
    for revision in history(rng, rng.randint(1, 3)):
        run.revisions[revision.name] = revision.graph
    for name in rng.choices(list(run.revisions), k=rng.randint(1, 4)):
        purpose = rng.choice([Purpose.UPGRADE] * 4 + [Purpose.ANEW, Purpose.RECHECK])
        plan = run.plan(name, run.revisions[name], removed=rng.choice(policies), purpose=purpose)
        if isinstance(plan, ItemPlan):
            leave_somewhere(run, plan, rng)
    return run


def the_same_end(rng: Luck) -> None:
    run = any_mix(rng, orphans=False)
    name = rng.choice(list(run.revisions))
    target = run.revisions[name]
    plan = run.plan(name, target)
    assert isinstance(plan, ItemPlan), "with nothing orphaned and no revision lost there is always a plan"
    finish(run, plan, rng)
    run.require_end()
    again = run.plan(name, target)
    assert isinstance(again, ItemPlan)
    assert again.empty, again.lines()
    clean = Run()
    clean.reach(name, target)
    shown = [
        {r: (e.version, e.revision, e.phase, e.within) for r, e in w.entries.items()} for w in (run, clean)
    ]
    assert shown[0] == shown[1]


def nothing_is_lost(rng: Luck) -> None:
    run = any_mix(rng, orphans=True)
    name = rng.choice(list(run.revisions))
    removed = rng.choice(list(RemovedItems))
    plan = run.plan(name, run.revisions[name], removed=removed)
    if isinstance(plan, ItemsBlocked):
        excuse(run, plan, removed)
        return
    before = {o.physical_ids for o in plan.carried.orphans}
    finish(run, plan, rng)
    run.require_end()
    kept = {o.physical_ids for o in run.orphans}
    assert before <= kept, "an orphan is lost"
    again = run.plan(name, run.revisions[name], removed=removed)
    assert isinstance(again, ItemPlan)
    assert again.empty, again.lines()


def excuse(run: Run, found: ItemsBlocked, removed: RemovedItems) -> None:
    """Require that a refusal has its reason in the run."""
    inside = {o.within for o in (*run.orphans, *run.entries.values())} - {""}
    if found.obstacle is Obstacle.REMOVED_ITEMS_BLOCKED:
        assert removed is RemovedItems.BLOCK
        assert all(run.case.target.item(role) is None for role in found.roles)
    elif found.obstacle is Obstacle.ORPHAN_IN_CONTAINER:
        assert inside
        assert run.orphans or removed is RemovedItems.ORPHAN
    else:
        assert found.obstacle is Obstacle.ROLE_TAKEN
        assert set(found.roles) <= {o.role for o in run.orphans}


def only_what_is_affected(rng: Luck) -> None:
    first, *_, second = history(rng, rng.randint(2, 3))
    run = Run()
    run.reach(first.name, first.graph)
    before = {key_of(i): run.entries[i.role] for i in first.graph.items}
    touched, cleaned = oracle.affected(first.graph, second.graph, before)
    plan = run.plan(second.name, second.graph)
    assert isinstance(plan, ItemPlan)
    assert oracle.stepped(plan, second.graph) == touched
    assert oracle.cleaned(plan, run.revisions, plan.carried.entries) == cleaned
    finish(run, plan, rng)
    run.require_end()
    for item in second.graph.items:
        key = key_of(item)
        if key not in touched and key not in cleaned:
            assert oracle.substance(run.entries[item.role]) == oracle.substance(before[key])


def back_again(rng: Luck) -> None:
    first, second = history(rng, 2)
    run = Run()
    run.reach(first.name, first.graph)
    before = {r: (e.version, e.within) for r, e in run.entries.items()}
    removed = rng.choice(list(RemovedItems))
    plan = run.plan(second.name, second.graph, removed=removed)
    if isinstance(plan, ItemsBlocked):
        return
    had = {e.role for e in plan.carried.entries}
    leave_somewhere(run, plan, rng)
    if run.orphans:
        return
    added = frozenset(i.role for i in second.graph.items if i.role not in had)
    back = Back(added, frozenset(plan.carried.returned))
    for carry_out in (leave_somewhere, finish):
        way_back = run.plan(first.name, first.graph, removed=removed, back=back)
        assert isinstance(way_back, ItemPlan), way_back
        carry_out(run, way_back, rng)
    run.require_end()
    assert {r: (e.version, e.within) for r, e in run.entries.items()} == before
    assert not run.orphans
    again = run.plan(first.name, first.graph)
    assert isinstance(again, ItemPlan)
    assert again.empty, again.lines()


def order_does_not_matter(rng: Luck) -> None:
    run = any_mix(rng, orphans=True)
    name = rng.choice(list(run.revisions))
    removed = rng.choice(list(RemovedItems))
    plan = run.plan(name, run.revisions[name], removed=removed)
    mixed = run.case._replace(
        target=shuffled(rng, run.case.target),
        entries=tuple(rng.sample(run.case.entries, len(run.case.entries))),
        orphans=tuple(rng.sample(run.case.orphans, len(run.case.orphans))),
        revisions={n: shuffled(rng, g) for n, g in sorted(run.case.revisions.items(), reverse=True)},
    )
    assert plan_items(mixed) == plan
    if isinstance(plan, ItemPlan):
        again = plan_items(mixed)
        assert isinstance(again, ItemPlan)
        assert again.identity == plan.identity


def everything_can_be_cleaned(rng: Luck) -> None:
    run = any_mix(rng, orphans=False)
    run.plan("gone", Graph())
    run.case = cleaning_case(run.case)
    plan = plan_items(run.case)
    assert isinstance(plan, ItemPlan)
    finish(run, plan, rng)
    assert run.entries == {}
    assert run.things == {}


def a_finished_graph_is_left_alone(rng: Luck) -> None:
    """A recheck with nothing changed runs checks only; edited parameters reach only what names them."""
    (revision,) = history(rng, 1)
    run = Run()
    run.reach(revision.name, revision.graph)
    before = dict(run.entries)
    finish(run, run.reach(revision.name, revision.graph), rng)
    assert run.entries == before
    recheck = run.plan(revision.name, revision.graph, purpose=Purpose.RECHECK)
    assert isinstance(recheck, ItemPlan)
    asked = {s.role for s in recheck.steps if s.recheck}
    assert asked == {i.role for i in revision.graph.items if i.check}
    finish(run, recheck, rng)
    worked = {job.removeprefix("apply-") for job in run.jobs if job.startswith("apply-")}
    assert worked <= oracle.downstream(revision.graph, asked) - asked
    assert {s.role for s in recheck.steps} - asked <= oracle.downstream(revision.graph, asked)
    assert all(e.phase is ItemPhase.DONE for e in run.entries.values())


PROMISES = [
    the_same_end,
    nothing_is_lost,
    only_what_is_affected,
    back_again,
    order_does_not_matter,
    everything_can_be_cleaned,
    a_finished_graph_is_left_alone,
]


@pytest.mark.parametrize("promise", PROMISES)
def test_promise(promise: Callable[[Luck], None]) -> None:
    check = settings(max_examples=QUICK)(given(luck)(promise))
    check()


@pytest.mark.slow
@pytest.mark.parametrize("promise", PROMISES)
def test_promise_on_many_more_histories(promise: Callable[[Luck], None]) -> None:
    check = settings(max_examples=DEEP)(given(luck)(promise))
    check()
