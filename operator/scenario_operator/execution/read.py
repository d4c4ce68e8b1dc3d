"""Reading a ScenarioRun: what people ask of it, from its spec, and its record, from its status.

`read_run` is total. A run that a newer operator or a hand wrote otherwise is left alone, and says which field it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.foreign import Foreign
from scenario_operator.api.reading import Unreadable, reading
from scenario_operator.api.run import DesiredState, ScenarioRun
from scenario_operator.execution import facts, wire
from scenario_operator.execution.decide import Record
from scenario_operator.execution.view import Health, Run
from scenario_operator.planning.snapshot import bounds_of
from scenario_operator.planning.stored import instant


class ReadRun(NamedTuple):
    """A run as it was read: what people ask of it, and its record."""

    run: Run
    record: Record


def read_run(obj: Mapping[str, Any]) -> ReadRun | Unreadable:
    """Return what a ScenarioRun says, or which field of it cannot be read."""
    parsed = reading(lambda: run_of(obj), "")
    if isinstance(parsed, Unreadable):
        return parsed
    record = reading(lambda: record_of(obj), "status")
    return _culprit(obj, record) if isinstance(record, Unreadable) else ReadRun(parsed, record)


def run_of(obj: Mapping[str, Any]) -> Run:
    """Read what the user asks of a run; raises what `read_run` tells of one that cannot be read."""
    parsed = ScenarioRun.read(obj)
    spec = parsed.spec
    return Run(
        namespace=names.plain(parsed.metadata.namespace),
        name=names.plain(parsed.metadata.name),
        uid=parsed.metadata.uid,
        generation=parsed.metadata.generation,
        scenario=names.plain(spec.scenario_ref.name),
        desired_running=spec.desired_state is DesiredState.RUNNING,
        pinned=spec.pinned_version or "",
        hold=Foreign(spec.hold or ""),
        bounds=bounds_of(spec),
        parameters=tuple(sorted(spec.parameters.items())),
        recompute_nonce=spec.recompute_nonce or "",
        restart_nonce=spec.restart_nonce or "",
        retry_nonce=spec.retry_nonce or "",
        abort_nonce=spec.abort_nonce or "",
        deleting=parsed.metadata.deletion_timestamp is not None,
    )


def record_of(obj: Mapping[str, Any]) -> Record:
    """Read the record of a run from its status; raises what `read_run` tells of one that cannot be read."""
    return proven(wire.load(obj.get("status") or {}))


def proven(record: Record) -> Record:
    """Return a record whose facts can all be read: nobody who needs one later has to doubt it."""
    if record.journal is not None:
        facts.prove(record.journal)
    return record


def _culprit(obj: Mapping[str, Any], found: Unreadable) -> Unreadable:
    """Name the part of a status that cannot be read by itself; it is what was found when each of them can."""
    for key, part in (obj.get("status") or {}).items():
        alone = {"status": {key: part}}
        told = reading(partial(record_of, alone), f"status.{key}")
        if isinstance(told, Unreadable):
            return told
    return found


def health_of(obj: Mapping[str, Any]) -> Health:
    """Read what the status of a run remembers of the health of its live incarnation; total, a bad time is none."""
    status = obj.get("status") or {}
    well = [
        c.get("lastTransitionTime")
        for c in status.get("conditions") or ()
        if c.get("type") in ("Available", "Learning") and c.get("status") == "True"
    ]
    return Health(
        incarnation=status.get("incarnation", 0),
        ready_at=instant(status.get("readyAt")),
        unwell_since=instant(status.get("unwellSince")),
        well_since=instant(well[0]) if well else None,
    )
