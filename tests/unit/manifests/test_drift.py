"""Drift is what somebody changed, not what the API server made of what we sent."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.api.samples import PARTS, example
from tests.unit.manifests.build import RENDERER, RUN, published, rendered

from scenario_operator.api import names
from scenario_operator.manifests.context import Upgrade
from scenario_operator.manifests.drift import drifted, drifted_from_its_stamp, rendered_fields

WORKLOAD = {
    "env": [{"name": "EMPTY", "value": ""}],
    "resources": {
        "limits": {"cpu": "1500m", "memory": "1024Mi"},
        "requests": {"cpu": "0.0001", "memory": "1e3"},
    },
    "readinessProbe": {"exec": {"command": ["r"]}, "initialDelaySeconds": 0},
    "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "2048Mi"}}],
    "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": False}],
}
AS_STORED = {
    "limits": {"cpu": "1500m", "memory": "1Gi"},
    "requests": {"cpu": "1m", "memory": "1k"},
}


def as_the_server_stores_it(workload: dict[str, Any]) -> dict[str, Any]:
    """Add defaults, drop what is empty and rewrite quantities: what a real API server was seen to do."""
    live = copy.deepcopy(workload)
    live["spec"]["replicas"] = 1
    live["status"] = {"replicas": 1}
    pod = live["spec"]["template"]["spec"]
    pod |= {"dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler"}
    container = pod["containers"][0]
    container |= {"terminationMessagePath": "/dev/termination-log"}
    container["resources"] = copy.deepcopy(AS_STORED)
    container["readinessProbe"] = {"exec": {"command": ["r"]}, "periodSeconds": 10, "successThreshold": 1}
    for listed in (container["env"], container["volumeMounts"]):
        for entry in listed:
            for key in [key for key, value in entry.items() if not value]:
                del entry[key]
    pod["volumes"][0] = {"name": "v", "emptyDir": {"sizeLimit": "2Gi"}}
    return live


def test_what_the_api_server_makes_of_it_is_no_drift() -> None:
    workload = rendered(published(WORKLOAD))

    assert not drifted(as_the_server_stores_it(workload), workload)


@pytest.mark.parametrize("seed", range(100))
def test_whatever_a_scenario_says_is_no_drift_from_itself(seed: int) -> None:
    schema = PARTS["Scenario"]["spec"]["properties"]["workload"]
    workload = rendered(published(example(schema, random.Random(seed))))  # noqa: S311

    assert not drifted(json.loads(json.dumps(workload)), workload)


def pod(live: dict[str, Any]) -> Any:
    return live["spec"]["template"]["spec"]


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "image": lambda live: pod(live)["containers"][0].update(image="other:1"),
    "environment": lambda live: pod(live)["containers"][0]["env"].pop(),
    "added variable": lambda live: pod(live)["containers"][0]["env"].append({"name": "X"}),
    "added container": lambda live: pod(live)["containers"].append({"name": "sidecar", "image": "y"}),
    "memory": lambda live: pod(live)["containers"][0]["resources"]["limits"].update(memory="2Gi"),
    "limit removed": lambda live: pod(live)["containers"][0]["resources"].pop("limits"),
    "security context": lambda live: pod(live)["containers"][0]["securityContext"].update(
        readOnlyRootFilesystem=False
    ),
    "token mounted": lambda live: pod(live).update(automountServiceAccountToken=True),
    "size of scratch space": lambda live: pod(live)["volumes"][0].update(emptyDir={"sizeLimit": "3Gi"}),
    "another volume": lambda live: pod(live)["volumes"][-1].update(
        persistentVolumeClaim={"claimName": "other"}
    ),
    "read-only mount": lambda live: pod(live)["containers"][0]["volumeMounts"][0].update(readOnly=True),
    "label": lambda live: live["spec"]["template"]["metadata"]["labels"].pop(names.LABEL_REVISION),
    "context": lambda live: live["spec"]["template"]["metadata"]["annotations"].update(
        {names.ANNOTATION_RUN_CONTEXT: "{}"}
    ),
    "update strategy": lambda live: live["spec"].update(updateStrategy={"type": "RollingUpdate"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_field_that_we_render_is_drift(change: str) -> None:
    workload = rendered(published(WORKLOAD))
    live = as_the_server_stores_it(workload)

    CHANGES[change](live)

    assert drifted(live, workload)


def test_scale_and_foreign_annotations_are_no_drift() -> None:
    workload = rendered(published())
    live = copy.deepcopy(workload)
    live["spec"]["replicas"] = 1
    live["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"

    assert not drifted(live, workload)


def test_what_is_told_of_an_upgrade_is_no_drift_once_it_is_over() -> None:
    told = rendered(published(description="old words"), upgrade=Upgrade("0.9.0", "1.0.0", "InPlace"))

    assert not drifted(told, rendered(published(description="new words")))


def test_what_can_never_change_is_not_compared() -> None:
    assert set(rendered_fields(rendered(published()))) == {"updateStrategy", "template"}


def test_a_workload_is_compared_with_what_its_own_stamp_gives() -> None:
    live = as_the_server_stores_it(rendered(published(WORKLOAD)))

    assert not drifted_from_its_stamp(live, RUN, 2, published(WORKLOAD), RENDERER)
    CHANGES["image"](live)
    assert drifted_from_its_stamp(live, RUN, 2, published(WORKLOAD), RENDERER)


def test_what_another_renderer_made_has_not_drifted() -> None:
    live = rendered(published())
    CHANGES["image"](live)

    assert not drifted_from_its_stamp(live, RUN, 2, published(), RENDERER + 1)


def test_what_has_no_readable_stamp_is_not_judged_here() -> None:
    live = rendered(published())
    del live["metadata"]["annotations"]

    assert not drifted_from_its_stamp(live, RUN, 2, published(), RENDERER)
