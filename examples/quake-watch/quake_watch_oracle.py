"""What a run of quake watch must have produced, worked out from the input alone.

Independent on purpose: imports nothing of the service or the runtime and works the other way round. The
service walks event by event with a state; this looks at each region's whole week at once, cuts it into
swarms, lists their transitions, and only then asks who owned which instant. Used by the unit tests and,
against files from real volumes, by the end-to-end tests:

    python quake_watch_oracle.py --results DIR --stages stages.json      # prints differences; exit 1 if any

A *stage* is one stretch of one incarnation without a restart that matters: same logic, same window, up to
the position of its stop. Restarts, kills and v1 -> v1.1 in place need no stage of their own unless the
window changed.
"""

import argparse
import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import floor
from pathlib import Path
from typing import Any, NamedTuple

INPUT = Path(__file__).parent / "quake_watch" / "usgs-earthquakes-2018w05.csv"
BEGINNING = datetime.min.replace(tzinfo=UTC)
TICK = timedelta(milliseconds=1)


class Quake(NamedTuple):
    at: datetime
    id: str
    latitude: float
    longitude: float
    magnitude: float
    kind: str


class Step(NamedTuple):
    """One transition of an incident; comparable with what the service wrote, wording apart."""

    at: datetime
    incident: str
    number: int
    change: str
    total: int
    largest: float


class Notice(NamedTuple):
    at: datetime
    incident: str
    change: str


@dataclass(frozen=True)
class Stage:
    """`processed_until` is the position at its end (exclusive; None: the end of the input).

    `continues` names the run ID whose state it began with: itself after a restart, another one for a copied state,
    None for a fresh state (default: itself if it had a stage before, else None). `reverted`: its incidents were
    taken back.
    """

    run_id: str
    logic: str  # v1, v1.1, v2
    start_from: datetime | None = None
    output_actions_from: datetime | None = None
    notifications_from: datetime | None = None
    processed_until: datetime | None = None
    continues: str | None = None
    reverted: bool = False
    threshold: int = 5
    window_hours: float = 6
    quiet_hours: float = 3

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Stage":
        """From JSON with the same names in camelCase, times as RFC 3339, empty or null for none."""
        times = ("startFrom", "outputActionsFrom", "notificationsFrom", "processedUntil")
        fields: dict[str, Any] = {}
        for key, value in data.items():
            name = re.sub("([A-Z]+)", lambda found: "_" + found[1].lower(), key)
            fields[name] = (instant(value) if value else None) if key in times else value
        return cls(**fields)


@dataclass
class Output:
    """Of one incarnation. `events`: (number, id, learning)."""

    events: list[tuple[int, str, bool]] = field(default_factory=list)
    transitions: list[Step] = field(default_factory=list)
    notifications: list[Notice] = field(default_factory=list)
    reverted: bool = False


@dataclass
class _State:
    """Where an incarnation's stored state stands: since when it has listened and up to where."""

    format: str
    since: datetime
    until: datetime


def expected(stages: Sequence[Stage], source: Path = INPUT) -> dict[str, Output]:
    """What each run ID must have produced after all stages, in order.

    Raises ValueError on an impossible history.
    """
    quakes = read(source)
    outputs: dict[str, Output] = {}
    states: dict[str, _State] = {}
    for stage in stages:
        state = _begin(stage, states)
        end = stage.processed_until or quakes[-1].at + TICK
        heard = [quake for quake in quakes if state.since <= quake.at < end]
        acts = stage.output_actions_from or BEGINNING
        notifies = max(acts, stage.notifications_from or BEGINNING)
        output = outputs.setdefault(stage.run_id, Output())
        output.reverted = output.reverted or stage.reverted
        output.events += [
            (number, quake.id, quake.at < acts)
            for number, quake in enumerate(heard, start=1)
            if quake.at >= state.until
        ]
        owned = [step for step in swarms(heard, stage, end) if step.at >= max(state.until, acts)]
        output.transitions += owned
        output.notifications += [
            Notice(step.at, step.incident, step.change)
            for step in owned
            if step.change != "updated" and step.at >= notifies
        ]
        states[stage.run_id] = _State(state.format, state.since, end)
    return outputs


