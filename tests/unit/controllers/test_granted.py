"""A grant counts as its attempt has it now, however the run is looked at."""

from __future__ import annotations

import pytest
from tests.unit.controllers.test_cost import Fleet

from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import RUN, UPGRADE

DEGRADED = {
    "type": "Degraded",
    "status": "True",
    "reason": "Refused",
    "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize("troubled", [False, True], ids=["by the watches", "live"])
async def test_no_plan_opens_for_an_attempt_that_is_gone_although_the_watches_still_show_it(
    troubled: bool,
) -> None:
    """Given a grant of an attempt that somebody has deleted, when its run takes it, then nothing begins."""
    fleet = await Fleet(1).up()
    fleet.publish("2.0.0")
    for _ in range(6):
        await fleet.scenarios.reconcile(Key("scenario", "ns", "s"))
        fleet._kubelet()
        fleet.server.wait(20)
    [attempt] = fleet.server.names(UPGRADE)
    assert fleet.server.objects[UPGRADE, "ns", attempt]["status"]["active"]
    if troubled:
        known = fleet.server.objects[RUN, "ns", "r0"]["status"]["conditions"]
        fleet.server.change(RUN, "r0", {"status": {"conditions": [*known, DEGRADED]}})
    del fleet.server.objects[UPGRADE, "ns", attempt]

    await fleet.runs.reconcile(Key("run", "ns", "r0"))
    assert "upgrade" not in fleet.server.objects[RUN, "ns", "r0"]["status"]
