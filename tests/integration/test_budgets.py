"""Every upgrade has a budget of writes and of reads, counted where they arrive: in the API server's audit log.

When a test here fails, it lists the calls. A budget is raised on purpose, with docs/performance.md, or not at all.
"""

from __future__ import annotations

import pytest
from tests.bench.audit import Audit, Call, of_run, reads_of_run, told
from tests.harness.cluster import Cluster
from tests.harness.objects import compatible, incompatible, run, scenario, strategy

GATE = 1
"""A run that is behind says so once before its plan opens; that is apart from the plan's own budget."""


@pytest.fixture
def audit(cluster: Cluster) -> Audit:
    """The audit log, from the beginning of the test on."""
    if not cluster.bed:
        pytest.skip("a cluster that is not ours shows no audit log")
    return Audit(cluster)


def _spent(audit: Audit, cluster: Cluster) -> tuple[list[Call], list[Call]]:
    return of_run(audit.calls(cluster.namespace))


def _within(spent: tuple[list[Call], list[Call]], status: int, effects: int) -> None:
    counted = f"{len(spent[0])} + {len(spent[1])} calls, {status} + {effects} are allowed:"
    listed = f"{counted}\n{told([*spent[0], *spent[1]])}"
    assert spent[0], "the upgrade wrote no status: the audit log was not read"
    assert len(spent[0]) <= status, listed
    assert len(spent[1]) <= effects, listed


def _read_within(audit: Audit, cluster: Cluster, reads: int) -> None:
    found = reads_of_run(audit.calls(cluster.namespace))
    assert len(found) <= reads, f"{len(found)} reads, {reads} are allowed:\n{told(found)}"


def _upgraded(cluster: Cluster, version: str) -> None:
    cluster.until_settled("r", version)
    cluster.until(
        "the attempt is finished",
        lambda: "completionTime" in (cluster.latest_attempt("s").get("status") or {}),
    )


def test_a_first_start_costs_three_status_writes_and_four_effects(cluster: Cluster, audit: Audit) -> None:
    """Given a published scenario, when a run is created, then its claims, its workload and its record are all."""
    cluster.apply(scenario("s", "1.0.0"))
    cluster.until_condition("scn", "s", "Ready", "True")
    audit.mark()

    cluster.apply(run("r", "s"))
    cluster.until_settled("r", "1.0.0")

    _within(_spent(audit, cluster), status=3, effects=4)


def test_an_upgrade_that_keeps_the_state_costs_three_status_writes_and_two_effects(
    cluster: Cluster, audit: Audit
) -> None:
    """Given a run on v1, when a compatible v2 is applied, then it is opened, started and committed: 3 + 2."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    audit.mark()

    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=strategy("InPlace")))
    _upgraded(cluster, "2.0.0")

    _within(_spent(audit, cluster), status=GATE + 3, effects=2)
    _read_within(audit, cluster, 7)


def test_a_forward_only_upgrade_with_a_revert_hook_costs_six_status_writes_and_eleven_effects(
    cluster: Cluster, audit: Audit
) -> None:
    """Given a run on v1, when an incompatible v2 is applied with ForwardOnly, then 6 + 11 calls bring it there."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    audit.mark()

    cluster.apply(
        scenario(
            "s", "2.0.0", state="2", edges=incompatible(), strategy=strategy("ForwardOnly", approval="Never")
        )
    )
    _upgraded(cluster, "2.0.0")

    _within(_spent(audit, cluster), status=GATE + 6, effects=11)
    _read_within(audit, cluster, 60)


def test_a_rollout_over_one_run_costs_five_writes_of_its_attempt(cluster: Cluster, audit: Audit) -> None:
    """Given a run on v1, when v2 is rolled out, then the attempt is made, granted, settled, and hardly more."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    audit.mark()

    cluster.apply(scenario("s", "2.0.0", edges=compatible(), strategy=strategy("InPlace")))
    _upgraded(cluster, "2.0.0")

    written = [c for c in audit.writes(cluster.namespace) if c.resource == "scenarioupgrades"]
    assert len(written) <= 5, told(written)
    assert [c.verb for c in written].count("create") == 1, told(written)
