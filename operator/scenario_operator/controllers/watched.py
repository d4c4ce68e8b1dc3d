"""Since when this process watches the plan of each run without a gap (R13)."""

from __future__ import annotations

from typing import Final, NamedTuple

from scenario_operator.cluster.keys import Key
from scenario_operator.execution.journal import Journal

_GAP: Final = 60.0
"""Seconds between two looks at a run after which nobody knows what became of its plan in between."""


class _Watched(NamedTuple):
    """A plan that is watched, since when without a gap, and when it was last looked at; epoch seconds."""

    id: str
    since: float
    seen: float


class WatchedPlans:
    """The plans that are watched, by run."""

    def __init__(self) -> None:
        self._watched: dict[Key, _Watched] = {}

    def since(self, key: Key, journal: Journal | None, now: float, reached: float) -> float:
        """Return since when a plan has been watched while the API server answered; `reached`: since when it has.

        A look that fails is none: in one namespace, too, a right may be missing for a while.
        """
        if journal is None:
            self._watched.pop(key, None)
            return now
        known = self._watched.get(key)
        if known is None or known.id != journal.id:
            known = _Watched(journal.id, now, now)
        elif now - known.seen > _GAP:
            known = known._replace(since=now)
        self._watched[key] = known
        return max(known.since, reached)

    def looked(self, key: Key, now: float) -> None:
        """Note that everything which a decision rests on could be read."""
        if (known := self._watched.get(key)) is not None:
            self._watched[key] = known._replace(seen=now)

    def forget(self, key: Key) -> None:
        """The run is gone."""
        self._watched.pop(key, None)
