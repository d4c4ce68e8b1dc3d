"""Watches that are late, silent, doubled or too old: decisions come from live reads, so the end is the same.

All kinds and more moments are tried by `make crash` (docs/reliability.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from tests.crash.laboratory import Expected, install, laboratory
from tests.crash.references import REFERENCES
from tests.crash.watches import OFTEN, WatchCase, tried
from tests.harness.cluster import Cluster, bed
from tests.harness.faults import WatchAction, WatchFault

FORWARD_ONLY = next(r for r in REFERENCES if r.name == "ForwardOnly")
LEARNT: dict[str, Expected] = {}
"""What the undisturbed upgrade does: learnt by the first test."""


@pytest.fixture(scope="module")
def watch_bed(worker_id: str) -> Iterator[Cluster]:
    """A bed with simulated pods and our CRDs, without an operator."""
    with bed("sim", f"watches-{worker_id}") as cluster:
        install(cluster)
        yield cluster


def _upgrade(cluster: Cluster, faults: Sequence[WatchFault], *arguments: str) -> None:
    async def all_of_them() -> None:
        async with laboratory(cluster, LEARNT) as lab:
            await lab.learn([FORWARD_ONLY])
            cases = [WatchCase(FORWARD_ONLY, str(fault), fault, arguments) for fault in faults]
            outcomes = await tried(lab, cases)
            wrong = [outcome.story() for outcome in outcomes if outcome.problems]
            assert not wrong, "\n".join(wrong)
            assert all(outcome.reached for outcome in outcomes), [o.faults for o in outcomes if not o.reached]

    asyncio.run(all_of_them())


def test_late_and_doubled_events_change_nothing(watch_bed: Cluster) -> None:
    """Given a ForwardOnly upgrade, when every event comes late or twice, then it ends as without."""
    _upgrade(
        watch_bed,
        [WatchFault(WatchAction.DELAYED, seconds=0.7), WatchFault(WatchAction.DUPLICATED)],
    )


def test_a_410_at_any_moment_changes_nothing(watch_bed: Cluster) -> None:
    """Given a ForwardOnly upgrade, when watches are told that they are too old, once or always, then it goes on."""
    always = WatchFault(WatchAction.GONE, times=10**6)
    _upgrade(watch_bed, [always, *(WatchFault(WatchAction.GONE, "pods", nth=nth) for nth in (1, 3, 5))])


def test_events_that_never_come_are_made_up_for_by_the_next_list(watch_bed: Cluster) -> None:
    """Given a ForwardOnly upgrade, when one kind's events are lost until it is listed again, then it goes on."""
    kinds = ("pods", "statefulsets", "jobs", "scenarioruns", "scenarioupgrades")
    _upgrade(watch_bed, [WatchFault(WatchAction.DROPPED, kind, times=2) for kind in kinds], *OFTEN)


def test_one_dead_watch_delays_an_upgrade_and_harms_nothing(watch_bed: Cluster) -> None:
    """Given a ForwardOnly upgrade, when the watch of pods or Jobs is silent for a while, then it ends as without."""
    _upgrade(watch_bed, [WatchFault(WatchAction.DEAD, kind, seconds=15) for kind in ("pods", "jobs")])
