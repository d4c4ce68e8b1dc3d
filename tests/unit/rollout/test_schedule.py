"""Who goes next: grants, parking, superseding, aborting, retrying, newcomers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenario_operator.api.scenario import Hooks
from scenario_operator.api.workload import Workload
from scenario_operator.planning.revision import make
from scenario_operator.planning.stored import Handled
from scenario_operator.rollout.decide import Opening, decide
from scenario_operator.rollout.facts import Approval, Asked, Attempt, Fleet, Report, RunFacts
from scenario_operator.rollout.schedule import forgettable
from scenario_operator.rollout.wire import counts_of

from .fleets import FORWARD, FRESH, KEEP_SAME, attempt, entry, fleet, outcome, passed, run, runs, settled

V1, V2, V3 = KEEP_SAME["v1"], KEEP_SAME["v2"], KEEP_SAME["v3"]


def granted(found: Attempt) -> list[str]:
    """Return the names of the runs that hold grants."""
    return [e.name for e in found.active]


def words(found: Attempt) -> dict[str, str]:
    """Return the reported outcomes by run."""
    return {r.name: r.outcome.outcome for r in found.reports}


def report(name: str, word: str) -> Report:
    """Return the end of a run as an attempt lists it."""
    return Report("ns", name, f"uid-{name}", "h", "policy", outcome(word))


def asked_by(name: str, nonce: str = "1") -> tuple[Asked, ...]:
    """Return what an attempt remembers that this run asked for."""
    return (Asked(name, f"uid-{name}", nonce),)


def returned(run_: RunFacts, word: str, grant: str, attempt_: str = "s-1") -> RunFacts:
    """Return the run with an outcome on record and no plan open."""
    history = (outcome(word, attempt_, grant), *run_.stored.history)
    return run_._replace(journal_grant=None, waits=False, stored=run_.stored._replace(history=history))


def test_runs_that_are_behind_open_one_attempt_and_those_in_step_none() -> None:
    """Given a new revision, when runs are behind, then one attempt is asked for, and only then."""
    assert decide(fleet(runs(3, V1))).opening == Opening("v2", "Revision")
    assert decide(fleet(runs(3, V2))).opening is None
    assert decide(fleet(())).opening is None


def test_an_attempt_grants_up_to_max_concurrent_in_the_order_of_the_runs() -> None:
    """Given three runs and maxConcurrent 2, when the attempt is looked at, then two are granted under new ids."""
    [made] = decide(fleet(runs(3, V1), [attempt()], pace=(2, 1))).attempts
    assert [e.id for e in made.active] == ["s-1.1", "s-1.2"]
    assert granted(made) == ["r001", "r002"]
    assert made.granted == 2


def test_open_plans_of_attempts_that_are_gone_count_as_in_flight() -> None:
    """Given a run that carries out a grant nobody lists, when room is counted, then it takes a place."""
    stray = run("r000", V1, journal_grant="old-1.7")
    [made] = decide(fleet((stray, *runs(2, V1)), [attempt()], pace=(1, 1))).attempts
    assert granted(made) == []


def test_a_parked_run_leaves_its_place_to_the_others_until_too_many_are_parked() -> None:
    """Given parked runs (A79), when maxFailed allows for them, then others go; when not, the rollout is held."""
    parked = [run(f"p{n}", V1, journal_grant=f"s-1.{n}", waits=True) for n in (1, 2)]
    before = attempt(active=tuple(entry(f"p{n}", f"s-1.{n}") for n in (1, 2)), granted=2)
    [made] = decide(fleet((*parked, *runs(3, V1)), [before], pace=(2, 5))).attempts
    assert [e.parked for e in made.active] == [True, True, False, False]
    [held] = decide(fleet((*parked, *runs(3, V1)), [before], pace=(2, 1))).attempts
    assert held.phase == "Held"
    assert granted(held) == ["p1", "p2"]


def test_a_run_that_goes_on_after_it_was_parked_stays_parked_until_it_returns() -> None:
    """Given a parked entry, when its run goes on, then it does not come back into the count."""
    going = run("p", V1, journal_grant="s-1.1")
    [made] = decide(fleet((going,), [attempt(active=(entry("p", parked=True),), granted=1)])).attempts
    assert made.active[0].parked


@pytest.mark.parametrize(("failed", "goes"), [(1, True), (2, False)])
def test_granting_stops_when_more_than_max_failed_have_failed(failed: int, goes: bool) -> None:
    """Given maxFailed 1, when one has failed, then the others go on; when two have, nobody does."""
    ended = [run(f"f{n}", V1, outcome("RolledBack", grant=f"s-1.{n}")) for n in range(failed)]
    before = attempt(active=tuple(entry(f"f{n}", f"s-1.{n}") for n in range(failed)), granted=2)
    [made] = decide(fleet((*ended, *runs(1, V1)), [before])).attempts
    assert (granted(made) == ["r001"]) is goes
    assert (made.phase == "Held") is not goes


@pytest.mark.parametrize("word", ["PlanChanged", "Held"])
def test_an_answer_that_asks_for_another_try_puts_the_run_back_under_a_new_grant(word: str) -> None:
    """Given a run that answered, when it is settled, then it waits again, and its old id is never used again."""
    back = run("r", V1, outcome(word))
    [made] = decide(fleet((back,), [attempt(active=(entry("r"),), granted=1)])).attempts
    assert [e.id for e in made.active] == ["s-1.2"]
    assert not made.reports


@pytest.mark.parametrize("word", ["Upgraded", "RolledBack", "Pinned", "Superseded", "Aborted"])
def test_every_other_answer_ends_the_run_for_the_attempt(word: str) -> None:
    """Given an outcome on record, when it is settled, then it is reported once and granted no more."""
    ended = run("r", V2 if word == "Upgraded" else V1, outcome(word))
    after = settled(fleet((ended,), [attempt(active=(entry("r"),), granted=1)], sequence=1))
    assert words(after.attempts[0]) == {"r": word}
    assert not after.attempts[0].active


def test_an_entry_stays_as_long_as_no_outcome_is_on_record() -> None:
    """Given a run whose record shows nothing, when its attempt is superseded or aborted, then the grant stays."""
    known = fleet((run("r", V1),), [attempt(active=(entry("r"),), granted=1)], wanted="v3")
    assert granted(decide(known).attempts[0]) == ["r"]
    aborted = attempt(active=(entry("r"),), granted=1, abort=True)
    assert granted(decide(fleet((run("r", V1),), [aborted])).attempts[0]) == ["r"]


def test_a_grant_whose_run_is_gone_is_reported_as_cancelled_only_after_a_live_look() -> None:
    """Given an entry without its run, when only the watch misses it, then it stays; when it is gone, it is told."""
    before = attempt(active=(entry("r"),), granted=1)
    assert granted(decide(fleet((), [before])).attempts[0]) == ["r"]
    [made] = decide(fleet((), [before], gone=frozenset({"uid-r"}))).attempts
    assert words(made) == {"r": "Cancelled"}


def test_a_held_run_and_one_with_its_own_plan_wait_and_a_pinned_one_is_left_out() -> None:
    """Given runs that must not be touched, when grants are given, then they get none."""
    others = (
        run("a", V1, hold=True),
        run("b", V1, journal_grant=""),
        run("c", V1, pinned=True),
        run("d", V1),
        run("e", V1, deleting=True),
    )
    [made] = decide(fleet(others, [attempt()])).attempts
    assert granted(made) == ["d"]
    assert (made.waiting, made.held) == (2, 1)


@pytest.mark.parametrize("where", ["scenario", "attempt"])
def test_suspend_stops_grants_and_takes_none_back(where: str) -> None:
    """Given a suspended rollout, when it is looked at, then nothing is granted and what is granted stays."""
    before = attempt(active=(entry("r001"),), granted=1, suspend=where == "attempt")
    [made] = decide(fleet(runs(3, V1), [before], suspend=where == "scenario")).attempts
    assert granted(made) == ["r001"]
    assert made.phase == "Suspended"


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
    assert made.opening == Opening("v2", "Retry", ("r300",), asked_by("r300"))
    assert granted(passed(after)[0].attempts[-1]) == ["r300"]


@pytest.mark.parametrize(
    ("over", "kept"),
    [
        ({"abort": True}, True),
        ({"reports": (report("f", "RolledBack"),)}, True),
        ({"reports": (report("f", "Upgraded"),)}, False),
        ({"abort": True, "revision": "v1"}, False),
    ],
    ids=["aborted", "failed", "arrived", "another revision"],
)
def test_attempts_beyond_the_limit_are_forgotten_unless_something_would_be_tried_again_unasked(
    over: dict[str, Any], kept: bool
) -> None:
    ended = attempt(1, **{"finished": True, "closed": True, **over})
    later = tuple(attempt(n, cause="Recompute", only=("g",), finished=True) for n in (2, 3))
    known = fleet((run("f", V1),), [ended, *later])
    assert [a.name for a in forgettable(known, 1)] == (["s-2"] if kept else ["s-1", "s-2"])


def test_a_newer_revision_closes_the_attempt_before_its_successor_grants() -> None:
    """Given v3 in mid-rollout, when passes follow, then v2's attempt is closed on record before v3's grants."""
    known = fleet(
        runs(2, V1), [attempt(active=(entry("r001"),), granted=1)], wanted="v3", pace=(2, 1), sequence=1
    )
    known, made = passed(known)
    assert made.opening == Opening("v3", "Revision")
    assert known.attempts[0].closed
    assert words(known.attempts[0]) == {"r002": "Superseded"}
    known, _ = passed(known)
    assert granted(known.attempts[1]) == ["r002"]


def test_a_successor_that_was_opened_early_waits_until_its_predecessor_is_closed_on_record() -> None:
    """Given two open attempts, when the first is not closed on record yet, then only that is written."""
    first, second = decide(fleet(runs(2, V1), [attempt(), attempt(2, "v3")], wanted="v3")).attempts
    assert first.closed
    assert not second.active


def test_a_run_that_answers_plan_changed_to_a_closed_attempt_ends_there() -> None:
    """Given a closed attempt, when its last grant comes back as PlanChanged, then the run is reported once."""
    before = attempt(active=(entry("r"),), granted=1, closed=True)
    [made] = decide(fleet((run("r", V1, outcome("PlanChanged")),), [before], wanted="v3")).attempts
    assert words(made) == {"r": "Superseded"}
    assert made.finished


def test_an_attempt_with_arrivals_that_is_superseded_says_so() -> None:
    """Given some runs that arrived, when a newer revision ends the rest at once, then it did not succeed."""
    arrived = run("a", V2, outcome("Upgraded"))
    before = attempt(active=(entry("a"),), granted=1)
    [made] = decide(fleet((arrived, run("b", V1)), [before], wanted="v3")).attempts
    assert words(made) == {"a": "Upgraded", "b": "Superseded"}
    assert made.phase == "Superseded"


def test_one_pass_grants_in_one_attempt_and_first_writes_the_others_of_its_revision() -> None:
    """Given a recompute beside a rollout, when one grants, then the other is written before it, under a used-up id."""
    known = fleet(runs(1, V1), [attempt(granted=4), attempt(2, cause="Recompute", only=("r001",), granted=2)])
    other, granting = decide(known).attempts
    assert (other.name, other.granted) == ("s-2", 3)
    assert granted(granting) == ["r001"]
    assert granting.name == "s-1"


def test_a_recompute_opens_an_attempt_of_its_own_for_one_run_at_a_time() -> None:
    """Given new nonces, when runs are settled, then each gets an attempt with cause Recompute."""
    known = fleet(runs(2, V2, recompute_nonce="1"))
    assert decide(known).opening == Opening("v2", "Recompute", ("r001",), asked_by("r001"))
    known, _ = passed(known)
    assert decide(known).opening == Opening("v2", "Recompute", ("r002",), asked_by("r002"))


def test_a_recompute_that_cannot_be_planned_opens_nothing_and_is_told_of() -> None:
    """Given Reversible outputs without a revert hook, when a recompute is asked for, then it says what is missing."""
    without = make("v2", 2, V2.spec.model_copy(update={"hooks": Hooks()}), V2.artifact)
    known = fleet(runs(1, without, recompute_nonce="1"), revisions={"v1": V1, "v2": without})
    made = decide(known)
    assert made.opening is None
    assert made.blocked is not None
    assert (made.blocked.runs, made.blocked.reason) == (1, "CleanLogicMissing")


@pytest.mark.parametrize("handled", ["", "1"], ids=["the attempt first", "the run first"])
def test_an_aborted_recompute_reports_who_asked_for_it_whoever_hears_of_the_abort_first(handled: str) -> None:
    """Given a recompute that is aborted, when its run has noted that already, then the report names it all the same."""
    asking = run("r", V2, recompute_nonce="1")
    asking = asking._replace(stored=asking.stored._replace(handled=Handled(handled, "", "", "")))
    aborted = attempt(cause="Recompute", only=("r",), asked=asked_by("r"), abort=True)
    [made] = decide(fleet((asking,), [aborted])).attempts
    assert [(r.name, r.outcome.outcome) for r in made.reports] == [("r", "Aborted")]
    assert made.finished


def test_a_run_that_failed_is_not_tried_again_unasked_also_when_others_are_led_on() -> None:
    """Given a failed run and a new one that is behind, when an attempt opens, then it leaves the failed one alone."""
    failed = run("f", V1, outcome("RolledBack"))
    over = attempt(finished=True, closed=True, phase="Failed")
    assert decide(fleet((failed,), [over], sequence=1)).opening is None
    after, _ = passed(passed(fleet((failed, run("n", V1)), [over], sequence=1))[0])
    assert granted(after.attempts[1]) == ["n"]


def test_a_run_that_is_being_deleted_opens_nothing() -> None:
    going = run("g", V1, outcome("Cancelled"), deleting=True, recompute_nonce="1")
    assert decide(fleet((going,), [attempt(finished=True, closed=True)])).opening is None


def test_a_run_that_failed_is_not_tried_again_unasked_also_when_its_attempt_was_deleted() -> None:
    """Given a failed run whose attempt is gone, when passes follow, then only a nonce or a newer revision leads it."""
    failed = run("f", V1, outcome("RolledBack")._replace(to_revision="v2"))
    assert decide(fleet((failed,), sequence=1)).opening is None
    after, _ = passed(passed(fleet((failed, run("n", V1)), sequence=1))[0])
    assert granted(after.attempts[-1]) == ["n"]
    asking = failed._replace(retry_nonce="1")
    assert decide(fleet((asking,), sequence=1)).opening == Opening("v2", "Retry", ("f",), asked_by("f"))
    assert decide(fleet((failed,), wanted="v3", sequence=1)).opening == Opening("v3", "Revision")


def test_a_retry_nonce_opens_an_attempt_for_the_failed_run_only() -> None:
    """Given a finished attempt, when a failed run asks again, then a Retry attempt names it."""
    failed = run("f", V1, outcome("RolledBack"), retry_nonce="1")
    made = decide(fleet((failed, run("g", V1, outcome("Failed"))), [attempt(finished=True, closed=True)]))
    assert made.opening == Opening("v2", "Retry", ("f",), asked_by("f"))


@pytest.mark.parametrize("cause", ["Recompute", "Retry"])
def test_what_a_nonce_asked_for_and_somebody_aborted_is_not_opened_again(cause: str) -> None:
    """Given an aborted attempt, when its nonce still stands, then nothing is opened; another nonce opens one."""
    over = attempt(finished=True, closed=True, abort=True, cause=cause, only=("f",), asked=asked_by("f"))
    before = attempt(0, finished=True, closed=True)

    def asking(nonce: str) -> RunFacts:
        failed = outcome("RolledBack", "s-0", "s-0.1")
        word = {"recompute_nonce": nonce} if cause == "Recompute" else {"retry_nonce": nonce}
        return run("f", V1, failed, **word)

    assert decide(fleet((asking("1"),), [before, over], sequence=1)).opening is None
    made = decide(fleet((asking("2"),), [before, over], sequence=1)).opening
    assert made == Opening("v2", cause, ("f",), asked_by("f", "2"))
    again = asking("1")._replace(uid="uid-another")
    opened = decide(fleet((again,), [before, over], sequence=1)).opening
    assert opened is not None, "another run of that name has asked for nothing yet"


@pytest.mark.parametrize("cause", ["Recompute", "Retry"])
def test_an_attempt_that_a_run_asked_for_is_not_taken_over_by_one_for_a_newcomer(cause: str) -> None:
    """Given an attempt that waits for its one run, when one is opened for another, then both go on."""
    asked = {"cause": cause, "only": ("f",), "asked": asked_by("f"), "suspend": True}
    word = {"recompute_nonce": "1"} if cause == "Recompute" else {"retry_nonce": "1"}
    failed = run("f", V1, outcome("RolledBack", "s-0", "s-0.1"), **word)
    over, waiting = attempt(0, finished=True, closed=True), attempt(1, **asked)
    known = settled(fleet((failed, run("n", V1)), [over, waiting], sequence=1))
    assert [(a.name, a.closed, granted(a)) for a in known.attempts[1:]] == [
        ("s-1", False, []),
        ("s-2", False, ["n"]),
    ]


def test_a_recompute_is_carried_out_once_and_on_the_run_that_asked_only() -> None:
    """Given attempts for one wish, when it was carried out or its run was replaced, then nobody is granted."""
    asked = attempt(cause="Recompute", only=("f",), asked=asked_by("f"))
    done = run("f", V2)
    done = done._replace(stored=done.stored._replace(handled=Handled("1", "", "", "")))
    another = run("f", V2)._replace(uid="uid-another")
    assert [granted(decide(fleet((r,), [asked])).attempts[0]) for r in (run("f", V2), done, another)] == [
        ["f"],
        [],
        [],
    ]


def test_a_retry_during_a_held_rollout_takes_over_every_unsettled_run() -> None:
    """Given a held attempt, when a failed run asks again, then a new attempt leads all on and closes the old one."""
    failed = tuple(run(f"f{n}", V1, outcome("RolledBack", grant=f"s-1.{n}"), retry_nonce="1") for n in (1, 2))
    before = attempt(active=tuple(entry(f"f{n}", f"s-1.{n}") for n in (1, 2)), granted=2)
    known = fleet((*failed, *runs(1, V1)), [before], sequence=1)
    known, _ = passed(known)
    known, _ = passed(known)
    assert known.attempts[0].phase == "Failed"
    assert known.attempts[0].closed
    known, _ = passed(known)
    assert granted(known.attempts[-1]) == ["f1", "f2", "r001"]
    assert len(known.attempts) == 2


def test_a_newcomer_that_lands_behind_joins_the_open_attempt_or_opens_one() -> None:
    """Given a run that started on an old revision, when there is an attempt it joins, else one is opened."""
    [made] = decide(fleet((run("new", V1),), [attempt()])).attempts
    assert granted(made) == ["new"]
    over = attempt(finished=True, closed=True, phase="Succeeded")
    assert decide(fleet((run("new", V1),), [over])).opening == Opening("v2", "Revision")


def test_a_run_that_never_started_is_in_no_attempt() -> None:
    """Given a first start, when there is an attempt, then it takes no grant."""
    [made] = decide(fleet((run("new", None),), [attempt()])).attempts
    assert made.finished


def test_plans_without_consent_wait_and_an_approval_lets_them_go() -> None:
    """Given a destructive plan, when nobody has consented, then the attempt waits; with an approval it grants."""
    known = fleet(runs(2, FRESH["v1"]), [attempt()], revisions=FRESH, strategy=FORWARD)
    [waits] = decide(known).attempts
    assert (waits.phase, granted(waits)) == ("AwaitingApproval", [])
    approved = attempt(approvals=(Approval(waits.groups[0].hash, "ann"),))
    [made] = decide(known._replace(attempts=(approved,))).attempts
    assert granted(made) == ["r001", "r002"]
    assert (made.groups[0].approver, made.groups[0].runs) == ("ann", 2)


def test_a_consent_that_is_withdrawn_stops_nothing_that_was_granted() -> None:
    """Given a granted run, when the approval is taken back, then its grant stays and nobody else gets one."""
    known = fleet(runs(2, FRESH["v1"]), revisions=FRESH, strategy=FORWARD)
    [made] = decide(known._replace(attempts=(attempt(active=(entry("r001"),), granted=1),))).attempts
    assert granted(made) == ["r001"]


def test_a_report_names_whose_consent_it_was_also_when_that_was_withdrawn() -> None:
    """Given a grant on somebody's word, when the word is taken back before it returns, then the report still has it."""
    known = fleet(runs(2, FRESH["v1"]), revisions=FRESH, strategy=FORWARD, pace=(1, 1))
    [asked] = decide(known._replace(attempts=(attempt(),))).attempts
    [plan] = asked.groups
    [made] = decide(known._replace(attempts=(attempt(approvals=(Approval(plan.hash, "ann"),)),))).attempts
    first, second = known.runs
    done = returned(first, "Recomputed", made.active[0].id)
    after = decide(known._replace(runs=(done, second), attempts=(made._replace(approvals=()),)))
    [told] = after.attempts
    assert [(r.name, r.approver) for r in told.reports] == [("r001", "ann")]
    assert granted(told) == []


