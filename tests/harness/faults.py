"""Faults between an operator and its API server: a small language, and the proxy that commits them.

A fault of a call names what happens and to which mutating call, for example `killed after: patch scenarioruns/status r
#2`: the operator is killed when its second status write of run r has landed, before it learns of it. Calls are
counted in order; Lease and Event calls are passed on and not counted. Digests in names are written as `*`, so that
calls of two clusters can be compared. `500 x8: patch …` is a burst: that call and the next seven requests, whatever
they are about, reads and Leases among them. A fault of a watch names what happens to the stream of one kind.

The operator talks plain HTTP to the proxy, which holds the client certificate and forwards to the real server.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import socket
import ssl
import struct
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

JsonObject = dict[str, Any]
_SILENT = logging.getLogger(f"{__name__}.server")
_SILENT.disabled = True  # connections that we break ourselves are no news
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NOT_COUNTED = frozenset({"leases", "events"})
_DIGEST = re.compile(r"(?<=-)[0-9a-f]{10}(?=$|-)")
_PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[^/?]+)(?:/(?P<name>[^/?]+))?(?:/(?P<sub>[^/?]+))?$"
)
_HOP_BY_HOP = frozenset({"host", "connection", "transfer-encoding", "content-length", "accept-encoding"})


class Action(StrEnum):
    """What can happen to a call."""

    KILLED_BEFORE = "killed before"
    """The operator dies before the call reaches the server."""
    KILLED_AFTER = "killed after"
    """The call lands, and the operator dies before it learns of it."""
    KILLED_LATER = "killed later"
    """The call lands, the operator learns of it, and dies at its next call, which is not made."""
    ANSWER_LOST = "answer lost"
    """The call lands, and the connection breaks instead of an answer."""
    CONFLICT = "409"
    """Somebody else wrote first: refused, nothing lands."""
    BUSY = "429"
    """The server sheds load and says when to come again: nothing lands."""
    ERROR = "500"
    """The server fails; nothing lands."""
    RESET = "connection reset"
    """The connection breaks before the server has seen anything."""

    @property
    def lands(self) -> bool:
        """Whether the server carries the call out all the same."""
        return self in (Action.KILLED_AFTER, Action.KILLED_LATER, Action.ANSWER_LOST)

    @property
    def kills(self) -> bool:
        """Whether the operator dies with the call."""
        return self in (Action.KILLED_BEFORE, Action.KILLED_AFTER)


KILLS = (Action.KILLED_BEFORE, Action.KILLED_AFTER, Action.KILLED_LATER)
"""The moments of a call at which an operator can die."""
ENUMERATED = tuple(action for action in Action if action is not Action.KILLED_LATER)
"""What is tried at every call: there, to die later is to die before the next one."""


@dataclass(frozen=True, order=True)
class Call:
    """One mutating call, as the n-th of its kind; `resource` includes the subresource."""

    verb: str
    resource: str
    name: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.name} #{self.nth}"

    @classmethod
    def parse(cls, text: str) -> Call:
        """Read what `str` writes."""
        verb, resource, name, nth = text.split()
        return cls(verb, resource, name, int(nth.removeprefix("#")))


@dataclass(frozen=True)
class Fault:
    """What happens to which call; `times` above 1 makes it a burst, which hits the requests that follow it as well."""

    action: Action
    call: Call
    times: int = 1

    def __str__(self) -> str:
        burst = f" x{self.times}" if self.times > 1 else ""
        return f"{self.action}{burst}: {self.call}"

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read what `str` writes."""
        told, _, call = text.partition(": ")
        action, _, times = told.partition(" x")
        return cls(Action(action), Call.parse(call), int(times or 1))


