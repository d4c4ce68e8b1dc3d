"""Short ways to identities, revisions and rendered objects for tests of manifests."""

from __future__ import annotations

from typing import Any

from tests.unit.planning.build import revision

from scenario_operator.manifests.identity import RunIdentity, ScenarioIdentity
from scenario_operator.manifests.statefulset import statefulset
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.windows import Window

RUN = RunIdentity("team", "pacific", "uid-of-pacific", "quake-watch")
SCENARIO = ScenarioIdentity("team", "quake-watch", "uid-of-quake-watch")
WINDOW = Window("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", None)
PARAMETERS = (("quiet", "3"), ("threshold", "25"))
RENDERER = 7
HOOKS = {hook: {"command": ["do", hook]} for hook in ("validate", "preflight", "revert", "verify")}
RESULTS = {"volume": {"size": "2Gi", "storageClassName": "fast", "accessMode": "ReadWriteOncePod"}}


def published(workload: dict[str, Any] | None = None, **more: Any) -> Revision:
    """Return a revision with every hook; state on a volume, results and files as told."""
    return revision(
        name="quake-watch-r1", digest="sha256:" + "a" * 64, hooks=HOOKS, workload=workload or {}, **more
    )


def rendered(revision: Revision, **more: Any) -> dict[str, Any]:
    """Return the StatefulSet of incarnation 2 on a revision."""
    return statefulset(RUN, 2, revision, WINDOW, PARAMETERS, **{"renderer": RENDERER, **more})


def pod_of(workload: dict[str, Any]) -> dict[str, Any]:
    """Return the pod spec of a StatefulSet or Job."""
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def container_of(workload: dict[str, Any]) -> dict[str, Any]:
    """Return the only container of a StatefulSet or Job."""
    (container,) = pod_of(workload)["containers"]
    return dict(container)


def environment_of(workload: dict[str, Any]) -> dict[str, str]:
    """Return what the container sees; of two variables with one name the later wins."""
    return {entry["name"]: entry.get("value") for entry in container_of(workload)["env"]}


def sources_by_path(workload: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is mounted where: the volume without its name, and whether only for reading."""
    volumes = {volume["name"]: volume for volume in pod_of(workload)["volumes"]}
    found = {}
    for mount in container_of(workload)["volumeMounts"]:
        volume = {key: value for key, value in volumes[mount["name"]].items() if key != "name"}
        found[mount["mountPath"]] = {**volume, "readOnly": mount.get("readOnly", False)}
    return found
