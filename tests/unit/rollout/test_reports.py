"""How a grant ends for its attempt, and that reports and counts stay complete."""

from __future__ import annotations

import pytest

from scenario_operator.api.outcomes import Outcome
from scenario_operator.rollout.decide import decide
from scenario_operator.rollout.wire import counts_of

from .fleets import (
    V1,
    V2,
    attempt,
    ended,
    fleet,
    grant_of,
    granted,
    passed,
    returned,
    run,
    runs,
    settled,
    words,
)


@pytest.mark.parametrize("outcome", [Outcome.PLAN_CHANGED, Outcome.HELD])
def test_an_answer_that_asks_for_another_try_puts_the_run_back_under_a_new_grant(outcome: Outcome) -> None:
    """Given a run that answered, when it is settled, then it waits again, and its old id is never used again."""
    back = run("r", V1, ended(outcome))
    [made] = decide(fleet((back,), [attempt(active=(grant_of("r"),), granted=1)])).attempts
    assert [e.id for e in made.active] == ["s-1.uid.2"]
    assert not made.reports


@pytest.mark.parametrize(
    "outcome", [Outcome.UPGRADED, Outcome.ROLLED_BACK, Outcome.PINNED, Outcome.SUPERSEDED, Outcome.ABORTED]
)
def test_every_other_answer_ends_the_run_for_the_attempt(outcome: Outcome) -> None:
    """Given an outcome on record, when it is settled, then it is reported once and granted no more."""
    back = run("r", V2 if outcome is Outcome.UPGRADED else V1, ended(outcome))
    after = settled(fleet((back,), [attempt(active=(grant_of("r"),), granted=1)], sequence=1))
    assert words(after.attempts[0]) == {"r": outcome}
    assert not after.attempts[0].active


def test_an_entry_stays_as_long_as_no_outcome_is_on_record() -> None:
    """Given a run whose record shows nothing, when its attempt is superseded or aborted, then the grant stays."""
    known = fleet((run("r", V1),), [attempt(active=(grant_of("r"),), granted=1)], wanted="v3")
    assert granted(decide(known).attempts[0]) == ["r"]
    aborted = attempt(active=(grant_of("r"),), granted=1, abort=True)
    assert granted(decide(fleet((run("r", V1),), [aborted])).attempts[0]) == ["r"]


def test_a_grant_whose_run_is_gone_is_reported_as_cancelled_only_after_a_live_look() -> None:
    """Given an entry without its run, when only the watch misses it, then it stays; when it is gone, it is told."""
    before = attempt(active=(grant_of("r"),), granted=1)
    assert granted(decide(fleet((), [before])).attempts[0]) == ["r"]
    [made] = decide(fleet((), [before], gone=frozenset({"uid-r"}))).attempts
    assert words(made) == {"r": "Cancelled"}


def test_counts_stay_complete_when_more_runs_are_left_out_than_a_report_lists() -> None:
    """Given 500 waiting runs, when the attempt is superseded, then 200 are listed and 500 counted, now and later."""
    before = attempt(active=(grant_of("r001"),), granted=1)
    known = fleet(runs(500, V1), [before], wanted="v3", pace=(1, 1), sequence=1)
    for _ in range(3):
        known, _ = passed(known)
        told = counts_of(known.attempts[0])
        assert len(known.attempts[0].reports) == 200
        assert (told["total"], told["skipped"], told["running"]) == (500, 499, 1)


def test_counts_stay_complete_when_more_runs_succeed_than_a_report_lists() -> None:
    """Given 300 runs that arrived one after the other, when they are settled, then all are counted."""
    known = fleet(runs(300, V1), [attempt()], pace=(50, 1), sequence=1)
    for _ in range(8):
        known, _ = passed(known)
        active = {e.run_uid: e.id for e in known.attempts[0].active}
        moved = tuple(
            returned(run(r.name, V2), Outcome.UPGRADED, active[r.uid]) if r.uid in active else r
            for r in known.runs
        )
        known = known._replace(runs=moved)
    told = counts_of(settled(known).attempts[0])
    assert (told["total"], told["succeeded"], told["waiting"]) == (300, 300, 0)


def test_failures_are_listed_before_successes_when_a_report_is_full() -> None:
    """Given more outcomes than fit, when the report is written, then the failures stay."""
    ended = [
        returned(r, Outcome.ROLLED_BACK if n < 20 else Outcome.UPGRADED, f"s-1.{n}")
        for n, r in enumerate(runs(250, V1))
    ]
    before = attempt(active=tuple(grant_of(r.name, f"s-1.{n}") for n, r in enumerate(ended)), granted=250)
    known, _ = passed(fleet(ended, [before], pace=(250, 100), sequence=1))
    told = list(words(known.attempts[0]).values())
    assert told.count("RolledBack") == 20
    assert len(told) == 200
