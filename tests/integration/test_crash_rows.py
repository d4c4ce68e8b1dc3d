"""What an operator finds when it comes back, or when it is gone for good (rows A46, A54)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.harness.cluster import PATIENCE, Cluster
from tests.harness.moments import PATIENT, hang, let_go, until_stopping
from tests.harness.objects import incompatible, run, scenario, sim, strategy
from tests.harness.odd_clock import set_off
from tests.harness.operator import Operator

JsonObject = dict[str, Any]
KINDS = ("srun", "scn", "supg", "sts", "pods", "pvc", "jobs")


@pytest.fixture
def operator(unserved: Cluster, tmp_path: Path) -> Iterator[Operator]:
    """An operator of this test alone, which it may end and start as it likes."""
    lease = f"operator-{unserved.namespace}"
    more = ("--namespace", unserved.namespace)
    made = Operator(unserved, tmp_path / "operator.log", lease=lease, more=more)
    yield made.start().until_ready()
    made.kill()


def test_a54_the_report_of_a_stop_that_nobody_saw_is_not_lost(unserved: Cluster, operator: Operator) -> None:
    """Given an operator that is gone while the old pod ends, when it comes back, then the window is the report's."""
    words = {"processedUntil": "2026-01-02T03:04:05.678901Z", "stateVersion": "1"}
    workload = {**PATIENT, "command": sim(report=words)}
    unserved.apply(scenario("s", "1.0.0", workload=workload), run("r", "s"))
    unserved.until_settled("r", "1.0.0")
    hang(unserved, "r-1-0")

    continuing = strategy("Continuation", approval="Never")
    unserved.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=continuing, workload=workload))
    until_stopping(unserved, "r-1-0")
    operator.kill()
    let_go(unserved, "r-1-0")
    unserved.until(
        "the pod to have ended", lambda: unserved.get("pod", "r-1-0")["status"]["phase"] == "Succeeded"
    )
    operator.start().until_ready()

    window = unserved.until_settled("r", "2.0.0")["status"]["window"]
    assert window["outputActionsFrom"] == "2026-01-02T03:04:05.678901Z"
    assert window["notificationsFrom"] == "2026-01-02T03:04:05.678901Z"
    unserved.until("the old pod to be let go", lambda: unserved.find("pod", "r-1-0") is None)


def test_a46_after_an_uninstall_everything_can_be_deleted(unserved: Cluster, operator: Operator) -> None:
    """Given an operator that was uninstalled, when everything is deleted, then no finalizer holds anything."""
    unserved.apply(scenario("s", "1.0.0", deletionProtection=False), run("r", "s"), run("stopped", "s"))
    unserved.until_settled("r", "1.0.0")
    unserved.until_settled("stopped", "1.0.0")
    unserved.patch("srun", "stopped", {"spec": {"desiredState": "Stopped"}})
    unserved.until_condition("srun", "stopped", "Available", "False", "Stopped")
    unserved.apply(
        scenario(
            "s", "2.0.0", edges=incompatible(), strategy=strategy("ForwardOnly"), deletionProtection=False
        )
    )
    unserved.until("the attempt", lambda: unserved.latest_attempt("s"))
    operator.stop()

    for kind in ("srun", "scn"):
        unserved.kubectl("delete", kind, "--all", PATIENCE)

    def left() -> list[str]:
        return [f"{kind}/{obj['metadata']['name']}" for kind in KINDS for obj in unserved.list(kind)]

    unserved.until("nothing to be left", lambda: not left() or None)
    assert left() == []


@pytest.mark.parametrize(
    "off", [pytest.param(600, id="fast", marks=pytest.mark.slow), pytest.param(-600, id="slow")]
)
def test_a_clock_that_is_ten_minutes_off_expires_nothing(
    unserved: Cluster, operator: Operator, tmp_path: Path, off: int
) -> None:
    """Given a step under way, when an operator takes over whose clock is off, then time goes on as if it was right."""
    patient = strategy("Continuation", approval="Never", timeouts={"startSeconds": 300, "verifySeconds": 60})
    unserved.apply(scenario("s", "1.0.0"), run("r", "s"))
    unserved.until_settled("r", "1.0.0")
    unserved.apply(
        scenario(
            "s", "2.0.0", state="2", edges=incompatible(), strategy=patient, command=sim(neverStart=True)
        )
    )
    unserved.until("the new pod", lambda: unserved.find("pod", "r-2-0"))
    operator.kill()

    odd = Operator(
        unserved,
        tmp_path / "odd.log",
        operator.lease,
        operator.lease_seconds,
        operator.more,
        disguise=partial(set_off, off),
    )
    try:
        odd.start().until_ready()
        unserved.until("the run to be looked at", lambda: odd.passes() >= 2)
        assert unserved.get("srun", "r")["status"]["upgrade"]["heading"] == "Forward"
        unserved.behave("r-2-0", neverStart=False)
        unserved.until_settled("r", "2.0.0")
        assert [entry["outcome"] for entry in unserved.until_report("s")["runs"]] == ["Continued"]
    finally:
        odd.kill()


def test_a_run_made_again_while_no_operator_works_starts_from_nothing(
    unserved: Cluster, operator: Operator
) -> None:
    """Given a pod that is held for its report, when its run is replaced unseen, then it is let go, for a new start."""
    unserved.apply(scenario("s", "1.0.0", workload=PATIENT), run("r", "s"))
    unserved.until_settled("r", "1.0.0")
    hang(unserved, "r-1-0")
    continuing = strategy("Continuation", approval="Never")
    unserved.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=continuing, workload=PATIENT))
    until_stopping(unserved, "r-1-0")
    operator.kill()
    old = unserved.uid("srun", "r")

    unserved.kubectl("replace", "--force", "-f", "-", stdin=json.dumps(run("r", "s")))
    let_go(unserved, "r-1-0")
    unserved.until(
        "the pod to have ended", lambda: unserved.get("pod", "r-1-0")["status"]["phase"] == "Succeeded"
    )
    operator.start().until_ready()

    status = unserved.until_settled("r", "2.0.0")["status"]
    assert (status["runID"], status["plans"]) == ("r-1", 1)
    assert "lastStop" not in status
    report = unserved.until_report("s")
    assert [(e["uid"], e["outcome"]) for e in report["runs"]] == [(old, "Cancelled")]
