"""When an artifact that cannot be had counts as stalled: it goes on being tried, and a person is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from scenario_operator.api.conditions import PATIENCE_SECONDS, ConditionType
from scenario_operator.api.reasons import Reason
from scenario_operator.planning.stored import instant
from scenario_operator.planning.validity import Problem

_TRIES_PATIENCE: Final = frozenset({Reason.ARTIFACT_UNAVAILABLE, Reason.CONFIG_MAP_MISSING, Reason.RESOLVING})

Conditions = Sequence[Mapping[str, Any]]


def told_of_this_spec(conditions: Conditions, generation: int) -> list[Mapping[str, Any]]:
    """Leave out that an earlier spec was being resolved: the time of this one begins now."""
    return [c for c in conditions if not _is_resolving(c) or c.get("observedGeneration") == generation]


def has_lasted(pending: Problem, conditions: Conditions, now: datetime) -> bool:
    """Say whether what keeps a spec from being published has lasted too long; `conditions` are those before."""
    if pending.reason not in _TRIES_PATIENCE:
        return False
    missing = next((c for c in conditions if c["type"] == ConditionType.ARTIFACT_AVAILABLE.value), None)
    if missing is None or missing["status"] == "True":
        return False
    patience = timedelta(seconds=PATIENCE_SECONDS + pending.allowed_seconds)
    # A time that somebody wrote and that is none counts as now, and is written anew.
    since = instant(missing["lastTransitionTime"])
    return since is not None and now.timestamp() - since >= patience.total_seconds()


def _is_resolving(condition: Mapping[str, Any]) -> bool:
    kind, status = condition["type"], condition["status"]
    return bool(kind == ConditionType.ARTIFACT_AVAILABLE.value and status == "Unknown")
