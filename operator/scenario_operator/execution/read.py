"""Reading a ScenarioRun: what people ask of it, from its spec, and its record, from its status.

A run that a newer operator or a hand wrote otherwise raises; `readable` says so beforehand, and it is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from scenario_operator.api.run import DesiredState, ScenarioRun
from scenario_operator.execution import wire
from scenario_operator.execution.decide import Record
from scenario_operator.execution.view import Run
from scenario_operator.planning.snapshot import bounds_of


def run_of(obj: Mapping[str, Any]) -> Run:
    """Read what the user asks of a run."""
    parsed = ScenarioRun.read(obj)
    spec = parsed.spec
    return Run(
        namespace=parsed.metadata.namespace,
        name=parsed.metadata.name,
        uid=parsed.metadata.uid,
        generation=parsed.metadata.generation,
        scenario=spec.scenario_ref.name,
        desired_running=spec.desired_state is DesiredState.RUNNING,
        pinned=spec.pinned_version or "",
        hold=spec.hold or "",
        bounds=bounds_of(spec),
        parameters=tuple(sorted(spec.parameters.items())),
        recompute_nonce=spec.recompute_nonce or "",
        restart_nonce=spec.restart_nonce or "",
        retry_nonce=spec.retry_nonce or "",
        abort_nonce=spec.abort_nonce or "",
        deleting=parsed.metadata.deletion_timestamp is not None,
    )


def record_of(obj: Mapping[str, Any]) -> Record:
    """Read the record of a run from its status."""
    return wire.load(obj.get("status") or {})


def readable(obj: Mapping[str, Any]) -> bool:
    """Say whether we can read a run; one that a newer operator or a hand wrote otherwise is left alone."""
    try:
        ScenarioRun.read(obj)
        record_of(obj)
    except (ValidationError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return True
