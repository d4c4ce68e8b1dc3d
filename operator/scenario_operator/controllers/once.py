"""Objects that are read once for each version, by whoever looks at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from scenario_operator.cluster.kinds import JsonObject

_T = TypeVar("_T")
REMEMBERED: Final = 16_384
"""Of how many objects the newest reading is known; then all are forgotten."""


class Once(Generic[_T]):
    """Reads each version of an object once; of every object only the version that was looked at last is known."""

    def __init__(self, read: Callable[[JsonObject], _T]) -> None:
        self._read = read
        self._known: dict[str, tuple[str, _T]] = {}

    def __call__(self, obj: JsonObject) -> _T:
        metadata = obj["metadata"]
        uid, version = metadata["uid"], metadata["resourceVersion"]
        known = self._known.get(uid)
        if known is not None and known[0] == version:
            return known[1]
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        read = self._read(obj)
        self._known[uid] = version, read
        return read