def _begin(stage: Stage, states: Mapping[str, _State]) -> _State:
    form = "2" if stage.logic == "v2" else "1"
    source = stage.continues or (stage.run_id if stage.run_id in states else None)
    if source is None:
        since = stage.start_from or BEGINNING
        return _State(form, since, since)
    state = states[source]
    if state.format != form:
        raise ValueError(f"{stage.logic} cannot continue state {state.format} of {source}")
    return state


def swarms(quakes: Sequence[Quake], stage: Stage, end: datetime) -> list[Step]:
    """All transitions before `end`, by time; at one instant closings first."""
    where = tectonic if stage.logic == "v2" else grid
    regions: dict[str, list[Quake]] = {}
    for quake in quakes:
        if stage.logic != "v2" or quake.kind == "earthquake":
            regions.setdefault(where(quake), []).append(quake)
    steps = [step for name, members in regions.items() for step in _of_region(name, members, stage)]
    return sorted(
        (step for step in steps if step.at < end), key=lambda step: (step.at, step.change != "closed")
    )


def _of_region(name: str, quakes: Sequence[Quake], stage: Stage) -> list[Step]:
    quiet, memory = timedelta(hours=stage.quiet_hours), timedelta(hours=stage.window_hours)
    steps: list[Step] = []
    index = 0
    while index < len(quakes):
        recent = [quake for quake in quakes[: index + 1] if quake.at > quakes[index].at - memory]
        if len(recent) < stage.threshold:
            index += 1
            continue
        last = index
        while last + 1 < len(quakes) and quakes[last + 1].at - quakes[last].at < quiet:
            last += 1
        steps += _of_swarm(name, recent, quakes[index + 1 : last + 1], quiet)
        index = last + 1
    return steps


def _of_swarm(name: str, first: Sequence[Quake], later: Sequence[Quake], quiet: timedelta) -> list[Step]:
    opened = first[-1].at
    incident = f"{name}@{rfc3339(opened)}"
    largest = max(quake.magnitude for quake in first)
    steps = [Step(opened, incident, 1, "opened", len(first), largest)]
    count = len(first)
    for quake in later:
        count += 1
        if quake.magnitude > largest or count >= 2 * steps[-1].total:
            largest = max(largest, quake.magnitude)
            steps.append(Step(quake.at, incident, len(steps) + 1, "updated", count, largest))
    end = (later[-1].at if later else opened) + quiet
    return [*steps, Step(end, incident, len(steps) + 1, "closed", count, largest)]


def actual(results: Path) -> dict[str, Output]:
    """What is in a results directory, reverted files too. Raises ValueError on a torn or foreign line."""
    outputs = {}
    for directory in sorted(
        path for path in results.iterdir() if path.is_dir() and path.name != "lost+found"
    ):
        reverted = (directory / "reverted.json").exists()
        outputs[directory.name] = Output(
            events=[(line["number"], line["id"], line["learning"]) for line in _lines(directory, "events")],
            transitions=[
                Step(instant(x["at"]), x["incident"], x["number"], x["change"], x["count"], x["largest"])
                for x in _lines(directory, "incidents")
            ],
            notifications=[
                Notice(instant(x["at"]), x["incident"], x["change"])
                for x in _lines(directory, "notifications")
            ],
            reverted=reverted,
        )
    return outputs


def _lines(directory: Path, kind: str) -> list[dict[str, Any]]:
    lines = []
    for path in (directory / f"{kind}.jsonl", directory / "reverted" / f"{kind}.jsonl"):
        data = path.read_bytes() if path.exists() else b""
        if data and not data.endswith(b"\n"):
            raise ValueError(f"{path}: torn last line")
        lines += [json.loads(line) for line in data.splitlines()]
    foreign = {line["runID"] for line in lines} - {directory.name}
    if foreign:
        raise ValueError(f"{directory}: {kind} of {foreign}")
    return lines


