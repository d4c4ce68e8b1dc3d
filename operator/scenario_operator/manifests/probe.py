"""The artifact probe: a pod that pulls an image and ends at once, without running anything of it.

Its command does not exist. The runtime gets as far as starting it, so the pod fails with the image's digest in its
status, which no registry had to be asked for with credentials of our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from scenario_operator.api.common import JsonObject
from scenario_operator.api.reasons import Reason
from scenario_operator.api.workload import Workload
from scenario_operator.manifests import pod
from scenario_operator.manifests.identity import Component, ScenarioIdentity
from scenario_operator.planning.revision import Artifact
from scenario_operator.planning.validity import Problem

COMMAND: Final = "/.scenario-probe"
_PULL_TROUBLE: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}
)

#: Enough for the runtime to try; stated, because a quota refuses pods that state nothing.
_RESOURCES: Final = {
    "requests": {"cpu": "10m", "memory": "32Mi"},
    "limits": {"cpu": "100m", "memory": "32Mi"},
}


class Probed(NamedTuple):
    """What a probe pod says: an artifact, or why there is none yet."""

    artifact: Artifact | None
    pending: Problem | None

    @property
    def unpullable(self) -> bool:
        """Say whether the image cannot be pulled."""
        return self.pending is not None and self.pending.reason is Reason.ARTIFACT_UNAVAILABLE


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


def read_probe(pod: Mapping[str, Any], image: str) -> Probed:
    """Read what a probe found: a command that cannot start proves the pull and gives the digest."""
    status = pod.get("status") or {}
    container: JsonObject = next(iter(status.get("containerStatuses") or ()), {})
    state = container.get("state") or {}
    image_id = container.get("imageID", "")
    if "terminated" in state and image_id:
        digest = image_id[image_id.rfind("sha256:") :]
        if "@" not in image_id:
            return Probed(Artifact(image, digest, unpinned=True), None)
        return Probed(Artifact(f"{repository(image)}@{digest}", digest), None)
    waiting = state.get("waiting") or {}
    if waiting.get("reason") in _PULL_TROUBLE:
        told = f"spec.artifact.image: {image} cannot be pulled: {waiting.get('message', waiting['reason'])}"
        again = "; it is tried again every 30 s and goes on by itself when the image is there"
        return Probed(None, Problem(Reason.ARTIFACT_UNAVAILABLE, told[:800] + again))
    if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
        told = f"resolving {image}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
        return Probed(None, Problem(Reason.RESOLVING, told[:900]))
    conditions = status.get("conditions") or ()
    scheduled: JsonObject = next((c for c in conditions if c["type"] == "PodScheduled"), {})
    if scheduled.get("status") == "False":
        told = f"resolving {image}: the probe pod is not scheduled: {scheduled.get('message', '')}"
        return Probed(None, Problem(Reason.RESOLVING, told[:900]))
    return Probed(None, Problem(Reason.RESOLVING, f"resolving {image}"))


def repository(image: str) -> str:
    """Return an image reference without tag and digest; a port is no tag."""
    bare = image.split("@", 1)[0]
    head, slash, last = bare.rpartition("/")
    return f"{head}{slash}{last.split(':', 1)[0]}"
