"""kopf as a wake-up channel: the few lines that turn watch events into keys.

kopf watches, reconnects and renews credentials well; its change handlers, finalizers, annotations, indices
and timers write to users' objects or lose updates, so none of them is used here. It ends the process when a
watch fails for good (403, an unknown error), which suits us: a restart is cheap and writes nothing.
The handler must be total: kopf logs an exception in it and never calls it again for that event.
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Final

import kopf

from scenario_operator.api import names
from scenario_operator.cluster.connection import Login
from scenario_operator.cluster.keys import Key, keys_of
from scenario_operator.cluster.kinds import ResourceKind, selector_of
from scenario_operator.cluster.store import Store


def registry(
    kinds: Iterable[ResourceKind],
    store: Store,
    wake: Callable[[Key], None],
    login: Callable[[], Awaitable[Login]],
) -> kopf.OperatorRegistry:
    """Handlers that put every event of `kinds` into the store and wake the keys it concerns."""
    handlers = kopf.OperatorRegistry()

    async def connect(**_: Any) -> kopf.ConnectionInfo:
        return _connection(await login())

    kopf.on.login(registry=handlers, retries=3, backoff=1.0)(connect)
    for kind in kinds:
        _watch(handlers, kind, store, wake)
    return handlers


def settings(kinds: Iterable[ResourceKind], namespaces: tuple[str, ...] = ()) -> kopf.OperatorSettings:
    """Settings whose reasons were measured; see the comments."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False  # we post Events ourselves
    chosen.scanning.disabled = True  # CRDs exist before us; saves watching CRDs and namespaces
    chosen.queueing.idle_timeout = 0.2  # workers per object die soon: 117 MB instead of 195 at 10,000 objects
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 5
    # A watch that is refused ends the process in 12 s, not 59; in one of several namespaces it ends nothing: that one
    # may be gone, the others are not. That none may be read any more is found out by our own lists, and health tells.
    chosen.networking.error_backoffs = _FOR_EVER if len(namespaces) > 1 else _BRIEFLY
    chosen.watching.server_timeout = 300
    chosen.watching.chunk_size = 500
    chosen.process.ultimate_exiting_timeout = None  # the pod's grace period limits the exit
    # kopf takes off what it thinks is its finalizer wherever it sees it: it must never be somebody's.
    chosen.persistence.finalizer = f"{names.GROUP}/never-set"
    chosen.persistence.diffbase_storage = _NoDiffs()
    for kind in kinds:
        selector = selector_of(kind)
        if selector is not None:
            chosen.watching.label_selectors[_key(kind)] = selector
    # It logs every handled event at INFO.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    return chosen


class _ForEver:
    """Seconds between attempts that never end."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain(_BRIEFLY, itertools.repeat(_REFUSED_SECONDS))


_BRIEFLY: Final = (1.0, 1.0, 2.0, 3.0)
_REFUSED_SECONDS: Final = 30.0
_FOR_EVER: Final = _ForEver()


class _NoDiffs(kopf.DiffBaseStorage):  # type: ignore[misc]  # kopf is not typed for us
    """Compares nothing: kopf copies every object twice per event for change handlers that we do not have.

    Measured: a fifth of an event's CPU with objects of 1.5 KB, and of the start's; more with larger ones.
    """

    def build(self, **_: Any) -> dict[str, Any]:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        raise AssertionError("nothing is ever stored: there are no change handlers")


def _watch(
    handlers: kopf.OperatorRegistry, kind: ResourceKind, store: Store, wake: Callable[[Key], None]
) -> None:
    async def offer(event: kopf.RawEvent, **_: Any) -> None:
        change = store.offer(kind, event["type"], event["object"])
        for key in keys_of(kind, change, store):
            wake(key)

    kopf.on.event(*_key(kind), registry=handlers, id=f"wake-{kind.plural}")(offer)


def _key(kind: ResourceKind) -> tuple[str, str, str]:
    return kind.group, kind.version, kind.plural


def _connection(login: Login) -> kopf.ConnectionInfo:
    return kopf.ConnectionInfo(
        server=login.server,
        ca_path=login.ca_path,
        insecure=login.insecure,
        certificate_path=login.certificate_path,
        private_key_path=login.private_key_path,
        scheme="Bearer" if login.token else None,
        token=login.token,
        trust_env=False,
    )


async def watch(
    handlers: kopf.OperatorRegistry,
    kinds: Iterable[ResourceKind],
    *,
    namespaces: tuple[str, ...],
    stop: asyncio.Event,
    ready: Callable[[], None],
) -> None:
    """Run kopf until `stop`, or until it gives up on a watch and raises.

    `ready` is called when kopf has taken over the process's signals, not when its first list is complete: there
    is no sign of that.
    """
    ready_flag = asyncio.Event()

    async def tell() -> None:
        await ready_flag.wait()
        ready()

    telling = asyncio.create_task(tell(), name="kopf is ready")
    try:
        await kopf.operator(
            registry=handlers,
            settings=settings(kinds, namespaces),
            clusterwide=not namespaces,
            namespaces=namespaces,
            standalone=True,
            stop_flag=stop,
            ready_flag=ready_flag,
        )
    finally:
        telling.cancel()
