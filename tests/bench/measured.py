"""An operator on a bed of its own, with its audit log and its process: what every measurement begins with."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.audit import Audit
from tests.crash.laboratory import install
from tests.harness.cluster import Cluster, bed
from tests.harness.objects import compatible, incompatible, run, scenario, strategy
from tests.harness.operator import Operator, running

JsonObject = dict[str, Any]
KEEP = {"edges": compatible()}
FRESH = {"state": "2", "edges": incompatible()}
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
        objects = [scenario("s", "1.0.0", strategy=paced(strategy("InPlace"), pace))]
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


@contextmanager
def measured(name: str) -> Iterator[Measured]:
    """Bring up a bed and an operator for one measurement."""
    with bed("sim", f"bench-{os.getpid()}-{name}") as cluster, tempfile.TemporaryDirectory() as folder:
        install(cluster)
        # A long lease: a bench on a busy machine must not end because the leader got no processor time.
        more = ("--qps", "500", "--burst", "1000", "--lease-duration-seconds", "120")
        with running(cluster, Path(folder) / "log", *more, alone=True) as operator:
            yield Measured(cluster, operator, Audit(cluster))


def paced(chosen: JsonObject, pace: int) -> JsonObject:
    """Return a strategy that leads so many runs on at once, and none ahead of the others."""
    return {**chosen, "rollout": {"maxConcurrent": pace, "maxFailed": 5, "canary": {"runs": 0}}}


def _size(obj: JsonObject) -> int:
    return len(json.dumps(obj, separators=(",", ":")))
