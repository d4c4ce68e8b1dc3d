"""The executor's decision, one story at a time; tests/sim explores all of them together."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest
from tests.sim.model import C, Cluster
from tests.sim.search import Explorer
from tests.sim.setups import (
    BROKEN,
    CONTINUE,
    FORWARD,
    FRESH,
    KEEP_FORMATS,
    KEEP_SAME,
    ONLY_COPY,
    STRATEGY,
    WINDOW,
)
from tests.unit.execution.life import HOLD, Life, at, closed

from scenario_operator.api.journal import Heading
from scenario_operator.api.reasons import Reason
from scenario_operator.api.scenario import Hook, ParameterDefinition
from scenario_operator.execution import effects as fx
from scenario_operator.execution.decide import Decision, Record, decide
from scenario_operator.execution.situation import Standing
from scenario_operator.execution.status import render
from scenario_operator.execution.steps import VOCABULARY
from scenario_operator.execution.steps.step import Done
from scenario_operator.execution.view import Gate, Handle, Pod, Template
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision, make
from scenario_operator.planning.stored import DELETED, LIVE, RETAINED, REVERTED, Incarnation, Stored

REPORTED = "2026-01-01T01:00:00Z"
"""Where v1 as incarnation 1 stops in the model cluster."""
KUBECTL = "kubectl -n ns patch"


def told(decision: Decision, standing: Standing, reason: Reason) -> str:
    """Return the attention text of a decision that must be about this."""
    assert (decision.situation.standing, decision.situation.reason) == (standing, reason)
    return decision.situation.attention


def ends_with_a_command(text: str) -> bool:
    return KUBECTL in text and text.rstrip()[-1] in "'\"" and "--field-manager=scenario-cli" in text


def heal(life: Life) -> Life:
    """Let every version start from now on."""
    life.explorer = Explorer(dataclasses.replace(life.explorer.setup, broken=frozenset()))
    return life


def granted(life: Life) -> bool:
    return bool(life.state.grants)


# --- First start ----------------------------------------------------------------------------------


def test_a_first_start_is_on_record_before_it_creates_anything_and_creates_it_asleep() -> None:
    life = Life.unborn()
    opened = life.look()
    assert opened.record.journal is not None
    assert opened.record.journal.begun_at("start") is not None
    assert opened.record.stored.incarnations == (Incarnation(1, "2.0.0", "v2", LIVE),)
    template = Template("v2", WINDOW, ())
    assert opened.effects == (fx.CreateClaim(1, ("1",), "v2"), fx.CreateWorkload(1, template))
    life.act(opened)
    assert life.workload().replicas == 0
    life.run()
    assert life.names == ["CreateClaim", "CreateWorkload", "WakeWorkload"]
    assert life.writes == 2


def test_a_run_that_started_is_settled_and_silent() -> None:
    life = Life.unborn().run()
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.live, life.stored.window) == ("2.0.0", 1, WINDOW)
    assert life.stored.history == ()
    at_rest = life.look(late=True)
    assert at_rest == Decision(life.state.record, at_rest.situation, (), None)
    assert at_rest.situation.standing is Standing.SETTLED


def test_an_unknown_parameter_is_most_likely_a_misspelt_one_so_nothing_starts() -> None:
    life = Life.unborn().edit(parameters=(("treshold", "1"),))
    found = life.look()
    assert "spec.parameters.treshold" in told(found, Standing.STALLED, Reason.UNKNOWN_PARAMETER)
    assert (found.record.journal, found.effects) == (None, ())
    life.edit(parameters=()).run()
    assert life.stored.live == 1


def test_a_first_start_that_fails_waits_where_it_is_and_says_what_moves_it_on() -> None:
    life = Life.unborn(broken=BROKEN).run().wait(1000)
    assert ends_with_a_command(told(life.look(), Standing.STALLED, Reason.START_TIMEOUT))
    life.run()
    assert life.journal.heading is Heading.FORWARD
    assert life.pod().phase == "pending"


def test_a_first_start_that_is_aborted_goes_back_to_nothing_and_is_not_tried_again_unasked() -> None:
    life = Life.unborn(broken=BROKEN).run().edit(abort_nonce="stop it").run()
    assert (life.stored.applied, life.stored.live) == (None, 0)
    assert [i.state for i in life.stored.incarnations] == [DELETED]
    assert life.state.cluster == Cluster()
    assert life.stored.refused
    writes = life.writes
    told(life.wait(3600).run().look(), Standing.ROLLED_BACK, Reason.ROLLED_BACK)
    assert life.writes == writes
    heal(life).edit(retry_nonce="again").run()
    assert life.stored.live == 2


# --- Keeping the state ----------------------------------------------------------------------------


def test_keep_takes_three_status_writes_and_two_effects() -> None:
    life = Life.on_v1(KEEP_SAME).run()
    assert life.names == ["PutToSleep", "WakeWorkload"]
    assert life.writes == 3
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.live) == ("2.0.0", 1)
    assert life.stored.history[0].outcome == "Upgraded"
    assert life.stored.incarnations == (Incarnation(1, "2.0.0", "v2"),)


def test_keep_returns_its_grant_with_the_write_that_closes_the_plan() -> None:
    life = Life.on_v1(KEEP_SAME).run(closed)
    outcome = life.stored.history[0]
    assert (outcome.grant_id, outcome.attempt) == ("g0-v2", "attempt")
    assert (outcome.from_version, outcome.to_version) == ("1.0.0", "2.0.0")


def test_a_keep_that_never_starts_ends_exactly_as_before() -> None:
    life = Life.on_v1(KEEP_SAME, broken=BROKEN)
    before = life.stored
    life.run().wait(1000).run()
    assert life.stored._replace(history=(), plans=before.plans, refused="") == before
    assert life.stored.history[0].outcome == "RolledBack"
    assert life.stored.history[0].reason == Reason.START_TIMEOUT
    assert life.pod().template.revision == "v1"
    assert ends_with_a_command(told(life.look(), Standing.ROLLED_BACK, Reason.ROLLED_BACK))


def test_formats_are_stamped_before_the_start_and_narrowed_by_the_next_report() -> None:
    life = Life.on_v1(KEEP_FORMATS).run()
    assert life.names == ["PutToSleep", "StampClaim", "WakeWorkload"]
    first = life.stored.applied
    assert first is not None
    assert first.formats == ("1", "2")
    life.want("v3").run()
    stamps = [e.formats for e in life.effects if isinstance(e, fx.StampClaim)]
    assert stamps == [("1", "2"), ("2",)]
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.applied.formats) == ("3.0.0", ("2",))


def test_the_start_on_an_only_copy_is_never_undone_and_a_newer_version_takes_over() -> None:
    life = Life.on_v1(ONLY_COPY, broken=BROKEN).run().wait(1000).run()
    assert told(life.look(), Standing.PAST_RETURN, Reason.PAST_POINT_OF_NO_RETURN)
    assert life.journal.heading is Heading.FORWARD
    life.want("v3").run()
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.live) == ("3.0.0", 1)
    assert not any(isinstance(e, fx.DeleteClaim) for e in life.effects)


def test_a_revision_that_differs_in_its_label_only_is_adopted_with_one_write() -> None:
    v1 = KEEP_SAME["v1"]
    relabelled = make("v2", 2, v1.spec.model_copy(update={"version": "1.0.1"}), v1.artifact)
    life = Life.on_v1({**KEEP_SAME, "v2": relabelled}).run()
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.applied.revision) == ("1.0.1", "v2")
    assert (len(life.effects), life.writes, life.stored.plans) == (0, 1, 1)


# --- Giving up state ------------------------------------------------------------------------------


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


def pods_of(life: Life) -> set[int]:
    return {n for n, _ in life.state.cluster.pods}


@pytest.mark.parametrize("strategy", [CONTINUE, FORWARD], ids=lambda s: s.type)
def test_in_a_calm_world_no_call_is_ever_refused(strategy: Snapshot) -> None:
    life = Life.on_v1(FRESH, strategy)
    assert life.run().refused == []


def test_a_recompute_starts_anew_on_the_wanted_version() -> None:
    life = Life.on_v1(KEEP_SAME).edit(recompute_nonce="now").run()
    assert life.stored.history[0].outcome == "Recomputed"
    assert life.stored.live == 2


# --- Hold -----------------------------------------------------------------------------------------


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


# --- Abort, failure, retry ------------------------------------------------------------------------


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


def test_a_newer_version_gets_through_after_a_late_abort_also_when_a_hook_fails_on_the_way() -> None:
    """What an abort gave up is the way forward; the way away from it is tried again like any other."""
    life = Life.on_v1(FRESH, FORWARD).fail_job().attempt(abort=True).run()
    assert life.journal.gave_up
    life.want("v3").fail_job().run()
    assert life.stored.applied is not None
    assert life.stored.applied.version == "3.0.0"


def test_a_retry_after_a_late_abort_is_not_aborted_again() -> None:
    """An abort is handled once; the attempt still carries it, and the person has moved on."""
    life = Life.on_v1(FRESH, FORWARD, broken=BROKEN).run(at("start")).attempt(abort=True).run()
    life.edit(retry_nonce="go on").work()
    life.work()
    assert not life.journal.gave_up


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


def test_a_stop_that_takes_too_long_turns_for_a_newer_revision() -> None:
    life = Life.on_v1(KEEP_SAME).run(lambda one: one.pod().term).wait(10_000).want("v3")
    life.work()
    assert (life.journal.heading, life.journal.turned_by) == (Heading.BACK, "Superseded")
    life.run()
    assert life.stored.applied is not None
    assert life.stored.applied.version == "3.0.0"
    assert [e.outcome for e in life.stored.history] == ["Upgraded", "Superseded"]


def test_on_failure_hold_waits_and_its_text_ends_with_the_commands() -> None:
    life = Life.on_v1(KEEP_SAME, HOLD, broken=BROKEN).run().wait(1000)
    text = told(life.look(), Standing.STALLED, Reason.START_TIMEOUT)
    assert ends_with_a_command(text)
    assert "retryNonce" in text
    assert "supg attempt" in text
    writes = life.run().writes
    life.wait(10_000).run()
    assert (life.writes, life.journal.heading) == (writes, Heading.FORWARD)


def test_however_much_a_hook_says_the_message_ends_with_the_commands() -> None:
    """Given the longest names there can be, when a step waits that said too much, then both commands are whole."""
    life = Life.on_v1(KEEP_SAME, HOLD, broken=BROKEN).run().wait(1000)
    life.edit(namespace="n" * 63, name="r" * 40)
    view, decision = life.view(), life.look()
    onward = decision.situation.attention.partition("; retry: ")[2]
    assert f"patch supg {life.journal.attempt} " in onward
    longest = onward.replace(f"supg {life.journal.attempt} ", f"supg {'s' * 52} ")
    told = decision.situation._replace(attention=f"{'what the hook said ' * 200}; retry: {longest}")

    written = render(view, decision._replace(situation=told), {})

    (message,) = [c["message"] for c in written["conditions"] if c["type"] == "ActionRequired"]
    assert message.endswith(f"; retry: {longest}")


def test_a_retry_nonce_gives_a_waiting_step_its_time_again() -> None:
    life = Life.on_v1(KEEP_SAME, HOLD, broken=BROKEN).run().wait(1000).run()
    heal(life).edit(retry_nonce="r1").work()
    assert life.stored.handled.retry == "r1"
    assert life.journal.begun_at("start") == life.now
    assert life.run().stored.history[0].outcome == "Upgraded"


def test_a_failing_hook_is_tried_again_under_a_new_name_and_counted_once() -> None:
    life = Life.on_v1(FRESH, FORWARD).fail_job()
    life.work()
    life.work()
    assert [(a.step, a.failures) for a in life.journal.attempts] == [("revert-live", 1)]
    life.run()
    names = [e.name for e in life.effects if isinstance(e, fx.CreateJob)]
    assert len(names) == len(set(names)) == 2
    assert life.stored.history[0].outcome == "Recomputed"


def test_a_retry_nonce_resets_the_attempts() -> None:
    life = Life.on_v1(FRESH, FORWARD).fail_job().fail_job()
    life.work()
    assert [a.failures for a in life.journal.attempts] == [2]
    attention = told(life.look(), Standing.PAST_RETURN, Reason.PAST_POINT_OF_NO_RETURN)
    assert ends_with_a_command(attention)
    assert re.search(f"patch supg {life.journal.attempt} .*skipRevert.* or retry: ", attention)
    life.edit(retry_nonce="r1").work()
    assert not any(a.failures for a in life.journal.attempts)
    assert life.stored.handled.retry == "r1"


def test_skip_revert_gives_up_a_hook_that_fails_and_the_loss_says_so() -> None:
    life = Life.on_v1(FRESH, FORWARD).fail_job().attempt(skip_revert=True).run()
    assert life.stored.history[0].outcome == "Recomputed"
    assert life.stored.history[0].loss.revert_skipped


@pytest.mark.parametrize("given_up", [False, True])
def test_results_are_taken_for_reverted_only_on_the_hooks_word(given_up: bool) -> None:
    """Given a hook that was given up, when the plan ends, then the record says that the results still stand."""
    life = Life.on_v1(FRESH, FORWARD)
    life = life.fail_job().attempt(skip_revert=True) if given_up else life
    first = life.run().stored.incarnation(1)
    assert first == Incarnation(1, "1.0.0", "v1", DELETED, "Kept" if given_up else REVERTED)


def test_results_whose_revision_is_gone_count_as_not_reverted() -> None:
    """Given a revision that somebody deleted, when its results are to be reverted, then no hook has said so."""
    life = Life.on_v1(FRESH, FORWARD).run(at("revert-live"))
    step = next(s for s in life.journal.steps if s.id == "revert-live")
    view = life.view()._replace(revisions={name: one for name, one in FRESH.items() if name != "v1"})
    found = VOCABULARY[step.kind].check(view, life.journal, step)
    assert isinstance(found, Done)
    assert found.facts["hook:revert-live"]["skipped"]


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


def test_a_preflight_that_does_not_end_in_its_time_ends_the_plan_and_the_old_version_works_on() -> None:
    """Given a preflight hook that hangs, when timeouts.preflightSeconds pass, then the run is as before."""
    v2 = KEEP_SAME["v2"]
    hooks = v2.spec.hooks.model_copy(update={"preflight": Hook(command=("check",))})
    checked = dataclasses.replace(v2, spec=v2.spec.model_copy(update={"hooks": hooks}))
    life = Life.on_v1(KEEP_SAME | {"v2": checked}).run(lambda life: life.job("Active") is not None)
    assert life.journal.begun_at("preflight") is not None

    life.wait(STRATEGY.timeouts.preflight).work()

    last = life.stored.history[0]
    assert (last.outcome, last.reason) == ("RolledBack", Reason.HOOK_TIMEOUT)
    assert "300 s passed waiting for Job" in last.message
    assert life.pod().phase == "ready"
    life.work()
    assert life.names[-1] == "DeleteJob"


def test_hooks_of_the_new_version_are_told_its_parameters_and_a_revert_those_of_the_old_one() -> None:
    """Given v2 with another default, when its plan runs hooks, then each has the values of the version it is about."""

    def tuned(name: str, default: str) -> Revision:
        known = FRESH[name]
        hooks = known.spec.hooks.model_copy(
            update={"preflight": Hook(command=("check",)), "verify": Hook(command=("check",))}
        )
        parameters = (ParameterDefinition(name="p", default=default),)
        more = {"hooks": hooks, "parameters": parameters}
        return dataclasses.replace(known, spec=known.spec.model_copy(update=more))

    life = Life.on_v1(FRESH | {"v1": tuned("v1", "old"), "v2": tuned("v2", "new")}, FORWARD)
    merged = life.stored.parameters._replace(base=(("p", "old"),), effective=(("p", "old"),))
    life.state = life.state._replace(
        record=life.state.record._replace(stored=life.stored._replace(parameters=merged))
    )
    life.run()

    told = {e.hook: e.template.parameters for e in life.effects if isinstance(e, fx.CreateJob)}
    assert told == {"preflight": (("p", "new"),), "revert": (("p", "old"),), "verify": (("p", "new"),)}


def test_a_revert_hook_that_does_not_end_in_its_time_is_told_and_waited_for() -> None:
    """Given a revert hook that hangs, when timeouts.revertSeconds pass, then a person is told; its end suffices."""
    life = Life.on_v1(FRESH, FORWARD).run(lambda life: life.job("Active") is not None)

    life.wait(STRATEGY.timeouts.revert).work()
    text = told(life.look(), Standing.PAST_RETURN, Reason.PAST_POINT_OF_NO_RETURN)
    assert "600 s passed waiting for Job" in text
    assert ends_with_a_command(text)

    life.run()
    assert life.stored.history[0].outcome == "Recomputed"
    assert life.names.count("CreateJob") == 1


def test_skip_revert_gives_up_a_hook_that_does_not_end() -> None:
    life = Life.on_v1(FRESH, FORWARD).run(lambda life: life.job("Active") is not None)
    life.attempt(skip_revert=True).wait(STRATEGY.timeouts.revert).run()
    assert life.stored.history[0].outcome == "Recomputed"
    assert life.stored.history[0].loss.revert_skipped


# --- Grants ---------------------------------------------------------------------------------------


ANSWERS: dict[str, tuple[Callable[[Life], Life], Reason]] = {
    "PlanChanged": (lambda life: life.attempt(plan_hash="another"), Reason.PLAN_CHANGED),
    "Held": (lambda life: life.edit(hold="audit"), Reason.HELD),
    "Pinned": (lambda life: life.edit(pinned="1.0.0"), Reason.PINNED),
    "Superseded": (lambda life: life.want("v3"), Reason.SUPERSEDED),
    "Aborted": (lambda life: life.attempt(abort=True), Reason.ABORTED),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_grant_that_cannot_be_taken_is_answered_and_spent(answer: str) -> None:
    disturb, reason = ANSWERS[answer]
    life = Life.on_v1(KEEP_SAME).run(granted)
    disturb(life)
    life.work()
    outcome = life.stored.history[0]
    assert (outcome.outcome, outcome.reason, outcome.grant_id) == (answer, reason, "g0-v2")
    assert (life.state.record.journal, life.effects) == (None, [])
    life.edit(hold="", pinned="").want("v2").attempt(abort=False, plan_hash="another").work()
    assert [e.grant_id for e in life.stored.history] == ["g0-v2"]
    assert life.state.record.journal is None


def test_a_plan_that_became_impossible_is_answered_with_its_reason() -> None:
    life = Life.on_v1(FRESH, CONTINUE).run(granted)
    blocked = decide(life.view()._replace(strategy=None))
    outcome = blocked.record.stored.history[0]
    assert (outcome.outcome, outcome.reason) == ("PlanChanged", Reason.STRATEGY_REQUIRED)


def test_a_recompute_whose_attempt_was_aborted_is_a_wish_that_is_spent() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").edit(recompute_nonce="once")
    assert life.look().record.stored.handled.recompute == ""
    assert (
        decide(
            life.view()._replace(taken_back=frozenset({("Recompute", "once")}))
        ).record.stored.handled.recompute
        == "once"
    )


def test_a_recompute_that_cannot_be_planned_says_so() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").edit(recompute_nonce="once")
    gate = Gate("CleanLogicMissing", "spec.hooks.revert: 1.0.0 has none", attention=True)
    found = decide(life.view()._replace(gate=gate))
    assert "spec.hooks.revert" in told(found, Standing.BLOCKED, Reason.CLEAN_LOGIC_MISSING)
    assert found.wake is not None


def test_a_suspended_grant_is_kept_and_not_begun() -> None:
    life = Life.on_v1(KEEP_SAME).run(granted).attempt(suspend=True)
    found = life.look()
    assert (found.record.journal, found.record.stored.history, found.effects) == (None, (), ())
    life.attempt(suspend=False).run()
    assert life.stored.history[0].outcome == "Upgraded"


def test_a_gate_is_said_and_asks_for_attention_only_when_a_person_must_act() -> None:
    life = Life.on_v1(KEEP_SAME)
    gate = Gate("AwaitingApproval", "approve it: kubectl …", attention=True)
    asked = decide(life.view()._replace(gate=gate)).situation
    assert (asked.standing, asked.reason, asked.attention) == (
        Standing.BLOCKED,
        "AwaitingApproval",
        gate.message,
    )
    queued = decide(life.view()._replace(gate=gate._replace(attention=False))).situation
    assert (queued.standing, queued.attention) == (Standing.WAITING, "")


# --- State that is not as recorded ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "standing"),
    [
        (
            Gate("RevisionNotFound", "no revision has version 9.0.0; see: kubectl …", attention=True),
            Standing.STALLED,
        ),
        (Gate("Suspended", "no released revision yet"), Standing.WAITING),
    ],
)
def test_a_run_that_may_not_start_on_what_is_wanted_says_why(gate: Gate, standing: Standing) -> None:
    """Given a revision that is wanted and none to start on, then a new run gives its gate as its reason."""
    view = Life.unborn().view()._replace(entry=None, gate=gate)
    assert view.wanted is not None
    found = decide(view).situation
    assert (found.standing, found.reason) == (standing, gate.reason)
    stopped = decide(view._replace(run=view.run._replace(desired_running=False))).situation
    assert stopped.standing is Standing.STOPPED


@pytest.mark.parametrize("trouble", ["gone", "foreign"])
def test_a_live_claim_that_is_gone_or_foreign_is_out_of_sync_and_never_an_empty_start(trouble: str) -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").put("pods", 1, None).put("workloads", 1, None)
    view = life.view()
    (claim,) = view.world.claims
    claims = () if trouble == "gone" else (claim._replace(ours=False),)
    found = decide(view._replace(world=view.world._replace(claims=claims)))
    assert told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert (found.effects, found.record.journal) == ((), None)


def test_a_claim_is_not_made_while_a_pod_of_somebody_else_waits_for_it() -> None:
    """Given the pending pod of a deleted run of this name, then no claim is made on which it would start."""
    life = Life.unborn()
    view = life.view()
    waiting = Pod(Handle("old", ""), 1, "", foreign=True)
    found = decide(view._replace(world=view.world._replace(pods=(waiting,))))
    assert found.effects == ()
    assert decide(view).effects[:1] == (fx.CreateClaim(1, ("1",), "v2"),)


def test_a_first_start_never_adopts_a_claim_of_somebody_else() -> None:
    life = Life.unborn().put("claims", 1, C(("1",), ("1",)))
    view = life.view()
    (claim,) = view.world.claims
    found = decide(view._replace(world=view.world._replace(claims=(claim._replace(ours=False),))))
    assert told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert found.effects == ()


def test_a_claim_that_vanishes_during_a_plan_holds_the_start() -> None:
    life = Life.on_v1(KEEP_SAME).run(at("stop")).put("claims", 1, None).run()
    assert told(life.look(), Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert "CreateClaim" not in life.names


@pytest.mark.parametrize("asked", ["an upgrade", "a stop", "a restart"])
def test_no_stop_is_the_end_of_a_claim_that_somebody_deleted(asked: str) -> None:
    """Given a claim that only its pod still keeps, when a plan would stop the pod, then it waits for a person."""
    life = Life.on_v1(KEEP_SAME, wanted="v2" if asked == "an upgrade" else "v1")
    life.put("claims", 1, C(("1",), ("1",), deleting=True))
    resting = life.look()
    assert "somebody deleted the state claim" in told(resting, Standing.BLOCKED, Reason.STATE_OUT_OF_SYNC)
    life.edit(desired_running=asked != "a stop", restart_nonce="r" if asked == "a restart" else "").run()
    assert (life.effects, life.pod().phase) == ([], "ready")
    assert ends_with_a_command(told(life.look(), Standing.STALLED, Reason.STATE_OUT_OF_SYNC))


@pytest.mark.parametrize("keeps", [True, False])
def test_no_stop_is_the_end_of_results_that_somebody_deleted(*, keeps: bool) -> None:
    """Given a results claim that only the pod still keeps, when any plan would stop the pod, then it waits."""
    life = Life.on_v1(KEEP_SAME) if keeps else Life.on_v1(FRESH, FORWARD)
    view = life.run(granted).view()
    found = decide(view._replace(world=view.world._replace(results="deleting")))
    assert found.effects == ()
    assert ends_with_a_command(told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC))
    assert "somebody deleted the results claim" in found.situation.message


def test_a_plan_that_gives_up_the_state_does_not_wait_for_a_claim_that_somebody_deleted() -> None:
    life = Life.on_v1(FRESH, FORWARD).put("claims", 1, C(("1",), ("1",), deleting=True)).run()
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.live) == ("2.0.0", 2)


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


def test_a_claim_is_never_deleted_off_record() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").put("claims", 7, C(("1",), ("1",))).run()
    assert life.effects == []


# --- The run's own plans --------------------------------------------------------------------------


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


def with_parameter(default: str) -> dict[str, Revision]:
    spec = KEEP_SAME["v1"].spec.model_dump(by_alias=True)
    found = type(KEEP_SAME["v1"].spec).model_validate(
        {**spec, "parameters": [{"name": "city", "default": default}]}
    )
    v1 = make("v1", 1, found, KEEP_SAME["v1"].artifact)
    return {**KEEP_SAME, "v1": v1}


def test_a_changed_parameter_restarts_the_run_with_it() -> None:
    life = Life.on_v1(with_parameter("Oslo"), wanted="v1").edit(parameters=(("city", "Bergen"),)).run()
    assert life.workload().template.parameters == (("city", "Bergen"),)
    assert life.stored.parameters.overrides == ("city",)


def test_an_own_stop_that_was_aborted_is_not_tried_again_unasked() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").edit(desired_running=False).run(lambda one: one.pod().term)
    life.edit(abort_nonce="keep it").run()
    assert (life.stored.stopped, life.pod().phase) == (False, "ready")
    assert ends_with_a_command(told(life.look(), Standing.ROLLED_BACK, Reason.ROLLED_BACK))
    life.edit(retry_nonce="now").run()
    assert life.stored.stopped


def test_a_start_that_never_succeeds_ends_when_its_user_sets_the_run_to_stopped() -> None:
    """Given a first start that waits for a person, when the run is to be stopped, then its pod goes."""
    life = Life.unborn(broken=BROKEN).run().wait(1000).run().edit(desired_running=False).run()
    assert (life.state.record.journal, life.state.cluster) == (None, Cluster())
    assert life.look().situation.standing is Standing.STOPPED
    heal(life).edit(desired_running=True).run()
    assert life.stored.live == 2


def test_a_run_that_went_back_says_so_also_after_a_plan_of_its_own_came_to_nothing() -> None:
    """Given a rollback, when an own stop is taken back later, then nobody waits for a turn that will not come."""
    life = Life.on_v1(KEEP_SAME, broken=BROKEN).run().wait(1000).run()
    life.edit(desired_running=False).run(lambda one: one.pod().term).edit(abort_nonce="no").run()
    life.edit(desired_running=True).run()
    assert [e.outcome for e in life.stored.history] == ["Aborted", "RolledBack"]
    assert "on the way to 2.0.0" in told(life.look(), Standing.ROLLED_BACK, Reason.ROLLED_BACK)


def test_who_comes_after_an_abort_is_told_what_the_plan_was_waiting_for() -> None:
    """Given a version that does not start, when its plan is aborted, then the cause is on record."""
    life = Life.on_v1(KEEP_SAME, broken=BROKEN).run().attempt(abort=True).run()
    last = life.stored.history[0]
    assert (last.outcome, last.reason) == ("Aborted", "Aborted")
    assert last.message.startswith("Start was waiting for the pod to start")
    assert last.message in told(life.look(), Standing.ROLLED_BACK, Reason.ROLLED_BACK)


def test_a_parameter_that_is_taken_back_ends_the_restart_that_waits_with_it() -> None:
    life = Life.on_v1(with_parameter("Oslo"), HOLD, wanted="v1").run()
    life.explorer = Explorer(dataclasses.replace(life.explorer.setup, broken=frozenset({"v1"})))
    life.edit(parameters=(("city", "Bergen"),)).run().wait(1000).run()
    told(life.look(), Standing.STALLED, Reason.START_TIMEOUT)
    heal(life).edit(parameters=()).run()
    assert life.workload().template.parameters == (("city", "Oslo"),)
    assert life.stored.history[0].outcome == "Superseded"


# --- Rest -----------------------------------------------------------------------------------------


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


def started_on_v2(life: Life) -> bool:
    return any(p.template.revision == "v2" and p.phase == "ready" for _, p in life.state.cluster.pods)


def test_stability_is_waited_for_before_a_plan_commits() -> None:
    life = Life.on_v1(KEEP_SAME).run(started_on_v2)
    for _ in range(5):
        life.wait(5).work()
    assert life.journal.ready()
    assert life.journal.strategy.stable_seconds == STRATEGY.stable_seconds
    assert life.run().stored.history[0].outcome == "Upgraded"


def test_a_version_that_accepts_nothing_stored_never_starts_on_it() -> None:
    """The claim's stamp decides, not the label: the record was made before somebody restored another volume."""
    life = Life.on_v1(KEEP_SAME).run(at("stop")).put("claims", 1, C(("9",), ("1",)))
    while life.work() or life.state.cluster.pods:
        moves = [m for m in life.cluster_moves() if not m.luck]
        if not moves:
            break
        life.state = moves[0].state
    assert life.state.record.journal is None or life.look().effects == ()
    assert "WakeWorkload" not in life.names


