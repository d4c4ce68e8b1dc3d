"""Leader election: at most one process writes, by a `coordination.k8s.io` Lease.

Our own, because two traps of the library's were reproduced: a connection error escapes its loop while the
work goes on without a lease, and when the work dies it renews for ever. What holds here:

- A lease counts from *before* the request that won it was sent, by a clock that nobody can set. Rivals count
  from when they saw the record change, which is later.
- `holds()` is asked for every single write and only looks at that clock, so a process that was frozen finds
  out by itself, before it sends.
- A lease that ran out is lost, even if nobody took it: the process ends and starts afresh.

Leases make overlap rare, not impossible (a write that was sent may land late); what makes it harmless are the
fences of every write. This module must not know what is being led.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from scenario_operator.cluster import errors
from scenario_operator.cluster.client import Client
from scenario_operator.cluster.kinds import LEASE, JsonObject, Ref

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a lease lasts and how it is kept; the defaults are those of the Kubernetes components."""

    duration_seconds: int = 15
    renew_seconds: float = 5.0
    retry_seconds: float = 2.0
    #: Writing stops so long before the lease runs out, for clocks that differ and requests under way.
    margin_seconds: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.retry_seconds <= self.renew_seconds < self.duration_seconds - self.margin_seconds:
            raise ValueError("lease: need retry <= renew < duration - margin, all in seconds")


def uptime() -> float:
    """Seconds by a clock that nobody can set and that keeps counting while the machine sleeps."""
    return time.clock_gettime(
        time.CLOCK_BOOTTIME if hasattr(time, "CLOCK_BOOTTIME") else time.CLOCK_MONOTONIC
    )


class Lease:
    """One candidate; `identity` must be unique per process start.

    `client` must have no write guard and no queue in front of it: this is what the guard is made of.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        terms: Terms | None = None,
        clock: Callable[[], float] = uptime,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._ref = Ref(LEASE, namespace, name)
        self._identity = identity
        self._terms = terms or Terms()
        self._clock = clock
        self._jitter = jitter
        self._expires = float("-inf")
        self._record: JsonObject | None = None
        self._seen_version = ""
        self._rival_expires = float("-inf")
        self.transitions = 0

    def holds(self) -> bool:
        """Whether a write may be sent now."""
        return self._clock() < self._expires - self._terms.margin_seconds

    async def acquire(self) -> None:
        """Wait until this process leads. Raises `Terminal` when the lease may not be touched at all."""
        while True:
            # A process frozen while its request was answered has won a lease that is over.
            if await self._tried(self._take_if_free) and self.holds():
                break
            await asyncio.sleep(self._terms.retry_seconds * (1 + 0.2 * self._jitter()))
        logger.info(
            "leading lease=%(lease)s identity=%(identity)s transitions=%(transitions)d",
            {"lease": self._ref, "identity": self._identity, "transitions": self.transitions},
        )

    async def keep(self) -> None:
        """Renew until the lease is lost, then raise `LeaseLost`; never returns."""
        delay = self._terms.renew_seconds
        while True:
            await asyncio.sleep(max(0.0, min(delay, self._expires - self._clock())))
            if self._clock() >= self._expires:
                raise errors.LeaseLost(f"{self._ref}: could not be renewed in time")
            renewed = await self._tried(self._renew)
            delay = self._terms.renew_seconds if renewed else self._terms.retry_seconds

    async def release(self) -> None:
        """Stop writing, then let the next candidate in at once; best effort."""
        held, self._expires = self._expires, float("-inf")
        if self._record is None or self._clock() >= held:
            return
        try:
            await self._put(self._record, holder="")
        except errors.ClusterError as error:
            logger.warning("not released lease=%(lease)s: %(error)s", {"lease": self._ref, "error": error})
        else:
            logger.info("released lease=%(lease)s", {"lease": self._ref})

    async def _tried(self, attempt: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await attempt()
        except errors.LeaseLost:
            raise
        except errors.Conflict:
            return False  # somebody wrote first: look again
        except errors.Transient as error:
            logger.warning("no answer lease=%(lease)s: %(error)s", {"lease": self._ref, "error": error})
            return False

    async def _take_if_free(self) -> bool:
        record = await self._client.get(self._ref)
        now = self._clock()
        if record is None:
            # A lease that was held when it was last seen may have been deleted under its holder.
            return now >= self._rival_expires and await self._create()
        spec = record.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        version = record["metadata"]["resourceVersion"]
        if version != self._seen_version:
            self._seen_version = version
            self._rival_expires = now + float(
                spec.get("leaseDurationSeconds") or self._terms.duration_seconds
            )
        if holder and holder != self._identity and now < self._rival_expires:
            return False
        await self._put(record, holder=self._identity)
        return True

    async def _create(self) -> bool:
        sent_at = self._clock()
        manifest = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": self._ref.name, "namespace": self._ref.namespace},
            "spec": {**self._spec(self._identity), "acquireTime": _now(), "leaseTransitions": 0},
        }
        try:
            self._won(await self._client.create(LEASE, self._ref.namespace, manifest), sent_at)
        except errors.AlreadyExists:
            return False
        return True

    async def _renew(self) -> bool:
        assert self._record is not None  # noqa: S101 (keep follows acquire)
        try:
            await self._put(self._record, holder=self._identity)
        except errors.Conflict:
            # Ours when an earlier renewal landed without its answer, or when somebody annotated the lease.
            record = await self._client.get(self._ref)
            holder = ((record or {}).get("spec") or {}).get("holderIdentity")
            if record is None or holder != self._identity:
                self._expires = float("-inf")
                raise errors.LeaseLost(f"{self._ref}: now held by {holder or 'nobody'}") from None
            await self._put(record, holder=self._identity)
        return True

    async def _put(self, record: JsonObject, *, holder: str) -> None:
        sent_at = self._clock()
        spec = record.get("spec") or {}
        changed = holder not in {"", spec.get("holderIdentity")}
        transitions = int(spec.get("leaseTransitions") or 0) + changed
        successor = {**spec, **self._spec(holder), "leaseTransitions": transitions}
        if changed:
            successor["acquireTime"] = _now()
        answer = await self._client.replace(self._ref, {**record, "spec": successor})
        if holder == self._identity:
            self._won(answer, sent_at)

    def _won(self, record: JsonObject, sent_at: float) -> None:
        self._record = record
        self.transitions = int(record["spec"].get("leaseTransitions") or 0)
        self._expires = sent_at + self._terms.duration_seconds

    def _spec(self, holder: str) -> JsonObject:
        return {
            "holderIdentity": holder,
            "leaseDurationSeconds": self._terms.duration_seconds,
            "renewTime": _now(),
        }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
