"""The time as the API server tells it: one clock for all replicas, whatever the clocks of their nodes say.

Deadlines are recorded by one process and judged by the next one, and a pod's age is counted from a time that the
cluster wrote. A process whose own clock is minutes off would see steps expire that have just begun, or never.
Every answer of the API server carries its time in whole seconds (RFC 9110, Date); that is enough to notice a clock
that is off, and too coarse to follow a good one, so small differences are left alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

logger = logging.getLogger(__name__)

_TOLERANCE = timedelta(seconds=3)
_GAP = 60.0
"""Seconds without an answer after which nobody knows what the cluster did in between."""


class ServerClock:
    """Tells the time, corrected by what the server's answers say, and since when it has answered without a gap."""

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._offset = timedelta()
        self._began = self._last = steady()

    def now(self) -> datetime:
        """Return the present time in UTC."""
        return self._wall() + self._offset

    def reached(self) -> None:
        """Take in that the server has done what it was asked; whoever only says that it cannot is not there."""
        seconds = self._steady()
        if seconds - self._last > _GAP:
            self._began = seconds
        self._last = seconds

    def reached_since(self) -> datetime:
        """Return since when the server has answered without a gap of more than a minute: now, while it does not."""
        seconds = self._steady()
        return self.now() - timedelta(seconds=seconds - self._began if seconds - self._last <= _GAP else 0.0)

    def heard(self, date: str | None, sent: datetime) -> None:
        """Take in the Date of an answer to a request that was sent at `sent` by this clock."""
        told = _parsed(date)
        if told is None or sent - _TOLERANCE <= told <= self.now() + _TOLERANCE:
            return
        self._offset = told - self._wall()
        logger.warning(
            "this machine's clock differs from the API server's: going by the server's offset_seconds=%(offset).0f",
            {"offset": self._offset.total_seconds()},
        )


def _parsed(date: str | None) -> datetime | None:
    """Read an HTTP date; one that nobody can read says nothing."""
    if not date:
        return None
    try:
        told = parsedate_to_datetime(date)
    except ValueError:
        return None
    return told.astimezone(UTC) if told.tzinfo else None
