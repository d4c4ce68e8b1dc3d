"""An abort goes back to what was, or stops what cannot go back, and says so afterwards."""

from __future__ import annotations

from tests.sim.setups import BROKEN, CONTINUE, FORWARD, FRESH, KEEP_SAME
from tests.unit.execution.life import HOLD, Life, at, closed, ends_with_a_command, granted, pods_of, told

from scenario_operator.api.journal import Heading
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.decide import decide
from scenario_operator.execution.situation import Standing
from scenario_operator.planning.stored import DELETED, LIVE


def test_an_abort_before_the_point_of_no_return_goes_back_to_exactly_what_was() -> None:
    life = Life.on_v1(FRESH, CONTINUE, broken=BROKEN)
    before = life.stored
    life.run(at("start")).attempt(abort=True).run()
    after = life.stored
    assert (after.applied, after.live, after.parameters) == (before.applied, before.live, before.parameters)
    assert [(i.number, i.state) for i in after.incarnations] == [(1, LIVE), (2, DELETED)]
    assert after.history[0].outcome == "Aborted"
    assert [n for n, _ in life.state.cluster.claims] == [1]
    assert life.pod(1).template.revision == "v1"


def test_an_abort_before_anything_has_begun_costs_nothing() -> None:
    life = Life.on_v1(KEEP_SAME).run(granted).attempt(abort=True)
    life.work()
    assert (life.stored.history[0].outcome, life.effects) == ("Aborted", [])


def test_going_back_raises_the_notification_bound_so_that_nobody_is_told_twice() -> None:
    life = Life.on_v1(FRESH, CONTINUE).run(lambda one: pods_of(one) == {2} and one.pod(2).ran)
    life.attempt(abort=True).run()
    assert life.stored.window is not None
    assert life.stored.window == (None, None, "2026-01-02T02:00:00Z")


def test_an_abort_after_the_point_of_no_return_undoes_nothing_and_stops_the_retries() -> None:
    life = Life.on_v1(FRESH, FORWARD, broken=BROKEN).run(at("start")).attempt(abort=True)
    life.run().wait(2000).run()
    assert ends_with_a_command(told(life.look(), Standing.PAST_RETURN, Reason.PAST_POINT_OF_NO_RETURN))
    assert (life.journal.heading, life.journal.aborted) == (Heading.FORWARD, True)
    assert life.look().effects == ()
    life.want("v3").run()
    assert life.stored.applied is not None
    assert life.stored.applied.version == "3.0.0"


def test_a_plan_whose_attempt_was_deleted_is_taken_back_by_the_runs_own_nonce() -> None:
    """Given a plan that waits and no attempt any more, when its message is followed, then the run is as before."""
    life = Life.on_v1(KEEP_SAME, HOLD, broken=BROKEN).run().wait(1000).run()
    life.state = life.state._replace(grants=())
    attention = told(life.look(), Standing.STALLED, Reason.START_TIMEOUT)
    assert "abortNonce" in attention
    assert "supg" not in attention
    life.edit(abort_nonce="2").run(closed)
    assert life.stored.history[0].outcome == "Aborted"
    assert life.pod().template.revision == "v1"


def test_a_recompute_whose_attempt_was_aborted_is_a_wish_that_is_spent() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").edit(recompute_nonce="once")
    assert life.look().record.stored.handled.recompute == ""
    assert (
        decide(
            life.view()._replace(taken_back=frozenset({("Recompute", "once")}))
        ).record.stored.handled.recompute
        == "once"
    )


def test_a_run_leaves_a_shared_recompute_by_its_own_abort_and_the_others_go_on() -> None:
    """Given a recompute of many, when one run sets abortNonce in the middle, then its plan alone goes back."""
    life = Life.on_v1(FRESH, wanted="v1").edit(recompute_nonce="once").run(granted)
    life.state = life.state._replace(grants=tuple(g._replace(cause="Recompute") for g in life.state.grants))
    life.run(at("stop"))
    life.edit(abort_nonce="not this one").run(closed)
    assert life.stored.history[0].outcome == "Aborted"
    assert life.stored.handled.abort == "not this one"


def test_a_recompute_that_waits_is_taken_back_by_the_run_that_asked() -> None:
    """Given a recompute that was not granted yet, when its run sets abortNonce, then the wish is spent."""
    life = Life.on_v1(FRESH, wanted="v1").edit(recompute_nonce="once", abort_nonce="no, leave it")
    assert life.look().record.stored.handled.recompute == "once"


def test_an_own_stop_that_was_aborted_is_not_tried_again_unasked() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").edit(desired_running=False).run(lambda one: one.pod().term)
    life.edit(abort_nonce="keep it").run()
    assert (life.stored.stopped, life.pod().phase) == (False, "ready")
    assert ends_with_a_command(told(life.look(), Standing.ROLLED_BACK, Reason.ROLLED_BACK))
    life.edit(retry_nonce="now").run()
    assert life.stored.stopped


def test_a_run_that_went_back_says_so_also_after_a_plan_of_its_own_came_to_nothing() -> None:
    """Given a rollback, when an own stop is taken back later, then nobody waits for a turn that will not come."""
    life = Life.on_v1(KEEP_SAME, broken=BROKEN).run().wait(1000).run()
    life.edit(desired_running=False).run(lambda one: one.pod().term).edit(abort_nonce="no").run()
    life.edit(desired_running=True).run()
    assert [e.outcome for e in life.stored.history] == ["Aborted", "RolledBack"]
    assert "on the way to 2.0.0" in told(life.look(), Standing.ROLLED_BACK, Reason.ROLLED_BACK)


def test_what_an_abort_cannot_bring_back_before_the_old_pod_ends_names_that_pod() -> None:
    """Given an old pod that does not end, when its stop is taken back, then the wait for it is told by its name."""
    life = Life.on_v1(KEEP_SAME).run(lambda one: one.pod().term).attempt(abort=True)
    life.work()
    while life.work():
        pass
    message = told(life.wait(1000).look(), Standing.STALLED, Reason.ROLLBACK_FAILED)
    assert "the old version to be brought back: pod r-1-0 has yet to end; " in message
    life.run()
    assert life.stored.history[0].outcome == "Aborted"


def test_who_comes_after_an_abort_is_told_what_the_plan_was_waiting_for() -> None:
    """Given a version that does not start, when its plan is aborted, then the cause is on record."""
    life = Life.on_v1(KEEP_SAME, broken=BROKEN).run().attempt(abort=True).run()
    last = life.stored.history[0]
    assert (last.outcome, last.reason) == ("Aborted", "Aborted")
    assert last.message.startswith("Start was waiting for the pod to start")
    assert last.message in told(life.look(), Standing.ROLLED_BACK, Reason.ROLLED_BACK)
