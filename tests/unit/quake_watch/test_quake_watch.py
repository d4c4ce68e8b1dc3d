"""Quake watch against its oracle: alone, upgraded, killed, handed over."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.quake_watch.replay import QUAKES, Pod
from tests.unit.runtime.faulty_disk import Killed, KillingDisk

from quake_watch.detector import Detector
from quake_watch.logic import V1, V2
from quake_watch.settings import Pace, Settings
from quake_watch.show import snapshot, table
from quake_watch_oracle import INPUT, Output, Stage, actual, differences, expected, rfc3339
from scenario_runtime import ContextError, Places, RunContext

MIDWEEK = datetime(2018, 2, 3, 12, tzinfo=UTC)  # several swarms are open here
END = QUAKES[-1].at + timedelta(milliseconds=1)
positions = st.integers(1, len(QUAKES) - 1).map(lambda index: QUAKES[index].at)


def check(pod: Pod, *stages: Stage) -> None:
    assert differences(expected(stages), actual(pod.results)) == []


@pytest.mark.parametrize("logic", ["v1", "v1.1", "v2"])
def test_a_version_alone_produces_what_the_oracle_works_out(tmp_path: Path, logic: str) -> None:
    pod = Pod(tmp_path)
    assert pod.run(logic) == 0
    assert pod.processed_until == END
    check(pod, Stage("a-1", logic))


def test_the_oracle_sees_a_missing_a_doubled_and_a_changed_record(tmp_path: Path) -> None:
    pod = Pod(tmp_path)
    pod.run("v1", MIDWEEK)
    want = expected([Stage("a-1", "v1", processed_until=pod.processed_until)])
    spoils: list[Callable[[list[str]], list[str]]] = [
        lambda lines: lines[1:],
        lambda lines: lines[:1] + lines,
        lambda lines: lines[::-1],
    ]
    for spoil in spoils:
        for kind in ("incidents", "notifications", "events"):
            path = pod.results / "a-1" / f"{kind}.jsonl"
            lines = path.read_text().splitlines(keepends=True)
            path.write_text("".join(spoil(lines)))
            assert differences(want, actual(pod.results)) != []
            path.write_text("".join(lines))
    assert differences(want, actual(pod.results)) == []


@settings(max_examples=10, deadline=None)
@given(positions)
def test_a_stop_and_a_compatible_upgrade_in_place_change_nothing_but_words(stop: datetime) -> None:
    with TemporaryDirectory() as directory:
        pod = Pod(Path(directory))
        pod.run("v1", stop)
        assert pod.processed_until <= stop
        pod.run("v1.1")
        check(pod, Stage("a-1", "v1"))
        assert pod.report["outputs"]["emitted"] == len(expected([Stage("a-1", "v1")])["a-1"].transitions)
        texts = {(line["logic"], "largest" in line["text"]) for line in _lines(pod, "notifications")}
        assert texts <= {("v1", False), ("v1.1", True)}


def test_a_kill_between_any_two_changes_and_a_compatible_upgrade_lose_and_repeat_nothing(
    tmp_path: Path,
) -> None:
    small = tmp_path / "a-day.csv"
    small.write_text("".join(INPUT.read_text().splitlines(keepends=True)[:45]))
    parameters = {"input": str(small), "threshold": "2"}
    want = expected([Stage("a-1", "v1", threshold=2)], small)
    assert len(want["a-1"].transitions) > 5
    count = KillingDisk()
    Pod(tmp_path / "count").run("v1", commit_every=0, disk=count, parameters=parameters)
    for at in range(count.changes):
        pod = Pod(tmp_path / str(at))
        with pytest.raises(Killed):
            pod.run("v1", commit_every=0, disk=KillingDisk(at, torn=at % 2 == 1), parameters=parameters)
        pod.run("v1.1", parameters=parameters)
        assert differences(want, actual(pod.results)) == []


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 5000), st.integers(0, 5000), st.booleans())
def test_kills_anywhere_in_the_week_lose_and_repeat_nothing(first: int, second: int, torn: bool) -> None:
    with TemporaryDirectory() as directory:
        pod = Pod(Path(directory))
        for at in (first, second):
            try:
                pod.run("v1", commit_every=0.02, disk=KillingDisk(at, torn))
            except Killed:
                continue
        pod.run("v1")
        check(pod, Stage("a-1", "v1"))


@settings(max_examples=15, deadline=None)
@given(positions)
@example(MIDWEEK)
@example(QUAKES[0].at)
@example(END + timedelta(days=1))
def test_a_continuation_hands_over_every_transition_exactly_once(hand_over: datetime) -> None:
    with TemporaryDirectory() as directory:
        old = Pod(Path(directory))
        old.run("v1", hand_over)
        at = old.processed_until
        new = Pod(Path(directory), 2, {"outputActionsFrom": rfc3339(at), "notificationsFrom": rfc3339(at)})
        new.run("v2")
        check(new, Stage("a-1", "v1", processed_until=at), Stage("a-2", "v2", None, at, at))
        v1, v2 = (expected([Stage("x", logic)])["x"].transitions for logic in ("v1", "v2"))
        found = actual(new.results)
        assert found.get("a-1", Output()).transitions == [step for step in v1 if step.at < at]
        assert found["a-2"].transitions == [step for step in v2 if step.at >= at]


@settings(max_examples=10, deadline=None)
@given(positions)
@example(MIDWEEK)
def test_a_continuation_with_the_same_logic_equals_a_run_that_never_stopped(hand_over: datetime) -> None:
    with TemporaryDirectory() as directory:
        old = Pod(Path(directory))
        old.run("v1", hand_over)
        at = old.processed_until
        Pod(Path(directory), 2, {"outputActionsFrom": rfc3339(at)}).run("v1")
        found = actual(old.results)
        whole = expected([Stage("x", "v1")])["x"]
        halves = [found["a-1"], found["a-2"]]
        assert [step for half in halves for step in half.transitions] == whole.transitions
        assert [note for half in halves for note in half.notifications] == whole.notifications
        acted = [event for half in halves for event in half.events if not event[2]]
        assert acted == whole.events


HALF_HOURS = st.integers(0, 48)
PLACES = {"Long Valley": (37.5, -118.5), "Long Valley's edge": (38.0, -119.0), "Hawaii": (19.5, -155.5)}
SHAKES = st.tuples(
    HALF_HOURS,
    st.sampled_from(sorted(PLACES)),
    st.sampled_from([1.0, 2.5]),
    st.sampled_from(["earthquake", "explosion"]),
)


def _coincidences(path: Path, shakes: list[tuple[int, str, float, str]]) -> None:
    """Write an input in which events lie exactly on the bounds of windows and of quiet times."""
    lines = ["time,id,latitude,longitude,depth_km,mag,mag_type,type,place"]
    for number, (half_hour, place, magnitude, kind) in enumerate(sorted(shakes)):
        latitude, longitude = PLACES[place]
        lines.append(f"{_at(half_hour)},q{number},{latitude},{longitude},1,{magnitude},ml,{kind},{place}")
    path.write_text("\n".join(lines) + "\n")


def _at(half_hour: float) -> str:
    return rfc3339(MIDWEEK + timedelta(minutes=30 * half_hour))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(SHAKES, min_size=1, max_size=40),
    st.sampled_from(["v1", "v2"]),
    st.lists(st.integers(0, 96), min_size=3, max_size=3).map(sorted),
    HALF_HOURS,
)
@example([(h, "Hawaii", 1.0, "earthquake") for h in (0, 0, 1, 6, 12)], "v1", [0, 24, 25], 3)
def test_events_and_bounds_that_coincide_are_judged_as_the_oracle_judges_them(
    shakes: list[tuple[int, str, float, str]], logic: str, bounds: list[int], stop: int
) -> None:
    """Given times that meet to the millisecond, when a run stops somewhere and goes on, then inclusive is inclusive."""
    with TemporaryDirectory() as directory:
        source = Path(directory) / "shakes.csv"
        _coincidences(source, shakes)
        names = ("startFrom", "outputActionsFrom", "notificationsFrom")
        window = {name: _at(bound / 2) for name, bound in zip(names, bounds, strict=True)}
        pod = Pod(Path(directory), window=dict(window))
        parameters = {"input": str(source), "threshold": "2"}
        pod.run(logic, MIDWEEK + timedelta(minutes=30 * stop), parameters=parameters)
        pod.run(logic, parameters=parameters)
        stage = Stage.of({"runID": "a-1", "logic": logic, "threshold": 2, **window})
        assert differences(expected([stage], source), actual(pod.results)) == []


def test_incidents_are_open_at_the_hand_over_and_go_on_in_the_new_version(tmp_path: Path) -> None:
    old = Pod(tmp_path)
    old.run("v1", MIDWEEK)
    assert old.report["outputs"]["open"] > 0
    at = old.processed_until
    Pod(tmp_path, 2, {"outputActionsFrom": rfc3339(at)}).run("v2")
    inherited = [
        step for step in actual(old.results)["a-2"].transitions if step.incident.split("@")[1] < rfc3339(at)
    ]
    assert inherited
    assert {step.change for step in inherited} <= {"updated", "closed"}


@settings(max_examples=8, deadline=None)
@given(positions)
@example(MIDWEEK)
def test_forward_only_equals_the_new_version_alone_and_tells_nobody_the_past(stop: datetime) -> None:
    with TemporaryDirectory() as directory:
        old = Pod(Path(directory))
        old.run("v1", stop)
        at = old.processed_until
        before = actual(old.results)["a-1"]
        code, answer = old.hook("revert", "v1")
        assert code == 0
        assert (answer["reverted"], answer["kept"], answer["notRevertible"]) == (
            len(before.transitions),
            len(before.events),
            len(before.notifications),
        )
        Pod(Path(directory), 2, {"notificationsFrom": rfc3339(at)}).run("v2")
        check(
            old,
            Stage("a-1", "v1", processed_until=at, reverted=True),
            Stage("a-2", "v2", notifications_from=at),
        )
        found = actual(old.results)["a-2"]
        assert found.transitions == expected([Stage("x", "v2")])["x"].transitions
        assert all(note.at >= at for note in found.notifications)


def test_a_rolled_back_run_goes_on_and_notifies_nobody_twice(tmp_path: Path) -> None:
    old = Pod(tmp_path)
    old.run("v1", MIDWEEK)
    at = old.processed_until
    new = Pod(tmp_path, 2, {"outputActionsFrom": rfc3339(at)})
    new.run("v2", MIDWEEK + timedelta(days=1))
    reached = new.processed_until
    new.hook("revert", "v2")
    old.window = {"notificationsFrom": rfc3339(reached)}
    old.run("v1")
    check(
        old,
        Stage("a-1", "v1", processed_until=at),
        Stage("a-2", "v2", None, at, processed_until=reached, reverted=True),
        Stage("a-1", "v1", notifications_from=reached),
    )


def test_a_copy_of_the_state_goes_on_in_the_next_incarnation(tmp_path: Path) -> None:
    old = Pod(tmp_path)
    old.run("v1", MIDWEEK)
    new = Pod(tmp_path, 2)
    (new.root / "state").mkdir(parents=True)
    (new.root / "state/checkpoint.json").write_bytes((old.root / "state/checkpoint.json").read_bytes())
    new.run("v1.1")
    check(new, Stage("a-1", "v1", processed_until=old.processed_until), Stage("a-2", "v1.1", continues="a-1"))


@pytest.mark.parametrize(("first", "second"), [("v1", "v2"), ("v1.1", "v2"), ("v2", "v1"), ("v2", "v1.1")])
def test_a_version_refuses_state_of_the_other_format(tmp_path: Path, first: str, second: str) -> None:
    pod = Pod(tmp_path)
    pod.run(first, MIDWEEK)
    before = (pod.root / "state/checkpoint.json").read_bytes()
    assert pod.run(second) == 1
    assert "StateRefusedError: state has format" in pod.report["error"]
    assert (pod.root / "state/checkpoint.json").read_bytes() == before


def test_the_input_begins_at_start_from(tmp_path: Path) -> None:
    pod = Pod(tmp_path, window={"startFrom": rfc3339(MIDWEEK)})
    pod.run("v1")
    check(pod, Stage("a-1", "v1", start_from=MIDWEEK))
    assert actual(pod.results)["a-1"].events[0][0] == 1


def test_nothing_is_ready_until_the_position_has_reached_output_actions_from(tmp_path: Path) -> None:
    pod = Pod(tmp_path, window={"outputActionsFrom": rfc3339(MIDWEEK)})
    ready = pod.root / "probe/ready"
    pod.run("v2", MIDWEEK - timedelta(hours=6))
    assert not ready.exists()
    assert not (pod.results / "a-1/incidents.jsonl").exists()
    pod.run("v2", MIDWEEK + timedelta(hours=6))
    assert ready.exists()


def test_a_run_that_has_taken_nothing_in_stands_where_it_began(tmp_path: Path) -> None:
    pod = Pod(tmp_path)
    pod.run("v1", QUAKES[0].at)
    assert pod.processed_until == QUAKES[0].at
    assert pod.report["outputs"] == {"open": 0, "emitted": 0, "reverted": 0}
    pod.run("v1", QUAKES[1].at)
    assert pod.processed_until == QUAKES[0].at + timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", "1"),
        ("threshold", "many"),
        ("quietHours", "0"),
        ("windowHours", "nan"),
        ("speed", "fast"),
        ("speed", "x0"),
    ],
)
def test_a_parameter_that_is_not_usable_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ContextError, match=name):
        Settings.of(RunContext(parameters={name: value}))


def test_speed_is_a_multiple_of_real_time_or_events_a_second() -> None:
    assert Pace.parse("x6000").delay(timedelta(minutes=10), 3) == 0.1
    assert Pace.parse("30/s").delay(timedelta(minutes=10), 3) == 0.1
    assert Pace.parse("max").delay(timedelta(minutes=10), 3) == 0


@pytest.mark.parametrize("logic", ["v1", "v1.1", "v2"])
@pytest.mark.parametrize("name", ["validate", "preflight", "verify"])
def test_checking_hooks_pass_on_a_sound_artifact(tmp_path: Path, name: str, logic: str) -> None:
    assert Pod(tmp_path).hook(name, logic)[0] == 0


def test_what_a_pod_shows_is_what_it_has_committed(tmp_path: Path) -> None:
    pod = Pod(tmp_path)
    pod.run("v1", MIDWEEK)
    path = pod.results / "a-1/incidents.jsonl"
    committed = path.read_text().splitlines()
    path.write_text("\n".join(committed) + '\n{"incident": "not committed"}\n')
    context = RunContext(run="a", run_id="a-1", incarnation=1)
    view = snapshot(Places(root=pod.root), context, with_events=True)
    assert view["incarnations"][0]["incidents"] == [json.loads(line) for line in committed]
    assert view["counter"] == len(view["incarnations"][0]["events"])
    assert view["processedUntil"] == pod.report["processedUntil"]
    assert "a-1 (live)" in table(view)


@pytest.mark.parametrize("logic", [V1, V2])
def test_state_survives_being_written_and_read(logic: Any) -> None:
    assert logic.load(json.loads(json.dumps(logic.dump(Detector(Settings()).regions)))) == {}


def _lines(pod: Pod, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (pod.results / "a-1" / f"{kind}.jsonl").read_text().splitlines()]
