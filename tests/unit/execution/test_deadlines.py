"""A deadline counts what was watched: nobody is rolled back for an outage of the API server or of the operator."""

from __future__ import annotations

import pytest
from tests.sim.setups import BROKEN, KEEP_SAME, STRATEGY
from tests.unit.execution.life import Life, at, closed

from scenario_operator.execution.direction import time_left


@pytest.mark.parametrize("step", ["stop", "start", "verify"])
def test_an_outage_fails_no_step(step: str) -> None:
    """Given nobody who looks for a quarter of an hour, when it is over, then the step has its whole time once more."""
    life = Life.on_v1(KEEP_SAME).run(at(step)).wait(900)
    life.watched_since = life.now
    life.run(closed)
    assert life.stored.history[0].outcome == "Upgraded"


def test_what_was_watched_for_the_whole_time_has_failed() -> None:
    """Given a version that never starts, when its time has passed after an outage, then the plan goes back."""
    life = Life.on_v1(KEEP_SAME, broken=BROKEN).run(at("start")).wait(900)
    life.watched_since = life.now
    life.work()
    assert not life.journal.path
    life.wait(STRATEGY.timeouts.start).run(closed)
    last = life.stored.history[0]
    assert (last.outcome, last.reason) == ("RolledBack", "StartTimeout")


def test_a_step_that_began_after_the_watch_has_its_own_time() -> None:
    life = Life.on_v1(KEEP_SAME, broken=BROKEN).run(at("start"))
    life.watched_since = life.now - 100
    [step] = life.journal.ready()
    assert time_left(life.view(), life.journal, step) == pytest.approx(STRATEGY.timeouts.start, abs=5)
