"""How an entry changes with the step that concerns it, and what tokens and hashes tell apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planning.items.build import item

from scenario_operator.planning.items import hashes
from scenario_operator.planning.items.entries import (
    Answer,
    Work,
    cleaned,
    cleaning,
    discovered,
    done,
    failed,
    released,
)
from scenario_operator.planning.items.words import Entry, Given, Input, ItemPhase

WORK = Work("2", "v2", "host", {"host": "t1", "net": "t2"}, "h2", "work-7", 7)
ENTRY = Entry(
    "app",
    "1",
    "v1",
    ItemPhase.DONE,
    "old-host",
    (("db", "t0"), ("net", "t1")),
    "h1",
    "token",
    (("path", "/a"),),
    ("id-1",),
    ("former",),
    "application",
    3,
    5,
)


def test_before_a_do_is_released_nobody_claims_to_know_what_there_is() -> None:
    """Given a finished entry, when its `do` is released, then it is Unknown, of the plan's revision."""
    entry = released(ENTRY, WORK)
    assert (entry.phase, entry.revision, entry.declared_as) == (ItemPhase.UNKNOWN, "v2", "")
    assert (entry.version, entry.outputs, entry.inputs_hash) == ("1", ENTRY.outputs, "h1")
    assert (entry.token, entry.changed_at, entry.within) == ("work-7", 7, "host")
    assert dict(entry.seen) == {"db": "t0", "host": "t1", "net": "t2"}


def test_ids_of_failed_work_are_added_to_the_known_ones() -> None:
    """Given a try that made something and failed, then what it made is on record beside what there was."""
    entry = failed(released(ENTRY, WORK), Answer({"path": "/half"}, ("id-2", "id-1")))
    assert entry.physical_ids == ("id-1", "id-2")
    assert (entry.phase, entry.version, entry.outputs) == (ItemPhase.FAILED, "1", ENTRY.outputs)


def test_only_recorded_success_makes_an_entry_done() -> None:
    """Given a released `do`, when it succeeded, then the entry is Done at the new version with what it was given."""
    entry = done(released(ENTRY, WORK), WORK, Answer({"url": "x"}), worked=True)
    assert (entry.phase, entry.version, entry.revision, entry.done_count) == (ItemPhase.DONE, "2", "v2", 4)
    assert entry.outputs == (("url", "x"),)
    assert (dict(entry.seen), entry.inputs_hash, entry.token) == (dict(WORK.seen), "h2", "work-7")


def test_outputs_that_are_not_told_stay_and_told_ones_replace_all() -> None:
    assert done(ENTRY, WORK, Answer(), worked=False).outputs == ENTRY.outputs
    assert done(ENTRY, WORK, Answer({}), worked=False).outputs == ()


def test_a_check_that_says_done_changes_no_token() -> None:
    """Given a finished entry, when its check says 0 and tells no digest, then successors see what they saw."""
    entry = done(ENTRY, WORK, Answer(), worked=False)
    assert (entry.token, entry.changed_at, entry.done_count) == ("token", 5, 3)


def test_a_check_that_tells_another_digest_changes_the_token() -> None:
    entry = done(ENTRY, WORK, Answer(digest="d"), worked=False)
    assert entry.token == hashes.told_token("d", {"path": "/a"}, ("id-1",))
    assert entry.changed_at == 7


def test_what_is_found_done_by_a_check_has_a_token() -> None:
    """Given an item of which nothing is on record, when its check says 0, then successors have something to see."""
    assert done(Entry("a"), WORK, Answer(), worked=False).token == "work-7"


def test_what_is_looked_up_saw_no_more_than_before() -> None:
    """Given a finished entry, when it is looked up again, then version and outputs follow, not what it saw."""
    entry = discovered(ENTRY, WORK, Answer({"path": "/b"}))
    assert (entry.version, entry.revision, entry.outputs) == ("2", "v2", (("path", "/b"),))
    assert (entry.seen, entry.inputs_hash, entry.within) == (ENTRY.seen, "h1", "old-host")


def test_a_clean_under_way_keeps_its_logic_and_a_cleaned_item_is_nothing() -> None:
    """Given an entry, when its clean is released, then it is Unknown at its own revision; when cleaned, it has none."""
    entry = cleaning(ENTRY)
    assert (entry.phase, entry.revision, entry.declared_as) == (ItemPhase.UNKNOWN, "v1", "application")
    left = cleaned(entry)
    assert not left.exists
    assert left == Entry("app", formerly=("former",), done_count=3)


words = st.text("aé", max_size=3)


@given(st.lists(st.tuples(words, words, st.integers(0, 3)), unique=True, max_size=8))
def test_tokens_of_work_never_repeat(tries: list[tuple[str, str, int]]) -> None:
    """Given plans, roles and tries that differ in one, then their tokens differ."""
    assert len({hashes.work_token(*t) for t in tries}) == len(tries)


@given(words, st.dictionaries(words, words), st.lists(words), st.randoms(use_true_random=False))
def test_equal_results_have_equal_tokens(digest, outputs, ids, rng) -> None:  # type: ignore[no-untyped-def]
    """Given one result told in two orders, then its token is one; with another part it is another."""
    token = hashes.told_token(digest, outputs, ids)
    mixed = rng.sample(list(outputs.items()), len(outputs))
    assert hashes.told_token(digest, dict(mixed), rng.sample(ids, len(ids))) == token
    others = [
        (digest + "x", outputs, ids),
        (digest, {**outputs, "new": ""}, ids),
        (digest, outputs, [*ids, ""]),
    ]
    assert token not in [hashes.told_token(*other) for other in others]
    assert token != hashes.work_token(digest, "", 0)


def test_the_hash_of_inputs_tells_every_value_apart_and_shows_none() -> None:
    """Given inputs of each kind, when one value changes or cannot be found, then the hash is another."""
    declared = item(
        "b",
        inputs=(
            Input("A", "literal"),
            Input("B", parameter="p"),
            Input("C", item="a", key="path"),
            Input("D", config_map="db", key="settings"),
        ),
    )
    before = {"a": Entry("a", outputs=(("path", "/a"),))}
    stated = Given({"p": "1"}, {("db", "settings"): "secret"})
    usual = hashes.resolved(declared, before, stated)
    assert dict(usual.values) == {"A": "literal", "B": "1", "C": "/a", "D": "secret"}
    other = [
        hashes.resolved(declared, {"a": Entry("a", outputs=(("path", "/b"),))}, stated),
        hashes.resolved(declared, before, stated._replace(parameters={"p": "2"})),
        hashes.resolved(declared, before, stated._replace(config_maps={("db", "settings"): "x"})),
        hashes.resolved(declared, {}, Given()),
    ]
    assert other[3].missing == ("B", "C", "D")
    assert len({usual.hash, *(o.hash for o in other)}) == 5
    assert "secret" not in usual.hash


def test_the_order_of_inputs_and_mounts_has_no_meaning() -> None:
    one = item("a", inputs=(Input("A", "1"), Input("B", "2")), mounts=("State", "Results"))
    two = item("a", inputs=(Input("B", "2"), Input("A", "1")), mounts=("Results", "State"))
    assert hashes.definition(one) == hashes.definition(two)
    assert hashes.resolved(one, {}, Given()).hash == hashes.resolved(two, {}, Given()).hash
