"""One Lease object on a server that answers late, loses answers, and can be made to refuse."""

import asyncio
import copy
from collections.abc import Callable
from typing import Any, TypeVar

from scenario_operator.cluster import errors
from scenario_operator.cluster.kinds import JsonObject

T = TypeVar("T")


class FakeLeaseServer:
    """The server's side: one object with a version."""

    def __init__(self) -> None:
        self.record: JsonObject | None = None
        self.version = 0

    def store(self, record: JsonObject) -> JsonObject:
        self.version += 1
        self.record = copy.deepcopy(record)
        self.record["metadata"]["resourceVersion"] = str(self.version)
        return copy.deepcopy(self.record)

    @property
    def holder(self) -> str | None:
        return None if self.record is None else self.record["spec"]["holderIdentity"]


class FakeLeaseClient:
    """One process's connection to it; `delays` are (before, after) the server acts, in seconds."""

    def __init__(
        self, server: FakeLeaseServer, delays: Callable[[], tuple[float, float]] = lambda: (0.0, 0.0)
    ) -> None:
        self._server = server
        self._delays = delays
        self.failing: errors.ClusterError | None = None
        self.losing_answers = False
        self.calls: list[str] = []

    async def get(self, _ref: Any) -> JsonObject | None:
        return await self._call("get", lambda: copy.deepcopy(self._server.record))

    async def create(self, _kind: Any, _namespace: Any, manifest: JsonObject) -> JsonObject:
        def act() -> JsonObject:
            if self._server.record is not None:
                raise errors.AlreadyExists("taken")
            return self._server.store(manifest)

        return await self._call("create", act)

    async def replace(self, _ref: Any, manifest: JsonObject) -> JsonObject:
        def act() -> JsonObject:
            if self._server.record is None:
                raise errors.Vanished("gone")
            if manifest["metadata"]["resourceVersion"] != str(self._server.version):
                raise errors.Conflict("stale")
            return self._server.store(manifest)

        return await self._call("replace", act)

    async def _call(self, verb: str, act: Callable[[], T]) -> T:
        before, after = self._delays()
        self.calls.append(verb)
        await asyncio.sleep(before)
        if self.failing is not None:
            raise self.failing
        answer = act()
        await asyncio.sleep(after)
        if self.losing_answers:
            raise errors.AnswerLost("lost")
        return answer
