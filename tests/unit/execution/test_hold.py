"""A hold stops everything, and its time counts towards nothing."""

from __future__ import annotations

from tests.sim.setups import BROKEN, KEEP_SAME, STRATEGY
from tests.unit.execution.life import Life, at, ends_with_a_command, started_on_v2, told

from scenario_operator.api.journal import Heading
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.decide import decide
from scenario_operator.execution.situation import Standing


def test_a_hold_stops_everything_and_its_time_counts_towards_no_deadline() -> None:
    life = Life.on_v1(KEEP_SAME).run(at("start")).edit(hold="audit")
    life.work()
    held = life.wait(1_000_000).look(late=True)
    assert ends_with_a_command(told(held, Standing.STALLED, Reason.HELD))
    assert (held.effects, held.record) == ((), life.state.record)
    life.edit(hold="").run()
    assert life.stored.history[0].outcome == "Upgraded"


def test_a_hold_does_not_lengthen_the_deadlines_of_later_steps() -> None:
    life = Life.on_v1(KEEP_SAME, broken=BROKEN).run(at("stop")).edit(hold="audit")
    life.work()
    life.wait(1_000_000).edit(hold="").run().wait(1000).run()
    assert life.stored.history
    assert life.stored.history[0].reason == Reason.START_TIMEOUT


def test_a_hold_while_a_pod_loops_gives_it_its_time_back() -> None:
    """Given a pod that loops, when a hold of an hour ends, then its time to prove itself is not over by that."""
    life = Life.on_v1(KEEP_SAME).run(started_on_v2).edit(hold="audit")
    life.work()
    life.wait(3600).edit(hold="")
    view = life.view()
    pods = tuple(p._replace(started=False, restarts=3, born=life.now - 3700) for p in view.world.pods)
    looping = view._replace(world=view.world._replace(pods=pods))
    released = decide(looping)
    assert released.record.journal is not None
    assert released.record.journal.heading is Heading.FORWARD
    late = looping._replace(journal=released.record.journal, now=life.now + STRATEGY.timeouts.verify + 60)
    turned = decide(late).record.journal
    assert turned is not None
    assert turned.heading is Heading.BACK


def test_a_held_run_at_rest_is_left_alone() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").edit(hold="audit", restart_nonce="now", desired_running=False)
    told(life.run().look(), Standing.BLOCKED, Reason.HELD)
    assert life.effects == []
