"""The artifact probe: a pod that pulls an image and ends at once, without running anything of it.

Its command is a file that we mount, which names an interpreter that does not exist: every runtime can create and start
such a container, and it ends by itself. So the image's digest stands in the pod's status, which no registry had to be
asked for with credentials of our own. (A command that is missing would do for containerd; CRI-O does not even create
such a container, and so never tells a digest, and the kubelet warns of it in an Event.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from scenario_operator.api.common import JsonObject
from scenario_operator.api.foreign import Foreign
from scenario_operator.api.reasons import Reason
from scenario_operator.api.workload import Workload
from scenario_operator.manifests import pod
from scenario_operator.manifests.container import CONTAINER, beside, status_of
from scenario_operator.manifests.identity import Component, ScenarioIdentity
from scenario_operator.planning.revision import Artifact
from scenario_operator.planning.validity import Problem

_PLACE: Final = "/.scenario-probe"
COMMAND: Final = f"{_PLACE}/ends"
_ANNOTATION: Final = "scenarios.dev/probe"
_ENDS: Final = f"#!{_PLACE}/nothing\n"
AGAIN: Final = "it is tried again after 30 s, then ever less often, every 5 minutes in the end"
_PULL_TROUBLE: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}
)
_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})$")
_LOADED: Final = "import-"
"""How containerd names an image that was loaded without a name: no repository of that name has it."""
_WHERE: Final = (
    ("untolerated taint", "spec.workload.tolerations"),
    ("node affinity/selector", "spec.workload.nodeSelector"),
    ("node selector", "spec.workload.nodeSelector"),
)
"""What the scheduler says of nodes that do not fit, and the field that it is about."""
_LONGEST: Final = 800

#: Enough for the runtime to try; stated, because a quota refuses pods that state nothing.
_RESOURCES: Final = {
    "requests": {"cpu": "10m", "memory": "32Mi"},
    "limits": {"cpu": "100m", "memory": "32Mi"},
}


class Probed(NamedTuple):
    """What a probe pod says: an artifact, or why there is none yet.

    `elsewhere`: the artifact's digest is that of another repository, which may or may not be true of the asked one.
    `undisclosed`: the image was pulled, but the node's runtime tells no digest of it. `unanswered`: it has just been
    made.
    """

    artifact: Artifact | None
    pending: Problem | None
    elsewhere: bool = False
    undisclosed: bool = False
    unanswered: bool = False

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
    labels, annotations = pod.passing_metadata(workload, scenario.labels(Component.PROBE))
    metadata = scenario.metadata(name, labels)
    source = {"fieldPath": f"metadata.annotations['{_ANNOTATION}']"}
    items = [{"path": COMMAND.rpartition("/")[2], "fieldRef": source}]
    container: JsonObject = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": pull_policy,
        "command": [COMMAND],
        "resources": _RESOURCES,
        "securityContext": pod.container_security(),
        "volumeMounts": [{"name": "probe", "mountPath": _PLACE, "readOnly": True}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, "annotations": {**annotations, _ANNOTATION: _ENDS}},
        "spec": {
            **spec,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "volumes": [{"name": "probe", "downwardAPI": {"items": items, "defaultMode": 0o555}}],
            "securityContext": pod.pod_security(workload),
        },
    }


def read_probe(pod: Mapping[str, Any], image: str, *, pulled: bool = True, declared: str = "") -> Probed:
    """Read what a probe found: a container that has an image proves the pull and gives the digest.

    An image that is asked for by its digest has been found by it. `pulled` False: no registry was asked, so the image
    is what some node has under that name; only `declared`, the digest that its author expects, can vouch for it.
    """
    container = status_of(pod)
    waiting = (container.get("state") or {}).get("waiting") or {}
    asked = image.partition("@")[2]
    if asked and (container.get("imageID") or _is_missing_command(waiting)):
        return Probed(Artifact(f"{repository(image)}@{asked}", asked), None)
    if image_id := container.get("imageID"):
        return _found(image, image_id, pulled=pulled, declared=declared)
    if waiting.get("reason") in _PULL_TROUBLE:
        told = f"spec.artifact.image: {image} cannot be pulled: {waiting.get('message', waiting['reason'])}"
        again = f"; {AGAIN}, and goes on by itself when the image is there"
        return Probed(None, Problem(Reason.ARTIFACT_UNAVAILABLE, Foreign(told).shown(_LONGEST) + again))
    obstacle = _obstacle(pod, image, waiting)
    if not obstacle:
        return unanswered(image)
    return Probed(None, Problem(Reason.RESOLVING, obstacle), undisclosed=_is_missing_command(waiting))


def unanswered(image: str) -> Probed:
    """Return what a probe says that was only just made."""
    return Probed(None, Problem(Reason.RESOLVING, Foreign(f"resolving {image}").shown()), unanswered=True)


def _found(image: str, image_id: str, *, pulled: bool, declared: str) -> Probed:
    """Return the artifact of an image that a node has, in the words of its runtime.

    Those words are of the image, not of the name that was asked for: copies of one image in two repositories are one
    image on a node, which then tells the digest of either.
    """
    name, at, _ = image_id.rpartition("://")[2].partition("@")
    matched = _DIGEST.search(image_id)
    if matched is None:
        told = f"spec.artifact.digest: the node tells no digest of {image}, only {image_id}; declare it"
        return Probed(None, Problem(Reason.RESOLVING, Foreign(told).shown(_LONGEST)), undisclosed=True)
    digest = f"sha256:{matched[1]}"
    asked = repository(image)
    same = bool(at) and _spelt_out(name) == _spelt_out(asked)
    if same and (pulled or digest == declared):
        return Probed(Artifact(f"{asked}@{digest}", digest), None)
    loaded = not at or name.rpartition("/")[2].startswith(_LOADED)
    return Probed(Artifact(image, digest, unpinned=True), None, elsewhere=not (same or loaded))


def _is_missing_command(waiting: Mapping[str, Any]) -> bool:
    """Say whether a runtime has not created the container for want of its command: the image was there by then."""
    return waiting.get("reason") == "CreateContainerError" and _PLACE in waiting.get("message", "")


def _obstacle(pod: Mapping[str, Any], image: str, waiting: Mapping[str, Any]) -> str:
    """Say what a probe waits for, with the field to set where there is one; "" when for nothing out of the ordinary."""
    status, reason = pod.get("status") or {}, waiting.get("reason") or ""
    conditions = status.get("conditions") or ()
    scheduled: JsonObject = next((c for c in conditions if c["type"] == "PodScheduled"), {})
    remedy = ""
    if reason not in ("", "ContainerCreating", "PodInitializing"):
        told = f"{reason}: {waiting.get('message') or ''}".rstrip(": ")
        if _is_missing_command(waiting):
            remedy = "spec.artifact.digest: to be declared, the node's runtime tells no digest"
        elif "runAsNonRoot" in told:
            remedy = "spec.workload.runAsUser: to be set to the number of a user that the image can run as"
    elif scheduled.get("status") == "False":
        said = scheduled.get("message") or ""
        told = f"the probe pod is not scheduled: {said}"
        fields = dict.fromkeys(field for words, field in _WHERE if words in said)
        remedy = f"{', '.join(fields)}: no node fits" if fields else ""
    elif status.get("phase") == "Failed":
        why = f"{status.get('reason') or ''}: {status.get('message') or ''}".strip(": ")
        told = f"the probe pod ended before the image was pulled ({why or 'no reason given'}); {AGAIN}"
    elif others := beside(pod):
        told = f"the probe pod waits for what was put beside it: {', '.join(others)}"
        remedy = "spec.workload.hookPodLabels or hookPodAnnotations: can tell an injector to stay away"
    else:
        return ""
    told = Foreign(f"resolving {image}: {told}").shown(_LONGEST)
    return f"{remedy}; {told}" if remedy else told


def repository(image: str) -> str:
    """Return an image reference without tag and digest; a port is no tag."""
    bare = image.split("@", 1)[0]
    head, slash, last = bare.rpartition("/")
    return f"{head}{slash}{last.split(':', 1)[0]}"


def _spelt_out(name: str) -> str:
    """Return a repository with the registry and the folder that are meant when they are left out."""
    first, slash, rest = name.partition("/")
    if not slash or not (first == "localhost" or "." in first or ":" in first):
        first, rest = "docker.io", name
    if first in ("docker.io", "index.docker.io"):
        return f"docker.io/{rest}" if "/" in rest else f"docker.io/library/{rest}"
    return f"{first}/{rest}"
