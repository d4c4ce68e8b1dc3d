"""The graph of steps: what waits for what, what is only looked at, and what stands against a plan."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tests.unit.planning.items.build import (
    STABLE,
    blocked,
    case,
    finished,
    graph,
    ids,
    item,
    leave_at,
    planned,
    waits,
)
from tests.unit.planning.items.world import Run

from scenario_operator.planning.items.plan import LINES, plan_items
from scenario_operator.planning.items.steps import ItemKind
from scenario_operator.planning.items.words import (
    Because,
    Entry,
    Graph,
    ItemPhase,
    ItemsBlocked,
    Need,
    Obstacle,
    RemovedItems,
)

CHAIN = ["upload", "db", "download", "link", "run", "domain", "attach", "notify"]
CHAIN_EDGES = [f"{a}>{b}" for a, b in pairwise(CHAIN)]
REPLACE = {"1": Need.REPLACE}


def test_what_follows_a_changed_item_waits_for_it_and_is_only_looked_at() -> None:
    """Given a chain, when its middle changes, then its end is looked at after it and its beginning is left alone."""
    run = finished(graph("a", "b", "c", edges=["a>b", "b>c"]))
    plan = planned(run, graph("a", item("b", "2"), "c", edges=["a>b", "b>c"]))
    assert [(s.id, s.certain, s.needs) for s in plan.steps] == [
        ("apply-b", True, ()),
        ("apply-c", False, ("apply-b",)),
    ]
    assert plan.steps[1].why == ("looked at after b",)


def test_equal_results_cut_a_change_off() -> None:
    """Given a predecessor that is redone and answers the same digest, then its successors are untouched (A93)."""
    same = item("b", display_name=f"b|tells|{STABLE}")
    declared = graph("a", same, "c", "d", edges=["a>b", "b>c", "c>d"])
    run = finished(declared)
    before = dict(run.entries)
    run.reach("v2", graph("a", same._replace(do=("do", "otherwise")), "c", "d", edges=["a>b", "b>c", "c>d"]))
    assert [j for j in run.jobs if "-b" not in j] == []
    assert all(run.entries[r].token == before[r].token for r in "abcd")


def test_without_a_digest_what_follows_is_looked_at() -> None:
    """Given a redone predecessor that tells no digest, then its successor's check is asked (A93)."""
    mute = item("a", display_name="a||", check=())
    run = finished(graph(mute, "b", edges=["a>b"]))
    run.reach("v2", graph(mute._replace(do=("do", "again")), "b", edges=["a>b"]))
    assert run.jobs == ["apply-a", "check-b"]


def test_without_a_check_a_step_that_looks_works_unless_it_is_memoized() -> None:
    """Given two items without a check, when what they see is the same, then only the memoized one is left alone."""
    same = item("a", display_name=f"a|tells|{STABLE}")
    rest = (item("blind", check=()), item("trusting", check=(), memoize=True))
    edges = ["a>blind", "a>trusting"]
    run = finished(graph(same, *rest, edges=edges))
    run.reach("v2", graph(same._replace(do=("do", "otherwise")), *rest, edges=edges))
    assert run.jobs == ["check-a", "apply-blind"]


def test_after_a_failure_only_what_failed_and_what_follows_is_planned() -> None:
    """Given 8 items of which the seventh failed, when retried, then 7 and 8 have steps, the others none (A21)."""
    declared = graph(*CHAIN, edges=CHAIN_EDGES)
    run = Run()
    leave_at(run, planned(run, declared, "v1"), "apply-attach half done")
    plan = planned(run, declared, "v1")
    assert [(s.id, s.because) for s in plan.steps] == [
        ("apply-attach", Because.RETRY),
        ("apply-notify", Because.VERSION),
    ]


def test_a_newer_revision_is_planned_from_the_mix_that_is_there() -> None:
    """Given v2 left after its fourth of eight items, when v3 follows, then what v2 did is not done again (A101)."""
    run = finished(graph(*CHAIN, edges=CHAIN_EDGES))
    second = [item(role, "2", display_name=f"{role}|tells|{STABLE}") for role in CHAIN]
    leave_at(run, planned(run, graph(*second, edges=CHAIN_EDGES)), "apply-link done")
    run.reach("v3", graph(*second, edges=CHAIN_EDGES))
    assert [j for j in run.jobs if j.startswith("apply")] == [f"apply-{role}" for role in CHAIN[4:]]


