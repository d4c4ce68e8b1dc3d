"""The container `scenario` as the kubelet tells of it: found by its name, never by its place in a list.

Admission may put containers of others beside ours, and statuses are sorted by name: an `istio-proxy` comes first.
Nobody else reads lists of statuses (a test forbids it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from scenario_operator.api.common import JsonObject

CONTAINER: Final = "scenario"


def status_of(pod: Mapping[str, Any]) -> JsonObject:
    """Return what the kubelet says of our container, {} before it says anything."""
    return next((c for c in _statuses(pod, "containerStatuses") if c.get("name") == CONTAINER), {})


def termination_of(pod: Mapping[str, Any]) -> JsonObject:
    """Return how our container ended, {} while it has not; for pods that do not start it again."""
    return (status_of(pod).get("state") or {}).get("terminated") or {}


def beside(pod: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the containers of a probe or a hook that are not ours: somebody's admission has put them there."""
    return tuple(c["name"] for c in statuses_beside(pod))


def statuses_beside(pod: Mapping[str, Any]) -> Iterator[JsonObject]:
    """Return what the kubelet says of the containers before and beside ours."""
    for field in ("initContainerStatuses", "containerStatuses"):
        yield from (c for c in _statuses(pod, field) if c.get("name") != CONTAINER)


def _statuses(pod: Mapping[str, Any], field: str) -> Iterator[JsonObject]:
    yield from (pod.get("status") or {}).get(field) or ()
