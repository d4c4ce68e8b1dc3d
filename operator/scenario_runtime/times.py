"""Instants as RFC 3339 text and as aware UTC datetimes (resolution: one microsecond)."""

import re
from datetime import UTC, datetime, timedelta

from .errors import ContextError

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)")


def parse_time(text: str) -> datetime:
    """Read one RFC 3339 instant; raises ContextError.

    Digits below a microsecond round up: every bound of the contract is an inclusive lower bound, so for
    instants in microseconds "at or after the bound" keeps its meaning exactly.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ContextError(f"not an RFC 3339 time: {text!r}")
    date, clock, fraction, zone = match.groups()
    digits = (fraction or "").ljust(6, "0")
    try:
        at = datetime.fromisoformat(f"{date}T{clock}.{digits[:6]}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError as error:
        raise ContextError(f"not an RFC 3339 time: {text!r} ({error})") from error
    rest = timedelta(microseconds=1) if digits[6:].strip("0") else timedelta(0)
    return at.astimezone(UTC) + rest


def format_time(at: datetime) -> str:
    """Write an aware datetime as RFC 3339 in UTC, with only as many digits as it needs (none, three or
    six).
    """
    utc = at.astimezone(UTC)
    if utc.microsecond == 0:
        precision = "seconds"
    elif utc.microsecond % 1000 == 0:
        precision = "milliseconds"
    else:
        precision = "microseconds"
    return utc.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
