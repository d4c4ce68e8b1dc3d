"""Records stay true over several plans: what was reverted, what runs, how it stopped, and what it is on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.sim import model, setups
from tests.sim.sequences import LABELLED
from tests.sim.setups import CONTINUE, FORWARD, FRESH, KEEP_SAME
from tests.unit.execution.life import Life, at, closed, started_on_v2, told

from scenario_operator.api.journal import Heading, Kind
from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.reasons import Reason
from scenario_operator.api.run import RunStatus
from scenario_operator.execution import effects as fx
from scenario_operator.execution import facts, wire
from scenario_operator.execution.decide import decide
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.results import accounted, answers
from scenario_operator.execution.situation import Standing
from scenario_operator.execution.status import render
from scenario_operator.execution.steps import stop
from scenario_operator.planning.plan import Cause, End, Snapshot
from scenario_operator.planning.revision import Revision, make
from scenario_operator.planning.steps import Args, Step
from scenario_operator.planning.stored import KEPT, REVERTED, Incarnation, Results, Stored

NEVER = FORWARD._replace(approval="Never")


def hooks(life: Life) -> list[tuple[str, int]]:
    """Return the hooks that were run, with the incarnations that they were about."""
    return [(e.hook, e.incarnation) for e in life.effects if isinstance(e, fx.CreateJob)]


def results(life: Life) -> dict[int, str]:
    """Return what is on record of the results of each incarnation."""
    return {i.number: i.results for i in life.stored.incarnations}


# --- Results --------------------------------------------------------------------------------------


def test_what_a_hook_has_reverted_stays_reverted_although_its_state_went_before() -> None:
    """Given a Continuation and then recomputes, when their hooks revert what is kept, then each incarnation once."""
    life = Life.on_v1(FRESH, CONTINUE._replace(approval="Never")).run()
    assert results(life) == {1: KEPT, 2: KEPT}
    life.edit(recompute_nonce="a").run()
    assert results(life) == {1: REVERTED, 2: REVERTED, 3: KEPT}
    life.edit(recompute_nonce="b").run()
    assert results(life) == {1: REVERTED, 2: REVERTED, 3: REVERTED, 4: KEPT}
    assert hooks(life) == [("revert", 2), ("revert", 1), ("revert", 3)]


def answer(monkeypatch: pytest.MonkeyPatch, *numbers: tuple[str, int]) -> None:
    """Let every hook answer these numbers."""
    real = model.ViewJob
    monkeypatch.setattr(model, "ViewJob", lambda *a, **k: real(*a, **{**k, "numbers": numbers}))


def test_a_hook_that_skipped_some_has_reverted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a hook that counts what it skipped, when it succeeds, then nobody has given it up, and it runs once."""
    answer(monkeypatch, ("reverted", 12), ("skipped", 2))
    life = Life.on_v1(FRESH, NEVER).run(closed)
    loss = life.stored.history[0].loss
    assert (loss.revert_skipped, loss.results_reverted) == (False, 12)
    assert results(life)[1] == REVERTED
    life.want("v3").run()
    assert hooks(life).count(("revert", 1)) == 1


def reverting(fact: dict[str, Any]) -> Journal:
    """Return a journal that has recorded this of its revert hook."""
    step = Step("revert-live", Kind.REVERT_RESULTS, Args(1, committed=True))
    ends = End("v1", "1.0.0"), End("v2", "2.0.0")
    plan = ("p1", "h", Cause.UPGRADE, *ends, "Replace", Snapshot(type="ForwardOnly"), (step,), 1, 2, 0.0)
    return Journal(*plan).finish(step, {"hook:revert-live": fact})


