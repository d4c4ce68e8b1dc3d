"""A run without a plan: what it says stands still, and only what is its own is made or let go."""

from __future__ import annotations

from tests.sim.model import C
from tests.sim.setups import BROKEN, FORWARD, FRESH, KEEP_SAME
from tests.unit.execution.life import HOLD, Life


def test_a_claim_is_never_deleted_off_record() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").put("claims", 7, C(("1",), ("1",))).run()
    assert life.effects == []


def test_what_a_waiting_run_says_does_not_change_with_the_clock() -> None:
    """Every change of a condition is a status write, and at rest there are none."""
    rolled_back = Life.on_v1(KEEP_SAME, broken=BROKEN).run().wait(1000).run()
    holding = Life.on_v1(KEEP_SAME, HOLD, broken=BROKEN).run().wait(1000).run()
    for life in (rolled_back, holding):
        said = life.look(late=True).situation
        assert life.wait(3600).look(late=True).situation == said


def test_an_evicted_pod_is_not_our_business_and_a_workload_that_is_gone_is() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").put("pods", 1, None).run()
    assert (life.effects, life.pod().phase) == ([], "ready")
    life.put("workloads", 1, None).put("pods", 1, None).run()
    assert life.names == ["CreateWorkload", "WakeWorkload"]
    assert life.writes == 0


def test_a_deleted_run_only_lets_its_pods_go() -> None:
    life = Life.on_v1(FRESH, FORWARD).run(lambda one: bool(one.pod().held)).edit(deleting=True)
    found = life.look()
    assert [type(e).__name__ for e in found.effects] == ["ReleaseReport"]
    # Somebody's finalizer may keep the run: its place in the rollout is free at once.
    assert found.record.journal is None
    assert [(e.grant_id, e.outcome) for e in found.record.stored.history] == [("g0-v2", "Cancelled")]
    life.act(found)
    assert life.look().record == life.state.record