def test_runs_without_a_plan_are_told_of_and_open_nothing() -> None:
    """Given runs that no strategy leads on, when the fleet is looked at, then a blockage says how many and why."""
    made = decide(fleet(runs(3, FRESH["v1"]), revisions=FRESH))
    assert made.opening is None
    assert made.blocked is not None
    assert (made.blocked.runs, made.blocked.reason) == (3, "StrategyRequired")


def test_state_that_its_own_version_does_not_accept_blocks_its_run_and_no_other() -> None:
    """Given a run whose claim somebody replaced, when only configuration changes, then the others are led on."""
    spec = V1.spec.model_copy(update={"workload": Workload(env=({"name": "A", "value": "b"},))})
    edited = make("v2", 2, spec, V1.artifact)
    odd = run("odd", V1)
    applied = odd.stored.applied
    assert applied is not None
    odd = odd._replace(stored=odd.stored._replace(applied=applied._replace(formats=("9",))))
    made = decide(fleet((odd, run("ok", V1)), [attempt()], revisions={"v1": V1, "v2": edited}))
    assert granted(made.attempts[0]) == ["ok"]
    assert made.blocked is not None
    assert (made.blocked.runs, made.blocked.reason) == (1, "StrategyRequired")


def test_counts_stay_complete_when_more_runs_are_left_out_than_a_report_lists() -> None:
    """Given 500 waiting runs, when the attempt is superseded, then 200 are listed and 500 counted, now and later."""
    before = attempt(active=(entry("r001"),), granted=1)
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
            returned(run(r.name, V2), "Upgraded", active[r.uid]) if r.uid in active else r for r in known.runs
        )
        known = known._replace(runs=moved)
    told = counts_of(settled(known).attempts[0])
    assert (told["total"], told["succeeded"], told["waiting"]) == (300, 300, 0)