def differences(want: Mapping[str, Output], have: Mapping[str, Output]) -> list[str]:
    """Every way in which two sets of outputs differ, in words.

    Empty if they agree, order by time and number included.
    """
    found = [f"{run_id}: nothing found" for run_id in want.keys() - have.keys() if want[run_id].events]
    found += [f"{run_id}: not expected at all" for run_id in have.keys() - want.keys()]
    for run_id in sorted(want.keys() & have.keys()):
        expect, got = want[run_id], have[run_id]
        if expect.reverted != got.reverted:
            found.append(f"{run_id}: reverted is {got.reverted}, not {expect.reverted}")
        for kind in ("events", "transitions", "notifications"):
            found += _compare(f"{run_id} {kind}", getattr(expect, kind), getattr(got, kind))
    return found


def _compare(what: str, want: list[Any], have: list[Any]) -> list[str]:
    wanted, had = Counter(want), Counter(have)
    found = [f"{what}: missing {entry}" for entry in (wanted - had).elements()]
    found += [f"{what}: extra {entry}" for entry in (had - wanted).elements()]
    if not found and _times(want) != _times(have):
        found.append(f"{what}: not in order")
    return found


def _times(entries: list[Any]) -> list[Any]:
    """What must be in order: time, or the number of an event; the order inside one instant is free."""
    return [entry[0] for entry in entries]


def read(source: Path) -> list[Quake]:
    with source.open(newline="", encoding="utf-8") as file:
        return [
            Quake(
                instant(row["time"]),
                row["id"],
                float(row["latitude"]),
                float(row["longitude"]),
                float(row["mag"]),
                row["type"],
            )
            for row in csv.DictReader(file)
        ]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def rfc3339(at: datetime) -> str:
    text = at.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{at.microsecond // 1000:03d}Z" if at.microsecond else f"{text}Z"


def grid(quake: Quake) -> str:
    south, west = 5 * floor(quake.latitude / 5), 5 * floor(quake.longitude / 5)
    return ("N" if south >= 0 else "S") + f"{abs(south):02}" + ("E" if west >= 0 else "W") + f"{abs(west):03}"


# west, south, east, north
BOXES: dict[str, tuple[float, float, float, float]] = {
    "Geysers and Mendocino": (-126, 38, -121, 42),
    "San Andreas north": (-124, 36, -120, 38),
    "Long Valley": (-120, 36, -117, 39),
    "San Andreas south": (-122, 32, -114, 36),
    "Cascadia": (-130, 42, -119, 50),
    "Basin and Range": (-119, 36, -109, 45),
    "Yellowstone and Rockies": (-119, 42, -105, 50),
    "Midcontinent": (-105, 25, -85, 45),
    "Hawaii": (-162, 15, -150, 25),
    "Cook Inlet": (-156, 58, -148, 62),
    "Alaska Range": (-156, 62, -144, 66),
    "Gulf of Alaska": (-156, 52, -130, 62),
    "Aleutians": (-180, 48, -156, 58),
    "Caribbean": (-76, 8, -58, 22),
    "Middle America": (-118, 5, -76, 25),
    "Andes": (-85, -60, -60, 5),
    "Taiwan": (118, 21, 125, 26),
    "Japan and Kurils": (125, 26, 165, 55),
    "Sunda and Banda": (90, -15, 135, 21),
    "Melanesia and Tonga": (135, -35, 180, 0),
    "Kermadec": (-180, -35, -170, 0),
}


def tectonic(quake: Quake) -> str:
    inside = (
        name
        for name, (west, south, east, north) in BOXES.items()
        if west <= quake.longitude < east and south <= quake.latitude < north
    )
    return next(inside, "elsewhere")


def main() -> int:
    parser = argparse.ArgumentParser(description="compare a results volume with what it must contain")
    parser.add_argument("--results", type=Path, required=True, help="a copy of /scenario/results")
    parser.add_argument("--stages", type=Path, required=True, help="JSON list of stages, oldest first")
    parser.add_argument("--input", type=Path, default=INPUT)
    arguments = parser.parse_args()
    stages = [Stage.of(stage) for stage in json.loads(arguments.stages.read_text())]
    found = differences(expected(stages, arguments.input), actual(arguments.results))
    print("\n".join(found) or "as expected")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
