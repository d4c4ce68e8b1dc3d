"""`make bench`: measure on simulated beds and print tables; docs/performance.md holds what was measured when."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.audit import Audit, of_run, summary
from tests.crash.laboratory import install
from tests.harness.cluster import Cluster, bed
from tests.harness.objects import compatible, incompatible, run, scenario, strategy
from tests.harness.operator import Operator, running

JsonObject = dict[str, Any]
KEEP = {"edges": compatible()}
FRESH = {"state": "2", "edges": incompatible()}
SHAPES: dict[str, tuple[JsonObject, JsonObject]] = {
    "keep (InPlace, Compatible)": (KEEP, strategy("InPlace")),
    "Continuation": (FRESH, strategy("Continuation", approval="Never")),
    "ForwardOnly with a revert hook": (FRESH, strategy("ForwardOnly", approval="Never")),
}
PATIENCE_SECONDS = 1800.0


@dataclass
class Measured:
    """A bed with an operator, its audit log and its process."""

    cluster: Cluster
    operator: Operator
    audit: Audit

    @property
    def resident_mib(self) -> float:
        """Return the resident memory of the operator."""
        status = self._proc("status")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    @property
    def cpu_seconds(self) -> float:
        """Return the processor time that the operator has used."""
        fields = self._proc("stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _proc(self, name: str) -> str:
        assert self.operator.process is not None
        return Path(f"/proc/{self.operator.process.pid}/{name}").read_text()

    def fill(self, runs: int, pace: int = 50) -> None:
        """Create a scenario with so many runs and wait until they are settled."""
        objects = [scenario("s", "1.0.0", strategy=_paced(strategy("InPlace"), pace))]
        self.cluster.apply(*objects, *(run(f"r{n}", "s") for n in range(runs)))
        self.until_rolled_out(runs, "1.0.0")

    def until_rolled_out(self, runs: int, version: str, watch: Watch | None = None) -> None:
        """Wait until every run is settled on a version."""
        told = f"{runs} runs on {version}"
        self.cluster.until(told, lambda: self._rolled_out(runs, version, watch), PATIENCE_SECONDS)

    def _rolled_out(self, runs: int, version: str, watch: Watch | None) -> bool:
        time.sleep(0.9)  # kubectl takes processor time too
        process = self.operator.process
        assert process is not None
        assert process.poll() is None, self.operator.tail()
        obj = self.cluster.get("scn", "s")
        if watch is not None:
            watch.look(obj, self.cluster.latest_attempt("s"))
        status = obj.get("status") or {}
        conditions = {c["type"]: c["status"] for c in status.get("conditions") or ()}
        there = [v["runs"] for v in status.get("versions") or () if v["version"] == version]
        return conditions.get("RolledOut") == "True" and there == [runs]


@dataclass
class Watch:
    """The largest objects and the most runs at once that were seen during a rollout."""

    scenario_bytes: int = 0
    attempt_bytes: int = 0
    at_once: int = 0

    def look(self, scenario_object: JsonObject, attempt: JsonObject) -> None:
        """Take one look."""
        status = scenario_object.get("status") or {}
        active = (attempt.get("status") or {}).get("active") or ()
        self.scenario_bytes = max(self.scenario_bytes, _size(scenario_object))
        self.attempt_bytes = max(self.attempt_bytes, _size(attempt))
        self.at_once = max(self.at_once, len(active), (status.get("runs") or {}).get("upgrading", 0))


class Rollout(NamedTuple):
    """One rollout as it was measured."""

    runs: int
    pace: int
    seconds: float
    writes: int
    reads: int
    cpu: float
    seen: Watch


@contextmanager
def measured(name: str) -> Iterator[Measured]:
    """Bring up a bed and an operator for one measurement."""
    with bed("sim", f"bench-{os.getpid()}-{name}") as cluster, tempfile.TemporaryDirectory() as folder:
        install(cluster)
        # A long lease: a bench on a busy machine must not end because the leader got no processor time.
        more = ("--qps", "500", "--burst", "1000", "--lease-duration-seconds", "120")
        with running(cluster, Path(folder) / "log", *more, alone=True) as operator:
            yield Measured(cluster, operator, Audit(cluster))


def memory(runs: int) -> None:
    """Print the operator's memory with so many settled runs, as it is and after a restart."""
    with measured(f"m{runs}") as bench:
        before = bench.resident_mib
        bench.fill(runs)
        filled, cpu = bench.resident_mib, bench.cpu_seconds
        bench.operator.stop()
        bench.operator.start().until_ready()
        time.sleep(10)
        print(f"| {runs} | {before:.0f} | {filled:.0f} | {bench.resident_mib:.0f} | {cpu:.1f} |", flush=True)


