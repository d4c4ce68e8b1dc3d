"""Two operators and one lease: whoever loses it, whenever, the upgrade ends as if nothing had (row A43)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.crash.laboratory import Laboratory, all_converged
from tests.crash.references import REFERENCES
from tests.crash.replicas import Duel, Mishap, fought
from tests.harness.faults import Call

FORWARD_ONLY = next(r for r in REFERENCES if r.name == "ForwardOnly")
STOP, RELEASE, DELETION = (
    "patch statefulsets r-1 #1",
    "patch jobs r-p2-revert-live-0 #1",
    "delete persistentvolumeclaims state-r-1-0 #1",
)
"""What must not happen twice, nor late: the stop, the release of the revert hook, the deletion."""
STEPS = {
    "the grant": ["patch scenarioupgrades/status s-1 #1"],
    "Stop(live)": ["patch scenarioruns/status r #2", STOP],
    "ResolveWindow": ["patch scenarioruns/status r #4"],
    "RevertResults(live)": [RELEASE],
    "DeleteState(live)": [DELETION],
    "Start(next)": ["create statefulsets r-2 #1", "patch statefulsets r-2 #1"],
    "Verify(next)": [],
    "Commit": ["patch scenarioruns/status r #7"],
}
"""Calls of each step; Verify without a hook makes none."""
EVERY = [call for calls in STEPS.values() for call in calls]
FEW = ["patch scenarioupgrades/status s-1 #1", DELETION]
"""What `make test` tries of them; `make crash` tries every one."""


async def _fight(lab: Laboratory, mishap: Mishap, steps: Sequence[str]) -> None:
    await lab.learn([FORWARD_ONLY])
    outcomes = await fought(lab, [Duel(FORWARD_ONLY, mishap, Call.parse(step)) for step in steps])
    all_converged(outcomes)


@pytest.mark.parametrize(
    "calls", [pytest.param(FEW, id="few"), pytest.param(EVERY, id="every", marks=pytest.mark.slow)]
)
async def test_a_leader_frozen_past_its_lease_lands_a_late_write_and_harms_nothing(
    lab: Laboratory, calls: list[str]
) -> None:
    """Given two operators, when the leader freezes in mid-write until the other is done, then it changes nothing.

    Its write lands late, at any step; once thawed it writes no more.
    """
    await _fight(lab, Mishap.FROZEN, calls)
    (group,) = lab.expected[FORWARD_ONLY.name].world["ScenarioUpgrade/<attempt 1>"]["status"]["groups"]
    assert ["the grant", *group["steps"]] == list(STEPS)


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param([STOP, DELETION], id="few"),
        pytest.param([STOP, RELEASE, DELETION], id="every", marks=pytest.mark.slow),
    ],
)
async def test_a43_the_other_takes_over_from_a_killed_leader_without_doubling_anything(
    lab: Laboratory, calls: list[str]
) -> None:
    """Given two operators, when the leader dies with its call landed, then the other goes on from the record."""
    await _fight(lab, Mishap.KILLED, calls)


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param([RELEASE], id="few"),
        pytest.param(
            ["patch scenarioruns/status r #2", RELEASE, "create statefulsets r-2 #1"],
            id="every",
            marks=pytest.mark.slow,
        ),
    ],
)
async def test_a_stolen_lease_stops_the_leader_and_the_upgrade_goes_on(
    lab: Laboratory, calls: list[str]
) -> None:
    """Given two operators, when a stranger is written into the lease, then a later leader ends the upgrade."""
    await _fight(lab, Mishap.ROBBED, calls)
