"""What an operator finds when it comes back, or when it is gone for good (rows A46, A54)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.harness.cluster import ROOT, Cluster, bed, namespace_of
from tests.harness.objects import incompatible, run, scenario, sim, strategy
from tests.harness.operator import Operator

JsonObject = dict[str, Any]
KINDS = ("srun", "scn", "supg", "sts", "pods", "pvc", "jobs")


@pytest.fixture(scope="module")
def own_bed(worker_id: str) -> Iterator[Cluster]:
    """A bed that no shared operator serves."""
    if os.environ.get("KUBECONFIG"):
        pytest.skip("needs a cluster that nobody serves")
    with bed("sim", f"crash-{worker_id}") as cluster:
        cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        cluster.kubectl("wait", "--for=condition=Established", "-f", str(ROOT / "crds"), "--timeout=30s")
        yield cluster


@pytest.fixture
def alone(own_bed: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A namespace of this test alone."""
    with own_bed.new_namespace(namespace_of(request.node)) as cluster:
        yield cluster


@pytest.fixture
def operator(alone: Cluster, tmp_path: Path) -> Iterator[Operator]:
    """An operator of this test alone, which it may end and start as it likes."""
    lease = f"operator-{alone.namespace}"
    more = ("--namespace", alone.namespace, "--lease-renew-seconds", "1", "--lease-retry-seconds", "1")
    made = Operator(alone, tmp_path / "operator.log", lease=lease, lease_seconds=5, more=more)
    yield made.start().until_ready()
    made.kill()


def test_a54_the_report_of_a_stop_that_nobody_saw_is_not_lost(alone: Cluster, operator: Operator) -> None:
    """Given an operator that is gone while the old pod ends, when it comes back, then the window is the report's."""
    words = {"processedUntil": "2026-01-02T03:04:05.678901Z", "stateVersion": "1"}
    workload = {"command": sim(report=words, stopAfter=2), "terminationGracePeriodSeconds": 10}
    alone.apply(scenario("s", "1.0.0", workload=workload), run("r", "s"))
    alone.until_settled("r", "1.0.0")

    continuing = strategy("Continuation", approval="Never")
    alone.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=continuing, workload=workload))
    alone.until("the stop", lambda: (alone.get("pod", "r-1-0")["metadata"]).get("deletionTimestamp"))
    operator.kill()
    alone.until("the pod to have ended", lambda: alone.get("pod", "r-1-0")["status"]["phase"] == "Succeeded")
    operator.start().until_ready()

    window = alone.until_settled("r", "2.0.0")["status"]["window"]
    assert window["outputActionsFrom"] == "2026-01-02T03:04:05.678901Z"
    assert window["notificationsFrom"] == "2026-01-02T03:04:05.678901Z"
    alone.until("the old pod to be let go", lambda: alone.find("pod", "r-1-0") is None)


def test_a46_after_an_uninstall_everything_can_be_deleted(alone: Cluster, operator: Operator) -> None:
    """Given an operator that was uninstalled, when everything is deleted, then no finalizer holds anything."""
    alone.apply(scenario("s", "1.0.0", deletionProtection=False), run("r", "s"), run("stopped", "s"))
    alone.until_settled("r", "1.0.0")
    alone.until_settled("stopped", "1.0.0")
    alone.patch("srun", "stopped", {"spec": {"desiredState": "Stopped"}})
    alone.until_condition("srun", "stopped", "Available", "False", "Stopped")
    alone.apply(
        scenario(
            "s", "2.0.0", edges=incompatible(), strategy=strategy("ForwardOnly"), deletionProtection=False
        )
    )
    alone.until("the attempt", lambda: alone.latest_attempt("s"))
    operator.stop()

    for kind in ("srun", "scn"):
        alone.kubectl("delete", kind, "--all", "--timeout=20s")

    def left() -> list[str]:
        return [f"{kind}/{obj['metadata']['name']}" for kind in KINDS for obj in alone.list(kind)]

    alone.until("nothing to be left", lambda: not left() or None)
    assert left() == []


@pytest.mark.parametrize("off", [600, -600], ids=["fast", "slow"])
def test_a_clock_that_is_ten_minutes_off_expires_nothing(
    alone: Cluster, operator: Operator, tmp_path: Path, off: int
) -> None:
    """Given a step under way, when an operator takes over whose clock is off, then time goes on as if it was right."""
    patient = strategy("Continuation", approval="Never", timeouts={"startSeconds": 300, "verifySeconds": 60})
    alone.apply(scenario("s", "1.0.0"), run("r", "s"))
    alone.until_settled("r", "1.0.0")
    alone.apply(scenario("s", "2.0.0", state="2", strategy=patient, command=sim(neverStart=True)))
    alone.until("the new pod", lambda: alone.find("pod", "r-2-0"))
    operator.kill()

    module = ("tests.harness.odd_clock", str(off))
    odd = Operator(alone, tmp_path / "odd.log", operator.lease, operator.lease_seconds, operator.more, module)
    try:
        odd.start().until_ready()
        alone.until("the run to be looked at", lambda: odd.passes() >= 2)
        assert alone.get("srun", "r")["status"]["upgrade"]["heading"] == "Forward"
        alone.behave("r-2-0", neverStart=False)
        alone.until_settled("r", "2.0.0")
        assert [entry["outcome"] for entry in alone.until_report("s")["runs"]] == ["Continued"]
    finally:
        odd.kill()


def test_a_run_made_again_while_no_operator_works_starts_from_nothing(
    alone: Cluster, operator: Operator
) -> None:
    """Given a pod that is held for its report, when its run is replaced unseen, then it is let go, for a new start."""
    workload = {"command": sim(stopAfter=2), "terminationGracePeriodSeconds": 10}
    alone.apply(scenario("s", "1.0.0", workload=workload), run("r", "s"))
    alone.until_settled("r", "1.0.0")
    continuing = strategy("Continuation", approval="Never")
    alone.apply(scenario("s", "2.0.0", edges=incompatible(), strategy=continuing, workload=workload))
    alone.until("the stop", lambda: (alone.get("pod", "r-1-0")["metadata"]).get("deletionTimestamp"))
    operator.kill()
    old = alone.uid("srun", "r")

    alone.kubectl("replace", "--force", "-f", "-", stdin=json.dumps(run("r", "s")))
    alone.until("the pod to have ended", lambda: alone.get("pod", "r-1-0")["status"]["phase"] == "Succeeded")
    operator.start().until_ready()

    status = alone.until_settled("r", "2.0.0")["status"]
    assert (status["runID"], status["plans"]) == ("r-1", 1)
    assert "lastStop" not in status
    report = alone.until_report("s")
    assert [(e["uid"], e["outcome"]) for e in report["runs"]] == [(old, "Cancelled")]
