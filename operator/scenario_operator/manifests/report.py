"""What a program says at its end: termination messages, read as the contract's reports.

Their text is the program's, so it can be anything: what does not fit the contract says nothing, and nothing raises.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple, TypeGuard

from scenario_operator.api.common import MOST_COUNTED, normalise_time

_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}")
_UNREADABLE_TEXT = (ValueError, AttributeError, TypeError, RecursionError, OverflowError)
"""What parsing a termination message can raise."""
NUMBERS: Final = frozenset({"reverted", "kept", "notRevertible", "pending", "retargeted", "skipped"})
"""The counts that a hook may answer; every other key says nothing."""


_NO_TIME: Final = "its processedUntil is no time with an offset"


class StopReport(NamedTuple):
    """What a pod's container said at its end; `fault`: why that is no report, "" when it said nothing at all."""

    processed_until: str | None = None
    state_version: str | None = None
    open_outputs: int = 0
    fault: str = ""


def read_report(text: str, exit_code: int | None = 0) -> StopReport:
    """Read a termination message as the contract's report; anything else says nothing.

    What a program that failed leaves may be the end of its log: there only an object with position and format counts.
    """
    report = _read(text)
    whole = report.processed_until is not None and report.state_version is not None
    if whole or exit_code == 0:
        return report
    return StopReport(fault="" if exit_code is None else f"the program ended with exit code {exit_code}")


def _read(text: str) -> StopReport:
    try:
        told = json.loads(text)
    except _UNREADABLE_TEXT:
        return StopReport(fault="what it wrote is not JSON" if text.strip() else "")
    if not isinstance(told, dict):
        return StopReport(fault="what it wrote is no JSON object")
    outputs, version = told.get("outputs"), told.get("stateVersion")
    until, fault = _position(told.get("processedUntil"))
    return StopReport(
        processed_until=until,
        state_version=version if isinstance(version, str) and _WORD.fullmatch(version) else None,
        open_outputs=_count(outputs.get("open")) if isinstance(outputs, dict) else 0,
        fault=fault,
    )


def _position(told: object) -> tuple[str | None, str]:
    """Return processedUntil, or what is wrong with it."""
    if told is None:
        return None, "its processedUntil is missing"
    try:
        return (str(normalise_time(told)), "") if isinstance(told, str) else (None, _NO_TIME)
    except _UNREADABLE_TEXT:
        return None, _NO_TIME


def read_numbers(text: str) -> tuple[tuple[str, int], ...]:
    """Read a termination message of a hook as counts by name, in the order of the names."""
    try:
        told = json.loads(text)
    except _UNREADABLE_TEXT:
        return ()
    if not isinstance(told, dict):
        return ()
    return tuple(sorted((k, v) for k, v in told.items() if k in NUMBERS and _is_count(v)))


def read_uncounted(text: str) -> tuple[str, ...]:
    """Return which counts of the contract a hook's termination message has, but not as whole numbers in bounds."""
    try:
        told = json.loads(text)
    except _UNREADABLE_TEXT:
        return ()
    return (
        tuple(k for k in sorted(NUMBERS) if k in told and not _is_count(told[k]))
        if isinstance(told, dict)
        else ()
    )


def _count(value: object) -> int:
    return value if _is_count(value) else 0


def _is_count(value: object) -> TypeGuard[int]:
    """Say whether a number fits the schema; what a program tells must never make a status unwritable."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNTED
