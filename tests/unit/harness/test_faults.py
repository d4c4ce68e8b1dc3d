"""The fault proxy does what each fault says, no more: what lands, what does not, and what the caller sees."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from tests.harness.fault_witness import Testimony, differences, timeless
from tests.harness.faults import Action, Call, Fault, Proxy, Upstream, WatchAction, WatchFault

PODS = "/api/v1/namespaces/ns/pods"
CALL = Call("create", "pods", "a")
JOURNAL = {
    "id": "p1",
    "grantID": "g",
    "toRevision": "s-r2",
    "openedAt": "12:00",
    "begun": [{"id": "stop", "at": "12:01"}],
    "facts": [{"name": "window", "value": "{}"}],
}
EVENTS = [{"type": "ADDED", "object": {"metadata": {"name": str(n)}}} for n in range(4)]


class Server:
    """Stands for the API server: remembers what landed, and has a stream of four events."""

    server = ""

    def __init__(self) -> None:
        self.landed: list[str] = []

    def session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(auto_decompress=False)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "GET":
            self.landed.append(f"{request.method} {request.path}")
            return web.json_response({"made": True}, status=201)
        if "watch" not in request.query:
            return web.json_response({"items": []})
        stream = web.StreamResponse()
        await stream.prepare(request)
        for event in EVENTS:
            await stream.write(json.dumps(event).encode() + b"\n")
        return stream


@asynccontextmanager
async def between(folder: Path, **faults: Any) -> AsyncIterator[tuple[Server, Proxy, aiohttp.ClientSession]]:
    """Give a server, a proxy before it, and a client of the proxy."""
    server = Server()
    runner = web.ServerRunner(web.Server(server.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.server = f"http://127.0.0.1:{runner.addresses[0][1]}"
    proxy = Proxy(cast("Upstream", server), **faults)
    try:
        async with proxy.running(folder / "kubeconfig"), aiohttp.ClientSession(proxy.url) as client:
            yield server, proxy, client
    finally:
        await runner.cleanup()


async def create(client: aiohttp.ClientSession) -> str:
    """Create pod a; return the status, or `broken`."""
    try:
        async with client.post(PODS, json={"metadata": {"name": "a"}}) as answer:
            await answer.read()
            return f"{answer.status} {answer.headers.get('Retry-After', '')}".strip()
    except aiohttp.ClientError:
        return "broken"


@pytest.mark.parametrize(
    ("action", "seen", "lands", "kills"),
    [
        (Action.KILLED_BEFORE, "broken", False, 1),
        (Action.KILLED_AFTER, "broken", True, 1),
        (Action.ANSWER_LOST, "broken", True, 0),
        (Action.CONFLICT, "409", False, 0),
        (Action.BUSY, "429 1", False, 0),
        (Action.ERROR, "500", False, 0),
        (Action.RESET, "broken", False, 0),
    ],
)
async def test_a_fault_is_committed_once_and_on_its_call_only(
    tmp_path: Path, action: Action, seen: str, lands: bool, kills: int
) -> None:
    """Given a fault at the first creation of a pod, when it is created twice, then the second time all is well."""
    killed: list[bool] = []

    async def kill() -> None:
        killed.append(True)

    async with between(tmp_path, faults=[Fault(action, CALL)], kill=kill) as (server, proxy, client):
        first, second = await create(client), await create(client)

    assert (first, second) == (seen, "201")
    assert len(server.landed) == 1 + lands
    assert len(killed) == kills
    assert proxy.committed == [str(Fault(action, CALL))]
    assert [str(record.call) for record in proxy.calls] == ["create pods a #1", "create pods a #2"]


async def test_who_is_killed_later_learns_of_its_call_and_does_not_make_the_next(tmp_path: Path) -> None:
    """Given a kill after the first call, when two are made, then the first is answered and the second never lands."""
    killed: list[int] = []
    server: Server

    async def kill() -> None:
        killed.append(len(server.landed))

    later = Fault(Action.KILLED_LATER, CALL)
    async with between(tmp_path, faults=[later], kill=kill) as (server, proxy, client):
        assert [await create(client) for _ in range(3)] == ["201", "broken", "201"]

    assert killed == [1]
    assert len(server.landed) == 2
    assert [record.fault for record in proxy.calls] == ["killed later", "killed before", ""]


async def test_faults_can_be_chosen_as_calls_come(tmp_path: Path) -> None:
    """Given somebody who chooses, when calls come, then exactly the chosen one is hit."""
    second = Call("create", "pods", "a", 2)

    def choose(call: Call) -> Fault | None:
        return Fault(Action.CONFLICT, call) if call == second else None

    async with between(tmp_path, choose=choose) as (server, _, client):
        assert [await create(client) for _ in range(3)] == ["201", "409", "201"]

    assert len(server.landed) == 2


@pytest.mark.parametrize(("action", "seen"), [(Action.BUSY, "429 1"), (Action.ERROR, "500")])
async def test_a_burst_hits_what_follows_reads_and_leases_among_it(
    tmp_path: Path, action: Action, seen: str
) -> None:
    """Given a burst of four at a call, when reads, Leases and calls follow, then three of them are hit as well."""
    lease = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/l"

    async def other(client: aiohttp.ClientSession, method: str, path: str) -> bool:
        async with client.request(method, path, json={}) as answer:
            return answer.status < 300

    async with between(tmp_path, faults=[Fault(action, CALL, times=4)]) as (server, proxy, client):
        assert await other(client, "GET", PODS)
        told = [await create(client), await create(client)]
        through = [await other(client, *each) for each in (("GET", PODS), ("PUT", lease), ("GET", PODS))]
        last = await create(client)

    assert (told, through, last) == ([seen, seen], [False, False, True], "201")
    assert server.landed == [f"POST {PODS}"]
    assert proxy.committed == [str(Fault(action, CALL, times=4))]


async def test_leases_and_events_are_passed_on_and_not_counted(tmp_path: Path) -> None:
    """Given a proxy, when a Lease and an Event are written, then both land and neither has a number."""
    lease = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/l"
    async with between(tmp_path) as (server, proxy, client):
        for path in (lease, "/apis/events.k8s.io/v1/namespaces/ns/events/e"):
            async with client.put(path, json={}) as answer:
                assert answer.status == 201
        async with client.patch(f"{PODS}/r-0123456789/status", json={}) as answer:
            assert answer.status == 201

    assert len(server.landed) == 3
    assert [str(record.call) for record in proxy.calls] == ["patch pods/status r-* #1"]


async def test_an_interlude_makes_its_call_land_late(tmp_path: Path) -> None:
    """Given an interlude, when its call comes, then the call reaches the server after it and not before."""
    landed_before: list[int] = []
    server: Server

    async def interlude() -> None:
        landed_before.append(len(server.landed))

    waits: dict[Call, Callable[[], Awaitable[None]]] = {CALL: interlude}
    async with between(tmp_path, interludes=waits) as (server, _, client):
        assert await create(client) == "201"

    assert (landed_before, len(server.landed)) == ([0], 1)


async def _watched(client: aiohttp.ClientSession) -> list[str]:
    """Return what arrives of the stream: names of objects, `410`, or nothing more."""
    async with client.get(f"{PODS}?watch=true") as answer:
        lines = [json.loads(line) async for line in answer.content]
    return [line["object"]["metadata"]["name"] if line["type"] == "ADDED" else "410" for line in lines]


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (WatchFault(WatchAction.DELAYED, seconds=0.01), ["0", "1", "2", "3"]),
        (WatchFault(WatchAction.DUPLICATED, "pods"), ["0", "0", "1", "1", "2", "2", "3", "3"]),
        (WatchFault(WatchAction.DROPPED, "pods"), []),
        (WatchFault(WatchAction.DROPPED, "pods", nth=3), ["0", "1"]),
        (WatchFault(WatchAction.GONE, "pods", nth=3), ["0", "1", "410"]),
        (WatchFault(WatchAction.DEAD, "pods", nth=2, seconds=0.01), ["0"]),
        (WatchFault(WatchAction.DROPPED, "jobs"), ["0", "1", "2", "3"]),
    ],
)
async def test_a_watch_is_spoilt_as_asked_for(tmp_path: Path, fault: WatchFault, seen: list[str]) -> None:
    """Given a fault of a watch, when four events come, then those arrive that the fault lets through."""
    async with between(tmp_path, watch_faults=[fault]) as (_, proxy, client):
        assert await _watched(client) == seen
        if fault.action is WatchAction.DROPPED and fault.plural == "pods":
            async with client.get(PODS) as answer:
                assert answer.status == 200
            assert await _watched(client) == ["0", "1", "2", "3"]

    assert bool(proxy.committed) is (fault.plural != "jobs")


def test_two_worlds_that_differ_in_clocks_and_names_only_are_equal() -> None:
    """Given worlds made at other times, when they are compared, then only what matters counts."""

    def world(uid: str, second: int, replicas: int) -> dict[str, Any]:
        metadata = {"name": "r-1", "uid": uid, "resourceVersion": str(second)}
        status = {"since": f"2026-01-01T00:00:0{second}Z", "of": uid, "replicas": replicas}
        return {"StatefulSet/r-1": {"metadata": metadata, "status": status}}

    one, other = f"{'1' * 8}-1111-1111-1111-{'1' * 12}", f"{'2' * 8}-2222-2222-2222-{'2' * 12}"
    expected = timeless(world(one, 1, 1), "ns")

    assert not list(differences(expected, timeless(world(other, 2, 1), "ns")))
    assert list(differences(expected, timeless(world(other, 2, 0), "ns"))) == [
        ".StatefulSet/r-1.status.replicas: 1 became 0"
    ]


def test_a_testimony_holds_against_the_operator_what_no_end_state_shows() -> None:
    """Given two live pods, a fact that moved and a hook that ran twice, then each is told."""
    testimony = Testimony()

    def pod(uid: str, labels: dict[str, str], phase: str) -> None:
        testimony.pod(
            "MODIFIED", {"metadata": {"uid": uid, "name": uid, "labels": labels}, "status": {"phase": phase}}
        )

    def fact(value: str) -> None:
        journal = {**JOURNAL, "facts": [{"name": "stop", "value": value}]}
        testimony.run({"metadata": {}, "status": {"upgrade": journal}})

    for uid in ("a", "b"):
        pod(uid, {"scenarios.dev/component": "workload"}, "Running")
        pod(f"hook-{uid}", {"batch.kubernetes.io/job-name": "r-revert-0"}, "Succeeded")
        pod(f"hook-{uid}", {"batch.kubernetes.io/job-name": "r-revert-0"}, "Succeeded")
        fact(uid)

    assert testimony.violations == ["two live pods: ['a', 'b']", "the fact stop was a and is b"]
    assert testimony.hooks == {"r-revert": 2}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"begun": [{"id": "stop", "at": "13:00"}]}, "the beginning of stop was 12:01 and is 13:00"),
        ({"openedAt": "13:00"}, "the opening was 12:00 and is 13:00"),
        ({"facts": []}, "the fact window was {} and is None"),
    ],
)
def test_a_testimony_tells_what_has_moved_in_an_open_journal(changed: dict[str, Any], told: str) -> None:
    """Given a journal, when a time or a fact in it changes, then that is told."""
    testimony = Testimony()
    for journal in (JOURNAL, JOURNAL, JOURNAL | changed):
        testimony.run({"metadata": {}, "status": {"upgrade": journal}})

    assert testimony.violations == [told]


@pytest.mark.parametrize(
    ("start", "bound", "told"),
    [
        ("12:00", "11:00", []),
        ("13:00", "11:00", ["g of 12:00 ended as ('g', '13:00')"]),
        ("12:00", "10:00", ["the window {\"start_from\": \"11:00\"} became {'startFrom': '10:00'}"]),
    ],
)
def test_a_testimony_compares_the_end_of_a_journal_with_what_it_said(
    start: str, bound: str, told: list[str]
) -> None:
    """Given a journal that has ended, when the record of it says something else, then that is told."""
    testimony = Testimony()
    window = [{"name": "window", "value": json.dumps({"start_from": "11:00"})}]
    testimony.run({"metadata": {}, "status": {"upgrade": {**JOURNAL, "facts": window}}})
    history = [{"grantID": "g", "startTime": start}]
    ended = {"applied": {"revision": "s-r2"}, "history": history, "window": {"startFrom": bound}}
    testimony.run({"metadata": {}, "status": ended})

    assert testimony.violations == told