class WatchAction(StrEnum):
    """What can happen to the events of one kind."""

    DELAYED = "delayed"
    """Every event arrives `seconds` late."""
    DROPPED = "dropped"
    """No event arrives until the kind is listed again, `lists` times at most."""
    DUPLICATED = "duplicated"
    """Every event arrives twice."""
    GONE = "410"
    """The stream says that its version is too old, before its `nth` event, and ends; each new one as well, `times`
    in all."""
    DEAD = "dead"
    """From the `nth` event on the stream is open and silent for `seconds`; then it breaks."""


@dataclass(frozen=True)
class WatchFault:
    """What happens to the watches of one kind (`pods`), or of all (`*`)."""

    action: WatchAction
    plural: str = "*"
    seconds: float = 0.0
    nth: int = 1
    times: int = 1

    def __str__(self) -> str:
        return (
            f"{self.action}: watch {self.plural} seconds={self.seconds:g} nth={self.nth} times={self.times}"
        )

    def concerns(self, plural: str) -> bool:
        """Say whether it is about this kind."""
        return self.plural in ("*", plural)


@dataclass
class Recorded:
    """A call that reached the proxy: what became of it, and when."""

    call: Call
    sent: bool
    code: int
    at: float
    fault: str = ""
    uid: str = ""
    """The uid that a DELETE named as its precondition."""


