"""A wave over N runs, beside the StatefulSet controller and a bare client that roll N sets of one pod and one claim.

All three on one bed, one after the other. The bare client makes the least writes that lead N sets to a new template
while none of them is up on two: scale to 0, then template and scale to 1, as fast as it hears of each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from tests.bench.measured import KEEP, Measured, Watch, measured, paced
from tests.harness.fault_witness import Api
from tests.harness.faults import Upstream
from tests.harness.objects import scenario, sim, strategy

JsonObject = dict[str, Any]
_SETS = "/apis/apps/v1/namespaces/%s/statefulsets"
_AT_ONCE = 50
"""Requests that the clients of this file have under way."""


class Wave(NamedTuple):
    """One wave of the operator: what it took, and what it asked of the API server."""

    seconds: float
    writes: int
    reads: int
    events: int
    cpu: float
    memory: float
    seen: Watch


class Beside(NamedTuple):
    """Seconds that others take on the same bed."""

    controller: float
    bare: float


def wave(runs: int) -> tuple[Wave, Beside]:
    """Measure a wave over so many runs, all at once, and what others take for as many sets."""
    with measured(f"w{runs}") as bench:
        bench.fill(runs, min(runs, 500))
        found = _roll(bench, runs)
        bench.operator.stop()
        return found, asyncio.run(_others(bench, runs))


def _roll(bench: Measured, runs: int) -> Wave:
    bench.audit.mark()
    seen, cpu, began = Watch(), bench.cpu_seconds, time.monotonic()
    chosen = paced(strategy("InPlace"), min(runs, 500))
    bench.cluster.apply(scenario("s", "2.0.0", strategy=chosen, **KEEP))
    bench.until_rolled_out(runs, "2.0.0", seen)
    seconds, calls = time.monotonic() - began, bench.audit.calls()
    writes = sum(1 for c in calls if c.writes)
    events = sum(1 for c in calls if c.resource == "events")
    reads = sum(1 for c in calls if c.verb in ("get", "list"))
    return Wave(seconds, writes, reads, events, bench.cpu_seconds - cpu, bench.resident_mib, seen)


async def _others(bench: Measured, runs: int) -> Beside:
    upstream = Upstream(bench.cluster.kubeconfig)
    async with AsyncExitStack() as stack:
        api = Api(upstream, await stack.enter_async_context(upstream.session()))
        await api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "rolled"}})
        names = [f"set-{n}" for n in range(runs)]
        await _each(names, lambda name: api.call("POST", _SETS % "rolled", _set(name, "RollingUpdate")))
        await _until(api, runs, "1")
        began = time.monotonic()
        await _each(names, lambda name: _patch(api, name, _template("2")))
        await _until(api, runs, "2")
        controller = time.monotonic() - began
        await _each(names, lambda name: _patch(api, name, {"updateStrategy": {"type": "OnDelete"}}))
        began = time.monotonic()
        await _each(names, lambda name: _patch(api, name, {"replicas": 0}))
        waking = asyncio.create_task(_wake_each(api, set(names)))
        await waking
        await _until(api, runs, "3")
        return Beside(controller, time.monotonic() - began)


async def _wake_each(api: Api, asleep: set[str]) -> None:
    while asleep:
        down = [
            obj["metadata"]["name"]
            for obj in await api.items(_SETS % "rolled")
            if obj["metadata"]["name"] in asleep and not obj["status"].get("replicas") and _observed(obj)
        ]
        await _each(down, lambda name: _patch(api, name, {"replicas": 1, **_template("3")}))
        asleep.difference_update(down)
        await asyncio.sleep(0.2)


async def _until(api: Api, runs: int, version: str) -> None:
    """Wait until as many pods are ready on a version."""
    while True:
        pods = await api.items("/api/v1/namespaces/rolled/pods")
        ready = sum(
            1
            for pod in pods
            if pod["metadata"]["labels"].get("version") == version
            and any(
                c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ()
            )
        )
        if ready == runs:
            return
        await asyncio.sleep(0.5)


async def _each(names: list[str], call: Callable[[str], Awaitable[object]]) -> None:
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> None:
        async with room:
            await call(name)

    await asyncio.gather(*(one(name) for name in names))


async def _patch(api: Api, name: str, spec: JsonObject) -> None:
    path = f"{_SETS % 'rolled'}/{name}"
    await api.call("PATCH", path, {"spec": spec}, "application/merge-patch+json")


def _observed(obj: JsonObject) -> bool:
    return bool(obj["status"].get("observedGeneration", 0) >= obj["metadata"]["generation"])


def _template(version: str) -> JsonObject:
    return {"template": {"metadata": {"labels": {"version": version}}}}


def _set(name: str, update: str) -> JsonObject:
    labels = {"app": name}
    container = {
        "name": "scenario",
        "image": "registry.test/s@sha256:" + "0" * 64,
        "command": sim(),
        "volumeMounts": [{"name": "state", "mountPath": "/state"}],
    }
    claim = {
        "metadata": {"name": "state"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name},
        "spec": {
            "serviceName": name,
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": update},
            "template": {
                "metadata": {"labels": {**labels, "version": "1"}},
                "spec": {"containers": [container]},
            },
            "volumeClaimTemplates": [claim],
        },
    }


def told(runs: int, found: Wave, beside: Beside) -> str:
    """Return one row of the table."""
    ratio = found.seconds / beside.controller
    work = f"{found.writes / runs:.1f} | {found.reads / runs:.1f} | {found.events / runs:.1f}"
    cost = f"{1000 * found.cpu / runs:.0f} | {found.memory:.0f}"
    sizes = f"{found.seen.scenario_bytes / 1024:.1f} | {found.seen.attempt_bytes / 1024:.1f}"
    times = f"{found.seconds:.1f} | {beside.controller:.1f} | {ratio:.1f} | {beside.bare:.1f}"
    return f"| {runs} | {times} | {work} | {cost} | {sizes} |"


HEADING = (
    "| runs | s | StatefulSet controller, s | ratio | bare client, s | writes a run | reads | Events | CPU ms a run "
    "| MiB after | Scenario KiB | ScenarioUpgrade KiB |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)
