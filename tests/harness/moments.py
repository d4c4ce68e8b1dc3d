"""Bringing a run to a chosen moment of its plan, keeping it there, and letting it go: no test races with the operator.

A pod that was told to hang obeys SIGTERM only when it is let go, so its run stays at Stop. A version whose pod never
starts stays at Start, one whose verify hook runs on stays at Verify; `Cluster.behave` moves them on.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

from tests.harness.cluster import Cluster
from tests.harness.objects import compatible, incompatible, run, scenario, strategy

JsonObject = dict[str, Any]
PATIENT = {"terminationGracePeriodSeconds": 3600}
"""A workload that nobody kills while a test looks at its stop."""


def patient(version: str, **more: Any) -> JsonObject:
    """Return a version that keeps the state, and whose pod may hang when it is stopped."""
    return scenario("s", version, edges=compatible(), workload=PATIENT, **more)


def anew(version: str, kind: str, **more: Any) -> JsonObject:
    """Return a version that starts with fresh state, without asking."""
    chosen = strategy(kind, approval="Never")
    return scenario("s", version, edges=incompatible(), strategy=chosen, **more)


def settled(cluster: Cluster, *more: JsonObject) -> None:
    """Bring up run r on v1, with a pod that hangs when it is stopped."""
    cluster.apply(patient("1.0.0"), run("r", "s"), *more)
    cluster.until_settled("r", "1.0.0")
    hang(cluster, "r-1-0")


def stopping(cluster: Cluster) -> None:
    """Upgrade run r to v2 and keep it at Stop."""
    settled(cluster)
    cluster.apply(patient("2.0.0"))
    until_stopping(cluster, "r-1-0")


def given(cluster: Cluster, pod: str) -> JsonObject:
    """Return the parameters that a pod was started with."""
    annotations = cluster.get("pod", pod)["metadata"]["annotations"]
    found: JsonObject = json.loads(annotations["scenarios.dev/run-context"])["parameters"]
    return found


def image(cluster: Cluster) -> str:
    """Return what the pod of run r's first incarnation runs."""
    cluster.until("the pod of r", lambda: cluster.find("pod", "r-1-0"))
    return str(cluster.get("pod", "r-1-0")["spec"]["containers"][0]["image"])


def in_turns(
    version: str, kind: str = "InPlace", policy: JsonObject | None = None, **more: Any
) -> JsonObject:
    """Return a version that is rolled out over one run after the other, and whose pods may hang at their stop."""
    chosen = strategy(kind, rollout={"maxConcurrent": 1}, **(policy or {}))
    edges = compatible() if kind == "InPlace" else incompatible()
    return scenario("s", version, **{"edges": edges, "strategy": chosen, "workload": PATIENT, **more})


def two_runs(cluster: Cluster, **more: Any) -> None:
    """Bring up runs a and b on v1; the pod of a hangs when it is stopped."""
    cluster.apply(in_turns("1.0.0", **more), run("a", "s"), run("b", "s"))
    cluster.until_settled("a", "1.0.0")
    cluster.until_settled("b", "1.0.0")
    hang(cluster, "a-1-0")


def ask(cluster: Cluster, name: str, **spec: Any) -> None:
    """Edit the spec of a run; None takes a field away."""
    cluster.patch("srun", name, {"spec": spec})


def hang(cluster: Cluster, pod: str) -> None:
    """Make a pod of a `PATIENT` workload ignore its stop until it is let go."""
    cluster.behave(pod, stopAfter=3000)


def let_go(cluster: Cluster, pod: str) -> None:
    """Let a pod that hangs obey."""
    cluster.behave(pod, stopAfter=0)


def until_stopping(cluster: Cluster, pod: str) -> None:
    """Wait until a pod was asked to stop: its run is in the middle of its plan."""

    def asked() -> object:
        return cluster.get("pod", pod)["metadata"].get("deletionTimestamp")

    cluster.until(f"pod {pod} to be asked to stop", asked)


def journal(cluster: Cluster, name: str) -> JsonObject:
    """Return the plan that a run has open, {} when it has none."""
    found: JsonObject = (cluster.get("srun", name).get("status") or {}).get("upgrade") or {}
    return found


def begun_at(cluster: Cluster, name: str, step: str) -> float:
    """Return when a step of a run's open plan began, 0 when it has not."""
    begun = {b["id"]: b["at"] for b in journal(cluster, name).get("begun") or ()}
    return datetime.fromisoformat(begun[step]).timestamp() if step in begun else 0.0


def until_journal(cluster: Cluster, name: str, **fields: Any) -> JsonObject:
    """Wait until a run's open plan has these fields, and return the plan."""

    def look() -> JsonObject:
        seen = journal(cluster, name)
        return seen if seen and all(seen.get(key) == value for key, value in fields.items()) else {}

    return cluster.until(f"a plan of {name} with {fields}", look)


def hook_pod(cluster: Cluster, name: str, unlike: str = "") -> str:
    """Wait for the pod of a run's hook, another one than `unlike`, and return its name."""
    selector = f"scenarios.dev/run={name},batch.kubernetes.io/job-name"

    def look() -> str:
        found = [pod["metadata"]["name"] for pod in cluster.list("pods", selector)]
        return next((pod for pod in found if pod != unlike), "")

    return cluster.until(f"the hook of {name}", look)


def abort(cluster: Cluster, attempt: str) -> None:
    """Abort an attempt as the documentation says."""
    cluster.patch("supg", attempt, {"spec": {"abort": cluster.uid("supg", attempt)}})


def looked_at(cluster: Cluster, *names: str) -> None:
    """Wait until the operator has decided once more about Scenario s, then about these runs of it.

    What it has not done by then, it does not mean to do. It is made to look by edits that ask for nothing.
    """
    cluster.patch("scn", "s", {"spec": {"description": f"look {time.monotonic_ns()}"}})
    _until_observed(cluster, "scn", "s")
    for name in names:
        stated = cluster.get("srun", name)["spec"].get("startFrom")
        cluster.patch("srun", name, {"spec": {"startFrom": None if stated else {"mode": "Beginning"}}})
        _until_observed(cluster, "srun", name)


def _until_observed(cluster: Cluster, kind: str, name: str) -> None:
    wanted = cluster.get(kind, name)["metadata"]["generation"]

    def seen() -> bool:
        return bool(cluster.get(kind, name)["status"]["observedGeneration"] >= wanted)

    cluster.until(f"{kind}/{name} to be looked at", seen)


def granted(cluster: Cluster) -> set[str]:
    """Return the runs that hold a grant of any attempt."""
    return {entry["name"] for a in cluster.list("supg") for entry in a["status"].get("active") or ()}


def outcomes(report: JsonObject) -> dict[str, str]:
    """Return the outcome of every run of an attempt, and require that each is told once."""
    told = [(entry["name"], entry["outcome"]) for entry in report["runs"]]
    assert len(told) == len(dict(told)), f"told twice: {told}"
    return dict(told)


def one_after_the_other(cluster: Cluster, first: str, second: str) -> None:
    """Require that a run's last plan had ended before any plan of another one, of those on record, began."""
    ended = cluster.get("srun", first)["status"]["history"][0]["completionTime"]
    for entry in cluster.get("srun", second)["status"]["history"]:
        assert ended <= entry["startTime"], (
            f"{second} began at {entry['startTime']}, {first} ended at {ended}"
        )