@pytest.mark.parametrize(
    ("fact", "record", "numbers"),
    [
        ({"message": "x", "reverted": 12, "skipped": 2}, REVERTED, {"reverted": 12, "skipped": 2}),
        ({"message": "x", "reverted": 12, "skipped": 1}, REVERTED, {"reverted": 12, "skipped": 1}),
        ({"skipped": True, "message": "x"}, KEPT, {}),
        ({"skipped": True}, KEPT, {}),
        ({}, REVERTED, {}),
        ({"numbers": {"skipped": 2}}, REVERTED, {"skipped": 2}),
        ({"givenUp": True}, KEPT, {}),
    ],
)
def test_facts_in_flight_of_an_older_operator_are_read(
    fact: dict[str, Any], record: str, numbers: dict[str, int]
) -> None:
    """Given an answer as it was recorded before numbers stood apart, when the plan closes, then it means the same."""
    journal = reverting(fact)
    stored = accounted(journal, Stored(incarnations=(Incarnation(1, "1.0.0", "v1"),)), never=0)
    assert stored.incarnations[0].results == record
    assert [dict(a.numbers) for a in answers(journal)] == [numbers]


@pytest.mark.parametrize("key", ["givenUp", "message", "numbers", "skipped", "hook"])
def test_no_answer_of_a_hook_is_a_mark_of_ours(key: str) -> None:
    """Given a hook whose answer uses our own words, when it is recorded, then they are numbers at most."""
    step = Step("revert-live", Kind.REVERT_RESULTS, Args(1, committed=True))
    journal = reverting(facts.answered(step, "x", ((key, 1),))["hook:revert-live"])
    [found] = answers(journal)
    assert not found.given_up


def test_what_a_person_gave_up_stays_kept_and_is_tried_again_by_the_next_plan() -> None:
    life = Life.on_v1(FRESH, NEVER).fail_job()
    life.attempt(skip_revert=True).run(closed)
    assert life.stored.history[0].loss.revert_skipped
    assert results(life)[1] == KEPT
    life.run()
    life.want("v3").run()
    assert results(life) == {1: REVERTED, 2: REVERTED, 3: KEPT}


def test_what_an_aborted_version_published_is_reverted_by_the_next_plan_that_reverts() -> None:
    """Given a version taken back whose clean-up hook was given up, when all results are to go, then its go as well."""
    life = Life.on_v1(FRESH, CONTINUE._replace(approval="Never"), others=(NEVER,)).run(started_on_v2)
    life.attempt(abort=True)
    for _ in range(setups.STRATEGY.max_attempts):
        life.fail_job()
    life.run(closed)
    assert results(life) == {1: KEPT, 2: KEPT}
    life.state = life.state._replace(strategy=1)
    life.want("v3").run()
    assert life.stored.history[0].outcome is Outcome.RECOMPUTED
    assert results(life) == {1: REVERTED, 2: REVERTED, 3: KEPT}


