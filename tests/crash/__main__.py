"""`python -m tests.crash`: every call of every reference under every fault, and every fault of the watches.

Results are kept as they come (`--results`), so that a run that was interrupted is continued by the next one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.crash import enumeration, report, watches
from tests.crash.laboratory import Laboratory, Outcome, install, laboratory
from tests.crash.references import REFERENCES, Reference
from tests.harness.cluster import bed
from tests.harness.faults import ENUMERATED

_WATCHED = ("keep", "ForwardOnly")
_MOMENTS = (1, 2, 3, 5, 8)
_DEAD_SECONDS = 60.0


class Ledger:
    """What has been tried, line by line in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.results: list[dict[str, Any]] = []
        if path.exists():
            self.results = [json.loads(line) for line in path.read_text().splitlines()]

    def has(self, reference: Reference, fault: object) -> bool:
        """Say whether a fault has been tried already."""
        return any(r["reference"] == reference.name and r["fault"] == str(fault) for r in self.results)

    def note(self, outcome: Outcome, kind: str = "") -> None:
        """Keep and tell one outcome."""
        result = {
            "reference": outcome.reference,
            "fault": outcome.faults[0],
            "kind": kind,
            "problems": outcome.problems,
            "reached": outcome.reached,
            "seconds": round(outcome.seconds, 1),
        }
        self.results.append(result)
        with self._path.open("a") as file:
            file.write(json.dumps(result) + "\n")
        if outcome.problems:
            print(f"DIVERGED {outcome.story()}", flush=True)
        else:
            print(f"ok {outcome.seconds:5.1f} s {outcome.reference} | {outcome.faults[0]}", flush=True)


def main() -> int:
    """Try everything that is not in the ledger yet, write the page, and fail when something diverged."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--reference", action="append", default=[], choices=[r.name for r in REFERENCES])
    parser.add_argument("--action", action="append", default=[], choices=[a.value for a in ENUMERATED])
    parser.add_argument("--skip-watches", action="store_true")
    parser.add_argument("--count", type=int, help="only so many cases at calls, chosen evenly")
    parser.add_argument("--seed", type=int, default=1, help="of that choice")
    parser.add_argument("--at-once", type=int, default=enumeration.AT_ONCE)
    parser.add_argument("--results", type=Path, help="where results are kept, to go on from there")
    parser.add_argument("--bed", default="crash")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(options.results or Path(folder) / "results.jsonl")
        with bed("sim", options.bed) as cluster:
            install(cluster)

            async def everything() -> None:
                async with laboratory(cluster) as lab:
                    await _try(lab, ledger, options)

            asyncio.run(everything())
    return 1 if any(r["problems"] for r in ledger.results) else 0


async def _try(lab: Laboratory, ledger: Ledger, options: argparse.Namespace) -> None:
    began = time.monotonic()
    references = [r for r in REFERENCES if not options.reference or r.name in options.reference]
    found = [
        case
        for case in await enumeration.all_cases(lab, references)
        if not options.action or case.fault.action in options.action
        if not ledger.has(case.reference, case.fault)
    ]
    if options.count is not None:
        found = enumeration.sample(found, options.count, options.seed)
    print(f"{len(found)} cases at calls", flush=True)
    await enumeration.tried(lab, found, ledger.note, at_once=options.at_once)
    if not options.skip_watches:
        await _try_watches(lab, ledger, references, options.at_once)
    calls = [r for r in ledger.results if not r["kind"]]
    report.write(lab.expected, calls, [r for r in ledger.results if r["kind"]])
    print(f"{len(ledger.results)} cases, {time.monotonic() - began:.0f} s; see docs/{report.PAGE.name}")


async def _try_watches(
    lab: Laboratory, ledger: Ledger, references: Sequence[Reference], at_once: int
) -> None:
    chosen = [
        case
        for reference in references
        if reference.name in _WATCHED
        for case in watches.cases(reference, _MOMENTS, _DEAD_SECONDS)
        if not ledger.has(reference, case.fault)
    ]
    print(f"{len(chosen)} cases at watches", flush=True)
    await watches.tried(lab, chosen, lambda case, outcome: ledger.note(outcome, case.kind), at_once=at_once)


if __name__ == "__main__":
    sys.exit(main())
