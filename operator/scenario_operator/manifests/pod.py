"""The parts that all our pods share: what users may say about them, and what we stamp over it.

Everything of the contract comes after the user's part, and the security context comes last: a Scenario cannot
take off what the namespace's `restricted` Pod Security Standard asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject, wire
from scenario_operator.api.workload import Workload
from scenario_operator.manifests.context import RunContext
from scenario_operator.planning.revision import Revision

CONTAINER: Final = "scenario"
_PROGRAM = ("command", "args", "envFrom", "resources")
_PROBES = ("ports", "startupProbe", "readinessProbe", "livenessProbe")
_PLACEMENT = ("imagePullSecrets", "nodeSelector", "tolerations", "affinity", "priorityClassName")


class Mount(NamedTuple):
    """A volume of ours and where the container sees it."""

    volume: JsonObject
    mount: JsonObject


def claim_mount(name: str, claim: str, *, read_only: bool = False) -> Mount:
    """Mount a claim that we made beforehand at /scenario/<name>; a pod never makes one."""
    mount: JsonObject = {"name": name, "mountPath": f"/scenario/{name}"}
    if read_only:
        mount["readOnly"] = True
    return Mount({"name": name, "persistentVolumeClaim": {"claimName": claim}}, mount)


def scratch_mount(name: str, path: str) -> Mount:
    """Mount an empty directory that lives as long as the pod."""
    return Mount({"name": name, "emptyDir": {}}, {"name": name, "mountPath": path})


def standard_mounts(revision: Revision, *, published: bool = True) -> list[Mount]:
    """Mount what every container of a Scenario has: run.json, scratch space, the artifact's files if any.

    The files come from the revision's immutable copy, which there is once the revision is published; before, from
    the ConfigMap that will be copied.
    run.json is one file mounted by its path: a volume on the whole of /scenario would have the other mounts inside
    a read-only volume. It need not follow changes of the annotation: what was resolved for a start holds.
    """
    context = {"fieldPath": f"metadata.annotations['{names.ANNOTATION_RUN_CONTEXT}']"}
    run_json = Mount(
        {"name": "scenario-run", "downwardAPI": {"items": [{"path": "run.json", "fieldRef": context}]}},
        {"name": "scenario-run", "mountPath": "/scenario/run.json", "subPath": "run.json", "readOnly": True},
    )
    mounts = [run_json, scratch_mount("tmp", "/tmp")]  # noqa: S108 (the container's own emptyDir)
    source = revision.spec.artifact.config_map_ref
    if source is not None:
        files = {"name": names.artifact_copy(revision.name) if published else source.name}
        shown = {"name": "artifact", "mountPath": "/scenario/artifact", "readOnly": True}
        mounts.append(Mount({"name": "artifact", "configMap": files}, shown))
    return mounts


def template(
    workload: Workload,
    context: RunContext,
    labels: dict[str, str],
    container: JsonObject,
    mounts: Iterable[Mount],
) -> JsonObject:
    """Return a pod template: the user's placement, volumes and annotations around one container; ours win."""
    given = wire(workload)
    ours = list(mounts)
    container["volumeMounts"] = given.get("volumeMounts", []) + [m.mount for m in ours]
    container["securityContext"] = container_security()
    annotations = {**_theirs(workload.pod_annotations), names.ANNOTATION_RUN_CONTEXT: context.json()}
    return {
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": {
            **placement(workload),
            "volumes": given.get("volumes", []) + [m.volume for m in ours],
            "containers": [container],
            "securityContext": pod_security(workload),
        },
    }


def serving_labels(workload: Workload, labels: dict[str, str]) -> dict[str, str]:
    """Put the user's labels under ours; only pods that serve carry them, or a Service would pick up hooks."""
    return {**_theirs(workload.pod_labels), **labels}


def program(image: str, workload: Workload, environment: list[JsonObject], *, probed: bool) -> JsonObject:
    """Return the container: the user's program, then our environment, which so overrides theirs.

    IfNotPresent also for a tag: an artifact that only exists on nodes could not be pulled.
    """
    given = wire(workload)
    theirs = [v for v in given.get("env", []) if not v["name"].startswith(names.ENV_PREFIX)]
    keys = (*_PROGRAM, *_PROBES) if probed else _PROGRAM
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        **{key: given[key] for key in keys if given.get(key)},
        "env": theirs + environment,
    }


def placement(workload: Workload) -> JsonObject:
    """Return where a pod may run and as whom towards the API server: as nobody unless a user says so.

    No variables for every Service of the namespace: their names could take the place of ours.
    """
    given = wire(workload)
    account = {"serviceAccountName": workload.service_account_name} if workload.service_account_name else {}
    return {
        **{key: given[key] for key in _PLACEMENT if key in given},
        **account,
        "automountServiceAccountToken": bool(account),
        "enableServiceLinks": False,
    }


def spread(workload: Workload) -> JsonObject:
    """Return how serving pods are spread; hooks and probes are not counted among them."""
    given = wire(workload)
    return {key: given[key] for key in ("topologySpreadConstraints",) if key in given}


def pod_security(workload: Workload) -> JsonObject:
    """Return the pod's part of the restricted standard, with the users that the Scenario names."""
    given = wire(workload)
    security: JsonObject = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    security |= {key: given[key] for key in ("runAsUser", "runAsGroup", "fsGroup") if key in given}
    if "fsGroup" in given:
        security["fsGroupChangePolicy"] = "OnRootMismatch"  # a start must not walk through a large volume
    return security


def container_security() -> JsonObject:
    """Return the container's part of the restricted standard, and a root file system that nobody writes to."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _theirs(given: Mapping[str, str]) -> dict[str, str]:
    """Drop what is reserved for us; the CRD refuses it, but a snapshot may be older than that rule."""
    return {key: value for key, value in given.items() if not key.startswith(f"{names.GROUP}/")}