def test_failures_are_listed_before_successes_when_a_report_is_full() -> None:
    """Given more outcomes than fit, when the report is written, then the failures stay."""
    ended = [
        returned(r, "RolledBack" if n < 20 else "Upgraded", f"s-1.{n}") for n, r in enumerate(runs(250, V1))
    ]
    before = attempt(active=tuple(entry(r.name, f"s-1.{n}") for n, r in enumerate(ended)), granted=250)
    known, _ = passed(fleet(ended, [before], pace=(250, 100), sequence=1))
    told = list(words(known.attempts[0]).values())
    assert told.count("RolledBack") == 20
    assert len(told) == 200


# --- whatever happens -----------------------------------------------------------------------------------


def _step(known: Fleet, name: str, event: str) -> Fleet:
    """Let one thing happen to one run, if it can."""
    found = next((r for r in known.runs if r.name == name), None)
    if found is None:
        return known
    entry_of = next((e for a in known.attempts for e in a.active if e.run_uid == found.uid), None)
    spent = entry_of is not None and entry_of.id in found.outcomes
    after: RunFacts | None = found
    if event == "delete":
        gone = known.gone | {found.uid}
        return known._replace(runs=tuple(r for r in known.runs if r.uid != found.uid), gone=gone)
    if event == "toggle hold":
        after = found._replace(hold=not found.hold)
    elif entry_of is not None and not spent:
        name_of = entry_of.id.rsplit(".", 1)[0]
        match event:
            case "begin" | "wait":
                after = found._replace(journal_grant=entry_of.id, waits=event == "wait")
            case "arrive":
                on = next(a for a in known.attempts if a.name == name_of).revision
                after = returned(
                    run(name, KEEP_SAME[on], *found.stored.history), "Upgraded", entry_of.id, name_of
                )
            case word:
                after = returned(found, word, entry_of.id, name_of)
    return known._replace(runs=tuple(after if r.uid == found.uid else r for r in known.runs))


