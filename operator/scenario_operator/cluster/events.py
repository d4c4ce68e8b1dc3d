"""Kubernetes Events: told to people, never needed by us, so posting one never fails and never delays a pass.

Events are the one thing whose names are not a plain function of their place: the same sentence about the same
object within ten minutes is the same Event, so that a condition that flaps does not flood the cluster.
The caller posts one per state change; this module must not know which changes matter.
"""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, Protocol

from scenario_operator.api.foreign import escaped
from scenario_operator.cluster import errors
from scenario_operator.cluster.client import Client
from scenario_operator.cluster.kinds import EVENT, JsonObject

logger = logging.getLogger(__name__)

EventType = Literal["Normal", "Warning"]
_SAME_EVENT_SECONDS: Final = 600
_LONGEST_NOTE_BYTES: Final = 1024
_LONGEST_OBJECT_NAME: Final = 200
_BACKLOG: Final = 1000


class EventSink(Protocol):
    """Where controllers tell what happened."""

    def post(
        self,
        regarding: Mapping[str, Any],
        type_: EventType,
        reason: str,
        note: str,
        action: str = "Reconcile",
    ) -> None:
        """Tell about `regarding`, an object that was read; `reason` and `action` are CamelCase words."""
        ...


class _Told(NamedTuple):
    namespace: str
    manifest: JsonObject


class EventPoster:
    """`EventSink` that posts in the background: `run` must be a task, and `drain` ends it."""

    def __init__(
        self,
        client: Client,
        *,
        controller: str,
        instance: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._controller = controller
        self._instance = instance
        self._now = now
        # When the API server is away for long the oldest news are dropped first.
        self._backlog: deque[_Told] = deque(maxlen=_BACKLOG)
        self._arrived = asyncio.Event()
        self._draining = False

    def post(
        self,
        regarding: Mapping[str, Any],
        type_: EventType,
        reason: str,
        note: str,
        action: str = "Reconcile",
    ) -> None:
        metadata = regarding["metadata"]
        manifest = self._manifest(regarding, type_, reason, _cut(note), action)
        self._backlog.append(_Told(metadata.get("namespace") or "default", manifest))
        self._arrived.set()

    async def run(self) -> None:
        """Post what was told until `drain` and the backlog is empty."""
        while True:
            while self._backlog:
                await self._send(self._backlog.popleft())
            if self._draining:
                return
            self._arrived.clear()
            await self._arrived.wait()

    def drain(self) -> None:
        """Let `run` end when everything was tried once."""
        self._draining = True
        self._arrived.set()

    async def _send(self, told: _Told) -> None:
        try:
            await self._client.create(EVENT, told.namespace, told.manifest)
        except errors.AlreadyExists:
            pass  # said within the last minutes
        except errors.ClusterError as error:
            logger.debug("event not posted: %(error)s", {"error": error})

    def _manifest(
        self, regarding: Mapping[str, Any], type_: EventType, reason: str, note: str, action: str
    ) -> JsonObject:
        metadata = regarding["metadata"]
        namespace = metadata.get("namespace") or "default"
        now = self._now()
        said = f"{metadata['uid']}\n{type_}\n{reason}\n{note}\n{int(now.timestamp()) // _SAME_EVENT_SECONDS}"
        digest = hashlib.sha256(said.encode()).hexdigest()[:16]
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {
                "name": f"{metadata['name'][:_LONGEST_OBJECT_NAME]}.{digest}",
                "namespace": namespace,
            },
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "type": type_,
            "reason": reason,
            "action": action,
            "note": note,
            "reportingController": self._controller,
            "reportingInstance": self._instance[:128],
            "regarding": {
                "apiVersion": regarding["apiVersion"],
                "kind": regarding["kind"],
                "namespace": metadata.get("namespace"),
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata.get("resourceVersion"),
            },
        }


def _cut(note: str) -> str:
    note = escaped(note)
    encoded = note.encode()
    if len(encoded) <= _LONGEST_NOTE_BYTES:
        return note
    ellipsis = "…"
    room = _LONGEST_NOTE_BYTES - len(ellipsis.encode())
    return encoded[:room].decode(errors="ignore") + ellipsis
