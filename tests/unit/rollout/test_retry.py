"""A run that failed is tried again only when somebody asks or a newer revision comes."""

from __future__ import annotations

import pytest

from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.upgrade import AttemptPhase
from scenario_operator.rollout.decide import Opening, decide
from scenario_operator.rollout.facts import Attempt, Report, RunFacts

from .fleets import V1, asked_by, attempt, ended, fleet, grant_of, granted, named, passed, run, runs, settled


def test_a_run_that_failed_is_not_tried_again_unasked_also_when_others_are_led_on() -> None:
    """Given a failed run and a new one that is behind, when an attempt opens, then it leaves the failed one alone."""
    failed = run("f", V1, ended(Outcome.ROLLED_BACK))
    over = attempt(finished=True, closed=True, phase=AttemptPhase.FAILED)
    assert decide(fleet((failed,), [over], sequence=1)).opening is None
    after, _ = passed(passed(fleet((failed, run("n", V1)), [over], sequence=1))[0])
    assert granted(after.attempts[1]) == ["n"]


def test_a_run_that_is_being_deleted_opens_nothing() -> None:
    going = run("g", V1, ended(Outcome.CANCELLED), deleting=True, recompute_nonce="1")
    assert decide(fleet((going,), [attempt(finished=True, closed=True)])).opening is None


def test_a_run_that_failed_is_not_tried_again_unasked_also_when_its_attempt_was_deleted() -> None:
    """Given a failed run whose attempt is gone, when passes follow, then only a nonce or a newer revision leads it."""
    failed = run("f", V1, ended(Outcome.ROLLED_BACK)._replace(to_revision="v2"))
    assert decide(fleet((failed,), sequence=1)).opening is None
    after, _ = passed(passed(fleet((failed, run("n", V1)), sequence=1))[0])
    assert granted(after.attempts[-1]) == ["n"]
    asking = failed._replace(retry_nonce="1")
    assert decide(fleet((asking,), sequence=1)).opening == Opening("v2", "Retry", named("f"), asked_by("f"))
    assert decide(fleet((failed,), wanted="v3", sequence=1)).opening == Opening("v3", "Revision")


def test_a_retry_nonce_opens_an_attempt_for_the_failed_run_only() -> None:
    """Given a finished attempt, when a failed run asks again, then a Retry attempt names it."""
    failed = run("f", V1, ended(Outcome.ROLLED_BACK), retry_nonce="1")
    made = decide(fleet((failed, run("g", V1, ended(Outcome.FAILED))), [attempt(finished=True, closed=True)]))
    assert made.opening == Opening("v2", "Retry", named("f"), asked_by("f"))


@pytest.mark.parametrize("cause", ["Recompute", "Retry"])
def test_an_attempt_that_a_run_asked_for_is_not_taken_over_by_one_for_a_newcomer(cause: str) -> None:
    """Given an attempt that waits for its one run, when one is opened for another, then both go on."""
    asked = {"cause": cause, "only": named("f"), "asked": asked_by("f"), "suspend": True}
    word = {"recompute_nonce": "1"} if cause == "Recompute" else {"retry_nonce": "1"}
    failed = run("f", V1, ended(Outcome.ROLLED_BACK, "s-0", "s-0.1"), **word)
    over, waiting = attempt(0, finished=True, closed=True), attempt(1, **asked)
    known = settled(fleet((failed, run("n", V1)), [over, waiting], sequence=1))
    assert [(a.name, a.closed, granted(a)) for a in known.attempts[1:]] == [
        ("s-1", False, []),
        ("s-2", False, ["n"]),
    ]


def test_a_retry_during_a_held_rollout_takes_over_every_unsettled_run() -> None:
    """Given a held attempt, when a failed run asks again, then a new attempt leads all on and closes the old one."""
    failed = tuple(
        run(f"f{n}", V1, ended(Outcome.ROLLED_BACK, grant=f"s-1.{n}"), retry_nonce="1") for n in (1, 2)
    )
    before = attempt(active=tuple(grant_of(f"f{n}", f"s-1.{n}") for n in (1, 2)), granted=2)
    known = fleet((*failed, *runs(1, V1)), [before], sequence=1)
    known, _ = passed(known)
    known, _ = passed(known)
    assert known.attempts[0].phase == "Failed"
    assert known.attempts[0].closed
    known, _ = passed(known)
    assert granted(known.attempts[-1]) == ["f1", "f2", "r001"]
    assert len(known.attempts) == 2


def gone_back(name: str, number: int, **more: str) -> tuple[RunFacts, Report]:
    """Return a run that went back in the first attempt, and how that reports it."""
    found = run(name, V1, ended(Outcome.ROLLED_BACK, grant=f"s-1.uid.{number}"), failed=True, **more)
    return found, Report("ns", name, found.uid, "h", "", found.stored.history[0])


def under_way(name: str, grant: str) -> RunFacts:
    """Return a run that carries out a plan of the first attempt."""
    return run(name, V1, journal_grant=grant, journal_attempt="s-1", journal_revisions=("v1", "v2"))


def going_on(*reports: Report) -> Attempt:
    """Return the first attempt, which has still a run under way."""
    return attempt(active=(grant_of("c", "s-1.uid.3"),), granted=3, reports=reports)


def test_a_retry_of_one_run_during_a_rollout_does_not_retry_another_that_went_back() -> None:
    """Given two runs that went back, when one of them asks again while a third is under way, then the other stays."""
    (asks, first), (silent, second) = gone_back("a", 1, retry_nonce="1"), gone_back("b", 2)
    known = settled(
        fleet(
            (asks, silent, under_way("c", "s-1.uid.3")),
            [going_on(first, second)],
            sequence=1,
            pace=(10, 5),
        )
    )
    assert [granted(a) for a in known.attempts] == [["c"], ["a"]]


def test_a_run_that_was_left_alone_by_a_retry_can_ask_while_that_goes_on() -> None:
    """Given a retry that leaves a run alone, when that asks as well, then the next attempt leads on all who asked."""
    (asks, first), (late, second) = gone_back("a", 1, retry_nonce="1"), gone_back("b", 2)
    runs_ = (asks._replace(hold=True), late, under_way("c", "s-1.uid.3"))
    known = settled(fleet(runs_, [going_on(first, second)], sequence=1, pace=(10, 5)))
    assert [granted(a) for a in known.attempts] == [["c"], []]
    late = late._replace(retry_nonce="1")
    known, made = passed(known._replace(runs=(runs_[0], late, runs_[2])))
    assert made.opening == Opening("v2", "Retry", (), (*asked_by("a"), *asked_by("b")))
    known = settled(known._replace(runs=(asks, late, runs_[2])))
    assert [granted(a) for a in known.attempts] == [["c"], [], ["a", "b"]]
