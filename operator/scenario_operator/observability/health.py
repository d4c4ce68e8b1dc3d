"""The HTTP endpoints for the kubelet and Prometheus.

Liveness must fail when nothing can get better without a restart, and only then: a standby that waits and a
leader whose API server is away are alive. kopf's own liveness says only that the loop turns.
"""

from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_EXPOSITION_FORMAT: Final = "text/plain; version=0.0.4; charset=utf-8"


class Health(Protocol):
    """The state of the process, as sentences about what is wrong; none means well."""

    def problems(self) -> list[str]:
        """What only a restart can heal."""
        ...

    def waiting_for(self) -> list[str]:
        """Why this process is not yet of use, as a leader or as a standby."""
        ...


@asynccontextmanager
async def serve(
    health: Health,
    exposition: Callable[[], bytes],
    *,
    port: int,
    host: str = "0.0.0.0",  # noqa: S104
) -> "AsyncIterator[int]":
    """Serve /healthz, /readyz and /metrics until the block ends; gives the port (useful when asked for 0).

    The probes come from the kubelet, hence every interface; nothing here is secret or changes anything.
    """

    async def alive(_: web.Request) -> web.Response:
        return _answer(health.problems())

    async def ready(_: web.Request) -> web.Response:
        return _answer([*health.problems(), *health.waiting_for()])

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": _EXPOSITION_FORMAT})

    app = web.Application()
    app.router.add_get("/healthz", alive)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _answer(complaints: list[str]) -> web.Response:
    if complaints:
        return web.Response(status=503, text="\n".join(complaints) + "\n")
    return web.Response(text="ok\n")
