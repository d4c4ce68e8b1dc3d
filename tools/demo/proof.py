"""Compares what the services wrote with what the oracle works out from the input alone.

The service's own `show` gives a consistent look while it works: what is committed up to a position. The oracle
knows what there must be up to that position.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from demo.place import JsonObject
from quake_watch_oracle import Stage, actual, differences, expected, instant

FILES = ("incidents", "notifications", "events")


def mistakes(shown: JsonObject, *stages: Stage) -> list[str]:
    """Return every difference between what is shown and what the stages must have produced; [] is the proof.

    The last stage ends where the service is now. Incidents that were taken back are not shown, and not compared.
    """
    *before, last = stages
    until = shown["processedUntil"]
    now = replace(last, processed_until=instant(until) if until else None)
    want = expected([*before, now])
    for output in want.values():
        if output.reverted:
            output.transitions = []
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), shown["incarnations"])
        return differences(want, actual(Path(folder)))


def _write(folder: Path, incarnations: Sequence[JsonObject]) -> None:
    for incarnation in incarnations:
        place = folder / incarnation["runID"]
        place.mkdir()
        if incarnation["reverted"]:
            (place / "reverted.json").write_text("{}")
        for kind in FILES:
            lines = "".join(f"{json.dumps(record)}\n" for record in incarnation[kind])
            (place / f"{kind}.jsonl").write_text(lines)
