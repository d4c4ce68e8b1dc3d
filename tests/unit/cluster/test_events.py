"""Events: told once, in the background, and never in the way."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from tests.unit.cluster.virtual_time import run

from scenario_operator.cluster import errors
from scenario_operator.cluster.client import Client
from scenario_operator.cluster.events import EventPoster
from scenario_operator.cluster.kinds import EVENT, JsonObject

RUN = {
    "apiVersion": "scenarios.dev/v1alpha1",
    "kind": "ScenarioRun",
    "metadata": {"name": "r", "namespace": "ns", "uid": "u", "resourceVersion": "4"},
}
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Recorder:
    """Keeps what would be created."""

    def __init__(self, error: errors.ClusterError | None = None, seconds: float = 0.0) -> None:
        self.created: list[JsonObject] = []
        self._error = error
        self._seconds = seconds

    async def create(self, kind: Any, namespace: str, manifest: Mapping[str, Any]) -> JsonObject:
        assert (kind, namespace) == (EVENT, "ns")
        await asyncio.sleep(self._seconds)
        self.created.append(dict(manifest))
        if self._error is not None:
            raise self._error
        return {}


def poster(recorder: Recorder, clock: list[datetime] | None = None) -> EventPoster:
    times = clock or [NOON]
    return EventPoster(
        cast("Client", recorder), controller="scenarios.dev/operator", instance="pod_1", now=lambda: times[0]
    )


async def post_all(recorder: Recorder, *notes: str, clock: list[datetime] | None = None) -> None:
    posting = poster(recorder, clock)
    for note in notes:
        posting.post(RUN, "Warning", "Held", note, action="Upgrade")
        if clock is not None:
            clock.append(clock.pop(0) + timedelta(minutes=10))
    posting.drain()
    await posting.run()


def test_an_event_says_what_happened_to_which_object() -> None:
    recorder = Recorder()
    run(post_all(recorder, "held by failures"))

    event = recorder.created[0]
    assert event["regarding"] == {
        "apiVersion": "scenarios.dev/v1alpha1",
        "kind": "ScenarioRun",
        "namespace": "ns",
        "name": "r",
        "uid": "u",
        "resourceVersion": "4",
    }
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "Held", "Upgrade")
    assert event["note"] == "held by failures"
    assert event["eventTime"] == "2026-11-22T12:00:00.000000Z"
    assert (event["reportingController"], event["reportingInstance"]) == ("scenarios.dev/operator", "pod_1")


def test_the_same_sentence_within_minutes_is_the_same_event() -> None:
    recorder = Recorder()
    run(post_all(recorder, "same", "same", "other"))

    named = [event["metadata"]["name"] for event in recorder.created]
    assert named[0] == named[1] != named[2]
    assert named[0].startswith("r.")


def test_the_same_sentence_later_is_news() -> None:
    recorder = Recorder()
    run(post_all(recorder, "same", "same", clock=[NOON]))

    assert len({event["metadata"]["name"] for event in recorder.created}) == 2


@pytest.mark.parametrize(
    "error", [errors.AlreadyExists("said"), errors.Forbidden("Forbidden", "no"), errors.Unreachable("down")]
)
def test_no_failure_reaches_the_caller(error: errors.ClusterError) -> None:
    recorder = Recorder(error)
    run(post_all(recorder, "a", "b"))

    assert len(recorder.created) == 2


def test_posting_does_not_wait_for_a_slow_server() -> None:
    async def main() -> float:
        posting = poster(Recorder(seconds=10))
        task = asyncio.create_task(posting.run())
        await asyncio.sleep(0)
        for number in range(5):
            posting.post(RUN, "Normal", "Held", str(number))
        moment = asyncio.get_running_loop().time()
        task.cancel()
        return moment

    assert run(main()) == 0.0


def test_the_oldest_news_are_dropped_when_nobody_takes_them() -> None:
    async def main() -> list[str]:
        recorder = Recorder()
        posting = poster(recorder)
        for number in range(1500):
            posting.post(RUN, "Normal", "Held", str(number))
        posting.drain()
        await posting.run()
        return [event["note"] for event in recorder.created]

    notes = run(main())
    assert (len(notes), notes[0], notes[-1]) == (1000, "500", "1499")


def test_a_long_note_is_cut_to_what_the_api_takes() -> None:
    recorder = Recorder()
    run(post_all(recorder, "x" * 5000, "ü" * 5000, "ü" * 512))

    notes = [event["note"] for event in recorder.created]
    assert [len(note.encode()) for note in notes] == [1024, 1023, 1024]
    assert [note[-1] for note in notes] == ["…", "…", "ü"]
