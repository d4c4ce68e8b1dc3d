"""What a controller is given, and what is expected of it: the seam between this package and `controllers`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from scenario_operator.cluster.client import Client
from scenario_operator.cluster.events import EventSink
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import JsonObject, Ref, ResourceKind
from scenario_operator.cluster.store import Store


class Controller(Protocol):
    """Brings one key's part of the world one step further."""

    async def reconcile(self, key: Key) -> timedelta | None:
        """Make one pass; return when to look again at the latest, None to wait for a change.

        Raises `Transient` to be called again after a back-off, `Terminal` after a long one. May be cancelled
        between two effects, never during one.
        """
        ...


class Measures(Protocol):
    """What controllers measure."""

    def upgrade_finished(self, outcome: str) -> None:
        """One run's upgrade ended with `outcome`, a CamelCase word of the API."""
        ...

    def step_finished(self, kind: str, seconds: float) -> None:
        """One step of a plan took so long from begun to done."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Everything outside itself that a controller may use."""

    client: Client
    store: Store
    events: EventSink
    measures: Measures
    now: Callable[[], datetime]
    #: Since when the API server has answered without a gap.
    reached_since: Callable[[], datetime]
    #: Ask for a pass over another key, as soon as possible.
    wake: Callable[[Key], None]
    #: Ask for a pass over a key in some seconds.
    wake_after: Callable[[Key, float], None]
    #: Namespaces that are served; empty means all.
    namespaces: tuple[str, ...]
    version: str

    async def write_status(self, kind: ResourceKind, obj: JsonObject, patch: Mapping[str, Any]) -> JsonObject:
        """Merge a patch into an object's status, fenced by the version that was read, and take in the answer.

        Returns the object as it is now. Raises `Conflict` if it was changed since: look again.
        """
        metadata = obj["metadata"]
        written = await self.client.patch(
            Ref.to(kind, obj),
            {"status": patch},
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            subresource="status",
        )
        self.store.offer(kind, "MODIFIED", written)
        return written

    async def remove(self, kind: ResourceKind, obj: JsonObject) -> None:
        """Delete that very object, which the store knows; one that is gone already is forgotten.

        No event tells of what ended between our list and the first one of a watch: without this, such a ghost would
        be deleted at every pass until the next resync.
        """
        if not await self.client.delete(Ref.to(kind, obj), uid=obj["metadata"]["uid"]):
            self.store.offer(kind, "DELETED", obj)
