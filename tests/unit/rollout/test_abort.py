"""An abort ends those who wait, and what was aborted is not tried again unasked."""

from __future__ import annotations

from typing import Any

import pytest

from scenario_operator.api.outcomes import Outcome
from scenario_operator.planning.stored import Handled
from scenario_operator.rollout.decide import Opening, decide
from scenario_operator.rollout.facts import Report, RunFacts
from scenario_operator.rollout.schedule import forgettable
from scenario_operator.rollout.wire import counts_of

from .fleets import (
    V1,
    V2,
    asked_by,
    attempt,
    ended,
    fleet,
    granted,
    named,
    passed,
    run,
    runs,
    settled,
    words,
)


def test_an_abort_ends_those_who_wait_and_nothing_is_tried_again_unasked() -> None:
    """Given an aborted attempt, when nothing is under way, then it is over and no other is opened."""
    after = settled(fleet(runs(2, V1), [attempt(abort=True)], sequence=1))
    assert words(after.attempts[0]) == {"r001": "Aborted", "r002": "Aborted"}
    assert after.attempts[0].phase == "Aborted"
    assert len(after.attempts) == 1


def test_an_abort_of_more_runs_than_a_report_lists_ends_them_all() -> None:
    """Given 300 runs that wait, when the attempt is aborted, then none of them begins unasked, and one can ask."""
    after = settled(fleet(runs(300, V1), [attempt(abort=True)], sequence=1))
    assert len(after.attempts) == 1
    assert counts_of(after.attempts[0])["skipped"] == 300
    asking = tuple(r._replace(retry_nonce="1") if r.name == "r300" else r for r in after.runs)
    after, made = passed(after._replace(runs=asking))
    assert made.opening == Opening("v2", "Retry", named("r300"), asked_by("r300"))
    assert granted(passed(after)[0].attempts[-1]) == ["r300"]


def report(name: str, outcome: Outcome) -> Report:
    """Return the end of a run as an attempt lists it."""
    return Report("ns", name, f"uid-{name}", "h", "policy", ended(outcome))


@pytest.mark.parametrize(
    ("over", "kept"),
    [
        ({"abort": True}, True),
        ({"reports": (report("f", Outcome.ROLLED_BACK),)}, True),
        ({"reports": (report("f", Outcome.UPGRADED),)}, False),
        ({"abort": True, "revision": "v1"}, False),
    ],
    ids=["aborted", "failed", "arrived", "another revision"],
)
def test_attempts_beyond_the_limit_are_forgotten_unless_something_would_be_tried_again_unasked(
    over: dict[str, Any], kept: bool
) -> None:
    ended = attempt(1, **{"finished": True, "closed": True, **over})
    later = tuple(attempt(n, cause="Retry", only=named("g"), finished=True) for n in (2, 3))
    known = fleet((run("f", V1),), [ended, *later])
    assert [a.name for a in forgettable(known, 1)] == (["s-2"] if kept else ["s-1", "s-2"])


def test_recomputes_have_a_limit_of_their_own_and_push_no_rollout_out_of_the_history() -> None:
    """Given many finished recomputes after a rollout, when there are too many, then the oldest recompute goes."""
    rollout = attempt(1, finished=True, closed=True)
    again = [attempt(n, cause="Recompute", only=named("g"), finished=True) for n in range(2, 14)]
    assert [a.name for a in forgettable(fleet((), [rollout, *again]), 1)] == ["s-2", "s-3"]


@pytest.mark.parametrize("handled", ["", "1"], ids=["the attempt first", "the run first"])
def test_an_aborted_recompute_reports_who_asked_for_it_whoever_hears_of_the_abort_first(handled: str) -> None:
    """Given a recompute that is aborted, when its run has noted that already, then the report names it all the same."""
    asking = run("r", V2, recompute_nonce="1")
    asking = asking._replace(stored=asking.stored._replace(handled=Handled(handled, "", "", "")))
    aborted = attempt(cause="Recompute", only=named("r"), asked=asked_by("r"), abort=True)
    [made] = decide(fleet((asking,), [aborted])).attempts
    assert [(r.name, r.ended.outcome) for r in made.reports] == [("r", "Aborted")]
    assert made.finished


@pytest.mark.parametrize("cause", ["Recompute", "Retry"])
def test_what_a_nonce_asked_for_and_somebody_aborted_is_not_opened_again(cause: str) -> None:
    """Given an aborted attempt, when its nonce still stands, then nothing is opened; another nonce opens one."""
    over = attempt(finished=True, closed=True, abort=True, cause=cause, only=named("f"), asked=asked_by("f"))
    before = attempt(0, finished=True, closed=True)

    def asking(nonce: str) -> RunFacts:
        failed = ended(Outcome.ROLLED_BACK, "s-0", "s-0.1")
        word = {"recompute_nonce": nonce} if cause == "Recompute" else {"retry_nonce": nonce}
        return run("f", V1, failed, **word)

    assert decide(fleet((asking("1"),), [before, over], sequence=1)).opening is None
    made = decide(fleet((asking("2"),), [before, over], sequence=1)).opening
    assert made == Opening("v2", cause, named("f"), asked_by("f", "2"))
    again = asking("1")._replace(uid="uid-another")
    opened = decide(fleet((again,), [before, over], sequence=1)).opening
    assert opened is not None, "another run of that name has asked for nothing yet"
