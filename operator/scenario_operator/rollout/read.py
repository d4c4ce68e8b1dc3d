"""Reading a ScenarioRun as the scenario's side knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scenario_operator.api.reading import Unreadable
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.read import ReadRun, read_run
from scenario_operator.rollout.facts import RunFacts, RunName, Unread

_SAYS_NOTHING = frozenset({Reason.REFUSED, Reason.CLAIM_IN_USE, Reason.STOP_TIMEOUT})
"""What a run waits for without having failed: it says nothing of the version that the run is led to."""


def facts_of(obj: Mapping[str, Any], read: ReadRun | Unreadable | None = None) -> RunFacts | Unread:
    """Return the few facts of a run from which it is scheduled, but for its own strategy, which is another object.

    `read`: the run, where it has been read already.
    """
    read = read_run(obj) if read is None else read
    if isinstance(read, Unreadable):
        metadata = obj["metadata"]
        return Unread(RunName(metadata["namespace"], metadata["name"]), metadata["uid"], str(read))
    run, record = read
    journal = record.journal
    conditions = {c["type"]: c for c in (obj.get("status") or {}).get("conditions") or ()}
    asked = conditions.get("ActionRequired", {})
    waits = asked.get("status") == "True"
    return RunFacts(
        namespace=run.namespace,
        name=run.name,
        uid=run.uid,
        stored=record.stored,
        parameters=run.parameters,
        pinned=bool(run.pinned),
        hold=bool(run.hold),
        desired_running=run.desired_running,
        deleting=run.deleting,
        journal_grant=journal.grant_id if journal else None,
        journal_attempt=journal.attempt if journal else "",
        journal_revisions=(journal.source.revision, journal.target.revision) if journal else (),
        waits=waits and journal is not None,
        unproved=waits and asked.get("reason") in _SAYS_NOTHING,
        asks=asked["reason"] if waits and journal is None and record.stored.applied is None else "",
        failed=conditions.get("RolledBack", {}).get("status") == "True",
        recompute_nonce=run.recompute_nonce,
        retry_nonce=run.retry_nonce,
    )
