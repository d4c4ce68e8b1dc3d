"""A lost status is rebuilt from what carries our stamps, or it is out of sync and nothing starts."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sim.model import C
from tests.sim.setups import KEEP_SAME
from tests.unit.execution.life import Life, told

from scenario_operator.api.reasons import Reason
from scenario_operator.execution.decide import Decision, Record, decide
from scenario_operator.execution.situation import Standing
from scenario_operator.planning.revision import Revision, make
from scenario_operator.planning.stored import Stored
from scenario_operator.planning.windows import Window


def test_a_lost_status_is_rebuilt_from_what_carries_our_stamps() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1")
    before = life.stored
    life.state = life.state._replace(record=Record(Stored(), None))
    life.run()
    assert (life.stored.applied, life.stored.live, life.stored.incarnations, life.stored.window) == (
        before.applied,
        before.live,
        before.incarnations,
        before.window,
    )
    assert (life.writes, life.effects) == (1, [])


def test_a_lost_status_that_cannot_be_read_one_way_only_is_out_of_sync_and_nothing_is_swept() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").put("claims", 2, C(("1",), ("1",)))
    life.state = life.state._replace(record=Record(Stored(), None))
    life.run()
    assert told(life.look(), Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert (life.stored.incarnations, life.stored.live, life.effects) == ((), 0, [])


def stateless(number: int) -> Revision:
    """Return revision `v<number>` of logic that keeps no state."""
    known = KEEP_SAME[f"v{number}"]
    return make(known.name, known.number, known.spec.model_copy(update={"state": None}), known.artifact)


def forgotten(life: Life, *, numbers: tuple[int, ...] = (1,)) -> Decision:
    """Decide for a run whose status is lost and which has these workloads, and no claims."""
    view = life.view()
    workload = view.world.workloads[0][1]
    world = view.world._replace(workloads=tuple((n, workload) for n in numbers), claims=())
    return decide(view._replace(stored=Stored(), world=world))


def test_a_lost_status_of_a_run_without_state_is_rebuilt_from_its_workload() -> None:
    """Given a run without claims, when its status is lost, then no second workload starts beside the first."""
    revisions = {name: stateless(int(name[1:])) for name in KEEP_SAME}
    life = Life.on_v1(KEEP_SAME, wanted="v1")
    view = life.view()
    world = view.world._replace(claims=())
    found = decide(view._replace(stored=Stored(), world=world, revisions=revisions, wanted=revisions["v1"]))
    stored = found.record.stored
    assert (stored.live, stored.incarnations) == (1, life.stored.incarnations)
    assert stored.applied is not None
    assert (stored.applied.version, stored.applied.state_version) == ("1.0.0", "")
    assert (found.record.journal, found.effects) == (None, ())


def test_a_lost_status_beside_two_workloads_is_out_of_sync_and_nothing_starts() -> None:
    found = forgotten(Life.on_v1(KEEP_SAME, wanted="v1"), numbers=(1, 2))
    assert told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert (found.record.stored.incarnations, found.record.journal, found.effects) == ((), None, ())


def test_a_lost_status_whose_workload_lacks_its_claim_is_out_of_sync_and_nothing_starts() -> None:
    found = forgotten(Life.on_v1(KEEP_SAME, wanted="v1"))
    assert told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert (found.record.stored.incarnations, found.record.journal, found.effects) == ((), None, ())


@pytest.mark.parametrize("live", [0, 1])
def test_a_status_that_lost_its_incarnations_is_out_of_sync_whatever_is_left_of_it(live: int) -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1")
    found = decide(life.view()._replace(stored=life.stored._replace(incarnations=(), live=live)))
    assert told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert (found.record.journal, found.effects) == (None, ())


@pytest.mark.parametrize(
    "stamp",
    [
        {"window": Window("soon", None, None)},
        {"window": Window(5, None, None)},  # type: ignore[arg-type]  # what JSON may hold
        {"parameters": (("x", "v" * 1025),)},
        {"parameters": (("not a name", "1"),)},
        {"parameters": (("x", 5),)},
    ],
)
def test_a_status_is_not_rebuilt_from_a_stamp_that_it_could_not_hold(stamp: dict[str, Any]) -> None:
    """Given a lost status and a stamp that somebody has edited, then the run is out of sync, and says so."""
    view = Life.on_v1(KEEP_SAME, wanted="v1").view()
    [(number, workload)] = view.world.workloads
    edited = workload._replace(template=workload.template._replace(**stamp))
    world = view.world._replace(workloads=((number, edited),))
    found = decide(view._replace(stored=Stored(), world=world))
    assert told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert found.record.stored.incarnations == ()
