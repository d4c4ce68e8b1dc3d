"""What the operator writes itself is known at once, and the pass that goes on from there is not waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controllers.test_wakes import KEY, Bed

from scenario_operator.cluster.errors import Conflict
from scenario_operator.cluster.keys import Key, keys_of
from scenario_operator.cluster.kinds import POD, RUN, STATEFUL_SET, JsonObject, Ref, ResourceKind
from scenario_operator.cluster.store import NOTHING, Store, StoreChange
from scenario_operator.controllers.run import RunController


class Late(Store):
    """A watch whose events come when the test lets them: until then the store has only what it is given."""

    def __init__(self, bed: Bed) -> None:
        super().__init__()
        self._bed = bed
        self._known = bed.server.store
        self._events: list[tuple[ResourceKind, str | None, JsonObject]] = []
        self.woken: set[Key] = set()
        bed.controller = RunController(replace(bed.server.context(), wake=self.woken.add))
        bed.server.store = self

    def offer(self, kind: ResourceKind, event_type: str | None, obj: JsonObject) -> StoreChange:
        """Keep an event of the server back."""
        self._events.append((kind, event_type, obj))
        return NOTHING

    def deliver(self) -> None:
        """Bring all events, and wake whoever they concern."""
        for event in self._events:
            self.woken |= keys_of(event[0], self._known.offer(*event), self._known)
        self._events.clear()


def held(pod: Mapping[str, Any]) -> bool:
    return bool(pod["metadata"].get("finalizers"))


async def test_a_run_is_looked_at_again_after_its_own_write() -> None:
    """Given a report that is held before the scale goes to 0, when nobody else touches the pod, then the run goes on.

    The answer to our write is in the store before its event comes, so that the event is no news and wakes nobody.
    """
    bed = await Bed().settle()
    bed.server.change(RUN, "r", {"spec": {"desiredState": "Stopped"}})
    watch = Late(bed)
    await bed.controller.reconcile(KEY)
    assert held(bed.server.objects[POD, "ns", "r-1-0"])
    assert bed.replicas == 1
    watch.deliver()
    assert KEY in watch.woken


async def test_an_edit_that_the_run_reads_before_its_event_comes_is_not_lost_for_its_scenario() -> None:
    """Given an edit that a watch has yet to bring, when a run's write meets it, then its Scenario looks at it too."""
    bed = await Bed().settle()
    bed.server.change(RUN, "r", {"spec": {"desiredState": "Stopped"}})
    watch = Late(bed)
    bed.server.change(RUN, "r", {"spec": {"recomputeNonce": "again"}})
    with pytest.raises(Conflict):
        await bed.controller.reconcile(KEY)
    watch.deliver()
    assert Key("scenario", "ns", "s") in watch.woken


async def test_a_write_that_changes_nothing_wakes_nobody() -> None:
    """Given a webhook that keeps a workload at 0, when it is woken in vain, then that is not done without a pause."""
    bed = await Bed().settle()
    bed.server.change(STATEFUL_SET, "r-1", {"spec": {"replicas": 0}})
    bed._obey("r-1")
    asked = []

    async def refuse(ref: Ref, _: Mapping[str, Any], **__: Any) -> JsonObject:
        asked.append(ref.kind)
        return bed.server.objects[ref.kind, "ns", ref.name]

    await bed.controller.reconcile(KEY)
    bed.server.change(STATEFUL_SET, "r-1", {"spec": {"replicas": 0}})
    bed._obey("r-1")
    watch = Late(bed)
    bed.server.patch = refuse  # type: ignore[method-assign, assignment]
    await bed.controller.reconcile(KEY)
    assert asked == [STATEFUL_SET]
    assert KEY not in watch.woken
