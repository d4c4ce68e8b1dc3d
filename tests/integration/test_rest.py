"""At rest nothing is written but the Lease, also after a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bench.audit import Audit, told
from tests.harness.cluster import Cluster
from tests.harness.objects import run, scenario
from tests.harness.operator import Operator, running

RUNS = 50
WATCHED_SECONDS = 60.0
QUIET_SECONDS = 5.0


@pytest.fixture
def own_operator(unserved: Cluster, tmp_path: Path) -> Iterator[Operator]:
    """An operator that this test may restart, for its own namespace, with a Lease of its own."""
    more = ("--namespace", unserved.namespace, "--qps", "500", "--burst", "1000")
    lease = f"rest-{unserved.namespace}"[:60]
    with running(unserved, tmp_path / "operator.log", *more, lease=lease) as started:
        yield started


def _settle(cluster: Cluster) -> None:
    cluster.apply(scenario("s", "1.0.0"), *(run(f"r{n}", "s") for n in range(RUNS)))

    def rolled_out() -> bool:
        seen = (cluster.find("scn", "s") or {}).get("status") or {}
        conditions = {c["type"]: c["status"] for c in seen.get("conditions") or ()}
        return conditions.get("RolledOut") == "True" and seen["runs"]["upToDate"] == RUNS

    cluster.until("all runs settled", rolled_out)

    def ready() -> bool:
        conditions = [c for each in cluster.list("srun") for c in each["status"]["conditions"]]
        return [c["status"] for c in conditions if c["type"] == "Ready"] == ["True"] * RUNS

    cluster.until("all runs Ready", ready)


def test_fifty_settled_runs_cost_nothing_but_lease_renewals_also_after_a_restart(
    unserved: Cluster, own_operator: Operator
) -> None:
    """Given 50 settled runs, when the operator restarts and a minute passes, then only its Lease is written."""
    _settle(unserved)
    audit = Audit(unserved)

    def rests() -> bool:
        audit.mark()
        time.sleep(QUIET_SECONDS)
        return not audit.writes(unserved.namespace)

    unserved.until("the last that the rollout had to write", rests)

    own_operator.stop()
    own_operator.start().until_ready()
    unserved.until("every run was looked at after the restart", lambda: own_operator.passes() > RUNS)
    time.sleep(WATCHED_SECONDS)

    written = audit.writes(unserved.namespace)
    assert not written, f"{len(written)} writes at rest:\n{told(written)}"
    renewed = [c for c in audit.calls() if c.resource == "leases" and c.name == own_operator.lease]
    assert renewed, "no renewal was seen: the audit log was not read"
