"""The versions of the watch. What differs between them is here and nowhere else.

| logic | regions | counts | state format | notification |
|---|---|---|---|---|
| v1 | squares | every event | 1 | one line |
| v1.1 | as v1 | as v1 | 1 | says how many and how strong |
| v2 | tectonic zones | earthquakes only, no explosions and quarry blasts | 2 | as v1.1 |
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from scenario_runtime import ContextError, format_time, parse_time

from .detector import Incident, Region, Transition
from .events import Event
from .regions import square, zone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Logic:
    """One version: where an event belongs, whether it counts, how state is written, what people are told."""

    name: str
    state_version: str
    region: Callable[[Event], str]
    counts: Callable[[Event], bool]
    dump: Callable[[Mapping[str, Region]], Any]
    load: Callable[[Any], dict[str, Region]]
    text: Callable[[Transition], str]


def logic_named(name: str) -> Logic:
    """The version baked into the image as QUAKE_WATCH_LOGIC; raises ContextError."""
    for logic in (V1, V1_1, V2):
        if logic.name == name:
            return logic
    raise ContextError(f"QUAKE_WATCH_LOGIC: {name!r} is none of v1, v1.1, v2")


def _dump_1(regions: Mapping[str, Region]) -> Any:
    return {
        name: {
            "recent": [[format_time(at), magnitude] for at, magnitude in region.recent],
            "incident": region.incident
            and {
                "id": region.incident.id,
                "opened": format_time(region.incident.opened),
                "last": format_time(region.incident.last),
                "count": region.incident.count,
                "largest": region.incident.largest,
                "reported": region.incident.reported,
                "transitions": region.incident.transitions,
            },
        }
        for name, region in regions.items()
    }


def _load_1(data: Any) -> dict[str, Region]:
    def incident(fields: Any) -> Incident:
        times = {name: parse_time(fields[name]) for name in ("opened", "last")}
        return Incident(**{**fields, **times})

    return {
        name: Region(
            deque((parse_time(at), magnitude) for at, magnitude in region["recent"]),
            incident(region["incident"]) if region["incident"] else None,
        )
        for name, region in data.items()
    }


def _dump_2(regions: Mapping[str, Region]) -> Any:
    return [
        {
            "zone": name,
            "times": [_milliseconds(at) for at, _ in region.recent],
            "magnitudes": [magnitude for _, magnitude in region.recent],
            "incident": region.incident
            and [
                region.incident.id,
                _milliseconds(region.incident.opened),
                _milliseconds(region.incident.last),
                region.incident.count,
                region.incident.largest,
                region.incident.reported,
                region.incident.transitions,
            ],
        }
        for name, region in regions.items()
    ]


def _load_2(data: Any) -> dict[str, Region]:
    def incident(name: str, opened: int, last: int, *rest: Any) -> Incident:
        return Incident(name, _instant(opened), _instant(last), *rest)

    return {
        entry["zone"]: Region(
            deque(zip(map(_instant, entry["times"]), entry["magnitudes"], strict=True)),
            incident(*entry["incident"]) if entry["incident"] else None,
        )
        for entry in data
    }


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _instant(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _short(transition: Transition) -> str:
    return f"{transition.region}: swarm {transition.change}"


def _rich(transition: Transition) -> str:
    return (
        f"{transition.region}: swarm {transition.change} at {format_time(transition.at)}, "
        f"{transition.count} events since {format_time(transition.opened)}, largest M{transition.largest:.1f}"
    )


V1 = Logic("v1", "1", square, lambda _: True, _dump_1, _load_1, _short)
V1_1 = Logic("v1.1", "1", square, lambda _: True, _dump_1, _load_1, _rich)
V2 = Logic("v2", "2", zone, lambda event: event.kind == "earthquake", _dump_2, _load_2, _rich)
