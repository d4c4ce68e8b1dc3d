"""A pod from before a start is no sign that the start went well, however long the watches go on to show it."""

from __future__ import annotations

from tests.unit.controllers.test_wakes import KEY, Bed

from scenario_operator.cluster.kinds import POD, RUN, JsonObject


async def look(bed: Bed, late: JsonObject) -> tuple[int, bool]:
    """Make a pass, with an old pod that a watch still shows; return the replicas, and whether a plan is open."""
    await bed.controller.reconcile(KEY)
    if not bed.replicas:
        bed.server.objects.pop((POD, "ns", "r-1-0"), None)
        bed._obey("r-1")
    bed.server.store.offer(POD, "MODIFIED", late)
    bed.server.wait(20)
    return bed.replicas, "upgrade" in bed.status


async def test_a_restart_does_not_succeed_by_the_pod_that_it_has_ended() -> None:
    """Given a watch of pods that lags, when a restart's new pod is never made, then no success is told."""
    bed = await Bed().settle()
    late = bed.server.objects[POD, "ns", "r-1-0"]
    bed.server.change(RUN, "r", {"spec": {"restartNonce": "again"}})
    seen = [await look(bed, late) for _ in range(12)]
    assert (1, True) in seen, "it was stopped, and is started"
    assert (1, False) not in seen, "its plan is open for as long as its pod is not there"
