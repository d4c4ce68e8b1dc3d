"""A newer operator renders pods differently, and restarts nobody for it (rule R12)."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.unit.controllers.memory import Memory
from tests.unit.planning.build import revision

from scenario_operator.api import names
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import (
    CONTROLLER_REVISION,
    POD,
    RUN,
    SCENARIO,
    STATEFUL_SET,
    JsonObject,
    Ref,
)
from scenario_operator.controllers import observe, perform
from scenario_operator.controllers.run import RunController
from scenario_operator.controllers.scenario import ScenarioController
from scenario_operator.execution.view import RENDERER
from scenario_operator.manifests.revision import revision_manifest

V1 = revision("1.0.0", name="s-r1", hooks={}, outputs=[], state=None)


class Served:
    """A run on v1 that an older operator brought up: its pods have no terminationMessagePolicy."""

    def __init__(self) -> None:
        self.server = Memory()
        self.server.put(CONTROLLER_REVISION, revision_manifest("ns", "s", V1))
        spec = V1.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.server.put(SCENARIO, {"metadata": {"name": "s"}, "spec": spec})
        self.server.put(RUN, {"metadata": {"name": "r"}, "spec": {"scenarioRef": {"name": "s"}}})
        self.scenario = ScenarioController(self.server.context())
        self.run = RunController(self.server.context())

    async def look(self, passes: int = 4) -> None:
        for _ in range(passes):
            await self.scenario.reconcile(Key("scenario", "ns", "s"))
            await self.run.reconcile(Key("run", "ns", "r"))
            self.server.wait(15)

    async def until_it_works(self, *, rendered_before: bool = True) -> None:
        """Play the controllers and the kubelet until the run is available."""
        await self.look()
        if rendered_before:
            self._as_an_older_one_rendered_it()
        else:
            self.server.change(STATEFUL_SET, "r-1", {"status": {"replicas": 1, "observedGeneration": 99}})
        seen = self.workload
        template = seen["spec"]["template"]
        owner = {"uid": seen["metadata"]["uid"], "controller": True}
        running = {"name": "scenario", "started": True, "ready": True, "restartCount": 0}
        running["state"] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        status = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [running],
        }
        metadata = {"name": "r-1-0", "labels": template["metadata"]["labels"], "ownerReferences": [owner]}
        self.server.put(POD, {"metadata": metadata, "spec": template["spec"], "status": status})
        await self.look()
        conditions = {
            c["type"]: c["status"] for c in self.server.objects[RUN, "ns", "r"]["status"]["conditions"]
        }
        assert conditions["Available"] == "True"

    def _as_an_older_one_rendered_it(self) -> None:
        template = copy.deepcopy(self.workload["spec"]["template"])
        for container in template["spec"]["containers"]:
            del container["terminationMessagePolicy"]
        changed: dict[str, Any] = {
            "spec": {"template": template},
            "status": {"replicas": 1, "observedGeneration": 99},
            "metadata": {"annotations": {names.ANNOTATION_RENDERER: str(RENDERER - 1)}},
        }
        self.server.change(STATEFUL_SET, "r-1", changed)

    @property
    def workload(self) -> JsonObject:
        return self.server.objects[STATEFUL_SET, "ns", "r-1"]


async def test_a_newer_operator_leaves_what_runs_alone() -> None:
    """Given pods that an older operator rendered, when this one serves them, then it writes nothing."""
    served = Served()
    await served.until_it_works()
    before = served.workload["metadata"]["resourceVersion"]
    await served.look(8)
    assert served.workload["metadata"]["resourceVersion"] == before
    assert served.workload["spec"]["replicas"] == 1


async def test_without_a_number_of_its_own_the_new_rendering_would_have_restarted_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given the older one's number, when the template differs, then that is somebody's edit: what the number is for."""
    served = Served()
    await served.until_it_works()
    for module in (observe, perform):
        monkeypatch.setattr(module, "RENDERER", RENDERER - 1)
    await served.look(1)
    assert served.workload["spec"]["replicas"] == 0


async def test_the_next_start_renders_anew() -> None:
    """Given a run that is restarted for another reason, then its new pod has what this operator renders."""
    served = Served()
    await served.until_it_works()
    served.server.change(RUN, "r", {"spec": {"desiredState": "Stopped"}})
    await served.look()
    pod = served.server.objects[POD, "ns", "r-1-0"]
    await served.server.delete(Ref.to(POD, pod), uid=pod["metadata"]["uid"])
    served.server.change(STATEFUL_SET, "r-1", {"status": {"replicas": 0}})
    await served.look()
    served.server.change(RUN, "r", {"spec": {"desiredState": "Running"}})
    await served.look()
    (container,) = served.workload["spec"]["template"]["spec"]["containers"]
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert served.workload["metadata"]["annotations"][names.ANNOTATION_RENDERER] == str(RENDERER)


async def test_a_webhook_that_rewrites_images_costs_one_live_look_for_each_template() -> None:
    """Given a template that admission has rewritten, when the run rests, then it is not read again at every pass."""
    served = Served()
    await served.until_it_works(rendered_before=False)
    template = copy.deepcopy(served.workload["spec"]["template"])
    template["spec"]["containers"][0]["image"] = f"mirror.test/{template['spec']['containers'][0]['image']}"
    ours = {"manager": names.FIELD_MANAGER, "fieldsV1": {"f:spec": {"f:template": {}}}}
    served.server.change(
        STATEFUL_SET, "r-1", {"spec": {"template": template}, "metadata": {"managedFields": [ours]}}
    )
    before = served.workload["metadata"]["resourceVersion"]
    await served.look(1)
    asked = len(served.server.lists)
    assert asked, "the change is looked at live once"
    served.server.lists.clear()
    await served.look(5)
    assert not served.server.lists
    assert served.workload["metadata"]["resourceVersion"] == before
