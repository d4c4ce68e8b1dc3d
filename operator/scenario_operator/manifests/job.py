"""Hook Jobs: a command of an artifact, run once, created suspended (rule R3).

No retries by Kubernetes and no TTL: each attempt is counted in the journal, and the result stays until it is on
record. A pod that goes away is a failed attempt and is never replaced while it still runs: hooks destroy things.
How a hook ended is what its own container says: a sidecar that somebody's admission puts beside it may run for ever,
or fail. The Job goes when the result is on record, and takes such a pod along.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject
from scenario_operator.api.foreign import NOTHING, Foreign
from scenario_operator.api.scenario import Hook
from scenario_operator.manifests import pod
from scenario_operator.manifests.container import termination_of
from scenario_operator.manifests.context import RunContext, Upgrade, variable
from scenario_operator.manifests.identity import (
    Component,
    Handle,
    RunIdentity,
    ScenarioIdentity,
    handle,
)
from scenario_operator.manifests.report import read_numbers, read_uncounted
from scenario_operator.planning.parameters import Pairs
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import instant
from scenario_operator.planning.windows import Window

VALIDATE = "validate"
REVERT = "revert"
LABEL_JOB: Final = "batch.kubernetes.io/job-name"
"""The label by which Kubernetes names a pod's Job."""
_LABEL_JOB_UID: Final = "batch.kubernetes.io/controller-uid"


class Job(NamedTuple):
    """A hook Job. `state`: Suspended, Active, Succeeded or Failed. `uncounted`: counts that it told as no count."""

    handle: Handle
    name: str
    state: str
    message: Foreign = NOTHING
    numbers: tuple[tuple[str, int], ...] = ()
    deleting: bool = False
    uncounted: tuple[str, ...] = ()


class HookEnd(NamedTuple):
    """How a hook without a run ended: in its own words, none when nobody knows; and why its pod was lost, if it was."""

    told: Foreign = NOTHING
    lost: Foreign = NOTHING


@dataclass(frozen=True, slots=True)
class HookCall:
    """One attempt at a hook of a run.

    `revision` gives artifact and command. `incarnation` 0: the hook is about no incarnation. `attempt` names the
    ScenarioUpgrade, "" for a run's own plan.
    """

    name: str
    hook: str
    revision: Revision
    incarnation: int
    window: Window
    parameters: Pairs
    timeout_seconds: int
    mounts_state: bool = False
    attempt: str = ""
    upgrade: Upgrade | None = None


def hook_job(identity: RunIdentity, call: HookCall) -> JsonObject:
    """Return the Job of a hook of a run; raises ValueError if the revision declares no such hook.

    Only `revert` sees data: results writable, and the state it belongs to, read-only, when that is asked for.
    """
    revision, number = call.revision, call.incarnation
    context = RunContext(
        scenario=identity.scenario,
        revision=revision,
        run=identity.name,
        incarnation=number,
        window=call.window,
        parameters=call.parameters,
        upgrade=call.upgrade,
    )
    mounts: list[pod.Mount] = []
    if call.mounts_state:
        mounts.append(pod.claim_mount("state", names.state_claim(identity.name, number), read_only=True))
    if call.hook == REVERT and revision.spec.results is not None:
        mounts.append(pod.claim_mount("results", names.results_claim(identity.name)))
    labels = identity.labels(Component.HOOK, number) | _labels(call.hook, revision)
    template = _template(context, call.hook, call.attempt, labels, mounts)
    return _job(identity.metadata(call.name, labels, {}), template, call.timeout_seconds)


def validate_job(scenario: ScenarioIdentity, name: str, revision: Revision) -> JsonObject:
    """Return the Job of a revision's validate hook, which has no run.

    Raises ValueError if the revision declares none.
    """
    labels = scenario.labels(Component.HOOK) | _labels(VALIDATE, revision)
    context = RunContext(scenario=scenario.name, revision=revision)
    template = _template(context, VALIDATE, "", labels, [])
    timeout_seconds = _declared(revision, VALIDATE).timeout_seconds
    return _job(scenario.metadata(name, labels), template, timeout_seconds)


def _job(metadata: JsonObject, template: JsonObject, timeout_seconds: int) -> JsonObject:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "suspend": True,
            "backoffLimit": 0,
            "activeDeadlineSeconds": timeout_seconds,
            "podReplacementPolicy": "Failed",
            "template": template,
        },
    }


def _template(
    context: RunContext, hook: str, attempt: str, labels: dict[str, str], mounts: list[pod.Mount]
) -> JsonObject:
    """Render the pod: the workload's surroundings (environment, volumes, placement) around the hook's command."""
    revision = context.revision
    environment = [*context.environment(), variable("HOOK", hook), variable("UPGRADE", attempt)]
    container = pod.program(revision.artifact.image, revision.spec.workload, environment, probed=False)
    container.pop("args", None)
    container["command"] = list(_declared(revision, hook).command)
    standard = pod.standard_mounts(revision, published=hook != VALIDATE)
    labels, annotations = pod.passing_metadata(revision.spec.workload, labels)
    template = pod.template(
        revision.spec.workload, context, labels, container, [*standard, *mounts], annotations
    )
    template["spec"]["restartPolicy"] = "Never"
    return template


def _declared(revision: Revision, hook: str) -> Hook:
    field = "validate_" if hook == VALIDATE else hook
    declared: Hook | None = getattr(revision.spec.hooks, field, None)
    if declared is None:
        raise ValueError(f"revision {revision.name} declares no {hook} hook")
    return declared


