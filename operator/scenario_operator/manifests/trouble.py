"""Why a pod does not run, in the words of the kubelet, of the scheduler and of the node controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scenario_operator.api.reasons import Reason
from scenario_operator.manifests.container import statuses_beside

PREPARING: Final = ("ContainerCreating", "PodInitializing")

NO_CURE: Final[Mapping[str, Reason]] = {
    "CrashLoopBackOff": Reason.CRASH_LOOPING,
    "CreateContainerConfigError": Reason.CONTAINER_NOT_MADE,
    "CreateContainerError": Reason.CONTAINER_NOT_MADE,
    "ErrImageNeverPull": Reason.IMAGE_UNAVAILABLE,
    "ErrImagePull": Reason.IMAGE_UNAVAILABLE,
    "ImageInspectError": Reason.IMAGE_UNAVAILABLE,
    "ImagePullBackOff": Reason.IMAGE_UNAVAILABLE,
    "InvalidImageName": Reason.IMAGE_UNAVAILABLE,
    "RunContainerError": Reason.CONTAINER_NOT_MADE,
    "Unschedulable": Reason.UNSCHEDULABLE,
}
"""The words of the kubelet and of the scheduler for what only another version, node or object mends, and ours."""


def is_abandoned(stated: Mapping[str, Mapping[str, Any]]) -> bool:
    """Say whether the node controller has taken Ready away: the kubelet, which gives a reason, no longer speaks."""
    ready, containers = stated.get("Ready", {}), stated.get("ContainersReady", {})
    return ready.get("status") == "False" and not ready.get("reason") and containers.get("status") == "True"


def last_end_of(container: Mapping[str, Any]) -> str:
    """Say how a container ended last: its exit code and its last words, "" when it never did."""
    state = container.get("state") or {}
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    if not ended:
        return ""
    told = f"exit code {ended.get('exitCode', '?')}: {ended.get('message') or ended.get('reason') or ''}"
    return told.rstrip(": ")


def trouble_of(status: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """Say in the kubelet's words why a pod does not run."""
    waiting = (container.get("state") or {}).get("waiting") or {}
    if waiting.get("reason") not in (None, *PREPARING):
        last = (container.get("lastState") or {}).get("terminated") or {}
        told = last.get("message") or waiting.get("message") or ""
        exit_code = f" (exit code {last['exitCode']})" if "exitCode" in last else ""
        return f"{waiting['reason']}{exit_code}: {told}".rstrip(": ")
    scheduled = next((c for c in status.get("conditions") or () if c["type"] == "PodScheduled"), None)
    if scheduled is not None and scheduled["status"] == "False":
        return f"{scheduled.get('reason', '')}: {scheduled.get('message', '')}"
    return ""


def trouble_beside(status: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """Say what ails the container before or beside ours that keeps the pod from serving, "" when none does."""
    if container.get("ready"):
        return ""
    for other in statuses_beside({"status": status}):
        if told := trouble_of({}, other):
            word, _, rest = told.partition(": ")
            return f"{word}: container {other['name']}{': ' + rest if rest else ''}"
    return ""
