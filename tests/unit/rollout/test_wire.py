"""Attempts as objects: what is written is read back, fits the schema, and every message helps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenario_operator.api.foreign import NOTHING
from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.upgrade import AttemptPhase, UpgradeStatus
from scenario_operator.planning.stored import Ended, Loss
from scenario_operator.rollout.decide import decide
from scenario_operator.rollout.facts import Asked, Attempt, Grant, Group, PlanApproval, Report, Tally
from scenario_operator.rollout.wire import assess, counts_of, dump_attempt

from .fleets import FORWARD, FRESH, KEEP_SAME, NOW, attempt, ended, fleet, grant_of, run, runs, written

OUTCOMES = st.sampled_from([*Outcome, Outcome("AWordOfAnotherVersion")])
TEXT = st.text("abc", min_size=1, max_size=8)
LOSSES = st.builds(
    Loss,
    state_age_seconds=st.none() | st.integers(0, 99),
    unclean_stop=st.booleans(),
    results_reverted=st.none() | st.integers(0, 9),
    open_outputs=st.none() | st.integers(0, 9),
    revert_skipped=st.booleans(),
    input_at_risk=st.booleans(),
    reprocessed_from=st.none() | st.just(NOW),
    results_kept=st.none() | st.integers(0, 9),
    results_not_revertible=st.none() | st.integers(0, 9),
    notifications_suppressed_until=st.none() | st.just(NOW),
    notes=st.lists(TEXT, max_size=2).map(tuple),
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Draw one report as it is after a reading."""
    group = draw(st.just("") | TEXT)
    outcome, told = draw(OUTCOMES), draw(st.just("") | TEXT)
    end = Ended(
        "", "s-1", outcome, outcome.value, told, "1.0.0", "2.0.0", "InPlace", group, NOW, NOW, draw(LOSSES)
    )
    return Report("ns", draw(TEXT), draw(TEXT), group, draw(st.just("") | TEXT), end)


GROUPS = st.builds(
    Group,
    plan_hash=TEXT,
    source_version=st.just("") | TEXT,
    source_state=st.just("") | TEXT,
    strategy=st.just("") | TEXT,
    level=st.sampled_from(["Restart", "Replace"]),
    steps=st.lists(TEXT, max_size=3).map(tuple),
    destroys=st.lists(TEXT, max_size=2).map(tuple),
    reversible=st.booleans(),
    point_of_no_return=st.just("") | TEXT,
    attention=st.just("") | TEXT,
    diff=st.lists(TEXT, max_size=2).map(tuple),
    notes=st.lists(TEXT, max_size=2).map(tuple),
    runs=st.integers(0, 9),
    approved=st.booleans(),
    approver=st.just("") | TEXT,
)
GRANTS = st.builds(Grant, TEXT, TEXT, st.just("ns"), TEXT, TEXT, st.booleans(), st.just("") | TEXT)
ATTEMPTS = st.builds(
    Attempt,
    name=st.just("s-1"),
    uid=st.just("uid-s-1"),
    sequence=st.just(1),
    revision=st.just("v2"),
    phase=st.sampled_from([*AttemptPhase, AttemptPhase("AWordOfAnotherVersion")]),
    groups=st.lists(GROUPS, max_size=3).map(tuple),
    active=st.lists(GRANTS, max_size=3).map(tuple),
    reports=st.lists(reports(), max_size=5).map(tuple),
    granted=st.integers(0, 9),
    canaries=st.lists(st.uuids().map(str), max_size=3).map(tuple),
    closed=st.booleans(),
    reason=st.just("RollingOut"),
    cause=st.just("Revision"),
    only=st.just(()),
    asked=st.lists(st.builds(Asked, TEXT, TEXT, TEXT, TEXT), max_size=3).map(tuple),
    suspend=st.just(False),
    abort=st.just(False),
    abort_ignored=st.just(False),
    reject=st.just(NOTHING),
    skip_revert=st.just(False),
    approvals=st.just(()),
    finished=st.just(False),
    waiting=st.just(0),
    held=st.just(0),
    movable=st.just(0),
    unlisted=st.builds(Tally, *[st.integers(0, 9)] * 4),
)


