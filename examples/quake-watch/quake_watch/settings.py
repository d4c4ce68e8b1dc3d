"""The parameters of a run, read once at start."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from scenario_runtime import ContextError, RunContext, parse_time

from .events import PACKAGED

_SPEED = re.compile(r"x(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)/s|max")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the input is replayed: a multiple of real time, events a second, or neither (no waiting)."""

    times_real: float | None = None
    per_second: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Pace":
        """`x6000`, `25/s` or `max`; raises ContextError."""
        match = _SPEED.fullmatch(text)
        rates = [float(number) for number in match.groups() if number] if match else [0.0]
        if match is None or 0.0 in rates:
            raise ContextError(f"speed: expected x6000, 25/s or max, found {text!r}")
        times, rate = match.groups()
        return cls(float(times) if times else None, float(rate) if rate else None)

    def delay(self, gap: timedelta, events: int) -> float:
        """Seconds to wait before a group of `events` that comes `gap` of event time after the one before."""
        if self.times_real is not None:
            return gap.total_seconds() / self.times_real
        if self.per_second is not None:
            return events / self.per_second
        return 0.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set; README.md describes each parameter."""

    threshold: int = 5  # events within `window` that open an incident
    window: timedelta = timedelta(hours=6)
    quiet: timedelta = timedelta(hours=3)  # without an event, that close it
    speed: Pace = Pace(times_real=6000)
    learning_speed: Pace = Pace(times_real=30000)
    pause_at: datetime | None = None  # the input ends here (exclusive), for this run
    checkpoint_seconds: float = 1.0  # wall clock between two commits
    input: Path = PACKAGED

    @classmethod
    def of(cls, context: RunContext) -> "Settings":
        """Raises ContextError naming the parameter."""
        pause_at = context.parameter("pauseAt", "")
        return cls(
            threshold=int(
                _number(context, "threshold", "5", lambda value: value >= 2 and value == int(value))
            ),
            window=timedelta(hours=_number(context, "windowHours", "6", lambda value: 0 < value <= 168)),
            quiet=timedelta(hours=_number(context, "quietHours", "3", lambda value: 0 < value <= 168)),
            speed=Pace.parse(context.parameter("speed", "x6000")),
            learning_speed=Pace.parse(context.parameter("learningSpeed", "x30000")),
            pause_at=parse_time(pause_at) if pause_at else None,
            checkpoint_seconds=_number(context, "checkpointSeconds", "1", lambda value: value >= 0),
            input=Path(context.parameter("input", "") or PACKAGED),
        )


def _number(context: RunContext, name: str, default: str, valid: Callable[[float], bool]) -> float:
    text = context.parameter(name, default)
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value != value or not valid(value):
        raise ContextError(f"parameter {name}: {text!r} is not usable")
    return value
