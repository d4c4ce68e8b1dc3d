"""A deadline counts what this process has watched (R13): not while it, the API server or its rights were away."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from tests.unit.controllers.memory import START
from tests.unit.controllers.test_probes import Bed
from tests.unit.controllers.test_unreadable import POLICY, rolling

from scenario_operator.api.reasons import Reason
from scenario_operator.cluster.errors import ClusterError, Forbidden, ServerError
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import RUN
from scenario_operator.controllers.run import RunController

KEY = Key("run", "ns", "a")
STOP_SECONDS = 120


class Watched:
    """A run whose old version does not stop, and the process that looks at it every 20 seconds."""

    def __init__(self, bed: Bed) -> None:
        self.server = bed.server
        self.reached: datetime = START
        self.restart()

    def restart(self) -> None:
        """Let another process take over."""
        context = self.server.context()
        self.controller = RunController(replace(context, reached_since=lambda: self.reached))

    async def look(self, seconds: int = 20) -> bool:
        """Look for so long, and say whether the step under way is told to have taken too long."""
        for _ in range(0, seconds, 20):
            self.server.wait(20)
            with contextlib.suppress(ClusterError):
                await self.controller.reconcile(KEY)
        stated = self.server.objects[RUN, "ns", "a"]["status"]["conditions"]
        return any(c["reason"] == Reason.STOP_TIMEOUT.value for c in stated)


@pytest.fixture
async def watched() -> Watched:
    strategy = {**POLICY, "approval": "Never", "timeouts": {"stopSeconds": STOP_SECONDS}}
    found = Watched(await rolling("a", upgrade={"strategy": strategy}))
    found.reached = found.server.now
    assert not await found.look(40)
    return found


async def test_a_step_that_was_watched_for_its_whole_time_has_taken_too_long(watched: Watched) -> None:
    assert not await watched.look(STOP_SECONDS)
    assert await watched.look(20)


async def test_another_process_gives_a_step_its_whole_time_once_more(watched: Watched) -> None:
    """Given an operator that was away for an hour, when another process looks, then nothing has expired by that."""
    watched.server.wait(3600)
    watched.restart()
    assert not await watched.look(STOP_SECONDS)
    assert await watched.look(60)


async def test_an_api_server_that_was_away_gives_a_step_its_whole_time_once_more(watched: Watched) -> None:
    """Given the same process, when the API server answers again after an hour, then nothing has expired by that."""
    for _ in range(180):
        watched.reached = watched.server.now
        assert not await watched.look()
    assert not await watched.look(STOP_SECONDS - 20)
    assert await watched.look(40)


@pytest.mark.parametrize(
    "error", [Forbidden("Forbidden", "no right"), ServerError("a webhook is down")], ids=str
)
async def test_a_run_that_could_not_be_looked_at_has_its_whole_time_once_more(
    watched: Watched, error: ClusterError
) -> None:
    """Given rights in one namespace that were away for an hour, when they are back, then nothing has expired."""
    get, listed = watched.server.get, watched.server.list

    async def refuse(*_: Any, **__: Any) -> Any:
        raise error

    watched.server.get = watched.server.list = refuse  # type: ignore[method-assign]
    await watched.look(3600)
    watched.server.get, watched.server.list = get, listed  # type: ignore[method-assign]
    assert not await watched.look(STOP_SECONDS)
    assert await watched.look(60)
