"""What is told of a run beside its status: Events, log lines and measures.

An Event is for people: a plan begins, it ends, somebody is needed. The log has every change of state.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from scenario_operator.api.reasons import Reason
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.kinds import JsonObject
from scenario_operator.execution.decide import Decision, Record
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.view import View

logger = logging.getLogger(__name__)


class Teller:
    """Tells once of what a status write has changed."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def tell(self, obj: JsonObject, view: View, decision: Decision, old: Mapping[str, Any]) -> None:
        """Tell of a decision whose status has been written over the old one."""
        situation = decision.situation
        if situation.reason and situation.reason != _ready(old):
            logger.info("state reason=%(r)s: %(m)s", {"r": situation.reason, "m": situation.message})
            warns = bool(situation.attention or situation.degraded)
            if warns or (view.journal is None) != (decision.record.journal is None):
                self._context.events.post(
                    obj,
                    type_="Warning" if warns else "Normal",
                    reason=situation.reason,
                    action="Reconcile",
                    note=situation.message,
                )
        self._warn_of_orphans(obj, view, decision)
        fresh = len(decision.record.stored.history) and decision.record.stored.history[0]
        if fresh and fresh not in view.stored.history:
            self._context.measures.upgrade_finished(fresh.outcome)
        self._measure(view.journal, decision.record, view.now)

    def _warn_of_orphans(self, obj: JsonObject, view: View, decision: Decision) -> None:
        """Warn of values that the version in use does not declare: they are kept, but the program does not get them."""
        stored = decision.record.stored
        known = dict(view.stored.parameters.orphaned)
        lost = [name for name, _ in stored.parameters.orphaned if name not in known]
        if not lost or stored.applied is None:
            return
        note = f"version {stored.applied.version} does not declare {', '.join(f'spec.parameters.{n}' for n in lost)}"
        self._context.events.post(
            obj,
            type_="Warning",
            reason=Reason.UNKNOWN_PARAMETER.value,
            action="Reconcile",
            note=f"{note}: kept in status.parameters.orphaned and not passed on",
        )

    def _measure(self, before: Journal | None, record: Record, now: float) -> None:
        if before is None:
            return
        after = set(record.journal.done) if record.journal else {s.id for s in before.route}
        for step in before.route:
            since = before.begun_at(step.id)
            if step.id in after and step.id not in before.done and since is not None:
                self._context.measures.step_finished(step.kind.value, max(0.0, now - since))


def _ready(status: Mapping[str, Any]) -> str:
    ready = next((c for c in status.get("conditions") or [] if c["type"] == "Ready"), None)
    return ready["reason"] if ready else ""