@settings(max_examples=40, deadline=None)
@given(ATTEMPTS)
def test_what_is_written_is_read_back(one: Attempt) -> None:
    """Given an attempt, when it is written and read, then nothing that decides anything is lost."""
    back = written(one, fleet())
    assert back == one
    assert counts_of(back) == counts_of(one)


@settings(max_examples=40, deadline=None)
@given(ATTEMPTS)
def test_what_is_written_fits_the_schema(one: Attempt) -> None:
    """Given an attempt, when it is written, then the API's model takes it and drops nothing."""
    status = dump_attempt(one, fleet(), {}, 1)
    known = UpgradeStatus.model_validate(status)
    assert known.granted == one.granted
    assert len(known.active) == len(one.active)
    assert set(status) <= {f.alias or n for n, f in UpgradeStatus.model_fields.items()}


def test_writing_again_what_was_written_changes_nothing() -> None:
    """Given a status, when the same attempt is written later, then the status is equal: times stand."""
    known = fleet(runs(3, KEEP_SAME["v1"]), [attempt()])
    [made] = decide(known).attempts
    first = dump_attempt(made, known, {}, 1)
    later = known._replace(now="2026-01-01T01:00:00Z")
    assert dump_attempt(made, later, first, 1) == first


@pytest.mark.parametrize("count", [199, 200, 201, 500])
def test_a_report_lists_at_most_two_hundred_runs_and_counts_all(count: int) -> None:
    """Given many outcomes, when they are written, then the list is bounded and the counts are not."""
    told = tuple(
        Report(
            "ns",
            f"r{n}",
            f"u{n}",
            "h",
            "",
            ended([Outcome.UPGRADED, Outcome.FAILED, Outcome.PINNED][n % 3], grant=""),
        )
        for n in range(count)
    )
    back = written(attempt(reports=told), fleet())
    assert len(back.reports) == min(count, 200)
    assert counts_of(back)["total"] == count
    assert written(back, fleet()) == back


def test_more_groups_than_the_schema_allows_are_cut() -> None:
    """Given very many different plans, when the attempt is written, then the object stays writable."""
    groups = tuple(Group(f"h{n:03}", "", "", "", "Restart", (), (), True, "", "", (), ()) for n in range(300))
    assert len(dump_attempt(attempt(groups=groups), fleet(), {}, 1)["groups"]) == 128


def test_long_words_are_cut_to_what_the_schema_takes() -> None:
    """Given very many versions and a very long note, when they are written, then the object stays writable."""
    note = "kept: " + "x" * 3000
    groups = tuple(
        Group(f"h{n:03}", f"{n}.0.0-rc.{'x' * 40}", "", "", "Restart", (), (), True, "", "", (), (note,))
        for n in range(20)
    )
    end = Report("ns", "r", "u", "h000", "", ended(Outcome.FAILED)._replace(message=note))
    status = dump_attempt(attempt(groups=groups, reports=(end,)), fleet(), {}, 1)
    told = [note for group in status["groups"] for note in group["notes"]] + [status["runs"][0]["message"]]
    assert max(map(len, told)) <= 1024
    assert len(status["from"]) <= 256


def test_a_stale_approval_is_told_with_both_hashes() -> None:
    """Given an approval of another plan, when the attempt waits, then Approved says PlanChanged and what is asked."""
    known = fleet(
        runs(1, FRESH["v1"]),
        [attempt(approvals=(PlanApproval("old", "ann"),))],
        revisions=FRESH,
        strategy=FORWARD,
    )
    [made] = decide(known).attempts
    told = next(a for a in assess(made, known) if a.type == "Approved")
    assert (told.status, told.reason) == ("False", "PlanChanged")
    assert "old" in told.message
    assert made.groups[0].plan_hash in told.message


def test_no_more_is_granted_in_a_report_that_is_full_to_a_run_that_ended_here() -> None:
    """Given a failed run whose report fell off the list, when it waits, then its own history keeps it out."""
    failed = run("f", KEEP_SAME["v1"], ended(Outcome.ROLLED_BACK))
    [made] = decide(fleet((failed,), [attempt(unlisted=Tally(rolled_back=1))], pace=(10, 9))).attempts
    assert not made.active
    assert grant_of("f").run_uid not in {e.run_uid for e in made.active}
