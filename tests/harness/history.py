"""Everything that was written to some kinds in one namespace, in the order in which the server took it.

Two watches say nothing of what came first; versions do: all kinds of a bed are kept by one etcd, which counts its
writes. So a statement about two kinds at the same moment is exact, whatever the watches' delays.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tests.harness.cluster import PATIENCE_SECONDS
from tests.harness.fault_witness import COLLECTIONS, Api

JsonObject = dict[str, Any]


class Moment(NamedTuple):
    """One write: what the object was after it, or was last when it is gone."""

    version: int
    kind: str
    what: str
    """ADDED, MODIFIED or DELETED; FOUND is what was there at the beginning."""
    obj: JsonObject

    @property
    def name(self) -> str:
        """Return the object's name."""
        return str(self.obj["metadata"]["name"])


class History:
    """Remembers every write from its beginning on."""

    def __init__(self, api: Api, namespace: str, kinds: Sequence[str]) -> None:
        self._api, self._paths = api, {kind: COLLECTIONS[kind] % namespace for kind in kinds}
        self._moments: list[Moment] = []
        self._news = asyncio.Event()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[History]:
        """Keep it for as long as the block lasts; what is written in the block is in it."""
        tasks = self._tasks = []
        for kind, path in self._paths.items():
            found = await self._api.call("GET", path)
            self._moments += [_moment(kind, "FOUND", obj) for obj in found["items"]]
            watching = self._watch(kind, path, found["metadata"]["resourceVersion"])
            tasks.append(asyncio.create_task(watching))
        try:
            yield self
            for task in tasks:
                assert not task.done(), task.exception()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, kind: str, path: str, version: str) -> None:
        async for event in self._api.events(path, version):
            self._moments.append(_moment(kind, event["type"], event["object"]))
            self._news.set()

    def moments(self) -> list[Moment]:
        """Return what has been seen so far, in order."""
        return sorted(self._moments, key=lambda moment: moment.version)

    async def until(self, what: str, holds: Callable[[Moment], bool]) -> Moment:
        """Wait for a write of which something holds, and return it; those of the past count."""
        end, seen = time.monotonic() + PATIENCE_SECONDS, 0
        while True:
            for moment in self._moments[seen:]:
                if holds(moment):
                    return moment
            seen = len(self._moments)
            assert time.monotonic() < end, f"in vain: {what}"
            await self._wait()

    async def complete(self) -> list[Moment]:
        """Wait until everything that stands now has been seen, and return the history."""
        for kind, path in self._paths.items():
            for obj in await self._api.items(path):
                last = _moment(kind, "", obj)
                await self.until(
                    f"{kind} {last.name} as it is",
                    lambda seen, last=last: seen[:2] == last[:2] and seen.name == last.name,
                )
        return self.moments()

    async def _wait(self) -> None:
        for task in self._tasks:
            assert not task.done(), task.exception()
        self._news.clear()
        with_patience = asyncio.wait_for(self._news.wait(), timeout=1.0)
        await asyncio.gather(with_patience, return_exceptions=True)


def _moment(kind: str, what: str, obj: JsonObject) -> Moment:
    return Moment(int(obj["metadata"]["resourceVersion"]), kind, what, obj)
