"""Swarms in event time: pure, deterministic, knows no window of a run, no file and no version.

A region opens an incident with the event that makes `threshold` events in the last `window` of event time.
While it is open, every event of the region belongs to it, and an event updates it if it is larger than all
before or doubles the count since the last transition. It closes `quiet` after its last event, at exactly
that instant, whether or not an event falls on it: an event that falls on it comes after.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from scenario_runtime import format_time

from .settings import Settings


class Change(StrEnum):
    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"


@dataclass(slots=True)
class Incident:
    """An open swarm. `count` and `largest` cover the events in the window at its opening and all since."""

    id: str
    opened: datetime
    last: datetime
    count: int
    largest: float
    reported: int  # the count at the last transition
    transitions: int = 1


@dataclass(slots=True)
class Region:
    recent: deque[tuple[datetime, float]] = field(default_factory=deque)  # (time, magnitude) in the window
    incident: Incident | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """One step in an incident's life, owned by whoever acts at `at`. (`incident`, `number`) identifies it."""

    incident: str
    number: int
    change: Change
    at: datetime
    region: str
    opened: datetime
    count: int
    largest: float


class Detector:
    """All regions of one run."""

    def __init__(self, settings: Settings, regions: dict[str, Region] | None = None) -> None:
        self._settings = settings
        self.regions: dict[str, Region] = regions or {}

    @property
    def open_incidents(self) -> int:
        return sum(region.incident is not None for region in self.regions.values())

    def advance(self, to: datetime) -> list[Transition]:
        """Let event time pass up to and including `to`.

        Call before the events of that time. Closings, oldest first.
        """
        due: list[tuple[datetime, str, Incident]] = []
        for name, region in self.regions.items():
            if region.incident is not None and region.incident.last + self._settings.quiet <= to:
                due.append((region.incident.last + self._settings.quiet, name, region.incident))
        closed = []
        for at, name, incident in sorted(due, key=lambda entry: entry[:2]):
            self.regions[name].incident = None
            incident.transitions += 1
            closed.append(_transition(incident, Change.CLOSED, at, name))
        self._forget(to - self._settings.window)
        return closed

    def observe(self, name: str, at: datetime, magnitude: float) -> Transition | None:
        """Count one event of region `name`; at most one transition, at its own time."""
        region = self.regions.setdefault(name, Region())
        region.recent.append((at, magnitude))
        if region.incident is None:
            return self._open(name, region, at)
        incident = region.incident
        incident.last = at
        incident.count += 1
        if magnitude <= incident.largest and incident.count < 2 * incident.reported:
            return None
        incident.largest = max(incident.largest, magnitude)
        incident.reported = incident.count
        incident.transitions += 1
        return _transition(incident, Change.UPDATED, at, name)

    def _open(self, name: str, region: Region, at: datetime) -> Transition | None:
        count = len(region.recent)
        if count < self._settings.threshold:
            return None
        largest = max(magnitude for _, magnitude in region.recent)
        region.incident = Incident(f"{name}@{format_time(at)}", at, at, count, largest, reported=count)
        return _transition(region.incident, Change.OPENED, at, name)

    def _forget(self, until: datetime) -> None:
        for name, region in list(self.regions.items()):
            while region.recent and region.recent[0][0] <= until:
                region.recent.popleft()
            if not region.recent and region.incident is None:
                del self.regions[name]


def _transition(incident: Incident, change: Change, at: datetime, region: str) -> Transition:
    return Transition(
        incident.id,
        incident.transitions,
        change,
        at,
        region,
        incident.opened,
        incident.count,
        incident.largest,
    )