class Upstream:
    """The real API server of a kubeconfig, with its client certificate."""

    def __init__(self, kubeconfig: str) -> None:
        config = yaml.safe_load(Path(kubeconfig).read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = str(cluster["server"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.tls = ssl.create_default_context(cadata=authority)
        with (
            tempfile.NamedTemporaryFile() as pair
        ):  # the ssl module reads key and certificate from files only
            pair.write(base64.b64decode(user["client-key-data"]))
            pair.write(base64.b64decode(user["client-certificate-data"]))
            pair.flush()
            self.tls.load_cert_chain(pair.name)

    def session(self) -> aiohttp.ClientSession:
        """Open a session; its owner closes it."""
        connector = aiohttp.TCPConnector(ssl=self.tls, limit=0)
        timeout = aiohttp.ClientTimeout(total=None, connect=120)
        return aiohttp.ClientSession(
            connector=connector, timeout=timeout, read_bufsize=2**22, auto_decompress=False
        )


@dataclass
class Proxy:
    """Passes everything on, counts mutating calls, and commits each of its faults once.

    `kill` ends the operator at once; it is called before the call's connection is broken. An interlude is waited for
    before its call is passed on: whatever takes long in there makes the call land late. `choose` may add a fault to
    any call. `calls` has every mutating call in the order of arrival.
    """

    upstream: Upstream
    faults: Sequence[Fault] = ()
    watch_faults: Sequence[WatchFault] = ()
    kill: Callable[[], Awaitable[None]] | None = None
    interludes: Mapping[Call, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    choose: Callable[[Call], Fault | None] = lambda _call: None
    calls: list[Recorded] = field(default_factory=list)
    committed: list[str] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._lists: Counter[str] = Counter()
        self._events: Counter[tuple[str, WatchFault]] = Counter()
        self._spent: Counter[WatchFault] = Counter()
        self._marks: dict[tuple[str, WatchFault], int] = {}
        self._doomed = False
        self._burst: list[Action] = []
        self.under_way = 0
        self.last_write = time.monotonic()

    @asynccontextmanager
    async def running(self, kubeconfig: Path) -> AsyncIterator[Proxy]:
        """Serve for as long as the block lasts; `kubeconfig` is written to lead here."""
        async with self.upstream.session() as session:
            self._session = session
            server = web.Server(self._handle, access_log=None, logger=_SILENT)
            runner = web.ServerRunner(server, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            assert runner.addresses
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            kubeconfig.write_text(_kubeconfig(self.url))  # noqa: ASYNC240 (a few hundred bytes)
            try:
                yield self
            finally:
                await runner.cleanup()

    def quiet_seconds(self) -> float:
        """Return how long ago the last mutating call came; 0 while one is under way."""
        return 0.0 if self.under_way else time.monotonic() - self.last_write

    async def until_quiet(self, seconds: float) -> None:
        """Wait until no mutating call has come for so long."""
        while (left := seconds - self.quiet_seconds()) > 0:  # noqa: ASYNC110 (silence is not an event)
            await asyncio.sleep(min(left, 0.2))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        found = _PATH.match(request.path)
        plural = found["plural"] if found else ""
        burst = self._burst.pop() if self._burst else None
        counted = request.method != "GET" and found is not None and plural not in _NOT_COUNTED
        if burst is not None and not counted:
            return _failure(burst, request)
        if request.method == "GET":
            return await self._read(request, plural, named=bool(found and found["name"]))
        body = await request.read()
        if found is None or not counted:
            return await self._answered(request, body)
        return await self._mutate(request, body, found, burst)

    # --- Mutating calls -------------------------------------------------------------------------------

    async def _mutate(
        self, request: web.BaseRequest, body: bytes, found: re.Match[str], burst: Action | None
    ) -> web.StreamResponse:
        call = self._count(request.method, body, found)
        fault = self._fault(call)
        action = fault.action if fault is not None else burst
        record = Recorded(call, sent=action is None or action.lands, code=0, at=time.monotonic())
        record.uid = _precondition(request.method, body)
        self.calls.append(record)
        self.last_write, self.under_way = record.at, self.under_way + 1
        try:
            if call in self.interludes:
                self.committed.append(f"interlude: {call}")
                await self.interludes[call]()
            if action is None:
                answer = await self._answered(request, body)
                record.code = answer.status
                return answer
            record.fault = str(action)
            if fault is not None:
                self.committed.append(str(fault))
                self._burst = [action] * (fault.times - 1)
            return await self._commit(action, request, body, record)
        finally:
            self.last_write, self.under_way = time.monotonic(), self.under_way - 1

    def _fault(self, call: Call) -> Fault | None:
        if self._doomed:
            self._doomed = False
            return Fault(Action.KILLED_BEFORE, call)
        known = next((f for f in self.faults if f.call == call and str(f) not in self.committed), None)
        return known or self.choose(call)

    def _count(self, method: str, body: bytes, found: re.Match[str]) -> Call:
        name = found["name"] or ""
        if not name:
            with suppress(ValueError):
                name = (json.loads(body).get("metadata") or {}).get("name", "")
        resource = found["plural"] + (f"/{found['sub']}" if found["sub"] else "")
        key = (_VERBS[method], resource, _DIGEST.sub("*", name) or "-")
        self._counts[key] += 1
        return Call(*key, nth=self._counts[key])

    async def _commit(
        self, action: Action, request: web.BaseRequest, body: bytes, record: Recorded
    ) -> web.StreamResponse:
        if action.lands:
            answer = await self._answered(request, body)
            record.code = answer.status
        if action is Action.KILLED_LATER:
            self._doomed = True
            return answer
        if action.kills:
            assert self.kill is not None, "a fault that kills needs somebody to kill"
            await self.kill()
        if action.value.isdigit():
            record.code = int(action.value)
        return _failure(action, request)

    async def _answered(self, request: web.BaseRequest, body: bytes) -> web.Response:
        url = f"{self.upstream.server}{request.raw_path}"
        headers = _end_to_end(request.headers)
        # Without a body there must be no Content-Type either: aiohttp would make one up.
        async with self._session.request(request.method, url, data=body or None, headers=headers) as answer:
            payload = await answer.read()
            return web.Response(status=answer.status, body=payload, headers=_end_to_end(answer.headers))

    # --- Reads and watches ----------------------------------------------------------------------------

    async def _read(self, request: web.BaseRequest, plural: str, *, named: bool) -> web.StreamResponse:
        if request.query.get("watch") in ("true", "1"):
            return await self._watch(request, plural)
        answer = await self._answered(request, b"")
        if not named and answer.status == 200:
            self._lists[plural] += 1
        return answer

    async def _watch(self, request: web.BaseRequest, plural: str) -> web.StreamResponse:
        faults = [f for f in self.watch_faults if f.concerns(plural)]
        url = f"{self.upstream.server}{request.raw_path}"
        async with self._session.get(url, headers=_end_to_end(request.headers)) as answer:
            stream = web.StreamResponse(status=answer.status, headers=_end_to_end(answer.headers))
            await stream.prepare(request)
            with suppress(ConnectionError):
                async for line in _lines(request, answer.content):
                    for out in await self._spoilt(line, plural, faults):
                        await stream.write(out)
                        if out == _too_old():
                            return stream
        return stream

    async def _spoilt(self, line: bytes, plural: str, faults: Sequence[WatchFault]) -> list[bytes]:
        """Return what arrives of one event; raises `ConnectionError` where the stream breaks."""
        out = [line]
        for fault in faults:
            key = (plural, fault)
            self._events[key] += 1
            if fault.action is WatchAction.DELAYED:
                await asyncio.sleep(fault.seconds)
            elif fault.action is WatchAction.DUPLICATED:
                out = [*out, *out]
            elif fault.action is WatchAction.DROPPED:
                out = self._until_listed(plural, fault, out)
            elif self._events[key] >= fault.nth and self._spent[fault] < fault.times:
                self._spent[fault] += 1
                self.committed.append(str(fault))
                if fault.action is WatchAction.GONE:
                    return [_too_old()]
                await asyncio.sleep(fault.seconds)
                raise ConnectionError("the dead watch ends")
            if fault.action in (WatchAction.DELAYED, WatchAction.DUPLICATED):
                self.committed.append(str(fault))
        return out

    def _until_listed(self, plural: str, fault: WatchFault, out: list[bytes]) -> list[bytes]:
        """Swallow events from the `nth` on until `times` more lists of the kind have been answered."""
        key = (plural, fault)
        if self._events[key] < fault.nth:
            return out
        mark = self._marks.setdefault(key, self._lists[plural])
        if self._lists[plural] >= mark + fault.times:
            return out
        self.committed.append(str(fault))
        return []


async def _lines(request: web.BaseRequest, content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Read whole lines, however long, until either side hangs up."""
    rest = b""
    while request.transport is not None and not request.transport.is_closing():
        try:
            chunk = await asyncio.wait_for(content.readany(), timeout=1.0)
        except TimeoutError:
            continue
        except aiohttp.ClientError:
            return
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in headers.items() if k.lower() not in _HOP_BY_HOP}


def _precondition(method: str, body: bytes) -> str:
    if method != "DELETE" or not body:
        return ""
    return str((json.loads(body).get("preconditions") or {}).get("uid", ""))


def _failure(action: Action, request: web.BaseRequest) -> web.Response:
    """Give the caller what an action makes of an answer."""
    return _refusal(int(action.value)) if action.value.isdigit() else _broken(request)


def _broken(request: web.BaseRequest) -> web.Response:
    """Break the connection as a crashed peer does: with a reset, not a farewell."""
    transport = request.transport
    if transport is not None:
        raw: socket.socket = transport.get_extra_info("socket")
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=502)  # nobody is left to read it


def _refusal(code: int) -> web.Response:
    reason = {409: "Conflict", 429: "TooManyRequests", 500: "InternalError"}[code]
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "reason": reason,
        "message": f"{reason} made by the fault proxy",
        "code": code,
    }
    headers = {"Retry-After": "1"} if code == 429 else {}
    return web.json_response(status, status=code, headers=headers)


def _too_old() -> bytes:
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": "Expired",
        "message": "too old resource version (made by the fault proxy)",
        "code": 410,
    }
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


def _kubeconfig(url: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "faults",
            "clusters": [{"name": "faults", "cluster": {"server": url}}],
            "users": [{"name": "faults", "user": {}}],
            "contexts": [{"name": "faults", "context": {"cluster": "faults", "user": "faults"}}],
        }
    )
