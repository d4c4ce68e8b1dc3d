"""What is wanted changes under an open plan or a grant: who gives way, and who does not."""

from __future__ import annotations

import dataclasses
import re

import pytest
from tests.sim.search import Explorer
from tests.sim.setups import CONTINUE, FORWARD, FRESH, KEEP_SAME, STRATEGY
from tests.unit.execution.life import HOLD, Life, at, heal, told, with_parameter

from scenario_operator.api.foreign import Foreign
from scenario_operator.api.journal import Heading
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.decide import decide
from scenario_operator.execution.situation import Standing
from scenario_operator.execution.view import View
from scenario_operator.planning.stored import KEPT, REVERTED


def test_a_newer_version_gets_through_after_a_late_abort_also_when_a_hook_fails_on_the_way() -> None:
    """What an abort gave up is the way forward; the way away from it is tried again like any other."""
    life = Life.on_v1(FRESH, FORWARD).fail_job().attempt(abort=True).run()
    assert life.journal.gave_up
    life.want("v3").fail_job().run()
    assert life.stored.applied is not None
    assert life.stored.applied.version == "3.0.0"


def test_a_stop_that_takes_too_long_turns_for_a_newer_revision() -> None:
    life = Life.on_v1(KEEP_SAME).run(lambda one: one.pod().term).wait(10_000).want("v3")
    life.work()
    assert (life.journal.heading, life.journal.turned_by) == (Heading.BACK, "Superseded")
    life.run()
    assert life.stored.applied is not None
    assert life.stored.applied.version == "3.0.0"
    assert [e.outcome for e in life.stored.history] == ["Upgraded", "Superseded"]


def test_a_parameter_that_is_taken_back_ends_the_restart_that_waits_with_it() -> None:
    life = Life.on_v1(with_parameter("Oslo"), HOLD, wanted="v1").run()
    life.explorer = Explorer(dataclasses.replace(life.explorer.setup, broken=frozenset({"v1"})))
    life.edit(parameters=(("city", "Bergen"),)).run().wait(1000).run()
    told(life.look(), Standing.STALLED, Reason.START_TIMEOUT)
    heal(life).edit(parameters=()).run()
    assert life.workload().template.parameters == (("city", "Oslo"),)
    assert life.stored.history[0].outcome == "Superseded"


def test_a_grant_for_a_revision_that_the_scenarios_status_does_not_show_yet_waits() -> None:
    """Given a status write of the Scenario that failed, when the run is granted, then it does not answer Superseded."""
    life = Life.on_v1(FRESH, CONTINUE).run(lambda one: bool(one.state.grants))
    life.want("v1")
    life.work()
    assert life.stored.history == ()
    life.want("v2").run()
    assert life.stored.applied is not None
    assert life.stored.applied.version == "2.0.0"


def failing(life: Life, times: int) -> Life:
    """Let the revert hook fail so often, each try for itself."""
    for _ in range(times):
        life.fail_job().work()
        life.wait(300)
    return life


def test_a_consented_hook_is_not_given_up_because_a_newer_version_was_published() -> None:
    """Given a revert hook that fails, when somebody publishes a fix, then it is tried on until a person gives it up."""
    life = failing(Life.on_v1(FRESH, FORWARD), 1).want("v3")
    life = failing(life, 2 * STRATEGY.max_attempts)
    life.work()
    assert life.journal.heading is Heading.REPLACE
    attention = told(life.look(), Standing.PAST_RETURN, Reason.PAST_POINT_OF_NO_RETURN)
    assert "3.0.0 starts only after this hook of the old one" in attention
    assert re.search(f"patch supg {life.journal.attempt} .*skipRevert.*, or retry: ", attention)
    life.attempt(skip_revert=True).run()
    replaced = next(e for e in life.stored.history if e.outcome == "Superseded")
    assert replaced.loss.revert_skipped
    first = life.stored.incarnation(1)
    assert first is not None
    assert first.results == KEPT
    assert life.stored.applied is not None
    assert life.stored.applied.version == "3.0.0"


def test_a_consented_hook_that_heals_lets_the_newer_version_start() -> None:
    """Given a revert hook that fails while a fix is published, when it succeeds at last, then nothing is lost."""
    life = failing(failing(Life.on_v1(FRESH, FORWARD), 1).want("v3"), 2 * STRATEGY.max_attempts).run()
    replaced = next(e for e in life.stored.history if e.outcome == "Superseded")
    assert not replaced.loss.revert_skipped
    first = life.stored.incarnation(1)
    assert first is not None
    assert first.results == REVERTED


def test_the_clean_up_of_what_never_committed_may_give_up() -> None:
    """Given a version that never starts and a hook that never reverts it, when a fix is published, then it starts."""
    life = Life.on_v1(FRESH, FORWARD)
    life.explorer = Explorer(dataclasses.replace(life.explorer.setup, broken=frozenset({"v2"})))
    life.run(at("start")).wait(10_000).want("v3")
    life = failing(life, STRATEGY.max_attempts).run()
    assert life.stored.applied is not None
    assert life.stored.applied.version == "3.0.0"


def looped(life: Life, trouble: str) -> View:
    """Return what is seen when the new version's pod is in this trouble."""
    view = life.view()
    pods = tuple(pod._replace(trouble=Foreign(trouble), started=False) for pod in view.world.pods)
    return view._replace(world=view.world._replace(pods=pods))


def hanging() -> Life:
    """Return a life in which v2 has been woken and does not start."""
    life = Life.on_v1(KEEP_SAME)
    life.explorer = Explorer(dataclasses.replace(life.explorer.setup, broken=frozenset({"v2"})))
    return life.run(lambda one: any(p.template.revision == "v2" for _, p in one.state.cluster.pods))


@pytest.mark.parametrize(
    "trouble", ["CrashLoopBackOff (exit code 1): x", "ImagePullBackOff: x", "Unschedulable: x"]
)
def test_what_time_does_not_mend_gives_way_to_a_newer_version_at_once(trouble: str) -> None:
    """Given a version whose pod cannot run, when a newer one is published, then nobody waits for startSeconds."""
    life = hanging()
    waits = decide(looped(life, trouble)).record.journal
    assert waits is not None
    assert waits.heading is Heading.FORWARD
    turned = decide(looped(life.want("v3"), trouble)).record.journal
    assert turned is not None
    assert (turned.heading, turned.turned_by) == (Heading.BACK, "Superseded")
    assert turned.failure is not None
    assert trouble in turned.failure.message


@pytest.mark.parametrize("trouble", ["", "PodInitializing: x"])
def test_what_time_may_mend_has_its_time_although_a_newer_version_is_published(trouble: str) -> None:
    journal = decide(looped(hanging().want("v3"), trouble)).record.journal
    assert journal is not None
    assert journal.heading is Heading.FORWARD