def test_a_removed_item_is_cleaned_by_the_logic_of_its_own_revision() -> None:
    """Given 'Allocate Domain' in v1, when v3 no longer has it, then it is cleaned as v1 says (A27)."""
    run = finished(graph(*CHAIN, edges=CHAIN_EDGES))
    left = [role for role in CHAIN if role != "domain"]
    plan = planned(run, graph(*left, edges=[f"{a}>{b}" for a, b in pairwise(left)]), "v3")
    assert [(s.kind, s.role, s.revision, s.logic) for s in plan.steps] == [
        (ItemKind.CLEAN, "domain", "v1", True)
    ]
    run.finish(plan)
    assert "domain" not in run.entries


def test_a_removed_item_goes_after_the_successor_that_no_longer_refers_to_it_is_applied_again() -> None:
    """Given app that refers to db, when v2 drops db and app stays, then app is applied before db is cleaned (A95)."""
    run = finished(graph("db", "app", edges=["db>app"]))
    plan = planned(run, graph(item("app", "2")))
    assert ids(plan) == ["apply-app", "clean-db"]
    assert waits(plan, "clean-db", "apply-app")


def test_removed_items_go_in_reverse() -> None:
    """Given a chain, when all of it is dropped, then each is cleaned after what referred to it."""
    run = finished(graph("a", "b", "c", edges=["a>b", "b[c"]))
    plan = planned(run, graph("other"))
    assert [s.id for s in plan.steps if s.kind is ItemKind.CLEAN] == ["clean-c", "clean-b", "clean-a"]


def test_what_lives_inside_goes_before_its_container_and_comes_after_it() -> None:
    """Given a container to be replaced, then its child is cleaned before it and made after it (A29)."""
    edges = ["host[app", "app[part"]
    run = finished(graph("host", "app", "part", edges=edges))
    plan = planned(run, graph(item("host", "2", from_=REPLACE), "app", "part", edges=edges))
    assert [s.id for s in plan.steps] == [
        "clean-part",
        "clean-app",
        "clean-host",
        "apply-host",
        "apply-app",
        "apply-part",
    ]
    assert [s.needs for s in plan.steps[1:4]] == [("clean-part",), ("clean-app",), ("clean-host",)]
    run.finish(plan)
    run.require_end()


def test_what_only_refers_to_a_replaced_item_is_looked_at_after_it() -> None:
    """Given a replaced item and one that refers to it, then that one is applied again and not cleaned (A29)."""
    run = finished(graph("host", "app", edges=["host>app"]))
    plan = planned(run, graph(item("host", "2", from_=REPLACE), "app", edges=["host>app"]))
    assert ids(plan) == ["apply-app", "apply-host", "clean-host"]
    assert waits(plan, "apply-app", "apply-host")
    assert not waits(plan, "clean-host", "apply-app")
    assert plan.notes == ()


def test_an_item_that_moves_is_cleaned_where_it_was_and_made_where_it_belongs() -> None:
    """Given app inside one host, when it belongs into another, then it is made anew there; the hosts stay."""
    run = finished(graph("one", "two", "app", edges=["one[app"]))
    plan = planned(run, graph("one", "two", "app", edges=["two[app"]))
    assert [(s.id, s.stays) for s in plan.steps] == [("clean-app", True), ("apply-app", False)]
    assert plan.steps[0].why[0] == "it lives inside one, not inside two"
    run.finish(plan)
    run.require_end()


def test_an_edge_that_becomes_a_container_moves_its_item() -> None:
    run = finished(graph("host", "app", edges=["host>app"]))
    assert ids(planned(run, graph("host", "app", edges=["host[app"]))) == ["apply-app", "clean-app"]


def test_containers_turned_inside_out_are_taken_apart_and_put_together() -> None:
    """Given b inside a, when a belongs into b, then both are cleaned, b first, and made again, b first."""
    run = finished(graph("a", "b", edges=["a[b"]))
    plan = planned(run, graph("a", "b", edges=["b[a"]))
    assert [s.id for s in plan.steps] == ["clean-b", "clean-a", "apply-b", "apply-a"]
    run.finish(plan)
    run.require_end()


