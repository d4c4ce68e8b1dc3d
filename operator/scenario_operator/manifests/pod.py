"""The parts that all our pods share: what users may say about them, and what we stamp over it; and a run's pods, read.

Everything of the contract comes after the user's part, and the security context comes last: a Scenario cannot
take off what the namespace's `restricted` Pod Security Standard asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject, wire
from scenario_operator.api.foreign import NOTHING, Foreign
from scenario_operator.api.names import PlainName
from scenario_operator.api.reasons import Reason
from scenario_operator.api.workload import Workload
from scenario_operator.manifests.claim import incarnation_of
from scenario_operator.manifests.container import CONTAINER, status_of
from scenario_operator.manifests.context import RunContext
from scenario_operator.manifests.identity import Component, Handle, RunIdentity, handle
from scenario_operator.manifests.report import StopReport, read_report
from scenario_operator.manifests.trouble import (
    NO_CURE,
    PREPARING,
    is_abandoned,
    last_end_of,
    trouble_beside,
    trouble_of,
)
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import epoch

_PROGRAM = ("command", "args", "envFrom", "resources")
_PROBES = ("ports", "startupProbe", "readinessProbe", "livenessProbe")
_PLACEMENT = ("imagePullSecrets", "nodeSelector", "tolerations", "affinity", "priorityClassName")
_LAST_WORDS: Final = "FallbackToLogsOnError"


_FIRST_WORD = re.compile(r"\A([A-Za-z]+)")


class Pod(NamedTuple):
    """One pod of the run, or a foreign pod that mounts its claim (`incarnation` is then that claim's).

    `held`: the mark of the Stop that holds its report. `ended`: all containers have terminated for good.
    `exit_code` None: not known. `born`: when the kubelet took it, epoch seconds. `running`: its container runs now.
    `last_end`: how its container ended last, for people. `abandoned`: its node no longer speaks for it. `preparing`:
    the kubelet has not made its containers yet. `kin`: the run's own Job or workload made it, though it is foreign.
    """

    handle: Handle
    incarnation: int
    revision: str
    terminating: bool = False
    held: str = ""
    foreign: bool = False
    started: bool = False
    ready: bool = False
    started_at: float = 0.0
    ended: bool = False
    exit_code: int | None = None
    finished_at: str | None = None
    report: StopReport | None = None
    trouble: Foreign = NOTHING
    restarts: int = 0
    born: float = 0.0
    running: bool = False
    name: PlainName = PlainName("")
    last_end: Foreign = NOTHING
    abandoned: bool = False
    preparing: bool = False
    kin: bool = False

    @property
    def ailment(self) -> Reason | None:
        """Return the word for a state that time alone does not mend, None when it is in no such state."""
        return NO_CURE.get(self.trouble.word(_FIRST_WORD))

    @property
    def needs_a_hand(self) -> bool:
        """Say whether it is in a state that time alone does not mend."""
        return self.ailment is not None

    @property
    def loops(self) -> bool:
        """Say whether its container starts and ends again and again."""
        return self.restarts >= 2 and not self.foreign and not self.terminating


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
    annotations: Mapping[str, str] = MappingProxyType({}),
) -> JsonObject:
    """Return a pod template: the user's placement, volumes and annotations around one container; ours win.

    `annotations` come over those of the workload.
    """
    given = wire(workload)
    ours = list(mounts)
    container["volumeMounts"] = given.get("volumeMounts", []) + [m.mount for m in ours]
    container["securityContext"] = container_security()
    theirs = {**_theirs(workload.pod_annotations), **annotations}
    return {
        "metadata": {
            "labels": labels,
            "annotations": {**theirs, names.ANNOTATION_RUN_CONTEXT: context.json()},
        },
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


def passing_metadata(workload: Workload, labels: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return labels and annotations of a pod that does not serve, a hook or a probe: the user's under ours.

    By them the author tells an injector to stay away from a pod that ends by itself.
    """
    theirs = _theirs(workload.hook_pod_labels), _theirs(workload.hook_pod_annotations)
    return {**theirs[0], **labels}, theirs[1]


def program(image: str, workload: Workload, environment: list[JsonObject], *, probed: bool) -> JsonObject:
    """Return the container: the user's program, then our environment, which so overrides theirs.

    IfNotPresent also for a tag: an artifact that only exists on nodes could not be pulled. A program that fails
    without a word in its termination message has the end of its log there instead.
    """
    given = wire(workload)
    theirs = [v for v in given.get("env", []) if not v["name"].startswith(names.ENV_PREFIX)]
    keys = (*_PROGRAM, *_PROBES) if probed else _PROGRAM
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePolicy": workload.termination_message_policy or _LAST_WORDS,
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


def read_pods(
    identity: RunIdentity, pods: Iterable[Mapping[str, Any]], workloads: frozenset[str]
) -> Iterator[Pod]:
    """Read the workload's own pods, and whatever else runs and mounts a claim of the run.

    Our pods are known by their names, by which effects find them: labels can be edited. A second pod of a workload
    that somebody scaled up is no different from a stranger's. `workloads` holds the uids of the run's StatefulSets.
    """
    for obj in pods:
        labels = obj["metadata"].get("labels") or {}
        workload = identity.labelled(obj) and labels.get(names.LABEL_COMPONENT) == Component.WORKLOAD.value
        if workload and (number := named(identity.name, obj)):
            yield _read_pod(obj, number)
            continue
        stray = _labelled(obj) if workload else _stray(identity, obj, workloads)
        number = _mounted(identity, obj) or stray
        if number and not has_ended(obj):
            terminating = "deletionTimestamp" in obj["metadata"]
            kin = identity.labelled(obj) or bool(_controllers(obj) & workloads)
            yield Pod(
                handle(obj),
                number,
                "",
                foreign=True,
                terminating=terminating,
                name=obj["metadata"]["name"],
                kin=kin,
            )


def named(run: str, pod: Mapping[str, Any]) -> int:
    """Return the incarnation that a pod's name stands for, 0 for none: labels can be stripped, names cannot."""
    name = pod["metadata"]["name"]
    middle = name.removeprefix(f"{run}-").removesuffix("-0")
    return int(middle) if middle.isdigit() and name == names.pod(run, int(middle)) else 0


def has_ended(obj: Mapping[str, Any]) -> bool:
    """Say whether all containers of a pod have terminated for good, as its phase tells."""
    return (obj.get("status") or {}).get("phase", "") in ("Succeeded", "Failed")


def _labelled(obj: Mapping[str, Any]) -> int:
    label = (obj["metadata"].get("labels") or {}).get(names.LABEL_INCARNATION, "")
    return int(label) if label.isdigit() else 0


def _stray(identity: RunIdentity, obj: Mapping[str, Any], workloads: frozenset[str]) -> int:
    """Return the incarnation of a pod without our labels, 0 when somebody else made it under a name of ours.

    A StatefulSet lets go of a pod whose labels were stripped, so ours then has no controller any more.
    """
    return named(identity.name, obj) if _controllers(obj) <= workloads else 0


def _controllers(obj: Mapping[str, Any]) -> set[str]:
    owners = obj["metadata"].get("ownerReferences") or ()
    return {str(o.get("uid")) for o in owners if o.get("controller")}


def _mounted(identity: RunIdentity, obj: Mapping[str, Any]) -> int:
    """Return the incarnation whose state claim a pod mounts, 0 for none.

    A pod of a run of this name that is gone may have no state, and mount the results claim only.
    """
    volumes = obj["spec"].get("volumes") or ()
    claims = [(volume.get("persistentVolumeClaim") or {}).get("claimName", "") for volume in volumes]
    for claim in claims:
        number = incarnation_of(identity.name, claim)
        if number is not None:
            return number
    return named(identity.name, obj) if names.results_claim(identity.name) in claims else 0


def _read_pod(obj: Mapping[str, Any], number: int) -> Pod:
    metadata, status = obj["metadata"], obj.get("status") or {}
    container = status_of(obj)
    state = container.get("state") or {}
    # A container that waits to be started again last spoke when it ended before.
    last = (container.get("lastState") or {}) if "waiting" in state else {}
    terminated = state.get("terminated") or last.get("terminated") or {}
    stated = {c["type"]: c for c in status.get("conditions") or ()}
    ready = stated.get("Ready", {}).get("status") == "True"
    running = (state.get("running") or {}).get("startedAt")
    forced = "deletionTimestamp" in metadata and metadata.get("deletionGracePeriodSeconds") == 0
    return Pod(
        handle=handle(obj),
        incarnation=number,
        revision=(metadata.get("labels") or {}).get(names.LABEL_REVISION, ""),
        terminating="deletionTimestamp" in metadata,
        held=_held(metadata),
        started=bool(container.get("started")) and running is not None,
        ready=ready and running is not None,
        started_at=epoch(running) if running else 0.0,
        ended=has_ended(obj) or forced,
        exit_code=terminated.get("exitCode"),
        finished_at=terminated.get("finishedAt"),
        report=read_report(terminated.get("message", ""), terminated.get("exitCode")) if terminated else None,
        trouble=Foreign(trouble_of(status, container) or trouble_beside(status, container)),
        restarts=container.get("restartCount", 0),
        born=epoch(status["startTime"]) if "startTime" in status else 0.0,
        running=running is not None,
        name=metadata["name"],
        last_end=Foreign(last_end_of(container)),
        abandoned=is_abandoned(stated),
        preparing=(state.get("waiting") or {}).get("reason") in PREPARING,
    )


def _held(metadata: Mapping[str, Any]) -> str:
    """Return the mark of the Stop that holds a pod, "held" when it bears none, "" when nothing of ours holds it."""
    if names.FINALIZER_REPORT not in (metadata.get("finalizers") or ()):
        return ""
    return (metadata.get("annotations") or {}).get(names.ANNOTATION_STEP, "") or "held"
