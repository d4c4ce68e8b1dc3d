"""What the API server refuses, remembered by key until it is let through: no object shows it, so a status has to.

A refusal for good (quota, policy, right) is told at once. A server error may be over with the next try; one that
comes again and again is most likely a webhook of others that is down, and then it is told as well.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from scenario_operator.api.foreign import NOTHING, Foreign
from scenario_operator.cluster.errors import ServerError, Terminal
from scenario_operator.cluster.keys import Key

REFUSALS: Final = (Terminal, ServerError)
_LASTING: Final = 5
"""Server errors in a row after which they are told."""
_WORDS_STAND: Final = 300.0
"""Seconds for which the words of a refusal stand: those of a quota or a webhook may differ at every try."""


class _Known(NamedTuple):
    text: Foreign
    certain: bool
    reason: str
    at: float
    times: int = 1


class Refusals:
    """The refusals of one kind of key."""

    def __init__(self) -> None:
        self._known: dict[Key, _Known] = {}

    def note(self, key: Key, error: Terminal | ServerError, now: float) -> bool:
        """Remember a refusal at a time in epoch seconds, and say whether there is something new to tell.

        Of server errors the first text stands: the next one may differ by a port number only. So it does, for a while,
        of refusals for the same reason.
        """
        before = self.told(key)
        known = self._known.get(key)
        if isinstance(error, Terminal):
            stands = known is not None and known.certain and known.reason == error.reason
            if known is None or not stands or now - known.at >= _WORDS_STAND:
                self._known[key] = _Known(error.told, certain=True, reason=error.reason, at=now)
        elif known is None or known.certain:
            self._known[key] = _Known(error.told, certain=False, reason="", at=now)
        else:
            self._known[key] = known._replace(times=known.times + 1)
        return self.told(key) != before

    def told(self, key: Key) -> Foreign:
        """Return what is to be told, if there is anything."""
        known = self._known.get(key)
        return known.text if known and (known.certain or known.times >= _LASTING) else NOTHING

    def forget(self, key: Key) -> None:
        """What was to be written has been let through, or is not wanted any more."""
        self._known.pop(key, None)
