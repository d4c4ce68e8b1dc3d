"""What controllers say of an object that should have a pod and has none.

Pods are made by the StatefulSet and the Job controller: when a quota or an admission policy refuses one, no status
shows it, only their Events do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from scenario_operator.api.foreign import NOTHING, Foreign
from scenario_operator.cluster import errors
from scenario_operator.cluster.client import Client
from scenario_operator.cluster.kinds import EVENT
from scenario_operator.execution.decide import Record
from scenario_operator.planning.stored import instant

Object: TypeAlias = Mapping[str, Any]
_SLACK_SECONDS: Final = 5.0
"""Clocks differ a little, and times of Events have whole seconds."""
_FIRST_LOOK_SECONDS: Final = 4.0


class Missing(NamedTuple):
    """An object without the pod that it should have, and since when it is missed, in epoch seconds."""

    maker: Object
    since: float

    def looks_again_in(self, now: float) -> float:
        """Return the seconds to the next look at Events, which nobody watches: at 4 s, 8 s, 16 s …"""
        return max(_FIRST_LOOK_SECONDS, 2 * (now - self.since)) - (now - self.since)

    def may_be_asked(self, now: float) -> bool:
        """Say whether it has lasted long enough to be no matter of course."""
        return now - self.since >= _FIRST_LOOK_SECONDS


def missing(run: Object, record: Record, makers: Iterable[Object], pods: Iterable[Object]) -> Missing | None:
    """Return the first of these objects that lacks its pod, if any does."""
    made = {o["uid"] for pod in pods for o in pod["metadata"].get("ownerReferences") or ()}
    lacking = (m for m in makers if _wants_pod(m) and m["metadata"]["uid"] not in made)
    maker, since = next(lacking, None), _since(run, record)
    return Missing(maker, since) if maker is not None and since is not None else None


async def complaint(client: Client, lacking: Missing | None) -> Foreign:
    """Return why a pod cannot be made, as its controller says; nothing when none is missing or it does not complain.

    The newest Event counts, and only one since the pod has been missing: an old trouble is none.
    """
    if lacking is None:
        return NOTHING
    metadata = lacking.maker["metadata"]
    try:
        selector = f"regarding.uid={metadata['uid']}"
        events = (await client.list(EVENT, metadata["namespace"], field_selector=selector)).items
    except errors.ClusterError:
        return NOTHING  # only a word less for people: no reason to stand still
    newest = max(events, key=_told_at, default=None)
    if newest is None or newest.get("type") != "Warning" or _told_at(newest) < lacking.since - _SLACK_SECONDS:
        return NOTHING
    return Foreign(newest.get("note", ""))


def _since(run: Object, record: Record) -> float | None:
    """Return since when a pod is missed: from the begin of a ready step, or from the end of being available."""
    journal = record.journal
    if journal is not None:
        begun = (journal.begun_at(step.id) for step in journal.ready())
        return min((at for at in begun if at is not None), default=None)
    conditions = (run.get("status") or {}).get("conditions") or ()
    gone = (c for c in conditions if c["type"] == "Available" and c["status"] == "False")
    return next((instant(c["lastTransitionTime"]) for c in gone), None)


def _wants_pod(maker: Object) -> bool:
    spec, status = maker["spec"], maker.get("status") or {}
    if "deletionTimestamp" in maker["metadata"]:
        return False
    if maker.get("kind") == "Job":
        over = any(c["status"] == "True" for c in status.get("conditions") or ())
        return not over and not spec.get("suspend")
    return bool(spec.get("replicas", 1))


def _told_at(event: Object) -> float:
    """Return when an Event was last seen, long ago when it tells no time; which field says so depends on its writer."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("deprecatedLastTimestamp"), event.get("eventTime"))
    return max((at for time in times if (at := instant(time)) is not None), default=0.0)
