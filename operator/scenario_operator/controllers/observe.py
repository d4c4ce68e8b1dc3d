"""Reading the world into a View: once from what the watches brought, once live before anything is written (R6).

The live read goes by name as well as by label: an object of ours whose labels were stripped, or a stranger's
with the name that we would use, must not be overlooked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeGuard

from pydantic import ValidationError

from scenario_operator.api import names
from scenario_operator.api.common import normalise_time
from scenario_operator.api.run import DesiredState, ScenarioRun
from scenario_operator.cluster.client import FIELD_MANAGER
from scenario_operator.execution import wire
from scenario_operator.execution.decide import Record
from scenario_operator.execution.view import (
    RENDERER,
    Claim,
    Handle,
    Job,
    Pod,
    Report,
    Run,
    Template,
    Workload,
    World,
)
from scenario_operator.manifests.claim import read_formats
from scenario_operator.manifests.drift import drifted_from_its_stamp
from scenario_operator.manifests.identity import Component, RunIdentity
from scenario_operator.manifests.job import REVERT
from scenario_operator.manifests.pod import CONTAINER
from scenario_operator.manifests.stamp import read_stamp
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.snapshot import bounds_of
from scenario_operator.planning.stored import epoch
from scenario_operator.planning.windows import Window

JsonObject = Mapping[str, Any]
_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}")
_UNREADABLE_TEXT = (ValueError, AttributeError, TypeError, RecursionError, OverflowError)
"""What parsing a termination message can raise: its text is the program's, so it can be anything."""
_UNREADABLE = Template("", Window(), ())
"""The template of a workload without a readable stamp: it fits nothing that we would render."""


class Things(NamedTuple):
    """The objects that concern one run, as they were read; `refused` says why a pod of it cannot be made."""

    run: JsonObject
    workloads: tuple[JsonObject, ...]
    pods: tuple[JsonObject, ...]
    claims: tuple[JsonObject, ...]
    jobs: tuple[JsonObject, ...]
    refused: str = ""


def run_of(obj: JsonObject) -> Run:
    """Read what the user asks of a run."""
    parsed = ScenarioRun.read(obj)
    spec = parsed.spec
    return Run(
        namespace=parsed.metadata.namespace,
        name=parsed.metadata.name,
        uid=parsed.metadata.uid,
        generation=parsed.metadata.generation,
        scenario=spec.scenario_ref.name,
        desired_running=spec.desired_state is DesiredState.RUNNING,
        pinned=spec.pinned_version or "",
        hold=spec.hold or "",
        bounds=bounds_of(spec),
        parameters=tuple(sorted(spec.parameters.items())),
        recompute_nonce=spec.recompute_nonce or "",
        restart_nonce=spec.restart_nonce or "",
        retry_nonce=spec.retry_nonce or "",
        abort_nonce=spec.abort_nonce or "",
        deleting=parsed.metadata.deletion_timestamp is not None,
    )


def record_of(obj: JsonObject) -> Record:
    """Read the record of a run from its status."""
    return wire.load(obj.get("status") or {})


def world_of(run: Run, things: Things, revisions: Mapping[str, Revision]) -> World:
    """Read everything that exists of a run."""
    claims = tuple(c for obj in things.claims if (c := _claim(run, obj)) is not None)
    results = next((c for c in things.claims if c["metadata"]["name"] == names.results_claim(run.name)), None)
    numbered = [(n, obj) for obj in things.workloads if (n := _number(run, obj))]
    return World(
        workloads=tuple((n, _workload(run, obj, revisions)) for n, obj in numbered if _is_ours(run, obj)),
        strangers=tuple(n for n, obj in numbered if not _is_ours(run, obj)),
        pods=tuple(_pods(run, things)),
        claims=claims,
        jobs=tuple(_job(obj, things.pods) for obj in things.jobs if _is_ours(run, obj)),
        results=_results(run, results),
        reverting=tuple(_reverting(run, things.pods)),
        refused=things.refused,
    )


def handle(obj: JsonObject) -> Handle:
    """Return the identity and version of an object that was read."""
    return Handle(obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])


