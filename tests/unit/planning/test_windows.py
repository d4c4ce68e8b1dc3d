"""Windows: every mode, every rule, and what holds for every window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenario_operator.api.strategy import WindowMode
from scenario_operator.planning.windows import (
    Bound,
    Bounds,
    ReportMissingError,
    Resolved,
    Sources,
    StopFacts,
    Window,
    first,
    later,
    needs_report,
    resolve,
)

STARTED = "2026-01-01T00:00:00Z"
LEARNT = "2026-01-15T00:00:00Z"
STOPPED = "2026-02-01T00:00:00Z"
FINISHED = "2026-02-01T00:00:09Z"
NOW = "2026-03-01T00:00:00Z"
REPORTED = StopFacts(STOPPED, FINISHED)
SILENT = StopFacts(None, FINISHED)
UNKNOWN = StopFacts(None, None)
STORED = Window(STARTED, LEARNT, LEARNT)
SAME = Bound(WindowMode.SAME)
HAND_OVER = Bound(WindowMode.STOPPED_AT)
OBSERVED = Bound(WindowMode.STOPPED_AT, if_missing="ObservedStop")


NO_BOUNDS = Bounds()


def sources(
    stop: StopFacts | None = REPORTED, stored: Window | None = STORED, run: Bounds = NO_BOUNDS
) -> Sources:
    return Sources(stored, run, stop, NOW)


def start(bound: Bound, given: Sources) -> str | None:
    """Resolve one bound as startFrom, where nothing raises it."""
    return resolve(Bounds(bound), given, never_again=False).window.start_from


# --- Modes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        (Bound(WindowMode.SAME), STARTED),
        (Bound(WindowMode.BEGINNING), None),
        (Bound(WindowMode.AT, LEARNT), LEARNT),
        (Bound(WindowMode.LOOKBACK, seconds=3600), "2026-01-31T23:00:00Z"),
        (Bound(WindowMode.STOPPED_AT), STOPPED),
        (Bound(WindowMode.OBSERVED_STOP), FINISHED),
        (Bound(WindowMode.NOW), NOW),
    ],
)
def test_each_mode_of_a_strategy_says_where_the_bound_lies(bound: Bound, expected: str | None) -> None:
    assert start(bound, sources()) == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (None, None),
        (Bound(WindowMode.BEGINNING), None),
        (Bound(WindowMode.AT, LEARNT), LEARNT),
        (Bound(WindowMode.LOOKBACK, seconds=3600), "2026-02-28T23:00:00Z"),
        (Bound(WindowMode.NOW), NOW),
    ],
)
def test_mode_run_is_what_the_runs_spec_says_now(own: Bound | None, expected: str | None) -> None:
    """A run's own Lookback reaches back from now, a strategy's from StoppedAt."""
    assert start(Bound(WindowMode.RUN), sources(run=Bounds(own))) == expected


def test_each_bound_takes_its_own_field_of_the_run_and_of_the_stored_window() -> None:
    run = Bounds(Bound(WindowMode.AT, STARTED), Bound(WindowMode.AT, LEARNT), Bound(WindowMode.AT, NOW))
    own = Bounds(Bound(WindowMode.RUN), Bound(WindowMode.RUN), Bound(WindowMode.RUN))
    assert resolve(own, sources(run=run), never_again=False).window == Window(STARTED, LEARNT, NOW)
    stored = Window(STARTED, LEARNT, STOPPED)
    same = Bounds(SAME, SAME, SAME)
    assert resolve(same, sources(stored=stored), never_again=False).window == stored


def test_the_first_start_takes_the_runs_own_bounds() -> None:
    run = Bounds(Bound(WindowMode.LOOKBACK, seconds=60), None, Bound(WindowMode.NOW))
    back = "2026-02-28T23:59:00Z"
    assert first(run, NOW) == Window(back, back, NOW)
    assert first(Bounds(), NOW) == Window(None, None, None)


def test_a_lookback_to_before_all_time_is_the_beginning() -> None:
    ancient = StopFacts("0001-01-01T00:00:10Z", None)
    assert start(Bound(WindowMode.LOOKBACK, seconds=3600), sources(ancient)) is None


# --- Hand-over ------------------------------------------------------------------------------------


def test_a_hand_over_leaves_no_gap_and_no_overlap() -> None:
    """processedUntil is exclusive and startFrom inclusive: the same time means exactly the next input."""
    assert start(HAND_OVER, sources()) == STOPPED


def test_continuation_acts_and_notifies_from_where_the_old_version_stopped() -> None:
    found = resolve(Bounds(SAME, HAND_OVER, HAND_OVER), sources(), never_again=False)
    assert found == Resolved(Window(STARTED, STOPPED, STOPPED), at_risk=False)


def test_a_version_that_was_still_learning_hands_over_its_horizon_not_its_position() -> None:
    learning = Window(STARTED, NOW, "2026-04-01T00:00:00Z")
    found = resolve(Bounds(SAME, HAND_OVER, HAND_OVER), sources(stored=learning), never_again=False)
    assert found.window == learning


def test_a_recompute_notifies_nobody_of_the_past_again() -> None:
    run = Bounds(Bound(WindowMode.BEGINNING), Bound(WindowMode.BEGINNING), Bound(WindowMode.BEGINNING))
    own = Bound(WindowMode.RUN)
    found = resolve(Bounds(own, own, own), sources(run=run), never_again=True)
    assert found.window == Window(None, None, STOPPED)


def test_a_recompute_keeps_the_runs_later_notification_bound() -> None:
    run = Bounds(None, None, Bound(WindowMode.AT, NOW))
    own = Bound(WindowMode.RUN)
    assert resolve(Bounds(own, own, own), sources(run=run), never_again=True).window.notifications_from == NOW


def test_a_recompute_of_a_recompute_keeps_the_horizon() -> None:
    recomputing = Window(None, None, NOW)
    found = resolve(Bounds(None, None, HAND_OVER), sources(stored=recomputing), never_again=True)
    assert found.window.notifications_from == NOW


def test_a_recompute_without_a_report_notifies_from_the_finish_at_the_earliest() -> None:
    beginning = Bounds(None, None, Bound(WindowMode.BEGINNING))
    assert resolve(beginning, sources(SILENT), never_again=True).window.notifications_from == FINISHED
    assert resolve(beginning, sources(UNKNOWN), never_again=True).window.notifications_from == NOW


# --- Without a report -----------------------------------------------------------------------------


@pytest.mark.parametrize("bound", [HAND_OVER, Bound(WindowMode.LOOKBACK, seconds=3600)])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_missing_report_holds_unless_the_strategy_says_otherwise(bound: Bound, position: int) -> None:
    bounds = Bounds(**{Bounds._fields[position]: bound})
    assert needs_report(bounds)
    with pytest.raises(ReportMissingError) as missing:
        resolve(bounds, sources(SILENT), never_again=False)
    assert missing.value.fields == (Bounds._fields[position],)


def test_all_bounds_that_need_the_missing_report_are_named_at_once() -> None:
    """Given three bounds that hold, when there is no report, then nobody has to find them one by one."""
    with pytest.raises(ReportMissingError) as missing:
        resolve(Bounds(None, HAND_OVER, HAND_OVER), sources(SILENT), never_again=False)
    assert missing.value.fields == Bounds._fields[1:]


def test_observed_stop_takes_the_containers_finish_and_says_that_input_is_at_risk() -> None:
    assert not needs_report(Bounds(OBSERVED, OBSERVED, OBSERVED))
    found = resolve(Bounds(OBSERVED), sources(SILENT), never_again=False)
    assert found.window.start_from == FINISHED
    assert found.at_risk


def test_a_lookback_may_reach_back_from_the_observed_finish() -> None:
    bound = Bound(WindowMode.LOOKBACK, seconds=9, if_missing="ObservedStop")
    assert not needs_report(Bounds(bound))
    assert resolve(Bounds(bound), sources(SILENT), never_again=False) == Resolved(
        Window(STOPPED, STOPPED, STOPPED), at_risk=True
    )


def test_an_unknown_finish_is_now() -> None:
    found = resolve(Bounds(OBSERVED), sources(UNKNOWN), never_again=False)
    assert found.window.start_from == NOW
    assert found.at_risk


def test_a_report_that_is_there_is_used_and_nothing_is_at_risk() -> None:
    found = resolve(Bounds(OBSERVED, OBSERVED, OBSERVED), sources(), never_again=False)
    assert found == Resolved(Window(STOPPED, STOPPED, STOPPED), at_risk=False)


def test_an_observed_finish_is_never_before_the_horizon_either() -> None:
    learning = Window(STARTED, NOW, NOW)
    found = resolve(Bounds(SAME, OBSERVED, OBSERVED), sources(SILENT, learning), never_again=False)
    assert found.window == learning


def test_when_nothing_was_ever_stopped_the_hand_over_is_the_stored_bound() -> None:
    found = resolve(Bounds(HAND_OVER, HAND_OVER, HAND_OVER), sources(None), never_again=True)
    assert found == Resolved(STORED, at_risk=False)
    assert resolve(Bounds(HAND_OVER), sources(None, None), never_again=True).window == Window()


# --- Order ----------------------------------------------------------------------------------------


def test_a_bound_that_is_not_set_rises_to_its_predecessor() -> None:
    run = Bounds(Bound(WindowMode.AT, LEARNT))
    assert first(run, NOW) == Window(LEARNT, LEARNT, LEARNT)
    assert first(Bounds(None, Bound(WindowMode.AT, LEARNT)), NOW) == Window(None, LEARNT, LEARNT)


def test_a_bound_that_lies_before_its_predecessor_is_raised_to_it() -> None:
    run = Bounds(Bound(WindowMode.AT, LEARNT), Bound(WindowMode.AT, STARTED), Bound(WindowMode.BEGINNING))
    assert first(run, NOW) == Window(LEARNT, LEARNT, LEARNT)


def test_the_beginning_lies_before_every_time() -> None:
    assert later(None, None) is None
    assert later(None, STARTED) == later(STARTED, None) == STARTED


@pytest.mark.parametrize(
    ("earlier", "after"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z"),
        ("2026-01-01T00:00:00.123456788Z", "2026-01-01T00:00:00.123456789Z"),
        ("2026-01-01T00:00:00.9Z", "2026-01-01T00:00:01Z"),
        ("2026-01-01T00:00:00.09Z", "2026-01-01T00:00:00.1Z"),
        ("2026-01-01T01:00:00+02:00", "2026-01-01T00:00:00Z"),
        ("2025-12-31T23:59:59-05:00", "2026-01-01T05:00:00Z"),
    ],
)
def test_times_compare_as_moments_not_as_texts(earlier: str, after: str) -> None:
    assert later(earlier, after) == later(after, earlier) == after


# --- What holds for every window ------------------------------------------------------------------

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
moments = st.integers(0, 10**15).map(lambda micros: EPOCH + timedelta(microseconds=micros))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def spelt(moment: datetime, zone: timezone) -> str:
    return moment.astimezone(zone).isoformat().replace("+00:00", "Z")


times = st.builds(spelt, moments, offsets)
plain = st.sampled_from([WindowMode.BEGINNING, WindowMode.NOW]).map(Bound)
fixed = st.builds(lambda time: Bound(WindowMode.AT, time), times)
seconds = st.integers(1, 10**9)
missing = st.sampled_from(["Hold", "ObservedStop"])
of_runs = st.none() | plain | fixed | st.builds(lambda s: Bound(WindowMode.LOOKBACK, seconds=s), seconds)
referring = st.sampled_from([WindowMode.SAME, WindowMode.RUN, WindowMode.OBSERVED_STOP]).map(
    Bound
) | st.builds(
    lambda mode, s, m: Bound(mode, seconds=s, if_missing=m),
    st.sampled_from([WindowMode.STOPPED_AT, WindowMode.LOOKBACK]),
    seconds,
    missing,
)
run_bounds = st.builds(Bounds, of_runs, of_runs, of_runs)
strategy_bounds = st.builds(Bounds, *[st.none() | plain | fixed | referring] * 3)


def sorted_window(*found: str | None) -> Window:
    known = sorted((t for t in found if t is not None), key=datetime.fromisoformat)
    return Window(*[None] * (3 - len(known)), *known)


stored_windows = st.none() | st.builds(sorted_window, *[st.none() | times] * 3)
stops = st.none() | st.builds(StopFacts, st.none() | times, st.none() | times)
all_sources = st.builds(Sources, stored_windows, run_bounds, stops, times)


def instant(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)


def attempt(bounds: Bounds, given_: Sources, *, never_again: bool) -> Resolved | None:
    try:
        return resolve(bounds, given_, never_again=never_again)
    except ReportMissingError:
        return None


@given(strategy_bounds, all_sources, st.booleans())
def test_start_is_never_after_act_and_act_never_after_notify(
    bounds: Bounds, given_: Sources, never_again: bool
) -> None:
    found = attempt(bounds, given_, never_again=never_again)
    if found is not None:
        start_from, act, notify = (instant(t) for t in found.window)
        assert start_from <= act <= notify


@given(strategy_bounds, all_sources, st.booleans())
def test_resolving_is_deterministic(bounds: Bounds, given_: Sources, never_again: bool) -> None:
    once = attempt(bounds, given_, never_again=never_again)
    assert once == attempt(bounds, given_, never_again=never_again)


@given(strategy_bounds, all_sources)
def test_reading_the_past_again_never_tells_it_again(bounds: Bounds, given_: Sources) -> None:
    found = attempt(bounds, given_, never_again=True)
    if found is not None:
        notify = instant(found.window.notifications_from)
        if given_.stop is not None and given_.stop.processed_until is not None:
            assert notify >= instant(given_.stop.processed_until)
        if given_.stored is not None:
            assert notify >= instant(given_.stored.notifications_from)


@given(strategy_bounds, all_sources, st.booleans())
def test_it_holds_only_when_a_report_is_missing_that_the_strategy_needs(
    bounds: Bounds, given_: Sources, never_again: bool
) -> None:
    held = attempt(bounds, given_, never_again=never_again) is None
    reportless = given_.stop is not None and given_.stop.processed_until is None
    assert held == (reportless and needs_report(bounds))


@given(moments, offsets, offsets, moments)
def test_two_spellings_of_one_moment_are_equally_late(
    moment: datetime, one: timezone, other: timezone, another: datetime
) -> None:
    chosen = {instant(later(spelt(moment, z), spelt(another, UTC))) for z in (one, other)}
    assert chosen == {max(moment, another)}


@given(run_bounds, times)
def test_a_first_start_always_has_a_window(run: Bounds, now: str) -> None:
    found = first(run, now)
    assert (
        instant(found.start_from) <= instant(found.output_actions_from) <= instant(found.notifications_from)
    )
