"""The three-way merge of parameters, row by row, and what holds for every merge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenario_operator.planning.parameters import NO_PARAMETERS, ParameterConflict, Parameters, merge


class Definition(NamedTuple):
    """A parameter as a scenario declares it."""

    name: str
    default: str | None = None
    required: bool = False


def shipped(defaults: Mapping[str, str | None]) -> tuple[Definition, ...]:
    return tuple(Definition(name, default) for name, default in defaults.items())


def applied(defaults: Mapping[str, str | None], user: Mapping[str, str]) -> Parameters:
    """Return the parameters of a run that was settled on a version with these defaults."""
    return merge(NO_PARAMETERS, user, shipped(defaults)).parameters


OTHER = {"other": "o"}
"""A parameter that stays as it is, so that the version before is never one without parameters."""


class Row(NamedTuple):
    """One row of the table; None where there is no such value."""

    base: str | None
    user: str | None
    new: str | None
    effective: str | None
    conflict: bool = False
    orphaned: bool = False


TABLE = {
    "an untouched default follows the new version": Row("a", None, "b", "b"),
    "what the user set wins, and the conflict is recorded": Row("a", "u", "b", "u", conflict=True),
    "the user's value stays the user's when it equals the new default": Row("a", "b", "b", "b"),
    "the old default that the user set explicitly stays": Row("a", "a", "b", "a"),
    "a removed default that nobody touched is gone": Row("a", None, None, None),
    "a removed parameter that the user set is kept aside": Row("a", "u", None, None, orphaned=True),
    "an added parameter comes with its default": Row(None, None, "n", "n"),
    "the user's own key that is later shipped stays the user's": Row(None, "u", "n", "u", conflict=True),
}


@pytest.mark.parametrize("name", TABLE)
def test_merge_follows_the_table(name: str) -> None:
    row = TABLE[name]
    user = {"p": row.user} if row.user is not None else {}
    before = applied({**OTHER, **({"p": row.base} if row.base is not None else {})}, user)
    after = merge(
        before, user, shipped({**OTHER, **({"p": row.new} if row.new is not None else {})})
    ).parameters
    assert dict(after.effective).get("p") == row.effective
    assert [c.name for c in after.conflicts] == (["p"] if row.conflict else [])
    assert dict(after.orphaned) == ({"p": row.user} if row.orphaned else {})


def test_a_value_equal_to_the_new_default_is_still_the_users_and_outlives_the_next_default() -> None:
    on_b = merge(applied({"p": "a"}, {"p": "b"}), {"p": "b"}, shipped({"p": "b"})).parameters
    assert on_b.overrides == ("p",)
    assert dict(merge(on_b, {"p": "b"}, shipped({"p": "c"})).parameters.effective) == {"p": "b"}


def test_a_conflict_names_both_defaults_and_the_users_value() -> None:
    after = merge(applied({"p": "a"}, {"p": "u"}), {"p": "u"}, shipped({"p": "b"})).parameters
    assert after.conflicts == (ParameterConflict("p", "u", "a", "b"),)


def test_a_conflict_stands_until_the_user_or_the_default_moves() -> None:
    user = {"p": "u"}
    first = merge(applied({"p": "a"}, user), user, shipped({"p": "b"})).parameters
    again = merge(first, user, shipped({"p": "b"})).parameters
    assert [c.name for c in again.conflicts] == ["p"]
    assert merge(again, {"p": "b"}, shipped({"p": "b"})).parameters.conflicts == ()
    assert merge(again, {}, shipped({"p": "b"})).parameters.conflicts == ()


def test_a_users_value_for_an_unchanged_default_is_no_conflict() -> None:
    before = applied({"p": "a"}, {"p": "u"})
    assert before.conflicts == ()
    assert merge(before, {"p": "u"}, shipped({"p": "a"})).parameters.conflicts == ()


def test_taking_the_users_value_away_returns_to_the_default() -> None:
    before = applied({"p": "a"}, {"p": "u"})
    after = merge(before, {}, shipped({"p": "a"})).parameters
    assert dict(after.effective) == {"p": "a"}
    assert after.overrides == ()


def test_an_orphan_is_not_passed_on_and_returns_with_its_parameter() -> None:
    user = {"p": "u"}
    without = merge(applied({"p": "a", **OTHER}, user), user, shipped(OTHER)).parameters
    assert dict(without.effective) == OTHER
    assert dict(without.orphaned) == user
    back = merge(without, user, shipped({"p": "a", **OTHER})).parameters
    assert dict(back.effective) == {"p": "u", **OTHER}
    assert back.orphaned == ()


def test_a_required_parameter_that_nobody_gave_is_missing() -> None:
    definitions = (Definition("p", required=True), Definition("q", required=True))
    assert merge(NO_PARAMETERS, {"q": "1"}, definitions).missing == ("p",)
    assert merge(NO_PARAMETERS, {"p": "", "q": "1"}, definitions).missing == ()


def test_a_parameter_without_default_is_passed_on_only_when_the_user_sets_it() -> None:
    definitions = (Definition("p"),)
    assert merge(NO_PARAMETERS, {}, definitions).parameters.effective == ()
    assert merge(NO_PARAMETERS, {"p": ""}, definitions).parameters.effective == (("p", ""),)


# --- What holds for every merge -------------------------------------------------------------------

names = st.sampled_from("pqrs")
values = st.sampled_from(["", "a", "b", "c"])
users = st.dictionaries(names, values)
defaults = st.dictionaries(names, st.none() | values)
befores = st.builds(applied, defaults, users)


@given(befores, users, defaults)
def test_merging_is_deterministic_whatever_the_order_of_the_input(
    before: Parameters, user: dict[str, str], new: dict[str, str | None]
) -> None:
    turned_user = dict(reversed(user.items()))
    turned_new = dict(reversed(new.items()))
    assert merge(before, user, shipped(new)) == merge(before, turned_user, shipped(turned_new))


@given(befores, users, defaults)
def test_what_the_user_sets_always_wins(
    before: Parameters, user: dict[str, str], new: dict[str, str | None]
) -> None:
    after = merge(before, user, shipped(new)).parameters
    effective = dict(after.effective)
    assert {name: effective[name] for name in user if name in new} == {
        n: v for n, v in user.items() if n in new
    }
    assert set(after.overrides) == user.keys() & new.keys()


@given(befores, users, defaults)
def test_nothing_is_passed_on_that_neither_the_user_nor_the_version_gave(
    before: Parameters, user: dict[str, str], new: dict[str, str | None]
) -> None:
    after = merge(before, user, shipped(new)).parameters
    assert dict(after.effective).keys() <= new.keys()
    assert all(value in (user.get(name), new[name]) for name, value in after.effective)


@given(befores, users, defaults)
def test_every_key_of_the_users_is_either_passed_on_or_kept_aside(
    before: Parameters, user: dict[str, str], new: dict[str, str | None]
) -> None:
    after = merge(before, user, shipped(new)).parameters
    assert {n: v for n, v in (*after.effective, *after.orphaned) if n in user} == user
    assert not dict(after.effective).keys() & dict(after.orphaned).keys()


@given(befores, users, defaults, defaults)
def test_orphans_return_whatever_version_lay_in_between(
    before: Parameters, user: dict[str, str], old: dict[str, str | None], between: dict[str, str | None]
) -> None:
    first = merge(before, user, shipped(old)).parameters
    away = merge(first, user, shipped(between)).parameters
    assert merge(away, user, shipped(old)).parameters.effective == first.effective


@given(befores, users, defaults, defaults)
def test_going_back_gives_exactly_the_map_before(
    before: Parameters, user: dict[str, str], old: dict[str, str | None], new: dict[str, str | None]
) -> None:
    settled = merge(before, user, shipped(old)).parameters
    upgraded = merge(settled, user, shipped(new)).parameters
    back = merge(upgraded, user, shipped(old)).parameters
    assert (back.base, back.effective, back.overrides, back.orphaned) == (
        settled.base,
        settled.effective,
        settled.overrides,
        settled.orphaned,
    )


@given(befores, users, defaults)
def test_merging_again_changes_nothing(
    before: Parameters, user: dict[str, str], new: dict[str, str | None]
) -> None:
    once = merge(before, user, shipped(new)).parameters
    twice = merge(once, user, shipped(new)).parameters
    assert (twice.base, twice.effective, twice.overrides, twice.orphaned) == (
        once.base,
        once.effective,
        once.overrides,
        once.orphaned,
    )


@given(befores, users, defaults)
def test_a_conflict_is_only_ever_about_a_user_value_that_hides_another_default(
    before: Parameters, user: dict[str, str], new: dict[str, str | None]
) -> None:
    for conflict in merge(before, user, shipped(new)).parameters.conflicts:
        assert user[conflict.name] == conflict.user_value != conflict.new_default == new[conflict.name]
