"""What a run has: the durable facts of its status, apart from the plan in progress.

These are the words in which planning and execution talk about a run. They know neither the wire format
(`execution/status.py`) nor the objects that carry the state.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from scenario_operator.api.outcomes import Outcome
from scenario_operator.planning.parameters import NO_PARAMETERS, Parameters
from scenario_operator.planning.windows import Window

LIVE, RETAINED, DELETED = "Live", "Retained", "Deleted"
KEPT, REVERTED = "Kept", "Reverted"
INCARNATIONS = 48
"""Records that a status keeps, and incarnations that may keep state when a plan makes another: 64 have room."""


class Applied(NamedTuple):
    """The revision whose logic last committed on this run, and the formats its state can have (rule R11)."""

    revision: str
    version: str
    logic_hash: str
    config_hash: str
    digest: str
    state_version: str
    formats: tuple[str, ...] = ()


class Incarnation(NamedTuple):
    """One workload with its own state volume; numbers are never used twice (rule R10)."""

    number: int
    version: str
    revision: str
    state: str = LIVE
    results: str = KEPT
    superseded_by: int = 0


class Results(NamedTuple):
    """Which incarnations may have published, and the uid of the results claim that they did it to, "" for none yet."""

    claim: str
    incarnations: tuple[int, ...] = ()


class LastStop(NamedTuple):
    """What the last stop that we carried out left behind; `processed_until` None means no report.

    `fault`: why there is none, as far as it is known.
    """

    incarnation: int
    processed_until: str | None
    state_version: str | None
    finished_at: str | None
    clean: bool
    reported: bool
    open_outputs: int = 0
    fault: str | None = None


class Loss(NamedTuple):
    """What a plan cost; None where the question does not arise."""

    state_age_seconds: int | None = None
    unclean_stop: bool = False
    input_at_risk: bool = False
    reprocessed_from: str | None = None
    results_reverted: int | None = None
    results_kept: int | None = None
    results_not_revertible: int | None = None
    notifications_suppressed_until: str | None = None
    open_outputs: int | None = None
    revert_skipped: bool = False
    notes: tuple[str, ...] = ()


class Ended(NamedTuple):
    """One finished plan as it stands in `status.history`; a grant id found here is spent."""

    grant_id: str
    attempt: str
    outcome: Outcome
    reason: str
    message: str
    from_version: str
    to_version: str
    strategy: str
    plan_hash: str
    start_time: str
    completion_time: str
    loss: Loss = Loss()
    to_revision: str = ""


class Handled(NamedTuple):
    """The nonces acted upon; None: never looked, so the next value seen is the baseline."""

    recompute: str | None = None
    restart: str | None = None
    retry: str | None = None
    abort: str | None = None


class Stored(NamedTuple):
    """Everything durable about a run except its open journal."""

    applied: Applied | None = None
    live: int = 0
    stopped: bool = False
    incarnations: tuple[Incarnation, ...] = ()
    window: Window | None = None
    parameters: Parameters = NO_PARAMETERS
    last_stop: LastStop | None = None
    handled: Handled = Handled()
    history: tuple[Ended, ...] = ()
    refused: str = ""
    plans: int = 0
    results: Results | None = None

    @property
    def replaced(self) -> bool:
        """Say whether a newer revision took the place of one that was past its point of no return and did not start.

        Nothing is applied then, and the window of what was replaced is carried over.
        """
        return self.applied is None and self.window is not None

    def next_incarnation(self) -> int:
        """Return the number that a new incarnation gets: one more than any ever entered."""
        return 1 + max((i.number for i in self.incarnations), default=0)

    def remembered(self, left: Collection[int] = ()) -> tuple[Incarnation, ...]:
        """Return the records without the oldest that nothing needs any more, those with kept results last.

        What keeps state is never forgotten, nor what is on record as deleted and is `left` in the cluster: nobody else
        would ever delete it. The newest stays, since numbers follow from it.
        """
        gone = [i for i in self.incarnations if i.state == DELETED and i.number not in left]
        done = sorted(gone, key=lambda i: (i.results != REVERTED, i.number))
        surplus = done[: max(0, len(self.incarnations) - INCARNATIONS)]
        forgotten = {i.number for i in surplus if i != self.incarnations[-1]}
        return tuple(i for i in self.incarnations if i.number not in forgotten)

    def incarnation(self, number: int) -> Incarnation | None:
        """Return the record of one incarnation, if there is one."""
        return next((i for i in self.incarnations if i.number == number), None)

    def spent(self, grant_id: str) -> bool:
        """Say whether an outcome for this grant is on record."""
        return any(ended.grant_id == grant_id for ended in self.history)


def timestamp(seconds: float) -> str:
    """Render epoch seconds as RFC 3339 in UTC, with the precision that Kubernetes' own times have."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(text: str) -> float:
    """Read an RFC 3339 time as epoch seconds."""
    return datetime.fromisoformat(text).timestamp()


def instant(told: object) -> float | None:
    """Read a time that somebody else wrote as epoch seconds, None when it is none.

    A JSON object has times that no calendar has: the API server itself writes the year 10000 for the last hours of
    9999 west of Greenwich, and the year 0.
    """
    try:
        return epoch(told) if isinstance(told, str) else None
    except (ValueError, OverflowError):
        return None
