"""The run's own plans: what its user asks for is done once, on the state that it has."""

from __future__ import annotations

from tests.sim.setups import KEEP_SAME
from tests.unit.execution.life import REPORTED, Life, with_parameter

from scenario_operator.execution.decide import Record
from scenario_operator.execution.situation import Standing
from scenario_operator.planning.stored import Stored


def test_a_users_stop_leaves_its_report_and_a_start_brings_the_same_state_back() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").edit(desired_running=False).run()
    assert life.stored.stopped
    assert life.stored.last_stop is not None
    assert (life.stored.last_stop.processed_until, life.stored.last_stop.clean) == (REPORTED, True)
    assert life.look().situation.standing is Standing.STOPPED
    life.edit(desired_running=True).run()
    assert (life.stored.stopped, life.pod().phase) == (False, "ready")
    assert [n for n, _ in life.state.cluster.claims] == [1]


def test_a_restart_nonce_restarts_once() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").edit(restart_nonce="now").run()
    assert life.names == ["PutToSleep", "WakeWorkload"]
    assert life.stored.handled.restart == "now"
    life.wait(3600).run()
    assert len(life.effects) == 2


def test_the_nonces_seen_first_are_the_baseline() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").edit(restart_nonce="old", retry_nonce="old", abort_nonce="old")
    unseen = life.stored._replace(handled=Stored().handled)
    life.state = life.state._replace(record=Record(unseen, None))
    life.run()
    assert (life.writes, life.effects) == (1, [])


def test_a_changed_parameter_restarts_the_run_with_it() -> None:
    life = Life.on_v1(with_parameter("Oslo"), wanted="v1").edit(parameters=(("city", "Bergen"),)).run()
    assert life.workload().template.parameters == (("city", "Bergen"),)
    assert life.stored.parameters.overrides == ("city",)
