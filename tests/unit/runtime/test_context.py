"""What a program learns about its run."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenario_runtime import ContextError, Places, RunContext, Window, format_time, parse_time

T = datetime(2018, 2, 3, 4, 5, 6, tzinfo=UTC)
BEFORE, AFTER = datetime(2018, 2, 3, 4, 5, 5, 999999, UTC), datetime(2018, 2, 3, 4, 5, 6, 1, UTC)


def test_run_json_tells_everything_about_the_run(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        json.dumps(
            {
                "scenario": "quakes",
                "version": "2.0.0",
                "description": "zones",
                "run": "pacific",
                "runID": "pacific-3",
                "incarnation": 3,
                "window": {"startFrom": None, "outputActionsFrom": "2018-02-03T04:05:06Z"},
                "parameters": {"threshold": "25", "deep": True},
                "stateVersion": "2",
                "upgrade": {"from": "1.0.0", "to": "2.0.0", "strategy": "Continuation"},
            }
        )
    )
    context = RunContext.load(Places(root=tmp_path), {"SCENARIO_RUN_ID": "the environment does not count"})
    assert (context.run, context.run_id, context.incarnation) == ("pacific", "pacific-3", 3)
    assert context.window == Window(None, T, None)
    assert context.parameter("threshold", "5") == "25"
    assert context.parameter("deep", "") == "true"
    assert context.parameter("absent", "5") == "5"
    assert context.state_version == "2"
    assert context.upgrade["strategy"] == "Continuation"


def test_without_run_json_the_environment_tells_the_same(tmp_path: Path) -> None:
    env = {
        "SCENARIO_NAME": "quakes",
        "SCENARIO_VERSION": "2.0.0",
        "SCENARIO_RUN": "pacific",
        "SCENARIO_RUN_ID": "pacific-3",
        "SCENARIO_INCARNATION": "3",
        "SCENARIO_START_FROM": "",
        "SCENARIO_OUTPUT_ACTIONS_FROM": "2018-02-03T04:05:06Z",
        "SCENARIO_STATE_VERSION": "2",
    }
    context = RunContext.load(Places(root=tmp_path), env)
    assert context == RunContext(
        "quakes", "2.0.0", "", "pacific", "pacific-3", 3, Window(None, T, None), {}, "2"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"window": []}',
        '{"window": {"startFrom": "soon"}}',
        '{"incarnation": "first"}',
        '{"run": {}}',
    ],
)
def test_a_context_that_cannot_be_understood_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ContextError):
        RunContext.load(Places(root=tmp_path), {})


def test_bounds_are_inclusive_and_learning_ends_at_the_half_open_position() -> None:
    window = Window(T, T, T)
    assert [window.takes(at) for at in (BEFORE, T, AFTER)] == [False, True, True]
    assert [window.acts(at) for at in (BEFORE, T, AFTER)] == [False, True, True]
    assert [window.notifies(at) for at in (BEFORE, T, AFTER)] == [False, True, True]
    assert [window.learned(until) for until in (None, BEFORE, T)] == [False, False, True]


def test_a_bound_that_is_not_set_rises_to_its_predecessor() -> None:
    assert Window().notifies(BEFORE)
    assert not Window(None, T, None).notifies(BEFORE)
    assert Window(None, T, None).notifies(T)
    assert Window().learned(None)


def test_nothing_is_notified_that_is_not_acted_upon() -> None:
    assert not Window(None, T, BEFORE).notifies(BEFORE)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1000, 1, 1)))  # noqa: DTZ001 - bounds are naive
def test_times_survive_being_written_and_read(at: datetime) -> None:
    assert parse_time(format_time(at)) == at


def test_times_with_other_zones_and_more_digits_keep_their_meaning_as_bounds() -> None:
    assert parse_time("2018-02-03T06:05:06+02:00") == T
    assert parse_time("2018-02-03T04:05:06.000000000Z") == T
    assert parse_time("2018-02-03T04:05:06.0000000001Z") == AFTER.replace(microsecond=1)


@pytest.mark.parametrize("text", ["", "now", "2018-02-03", "2018-02-03T04:05:06", "2018-02-30T00:00:00Z"])
def test_what_is_not_rfc_3339_is_refused(text: str) -> None:
    with pytest.raises(ContextError):
        parse_time(text)


def test_one_variable_moves_everything_for_local_runs(tmp_path: Path) -> None:
    places = Places.of({"SCENARIO_ROOT": str(tmp_path)})
    assert places.state == tmp_path / "state"
    assert places.termination_log == tmp_path / "termination-log"
    assert Places.of({}).termination_log == Path("/dev/termination-log")
    with pytest.raises(ContextError):
        Places.of({"SCENARIO_ROOT": "here"})
