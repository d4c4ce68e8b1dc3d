"""A run's whole status: the record, and what the situation means for conditions (docs/conditions.md).

This is the one place that finalises conditions. During an open plan nothing but news of the plan is worth a
write: a pod that becomes ready in the middle of it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from scenario_operator.api import commands, names
from scenario_operator.api.conditions import ONLY_WHILE_TRUE, Assessment, ConditionType, merge_conditions
from scenario_operator.api.reading import Unreadable
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import health
from scenario_operator.execution.decide import Decision
from scenario_operator.execution.own import is_behind
from scenario_operator.execution.situation import OF_THE_SCENARIO, Situation, Standing
from scenario_operator.execution.view import View
from scenario_operator.execution.wire import dump
from scenario_operator.planning.stored import timestamp

JsonObject = dict[str, Any]
_C = ConditionType

_RECONCILING = {Standing.WORKING, Standing.LEARNING, Standing.STARTING, Standing.PAST_RETURN}
_STALLED = {Standing.ROLLED_BACK, Standing.STALLED}


def render(view: View, decision: Decision, old: Mapping[str, Any]) -> JsonObject:
    """Return the status to write; conditions keep their transition times."""
    situation = decision.situation
    assessments = assess(view, decision)
    now = datetime.fromtimestamp(view.now, UTC)
    generation = view.run.generation
    return {
        "observedGeneration": generation,
        "conditions": merge_conditions(old.get("conditions") or [], assessments, now, generation),
        "phase": phase(situation, decision),
        **_health(view, decision, old),
        **dump(decision.record, view.run.name),
    }


def unreadable(obj: Mapping[str, Any], kind: commands.Kind, problem: Unreadable, now: datetime) -> JsonObject:
    """Return the status of an object that cannot be read: its record stays, and so does all else that was said of it.

    `kind` is its short name for kubectl.
    """
    metadata, old = obj["metadata"], obj.get("status") or {}
    reason = Reason.UNREADABLE if problem.of_status else Reason.INVALID_SPEC
    where = names.plain(metadata["namespace"]), names.plain(metadata["name"])
    way = f"a newer operator or a hand wrote it: update the operator, or see: {commands.show(kind, *where)}"
    attention = (
        f"{problem}; {way}" if problem.of_status else f"{problem}; edit: {commands.edit(kind, *where)}"
    )
    stated = [
        Assessment(_C.READY, "False", reason, str(problem)),
        Assessment(_C.STALLED, "True", reason, str(problem)),
        Assessment(_C.VALID, "False", reason, str(problem)),
        Assessment(_C.ACTION_REQUIRED, "True", reason, attention),
    ]
    generation = metadata.get("generation", 1)
    told = old.get("conditions") or []
    fresh = merge_conditions(told, stated, now, generation)
    replaced = {*(a.type.value for a in stated), *(kind.value for kind in ONLY_WHILE_TRUE)}
    known = {c["type"] for c in fresh}
    kept = [c for c in told if c["type"] not in replaced and c["type"] not in known]
    return {**old, "observedGeneration": generation, "conditions": [*fresh, *kept]}


def is_news(view: View, decision: Decision, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Say whether a status is worth writing over the old one."""
    if old == new or {**old, "readyAt": ""} == {**new, "readyAt": ""}:
        # When it was first ready is written with what makes it matter.
        return False
    if decision.record.journal is None or view.journal is None:
        return True
    quiet = {_C.AVAILABLE.value}
    return _without(old, quiet) != _without(new, quiet)


def _health(view: View, decision: Decision, old: Mapping[str, Any]) -> JsonObject:
    """Return what is remembered of the run's health."""
    record = decision.record
    after = view._replace(stored=record.stored, journal=record.journal)
    stated = {c["type"]: c["status"] for c in old.get("conditions") or ()}
    known = health.remembered(
        after,
        closing=view.journal is not None and record.journal is None,
        was_available=stated.get(_C.AVAILABLE.value) == "True",
    )
    times = {"readyAt": known.ready_at, "unwellSince": known.unwell_since}
    return {key: timestamp(at) for key, at in times.items() if at is not None}


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> JsonObject:
    """Return the merge patch that makes the status equal to `new`: what is gone is set to null."""
    patch: JsonObject = {}
    for key in old.keys() | new.keys():
        if key not in new:
            patch[key] = None
        elif key not in old:
            patch[key] = new[key]
        elif isinstance(old[key], dict) and isinstance(new[key], dict):
            if old[key] != new[key]:
                patch[key] = merge_patch(old[key], new[key])
        elif old[key] != new[key]:
            patch[key] = new[key]
    return patch


