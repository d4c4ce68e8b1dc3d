"""A deduplicating work queue with the semantics of client-go: a key is queued once, never runs twice at once,
and runs again when it was added while it ran.

Why our own: kopf's queues do not coalesce (five rapid events are five passes), and here a pass over a
Scenario looks at all of its runs. No locks: everything happens in one event loop, between awaits.
The queue must not know what a key means.
"""

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 300.0
_JITTER = 0.2
#: Events may cut a back-off short, but a failing key gets at most one pass per this time.
_FAILING_INTERVAL_SECONDS = 1.0
#: Of so many keys handed out, at least one comes from the background lane.
_BACKGROUND_SHARE = 8


class QueueClosed(Exception):  # noqa: N818 (not an error: it ends a worker's loop)
    """No more work will be handed out."""


class WorkQueue(Generic[K]):
    """Hand out keys to any number of workers.

    `min_interval` is the shortest time between the starts of two passes over one key, in seconds.
    `clock` must be the loop's own time, which timers run on; tests give a loop with a virtual one.
    """

    def __init__(
        self,
        *,
        min_interval: Callable[[K], float] = lambda _key: 0.0,
        clock: Callable[[], float] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._min_interval = min_interval
        self._loop = asyncio.get_running_loop()
        self._clock = clock or self._loop.time
        self._jitter = jitter
        self._lanes: tuple[deque[K], deque[K]] = (deque(), deque())  # urgent, background
        self._ready_since: dict[K, float] = {}
        self._lane_of: dict[K, int] = {}
        self._running: set[K] = set()
        self._again: dict[K, int] = {}  # added while running: their lane
        self._deadlines: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._sequence = 0
        self._timer: asyncio.TimerHandle | None = None
        self._failures: dict[K, int] = {}
        self._started: dict[K, float] = {}
        self._getters: deque[asyncio.Future[None]] = deque()
        self._handed_out = 0
        self._closed = False

    def add(self, key: K, *, background: bool = False) -> None:
        """Ask for a pass as soon as the key's interval allows; `background` yields to everything else."""
        failing_interval = 0.0
        if key in self._failures:
            failing_interval = min(_FAILING_INTERVAL_SECONDS, self._back_off(self._failures[key] - 1))
        self._admit(key, 1 if background else 0, max(self._min_interval(key), failing_interval))

    def add_after(self, key: K, seconds: float) -> None:
        """Ask for a pass in some time; of several wishes the earliest counts: its pass must wish anew."""
        if self._closed:
            return
        if seconds <= 0:
            self.add(key)
        else:
            self._schedule(key, self._clock() + seconds)

    def add_rate_limited(self, key: K, *, at_least_seconds: float = 0.0) -> float:
        """Ask for another try after a failure; each failure in a row doubles the delay, which is returned."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = max(self._back_off(failures) * (1 - _JITTER * self._jitter()), at_least_seconds)
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """The key is healthy again: its next failure is its first."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """How often in a row the key has failed."""
        return self._failures.get(key, 0)

    async def get(self) -> K:
        """Wait for a key; it is the caller's until `done`. Raises `QueueClosed`."""
        while True:
            if self._closed:
                raise QueueClosed
            key = self._pop()
            if key is not None:
                return key
            getter: asyncio.Future[None] = self._loop.create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                if getter.done() and not getter.cancelled():
                    self._wake_one()  # this one was meant to take a key: pass it on
                raise

    def done(self, key: K) -> None:
        """End the pass; if the key was added meanwhile it is queued again."""
        self._running.discard(key)
        if key not in self._failures and self._min_interval(key) <= 0:
            self._started.pop(key, None)  # nobody will ask, and keys come and go for as long as we run
        lane = self._again.pop(key, None)
        if lane is not None:
            self.add(key, background=lane == 1)

    def close(self) -> None:
        """Hand out nothing more and end all waiting; running passes are not touched."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        while self._getters:
            self._wake_one()

    @property
    def depth(self) -> int:
        """How many keys are ready and not handed out."""
        return len(self._ready_since)

    @property
    def running(self) -> int:
        """How many keys are handed out."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many keys have a time set for later."""
        return len(self._deadlines)

    def oldest_age_seconds(self) -> float:
        """How long the longest waiting ready key has been ready; 0 when none is."""
        return self._clock() - min(self._ready_since.values()) if self._ready_since else 0.0

    @staticmethod
    def _back_off(failures: int) -> float:
        return min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2.0 ** min(failures, 32))

    def _admit(self, key: K, lane: int, interval: float) -> None:
        """Queue the key, or set its time when its last pass began less than `interval` ago."""
        if self._closed:
            return
        if key in self._running:
            self._again[key] = min(lane, self._again.get(key, 1))
            return
        earliest = self._started.get(key, float("-inf")) + interval
        if interval > 0 and earliest > self._clock():
            self._schedule(key, earliest)
        else:
            self._push(key, lane)

    def _push(self, key: K, lane: int) -> None:
        current = self._lane_of.get(key)
        if current is None:
            self._ready_since[key] = self._clock()
        elif current <= lane:
            return
        self._lane_of[key] = lane  # its place in the other lane, if any, is passed over by _pop
        self._lanes[lane].append(key)
        self._wake_one()

    def _pop(self) -> K | None:
        first = 1 if self._handed_out % _BACKGROUND_SHARE == _BACKGROUND_SHARE - 1 else 0
        for lane in (first, 1 - first):
            while self._lanes[lane]:
                key = self._lanes[lane].popleft()
                if self._lane_of.get(key) == lane:
                    self._hand_out(key)
                    return key
        return None

    def _hand_out(self, key: K) -> None:
        del self._lane_of[key], self._ready_since[key]
        self._running.add(key)
        self._started[key] = self._clock()
        self._handed_out += 1

    def _wake_one(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    def _schedule(self, key: K, deadline: float) -> None:
        if deadline >= self._deadlines.get(key, float("inf")):
            return
        self._deadlines[key] = deadline
        self._sequence += 1
        heapq.heappush(self._heap, (deadline, self._sequence, key))
        self._arm()

    def _arm(self) -> None:
        """Keep exactly one timer, for the earliest deadline that still counts."""
        while self._heap and self._deadlines.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap and not self._closed:
            delay = max(0.0, self._heap[0][0] - self._clock())
            self._timer = self._loop.call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            deadline, _, key = heapq.heappop(self._heap)
            if self._deadlines.get(key) == deadline:
                del self._deadlines[key]
                self._admit(key, 0, self._min_interval(key))
        self._arm()
