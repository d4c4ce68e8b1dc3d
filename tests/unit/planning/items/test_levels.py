"""What makes an item differ, and how deep the difference cuts."""

from __future__ import annotations

import pytest
from tests.unit.planning.items.build import finished, graph, ids, item, planned
from tests.unit.planning.items.world import Run

from scenario_operator.api.common import Level
from scenario_operator.planning.items.diff import Change, need_from
from scenario_operator.planning.items.plan import ItemPlan, commit, plan_items
from scenario_operator.planning.items.words import (
    Because,
    Given,
    Input,
    ItemPhase,
    Need,
    Purpose,
    RemovedItems,
    UpgradeFrom,
)


@pytest.mark.parametrize(
    ("version", "versions", "fits"),
    [
        ("2", "<3", True),
        ("3", "<3", False),
        ("2.9", "<3", True),
        ("1.2.3", "^1.0.0", True),
        ("2.0.0", "^1.0.0", False),
        ("spring", "spring", True),
        ("spring", "*", False),
        ("1", "spring", False),
        ("007", "<10", False),
        ("007", "007", True),
        ("٣", "<4", False),
    ],
)
def test_a_range_is_read_where_both_sides_are_versions_else_words_are_compared(
    version: str, versions: str, fits: bool
) -> None:
    """Given a stated range or word, when the stored version is one that it is about, then the author's word counts."""
    found = need_from(item("a", "4", from_={versions: Need.RECORD}), version)
    assert found is (Need.RECORD if fits else Need.APPLY)


def test_the_first_entry_that_fits_counts() -> None:
    stated = (UpgradeFrom("<2", Need.REPLACE), UpgradeFrom("<3", Need.DISCOVER))
    found = [need_from(item("a", "3", upgrade_from=stated), v) for v in ("1", "2", "2.5")]
    assert found == [Need.REPLACE, Need.DISCOVER, Need.DISCOVER]


@pytest.mark.parametrize(
    ("need", "steps", "level"),
    [
        (None, ["apply-a"], Level.APPLY),
        (Need.RECORD, [], Level.NONE),
        (Need.DISCOVER, ["discover-a"], Level.DISCOVER),
        (Need.APPLY, ["apply-a"], Level.APPLY),
        (Need.REPLACE, ["apply-a", "clean-a"], Level.REPLACE),
    ],
)
def test_the_author_says_what_a_new_version_needs(need: Need | None, steps: list[str], level: Level) -> None:
    """Given version 1, when version 2 says what it needs from there, then the plan has that; unstated: Apply."""
    run = finished(graph("a"))
    new = item("a", "2", from_={"1": need} if need else None, discover=("look",))
    plan = planned(run, graph(new))
    assert (ids(plan), plan.level) == (steps, level)
    run.finish(plan)
    assert run.entries["a"].version == "2"
    assert planned(run, graph(new)).empty


def test_what_is_only_recorded_keeps_its_old_version_until_commit() -> None:
    """Given a plan with one item to record and one to apply, when it is left half-way, then the record is not made."""
    run = finished(graph("a", "b"))
    target = graph(item("a", "2", from_={"1": Need.RECORD}), item("b", "2"))
    plan = planned(run, target)
    for place in run.carry_out(plan):
        if place == "apply-b worked":
            break
    assert run.entries["a"].version == "1"
    assert planned(run, target).recorded == ("a",)


def test_a_version_with_nothing_to_look_it_up_by_is_applied() -> None:
    run = finished(graph("a"))
    assert ids(planned(run, graph(item("a", "2", from_={"1": Need.DISCOVER})))) == ["apply-a"]


def test_of_one_version_a_changed_definition_is_a_difference_and_other_words_are_none() -> None:
    """Given an item, when its commands, inputs or mounts change it differs; name, clean and discover do not count."""
    run = finished(graph("a"))
    for change in (
        {"do": ("do", "other")},
        {"check": ("check", "other")},
        {"mounts": ("State",)},
        {"inputs": (Input("MODE", "fast"),)},
    ):
        assert ids(planned(run, graph(item("a", **change)))) == ["apply-a"], change
    for silent in ({"display_name": "A|tells"}, {"clean": ("other",)}, {"discover": ("other",)}):
        assert planned(run, graph(item("a", **silent))).empty, silent


def test_a_mended_clean_arrives_with_the_commit() -> None:
    """Given a clean that is broken, when v2 mends it and changes no more, then the entry names v2, without a Job."""
    run = finished(graph("a"))
    run.reach("v2", graph(item("a", clean=("mended",))))
    assert run.entries["a"].revision == "v2"
    assert run.jobs == []