def _number(run: Run, obj: JsonObject) -> int:
    """Return the incarnation whose name a StatefulSet has, 0: of none; labels can be edited."""
    name: str = obj["metadata"]["name"]
    tail = name.rpartition("-")[2]
    return int(tail) if tail.isdigit() and name == names.statefulset(run.name, int(tail)) else 0


def _labelled(obj: JsonObject) -> int:
    label = (obj["metadata"].get("labels") or {}).get(names.LABEL_INCARNATION, "")
    return int(label) if label.isdigit() else 0


def _is_ours(run: Run, obj: JsonObject) -> bool:
    return any(o.get("uid") == run.uid for o in obj["metadata"].get("ownerReferences") or ())


def _workload(run: Run, obj: JsonObject, revisions: Mapping[str, Revision]) -> Workload:
    metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    annotations = metadata.get("annotations") or {}
    stamp = read_stamp(obj)
    template = Template(stamp.revision, stamp.window, stamp.parameters) if stamp else _UNREADABLE
    settled = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    return Workload(
        handle=handle(obj),
        replicas=spec.get("replicas", 1),
        status_replicas=status.get("replicas", 0),
        settled=settled,
        template=template,
        stop_stamp=annotations.get(names.ANNOTATION_STOP, ""),
        drifted=_drifted(run, obj, template, revisions),
        outdated=annotations.get(names.ANNOTATION_RENDERER) != str(RENDERER),
    )


def _drifted(run: Run, obj: JsonObject, template: Template, revisions: Mapping[str, Revision]) -> bool:
    """Compare what we render with what stands; another renderer's work is judged by its stamps only (R12).

    A difference that nobody else wrote is what admission made of our own write: repairing it would never end. The
    cache does not hold who wrote what, so there a difference means: look live.
    """
    managers = obj["metadata"].get("managedFields")
    if managers is not None and not any(_edited(entry) for entry in managers):
        return False
    revision = revisions.get(template.revision)
    return revision is not None and drifted_from_its_stamp(
        obj, identity_of(run), _number(run, obj), revision, RENDERER
    )


def _edited(entry: Mapping[str, Any]) -> bool:
    """Say whether a manager other than us has written what we render."""
    return (
        entry.get("manager") != FIELD_MANAGER
        and not entry.get("subresource")
        and bool((entry.get("fieldsV1") or {}).get("f:spec", {}).keys() & {"f:template", "f:updateStrategy"})
    )


def identity_of(run: Run) -> RunIdentity:
    """Return who the owner of what we render is."""
    return RunIdentity(run.namespace, run.name, run.uid, run.scenario)


def _claim(run: Run, obj: JsonObject) -> Claim | None:
    metadata = obj["metadata"]
    prefix = f"state-{run.name}-"
    if not metadata["name"].startswith(prefix):
        return None
    middle = metadata["name"][len(prefix) :].removesuffix("-0")
    if not middle.isdigit():
        return None
    stamped = (metadata.get("labels") or {}).get(names.LABEL_RUN_UID)
    formats = read_formats(obj)
    return Claim(
        handle=handle(obj),
        incarnation=int(middle),
        ours=stamped == run.uid and formats is not None,
        formats=formats or (),
        deleting="deletionTimestamp" in metadata,
    )


def _results(run: Run, obj: JsonObject | None) -> str:
    if obj is None:
        return ""
    if "deletionTimestamp" in obj["metadata"]:
        return "deleting"
    return "ours" if (obj["metadata"].get("labels") or {}).get(names.LABEL_RUN_UID) == run.uid else "foreign"


def _pods(run: Run, things: Things) -> Iterable[Pod]:
    """Read the workload's own pods, and whatever else runs and mounts a state claim of the run.

    Our pods are known by their names, by which effects find them: labels can be edited. A second pod of a workload
    that somebody scaled up is no different from a stranger's.
    """
    ours = frozenset(obj["metadata"]["uid"] for obj in things.workloads if _is_ours(run, obj))
    for obj in things.pods:
        labels = obj["metadata"].get("labels") or {}
        mine = labels.get(names.LABEL_RUN_UID) == run.uid
        workload = mine and labels.get(names.LABEL_COMPONENT) == Component.WORKLOAD.value
        if workload and (number := named(run.name, obj)):
            yield _pod(obj, number)
            continue
        number = _mounted(run, obj) or (_labelled(obj) if workload else _stray(run, obj, ours))
        if number and _phase(obj) not in ("Succeeded", "Failed"):
            terminating = "deletionTimestamp" in obj["metadata"]
            yield Pod(handle(obj), number, "", foreign=True, terminating=terminating)


