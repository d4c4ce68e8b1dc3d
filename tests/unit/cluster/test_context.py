"""Deleting what the store knows: a ghost, whose end no event told of, is asked for once and then forgotten."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from scenario_operator.cluster.client import Client
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.kinds import POD, JsonObject, Ref
from scenario_operator.cluster.store import Store


class Server:
    """Answers deletions as told, and counts them."""

    def __init__(self, *, there: bool) -> None:
        self.there = there
        self.deleted: list[tuple[str, str]] = []

    async def delete(self, ref: Ref, *, uid: str) -> bool:
        self.deleted.append((ref.name, uid))
        return self.there


def _context(server: Server, store: Store) -> Context:
    nothing = cast("Any", None)
    return Context(
        client=cast("Client", server),
        store=store,
        events=nothing,
        measures=nothing,
        now=lambda: datetime.now(UTC),
        reached_since=lambda: datetime.now(UTC),
        wake=nothing,
        wake_after=nothing,
        namespaces=(),
        version="test",
    )


def _pod() -> JsonObject:
    return {"metadata": {"uid": "u", "name": "probe", "namespace": "ns", "resourceVersion": "7"}}


@pytest.mark.parametrize("there", [True, False])
def test_what_is_found_gone_is_known_no_more(there: bool) -> None:
    """Given an object in the store, when its deletion finds nothing, then it is forgotten; else the watch tells."""
    server, store = Server(there=there), Store()
    store.offer(POD, None, _pod())

    asyncio.run(_context(server, store).remove(POD, _pod()))

    assert server.deleted == [("probe", "u")]
    assert (store.get(POD, "ns", "probe") is not None) is there
