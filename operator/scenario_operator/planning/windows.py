"""Windows: from where a run reads, acts and notifies; resolved once per plan, the result is a fact.

All bounds are inclusive RFC 3339 times in UTC; None is the beginning of the input. A stop's
`processedUntil` is exclusive, so a hand-over at that time has no gap and no overlap.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from scenario_operator.api.strategy import WindowMode

_FRACTION = re.compile(r"\.([0-9]+)")


class Bound(NamedTuple):
    """One bound as a strategy or a run states it; `if_missing` says what replaces a missing stop report."""

    mode: WindowMode
    time: str | None = None
    seconds: int = 0
    if_missing: str = "Hold"


class Bounds(NamedTuple):
    """The three bounds; None where nothing is stated (the bound rises to its predecessor)."""

    start_from: Bound | None = None
    output_actions_from: Bound | None = None
    notifications_from: Bound | None = None


class Window(NamedTuple):
    """Resolved bounds of one incarnation."""

    start_from: str | None = None
    output_actions_from: str | None = None
    notifications_from: str | None = None


class StopFacts(NamedTuple):
    """What is known of the stop that a hand-over refers to."""

    processed_until: str | None
    finished_at: str | None


class ReportMissingError(Exception):
    """Bounds need the report of the stop, there is none, and the strategy says Hold; `fields` names all of them."""

    def __init__(self, *fields: str) -> None:
        super().__init__(*fields)
        self.fields = fields


class Resolved(NamedTuple):
    """A window and whether a missing report was replaced by what was observed (input may be lost or repeated)."""

    window: Window
    at_risk: bool


class Sources(NamedTuple):
    """Everything that a bound can refer to."""

    stored: Window | None
    run: Bounds
    stop: StopFacts | None
    now: str


def resolve(strategy: Bounds, sources: Sources, *, never_again: bool) -> Resolved:
    """Resolve the window of a new incarnation.

    `never_again` (every plan that reads the past again) makes notificationsFrom at least the stop's position
    and the stored horizon, so that nobody is told the past twice. Raises ReportMissingError.
    """
    at_risk = False
    values: list[str | None] = []
    missing: list[str] = []
    for field in Bounds._fields:
        bound = getattr(strategy, field) or Bound(WindowMode.RUN)
        try:
            value, guessed = _bound(field, bound, sources)
        except ReportMissingError:
            missing.append(field)
            continue
        at_risk = at_risk or guessed
        values.append(value)
    if missing:
        raise ReportMissingError(*missing)
    start, output, notify = values
    if never_again:
        reached = _reached(sources.stop, sources) if sources.stop else None
        notify = later(notify, _horizon("notifications_from", sources, reached))
    output = later(start, output)
    return Resolved(Window(start, output, later(output, notify)), at_risk)


def first(run: Bounds, now: str) -> Window:
    """Resolve a run's own bounds for its very first start."""
    return resolve(Bounds(), Sources(None, run, None, now), never_again=False).window


def later(one: str | None, other: str | None) -> str | None:
    """Return the later of two bounds; None is the beginning, before everything."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=_instant)


def needs_report(strategy: Bounds) -> bool:
    """Say whether resolving these bounds would hold for want of a stop report."""
    referring = (WindowMode.STOPPED_AT, WindowMode.LOOKBACK)
    return any(b is not None and b.mode in referring and b.if_missing == "Hold" for b in strategy)


def _bound(field: str, bound: Bound, sources: Sources) -> tuple[str | None, bool]:
    match bound.mode:
        case WindowMode.SAME:
            return (getattr(sources.stored, field) if sources.stored else None), False
        case WindowMode.RUN:
            # What a run's spec says refers to no stop: its Lookback reaches back from now.
            own = getattr(sources.run, field)
            return _bound(field, own, sources._replace(stop=None)) if own is not None else (None, False)
        case WindowMode.BEGINNING:
            return None, False
        case WindowMode.AT:
            return bound.time, False
        case WindowMode.NOW:
            return sources.now, False
        case WindowMode.LOOKBACK:
            position, guessed = _position(field, bound, sources)
            return _back(position or sources.now, bound.seconds), guessed
        case WindowMode.STOPPED_AT | WindowMode.OBSERVED_STOP:
            # Nothing was ever processed (no stop): there is no hand-over, the bound is the stored one.
            position, guessed = _position(field, bound, sources)
            return _horizon(field, sources, position), guessed


def _position(field: str, bound: Bound, sources: Sources) -> tuple[str | None, bool]:
    """Return where the old version stopped: its report, else what the strategy allows in its place.

    The second value says whether that was only observed. None: nothing was ever stopped.
    """
    stop = sources.stop
    if stop is None:
        return None, False
    if bound.mode is WindowMode.OBSERVED_STOP:
        return stop.finished_at or sources.now, True
    if stop.processed_until is None and bound.if_missing == "Hold":
        raise ReportMissingError(field)
    return _reached(stop, sources), stop.processed_until is None


def _reached(stop: StopFacts, sources: Sources) -> str:
    return stop.processed_until or stop.finished_at or sources.now


def _horizon(field: str, sources: Sources, position: str | None) -> str | None:
    """Return the position of a stop, but never before the same bound of the version that stopped.

    A version that was still learning or recomputing hands over its horizon, not its position.
    """
    if field == "start_from" and position is not None:
        return position
    return later(position, getattr(sources.stored, field) if sources.stored else None)


def _back(reference: str, seconds: int) -> str | None:
    """Return the time so long before; None, the beginning, when that is before all time."""
    try:
        moved = datetime.fromisoformat(reference).astimezone(UTC) - timedelta(seconds=seconds)
    except OverflowError:
        return None
    return moved.isoformat().replace("+00:00", "Z")


def _instant(text: str) -> tuple[datetime, str]:
    """Return a time as it compares: the moment, and the digits below a microsecond that Python cuts off."""
    fraction = _FRACTION.search(text)
    return datetime.fromisoformat(text), fraction.group(1).ljust(9, "0")[6:] if fraction else "000"
