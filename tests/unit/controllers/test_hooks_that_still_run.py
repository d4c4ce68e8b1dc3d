"""Hooks destroy things, so a try never begins while the one before it may still run."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sim.setups import FORWARD, FRESH
from tests.unit.execution.life import Life

from scenario_operator.api import names
from scenario_operator.controllers.observe import Things, world_of
from scenario_operator.execution.decide import decide
from scenario_operator.execution.effects import CreateJob, ReleaseJob
from scenario_operator.execution.view import Run, World

RUN = Run("ns", "r", "uid", scenario="s")
JOB = "r-p2-revert-live-0"


def seen(*conditions: str, phase: str = "", there: bool = True) -> World:
    """Return the world with a revert Job in a state, and its pod."""
    metadata = {"uid": "j", "resourceVersion": "1", "name": JOB, "ownerReferences": [{"uid": "uid"}]}
    stated = [{"type": word, "status": "True", "reason": "DeadlineExceeded"} for word in conditions]
    job = {"metadata": metadata, "spec": {}, "status": {"conditions": stated}}
    labels = {names.LABEL_RUN_UID: "uid", names.LABEL_HOOK: "revert", "batch.kubernetes.io/job-name": JOB}
    pod = {"metadata": {"name": f"{JOB}-x", "labels": labels}, "spec": {}, "status": {"phase": phase}}
    return world_of(RUN, Things({}, (), (pod,) if phase else (), (), (job,) if there else ()), {})


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        ((), "Active"),
        (("FailureTarget",), "Active"),
        (("FailureTarget", "Failed"), "Failed"),
        (("SuccessCriteriaMet",), "Active"),
        (("SuccessCriteriaMet", "Complete"), "Succeeded"),
    ],
)
def test_a_job_whose_pod_has_yet_to_end_is_not_over(conditions: tuple[str, ...], state: str) -> None:
    """Given a hook past its deadline, when its pod is only told to end, then the next try does not begin."""
    assert [j.state for j in seen(*conditions).jobs] == [state]


@pytest.mark.parametrize(("phase", "found"), [("Running", (JOB,)), ("Failed", ()), ("", ())])
def test_a_hook_that_outlives_its_job_is_seen(phase: str, found: tuple[str, ...]) -> None:
    assert seen(phase=phase, there=False).reverting == found


def starts(life: Life, **world: Any) -> list[str]:
    view = life.view()
    made = decide(view._replace(world=view.world._replace(**world)))
    return [type(e).__name__ for e in made.effects if isinstance(e, CreateJob | ReleaseJob)]


def test_a_revert_hook_waits_for_one_that_still_runs() -> None:
    """Given a Job that somebody deleted while its hook runs, then no second one is made beside it."""
    life = Life.on_v1(FRESH, FORWARD).run(lambda one: bool(starts(one)))
    assert starts(life) == ["CreateJob"]
    assert starts(life, reverting=("r-p2-revert-live-9",)) == []