def test_what_is_not_at_the_definition_of_the_target_keeps_its_revision_at_a_commit() -> None:
    """Given an entry of the target's version by another definition, when a plan closes, then its revision stays."""
    run = finished(graph("a"))
    plan = planned(run, graph(item("a", do=("other",))))
    assert commit(plan, run.case, run.entries.values(), ()).entries == (run.entries["a"],)


def test_an_edited_parameter_reaches_what_names_it_and_what_follows() -> None:
    """Given four items, when a parameter is edited, then its user and the user's successor are planned (A99)."""
    declared = graph(
        item("a"), item("b", inputs=(Input("P", parameter="P"),)), "c", "d", edges=["a>b", "b>c", "a>d"]
    )
    run = finished(declared)
    run.given = Given({"P": "edited"})
    plan = planned(run, declared, "v1")
    assert [(s.id, s.certain, s.because) for s in plan.steps] == [
        ("apply-b", True, Because.INPUTS),
        ("apply-c", False, Because.INPUTS),
    ]
    run.finish(plan)
    assert run.jobs == ["apply-b", "apply-c"]


def test_another_output_of_a_predecessor_reaches_the_item_that_is_given_it() -> None:
    """Given b with an output of a as its input, when a's version changes what it tells, then b's `do` runs."""
    taken = item("b", inputs=(Input("IN", item="a", key="path"),))
    run = finished(graph("a", taken, edges=["a>b"]))
    run.reach("v2", graph(item("a", "2"), taken, edges=["a>b"]))
    assert run.jobs == ["apply-a", "apply-b"]


def test_an_input_that_nothing_tells_is_a_difference() -> None:
    """Given a ConfigMap's key that vanished, then the item is looked at, so that running it tells what is missing."""
    declared = graph(item("a", inputs=(Input("C", config_map="db", key="settings"),)))
    run = Run()
    run.given = Given({}, {("db", "settings"): "x"})
    run.reach("v1", declared)
    assert planned(run, declared, "v1").empty
    run.given = Given()
    assert ids(planned(run, declared, "v1")) == ["apply-a"]


@pytest.mark.parametrize("phase", [p for p in ItemPhase if p is not ItemPhase.DONE])
def test_every_phase_but_done_is_a_difference(phase: ItemPhase) -> None:
    """Given a finished item that is not on record as Done, then it is planned again, although nothing else differs."""
    run = finished(graph("a"))
    run.entries["a"] = run.entries["a"]._replace(phase=phase)
    plan = planned(run, graph("a"), "v1")
    assert [(s.id, s.because) for s in plan.steps] == [("apply-a", Because.RETRY)]


def test_what_an_interruption_left_stale_is_not_forgotten() -> None:
    """Given a redone and its successor not reached, when the next plan is made, then the successor is in it."""
    run = finished(graph(item("a"), item("b"), edges=["a>b"]))
    target = graph(item("a", "2"), item("b"), edges=["a>b"])
    plan = planned(run, target)
    for place in run.carry_out(plan):
        if place == "apply-a done":
            break
    assert run.entries["a"].phase is ItemPhase.DONE
    again = planned(run, target)
    assert [(s.id, s.why) for s in again.steps] == [("apply-b", ("done before a became what it is",))]


def test_a_half_done_version_counts_beside_the_one_on_record() -> None:
    """Given 1 on record and a `do` of 2 that was cut off, when 3 has to replace 2, then it is replaced."""
    run = finished(graph("a"))
    for place in run.carry_out(planned(run, graph(item("a", "2")))):
        if place == "apply-a half done":
            break
    target = graph(item("a", "3", from_={"1": Need.RECORD, "2": Need.REPLACE}))
    assert ids(planned(run, target, "v3")) == ["apply-a", "clean-a"]


def test_what_was_cleaned_to_be_replaced_is_not_cleaned_twice() -> None:
    """Given a Replace that was left after its clean, when it is planned again, then only the apply is left."""
    run = finished(graph("a"))
    target = graph(item("a", "2", from_={"1": Need.REPLACE}))
    for place in run.carry_out(planned(run, target)):
        if place == "apply-a half done":
            break
    assert ids(planned(run, target)) == ["apply-a"]


