"""What users get of a situation: its status, rendered, sent and read back as in production.

A word that is no Reason, a status that its own schema refuses and a field that the wire loses fail here.
"""

from __future__ import annotations

import json
from typing import Any

from scenario_operator.api.common import wire
from scenario_operator.api.run import RunStatus
from scenario_operator.execution.decide import Decision, Record
from scenario_operator.execution.status import render
from scenario_operator.execution.view import View
from scenario_operator.execution.wire import load

from .states import Violation


def parts(decision: Decision) -> set[object]:
    """Return the two parts of a status, what is recorded and what conditions say of it.

    Neither is written differently for the other, so whoever has rendered each once has rendered all.
    """
    return {("record", decision.record), ("situation", decision.situation)}


def check_told(view: View, decision: Decision) -> None:
    """Check that a decision's status can be written, and that the next process reads from it what was decided."""
    try:
        sent = json.loads(json.dumps(render(view, decision, {})))
        kept = wire(RunStatus.model_validate(sent))
        back = load(sent)
    except (ValueError, TypeError, LookupError, AttributeError) as broken:
        told = f"{decision.situation.standing}, {decision.situation.reason}"
        raise Violation(f"the status of a run that is {told} cannot be written: {broken}", []) from broken
    changed = differing(_stated(sent), _stated(kept))
    if changed:
        # Our model shortens and leaves out what the API server, with the same schema, refuses or prunes.
        raise Violation(f"the status does not fit its schema: {', '.join(changed)}", [])
    if back != decision.record:
        raise Violation(f"the status loses what was decided: {', '.join(_lost(decision.record, back))}", [])


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return the keys under which two maps differ."""
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def _stated(value: Any) -> Any:
    """Return a status without what says as much as its absence."""
    if isinstance(value, dict):
        found = {key: _stated(inner) for key, inner in value.items()}
        return {key: inner for key, inner in found.items() if inner not in ("", [], {}, None, False)}
    return [_stated(inner) for inner in value] if isinstance(value, list) else value


def _lost(decided: Record, back: Record) -> list[str]:
    """Return the names of the fields that did not come back as they were."""
    if decided.journal is None or back.journal is None:
        journals = [] if decided.journal is back.journal else ["the journal"]
    else:
        journals = differing(decided.journal._asdict(), back.journal._asdict())
    return [*differing(decided.stored._asdict(), back.stored._asdict()), *journals]
