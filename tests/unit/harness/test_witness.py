"""What the witness asks the server for arrives, also when the server is busy at first."""

from __future__ import annotations

from contextlib import aclosing
from typing import cast

import aiohttp
from aiohttp import web
from tests.harness.fault_witness import Api
from tests.harness.faults import Upstream


class Busy:
    """Stands for an API server that refuses the first watch, as it does while a new kind gets ready."""

    server = ""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.query["resourceVersion"])
        if len(self.asked) == 1:
            return web.json_response({"kind": "Status", "code": 429}, status=429)
        event = '{"type": "ADDED", "object": {"metadata": {"name": "a", "resourceVersion": "8"}}}'
        return web.Response(text=f"{event}\n")


async def test_a_watch_that_is_refused_by_a_busy_server_is_begun_again_from_the_same_version() -> None:
    """Given a server that answers 429 at first, when a watch begins, then it has no gap; nor when it ends."""
    server = Busy()
    runner = web.ServerRunner(web.Server(server.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.server = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with (
            aiohttp.ClientSession() as session,
            aclosing(Api(cast("Upstream", server), session).events("/pods", "7")) as events,
        ):
            names = [(await anext(events))["object"]["metadata"]["name"] for _ in range(2)]
    finally:
        await runner.cleanup()

    assert names == ["a", "a"]
    assert server.asked == ["7", "7", "8"]
