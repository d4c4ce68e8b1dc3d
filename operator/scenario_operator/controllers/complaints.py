"""What controllers say of an object that should have a pod and has none.

Pods are made by the StatefulSet and the Job controller: when a quota or an admission policy refuses one, no status
shows it, only their Events do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from scenario_operator.cluster import errors
from scenario_operator.cluster.client import Client
from scenario_operator.cluster.kinds import EVENT, JsonObject
from scenario_operator.execution.decide import Record

_SLACK_SECONDS: Final = 5.0
"""Clocks differ a little, and times of Events have whole seconds."""
_LONGEST: Final = 512


async def complaint(
    client: Client, run: JsonObject, record: Record, makers: Iterable[JsonObject], pods: Iterable[JsonObject]
) -> str:
    """Return why the first maker of pods that lacks its pod cannot make it, as its controller says; "" if none does.

    The newest Event counts, and only one since the pod has been missing: an old trouble is none.
    """
    since = _missing_since(run, record)
    if since is None:
        return ""
    made = {o["uid"] for pod in pods for o in pod["metadata"].get("ownerReferences") or ()}
    for maker in makers:
        metadata = maker["metadata"]
        if not _wants_pod(maker) or metadata["uid"] in made:
            continue
        try:
            selector = f"regarding.uid={metadata['uid']}"
            events = (await client.list(EVENT, metadata["namespace"], field_selector=selector)).items
        except errors.ClusterError:
            return ""  # only a word less for people: no reason to stand still
        newest = max(events, key=_told_at, default=None)
        if newest is None or newest.get("type") != "Warning" or _told_at(newest) < since - _SLACK_SECONDS:
            continue
        return str(newest.get("note", ""))[:_LONGEST]
    return ""


def _missing_since(run: JsonObject, record: Record) -> float | None:
    """Return since when a pod is missed, in epoch seconds: the begin of the step, or the end of being available."""
    step = record.journal.current() if record.journal else None
    if record.journal is not None:
        return record.journal.begun_at(step.id) if step else None
    conditions = (run.get("status") or {}).get("conditions") or ()
    gone = (c for c in conditions if c["type"] == "Available" and c["status"] == "False")
    return next((_epoch(c["lastTransitionTime"]) for c in gone), None)


def _wants_pod(maker: JsonObject) -> bool:
    spec, status = maker["spec"], maker.get("status") or {}
    if "deletionTimestamp" in maker["metadata"]:
        return False
    if maker["kind"] == "Job":
        over = any(c["status"] == "True" for c in status.get("conditions") or ())
        return not over and not spec.get("suspend")
    return bool(spec.get("replicas", 1))


def _told_at(event: Mapping[str, Any]) -> float:
    """Return when an Event was last seen; which field says so depends on who wrote it."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("deprecatedLastTimestamp"), event.get("eventTime"))
    return max((_epoch(time) for time in times if time), default=0.0)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