def test_entries_inside_each_other_are_blocked_with_their_names() -> None:
    """Given a record that says a is inside b and b inside a, when both go, then that is Blocked, with both."""
    entries = [_entry("a", within="b"), _entry("b", within="a"), _entry("c")]
    revisions = {"v1": graph("a", "b", "c")}
    found = plan_items(case(entries, Graph(), revisions=revisions))
    assert isinstance(found, ItemsBlocked)
    assert (found.obstacle, found.roles) == (Obstacle.CIRCLE, ("a", "b"))
    assert found.message == "each of the items a, b stands in a circle of items that wait for each other"


def _entry(role: str, **more: object) -> Entry:
    return Entry(role, "1", "v1", ItemPhase.DONE)._replace(**more)  # type: ignore[arg-type]


def test_a_soft_wait_that_would_close_a_circle_is_dropped_with_a_note() -> None:
    """Given app that referred to db and now stands before it, when db is replaced and needs app, then db goes first."""
    run = finished(graph("db", "mid", "app", edges=["db>app"]))
    target = graph(
        item("db", "2", from_=REPLACE), item("mid", "2"), item("app", "2"), edges=["db>mid", "mid>app"]
    )
    plan = planned(run, target)
    assert plan.notes == ("CleanItem(db) does not wait for ApplyItem(app): that would close a circle",)
    run.finish(plan)
    run.require_end()


def test_removed_items_block_where_the_strategy_says_so() -> None:
    """Given removedItems Block, when v2 removes b, then there is no plan, and the message names it (A28)."""
    found = blocked(finished(graph("a", "b")), graph("a"), removed=RemovedItems.BLOCK)
    assert (found.obstacle, found.roles) == (Obstacle.REMOVED_ITEMS_BLOCKED, ("b",))
    assert found.message.startswith("item b is no longer declared")


def test_an_orphan_is_left_as_it_is() -> None:
    """Given removedItems Orphan, when v2 removes b, then its entry moves to the orphans verbatim, without a step."""
    run = finished(graph("a", "b", edges=["a>b"]))
    before = run.entries["b"]
    plan = planned(run, graph("a"), removed=RemovedItems.ORPHAN)
    assert (plan.steps, plan.orphaned, plan.destroys) == ((), ("b",), ())
    run.finish(plan)
    assert run.orphans == (before,)


@pytest.mark.parametrize("earlier", [True, False])
def test_nothing_that_an_orphan_lives_inside_is_cleaned(earlier: bool) -> None:
    """Given an orphan inside host, made one before or by this plan, when host has to be cleaned, then it is Blocked."""
    run = finished(graph("host", "app", edges=["host[app"]))
    if earlier:
        run.reach("v2", graph("host"), removed=RemovedItems.ORPHAN)
    found = blocked(run, graph(item("host", "2", from_=REPLACE)), removed=RemovedItems.ORPHAN)
    assert (found.obstacle, found.roles) == (Obstacle.ORPHAN_IN_CONTAINER, ("app",))
    run.orphans, run.entries = (), {"host": run.entries["host"]}
    assert ids(planned(run, graph(item("host", "2", from_=REPLACE)))) == ["apply-host", "clean-host"]


def test_clean_logic_that_is_gone_blocks_with_the_items_that_need_it() -> None:
    """Given a revision deleted by hand, when its item has to be cleaned, then that is Blocked."""
    run = finished(graph("a", "b"))
    del run.revisions["v1"]
    found = blocked(run, graph("a"))
    assert (found.obstacle, found.roles) == (Obstacle.CLEAN_LOGIC_MISSING, ("b",))


def test_an_item_without_clean_goes_with_a_note() -> None:
    """Given an item that declares no clean, when it is removed, then its entry goes, and the plan says so."""
    run = finished(graph(item("a", clean=()), "b"))
    plan = planned(run, graph("b"))
    assert [(s.id, s.logic) for s in plan.steps] == [("clean-a", False)]
    assert plan.notes == ("a declares no clean: its entry goes, nothing is cleaned",)


def test_a_do_that_cannot_be_taken_back_is_marked() -> None:
    """Given an item with undo None, then its apply is the point of no return, and its clean is none."""
    run = finished(graph(item("a", irreversible=True), "b"))
    target = graph(item("a", "2", from_=REPLACE, irreversible=True), item("b", "2"))
    marked = {s.id: s.irreversible for s in planned(run, target).steps}
    assert marked == {"clean-a": False, "apply-a": True, "apply-b": False}