def test_a_new_or_dropped_edge_by_itself_changes_nothing() -> None:
    """Given two items, when an edge comes or goes, then nothing is done."""
    apart, joined = graph("a", "b"), graph("a", "b", edges=["a>b"])
    assert planned(finished(joined), apart).empty
    run = finished(apart)
    run.entries["a"] = run.entries["a"]._replace(changed_at=1)
    run.entries["b"] = run.entries["b"]._replace(changed_at=2)
    assert planned(run, joined).empty


@pytest.mark.parametrize("at", [2, 3])
def test_a_new_edge_from_what_was_done_later_is_looked_at(at: int) -> None:
    """Given b done at 2, when it gets an edge from what was done then or later, then it is looked at."""
    run = finished(graph("a", "b"))
    run.entries["a"] = run.entries["a"]._replace(changed_at=at)
    run.entries["b"] = run.entries["b"]._replace(changed_at=2)
    assert ids(planned(run, graph("a", "b", edges=["a>b"]))) == ["apply-b"]


def test_the_diff_has_a_fixed_order() -> None:
    """Given all classes of change, then the removed come first, then renamed, added, changed; each topologically."""
    run = finished(graph("z", "old", "gone-a", "gone-b", "m", edges=["gone-b>gone-a", "z>m"]))
    new = item("old")._replace(role="new", renamed_from=("old",))
    target = graph(item("z", "2"), new, item("m", "2"), "more-b", "more-a", edges=["z>m", "more-b>more-a"])
    plan = planned(run, target)
    assert [(d.change, d.role) for d in plan.differences] == [
        (Change.REMOVED, "gone-b"),
        (Change.REMOVED, "gone-a"),
        (Change.RENAMED, "new"),
        (Change.ADDED, "more-b"),
        (Change.ADDED, "more-a"),
        (Change.CHANGED, "z"),
        (Change.CHANGED, "m"),
    ]


def test_a_run_with_entries_is_never_at_its_first_start() -> None:
    """Given a first start that failed, when the next version drops an item, then that is none, and destroys."""
    run = Run()
    first = planned(run, graph("a", "b"), "v1")
    assert (first.first_start, first.destroys) == (True, ())
    for place in run.carry_out(first):
        if place == "apply-a half done":
            break
    plan = planned(run, graph("b"))
    assert (plan.first_start, plan.destroys, plan.level) == (False, ("a",), Level.REPLACE)


def test_orphans_alone_make_a_start_no_first_one() -> None:
    run = finished(graph("a"))
    run.reach("v2", graph(), removed=RemovedItems.ORPHAN)
    assert not planned(run, graph("a"), "v3").first_start


def test_a_finished_graph_has_an_empty_plan() -> None:
    """Given a finished graph, when it is planned again, then there is nothing to do and nothing to record (A22)."""
    declared = graph("a", "b", "c", edges=["a>b", "b[c"])
    run = finished(declared)
    assert planned(run, declared, "v1").empty


def test_the_target_is_known_as_a_revision_of_its_own() -> None:
    """Given entries of the target's revision, when no other is handed over, then they are compared with it."""
    run = finished(graph("a", "b"))
    run.plan("v1", graph("a", "b"))
    plan = plan_items(run.case._replace(revisions={}))
    assert isinstance(plan, ItemPlan)
    assert plan.empty


def test_a_recheck_asks_every_check_and_looks_at_what_follows() -> None:
    """Given a finished graph, when it is rechecked, then checks are asked; what has none is looked at after them."""
    blind = item("c", check=(), memoize=True)
    declared = graph("a", "b", blind, item("d", check=(), memoize=True), edges=["a>b", "b>c"])
    run = finished(declared)
    plan = planned(run, declared, "v1", purpose=Purpose.RECHECK)
    assert [(s.id, s.recheck, s.certain) for s in plan.steps] == [
        ("apply-a", True, False),
        ("apply-b", True, False),
        ("apply-c", False, False),
    ]
    assert plan.destroys == ()
    before = dict(run.entries)
    run.finish(plan)
    assert run.jobs == ["check-a", "check-b"]
    assert run.entries == before


def test_a_recheck_redoes_what_is_gone_and_what_sees_a_difference_by_it() -> None:
    """Given the things of b and d destroyed by hand, when rechecked, then exactly their `do` runs (A23, A98)."""
    declared = graph("a", "b", "c", "d", edges=["a>b", "b>c", "c>d"])
    run = finished(declared)
    for role in "bd":
        del run.things[run.entries[role].physical_ids[-1]]
    run.reach("v1", declared, purpose=Purpose.RECHECK)
    assert [job for job in run.jobs if job.startswith("apply")] == ["apply-b", "apply-d"]
