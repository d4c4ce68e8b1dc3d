"""The stop of a plan: what its report is needed for, and what happens when it takes too long."""

from __future__ import annotations

import pytest
from tests.sim.setups import CONTINUE, FORWARD, FRESH, KEEP_SAME, STRATEGY
from tests.unit.execution.life import REPORTED, Life, at, ends_with_a_command, told

from scenario_operator.api.journal import Heading
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.decide import decide
from scenario_operator.execution.situation import Standing
from scenario_operator.planning.revision import Revision


def test_an_unclean_stop_is_recorded_and_the_input_in_flight_is_at_risk() -> None:
    life = Life.on_v1(FRESH, FORWARD).run(lambda one: one.state.cluster.pods[0][1].phase == "ended")
    killed(life)
    loss = life.run().stored.history[0].loss
    assert (loss.unclean_stop, loss.input_at_risk) == (True, True)
    assert life.stored.window is not None
    assert life.stored.window.notifications_from == "2026-02-01T00:00:00Z"


def killed(life: Life) -> None:
    """Let the operator see the ended pod as killed, without a report; the workload is settled."""
    while life.explorer.view(life.state, late=False).world.workloads[0][1].settled is False:
        life.state = next(m.state for m in life.cluster_moves())
    view = life.view()
    (pod,) = view.world.pods
    world = view.world._replace(pods=(pod._replace(exit_code=137, report=None),))
    life.act(decide(view._replace(world=world)))


def test_a_stop_whose_report_is_needed_waits_for_a_pod_that_can_give_one() -> None:
    """Given a pod that was just evicted, when a Continuation stops the run, then its successor reports."""
    life = Life.on_v1(FRESH, CONTINUE)
    life.put("pods", 1, life.pod()._replace(phase="ended", ran=False))
    life.run(at("stop"))
    assert (life.effects, life.pod().held) == ([], "")
    life.put("pods", 1, None).run()
    assert life.stored.last_stop is not None
    assert life.stored.last_stop.processed_until == REPORTED
    assert life.stored.history[0].outcome == "Continued"


def test_a_stop_does_not_wait_for_ever_for_a_pod_that_never_runs() -> None:
    life = Life.on_v1(FRESH, CONTINUE, broken=frozenset({"v1"}))
    life.put("pods", 1, life.pod()._replace(phase="pending", ran=False)).run(at("stop"))
    life.wait(STRATEGY.timeouts.stop).run()
    assert "abort" in told(life.look(), Standing.STALLED, Reason.STOP_REPORT_MISSING)


def test_continuation_without_a_report_holds_for_a_human() -> None:
    life = Life.on_v1(FRESH, CONTINUE).run(lambda one: one.state.cluster.pods[0][1].phase == "ended")
    killed(life)
    life.run()
    assert ends_with_a_command(told(life.look(), Standing.STALLED, Reason.STOP_REPORT_MISSING))
    assert "CreateWorkload" not in life.names
    life.attempt(abort=True).run()
    assert life.stored.history[0].outcome == "Aborted"
    assert life.pod().template.revision == "v1"


def test_a_stop_that_takes_too_long_is_degraded_and_never_turns_by_itself() -> None:
    life = Life.on_v1(KEEP_SAME).run(lambda one: one.pod().term)
    for _ in range(5):
        life.wait(10_000).work()
    found = life.look()
    told(found, Standing.STALLED, Reason.STOP_TIMEOUT)
    assert found.situation.degraded
    assert (found.effects, life.journal.heading) == ((), Heading.FORWARD)
    life.attempt(abort=True).work()
    assert life.journal.heading is Heading.BACK


@pytest.mark.parametrize("revisions", [KEEP_SAME, FRESH], ids=["without a report", "with a report"])
def test_a_stop_that_took_too_long_goes_on_when_the_pod_ends_at_last(revisions: dict[str, Revision]) -> None:
    """The node comes back: what the message asked for has happened, and nobody has to ask again."""
    life = Life.on_v1(revisions, CONTINUE).run(lambda one: one.pod().term).wait(10_000)
    life.work()
    told(life.look(), Standing.STALLED, Reason.STOP_TIMEOUT)
    life.run()
    assert life.stored.applied is not None
    assert life.stored.applied.version == "2.0.0"
