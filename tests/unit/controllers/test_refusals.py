"""Refusals of the API server: what is told of them, and when it is forgotten."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from scenario_operator.api.foreign import NOTHING, Foreign
from scenario_operator.cluster.client import Client, Listing
from scenario_operator.cluster.errors import Forbidden, ServerError, Terminal, Unreachable
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import JsonObject
from scenario_operator.controllers.complaints import Missing, complaint, missing
from scenario_operator.controllers.refusals import Refusals
from scenario_operator.execution.read import record_of

KEY, OTHER = Key("run", "ns", "r"), Key("run", "ns", "other")


def test_a_refusal_for_good_is_told_at_once_and_once() -> None:
    known = Refusals()

    assert known.note(KEY, Forbidden("Forbidden", "no"), 0)
    assert not known.note(KEY, Forbidden("Forbidden", "no"), 1)
    assert (known.told(KEY), known.told(OTHER)) == (Foreign("no"), NOTHING)
    assert known.note(KEY, Terminal("Invalid", "no more"), 2)


def test_other_words_of_the_same_refusal_are_told_after_five_minutes_only() -> None:
    """Given a quota that counts in its words, when it refuses at every try, then they are no news for a while."""
    known = Refusals()

    news = [known.note(KEY, Forbidden("Forbidden", f"used: {n}"), 30.0 * n) for n in range(12)]

    assert [n for n, told in enumerate(news) if told] == [0, 10]
    assert known.told(KEY) == Foreign("used: 10")


def test_a_server_error_is_told_when_it_lasts_in_its_first_words() -> None:
    known = Refusals()

    news = [known.note(KEY, ServerError(f"webhook down, port {port}"), port) for port in range(8)]

    assert news == [False] * 4 + [True] + [False] * 3
    assert known.told(KEY) == Foreign("webhook down, port 0")


def test_what_was_let_through_is_forgotten() -> None:
    known = Refusals()
    for _ in range(4):
        known.note(KEY, ServerError("down"), 0)
    known.forget(KEY)

    assert not known.note(KEY, ServerError("down"), 0)
    assert not known.told(KEY)


def test_a_long_refusal_is_cut() -> None:
    known = Refusals()
    known.note(KEY, Forbidden("Forbidden", "x" * 5000), 0)

    assert len(known.told(KEY).shown()) == 512


# --- What controllers say -------------------------------------------------------------------------

SINCE = "2026-01-01T00:01:00Z"
RUN: JsonObject = {
    "metadata": {"name": "r", "namespace": "ns"},
    "status": {"conditions": [{"type": "Available", "status": "False", "lastTransitionTime": SINCE}]},
}


def workload(**more: Any) -> JsonObject:
    metadata = {"name": "r-1", "namespace": "ns", "uid": "w"}
    return {"kind": "StatefulSet", "metadata": metadata, "spec": {"replicas": 1}, **more}


def job(**more: Any) -> JsonObject:
    metadata = {"name": "j", "namespace": "ns", "uid": "w"}
    return {"kind": "Job", "metadata": metadata, "spec": {"suspend": False}, "status": {}, **more}


def event(time: str, kind: str = "Warning", note: str = "exceeded quota") -> JsonObject:
    return {"type": kind, "note": note, "deprecatedLastTimestamp": time}


class Told:
    """Has these Events of one object, or none to give."""

    def __init__(self, *events: JsonObject, fails: bool = False) -> None:
        self.events, self.fails = events, fails

    async def list(self, kind: object, namespace: str, *, field_selector: str) -> Listing:
        assert (namespace, field_selector) == ("ns", "regarding.uid=w")
        if self.fails:
            raise Unreachable("no")
        return Listing(self.events, "1")


def said(told: Told, maker: JsonObject, pods: tuple[JsonObject, ...] = (), run: JsonObject = RUN) -> str:
    client = cast("Client", told)
    return asyncio.run(complaint(client, missing(run, record_of(run), [maker], pods))).shown()


@pytest.mark.parametrize("maker", [workload(), job()])
def test_why_a_pod_cannot_be_made_is_what_its_controller_said_last(maker: JsonObject) -> None:
    older = event("2026-01-01T00:01:01Z", note="old")

    assert said(Told(event("2026-01-01T00:01:02Z"), older), maker) == "exceeded quota"


def test_an_event_series_counts_by_its_last_observation() -> None:
    repeated = {
        "type": "Warning",
        "note": "again",
        "eventTime": "2025-12-31T00:00:00.000000Z",
        "series": {"lastObservedTime": datetime.now(UTC).isoformat()},
    }

    assert said(Told(repeated, event("2026-01-01T00:02:00Z")), workload()) == "again"


BEYOND = ["10000-01-01T04:59:59Z", "0000-01-01T00:00:00Z", "2026-01-01T00:00:00+24:00", "soon"]
"""Times that a JSON object can have and a calendar does not: the API server writes the first two itself."""


@pytest.mark.parametrize("time", BEYOND)
@pytest.mark.parametrize("field", ["deprecatedLastTimestamp", "eventTime"])
def test_an_event_of_no_time_says_nothing_and_hides_no_other(field: str, time: str) -> None:
    """Given an Event that anybody may write, when its time cannot be read, then it is left out and nothing raises."""
    odd = {"type": "Warning", "note": "odd", field: time}
    assert said(Told(odd), workload()) == ""
    assert said(Told(odd, event("2026-01-01T00:02:00Z")), workload()) == "exceeded quota"


def test_an_event_series_of_no_time_counts_by_its_other_times() -> None:
    odd = {**event("2026-01-01T00:02:00Z"), "series": {"lastObservedTime": BEYOND[0]}}
    assert said(Told(odd), workload()) == "exceeded quota"


@pytest.mark.parametrize("time", BEYOND)
def test_a_condition_of_no_time_does_not_say_since_when_a_pod_is_missed(time: str) -> None:
    """Given a status that a hand has edited, then nobody is asked, and nothing raises."""
    stated = {"type": "Available", "status": "False", "lastTransitionTime": time}
    assert said(Told(), workload(), run={**RUN, "status": {"conditions": [stated]}}) == ""


@pytest.mark.parametrize(
    "told",
    [
        Told(),
        Told(event("2026-01-01T00:00:10Z")),
        Told(event("2026-01-01T00:01:02Z"), event("2026-01-01T00:01:03Z", "Normal", "created")),
        Told(event("2026-01-01T00:01:02Z"), fails=True),
    ],
    ids=["nothing", "long ago", "created since", "not allowed to ask"],
)
def test_without_a_complaint_that_holds_nothing_is_said(told: Told) -> None:
    assert said(told, workload()) == ""


@pytest.mark.parametrize(
    "maker",
    [
        workload(spec={"replicas": 0}),
        job(spec={"suspend": True}),
        job(status={"conditions": [{"type": "Complete", "status": "True"}]}),
    ],
)
def test_nobody_is_asked_about_what_needs_no_pod(maker: JsonObject) -> None:
    assert said(Told(event("2026-01-01T00:01:02Z")), maker) == ""


def test_nobody_is_asked_about_what_has_its_pod_or_is_available() -> None:
    told = Told(event("2026-01-01T00:01:02Z"))
    pod = {"metadata": {"ownerReferences": [{"uid": "w"}]}}

    assert said(told, workload(), (pod,)) == ""
    assert said(told, workload(), run={**RUN, "status": {}}) == ""


def test_events_are_looked_at_soon_and_then_less_and_less_often() -> None:
    lacking, now, looks = Missing(workload(), 1000.0), 1000.0, []
    while now < 1060.0:
        now += lacking.looks_again_in(now)
        looks.append(now - 1000.0)

    assert looks == [4.0, 8.0, 16.0, 32.0, 64.0]
    assert not lacking.may_be_asked(1003.9)
    assert lacking.may_be_asked(1004.0)