def test_a_looked_up_item_is_looked_at_too_when_what_it_sees_may_differ() -> None:
    """Given an item to discover behind one to apply, then it is looked up after that, and then looked at."""
    edges = ["a>b"]
    run = finished(graph("a", "b", edges=edges))
    second = item("b", "2", from_={"1": Need.DISCOVER}, discover=("look",))
    plan = planned(run, graph(item("a", "2"), second, edges=edges))
    assert [(s.id, s.needs) for s in plan.steps] == [
        ("apply-a", ()),
        ("discover-b", ("apply-a",)),
        ("apply-b", ("apply-a", "discover-b")),
    ]


def test_what_follows_a_version_that_needs_nothing_is_left_alone() -> None:
    """Given an item whose new version needs Record, then its successors have no step."""
    run = finished(graph("a", "b", edges=["a>b", "a[b"]))
    plan = planned(run, graph(item("a", "2", from_={"1": Need.RECORD}), "b", edges=["a>b", "a[b"]))
    assert (plan.steps, plan.recorded) == ((), ("a",))
    assert plan.lines() == ("a: its version is recorded, nothing is done",)


def test_what_follows_a_looked_up_item_waits_for_what_is_told() -> None:
    """Given an item that is only looked up, then its successor is looked at after that, for its outputs may differ."""
    edges = ["a>b"]
    run = finished(graph("a", "b", edges=edges))
    plan = planned(
        run, graph(item("a", "2", from_={"1": Need.DISCOVER}, discover=("look",)), "b", edges=edges)
    )
    assert [(s.id, s.needs) for s in plan.steps] == [("discover-a", ()), ("apply-b", ("discover-a",))]


def test_a_version_that_needs_nothing_does_not_defeat_the_cut_off() -> None:
    """Given an item whose new version needs Record, when what it sees is the same, then no Job runs."""
    same = item("a", display_name=f"a|tells|{STABLE}")
    edges = ["a>b"]
    run = finished(graph(same, "b", edges=edges))
    run.reach("v2", graph(same._replace(do=("x",)), item("b", "2", from_={"1": Need.RECORD}), edges=edges))
    assert run.jobs == ["check-a"]
    assert run.entries["b"].version == "2"


def test_a_container_that_was_discarded_has_nothing_inside() -> None:
    """Given an entry discarded by hand, when its role is declared still, then what lived inside is made anew in it."""
    declared = graph("host", "app", edges=["host[app"])
    run = finished(declared)
    del run.entries["host"]
    plan = planned(run, declared, "v1")
    assert [(s.id, s.why) for s in plan.steps] == [
        ("apply-host", ("there is nothing of it",)),
        ("clean-app", ("its container host is not there",)),
        ("apply-app", ("its container host is not there",)),
    ]


def test_runs_with_other_mixes_are_other_groups() -> None:
    """Given two runs of which one is half-way, then their plans have other identities; equal runs share one."""
    target = graph(item("a", "2"), item("b", "2"))
    one, two, third = (finished(graph("a", "b")) for _ in range(3))
    leave_at(two, planned(two, target), "apply-a done")
    identities = [planned(run, target).identity for run in (one, two, third)]
    assert identities[0] == identities[2] != identities[1]


def test_the_graph_is_shown_in_forty_lines_at_most() -> None:
    """Given 64 items, then 39 lines are shown and the rest is counted; of few items each step has its line."""
    many = planned(Run(), graph(*(f"i{n}" for n in range(64))), "v1").lines()
    assert len(many) == LINES
    assert many[-1] == "and 25 more"
    run = finished(graph("make-db", "old", "app", edges=["make-db>app"]))
    renamed = item("db", "2", renamed_from=("make-db",))
    plan = planned(run, graph(renamed, "app", edges=["db>app"]))
    assert plan.lines() == (
        "make-db is called db",
        "CleanItem(old): it is no longer declared",
        "ApplyItem(db): version 1 → 2",
        "ApplyItem(app): looked at after db (after apply-db)",
    )


def test_foreign_words_in_a_plan_are_shown_on_one_line() -> None:
    """Given versions with line ends and escapes, then the plan's lines show them escaped and cut."""
    run = finished(graph(item("a", "1\n\x1b[31m")))
    (line,) = planned(run, graph(item("a", "2" * 500))).lines()
    assert "\\n" in line
    assert line.isprintable()
    assert len(line) <= 240
