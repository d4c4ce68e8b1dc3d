"""The artifact probe: a pod that pulls an image and ends at once, without running anything of it.

Its command does not exist. The runtime gets as far as starting it, so the pod fails with the image's digest in its
status, which no registry had to be asked for with credentials of our own.
"""

from __future__ import annotations

from typing import Final, Literal

from scenario_operator.api.common import JsonObject
from scenario_operator.api.workload import Workload
from scenario_operator.manifests import pod
from scenario_operator.manifests.identity import Component, ScenarioIdentity

COMMAND: Final = "/.scenario-probe"

#: Enough for the runtime to try; stated, because a quota refuses pods that state nothing.
_RESOURCES: Final = {
    "requests": {"cpu": "10m", "memory": "32Mi"},
    "limits": {"cpu": "100m", "memory": "32Mi"},
}


def probe_pod(
    scenario: ScenarioIdentity,
    name: str,
    image: str,
    workload: Workload,
    *,
    pull_policy: Literal["Always", "Never"] = "Always",
) -> JsonObject:
    """Return the probe of an image, placed where the workload would be and with its credentials to pull.

    Always asks the registry what a tag means today; Never finds an image that exists on nodes only. The user is
    the workload's, so that an image that may only run as root is found out before any run is touched.
    """
    spec = pod.placement(workload)
    for moot in ("affinity", "priorityClassName"):
        spec.pop(moot, None)
    container: JsonObject = {
        "name": pod.CONTAINER,
        "image": image,
        "imagePullPolicy": pull_policy,
        "command": [COMMAND],
        "resources": _RESOURCES,
        "securityContext": pod.container_security(),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": scenario.metadata(name, scenario.labels(Component.PROBE)),
        "spec": {
            **spec,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "securityContext": pod.pod_security(workload),
        },
    }
