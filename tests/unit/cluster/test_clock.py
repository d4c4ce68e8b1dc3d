"""One clock for all replicas: the API server's, as its answers tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from scenario_operator.cluster.clock import ServerClock

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class Wall:
    """A machine's clock that a test sets."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


def date(time: datetime) -> str:
    return format_datetime(time, usegmt=True)


@pytest.mark.parametrize("off", [timedelta(minutes=10), timedelta(minutes=-10), timedelta(days=400)])
def test_a_clock_that_is_off_goes_by_the_server(off: timedelta) -> None:
    """Given a machine whose clock is off, when the server has answered once, then its time counts."""
    wall = Wall()
    clock = ServerClock(wall)

    clock.heard(date(NOON - off), clock.now())

    assert clock.now() == NOON - off
    wall.time += timedelta(minutes=5)
    assert clock.now() == NOON - off + timedelta(minutes=5)


def test_a_good_clock_is_left_alone() -> None:
    """Given whole seconds and slow answers, when the clocks agree, then nothing is corrected."""
    wall = Wall()
    clock = ServerClock(wall)
    sent = clock.now()
    wall.time += timedelta(seconds=40)

    clock.heard(date(NOON), sent)
    clock.heard(date(NOON + timedelta(seconds=40)), sent)

    assert clock.now() == wall.time


def test_a_clock_that_is_set_right_is_followed() -> None:
    """Given a clock that was off, when somebody sets it, then the correction goes with the next answer."""
    wall = Wall()
    clock = ServerClock(wall)
    clock.heard(date(NOON + timedelta(minutes=10)), clock.now())
    wall.time += timedelta(minutes=10)

    clock.heard(date(wall.time), clock.now())

    assert clock.now() == wall.time


@pytest.mark.parametrize(
    "nonsense", [None, "", "yesterday", "Sun, 99 Mar 2026 12:00:00 GMT", "Sun, 01 Mar 2026 12:00:00 -0000"]
)
def test_a_date_that_says_nothing_changes_nothing(nonsense: str | None) -> None:
    """Given an answer without a readable Date, when it is heard, then the machine's clock stands."""
    clock = ServerClock(Wall())

    clock.heard(nonsense, clock.now())

    assert clock.now() == NOON


def test_what_is_watched_begins_anew_after_a_gap() -> None:
    """Given a server that answers, when it is silent for more than a minute, then the watch begins with its return."""
    wall, steady = Wall(), [0.0]
    clock = ServerClock(wall, lambda: steady[0])

    def later(seconds: float) -> None:
        steady[0] += seconds
        wall.time += timedelta(seconds=seconds)

    for _ in range(10):
        later(30)
        clock.reached()
    assert clock.reached_since() == NOON

    later(61)
    assert clock.reached_since() == wall.time, "nobody watches while nobody answers"
    later(839)
    clock.reached()
    back = wall.time
    later(30)
    clock.reached()
    assert clock.reached_since() == back
