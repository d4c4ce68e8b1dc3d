"""Which decisions need a live look, and which may rest on what the watches brought (R6).

A write is fenced by what it rests on: uid and resourceVersion of its object, resourceVersion of the run. What no fence
sees is that something is *absent*: another pod, another hook, a claim, a report. So what wakes a workload or a hook,
makes or deletes a claim, goes on record as missing or failed, and every end but a good one is decided again on a live
look, just before. Bad news too is looked up before it is told, and before it is taken back: why a pod cannot be made is
seen live only.

What is left is the way of a plan that goes well: it opens, stops what runs, records a report that was read, finds the
new version ready, and commits. It is explored on views whose kinds of objects are of different age.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scenario_operator.api.conditions import ConditionType
from scenario_operator.api.outcomes import SUCCESSES
from scenario_operator.execution import facts
from scenario_operator.execution.decide import Decision
from scenario_operator.execution.effects import (
    CreateJob,
    CreateWorkload,
    DeleteClaim,
    DeleteJob,
    DeleteWorkload,
    HoldReport,
    PutToSleep,
    ReleaseJob,
    ReleaseReport,
    StampClaim,
)
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.situation import Situation
from scenario_operator.execution.steps.step import stop_stamp
from scenario_operator.execution.view import View
from scenario_operator.planning.stored import Stored

_FENCED = (
    *(HoldReport, PutToSleep, ReleaseReport, StampClaim),
    *(CreateJob, CreateWorkload, DeleteJob, DeleteWorkload),
)
"""Effects that are safe on a view of any age: a stale one fails, and what is created asleep does nothing.

Not claims: a pod of a stranger may wait for one of that name.
"""
_CLOCKS_DIFFER: Final = 5.0
"""Seconds by which a pod may seem to have started before the step that woke it."""


def needs_look(view: View, decision: Decision) -> bool:
    """Say whether a decision rests on something that no fence can see."""
    before, after = view.journal, decision.record
    if any(workload.drifted for _, workload in view.world.workloads):
        return True  # who wrote what is not in what the watches brought: it may be admission's change of our own write
    if _is_trouble(decision.situation) or not all(isinstance(effect, _FENCED) for effect in decision.effects):
        return True
    if before is None:
        return not _only_opens(view.stored, after.stored)
    if not _heard(view, before, after.journal):
        return True
    if after.journal is None:
        return not (_commits(view.stored, after.stored) and _woke_what_is_seen(view, before))
    return not _goes_on(before, after.journal) or view.stored != after.stored


def asks_whether_it_may(decision: Decision) -> bool:
    """Say whether something cannot be undone: then what an attempt says counts as it is now, an abort above all."""
    return any(isinstance(effect, DeleteClaim | ReleaseJob) for effect in decision.effects)


def tells_trouble(status: Mapping[str, Any]) -> bool:
    """Say whether a status on record tells what may be seen by a live look only, so that no other takes it back."""
    stated = {c["type"]: c["status"] for c in status.get("conditions") or ()}
    return stated.get(ConditionType.DEGRADED.value) == "True"


def opens_for_a_grant(view: View, decision: Decision) -> bool:
    """Say whether a decision takes a grant, which counts only as its attempt has it now."""
    journal = decision.record.journal
    return view.journal is None and journal is not None and bool(journal.grant_id)


def _is_trouble(situation: Situation) -> bool:
    return bool(situation.attention or situation.degraded)


def _heard(view: View, before: Journal, after: Journal | None) -> bool:
    """Say whether all that is new on record was read from pods that its own Stop has held.

    Such a report is what it is, however old the view; that there is none may only mean that it is not seen yet, and
    what another Stop has held may be gone since.
    """
    stops = {facts.stop_name(step): step for step in before.route if step.nature.silences}
    for name in facts.witnessed(before, after):
        step = stops.get(name)
        pods = view.world.of(step.args.incarnation) if step is not None else []
        own = [pod for pod in pods if not pod.foreign]
        if step is None or not own or any(p.held != stop_stamp(before, step) or not p.report for p in own):
            return False
    return True


def _only_opens(before: Stored, after: Stored) -> bool:
    """Say whether nothing changes but what opening a plan enters."""
    same = after._replace(plans=before.plans, handled=before.handled, incarnations=before.incarnations)
    return same == before and after.incarnations[: len(before.incarnations)] == before.incarnations


def _goes_on(before: Journal, after: Journal) -> bool:
    """Say whether a plan goes its way, without a failure."""
    same = before.heading, before.tries, before.failure, before.held_since
    return same == (after.heading, after.tries, after.failure, after.held_since)


def _commits(before: Stored, after: Stored) -> bool:
    """Say whether a plan ends well, on a claim whose stamp cannot be mistaken: it has had one format all along."""
    ended = after.history[0] if after.history != before.history else None
    if ended is not None and ended.outcome not in SUCCESSES:
        return False
    stamps = [applied for applied in (before.applied, after.applied) if applied is not None]
    return all(len(applied.formats) < 2 for applied in stamps) and (
        after.applied is None
        or not after.applied.formats
        or after.applied.formats == (after.applied.state_version,)
    )


def _woke_what_is_seen(view: View, journal: Journal) -> bool:
    """Say whether a plan's starts have woken the pods that are seen; one from before tells nothing of the new ones."""
    begun = {s.args.incarnation: journal.begun_at(s.id) for s in journal.route if s.nature.wakes}
    woken = {number: at for number, at in begun.items() if at is not None}
    own = [pod for pod in view.world.pods if pod.incarnation in woken and not pod.foreign]
    return all(pod.started_at + _CLOCKS_DIFFER >= woken[pod.incarnation] for pod in own)
