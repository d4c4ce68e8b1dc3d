"""Statuses as they are written: fenced by what was read, and left alone for a while when they are called invalid.

A status that does not fit its schema is a fault of ours, or the CRDs are older than the operator. It cannot be told in
the status, so an Event and the log name the field. Nothing may follow a status that is not written (R1), so its key
rests: what is decided again every second would be refused every second. Where nothing depends on a status, only its
object rests. What is known is known by object: that another one of the key was written says nothing of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from scenario_operator.api.reasons import Reason
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.errors import Invalid, Rejected, Terminal
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import RUN, SCENARIO, JsonObject, ResourceKind

logger = logging.getLogger(__name__)
_FIRST_REST: Final = timedelta(seconds=30)
_LONGEST_REST: Final = timedelta(seconds=300)
_KINDS: Final = {"run": RUN, "scenario": SCENARIO}
"""The kind of the object that a key is about."""
_FIELDS: Final = 3
_LONGEST_COMPLAINT: Final = 300
"""How many fields are named, and in how many characters each: an Event has room for 1,024 bytes."""


class _Refused(NamedTuple):
    """What was told of a refused status, how often it was refused, and until when it rests.

    `alone`: nothing depends on it. `generation` is that of the object whose edit ends the rest: its own when it rests
    alone, else the one that the key is about.
    """

    told: str
    generation: int
    times: int
    until: datetime
    alone: bool


class Statuses:
    """Writes the statuses that belong to keys of one kind."""

    def __init__(self, context: Context) -> None:
        self._context = context
        #: By the uid of the object.
        self._refused: dict[Key, dict[str, _Refused]] = {}

    async def write(
        self, key: Key, kind: ResourceKind, obj: JsonObject, patch: Mapping[str, Any]
    ) -> JsonObject:
        """Merge `patch` into the status of an object as it was read, and return the object as it then is.

        Raises:
            Invalid, Rejected: it does not fit the schema or the store; that is told already, and `rests` says how long
                the key stands still.
            ClusterError: anything else; a Conflict means that the object is no longer as it was read.
        """
        try:
            written = await self._context.write_status(kind, obj, patch)
        except (Invalid, Rejected) as refusal:
            self._note(key, obj, refusal)
            raise
        self._refused.get(key, {}).pop(obj["metadata"]["uid"], None)
        return written

    async def tell(self, key: Key, kind: ResourceKind, obj: JsonObject, patch: Mapping[str, Any]) -> None:
        """Merge `patch` into a status on which nothing else depends: what is refused is told, and keeps nobody back.

        Raises:
            Transient: the object is no longer as it was read, or the API server is not there.
        """
        known = self._refused.get(key, {}).get(obj["metadata"]["uid"])
        if known is not None and self._left(known, obj) is not None:
            return
        try:
            await self._context.write_status(kind, obj, patch)
        except Terminal as refusal:
            self._note(key, obj, refusal, alone=True)
        else:
            self._refused.get(key, {}).pop(obj["metadata"]["uid"], None)

    def rests(self, key: Key, obj: JsonObject) -> timedelta | None:
        """Return how long a key has yet to stand still, None when it need not; an edit of its spec ends that."""
        refused = (known for known in self._refused.get(key, {}).values() if not known.alone)
        return max((left for known in refused if (left := self._left(known, obj)) is not None), default=None)

    def _left(self, known: _Refused, obj: JsonObject) -> timedelta | None:
        """Return how long a rest lasts yet, None when it is over or `obj`, whose edit ends it, was edited."""
        left = known.until - self._context.now()
        return left if left > timedelta() and known.generation == _generation(obj) else None

    def forget(self, key: Key) -> None:
        """The object of the key is gone."""
        self._refused.pop(key, None)

    def _note(self, key: Key, obj: JsonObject, refusal: Terminal, *, alone: bool = False) -> None:
        """Tell which field is refused, once for each text, and let the key rest, or the object `alone`."""
        told, uid = _complaint(refusal), obj["metadata"]["uid"]
        refused = self._refused.setdefault(key, {})
        before = refused.get(uid)
        times = before.times + 1 if before else 1
        rest = min(_LONGEST_REST, _FIRST_REST * 2 ** min(times - 1, 8))
        about = None if alone else self._context.store.get(_KINDS[key.kind], key.namespace, key.name)
        until = self._context.now() + rest
        refused[uid] = _Refused(told, _generation(about or obj), times, until, alone)
        if before is not None and before.told == told:
            return
        note = f"the status cannot be written: {told}"
        self._context.events.post(
            obj, type_="Warning", reason=Reason.STATUS_REFUSED.value, action="Reconcile", note=note
        )
        logger.error(
            "status refused key=%(key)s object=%(name)s: %(told)s",
            {"key": key, "name": obj["metadata"]["name"], "told": told},
        )


def _complaint(refusal: Terminal) -> str:
    """Return the refused fields in the API server's words, its whole message when it names none."""
    causes = [f"{c.field}: {c.message}"[:_LONGEST_COMPLAINT] for c in refusal.causes if c.field]
    more = f" and {len(causes) - _FIELDS} more" if len(causes) > _FIELDS else ""
    return "; ".join(causes[:_FIELDS]) + more if causes else str(refusal)[: _FIELDS * _LONGEST_COMPLAINT]


def _generation(obj: JsonObject) -> int:
    return int(obj["metadata"].get("generation", 1))
