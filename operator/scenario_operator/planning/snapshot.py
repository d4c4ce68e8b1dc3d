"""The strategy as plans carry it: a snapshot of an UpgradeStrategy without its rollout pace."""

from __future__ import annotations

from scenario_operator.api.run import HorizonBound, RunSpec, StartBound
from scenario_operator.api.strategy import StrategyBound, StrategySpec, UndeclaredEdge, WindowMode
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.steps import Timeouts
from scenario_operator.planning.windows import Bound, Bounds


def snapshot_of(spec: StrategySpec) -> Snapshot:
    """Freeze what a plan needs of a strategy."""
    window, timeouts = spec.window, spec.timeouts
    return Snapshot(
        type=spec.type.value,
        window=Bounds(
            _bound(window.start_from), _bound(window.output_actions_from), _bound(window.notifications_from)
        )
        if window
        else Bounds(),
        approval=spec.approval.value,
        approve_from=spec.approve_from.value if spec.approve_from else "",
        on_failure=spec.on_failure.value,
        timeouts=Timeouts(
            preflight=timeouts.preflight_seconds,
            stop=timeouts.stop_seconds,
            revert=timeouts.revert_seconds,
            start=timeouts.start_seconds,
            verify=timeouts.verify_seconds,
        ),
        stable_seconds=spec.verify.stable_seconds,
        max_attempts=spec.retry.max_attempts,
        backoff_seconds=spec.retry.backoff_seconds,
        undeclared_edge=spec.undeclared_edge.value if spec.undeclared_edge is UndeclaredEdge.ACCEPT else "",
    )


def bounds_of(spec: RunSpec) -> Bounds:
    """Return the bounds that a run's own spec states."""
    return Bounds(_bound(spec.start_from), _bound(spec.output_actions_from), _bound(spec.notifications_from))


def _bound(stated: StrategyBound | StartBound | HorizonBound | None) -> Bound | None:
    if stated is None:
        return None
    missing = getattr(stated, "if_missing", None)
    return Bound(
        WindowMode(stated.mode.value), stated.time, stated.seconds or 0, missing.value if missing else "Hold"
    )
