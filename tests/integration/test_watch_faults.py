"""Watches that are late, silent, doubled or too old: decisions come from live reads, so the end is the same.

All kinds and more moments are tried by `make crash` (docs/reliability.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.crash.laboratory import Laboratory, all_converged
from tests.crash.references import REFERENCES
from tests.crash.watches import OFTEN, WatchCase, tried
from tests.harness.faults import WatchAction, WatchFault

FORWARD_ONLY = next(r for r in REFERENCES if r.name == "ForwardOnly")


async def _upgrade(lab: Laboratory, faults: Sequence[WatchFault], *arguments: str) -> None:
    await lab.learn([FORWARD_ONLY])
    cases = [WatchCase(FORWARD_ONLY, str(fault), fault, arguments) for fault in faults]
    outcomes = await tried(lab, cases)
    all_converged(outcomes)


@pytest.mark.slow
async def test_late_and_doubled_events_change_nothing(lab: Laboratory) -> None:
    """Given a ForwardOnly upgrade, when every event comes late or twice, then it ends as without."""
    await _upgrade(
        lab,
        [WatchFault(WatchAction.DELAYED, seconds=0.7), WatchFault(WatchAction.DUPLICATED)],
    )


async def test_a_410_at_any_moment_changes_nothing(lab: Laboratory) -> None:
    """Given a ForwardOnly upgrade, when watches are too old again and again, then it goes on."""
    await _upgrade(lab, [WatchFault(WatchAction.GONE, times=20)])


async def test_events_that_never_come_are_made_up_for_by_the_next_list(lab: Laboratory) -> None:
    """Given a ForwardOnly upgrade, when the events of runs are lost until they are listed again, then it goes on."""
    await _upgrade(lab, [WatchFault(WatchAction.DROPPED, "scenarioruns", times=2)], *OFTEN)


async def test_one_dead_watch_delays_an_upgrade_and_harms_nothing(lab: Laboratory) -> None:
    """Given a ForwardOnly upgrade, when the watch of pods is silent for a while, then it ends as without."""
    await _upgrade(lab, [WatchFault(WatchAction.DEAD, "pods", seconds=15)])
