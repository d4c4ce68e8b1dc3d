"""A sidecar that admission puts before our container keeps no probe and no hook, and lends no digest (row A110)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.harness.cluster import Cluster
from tests.harness.injector import NAME, injector
from tests.harness.objects import incompatible, run, scenario, sim, strategy
from tests.harness.operator import Operator

from beds.behaviour import Images

FOR_EVER = {"runFor": 86_400}
FAILING = {"runFor": 0, "exit": 1}
ALOOF = {"sidecar.vendor.example/inject": "false"}
ANSWERED = '{"reverted": 12}'


def digest_of(image: str) -> str:
    """Return the digest that the simulated registry has for an image."""
    return Images().identity(image).partition("@")[2]


def hooks() -> dict[str, Any]:
    """Return hooks that end by themselves, one of them with an answer."""
    return {
        name: {"command": sim(message=ANSWERED)} for name in ("validate", "preflight", "verify", "revert")
    }


@pytest.mark.parametrize(
    ("does", "spares"),
    [
        pytest.param(FOR_EVER, ALOOF, id="for ever"),
        pytest.param(FAILING, {"scenarios.dev/component": "workload"}, id="failing"),
    ],
)
def test_a110_probes_and_hooks_are_over_when_our_container_is(
    cluster: Cluster, operator: Operator, tmp_path: Path, does: dict[str, Any], spares: dict[str, str]
) -> None:
    """Given an injected sidecar, when versions are published and rolled out, then with our digests and answers."""
    sidecar = {"image": "vendor.test/proxy:1", "command": sim(**does)}
    with injector(cluster, tmp_path, sidecar, spares=spares):
        cluster.apply(scenario("s", "1.0.0", hooks=hooks()), run("r", "s"))
        cluster.until_settled("r", "1.0.0")
        forward = strategy("ForwardOnly", approval="Never")
        second = scenario("s", "2.0.0", edges=incompatible(), strategy=forward, hooks=hooks())
        cluster.apply(second)
        cluster.until_settled("r", "2.0.0")

        known = cluster.get("scn", "s")["status"]["artifact"]["digest"]
        assert known == digest_of("registry.test/s:2.0.0")
        assert cluster.until_report("s")["runs"][0]["loss"]["resultsReverted"] == 12
        others = "scenarios.dev/component!=workload,scenarios.dev/component"
        cluster.until("Jobs to be gone", lambda: not cluster.list("jobs"))
        cluster.until("pods of probes and hooks to be gone", lambda: not cluster.list("pods", others))
        serving = {c["name"] for c in cluster.get("pod", "r-2-0")["spec"]["containers"]}
        assert serving == ({NAME, "scenario"} if spares is ALOOF else {"scenario"})


def test_an_injector_stays_away_from_pods_that_end_by_themselves_if_it_is_told_to(
    cluster: Cluster, operator: Operator, tmp_path: Path
) -> None:
    """Given labels for hooks and probes, when a version is published, then only the pod that serves has a sidecar."""
    sidecar = {"image": "vendor.test/proxy:1", "command": sim(**FOR_EVER)}
    workload = {"hookPodLabels": ALOOF}
    with injector(cluster, tmp_path, sidecar, spares=ALOOF):
        cluster.apply(scenario("s", "1.0.0", hooks=hooks(), workload=workload), run("r", "s"))
        cluster.until_settled("r", "1.0.0")
        later = {"artifact": {"image": "registry.test/missing:2"}, "hooks": hooks(), "workload": workload}
        cluster.apply(scenario("s", "2.0.0", **later))
        probes = "scenarios.dev/component=probe"
        (probe, *_) = cluster.until("a probe", lambda: cluster.list("pods", probes))
        assert {c["name"] for c in probe["spec"]["containers"]} == {"scenario"}
        assert NAME in {c["name"] for c in cluster.get("pod", "r-1-0")["spec"]["containers"]}