def _labels(hook: str, revision: Revision) -> dict[str, str]:
    return {names.LABEL_HOOK: hook, names.LABEL_REVISION: revision.name}


def read_job(obj: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> Job:
    """Read a hook Job: as its own container ended, with its last words, else as the Job's conditions say."""
    metadata, done = obj["metadata"], _true_conditions(obj)
    state = "Suspended" if obj["spec"].get("suspend") else "Active"
    message = told = ""
    ended = next((end for p in pods if _is_of(p, obj) and (end := _own_end(obj, p))), {})
    # Not FailureTarget: from then on until Failed the pod has yet to end, and the next try must not meet it.
    if ended:
        succeeded = "Complete" in done or (ended.get("exitCode") == 0 and not _killed(obj, ended))
        state, told = "Succeeded" if succeeded else "Failed", _words(ended)
        message = job_failure(obj) if _killed(obj, ended) else ""
    elif "Complete" in done:
        state = "Succeeded"
    elif "Failed" in done:
        state, message = "Failed", job_failure(obj)
    return Job(
        handle=handle(obj),
        name=metadata["name"],
        state=state,
        message=Foreign(": ".join(part for part in (message, told) if part)),
        numbers=read_numbers(told),
        deleting="deletionTimestamp" in metadata,
        uncounted=read_uncounted(told),
    )


def reverting(identity: RunIdentity, pods: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Return the Jobs that the run's revert hooks which still run belong to, whether the Jobs still exist or not."""
    for obj in pods:
        labels = obj["metadata"].get("labels") or {}
        over = pod.has_ended(obj) or termination_of(obj)
        if identity.labelled(obj) and labels.get(names.LABEL_HOOK) == REVERT and not over:
            yield labels.get(LABEL_JOB, "")


def _own_end(job: Mapping[str, Any], of: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how the container of a Job's pod ended, nothing while it may have been told to and its Job is silent.

    At its deadline a Job has its pods deleted before it says why, and a program that is told to end may end well.
    """
    end = termination_of(of)
    said = _true_conditions(job).keys() & {"Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"}
    told_to = "deletionTimestamp" in of["metadata"] or _is_late(job, end)
    return {} if told_to and not said else end


def _is_late(job: Mapping[str, Any], end: Mapping[str, Any]) -> bool:
    """Say whether a container ended when its Job's time was up, or later."""
    seconds = job["spec"].get("activeDeadlineSeconds")
    began, ended = instant((job.get("status") or {}).get("startTime")), instant(end.get("finishedAt"))
    if seconds is None or began is None or ended is None:
        return False
    return bool(ended - began >= seconds)


def _is_of(obj: Mapping[str, Any], job: Mapping[str, Any]) -> bool:
    """Say whether a pod is that of this Job, not of one that had its name before."""
    metadata = job["metadata"]
    labels = obj["metadata"].get("labels") or {}
    return bool(
        labels.get(LABEL_JOB) == metadata["name"]
        and labels.get(_LABEL_JOB_UID, metadata["uid"]) == metadata["uid"]
    )


def is_timeout(job: Mapping[str, Any]) -> bool:
    """Say whether a Job failed because its time was up: what its pod says then is how it was killed."""
    return _deadline(job) is not None


def _deadline(job: Mapping[str, Any]) -> str | None:
    """Return when a Job's time was up, as far as its controller has acted on it; "" when it does not say when."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    missed = (c for c in conditions if c.get("reason") == "DeadlineExceeded")
    return min((c.get("lastTransitionTime") or "" for c in missed), default=None)


def _killed(job: Mapping[str, Any], ended: Mapping[str, Any]) -> bool:
    """Say whether a container was ended by its Job's deadline; one beside it may have gone on to the deadline."""
    deadline, finished = _deadline(job), ended.get("finishedAt")
    if deadline is None or not deadline or not finished:
        return deadline is not None
    return datetime.fromisoformat(finished) >= datetime.fromisoformat(deadline)


def job_failure(job: Mapping[str, Any]) -> str:
    """Say why a Job failed, as far as its own status tells."""
    if is_timeout(job):
        return f"it did not end within {job['spec'].get('activeDeadlineSeconds')} s"
    failed = _true_conditions(job).get("Failed") or {}
    return f"{failed.get('reason', '')}: {failed.get('message', '')}"


def read_hook_end(job: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> HookEnd:
    """Read how a hook ended from its Job and the Job's pods; the words of a pod that was lost are how it was killed."""
    lost = ""
    for obj in (p for p in pods if _is_of(p, job)):
        status = obj.get("status") or {}
        disrupted = [c for c in status.get("conditions") or () if c["type"] == "DisruptionTarget"]
        if "deletionTimestamp" in obj["metadata"] or any(c["status"] == "True" for c in disrupted):
            lost = status.get("reason") or next((c.get("reason", "") for c in disrupted), "") or "deleted"
            continue
        if (ended := termination_of(obj)) and not _killed(job, ended):
            return HookEnd(Foreign(_words(ended)))
        lost = f"{status.get('reason', '')}: {status.get('message', '')}".strip(": ")
    if is_timeout(job) and not lost:
        return HookEnd(Foreign(job_failure(job)))
    return HookEnd(lost=Foreign(lost))


def _true_conditions(job: Mapping[str, Any]) -> dict[str, Any]:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return {c["type"]: c for c in conditions if c["status"] == "True"}


def _words(ended: Mapping[str, Any]) -> str:
    """Return the last words of a container that ended, with its exit code if it failed."""
    code, told = ended.get("exitCode"), str(ended.get("message", ""))
    return told if code == 0 else f"exit code {code}: {told}".rstrip(": ")
