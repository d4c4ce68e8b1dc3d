"""The loop that hands keys to controllers, and the one place that decides what an exception is worth.

A poison key has its own back-off and never delays others; whatever a controller raises, the loop goes on.
The workers must exist before kopf starts: kopf cancels every task that was made after it when it stops.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, Literal, Protocol

from scenario_operator.cluster import errors
from scenario_operator.cluster.context import Controller
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.queue import QueueClosed, WorkQueue

logger = logging.getLogger(__name__)

Result = Literal["done", "waiting", "conflict", "transient", "terminal", "timeout", "bug"]

#: A controller that waits for something is called again after this time at the latest: no watch is complete.
LONGEST_WAIT: Final = timedelta(seconds=30)
_PASS_SECONDS: Final = 60.0
_TERMINAL_SECONDS: Final = 30.0
#: From so many failures in a row on, a failing key is worth a warning.
_WORTH_A_WARNING: Final = 4


class PassObserver(Protocol):
    """Told about every pass."""

    def __call__(self, kind: str, result: Result, seconds: float) -> None: ...


class Workers:
    """A fixed number of workers over one queue."""

    def __init__(
        self,
        queue: WorkQueue[Key],
        controllers: Mapping[str, Controller],
        *,
        observe: PassObserver | None = None,
        about: Callable[[Key], object] = lambda _key: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`about` is told which key the logs of this task are about from now on."""
        self._queue = queue
        self._controllers = controllers
        self._observe = observe
        self._about = about
        self._clock = clock
        self._busy_since: dict[Key, float] = {}

    def longest_pass_seconds(self) -> float:
        """How long the longest pass under way has taken; one beyond two minutes is stuck."""
        return max((self._clock() - since for since in self._busy_since.values()), default=0.0)

    async def work(self) -> None:
        """Take keys until the queue is closed."""
        while True:
            try:
                key = await self._queue.get()
            except QueueClosed:
                return
            self._busy_since[key] = started = self._clock()
            result: Result = "bug"
            try:
                self._about(key)
                result = await self._pass(key)
            finally:
                del self._busy_since[key]
                self._queue.done(key)
                if self._observe is not None:
                    self._observe(key.kind, result, self._clock() - started)

    async def _pass(self, key: Key) -> Result:
        try:
            async with asyncio.timeout(_PASS_SECONDS):
                wake = await self._controllers[key.kind].reconcile(key)
        except errors.Transient as error:
            return self._again(key, error)
        except errors.Terminal as error:
            delay = self._queue.add_rate_limited(key, at_least_seconds=_TERMINAL_SECONDS)
            logger.warning(
                "refused key=%(key)s reason=%(reason)s retry_seconds=%(delay).0f: %(error)s",
                {"key": key, "reason": error.reason, "delay": delay, "error": error},
            )
            return "terminal"
        except TimeoutError:
            delay = self._queue.add_rate_limited(key)
            logger.warning("pass took too long key=%(key)s", {"key": key})
            return "timeout"
        except Exception:  # the worker loop is the one place for it: a bug must not stop other keys
            delay = self._queue.add_rate_limited(key)
            logger.exception("bug key=%(key)s retry_seconds=%(delay).1f", {"key": key, "delay": delay})
            return "bug"
        self._queue.forget(key)
        if wake is None:
            return "done"
        self._queue.add_after(key, min(wake, LONGEST_WAIT).total_seconds())
        return "waiting"

    def _again(self, key: Key, error: errors.Transient) -> Result:
        at_least = error.retry_after_seconds if isinstance(error, errors.TooManyRequests) else 0.0
        delay = self._queue.add_rate_limited(key, at_least_seconds=at_least)
        level = logging.WARNING if self._queue.failures(key) >= _WORTH_A_WARNING else logging.DEBUG
        logger.log(
            level,
            "again key=%(key)s retry_seconds=%(delay).1f: %(error)s",
            {"key": key, "delay": delay, "error": error},
        )
        return "conflict" if isinstance(error, errors.Conflict) else "transient"
