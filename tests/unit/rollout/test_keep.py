"""A revision stays while somebody needs it: what runs carry, what they go to, and what people may name."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sim.setups import revision

from scenario_operator.planning.stored import DELETED, KEPT, RETAINED, REVERTED, Incarnation
from scenario_operator.rollout.facts import RunFacts
from scenario_operator.rollout.keep import in_use, unneeded

from .fleets import attempt, fleet, run

FIVE = {f"v{n}": revision(n, state="1", accepts=("1",)) for n in range(1, 6)}
V4 = FIVE["v4"]


def swept(*runs: RunFacts, served: tuple[str, ...] = (), all_read: bool = True, **more: Any) -> set[str]:
    """Return what goes of five revisions, of which the newest is wanted."""
    decided = more.pop("decided", ())
    known = fleet(runs, revisions=FIVE, wanted="v5", **more)
    return set(unneeded(known, decided, served, all_read=all_read))


def test_only_the_newest_revision_stays_when_there_is_nobody() -> None:
    assert swept() == {"v1", "v2", "v3", "v4"}


def test_nothing_goes_when_there_is_nothing() -> None:
    assert unneeded(fleet(wanted="")._replace(revisions={}), (), ("", ""), all_read=True) == frozenset()


def test_what_a_run_is_on_stays() -> None:
    assert swept(run("a", V4)) == {"v1", "v2", "v3"}


def test_both_ends_of_an_open_plan_stay() -> None:
    """Given a run on its way from v1 to v2, then it can go on and back."""
    assert swept(run("a", V4, journal_revisions=("v1", "v2"))) == {"v3"}


@pytest.mark.parametrize(
    ("state", "results", "stays"),
    [(RETAINED, REVERTED, True), (DELETED, KEPT, True), (DELETED, REVERTED, False)],
    ids=["its state is kept", "its results are kept", "nothing of it is left"],
)
def test_what_is_left_of_an_incarnation_keeps_its_revision(state: str, results: str, stays: bool) -> None:
    """Given an earlier incarnation on v1, then v1 stays as long as state or results of it are left."""
    found = run("a", V4)
    before = Incarnation(0, "1.0.0", "v1", state, results)
    stored = found.stored._replace(incarnations=(before, *found.stored.incarnations))
    assert ("v1" not in swept(found._replace(stored=stored))) is stays


def test_what_the_scenario_serves_stays() -> None:
    assert swept(served=("v3", "v2")) == {"v1", "v4"}


def test_the_goal_of_an_attempt_stays_until_it_is_finished() -> None:
    over = attempt(1, "v1", finished=True)
    assert swept(attempts=(over, attempt(2, "v2"))) == {"v1", "v3", "v4"}


def test_an_attempt_that_this_pass_finishes_still_keeps_its_goal() -> None:
    """Given an attempt that is decided to be finished, then its goal goes with a later pass: the write may fail."""
    open_ = attempt(1, "v1")
    assert "v1" not in swept(attempts=(open_,), decided=(open_._replace(finished=True),))


@pytest.mark.parametrize(
    "found", [run("a", V4, pinned=True), run("a", None)], ids=["a pin", "a run that has not started"]
)
def test_whoever_may_name_any_label_keeps_all(found: RunFacts) -> None:
    assert swept(found) == set()


def test_a_run_that_cannot_be_read_may_need_any_revision() -> None:
    """Given one unreadable run, then nothing is swept, and no label is given another meaning."""
    assert swept(run("a", V4), all_read=False) == set()
    assert in_use((run("a", V4),), FIVE, all_read=False) == frozenset(FIVE)


def test_labels_that_runs_carry_are_in_use() -> None:
    going = run("b", V4, journal_revisions=("v4", "v2"))
    assert in_use((run("a", V4), going), FIVE, all_read=True) == {"v4", "v2"}
