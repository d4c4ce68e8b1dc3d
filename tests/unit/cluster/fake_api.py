"""A real HTTP server on loopback that answers what a test tells it to, and keeps what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from scenario_operator.cluster.bucket import UNLIMITED
from scenario_operator.cluster.client import CallObserver, KubernetesClient, connect
from scenario_operator.cluster.flight import WriteGuard


@dataclass
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeApi:
    """Answers from a list, then with 200 and an empty object."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    has_asked: asyncio.Event = field(default_factory=asyncio.Event)

    def will(self, *answers: Answer) -> None:
        self.answers.extend(answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        self.asked.append(
            Asked(
                request.method,
                request.path,
                dict(request.query),
                dict(request.headers),
                json.loads(text) if text else None,
            )
        )
        self.has_asked.set()
        answer = self.answers.pop(0) if self.answers else ok({})
        return await answer(request)


def ok(body: Any) -> Answer:
    """200 with a JSON body."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    return answer


def refusal(code: int, reason: str = "", *, headers: dict[str, str] | None = None, **status: Any) -> Answer:
    """A `Status` as the API server sends it."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(
            {"kind": "Status", "code": code, "reason": reason, "message": "no", **status},
            status=code,
            headers=headers,
        )

    return answer


def text(code: int, body: str) -> Answer:
    """What a proxy in between may say."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=code, text=body)

    return answer


def hang_up() -> Answer:
    """Break the connection without an answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        await asyncio.sleep(0.01)
        return web.Response()

    return answer


def late(seconds: float, body: Any) -> Answer:
    """200 after a while."""

    async def answer(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.json_response(body)

    return answer


@asynccontextmanager
async def fake_api() -> AsyncIterator[FakeApi]:
    """A server for one test."""
    api = FakeApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await runner.cleanup()


@asynccontextmanager
async def client_of(
    url: str,
    *,
    guard: WriteGuard | None = None,
    observe: CallObserver | None = None,
    timeout_seconds: float = 5.0,
) -> AsyncIterator[KubernetesClient]:
    """Our client for such a server."""
    configuration = Configuration(host=url)
    configuration.client_session_kwargs = {"trust_env": False}
    async with connect(configuration, version="1.2.3", suffix=" test") as pool:
        yield KubernetesClient(
            pool,
            bucket=UNLIMITED,
            guard=guard,
            observe=observe,
            read_timeout_seconds=timeout_seconds,
            write_timeout_seconds=timeout_seconds,
        )
