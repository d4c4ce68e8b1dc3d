"""`make bench`: measure on simulated beds and print tables; docs/performance.md holds what was measured when."""

from __future__ import annotations

import argparse
import json
import time
from typing import NamedTuple

from tests.bench import wave
from tests.bench.audit import of_run, summary
from tests.bench.measured import FRESH, KEEP, JsonObject, Watch, measured, paced
from tests.harness.objects import run, scenario, strategy

SHAPES: dict[str, tuple[JsonObject, JsonObject]] = {
    "keep (InPlace, Compatible)": (KEEP, strategy("InPlace")),
    "Continuation": (FRESH, strategy("Continuation", approval="Never")),
    "ForwardOnly with a revert hook": (FRESH, strategy("ForwardOnly", approval="Never")),
}


class Rollout(NamedTuple):
    """One rollout as it was measured."""

    runs: int
    pace: int
    seconds: float
    writes: int
    reads: int
    cpu: float
    seen: Watch


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
        chosen = paced(strategy("InPlace"), pace)
        bench.cluster.apply(scenario("s", "2.0.0", strategy=chosen, **KEEP))
        bench.until_rolled_out(runs, "2.0.0", seen)
        seconds, calls = time.monotonic() - began, bench.audit.calls()
        writes = [c for c in calls if c.writes]
        reads = [c for c in calls if c.verb in ("get", "list")]
        print(f"<!-- {runs} runs: {json.dumps(summary(calls))} -->", flush=True)
        return Rollout(runs, pace, seconds, len(writes), len(reads), bench.cpu_seconds - cpu, seen)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("what", nargs="*", choices=["memory", "shapes", "rollout", "wave"], default=[])
    parser.add_argument(
        "--runs",
        type=int,
        nargs="*",
        help="how many runs (memory: 50 500, rollout: 50 200, wave: 60 150 300)",
    )
    given = parser.parse_args()
    wanted = given.what or ["shapes", "memory", "rollout", "wave"]
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
    if "wave" in wanted:
        print(wave.HEADING, flush=True)
        for runs in given.runs or (60, 150, 300):
            print(wave.told(runs, *wave.wave(runs)), flush=True)


def _told(found: Rollout) -> None:
    seen = found.seen
    sizes = f"{seen.scenario_bytes / 1024:.1f} KiB | {seen.attempt_bytes / 1024:.1f} KiB"
    work = f"{found.seconds:.0f} | {found.writes} | {found.reads} | {found.cpu:.1f} | {seen.at_once}"
    print(f"| {found.runs} | {found.pace} | {work} | {sizes} |", flush=True)


if __name__ == "__main__":
    main()