def test_a_consented_hook_whose_revision_was_deleted_is_given_up_by_a_person_only() -> None:
    """Given kept results whose revision somebody deleted, when they are to be reverted, then nothing is touched."""
    life = Life.on_v1(FRESH, CONTINUE._replace(approval="Never")).run()
    life.state = life.state._replace(gone=frozenset({"v1"}))
    life.edit(recompute_nonce="a").run(lambda one: one.state.record.journal is not None)
    for _ in range(5):
        life.work()
    attention = told(life.look(), Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert "revision of incarnation 1 is gone" in attention
    assert life.journal.begun_at("stop") is None
    life.attempt(skip_revert=True).run()
    assert results(life) == {1: KEPT, 2: REVERTED, 3: KEPT}


# --- The results claim ----------------------------------------------------------------------------


def with_results(revisions: dict[str, Revision]) -> dict[str, Revision]:
    """Return the same revisions, each with a volume for results."""
    made = {}
    for name, known in revisions.items():
        spec = known.spec.model_dump(by_alias=True) | {"results": {"volume": {"size": "1Gi"}}}
        parsed = type(known.spec).model_validate(spec)
        made[name] = make(name, known.number, parsed, known.artifact)
    return made


def publishing(strategy: Snapshot = setups.STRATEGY) -> Life:
    """Return a life in which v1 has started and publishes, v2 is wanted."""
    life = Life.unborn()
    revisions = with_results(FRESH if strategy.type else KEEP_SAME)
    life.explorer.setup = replace(life.explorer.setup, revisions=revisions, strategy=strategy)
    return life.want("v1").run()


def test_who_may_have_published_is_on_record_before_it_starts() -> None:
    """Given a first start that publishes, when its workload is woken, then the record names it and the claim."""
    life = Life.unborn()
    life.explorer.setup = replace(life.explorer.setup, revisions=with_results(KEEP_SAME))
    life.run(lambda one: "WakeWorkload" in one.names)
    assert life.stored.results == Results("results", (1,))
    life.run()
    written = render(life.view(), life.look(), {})
    RunStatus.model_validate(written)
    assert wire.load(written).stored.results == Results("results", (1,))


def test_an_incarnation_leaves_the_record_of_what_was_published_by_its_hook_only() -> None:
    life = publishing(CONTINUE._replace(approval="Never"))
    life.want("v2").run()
    assert life.stored.results == Results("results", (1, 2))
    life.edit(recompute_nonce="a").run()
    assert life.stored.results == Results("results", (3,))


@pytest.mark.parametrize("now", ["gone", "another"])
@pytest.mark.parametrize("strategy", [setups.STRATEGY, NEVER], ids=["keep", "ForwardOnly"])
def test_a_plan_that_needs_a_results_claim_that_is_gone_touches_nothing(now: str, strategy: Snapshot) -> None:
    """Given a results claim that somebody removed by force, when a plan needs it, then it waits before its stop."""
    life = publishing(strategy).want("v2").run(lambda one: one.state.record.journal is not None)
    view = life.view()
    world = view.world._replace(
        results="ours" if now == "another" else "", results_uid="new" if now == "another" else ""
    )
    journal = view.journal._replace(begun=(), done=()) if view.journal else None
    decision = decide(view._replace(world=world, journal=journal))
    assert decision.situation.reason == Reason.STATE_OUT_OF_SYNC
    assert "results claim that incarnation 1 published to" in decision.situation.attention
    assert not decision.effects


def test_a_run_whose_results_claim_is_gone_is_stopped_and_started_on_a_new_one() -> None:
    life = publishing()
    life.edit(desired_running=False).run()
    life.put("results", 0, None).edit(desired_running=True).run()
    assert life.stored.applied is not None
    assert not life.stored.stopped
    assert life.stored.results is not None


# --- What runs ------------------------------------------------------------------------------------


def labelled() -> Life:
    """Return a run that has started as 1.0.0 and taken on the label 1.0.1."""
    life = Life.on_v1(LABELLED, wanted="v4").run()
    assert life.stored.applied is not None
    assert life.stored.applied.version == "1.0.1"
    assert life.workload().template.revision == "v1"
    return life


def test_a_run_that_took_on_a_label_goes_back_to_what_ran_and_is_started_once() -> None:
    """Given a run with a new label, when a plan goes back, then the old pod's revision is started, once."""
    life = labelled().want("v2").run(at("start")).attempt(abort=True).run(closed)
    assert life.workload().template.revision == "v1"
    before = len(life.names)
    life.run()
    assert "PutToSleep" not in life.names[before:]
    assert life.stored.applied is not None
    assert life.stored.applied.version == "1.0.1"


def test_a_restart_changes_no_label() -> None:
    """Given a run with a new label, when its user restarts it while another version waits, then it keeps the label."""
    life = suspended(labelled().edit(restart_nonce="now")).want("v2").run()
    assert life.stored.applied is not None
    assert (life.stored.applied.revision, life.stored.applied.version) == ("v4", "1.0.1")


def test_going_back_without_the_revision_that_runs_starts_the_equal_one() -> None:
    """Given a run with a new label whose old revision was deleted, when a plan goes back, then the equal one starts."""
    life = without_v1(labelled())
    life.run()
    assert life.look().situation.standing is Standing.SETTLED
    life.want("v2").run(at("start")).attempt(abort=True).run()
    assert life.workload().template.revision == "v4"


def test_a_workload_that_was_deleted_comes_back_on_the_equal_revision() -> None:
    life = without_v1(labelled())
    life.put("workloads", 1, None).put("pods", 1, None).run()
    assert life.pod().template.revision == "v4"
    assert life.look().situation.standing is Standing.SETTLED


def test_a_pinned_run_keeps_its_label() -> None:
    life = Life.on_v1(LABELLED, wanted="v1").run().edit(pinned="1.0.0").want("v4").run()
    assert life.stored.applied is not None
    assert (life.stored.applied.revision, life.stored.applied.version) == ("v1", "1.0.0")
    life.edit(pinned="").run()
    assert life.stored.applied.version == "1.0.1"


# --- How it stopped -------------------------------------------------------------------------------


def test_a_stop_that_found_no_pod_is_not_clean() -> None:
    """Given a workload whose pod is gone, when it is stopped, then nobody says that it ended by itself."""
    life = Life.on_v1(KEEP_SAME, wanted="v1").run().edit(desired_running=False)
    life.run(lambda one: one.workload().replicas == 0)
    life.put("pods", 1, None).run()
    assert life.stored.stopped
    assert life.stored.last_stop is not None
    assert (life.stored.last_stop.clean, life.stored.last_stop.reported) == (False, False)
    assert stop._last_words(1, ())["clean"] is False


def test_what_never_came_up_is_no_unclean_stop() -> None:
    """Given a version of which nothing ran, when it is taken back, then the old one's clean stop is what is told."""
    life = Life.on_v1(FRESH, CONTINUE._replace(approval="Never")).run(at("start"))
    life.attempt(abort=True).run(closed)
    assert life.stored.history[0].outcome is Outcome.ABORTED
    assert not life.stored.history[0].loss.unclean_stop


# --- A revision that was deleted ------------------------------------------------------------------


def without_v1(life: Life) -> Life:
    """Let somebody delete the revision that the run is on."""
    life.state = life.state._replace(gone=frozenset({"v1"}))
    return life


def suspended(life: Life) -> Life:
    """Let nothing lead the run on."""
    life.state = life.state._replace(suspended=True)
    return life


def test_a_run_whose_revision_was_deleted_says_so_while_it_serves() -> None:
    life = suspended(without_v1(Life.on_v1(KEEP_SAME, wanted="v1").run())).want("v2").run()
    decision = life.look()
    attention = told(decision, Standing.BLOCKED, Reason.STATE_OUT_OF_SYNC)
    assert "revision v1 (1.0.0), which the run is on, was deleted" in attention
    assert attention.endswith("kubectl -n ns get controllerrevisions -l scenarios.dev/scenario=")
    stated = {c["type"]: c for c in render(life.view(), decision, {})["conditions"]}
    assert (stated["UpToDate"]["status"], stated["UpToDate"]["reason"]) == ("False", "StateOutOfSync")
    assert stated["Ready"]["status"] == "True"


def test_a_run_whose_revision_was_deleted_is_stopped_when_its_user_says_so() -> None:
    """Given the applied revision deleted by hand, when desiredState is Stopped, then the run stops with its report."""
    life = suspended(without_v1(Life.on_v1(KEEP_SAME, wanted="v1").run())).want("v2")
    life.edit(desired_running=False).run()
    assert life.stored.stopped
    assert not life.state.cluster.pods
    assert life.stored.last_stop is not None
    assert life.stored.last_stop.reported
    assert life.stored.applied is not None
    assert life.stored.applied.version == "1.0.0"


def test_a_stopped_run_whose_revision_was_deleted_says_why_it_does_not_start() -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").edit(desired_running=False).run()
    suspended(without_v1(life)).want("v2").edit(desired_running=True).run()
    assert "it cannot be started on it" in told(life.look(), Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert not life.state.cluster.pods


def test_a_journal_without_what_runs_goes_back_to_what_it_came_from() -> None:
    """Given a plan that an older operator opened, when it goes back, then it starts the revision it came from."""
    life = Life.on_v1(KEEP_SAME).run(at("start"))
    assert all(not s.args.revision for s in life.journal.steps if s.kind is Kind.STOP)
    life.attempt(abort=True).run(
        lambda one: one.state.record.journal is not None and one.journal.heading is Heading.BACK
    )
    assert [s.args.revision for s in life.journal.path if s.args.resume] == ["v1"]
