"""What an upgrade leaves for people beside conditions: Events, metrics and log lines, with the same words."""

from __future__ import annotations

import re

from tests.harness.cluster import Cluster
from tests.harness.objects import incompatible, run, scenario, strategy
from tests.harness.operator import Operator

from scenario_operator.api import names
from scenario_operator.api.reasons import Reason

STEPS = ("Stop", "RevertResults", "DeleteState", "Start")
"""The steps that have effects of their own, and so a duration."""


def series(operator: Operator, name: str) -> dict[str, float]:
    """Return the values of a metric by their labels."""
    found = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", operator.metrics(), re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def test_an_upgrade_is_told_in_events_metrics_and_log_lines(cluster: Cluster, operator: Operator) -> None:
    """Given a run on v1, when v2 recomputes it, then all three tell it, in the words of the reasons."""
    cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
    cluster.until_settled("r", "1.0.0")
    ended = series(operator, "scenario_operator_upgrades_total").get('{outcome="Recomputed"}', 0)

    cluster.apply(
        scenario(
            "s", "2.0.0", state="2", edges=incompatible(), strategy=strategy("ForwardOnly", approval="Never")
        )
    )
    cluster.until_settled("r", "2.0.0")
    cluster.until_report("s")

    told = cluster.until("the Events of all three", lambda: _events(cluster))
    assert {reason for _, reason, _ in told} <= {reason.value for reason in Reason}
    assert {"Stop", "UpToDate"} <= {reason for kind, reason, _ in told if kind == "ScenarioRun"}
    assert "Succeeded" in {reason for kind, reason, _ in told if kind == "ScenarioUpgrade"}

    assert series(operator, "scenario_operator_upgrades_total")['{outcome="Recomputed"}'] == ended + 1
    steps = series(operator, "scenario_operator_step_seconds_count")
    assert {f'{{kind="{kind}"}}' for kind in STEPS} <= steps.keys()
    calls = series(operator, "scenario_operator_api_calls_total")
    assert calls['{code="200",kind="StatefulSet",verb="patch"}'] >= 1
    assert calls['{code="201",kind="Job",verb="create"}'] >= 1
    assert series(operator, "scenario_operator_queue_depth").keys() == {""}
    assert series(operator, "scenario_operator_leader") == {"": 1.0}

    lines = [line for line in operator.log.read_text().splitlines() if f"run {cluster.namespace}/r" in line]
    assert any("effect DeleteClaim" in line and "INFO" in line for line in lines)
    assert any("state reason=Stop" in line for line in lines)


def _events(cluster: Cluster) -> list[tuple[str, str, str]]:
    """Return the kind, reason and note of our Events, [] until all three kinds have one."""
    events = cluster.list("events.events.k8s.io")
    ours = [e for e in events if e.get("reportingController") == f"{names.GROUP}/operator"]
    told = [(e["regarding"]["kind"], e["reason"], e["note"]) for e in ours]
    settled = {"Scenario", "ScenarioRun", "ScenarioUpgrade"} <= {kind for kind, _, _ in told}
    return told if settled and ("ScenarioUpgrade", "Succeeded") in {t[:2] for t in told} else []
