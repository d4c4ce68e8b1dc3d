"""Conditions: their closed list of types, their shape, and how a new assessment is merged into the old ones.

kstatus, Argo CD, Flux, Helm and `kubectl wait` read these. It does not know when a condition holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field

from scenario_operator.api.common import (
    ApiModel,
    JsonObject,
    Message,
    ReasonText,
    Time,
    format_time,
    keyed,
    parse_time,
    wire,
)
from scenario_operator.api.reading import Unreadable, reading
from scenario_operator.api.reasons import Reason

Status = Literal["True", "False", "Unknown"]

PATIENCE_SECONDS: Final = 600.0
"""After so long in a state that time does not mend by itself a person is asked; it goes on being tried."""


class ConditionType(StrEnum):
    """Every condition we write, in the order in which they are listed."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    AVAILABLE = "Available"
    UP_TO_DATE = "UpToDate"
    LEARNING = "Learning"
    VALID = "Valid"
    ARTIFACT_AVAILABLE = "ArtifactAvailable"
    ROLLED_OUT = "RolledOut"
    MIXED_VERSIONS = "MixedVersions"
    APPROVED = "Approved"
    SUCCEEDED = "Succeeded"
    ACTION_REQUIRED = "ActionRequired"
    DEGRADED = "Degraded"
    ROLLED_BACK = "RolledBack"
    PARAMETERS_CONFLICTING = "ParametersConflicting"


ONLY_WHILE_TRUE = frozenset({ConditionType.RECONCILING, ConditionType.STALLED})


class Condition(ApiModel):
    """One statement about the object."""

    type: Annotated[
        str, Field(min_length=1, max_length=316, pattern=r"^[A-Za-z]([A-Za-z0-9/._-]*[A-Za-z0-9])?$")
    ]
    """What is stated."""
    status: Status
    """Whether it holds."""
    observed_generation: Annotated[int, Field(ge=-1)] | None = None
    """The generation of the spec it was stated for."""
    last_transition_time: Time
    """When status last changed."""
    reason: ReasonText
    """Why, in one word of the closed list of reasons."""
    message: Message = ""
    """Why, for people; where something must be done it ends with the command."""


MOST_CONDITIONS = 24
Conditions = Annotated[
    tuple[Condition, ...], Field(max_length=MOST_CONDITIONS, json_schema_extra=keyed("type"))
]


class Assessment(NamedTuple):
    """What is to be stated now, before it is known whether that is news."""

    type: ConditionType
    status: Status
    reason: Reason
    message: str = ""


def merge_conditions(
    old: Sequence[Mapping[str, Any]], new: Iterable[Assessment], now: datetime, generation: int
) -> list[JsonObject]:
    """Return the conditions to write.

    `lastTransitionTime` stays as long as `status` does. Reconciling and Stalled are present only while
    True. One of our types that is not stated is dropped; conditions of other writers stay as they are, last, as many as
    have room.

    Raises:
        ValueError: a type is stated twice, or Reconciling and Stalled are both True.
    """
    stated: dict[ConditionType, Assessment] = {}
    for assessment in new:
        if assessment.type in stated:
            raise ValueError(f"condition {assessment.type} is stated twice")
        if assessment.status == "True" or assessment.type not in ONLY_WHILE_TRUE:
            stated[assessment.type] = assessment
    if stated.keys() >= ONLY_WHILE_TRUE:
        raise ValueError("Reconciling and Stalled must not both be True")

    before = {condition["type"]: condition for condition in old}
    merged = [
        dict(
            _written(
                kind.value,
                stated[kind].status,
                generation,
                _since(before.get(kind.value), stated[kind].status, now),
                stated[kind].reason.value,
                stated[kind].message,
            )
        )
        for kind in ConditionType
        if kind in stated
    ]
    ours = {kind.value for kind in ConditionType}
    others = [dict(condition) for condition in old if condition["type"] not in ours]
    return merged + others[: MOST_CONDITIONS - len(merged)]


@lru_cache(maxsize=8192)
def _written(kind: str, status: Status, generation: int, since: str, reason: str, message: str) -> JsonObject:
    """Return a condition as it is written: most stay the same from one look to the next."""
    return wire(
        Condition(
            type=kind,
            status=status,
            observed_generation=generation,
            last_transition_time=since,
            reason=reason,
            message=message,
        )
    )


@lru_cache(maxsize=8192)
def _is_time(told: str) -> bool:
    return not isinstance(reading(lambda: parse_time(told), "lastTransitionTime"), Unreadable)


def _since(before: Mapping[str, Any] | None, status: Status, now: datetime) -> str:
    """Return since when a status has stood; a time that somebody wrote and that is none counts as now."""
    told = before.get("lastTransitionTime") if before is not None and before.get("status") == status else None
    return str(told) if _is_time(str(told)) else format_time(now.replace(microsecond=0))


def condition(conditions: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """Return the condition of this type, if stated."""
    return next((c for c in conditions if c.type == kind), None)
