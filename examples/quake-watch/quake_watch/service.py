"""The replay: reads the input in event time, writes what the window allows, commits, and idles at the end.

Order inside one instant of event time: closings that are due, then its events in the order of the input.
`processed_until` is one tick after the last instant taken in, so a transition at T belongs to exactly one
of two incarnations that hand over at T: before T to the one that stopped, from T on to the one that acts
from there. That includes closings, which fall between events and are found with the next one.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scenario_runtime import Incarnation, Outputs, ResultsRefusedError, Window, format_time

from .detector import Change, Detector, Transition
from .events import TICK, Event, by_time, read_events
from .logic import Logic
from .settings import Pace, Settings

_log = logging.getLogger("quake_watch")

INCIDENTS, NOTIFICATIONS, EVENTS = "incidents", "notifications", "events"


@dataclass(slots=True)
class Watch:
    """The whole state of one run: the detector and an account of the input."""

    detector: Detector
    counter: int = 0  # events taken in since the state was empty; the next event's number is one more
    first_event: str = ""
    last_event: str = ""
    emitted: int = 0  # transitions written by this run

    @classmethod
    def load(cls, data: Any, logic: Logic, settings: Settings) -> "Watch":
        if data is None:
            return cls(Detector(settings))
        return cls(
            Detector(settings, logic.load(data["regions"])),
            data["counter"],
            data["firstEvent"],
            data["lastEvent"],
            data["emitted"],
        )

    def dump(self, logic: Logic) -> Any:
        return {
            "counter": self.counter,
            "firstEvent": self.first_event,
            "lastEvent": self.last_event,
            "emitted": self.emitted,
            "openIncidents": self.detector.open_incidents,
            "regions": logic.dump(self.detector.regions),
        }

    def count(self, event: Event) -> int:
        self.counter += 1
        self.first_event = self.first_event or event.id
        self.last_event = event.id
        return self.counter


class Replay:
    """One container's work, from the state it was given to the end of the input."""

    def __init__(self, work: Incarnation, logic: Logic, settings: Settings) -> None:
        self._work = work
        self._logic = logic
        self._settings = settings
        self._watch = Watch.load(work.state, logic, settings)
        taken = [event for event in read_events(settings.input) if work.window.takes(event.at)]
        self._position = work.processed_until or _beginning(taken, work.window)
        self._events = self._remaining(taken)
        self._committed_at = 0.0

    def run(self) -> None:
        """Replay until told to stop; returns with everything committed."""
        if not self._work.places.results.is_dir():
            raise ResultsRefusedError("quake-watch needs a results volume")
        self._commit()
        before: datetime | None = None
        for at, group in by_time(self._events):
            gap = at - (before or at)
            if self._work.stop.wait(self._pace(at).delay(gap, len(group))):
                break
            self._take(at, group)
            before = at
            if time.monotonic() - self._committed_at >= self._settings.checkpoint_seconds:
                self._commit()
        self._commit()
        if not self._work.stop.requested:
            _log.info("end of the input at=%s events=%d", self._position, self._watch.counter)
        self._work.stop.wait(None)
        self._work.outputs = Outputs(self._watch.detector.open_incidents, self._watch.emitted)

    def _remaining(self, taken: Sequence[Event]) -> list[Event]:
        position, end = self._position, self._settings.pause_at
        return [
            event
            for event in taken
            if (position is None or event.at >= position) and (end is None or event.at < end)
        ]

    def _pace(self, at: datetime) -> Pace:
        return self._settings.speed if self._work.window.acts(at) else self._settings.learning_speed

    def _take(self, at: datetime, group: Sequence[Event]) -> None:
        for closing in self._watch.detector.advance(at):
            self._emit(closing)
        for event in group:
            number = self._watch.count(event)
            self._work.results.append(
                EVENTS,
                {
                    "number": number,
                    "id": event.id,
                    "at": format_time(at),
                    "learning": not self._work.window.acts(at),
                },
            )
            if self._logic.counts(event):
                transition = self._watch.detector.observe(self._logic.region(event), at, event.magnitude)
                if transition is not None:
                    self._emit(transition)
        self._position = at + TICK

    def _emit(self, transition: Transition) -> None:
        if not self._work.window.acts(transition.at):
            return
        self._watch.emitted += 1
        self._work.results.append(
            INCIDENTS,
            {
                "incident": transition.incident,
                "number": transition.number,
                "change": transition.change,
                "at": format_time(transition.at),
                "region": transition.region,
                "opened": format_time(transition.opened),
                "count": transition.count,
                "largest": transition.largest,
                "logic": self._logic.name,
            },
        )
        if transition.change is not Change.UPDATED and self._work.window.notifies(transition.at):
            self._work.results.append(
                NOTIFICATIONS,
                {
                    "incident": transition.incident,
                    "change": transition.change,
                    "at": format_time(transition.at),
                    "text": self._logic.text(transition),
                    "logic": self._logic.name,
                },
            )

    def _commit(self) -> None:
        self._work.commit(self._watch.dump(self._logic), self._position)
        self._committed_at = time.monotonic()


def _beginning(taken: Sequence[Event], window: Window) -> datetime | None:
    """Where a fresh state stands: everything before its first event is done, because there is nothing."""
    return taken[0].at if taken else window.start_from
