"""A workload never wakes beside a pod that mounts its state, whoever made that pod."""

from __future__ import annotations

from typing import Any, cast

import pytest
from tests.unit.controllers.memory import Memory
from tests.unit.planning.build import revision

from scenario_operator.cluster.client import Client
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import CONTROLLER_REVISION, POD, RUN, SCENARIO, STATEFUL_SET, Ref
from scenario_operator.controllers.observe import live
from scenario_operator.controllers.run import RunController
from scenario_operator.execution.read import record_of
from scenario_operator.manifests.revision import revision_manifest

KEY = Key("run", "ns", "r")
DEBUG = {
    "metadata": {"name": "debug"},
    "spec": {"volumes": [{"name": "x", "persistentVolumeClaim": {"claimName": "state-r-1-0"}}]},
    "status": {"phase": "Running"},
}


class Bed:
    """One run of a Scenario on an API server in memory, whose StatefulSets obey at once."""

    def __init__(self) -> None:
        self.server = Memory()
        made = revision("1.0.0", name="s-r1", hooks={})
        self.server.put(CONTROLLER_REVISION, revision_manifest("ns", "s", made))
        spec = made.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        served = {"latestRevision": "s-r1", "activeRevision": "s-r1"}
        self.server.put(SCENARIO, {"metadata": {"name": "s"}, "spec": spec, "status": served})
        self.server.put(RUN, {"metadata": {"name": "r"}, "spec": {"scenarioRef": {"name": "s"}}})
        self.controller = RunController(self.server.context())

    async def settle(self) -> Bed:
        for _ in range(12):
            await self.controller.reconcile(KEY)
            for _, _, name in [k for k in self.server.objects if k[0] == STATEFUL_SET]:
                self._obey(name)
            self.server.wait(20)
        return self

    def _obey(self, name: str) -> None:
        found = self.server.objects[STATEFUL_SET, "ns", name]
        replicas = found["spec"]["replicas"]
        if (found.get("status") or {}).get("replicas") != replicas:
            seen = {"observedGeneration": found["metadata"]["generation"], "replicas": replicas}
            self.server.change(STATEFUL_SET, name, {"status": seen})
        pod = f"{name}-0"
        if not replicas:
            gone = self.server.objects.pop((POD, "ns", pod), None)
            if gone is not None:
                self.server.store.offer(POD, "DELETED", gone)
        elif (POD, "ns", pod) not in self.server.objects:
            since = {"startedAt": self.server.now.isoformat()}
            running = {"name": "scenario", "started": True, "state": {"running": since}}
            status = {
                "phase": "Running",
                "containerStatuses": [running],
                "conditions": [{"type": "Ready", "status": "True"}],
            }
            labels = found["spec"]["template"]["metadata"]["labels"]
            self.server.put(POD, {"metadata": {"name": pod, "labels": labels}, "spec": {}, "status": status})

    @property
    def replicas(self) -> int:
        return int(self.server.objects[STATEFUL_SET, "ns", "r-1"]["spec"]["replicas"])

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.server.objects[RUN, "ns", "r"]["status"])


@pytest.fixture
async def bed() -> Bed:
    """A run that has started and works."""
    return await Bed().settle()


async def test_a_run_starts_and_works(bed: Bed) -> None:
    assert (bed.replicas, bed.status["phase"]) == (1, "Running")


async def test_a_stopped_run_does_not_wake_beside_a_pod_that_looks_into_its_state(bed: Bed) -> None:
    """Given a pod of somebody's that mounts the state, when the run is to start again, then it waits for it to go."""
    bed.server.change(RUN, "r", {"spec": {"desiredState": "Stopped"}})
    await bed.settle()
    assert bed.replicas == 0
    bed.server.put(POD, DEBUG)
    bed.server.change(RUN, "r", {"spec": {"desiredState": "Running"}})
    await bed.settle()
    assert bed.replicas == 0
    await bed.server.delete(
        Ref(POD, "ns", "debug"), uid=bed.server.objects[POD, "ns", "debug"]["metadata"]["uid"]
    )
    await bed.settle()
    assert (bed.replicas, bed.status["phase"]) == (1, "Running")


async def test_at_rest_nothing_wakes_beside_such_a_pod_either(bed: Bed) -> None:
    """Given a workload that somebody scaled to 0 to look into its state, then upkeep waits for that."""
    bed.server.put(POD, DEBUG)
    bed.server.change(STATEFUL_SET, "r-1", {"spec": {"replicas": 0}})
    bed._obey("r-1")
    await bed.settle()
    assert bed.replicas == 0
    [ready] = [c for c in bed.status["conditions"] if c["type"] == "Ready"]
    assert ready["message"] == "waiting for pod debug to go, which is not of this run and mounts its claim"


async def test_no_pass_lists_the_pods_of_the_namespace(bed: Bed) -> None:
    """Given a fleet, then a list of the namespace for each run would cost its square: others come from the watch."""
    bed.server.put(POD, DEBUG)
    bed.server.lists.clear()
    bed.server.change(RUN, "r", {"spec": {"desiredState": "Stopped"}})
    await bed.settle()
    assert (POD, "scenarios.dev/run=r") in bed.server.lists
    assert not any(kind == POD and not selector for kind, selector in bed.server.lists)


async def test_a_pod_that_lost_its_label_is_found_by_its_name(bed: Bed) -> None:
    """Given our own pod without labels and without a claim, when the run stops, then its end is waited for."""
    pod = bed.server.objects[POD, "ns", "r-1-0"]
    bed.server.put(POD, {**pod, "metadata": {**pod["metadata"], "labels": {}}})
    run = bed.server.objects[RUN, "ns", "r"]
    things = await live(cast("Client", bed.server), bed.server.store, run, record_of(run))
    assert [p["metadata"]["name"] for p in things.pods] == ["r-1-0"]


async def test_what_a_write_is_handed_of_an_object_is_whole(bed: Bed) -> None:
    """Given a pod of somebody's with a finalizer, of which the store keeps a part, then no write is built on that."""
    finalizers = ["example.org/backup"]
    bed.server.put(POD, {**DEBUG, "metadata": {"name": "debug", "finalizers": finalizers}})
    run = bed.server.objects[RUN, "ns", "r"]
    things = await live(cast("Client", bed.server), bed.server.store, run, record_of(run))
    assert "debug" in {p["metadata"]["name"] for p in things.pods}
    assert things.whole
    assert [obj for obj in things.whole if obj not in bed.server.objects.values()] == []
