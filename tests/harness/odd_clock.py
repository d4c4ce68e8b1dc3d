"""The operator on a machine whose clock is off.

Only the wall clock: a machine's monotonic clock is right whatever the other one says.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from scenario_operator.cluster import clock, events, lease


def set_off(seconds: float) -> None:
    """Make the clock of this process be off by so much, before it starts to work."""

    class Odd(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    for module in (clock, events, lease):
        module.datetime = Odd  # type: ignore[attr-defined]
