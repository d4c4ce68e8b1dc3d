"""Nothing says what is not so: a report that is none, a probe that fails, a parameter that nobody declares."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sim.setups import CONTINUE, FRESH, KEEP_SAME
from tests.unit.execution.life import Life, at, closed, with_parameter

from scenario_operator.api.conditions import ConditionType
from scenario_operator.api.foreign import Foreign
from scenario_operator.execution.decide import decide
from scenario_operator.execution.read import record_of
from scenario_operator.execution.status import assess, render
from scenario_operator.execution.steps.step import short_of_started
from scenario_operator.execution.view import Handle, Pod, StopReport
from scenario_operator.manifests.report import read_report
from scenario_operator.planning.revision import Revision, make
from scenario_operator.planning.stored import LastStop


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ""),
        ("  \n", ""),
        ("Traceback: out of luck", "not JSON"),
        ('{"processedUntil":', "not JSON"),
        ("[1, 2]", "no JSON object"),
        ("{}", "processedUntil is missing"),
        ('{"processedUntil": "yesterday"}', "no time"),
        ('{"processedUntil": 7}', "no time"),
        ('{"processedUntil": "2026-01-01T00:00:00Z"}', ""),
    ],
)
def test_a_report_says_what_is_wrong_with_it(text: str, fault: str) -> None:
    found = read_report(text).fault
    assert fault in found
    assert bool(found) is bool(fault)


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        ({"report": StopReport(fault="what it wrote is not JSON"), "exit_code": 0}, "is not JSON"),
        ({"report": StopReport(), "exit_code": 137}, "killed after its grace period"),
        (
            {"report": StopReport(), "exit_code": 137, "last_end": Foreign("exit code 137: OOMKilled")},
            "for its memory",
        ),
        ({"report": read_report("a log", 3), "exit_code": 3}, "ended with exit code 3"),
        ({"report": StopReport(), "exit_code": 0}, "left no report"),
    ],
    ids=["not JSON", "killed", "no memory", "an error", "nothing"],
)
def test_a_plan_that_needs_a_report_says_why_there_is_none(pod: dict[str, Any], told: str) -> None:
    """Given a version that continues where the old one stopped, when that cannot be known, then the cause is told."""
    life = Life.on_v1(FRESH, CONTINUE).run(at("stop"))
    life.run(lambda one: not one.workload().replicas and one.workload().settled)
    view = life.view()
    ended = Pod(Handle("p", "1"), 1, "v1", terminating=True, ended=True, held="x", **pod)
    decision = decide(view._replace(world=view.world._replace(pods=(ended,))))
    life.act(decision._replace(effects=()))
    gone = life.view()
    world = gone.world._replace(
        pods=(),
        workloads=tuple((n, w._replace(status_replicas=0, settled=True)) for n, w in gone.world.workloads),
    )
    situation = decide(gone._replace(world=world)).situation
    assert situation.reason == "StopReportMissing"
    assert told in situation.message


def test_why_a_report_is_missing_stays_on_record() -> None:
    stop = LastStop(1, None, None, None, clean=False, reported=False, fault="what it wrote is not JSON")
    view = Life.on_v1(KEEP_SAME).view()
    view = view._replace(stored=view.stored._replace(last_stop=stop))
    kept = record_of({"status": render(view, decide(view), {})}).stored.last_stop
    assert kept is not None
    assert kept.fault == stop.fault


def _probed() -> Revision:
    known = KEEP_SAME["v2"]
    spec = known.spec.model_dump(by_alias=True)
    spec["workload"] = {**spec["workload"], "startupProbe": {"exec": {"command": ["true"]}}}
    return make("v2", 2, type(known.spec).model_validate(spec), known.artifact)


RUNS = Pod(Handle("p", "1"), 1, "v2", running=True)
ENDED = RUNS._replace(
    running=False,
    trouble=Foreign("CrashLoopBackOff (exit code 137)"),
    last_end=Foreign("exit code 137: Error"),
)


@pytest.mark.parametrize(
    ("pod", "probed", "told"),
    [
        (RUNS, True, "its startup probe has not succeeded"),
        (RUNS, False, ""),
        (ENDED, True, "CrashLoopBackOff (exit code 137); ended from outside, as a startup probe does"),
        (ENDED, False, "CrashLoopBackOff (exit code 137)"),
        (
            ENDED._replace(last_end=Foreign("exit code 1: boom"), trouble=Foreign("Error: boom")),
            True,
            "Error: boom",
        ),
    ],
)
def test_the_startup_probe_is_named_when_it_is_what_fails(pod: Pod, probed: bool, told: str) -> None:
    revision = _probed() if probed else KEEP_SAME["v2"]
    found = short_of_started([pod], revision)
    assert found.startswith(told)
    assert bool(found) is bool(told)


def test_a_start_that_its_probe_holds_up_ends_with_that_word() -> None:
    """Given a container that runs and never passes its startup probe, then the outcome names the probe."""
    life = Life.on_v1({**KEEP_SAME, "v2": _probed()})
    life.run(at("start"))
    view = life.view()
    late = view._replace(world=view.world._replace(pods=(RUNS,)), now=view.now + 1000)
    journal = decide(late).record.journal
    assert journal is not None
    assert journal.failure is not None
    assert journal.failure.reason == "StartTimeout"
    assert "its startup probe has not succeeded" in journal.failure.message


@pytest.mark.parametrize(
    ("key", "asks"), [("citty", True), ("city", False)], ids=["misspelt", "declared by the version before"]
)
def test_a_key_that_no_version_declares_is_said_on_a_run_that_works(key: str, asks: bool) -> None:
    """Given a working run, when its user sets what no version declares, then that is asked about, nothing restarts."""
    life = Life.on_v1(with_parameter("x")).run(closed).run()
    plans = life.stored.plans
    life.edit(parameters=((key, "Oslo"),))
    view = life.view()
    decision = decide(view)
    asked = next(a for a in assess(view, decision) if a.type is ConditionType.ACTION_REQUIRED)
    assert (asked.reason == "UnknownParameter") is asks
    if asks:
        assert "spec.parameters.citty" in asked.message
        assert "kubectl -n ns edit srun r" in asked.message
        assert next(a for a in assess(view, decision) if a.type is ConditionType.READY).status == "True"
    assert life.stored.plans == plans
