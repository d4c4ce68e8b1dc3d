"""What happens to one request between the decision to send it and its first byte, and until its answer.

Opening a connection takes time, and a process can be frozen at any point of it. So the write guard is asked
by aiohttp itself, with the connection open, before each attempt to write the headers; the same hook stops
aiohttp from silently sending a PUT or DELETE again when a kept-alive connection breaks, and knows whether an
unanswered request was sent at all.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, Protocol, TypeVar

import aiohttp
from kubernetes.aio.config.config_exception import ConfigException

from scenario_operator.cluster import errors

_T = TypeVar("_T")


class WriteGuard(Protocol):
    """Whether this process may write at this very moment."""

    def holds(self) -> bool:
        """True while it is safe to write; asked right before sending, so it must only look at a clock."""
        ...


class Flight:
    """One request on its way; `sent` is True from the moment its headers may have left."""

    def __init__(self, guard: WriteGuard | None, *, once: bool) -> None:
        self._guard = guard
        self._once = once
        self.sent = False

    def board(self) -> None:
        """Let one attempt pass, or raise `LeaseLost` or `AnswerLost` without a byte written for it."""
        if self._once and self.sent:
            raise errors.AnswerLost("the connection broke after the request was sent")
        if self._guard is not None and not self._guard.holds():
            raise errors.LeaseLost("the lease is lost or about to expire: not sent")
        self.sent = True

    @contextmanager
    def under_way(self, context: str) -> Iterator[None]:
        """Attach this flight to the requests made inside, and wrap what aiohttp raises."""
        token = _flight.set(self)
        try:
            yield
        except ConfigException as error:
            raise errors.Unauthenticated(f"{context}: cannot renew credentials: {error}") from error
        except (aiohttp.ClientError, OSError) as error:  # OSError covers TimeoutError and ssl
            description = f"{context}: {type(error).__name__}: {error}"
            raise (errors.AnswerLost if self.sent else errors.Unreachable)(description) from error
        finally:
            _flight.reset(token)


_flight: ContextVar[Flight | None] = ContextVar("flight", default=None)


async def _before_headers(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    flight = _flight.get()
    if flight is not None:
        flight.board()


def tracing() -> aiohttp.TraceConfig:
    """The hook for a client session; despite its name it is called before the headers are written."""
    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(_before_headers)
    return config


async def uncancelled(effect: Coroutine[Any, Any, _T]) -> _T:
    """Run to the end even when the caller is cancelled; only then let the cancellation through."""
    task = asyncio.ensure_future(effect)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not complain: nobody is left to tell
        raise cancelled
    return task.result()