def named(run: str, pod: JsonObject) -> int:
    """Return the incarnation that a pod's name stands for, 0 for none: labels can be stripped, names cannot."""
    name = pod["metadata"]["name"]
    middle = name.removeprefix(f"{run}-").removesuffix("-0")
    return int(middle) if name == f"{run}-{middle}-0" and middle.isdigit() else 0


def _stray(run: Run, obj: JsonObject, ours: frozenset[str]) -> int:
    """Return the incarnation of a pod without our labels, 0 when somebody else made it under a name of ours.

    A StatefulSet lets go of a pod whose labels were stripped, so ours then has no controller any more.
    """
    owners = obj["metadata"].get("ownerReferences") or ()
    controllers = {o.get("uid") for o in owners if o.get("controller")}
    return named(run.name, obj) if controllers <= ours else 0


def _mounted(run: Run, obj: JsonObject) -> int:
    """Return the incarnation whose state claim a pod mounts, 0 for none."""
    prefix = f"state-{run.name}-"
    for volume in obj["spec"].get("volumes") or ():
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
        middle = claim.removeprefix(prefix).removesuffix("-0")
        if claim.startswith(prefix) and middle.isdigit():
            return int(middle)
    return 0


def _phase(obj: JsonObject) -> str:
    return str((obj.get("status") or {}).get("phase", ""))


def _pod(obj: JsonObject, number: int) -> Pod:
    metadata, status = obj["metadata"], obj.get("status") or {}
    containers = status.get("containerStatuses") or ()
    container: JsonObject = next((c for c in containers if c["name"] == CONTAINER), {})
    state = container.get("state") or {}
    # A container that waits to be started again last spoke when it ended before.
    last = (container.get("lastState") or {}) if "waiting" in state else {}
    terminated = state.get("terminated") or last.get("terminated") or {}
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    held = names.FINALIZER_REPORT in (metadata.get("finalizers") or ())
    mark = (metadata.get("annotations") or {}).get(names.ANNOTATION_STEP, "") if held else ""
    running = (state.get("running") or {}).get("startedAt")
    forced = "deletionTimestamp" in metadata and metadata.get("deletionGracePeriodSeconds") == 0
    return Pod(
        handle=handle(obj),
        incarnation=number,
        revision=(metadata.get("labels") or {}).get(names.LABEL_REVISION, ""),
        terminating="deletionTimestamp" in metadata,
        held=mark or ("held" if held else ""),
        started=bool(container.get("started")) and running is not None,
        ready=ready and running is not None,
        started_at=epoch(running) if running else 0.0,
        ended=_phase(obj) in ("Succeeded", "Failed") or forced,
        exit_code=terminated.get("exitCode"),
        finished_at=terminated.get("finishedAt"),
        report=read_report(terminated.get("message", "")) if terminated else None,
        trouble=_trouble(status, container),
        restarts=container.get("restartCount", 0),
        born=epoch(status["startTime"]) if "startTime" in status else 0.0,
        running=running is not None,
    )


def read_report(text: str) -> Report:
    """Read a termination message as the contract's report; anything else says nothing."""
    try:
        told = json.loads(text)
        until, version = told.get("processedUntil"), told.get("stateVersion")
        outputs = told.get("outputs") or {}
        if until is not None and not isinstance(until, str):
            return Report()
        return Report(
            processed_until=str(normalise_time(until)) if until is not None else None,
            state_version=version if isinstance(version, str) and _WORD.fullmatch(version) else None,
            open_outputs=_count(outputs.get("open")),
        )
    except _UNREADABLE_TEXT:
        return Report()


def _count(value: object) -> int:
    return value if _is_count(value) else 0