def shapes() -> None:
    """Print the calls of one upgrade for each plan shape."""
    for name, (more, chosen) in SHAPES.items():
        with measured("shape") as bench:
            bench.cluster.apply(scenario("s", "1.0.0"), run("r", "s"))
            bench.until_rolled_out(1, "1.0.0")
            bench.audit.mark()
            bench.cluster.apply(scenario("s", "2.0.0", strategy=chosen, **more))
            bench.until_rolled_out(1, "2.0.0")
            calls = bench.audit.calls(bench.cluster.namespace)
            status, effects = of_run(calls)
            others = sum(1 for c in calls if c.writes) - len(status) - len(effects)
            reads = sum(1 for c in calls if c.verb in ("get", "list"))
            print(f"| {name} | {len(status)} | {len(effects)} | {others} | {reads} |", flush=True)


def rollout(runs: int, pace: int) -> Rollout:
    """Roll out a version that keeps the state over so many runs."""
    with measured(f"r{runs}") as bench:
        bench.fill(runs, pace)
        bench.audit.mark()
        seen, cpu, began = Watch(), bench.cpu_seconds, time.monotonic()
        chosen = _paced(strategy("InPlace"), pace)
        bench.cluster.apply(scenario("s", "2.0.0", strategy=chosen, **KEEP))
        bench.until_rolled_out(runs, "2.0.0", seen)
        seconds, calls = time.monotonic() - began, bench.audit.calls()
        writes = [c for c in calls if c.writes]
        reads = [c for c in calls if c.verb in ("get", "list")]
        print(f"<!-- {runs} runs: {json.dumps(summary(calls))} -->", flush=True)
        return Rollout(runs, pace, seconds, len(writes), len(reads), bench.cpu_seconds - cpu, seen)


def _paced(chosen: JsonObject, pace: int) -> JsonObject:
    return {**chosen, "rollout": {"maxConcurrent": pace, "maxFailed": 5, "canary": {"runs": 0}}}


def _size(obj: JsonObject) -> int:
    return len(json.dumps(obj, separators=(",", ":")))


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("what", nargs="*", choices=["memory", "shapes", "rollout"], default=[])
    parser.add_argument("--runs", type=int, nargs="*", help="how many runs (memory: 50 500, rollout: 50 200)")
    given = parser.parse_args()
    wanted = given.what or ["shapes", "memory", "rollout"]
    if "shapes" in wanted:
        print(
            "| upgrade of one run | status writes | effects | other writes | reads |\n|---|---|---|---|---|"
        )
        shapes()
    if "memory" in wanted:
        print("| runs | MiB empty | MiB after creating them | MiB after a restart | CPU s to create |")
        print("|---|---|---|---|---|", flush=True)
        for runs in given.runs or (50, 500):
            memory(runs)
    if "rollout" in wanted:
        print("| runs | maxConcurrent | s | writes | reads | CPU s | at once | Scenario | ScenarioUpgrade |")
        print("|---|---|---|---|---|---|---|---|---|", flush=True)
        for runs in given.runs or (50, 200):
            for pace in (10, 50):
                _told(rollout(runs, pace))


def _told(found: Rollout) -> None:
    seen = found.seen
    sizes = f"{seen.scenario_bytes / 1024:.1f} KiB | {seen.attempt_bytes / 1024:.1f} KiB"
    work = f"{found.seconds:.0f} | {found.writes} | {found.reads} | {found.cpu:.1f} | {seen.at_once}"
    print(f"| {found.runs} | {found.pace} | {work} | {sizes} |", flush=True)


if __name__ == "__main__":
    main()