def test_a_grant_for_a_revision_that_the_scenarios_status_does_not_show_yet_waits() -> None:
    """Given a status write of the Scenario that failed, when the run is granted, then it does not answer Superseded."""
    life = Life.on_v1(FRESH, CONTINUE).run(lambda one: bool(one.state.grants))
    life.want("v1")
    life.work()
    assert life.stored.history == ()
    life.want("v2").run()
    assert life.stored.applied is not None
    assert life.stored.applied.version == "2.0.0"


REFUSAL = 'create …: 403 Forbidden: pods "x" is forbidden: exceeded quota: narrow'


@pytest.mark.parametrize(
    ("life", "reason"),
    [
        (lambda: Life.on_v1(KEEP_SAME).run(granted), Reason.REFUSED),
        (lambda: Life.on_v1(FRESH, FORWARD).run(at("start")), Reason.REFUSED),
        (lambda: Life.on_v1(FRESH, FORWARD).run(at("start")).wait(10_000), Reason.PAST_POINT_OF_NO_RETURN),
        (lambda: Life.unborn(), Reason.REFUSED),
    ],
    ids=["stop", "start", "late", "first start"],
)
def test_what_the_server_refuses_is_told_wherever_the_run_stands(
    life: Callable[[], Life], reason: Reason
) -> None:
    """Given effects that are refused, when the run is looked at, then it says so and ends with a command."""
    found = decide(life().view()._replace(refusal=REFUSAL))

    assert found.effects
    assert found.situation.reason == reason
    assert REFUSAL in found.situation.message
    assert REFUSAL in found.situation.degraded
    assert "kubectl -n ns describe resourcequota" in found.situation.attention


