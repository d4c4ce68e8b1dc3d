"""Objects that we did not write as they are: one of them never stops, or costs, all others."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.controllers.memory import Memory
from tests.unit.planning.build import revision

from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import CONTROLLER_REVISION, POD, RUN, SCENARIO, UPGRADE
from scenario_operator.controllers.scenario import ScenarioController
from scenario_operator.execution.read import ReadRun, read_run
from scenario_operator.manifests.revision import revision_manifest

KEY = Key("scenario", "ns", "s")
DIGEST = "sha256:" + "a" * 64
JOURNAL = {
    "id": "p1",
    "planHash": "h",
    "cause": "Upgrade",
    "level": "Replace",
    "toRevision": "s-r2",
    "toVersion": "2.0.0",
    "openedAt": "2026-01-01T00:00:00Z",
}
ODD_STATUS: dict[str, Any] = {
    "a cause": {"upgrade": {**JOURNAL, "cause": "Drain"}},
    "a window mode": {
        "upgrade": {**JOURNAL, "strategy": {"window": [{"field": "startFrom", "mode": "Moon"}]}}
    },
    "a kind of step": {"upgrade": {**JOURNAL, "steps": [{"id": "copy", "kind": "CopyState"}]}},
    "a successor": {
        "incarnations": [{"number": 1, "runID": "r-1", "state": "Live", "supersededBy": "later"}]
    },
}


@pytest.fixture
def server() -> Memory:
    """A Scenario with three revisions, of which the first two would be swept."""
    memory = Memory()
    for number in (1, 2, 3):
        made = revision(f"{number}.0.0", name=f"s-r{number}", digest=DIGEST, hooks={})
        memory.put(CONTROLLER_REVISION, revision_manifest("ns", "s", made))
    spec = made.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    memory.put(SCENARIO, {"metadata": {"name": "s"}, "spec": spec})
    return memory


def a_run(name: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"scenarioRef": {"name": "s"}}, "status": status}


async def passes(memory: Memory, count: int = 3) -> None:
    controller = ScenarioController(memory.context())
    for _ in range(count):
        await controller.reconcile(KEY)


async def test_revisions_that_nothing_names_are_swept(server: Memory) -> None:
    await passes(server)
    assert server.names(CONTROLLER_REVISION) == ["s-r3"]


@pytest.mark.parametrize("odd", ODD_STATUS.values(), ids=ODD_STATUS)
async def test_a_run_with_words_of_a_newer_operator_stops_no_other_and_keeps_all_revisions(
    server: Memory, odd: dict[str, Any]
) -> None:
    """Given an operator that was put back, when it cannot read one run, then what that run may need stays."""
    server.put(RUN, a_run("odd", **odd))
    assert not isinstance(read_run(server.objects[RUN, "ns", "odd"]), ReadRun)
    await passes(server)
    assert server.names(CONTROLLER_REVISION) == ["s-r1", "s-r2", "s-r3"]
    assert server.objects[SCENARIO, "ns", "s"]["status"]["latestRevision"] == "s-r3"


async def test_the_revisions_of_a_deleted_scenario_stay_while_a_run_cannot_be_read(server: Memory) -> None:
    server.put(RUN, a_run("odd", **ODD_STATUS["a kind of step"]))
    del server.objects[SCENARIO, "ns", "s"]
    server.store = type(server.store)()
    await passes(server)
    assert server.names(CONTROLLER_REVISION) == ["s-r1", "s-r2", "s-r3"]


@pytest.mark.parametrize("name", ["by-hand", "s-x1", "other-7", "solo"])
async def test_an_attempt_that_somebody_made_by_hand_stops_no_rollout(server: Memory, name: str) -> None:
    """Given a ScenarioUpgrade under a name that we never give, when a pass is made, then it is left alone."""
    spec = {"scenarioRef": {"name": "s"}, "revision": "s-r1", "cause": "Revision"}
    server.put(UPGRADE, {"metadata": {"name": name}, "spec": spec})
    await passes(server)
    assert server.objects[SCENARIO, "ns", "s"]["status"]["latestRevision"] == "s-r3"
    assert "status" not in server.objects[UPGRADE, "ns", name]


async def test_a_revision_that_only_a_newer_operator_can_read_is_kept_and_its_number_not_given_again(
    server: Memory,
) -> None:
    """Given such a revision as the newest, when the spec is published, then under the next number."""
    odd = server.change(CONTROLLER_REVISION, "s-r3", {"data": {"spec": {"type": "TaskGraph"}}})
    await passes(server)
    server.put(POD, probed(server))
    await passes(server)
    assert server.names(CONTROLLER_REVISION) == ["s-r3", "s-r4"]
    assert server.objects[CONTROLLER_REVISION, "ns", "s-r3"]["metadata"]["uid"] == odd["metadata"]["uid"]


async def test_the_number_of_a_revision_that_somebody_deleted_is_not_given_again(server: Memory) -> None:
    """Given a run whose revision is gone, when a new one is published, then not under the name that the run means."""
    applied = {"version": "3.0.0", "revision": "s-r3"}
    server.put(RUN, a_run("old", applied=applied, incarnation=1))
    gone = server.objects.pop((CONTROLLER_REVISION, "ns", "s-r3"))
    server.store.offer(CONTROLLER_REVISION, "DELETED", gone)
    await passes(server)
    server.put(POD, probed(server))
    await passes(server)
    assert "s-r4" in server.names(CONTROLLER_REVISION)
    assert "s-r3" not in server.names(CONTROLLER_REVISION)


def probed(server: Memory) -> dict[str, Any]:
    """Return the probe of the wanted image, pulled."""
    name = next(n for n in server.names(POD) if "-probe-" in n)
    pod = server.objects[POD, "ns", name]
    ended = {
        "name": "scenario",
        "state": {"terminated": {"exitCode": 128}},
        "imageID": f"quake-watch@{DIGEST}",
    }
    return {**pod, "status": {"containerStatuses": [ended]}}