EVENTS = ("begin", "wait", "arrive", "RolledBack", "PlanChanged", "Pinned", "delete", "toggle hold")
HAPPENS = st.tuples(st.sampled_from(["r001", "r002", "r003", "r004"]), st.sampled_from(EVENTS))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(HAPPENS, st.sampled_from(["v3", "suspend", "pass"])), max_size=30),
    st.integers(1, 3),
    st.integers(0, 4),
)
def test_whatever_happens_the_bound_holds_and_each_run_is_reported_once(
    story: list[tuple[str, str] | str], most: int, max_failed: int
) -> None:
    """Given any story, when passes follow each event, then grants stay bounded, unique, and reported once."""
    known, ids = fleet(runs(4, V1), pace=(most, max_failed)), set()
    for event in story:
        match event:
            case "v3":
                known = known._replace(wanted=V3)
            case "suspend":
                known = known._replace(suspend=not known.suspend)
            case (str() as name, str() as what):
                known = _step(known, name, what)
        before = {e.id for a in known.attempts for e in a.active}
        known, _ = passed(known)
        entries = [e for a in known.attempts for e in a.active]
        fresh = {e.id for e in entries} - before
        assert sum(1 for e in entries if not e.parked) <= most
        assert not fresh & ids
        ids |= fresh
        for one in known.attempts:
            assert len({r.uid for r in one.reports}) == len(one.reports)
            assert counts_of(one)["total"] >= len(one.reports)