def _is_count(value: object) -> TypeGuard[int]:
    """Say whether a number fits the schema; what a program tells must never make a status unwritable."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**15


def _trouble(status: JsonObject, container: JsonObject) -> str:
    """Say in the kubelet's words why a pod does not run."""
    waiting = (container.get("state") or {}).get("waiting") or {}
    if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
        last = (container.get("lastState") or {}).get("terminated") or {}
        told = last.get("message") or waiting.get("message") or ""
        exit_code = f" (exit code {last['exitCode']})" if "exitCode" in last else ""
        return f"{waiting['reason']}{exit_code}: {told}"[:512].rstrip(": ")
    scheduled = next((c for c in status.get("conditions") or () if c["type"] == "PodScheduled"), None)
    if scheduled is not None and scheduled["status"] == "False":
        return f"{scheduled.get('reason', '')}: {scheduled.get('message', '')}"[:512]
    return ""


def _job(obj: JsonObject, pods: Iterable[JsonObject]) -> Job:
    metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    done = {c["type"]: c for c in status.get("conditions") or () if c["status"] == "True"}
    state = "Suspended" if spec.get("suspend") else "Active"
    message = ""
    # Not FailureTarget: from then on until Failed the pod has yet to end, and the next try must not meet it.
    if "Complete" in done:
        state = "Succeeded"
    elif "Failed" in done:
        state = "Failed"
        message = job_failure(obj)
    told = _told(metadata["name"], pods)
    if told and state == "Failed" and is_timeout(obj):
        told = f"{message}: {told}"
    return Job(
        handle=handle(obj),
        name=metadata["name"],
        state=state,
        message=told or message,
        numbers=_numbers(told),
        deleting="deletionTimestamp" in metadata,
    )


def _reverting(run: Run, pods: Iterable[JsonObject]) -> Iterable[str]:
    """Return the Jobs that the run's revert hooks which still run belong to, whether the Jobs still exist or not."""
    for obj in pods:
        labels = obj["metadata"].get("labels") or {}
        mine = labels.get(names.LABEL_RUN_UID) == run.uid and labels.get(names.LABEL_HOOK) == REVERT
        if mine and _phase(obj) not in ("Succeeded", "Failed"):
            yield labels.get("batch.kubernetes.io/job-name", "")


def is_timeout(job: JsonObject) -> bool:
    """Say whether a Job failed because its time was up: what its pod says then is how it was killed."""
    return any(
        c.get("reason") == "DeadlineExceeded" for c in (job.get("status") or {}).get("conditions") or ()
    )


def job_failure(job: JsonObject) -> str:
    """Say why a Job failed, as far as its own status tells."""
    if is_timeout(job):
        return f"it did not end within {job['spec'].get('activeDeadlineSeconds')} s"
    done = {c["type"]: c for c in (job.get("status") or {}).get("conditions") or () if c["status"] == "True"}
    failed = done.get("Failed") or {}
    return f"{failed.get('reason', '')}: {failed.get('message', '')}"


def _told(job: str, pods: Iterable[JsonObject]) -> str:
    """Return the last termination message of a Job's pod."""
    for obj in pods:
        if (obj["metadata"].get("labels") or {}).get("batch.kubernetes.io/job-name") != job:
            continue
        for container in (obj.get("status") or {}).get("containerStatuses") or ():
            terminated = (container.get("state") or {}).get("terminated") or {}
            if terminated:
                code = terminated.get("exitCode")
                told = terminated.get("message", "")
                return told if code == 0 else f"exit code {code}: {told}".rstrip(": ")
    return ""


def _numbers(text: str) -> tuple[tuple[str, int], ...]:
    try:
        told = json.loads(text)
    except _UNREADABLE_TEXT:
        return ()
    if not isinstance(told, dict):
        return ()
    found = {k: v for k, v in told.items() if _is_count(v)}
    return tuple(sorted(found.items())[:32])


def readable(obj: JsonObject) -> bool:
    """Say whether we can read a run; one that a newer operator or a hand wrote otherwise is left alone."""
    try:
        ScenarioRun.read(obj)
        record_of(obj)
    except (ValidationError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return True
