"""The commit that repairs is never reported as failed by tools that wait (rows A17, A18, A117).

A tool applies, then looks at once, with kstatus, at objects that the operator may not have looked at yet. So from the
commit on no version of any object may be Failed: that of a run at the very moment of the commit included.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.harness.cluster import Cluster, kubectl
from tests.harness.objects import compatible, run, scenario, sim, strategy
from tests.unit.gitops.test_kstatus import conditions, verdicts

JsonObject = dict[str, Any]
RUNS = ("a", "b")


class Watched(NamedTuple):
    """Every version of the objects of a kind, as a watch tells them to a file."""

    kind: str
    file: Path

    def versions(self) -> list[JsonObject]:
        """Return what was told so far; half an object at the end is left for later."""
        text, found, place = self.file.read_text(encoding="utf-8"), [], 0
        while place < len(text):
            try:
                obj, place = json.JSONDecoder().raw_decode(text, place)
            except json.JSONDecodeError:
                break
            found.append(obj)
            place = len(text) - len(text[place:].lstrip())
        return found

    def has_seen(self, cluster: Cluster) -> bool:
        """Say whether the watch has told everything that stands now."""
        told = {o["metadata"]["resourceVersion"] for o in self.versions()}
        return {o["metadata"]["resourceVersion"] for o in cluster.list(self.kind)} <= told


@contextmanager
def watched(cluster: Cluster, folder: Path, *kinds: str) -> Iterator[list[Watched]]:
    """Watch kinds in the test's namespace, from what stands on."""
    found = [Watched(kind, folder / kind) for kind in kinds]
    processes = []
    for each in found:
        command = [kubectl(), "--kubeconfig", cluster.kubeconfig, "-n", cluster.namespace, "get", each.kind]
        with each.file.open("w") as out:
            processes.append(subprocess.Popen([*command, "--watch", "-o", "json"], stdout=out))
    try:
        for each in found:
            cluster.until(f"a watch of {each.kind}", lambda each=each: each.has_seen(cluster))
        yield found
        for each in found:
            cluster.until(f"all versions of {each.kind}", lambda each=each: each.has_seen(cluster))
    finally:
        for process in processes:
            process.kill()
            process.wait()


def good(version: str, **more: Any) -> JsonObject:
    """Return a version that works on the state of every other one."""
    return scenario("s", version, edges=compatible(), **more)


def never(version: str, **more: Any) -> JsonObject:
    """Return a version that never starts, and is given up soon."""
    quick = strategy("InPlace", timeouts={"startSeconds": 2}, **more)
    return good(version, strategy=quick, command=sim(neverStart=True))


def rolled_back(cluster: Cluster, rollout: JsonObject, reason: str) -> None:
    """Bring all runs to 1.0.0, and the Scenario to a version from which they go back."""
    cluster.apply(good("1.0.0"), *(run(name, "s") for name in RUNS))
    for name in RUNS:
        cluster.until_settled(name, "1.0.0")
    cluster.apply(never("2.0.0", rollout=rollout))
    cluster.until_condition("scn", "s", "Stalled", "True", reason)


def after_a_rollback(cluster: Cluster) -> None:
    """Both runs went back, and the attempt is over."""
    rolled_back(cluster, {"maxFailed": 2, "canary": {"runs": 0}}, "RunsFailed")
    for name in RUNS:
        cluster.until_condition("srun", name, "Ready", "True", "RolledBack")
        cluster.until_condition("srun", name, "ActionRequired", "True", "RolledBack")


def in_a_held_rollout(cluster: Cluster) -> None:
    """One run went back, and the other is kept from it."""
    rolled_back(cluster, {"maxConcurrent": 1, "maxFailed": 0, "canary": {"runs": 0}}, "RolloutHeld")
    cluster.until_condition("srun", "a", "Ready", "True", "RolledBack")


def after_a_canary(cluster: Cluster) -> None:
    """The first run went back, and nobody followed."""
    rolled_back(cluster, {}, "CanaryFailed")
    cluster.until_condition("srun", "a", "Ready", "True", "RolledBack")


def before_a_valid_spec(cluster: Cluster) -> None:
    """Nothing was ever published: the first spec is not valid."""
    bad = scenario("s", "1.0.0", edges=[{"versions": "no range", "verdict": "Compatible"}])
    cluster.apply(bad, *(run(name, "s") for name in RUNS))
    cluster.until_condition("scn", "s", "Stalled", "True", "InvalidSpec")
    for name in RUNS:
        cluster.until_condition("srun", name, "ActionRequired", "True", "NoValidRevision")


def in_a_first_start(cluster: Cluster) -> None:
    """The first version never starts."""
    cluster.apply(never("0.9.0"), *(run(name, "s") for name in RUNS))
    for name in RUNS:
        cluster.until_condition("srun", name, "ActionRequired", "True", "StartTimeout")
    cluster.until_condition("scn", "s", "Stalled", "True", "RunsFailed")


@pytest.mark.parametrize(
    ("broken", "repair"),
    [
        (after_a_rollback, "3.0.0"),
        (after_a_rollback, "1.0.0"),
        (in_a_held_rollout, "3.0.0"),
        (after_a_canary, "3.0.0"),
        (after_a_canary, "1.0.0"),
        (before_a_valid_spec, "1.0.0"),
        (in_a_first_start, "1.0.0"),
    ],
    ids=[
        "rolled back, fixed",
        "rolled back, reverted",
        "held, fixed",
        "canary, fixed",
        "canary, reverted",
        "invalid, fixed",
        "never started, fixed",
    ],
)
def test_a117_a_commit_that_repairs_is_never_failed(
    cluster: Cluster, tmp_path: Path, broken: Any, repair: str
) -> None:
    """Given what a bad commit has broken, when a good one is applied, then nothing is Failed from there on."""
    broken(cluster)
    before = cluster.get("scn", "s")["metadata"]["generation"]
    with watched(cluster, tmp_path, "scn", "srun") as found:
        cluster.apply(good(repair))
        cluster.until_published("s", repair)
        cluster.until_condition("scn", "s", "RolledOut", "True")
        for name in RUNS:
            cluster.until_settled(name, repair)

    told = [each for one in found for each in one.versions()]
    since = [each for each in told if each["kind"] != "Scenario" or each["metadata"]["generation"] > before]
    assert {each["kind"] for each in since} == {"Scenario", "ScenarioRun"}
    failed = [
        (each["metadata"]["name"], conditions(each))
        for each, verdict in zip(since, verdicts(since), strict=True)
        if verdict == "Failed"
    ]
    assert failed == []
    assert (
        verdicts([cluster.get("scn", "s"), *(cluster.get("srun", name) for name in RUNS)]) == ["Current"] * 3
    )
