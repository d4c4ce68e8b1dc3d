"""The process: what is made from what, in which order it starts, and in which order it stops.

Start: configuration, client, health, the four CRDs, the lease (a standby waits here and watches nothing), our
own list of everything, the workers (made before kopf, which cancels younger tasks when it stops), kopf.
Stop: intake, effects under way, Events, the lease, kopf last.
Any part that ends by itself ends the process: a restart is cheap and writes nothing.
"""

import asyncio
import gc
import logging
import signal
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Final, TypeAlias

from scenario_operator.api import names
from scenario_operator.cluster import errors, wake
from scenario_operator.cluster.bucket import UNLIMITED, TokenBucket
from scenario_operator.cluster.client import KubernetesClient
from scenario_operator.cluster.clock import ServerClock
from scenario_operator.cluster.connection import Connection, open_connection
from scenario_operator.cluster.context import Context, Controller
from scenario_operator.cluster.discovery import NotServed, wait_for_own_kinds
from scenario_operator.cluster.events import EventPoster
from scenario_operator.cluster.keys import BY_SCENARIO, Key, indices
from scenario_operator.cluster.kinds import RUN, WATCHED_KINDS
from scenario_operator.cluster.lease import Lease, Terms
from scenario_operator.cluster.queue import WorkQueue
from scenario_operator.cluster.resync import Resync
from scenario_operator.cluster.store import Store, filed
from scenario_operator.cluster.trims import TRIMS
from scenario_operator.cluster.worker import Workers
from scenario_operator.observability import health, logs
from scenario_operator.observability.metrics import Metrics

logger = logging.getLogger(__name__)

BuildControllers: TypeAlias = Callable[[Context], Mapping[str, Controller]]

EXIT_STOPPED: Final = 0
EXIT_FAILED: Final = 1
EXIT_REFUSED: Final = 2

