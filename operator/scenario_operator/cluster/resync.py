"""Our own lists of everything, once before the first pass and then periodically.

kopf does not tell when its first list is complete, and after a 410 its new list tells of no deletion; without
this, decisions would be made on half a world or on ghosts. A list is also the proof that we can still read,
which health is judged by.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping

from scenario_operator.cluster import errors
from scenario_operator.cluster.client import KubernetesClient
from scenario_operator.cluster.keys import Key, all_keys, keys_of
from scenario_operator.cluster.kinds import ResourceKind, selector_of
from scenario_operator.cluster.store import Store, StoreChange

logger = logging.getLogger(__name__)

_JITTER = 0.1
_RETRY_SECONDS = 5.0


class Resync:
    """Keeps the store honest."""

    def __init__(
        self,
        client: KubernetesClient,
        store: Store,
        *,
        kinds: Iterable[ResourceKind],
        namespaces: tuple[str, ...],
        wake: Callable[[Key], None],
        wake_in_background: Callable[[Key], None],
        succeeded: Callable[[], None],
    ) -> None:
        """`succeeded` is called after every complete round."""
        self._client = client
        self._store = store
        self._kinds = tuple(kinds)
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._refused: frozenset[str | None] = frozenset()
        self._wake = wake
        self._wake_in_background = wake_in_background
        self._succeeded = succeeded

    async def round(self) -> None:
        """List every kind into the store, wake what changed at once and all else when there is time.

        One of several namespaces that may not be read, as a deleted one whose rights went with it, is left out and
        does not keep the others from being served. Raises `Terminal` when there is none that may.
        """
        refused: dict[str | None, errors.Terminal] = {}
        for kind in self._kinds:
            for namespace in self._namespaces:
                if namespace in refused:
                    continue
                try:
                    changes = await self._list(kind, namespace)
                except errors.Terminal as refusal:
                    refused[namespace] = refusal
                    continue
                for change in changes:
                    for key in keys_of(kind, change, self._store):
                        self._wake(key)
        self._tell(refused)
        if len(refused) == len(self._namespaces):
            raise next(iter(refused.values()))
        for key in all_keys(self._store):
            self._wake_in_background(key)
        self._succeeded()

    def _tell(self, refused: Mapping[str | None, errors.Terminal]) -> None:
        """Log what has changed of the namespaces that may not be read."""
        for namespace in refused.keys() - self._refused:
            logger.warning(
                "namespace %(namespace)s is not served: %(refusal)s; the others are; if it is gone, take it out of "
                "watchNamespaces, else give the operator its rights there again",
                {"namespace": namespace, "refusal": refused[namespace]},
            )
        for namespace in self._refused - refused.keys():
            logger.warning("namespace %(namespace)s is served again", {"namespace": namespace})
        self._refused = frozenset(refused)

    async def first(self) -> None:
        """The round before all work; a busy or starting server is waited for. Raises `Terminal`."""
        while True:
            try:
                return await self.round()
            except errors.Transient as error:
                logger.warning("cannot list yet: %(error)s", {"error": error})
            await asyncio.sleep(_RETRY_SECONDS)

    async def forever(self, period_seconds: float) -> None:
        """A round per period; after a failure sooner. Health tells when it fails for long."""
        delay = self._spread(period_seconds)
        while True:
            await asyncio.sleep(delay)
            try:
                await self.round()
            except errors.ClusterError as error:
                logger.warning("resync failed: %(error)s", {"error": error})
                delay = self._spread(min(period_seconds, 6 * _RETRY_SECONDS))
            else:
                delay = self._spread(period_seconds)

    async def _list(self, kind: ResourceKind, namespace: str | None) -> list[StoreChange]:
        """Page by page, so that only slim copies of all objects are ever held at once."""
        changes: list[StoreChange] = []
        seen: set[str] = set()
        version = "0"
        async for page in self._client.pages(kind, namespace, label_selector=selector_of(kind)):
            version = page.resource_version
            for obj in page.items:
                seen.add(obj["metadata"]["uid"])
                change = self._store.offer(kind, None, obj)
                if change.is_news:
                    changes.append(change)
        return [*changes, *self._store.prune(kind, seen, version, namespace=namespace)]

    @staticmethod
    def _spread(seconds: float) -> float:
        return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 (spreads load)