def test_a_refusal_of_what_is_not_wanted_any_more_is_not_told() -> None:
    """Given a run at rest, when an old refusal is remembered, then it says nothing of it."""
    life = Life.unborn().run()

    assert decide(life.view()._replace(refusal=REFUSAL)).situation.reason == Reason.UP_TO_DATE


def test_a_pod_that_controllers_cannot_make_is_told_though_we_have_nothing_to_do() -> None:
    """Given a workload without its pod, when its controller says why, then the run says so and is tried no further."""
    life = Life.unborn().run(lambda one: "WakeWorkload" in one.names)
    view = life.view()
    view = view._replace(world=view.world._replace(pods=(), refused=REFUSAL))
    found = decide(view)

    assert found.effects == ()
    assert "describe resourcequota" in told(found, Standing.STALLED, Reason.REFUSED)


def doomed(life: Life) -> Life:
    """Let somebody delete the state claim; a pod that uses it keeps it."""
    return life.put("claims", 1, C(("1",), ("1",), deleting=True))


def test_a_claim_that_is_being_deleted_under_a_working_pod_is_told_with_what_saves_it() -> None:
    """Given a run at rest, when its claim is being deleted, then it asks for its volume to be kept."""
    found = doomed(Life.unborn().run()).look()

    attention = told(found, Standing.BLOCKED, Reason.STATE_OUT_OF_SYNC)
    volume = "kubectl -n ns get pvc state-r-1-0 -o jsonpath={.spec.volumeName}"
    patch = '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'
    command = f"{volume} | xargs kubectl patch pv --field-manager=scenario-cli --type=merge -p '{patch}'"
    assert attention.endswith(f"keep its volume: {command}")
    assert found.effects == ()


def test_nothing_starts_on_a_claim_that_is_being_deleted() -> None:
    """Given a stopped run, when its claim is being deleted, then a start waits for a person, and creates nothing."""
    life = Life.unborn().run().edit(desired_running=False).run()
    doomed(life).edit(desired_running=True)
    found = life.look()

    assert found.effects == ()
    told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
