"""A run that worked and does not serve says so in time, once, and until it is well again."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sim.setups import KEEP_SAME
from tests.unit.execution.life import Life

from scenario_operator.api.conditions import PATIENCE_SECONDS
from scenario_operator.api.foreign import Foreign
from scenario_operator.execution.decide import decide
from scenario_operator.execution.read import health_of
from scenario_operator.execution.situation import Standing
from scenario_operator.execution.status import is_news, render
from scenario_operator.execution.view import Handle, Pod, View
from scenario_operator.planning.stored import timestamp
from scenario_operator.planning.windows import Window

SERVES = Pod(Handle("p", "1"), 1, "v2", started=True, ready=True, running=True, name="r-1-0")
DOWN = SERVES._replace(started=False, ready=False, running=False)
LOOPS = DOWN._replace(
    trouble=Foreign("CrashLoopBackOff (exit code 1): cannot load the state"),
    last_end=Foreign("exit code 1: cannot load the state"),
    restarts=5,
)
SICK = {
    "CrashLooping": LOOPS,
    "ImageUnavailable": DOWN._replace(trouble=Foreign("ImagePullBackOff: no such image")),
    "ContainerNotMade": DOWN._replace(trouble=Foreign("CreateContainerConfigError: secret not found")),
    "Unschedulable": DOWN._replace(trouble=Foreign("Unschedulable: 0/3 nodes are available")),
    "NodeLost": SERVES._replace(terminating=True),
}


class Patient:
    """A run whose plan is long over, and its status as it was last written."""

    def __init__(self, *pods: Pod, window: Window | None = None) -> None:
        life = Life.on_v1(KEEP_SAME).run()
        view = life.view()
        self.view = view._replace(stored=view.stored._replace(window=window or view.stored.window), now=1e9)
        self.status: dict[str, Any] = {}
        self.writes = 0
        self.sees(*pods)

    def sees(self, *pods: Pod, after: float = 0.0) -> Patient:
        """Let time pass, show these pods and make one pass."""
        at = self.view.now + after
        pods = tuple(p._replace(started_at=at) if p.restarts and p.running else p for p in pods)
        view = self._read()._replace(now=at, world=self.view.world._replace(pods=pods))
        decision = decide(view)
        new = render(view, decision, self.status)
        if is_news(view, decision, self.status, new):
            self.status, self.writes = new, self.writes + 1
        self.view, self.decision = view, decision
        return self

    def _read(self) -> View:
        return self.view._replace(health=health_of({"status": self.status}))

    def says(self, kind: str) -> dict[str, Any]:
        return next((c for c in self.status["conditions"] if c["type"] == kind), {"status": "absent"})


@pytest.mark.parametrize("reason", SICK)
def test_what_time_does_not_mend_asks_a_person_after_ten_minutes(reason: str) -> None:
    """Given a run that worked, when it has not served for ten minutes, then it says what ails it and where to look."""
    patient = Patient(SERVES).sees(SICK[reason])
    assert patient.says("ActionRequired")["status"] == "False"
    assert patient.status["unwellSince"] == timestamp(1e9)

    patient.sees(SICK[reason], after=PATIENCE_SECONDS)
    for kind in ("Degraded", "ActionRequired"):
        assert (patient.says(kind)["status"], patient.says(kind)["reason"]) == ("True", reason)
    assert (patient.says("Ready")["status"], patient.says("Ready")["reason"]) == ("False", reason)
    assert {patient.says(kind)["status"] for kind in ("Reconciling", "Stalled")} == {"absent"}
    asks = patient.says("ActionRequired")["message"]
    assert "r-1-0" in asks
    assert "kubectl -n ns " in asks


def test_the_last_words_of_the_container_stand_in_the_message() -> None:
    patient = Patient(SERVES).sees(LOOPS).sees(LOOPS, after=PATIENCE_SECONDS)
    assert "exit code 1: cannot load the state" in patient.says("ActionRequired")["message"]
    assert "kubectl -n ns logs r-1-0 -c scenario --previous" in patient.says("ActionRequired")["message"]


def test_a_run_that_comes_up_between_two_crashes_is_not_taken_for_well() -> None:
    """Given a crash loop that is ready for a moment each time, then its time is counted through, without a flapping."""
    up = SERVES._replace(restarts=5, last_end=LOOPS.last_end)
    patient = Patient(SERVES)
    for _ in range(3):
        patient.sees(LOOPS, after=10).sees(up, after=150).sees(LOOPS, after=30)
    patient.sees(LOOPS, after=60)
    assert patient.says("ActionRequired")["reason"] == "CrashLooping"
    patient.sees(up, after=10)
    assert patient.says("Available")["status"] == "True"
    assert patient.says("ActionRequired")["reason"] == "CrashLooping"


def test_ten_minutes_of_available_clear_it_and_are_looked_for() -> None:
    """Given a run that serves again, when ten minutes have passed, then a pass of its own takes the word back."""
    patient = Patient(SERVES).sees(DOWN).sees(SERVES, after=5)
    assert "unwellSince" in patient.status
    assert patient.decision.wake is not None
    assert patient.decision.wake <= PATIENCE_SECONDS + 1
    patient.sees(SERVES, after=PATIENCE_SECONDS)
    assert "unwellSince" not in patient.status
    assert patient.decision.wake is None


def test_a_pod_that_runs_and_is_not_ready_is_no_alarm() -> None:
    """Given a running pod that is not ready, then time may mend it: the run goes on being Starting."""
    slow = SERVES._replace(ready=False)
    patient = Patient(SERVES).sees(slow).sees(slow, after=2 * PATIENCE_SECONDS)
    assert patient.decision.situation.standing is Standing.STARTING


def test_the_commit_of_an_upgrade_is_no_trouble() -> None:
    """Given a plan that has just ended, when its pod is about to be ready, then nothing is written about health."""
    life = Life.on_v1(KEEP_SAME)
    while life.move():
        record = life.state.record
        if record.journal is None and record.stored.history:
            break
    view = life.view()
    starting = SERVES._replace(ready=False)
    view = view._replace(world=view.world._replace(pods=(starting,)))
    assert "unwellSince" not in render(view, decide(view), {})


BOUND = Window("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z")


@pytest.mark.parametrize(
    ("window", "before", "standing"),
    [
        (BOUND, DOWN, Standing.LEARNING),
        (BOUND._replace(start_from=None), DOWN, Standing.LEARNING),
        (BOUND, SERVES, Standing.STARTING),
        (BOUND._replace(start_from=BOUND.output_actions_from), DOWN, Standing.STARTING),
        (Window(), DOWN, Standing.STARTING),
    ],
    ids=["a bound", "from the beginning", "was ready before", "no distance", "no bound"],
)
def test_learning_is_said_only_of_what_learns(window: Window, before: Pod, standing: Standing) -> None:
    """Given a pod that is not ready, then it learns only up to a later bound, and only until it was ready once."""
    patient = Patient(before, window=window).sees(SERVES._replace(ready=False), after=5)
    assert patient.decision.situation.standing is standing


def test_when_it_was_first_ready_is_no_write_of_its_own() -> None:
    """Given the status of an operator that did not record it, when nothing else changes, then nothing is written."""
    patient = Patient(SERVES)
    patient.status.pop("readyAt")
    before = patient.writes
    assert patient.sees(SERVES, after=5).writes == before
    patient.sees(SERVES._replace(ready=False), after=5)
    assert "readyAt" in patient.status
