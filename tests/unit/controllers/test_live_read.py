"""The live read of a run: a world that moves between its lists is never read as one that cannot be."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from scenario_operator.api import names
from scenario_operator.cluster.client import Client, Listing
from scenario_operator.cluster.keys import indices
from scenario_operator.cluster.kinds import (
    JOB,
    POD,
    STATEFUL_SET,
    WATCHED_KINDS,
    JsonObject,
    Ref,
    ResourceKind,
)
from scenario_operator.cluster.store import Store
from scenario_operator.controllers.observe import live, world_of
from scenario_operator.execution.read import record_of, run_of

RUN: JsonObject = {
    "apiVersion": names.API_VERSION,
    "kind": "ScenarioRun",
    "metadata": {"name": "r", "namespace": "ns", "uid": "run", "resourceVersion": "1", "generation": 1},
    "spec": {"scenarioRef": {"name": "s"}},
}
OWNED = {"ownerReferences": [{"uid": "run"}], "resourceVersion": "1", "namespace": "ns"}


class MovingServer:
    """Its hook ends and its old pod appears last and goes, all after so many lists."""

    def __init__(self, moves_after: int) -> None:
        self.left = moves_after

    async def get(self, ref: Ref) -> JsonObject | None:
        return None

    async def list(self, kind: ResourceKind, namespace: str, *, label_selector: str | None = None) -> Listing:
        moved, self.left = self.left <= 0, self.left - 1
        found = {JOB: _job, POD: _pod, STATEFUL_SET: _workload}.get(kind)
        return Listing((found(moved=moved),) if found else (), "1")


def _job(*, moved: bool) -> JsonObject:
    done = [{"type": "Complete", "status": "True"}] if moved else []
    metadata = {**OWNED, "name": "r-revert", "uid": "job"}
    return {"metadata": metadata, "spec": {}, "status": {"conditions": done}}


def _pod(*, moved: bool) -> JsonObject:
    ended = {"terminated": {"exitCode": 0, "message": '{"reverted": 3}'}}
    state = ended if moved else {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    labels = {"batch.kubernetes.io/job-name": "r-revert"}
    status = {
        "phase": "Succeeded" if moved else "Running",
        "containerStatuses": [{"name": "scenario", "state": state}],
    }
    return {"metadata": {**OWNED, "name": "p", "uid": "pod", "labels": labels}, "spec": {}, "status": status}


def _workload(*, moved: bool) -> JsonObject:
    return {"metadata": {**OWNED, "name": "r-1", "uid": "sts"}, "spec": {"replicas": 1}, "status": {}}


@pytest.mark.parametrize("moves_after", range(6))
def test_a_hook_that_ends_between_two_lists_is_not_read_without_its_last_words(moves_after: int) -> None:
    """Given a hook that ends at any moment of the live read, when it is read as succeeded, then with its numbers."""
    client = cast("Client", MovingServer(moves_after))
    things = asyncio.run(live(client, Store(indices=indices(WATCHED_KINDS)), RUN, record_of(RUN)))

    [job] = world_of(run_of(RUN), things, {}).jobs
    assert job.state == "Active" or job.numbers == (("reverted", 3),)
    assert moves_after or job.state == "Succeeded"
