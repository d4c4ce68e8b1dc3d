"""The input: a week of earthquakes, sorted by time, replayed in event time."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

from scenario_runtime import parse_time

PACKAGED = Path(__file__).with_name("usgs-earthquakes-2018w05.csv")
TICK = timedelta(milliseconds=1)  # the resolution of the input: "just after" an event is one tick later


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the catalogue. Latitude and longitude in degrees (north and east positive)."""

    id: str
    at: datetime
    latitude: float
    longitude: float
    magnitude: float
    kind: str  # earthquake, explosion, quarry blast
    place: str


def read_events(path: Path = PACKAGED) -> list[Event]:
    """All events in order.

    Raises OSError; ValueError if the file is empty, malformed or not sorted by time.
    """
    with path.open(newline="", encoding="utf-8") as file:
        events = [_event(row) for row in csv.DictReader(file)]
    if not events:
        raise ValueError(f"{path} holds no events")
    if any(later.at < earlier.at for earlier, later in pairwise(events)):
        raise ValueError(f"{path} is not sorted by time")
    return events


def by_time(events: Iterable[Event]) -> Iterator[tuple[datetime, list[Event]]]:
    """Events that share a time, which are committed together, in their order in the input."""
    for at, group in groupby(events, key=lambda event: event.at):
        yield at, list(group)


def _event(row: dict[str, str]) -> Event:
    try:
        return Event(
            id=row["id"],
            at=parse_time(row["time"]),
            latitude=float(row["latitude"]),
            longitude=float(row["longitude"]),
            magnitude=float(row["mag"]),
            kind=row["type"],
            place=row["place"],
        )
    except KeyError as error:
        raise ValueError(f"the input has no column {error}") from error
