"""A plan that gives up the state: its steps, its loss, and when the old incarnation goes."""

from __future__ import annotations

import pytest
from tests.sim.setups import CONTINUE, FORWARD, FRESH, KEEP_SAME
from tests.unit.execution.life import REPORTED, Life, closed, pods_of

from scenario_operator.execution.situation import Standing
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.stored import DELETED, LIVE, RETAINED, REVERTED


def test_forward_only_with_a_revert_hook_takes_six_status_writes_and_eleven_effects() -> None:
    life = Life.on_v1(FRESH, FORWARD).run()
    assert life.names == [
        "HoldReport",
        "PutToSleep",
        "ReleaseReport",
        "CreateJob",
        "ReleaseJob",
        "DeleteJob",
        "DeleteWorkload",
        "DeleteClaim",
        "CreateClaim",
        "CreateWorkload",
        "WakeWorkload",
    ]
    assert life.writes == 6
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.live) == ("2.0.0", 2)
    assert [(i.state, i.results) for i in life.stored.incarnations] == [(DELETED, REVERTED), (LIVE, "Kept")]


def test_the_loss_of_a_recompute_is_accounted_for() -> None:
    loss = Life.on_v1(FRESH, FORWARD).run().stored.history[0].loss
    assert loss.results_reverted == 1
    assert loss.notes == ("input is processed again from the beginning",)
    assert loss.notifications_suppressed_until == REPORTED
    assert (loss.unclean_stop, loss.input_at_risk, loss.revert_skipped) == (False, False, False)
    assert loss.state_age_seconds is not None


def test_continuation_hands_over_where_the_old_version_stopped() -> None:
    life = Life.on_v1(FRESH, CONTINUE).run()
    assert life.stored.window is not None
    assert life.stored.window == (None, REPORTED, REPORTED)
    assert life.stored.history[0].outcome == "Continued"
    assert life.stored.incarnations[0].superseded_by == 2


def test_a_retained_incarnation_is_deleted_only_when_the_new_one_is_ready() -> None:
    life = Life.on_v1(FRESH, CONTINUE).run(lambda one: 2 in pods_of(one) and one.pod(2).phase == "started")
    while not closed(life):
        life.work(late=True)
    assert life.stored.incarnations[0].state == RETAINED
    for _ in range(5):
        life.work(late=True)
    assert "DeleteClaim" not in life.names
    assert life.look(late=True).situation.standing is Standing.LEARNING
    life.run()
    assert life.stored.incarnations[0].state == DELETED
    assert [n for n, _ in life.state.cluster.claims] == [2]


@pytest.mark.parametrize("strategy", [CONTINUE, FORWARD], ids=lambda s: s.type)
def test_in_a_calm_world_no_call_is_ever_refused(strategy: Snapshot) -> None:
    life = Life.on_v1(FRESH, strategy)
    assert life.run().refused == []


def test_a_recompute_starts_anew_on_the_wanted_version() -> None:
    life = Life.on_v1(KEEP_SAME).edit(recompute_nonce="now").run()
    assert life.stored.history[0].outcome == "Recomputed"
    assert life.stored.live == 2
