"""A pod that a quota refuses is told of as long as it is refused: only a live look shows that."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.controllers.test_wakes import KEY, Bed

from scenario_operator.cluster.kinds import EVENT, POD, STATEFUL_SET


def refuse_its_pod(bed: Bed) -> None:
    """Let the pod go, and the StatefulSet controller say that it may make no other."""
    server = bed.server
    workload = server.objects[STATEFUL_SET, "ns", "r-1"]
    pod = server.objects.pop((POD, "ns", "r-1-0"))
    server.store.offer(POD, "DELETED", pod)
    told = {"type": "Warning", "note": "exceeded quota", "regarding": {"uid": workload["metadata"]["uid"]}}
    last = server.now + timedelta(minutes=2)
    server.put(EVENT, {"metadata": {"name": "r-1.1"}, **told, "eventTime": last.isoformat()})


async def refused(bed: Bed) -> bool:
    """Make a pass, and say whether the run then tells what refuses its pod."""
    bed.server.wait(20)
    await bed.controller.reconcile(KEY)
    return any(
        c["type"] == "ActionRequired" and c["status"] == "True" and "exceeded quota" in c["message"]
        for c in bed.status["conditions"]
    )


async def test_what_a_live_look_has_found_is_not_taken_back_without_one() -> None:
    """Given a pod that a quota refuses, when the run is looked at again and again, then that is told all the time."""
    bed = await Bed().settle()
    refuse_its_pod(bed)
    assert [await refused(bed) for _ in range(6)] == [False, *[True] * 5]


async def test_a_refusal_that_is_over_is_taken_back() -> None:
    bed = await Bed().settle()
    refuse_its_pod(bed)
    assert [await refused(bed) for _ in range(2)] == [False, True]
    del bed.server.objects[EVENT, "ns", "r-1.1"]
    await bed.settle()
    assert not await refused(bed)
    assert bed.status["phase"] == "Running"
