"""What can happen to watches, for every kind that is watched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.crash.enumeration import AT_ONCE
from tests.crash.laboratory import Laboratory, Outcome
from tests.crash.references import Reference
from tests.harness.faults import WatchAction, WatchFault

KINDS = (
    *("scenarios", "scenarioruns", "scenarioupgrades", "statefulsets"),
    *("pods", "jobs", "persistentvolumeclaims", "controllerrevisions"),
)
OFTEN = ("--resync-seconds", "5")
"""Lists come often where events are lost for good."""


@dataclass(frozen=True)
class WatchCase:
    """One fault of watches in one reference; `kind` is its row in the report."""

    reference: Reference
    kind: str
    fault: WatchFault
    arguments: tuple[str, ...] = ()


def cases(reference: Reference, moments: Sequence[int], dead_seconds: float) -> list[WatchCase]:
    """Return the cases of one reference; a 410 comes at each of the moments, counted in events of a kind."""
    delayed = WatchFault(WatchAction.DELAYED, seconds=0.7)
    doubled = WatchFault(WatchAction.DUPLICATED)
    found = [
        WatchCase(reference, "delayed, all kinds", delayed),
        WatchCase(reference, "duplicated, all kinds", doubled),
        WatchCase(reference, "410 at every event, all kinds", WatchFault(WatchAction.GONE, times=10**6)),
    ]
    for kind in KINDS:
        dropped = WatchFault(WatchAction.DROPPED, kind, times=2)
        found.append(WatchCase(reference, "dropped until the next list, one kind", dropped, OFTEN))
        dead = WatchFault(WatchAction.DEAD, kind, seconds=dead_seconds)
        found.append(WatchCase(reference, f"one kind's watch dead for {dead_seconds:g} s", dead))
        for nth in moments:
            gone = WatchFault(WatchAction.GONE, kind, nth=nth)
            found.append(WatchCase(reference, "410 at the n-th event, one kind", gone))
    return found


async def tried(
    lab: Laboratory,
    chosen: Sequence[WatchCase],
    tell: Callable[[WatchCase, Outcome], None] = lambda _case, _outcome: None,
    *,
    at_once: int = AT_ONCE,
) -> list[Outcome]:
    """Try every case, some of them at the same time."""
    namespaces = await lab.prepare([case.reference for case in chosen])
    gate = asyncio.Semaphore(at_once)

    async def attempt(case: WatchCase, namespace: str) -> Outcome:
        async with gate:
            outcome = await lab.attempt(namespace, case.reference, (), [case.fault], *case.arguments)
        tell(case, outcome)
        return outcome

    return list(await asyncio.gather(*(attempt(*each) for each in zip(chosen, namespaces, strict=True))))