#: A Scenario's pass looks at all of its runs: the more there are, the rarer it is, up to one a second.
_SCENARIO_INTERVAL_SECONDS: Final = (0.2, 1.0)
_SECONDS_PER_RUN: Final = 0.02
_STUCK_PASS_SECONDS: Final = 120.0
_DRAIN_SECONDS: Final = 5.0
_LAST_EVENTS_SECONDS: Final = 2.0
_KOPF_STOP_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set from outside; no namespaces means all of them."""

    namespaces: tuple[str, ...] = ()
    kubeconfig: Path | None = None
    context: str | None = None
    lease_namespace: str = "default"
    lease_name: str = names.CONTROLLER
    lease: Terms = field(default_factory=Terms)
    workers: int = 8
    qps: float = 50.0
    burst: int = 100
    resync_seconds: float = 300.0
    crd_wait_seconds: float = 60.0
    port: int = 8080
    log_format: logs.Format = "json"
    log_level: str = "INFO"


async def run(settings: Settings, build_controllers: BuildControllers) -> int:
    """Run until SIGTERM, SIGINT or the end of a part; gives the exit code."""
    logs.configure(settings.log_format, settings.log_level)
    stop = asyncio.Event()
    _stop_on_signals(stop)
    try:
        async with AsyncExitStack() as stack:
            opening = open_connection(settings.kubeconfig, settings.context, version=operator_version())
            process = _Process(settings, await stack.enter_async_context(opening), stop)
            await stack.enter_async_context(_health(process, settings.port))
            return await process.run(build_controllers)
    except errors.Terminal as refusal:
        logger.error("%(refusal)s", {"refusal": refusal})  # noqa: TRY400 (a sentence for people, not a bug)
        return EXIT_REFUSED if isinstance(refusal, NotServed) else EXIT_FAILED


def operator_version() -> str:
    """The version of the installed distribution."""
    try:
        return installed_version("scenario-operator")
    except PackageNotFoundError:
        return "0+source"


class _Process:
    """The parts that live as long as the process, and what its health is judged by (`health.Health`)."""

    def __init__(self, settings: Settings, connection: Connection, stop: asyncio.Event) -> None:
        self._settings = settings
        self._connection = connection
        self._stop = stop
        self.metrics = Metrics(operator_version())
        self._clock = ServerClock()
        self._identity = f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
        self._lease = Lease(
            KubernetesClient(
                connection.pool,
                bucket=UNLIMITED,
                observe=self.metrics.call,
                clock=self._clock,
                read_timeout_seconds=settings.lease.renew_seconds,
                write_timeout_seconds=settings.lease.renew_seconds,
            ),
            namespace=settings.lease_namespace,
            name=settings.lease_name,
            identity=self._identity,
            terms=settings.lease,
        )
        self._client = KubernetesClient(
            connection.pool,
            bucket=TokenBucket(settings.qps, settings.burst),
            guard=self._lease,
            observe=self.metrics.call,
            clock=self._clock,
        )
        self.metrics.watch_leadership(self._lease.holds)
        self._waiting_for = "the custom resource definitions"
        self._listed_at: float | None = None
        self._workers: Workers | None = None

    def problems(self) -> list[str]:
        found = []
        if self._workers is not None and self._workers.longest_pass_seconds() > _STUCK_PASS_SECONDS:
            found.append("a pass over one key does not end")
        if self._listed_at is not None and _now() - self._listed_at > 3 * self._settings.resync_seconds:
            found.append("three resyncs in a row failed or did not end")
        return found

    def waiting_for(self) -> list[str]:
        return [f"waiting for {self._waiting_for}"] if self._waiting_for else []

    async def run(self, build_controllers: BuildControllers) -> int:
        """Wait for the kinds and the lease, lead, and give the lease back."""
        if not await self._unless_stopped(wait_for_own_kinds(self._client, self._settings.crd_wait_seconds)):
            return EXIT_STOPPED
        self._waiting_for = ""
        logger.info("standing by identity=%(identity)s", {"identity": self._identity})
        try:
            if not await self._unless_stopped(self._lease.acquire()):
                return EXIT_STOPPED
            self._waiting_for = "the first list of everything"
            self._listed_at = _now()
            return await self._lead(build_controllers)
        finally:
            await self._lease.release()

    async def _lead(self, build_controllers: BuildControllers) -> int:
        """Make the parts that only a leader has and let them work until the first of them ends."""
        store = Store(trims=TRIMS, indices=indices(WATCHED_KINDS))
        queue: WorkQueue[Key] = WorkQueue(min_interval=lambda key: interval(store, key))
        poster = EventPoster(
            self._client,
            controller=f"{names.GROUP}/operator",
            instance=self._identity,
            now=self._clock.now,
        )
        controllers = build_controllers(self._context(store, queue, poster))
        self._workers = Workers(queue, controllers, observe=self.metrics.reconciled, about=logs.about)
        self.metrics.watch_queue(lambda: queue.depth, queue.oldest_age_seconds)
        resync = Resync(
            self._client,
            store,
            kinds=WATCHED_KINDS,
            namespaces=self._settings.namespaces,
            wake=queue.add,
            wake_in_background=lambda key: queue.add(key, background=True),
            succeeded=self._listed,
        )
        crew = _Crew(self._stop)
        crew.hire("the lease", self._lease.keep())
        try:
            if await crew.meanwhile(resync.first()):
                self._waiting_for = ""
                _freeze_start_up_objects()
                for number in range(self._settings.workers):
                    crew.hire(f"worker {number}", self._workers.work())
                crew.hire("the poster of events", poster.run())
                crew.hire("the resync", resync.forever(self._settings.resync_seconds))
                crew.hire("the watches", self._watches(store, queue, crew.unwatch))
                logger.info("working workers=%(workers)d", {"workers": self._settings.workers})
                await crew.first_end()
            return EXIT_FAILED if crew.report() else EXIT_STOPPED
        finally:
            queue.close()
            await crew.dismiss("the resync")
            await crew.dismiss("worker", patience_seconds=_DRAIN_SECONDS)
            poster.drain()
            await crew.dismiss("the poster", patience_seconds=_LAST_EVENTS_SECONDS)
            await crew.dismiss("the lease")
            await self._lease.release()
            crew.unwatch.set()
            await crew.dismiss("the watches", patience_seconds=_KOPF_STOP_SECONDS)
            crew.close()

    def _context(self, store: Store, queue: WorkQueue[Key], events: EventPoster) -> Context:
        return Context(
            client=self._client,
            store=store,
            events=events,
            measures=self.metrics,
            now=self._clock.now,
            reached_since=self._clock.reached_since,
            wake=queue.add,
            wake_after=queue.add_after,
            namespaces=self._settings.namespaces,
            version=operator_version(),
        )

    async def _watches(self, store: Store, queue: WorkQueue[Key], unwatch: asyncio.Event) -> None:
        await wake.watch(
            wake.registry(WATCHED_KINDS, store, queue.add, self._connection.login),
            WATCHED_KINDS,
            namespaces=self._settings.namespaces,
            stop=unwatch,
            # kopf takes the signals over when it starts; its own handler would end the watches first.
            ready=lambda: _stop_on_signals(self._stop),
        )

    def _listed(self) -> None:
        self._listed_at = _now()
        self.metrics.resynced()

    async def _unless_stopped(self, waiting: Coroutine[Any, Any, None]) -> bool:
        """Wait, or give up and answer False when told to stop."""
        crew = _Crew(self._stop)
        try:
            return await crew.meanwhile(waiting)
        finally:
            crew.close()


class _Crew:
    """The tasks of a leader: none of them is expected to end, and the end of one is the end of all."""

    def __init__(self, stop: asyncio.Event) -> None:
        self.unwatch = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # Made now, because kopf cancels what is made after it.
        self._stopping = asyncio.create_task(stop.wait(), name="the order to stop")

    def hire(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Start a part."""
        self._tasks[name] = asyncio.create_task(work, name=name)

    async def meanwhile(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do something that ends; False when a part ended or the order came first. Raises what it raises."""
        task = asyncio.create_task(work)
        await asyncio.wait({task, self._stopping, *self._tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await _cancelled(task)
            return False
        task.result()
        return True

    async def first_end(self) -> None:
        """Wait until a part ends or the order to stop comes."""
        await asyncio.wait({self._stopping, *self._tasks.values()}, return_when=asyncio.FIRST_COMPLETED)

    def report(self) -> bool:
        """Say which parts ended by themselves, and why; False when none did."""
        ended = {name: task for name, task in self._tasks.items() if task.done()}
        for name, task in ended.items():
            reason = "was cancelled" if task.cancelled() else task.exception() or "ended"
            logger.error("ending because of %(part)s: %(reason)s", {"part": name, "reason": reason})
        return bool(ended)

    async def dismiss(self, prefix: str, *, patience_seconds: float = 0.0) -> None:
        """End the parts of that name: let them, then make them. An effect under way ends in any case."""
        chosen = {task for name, task in self._tasks.items() if name.startswith(prefix)}
        if chosen and patience_seconds:
            await asyncio.wait(chosen, timeout=patience_seconds)
        for task in chosen:
            await _cancelled(task)

    def close(self) -> None:
        """Listen to orders no more."""
        self._stopping.cancel()


@asynccontextmanager
async def _health(process: _Process, port: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(health.serve(process, process.metrics.exposition, port=port))
        except OSError as error:
            raise errors.Terminal(
                "PortTaken", f"cannot serve probes: {error}; choose another --port"
            ) from error
        yield


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Cancel and wait for the end, whatever it is: it was told or does not matter any more."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # else asyncio complains that nobody asked


def interval(store: Store, key: Key) -> float:
    """Return the shortest time between the starts of two passes over a key, in seconds."""
    if key.kind != "scenario":
        return 0.0
    shortest, longest = _SCENARIO_INTERVAL_SECONDS
    runs = store.count_indexed(RUN, BY_SCENARIO, filed(key.namespace, key.name))
    return min(longest, max(shortest, runs * _SECONDS_PER_RUN))


def _now() -> float:
    return time.monotonic()


def _freeze_start_up_objects() -> None:
    """Modules and the first list live as long as the process: later collections need not look at them."""
    gc.collect()
    gc.freeze()


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
