"""Hooks: what they are told, how long they may take, and what their word is worth."""

from __future__ import annotations

import dataclasses

import pytest
from tests.sim.setups import FORWARD, FRESH, KEEP_SAME, STRATEGY
from tests.unit.execution.life import Life, at, ends_with_a_command, told

from scenario_operator.api.reasons import Reason
from scenario_operator.api.scenario import Hook, ParameterDefinition
from scenario_operator.execution import effects as fx
from scenario_operator.execution.journal import Begun
from scenario_operator.execution.situation import Standing
from scenario_operator.execution.steps import VOCABULARY
from scenario_operator.execution.steps.step import Done, Failed
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import DELETED, KEPT, REVERTED, Incarnation


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


def test_what_was_consented_to_is_not_given_up_because_its_revision_is_gone() -> None:
    """Given a revision that somebody deleted, when its results are to be reverted, then a person has to decide."""
    life = Life.on_v1(FRESH, FORWARD).run(at("revert-live"))
    life.state = life.state._replace(gone=frozenset({"v1"}))
    step = next(s for s in life.journal.steps if s.id == "revert-live")
    view = life.view()
    without = view._replace(world=view.world._replace(jobs=()))
    found = VOCABULARY[step.kind].check(without, life.journal, step)
    assert isinstance(found, Failed)
    assert (found.reason, found.human) == (Reason.CLEAN_LOGIC_MISSING, True)
    assert VOCABULARY[step.kind].effects(without, life.journal, step) == ()

    uncommitted = step._replace(args=step.args._replace(committed=False, incarnation=2))
    started = life.journal._replace(begun=(*life.journal.begun, Begun("start", 0.0)))
    left = {name: one for name, one in FRESH.items() if name != "v2"}
    given = VOCABULARY[step.kind].check(without._replace(revisions=left), started, uncommitted)
    assert isinstance(given, Done)
    assert given.facts["hook:revert-live"]["givenUp"] is True


def test_a_hook_that_runs_when_its_revision_goes_is_waited_for() -> None:
    """Given a revert hook under way, when somebody deletes its revision, then its answer still counts."""
    life = Life.on_v1(FRESH, FORWARD).run(lambda one: one.job("Active") is not None)
    life.state = life.state._replace(gone=frozenset({"v1"}))
    life.run()
    first = life.stored.incarnation(1)
    assert first is not None
    assert first.results == REVERTED


def test_a_hook_that_is_given_up_while_it_runs_is_ended_first() -> None:
    """Given a hook past its time, when a person gives it up, then it counts as given up once it has ended."""
    life = Life.on_v1(FRESH, FORWARD).run(lambda one: one.job("Active") is not None)
    life.attempt(skip_revert=True).wait(10_000)
    decision = life.look()
    assert [type(e).__name__ for e in decision.effects] == ["DeleteJob"]
    assert decision.record.journal is not None
    assert decision.record.journal.fact("hook:revert-live") is None
    life.run()
    first = life.stored.incarnation(1)
    assert first is not None
    assert first.results == KEPT


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