def assess(view: View, decision: Decision) -> list[Assessment]:
    """Return every condition that the readiness table states for this situation."""
    situation, stored = decision.situation, decision.record.stored
    reason, message = Reason(situation.reason), situation.message
    standing = situation.standing
    contact = _contact(decision)
    assessments = [
        Assessment(
            _C.READY, "False" if contact or standing is Standing.DEGRADED else "True", reason, message
        ),
        _available(view, decision),
        _up_to_date(view, decision),
        Assessment(_C.ACTION_REQUIRED, "True", _asking(situation), situation.attention)
        if situation.attention
        else Assessment(_C.ACTION_REQUIRED, "False", Reason.NO_ACTION_REQUIRED),
    ]
    if contact is not None:
        assessments.append(Assessment(contact, "True", reason, message))
    if standing is Standing.LEARNING:
        assessments.append(Assessment(_C.LEARNING, "True", reason, message))
    if situation.degraded:
        assessments.append(Assessment(_C.DEGRADED, "True", reason, situation.degraded))
    if situation.rolled_back:
        assessments.append(Assessment(_C.ROLLED_BACK, "True", Reason.ROLLED_BACK, situation.rolled_back))
    if stored.parameters.conflicts:
        names = ", ".join(c.name for c in stored.parameters.conflicts)
        told = f"the default of {names} changed; the user's value stands"
        assessments.append(Assessment(_C.PARAMETERS_CONFLICTING, "True", Reason.PARAMETERS_CONFLICTING, told))
    return assessments


def _contact(decision: Decision) -> ConditionType | None:
    """Return what tools that wait are told: Reconciling, Stalled, or nothing when the run is ready.

    What the Scenario's spec has brought about and can mend stalls the Scenario, never the run. A commit that mends the
    Scenario does not touch the run, so the run's stall would be there, with a current observedGeneration, before the
    operator has looked: kstatus would fail the very commit that mends.
    """
    situation = decision.situation
    if situation.standing in _RECONCILING:
        return _C.RECONCILING
    if situation.standing not in _STALLED:
        return None
    if situation.standing is Standing.ROLLED_BACK:
        return _C.STALLED if situation.own else None
    return _C.RECONCILING if _is_the_scenarios(decision) else _C.STALLED


def _is_the_scenarios(decision: Decision) -> bool:
    """Say whether a run that has never worked is kept from it by its Scenario: nothing to start on, or no start."""
    if decision.record.stored.applied is not None or decision.situation.degraded:
        return False
    hangs = decision.record.journal is not None and decision.situation.reason != Reason.HELD
    return hangs or decision.situation.reason in OF_THE_SCENARIO


def _asking(situation: Situation) -> Reason:
    if situation.rolled_back:
        return Reason.ROLLED_BACK
    return Reason(situation.attention_reason or situation.reason)


def phase(situation: Situation, decision: Decision) -> str:
    """Summarise for people; automation reads conditions."""
    if decision.record.stored.stopped and decision.record.journal is None:
        return "Stopped"
    if situation.standing is Standing.SETTLED or situation.standing in (Standing.WAITING, Standing.BLOCKED):
        return "Running" if decision.record.stored.live else "Pending"
    words = {Standing.WORKING: "Upgrading", Standing.PAST_RETURN: "Upgrading"}
    if decision.record.stored.applied is None and _contact(decision) is _C.RECONCILING:
        return "Learning" if situation.standing is Standing.LEARNING else "Starting"
    return words.get(situation.standing, situation.standing.value)


def _available(view: View, decision: Decision) -> Assessment:
    standing = decision.situation.standing
    if standing is Standing.STOPPED or decision.record.stored.stopped:
        return Assessment(_C.AVAILABLE, "False", Reason.STOPPED)
    if standing is Standing.LEARNING:
        return Assessment(_C.AVAILABLE, "False", Reason.LEARNING)
    serving = any(p.ready and not p.foreign and not p.terminating for p in view.world.pods)
    if serving and standing is not Standing.PAST_RETURN:
        return Assessment(_C.AVAILABLE, "True", Reason.AVAILABLE)
    return Assessment(_C.AVAILABLE, "False", Reason.NOT_READY)


def _up_to_date(view: View, decision: Decision) -> Assessment:
    stored, situation = decision.record.stored, decision.situation
    current = view._replace(stored=stored)
    unsound = situation.reason == Reason.STATE_OUT_OF_SYNC
    if stored.applied is not None and not is_behind(current) and not unsound:
        return Assessment(_C.UP_TO_DATE, "True", Reason.UP_TO_DATE, f"on version {stored.applied.version}")
    reason = Reason.ROLLED_BACK if situation.rolled_back else Reason(situation.reason)
    return Assessment(_C.UP_TO_DATE, "False", reason, situation.rolled_back or situation.message)


def _without(status: Mapping[str, Any], kinds: set[str]) -> JsonObject:
    conditions = [c for c in status.get("conditions") or [] if c["type"] not in kinds]
    return {**status, "conditions": conditions}
