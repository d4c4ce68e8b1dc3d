"""What each strategy type may do beyond keeping the state; the only place that asks a strategy for its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.strategy import FRESH_TYPES, StrategyType, WindowMode
from scenario_operator.planning.windows import Bound, Bounds

KEEP, FRESH, REVERT = "Keep", "Fresh", "Revert"


class Axes(NamedTuple):
    """The choices that make a plan when state cannot stay as it is."""

    state: str
    results: str
    window: Bounds
    outcome: Outcome


RECOMPUTE = StrategyType.FORWARD_ONLY.value
"""The type by which a run is recomputed that asks for it, whatever its strategy is."""

PRESETS: Mapping[str, Axes] = MappingProxyType(
    {
        StrategyType.CONTINUATION: Axes(
            FRESH,
            KEEP,
            Bounds(Bound(WindowMode.SAME), Bound(WindowMode.STOPPED_AT), Bound(WindowMode.STOPPED_AT)),
            Outcome.CONTINUED,
        ),
        StrategyType.FORWARD_ONLY: Axes(
            FRESH,
            REVERT,
            Bounds(
                Bound(WindowMode.RUN),
                Bound(WindowMode.RUN),
                Bound(WindowMode.STOPPED_AT, if_missing="ObservedStop"),
            ),
            Outcome.RECOMPUTED,
        ),
    }
)

if tuple(PRESETS) != FRESH_TYPES:
    raise LookupError(
        f"PRESETS has rows for {', '.join(PRESETS)}, but FRESH_TYPES are {', '.join(FRESH_TYPES)}"
    )


def bounds(stated: Bounds, preset: Axes) -> Bounds:
    """Return the preset's bounds with what the strategy states in their place."""
    return Bounds(*(own or default for own, default in zip(stated, preset.window, strict=True)))
