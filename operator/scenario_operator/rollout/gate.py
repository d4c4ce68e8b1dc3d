"""Why a run has no grant: one answer for the decision, for its message and for the explorer.

It looks from the run's side at what the Scenario's side says: its conditions, its attempts, its strategy.
"""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.api import commands
from scenario_operator.api.names import PlainName
from scenario_operator.api.outcomes import FAILURES
from scenario_operator.api.reasons import Reason
from scenario_operator.api.upgrade import AttemptPhase
from scenario_operator.execution.own import case_of, is_behind
from scenario_operator.execution.situation import retry_command
from scenario_operator.execution.view import Gate, Grant, View
from scenario_operator.planning.compile import Blocked, plan_upgrade
from scenario_operator.planning.plan import Cause
from scenario_operator.planning.revision import Revision
from scenario_operator.rollout import facts
from scenario_operator.rollout.facts import Attempt, RunName, Statement, Told
from scenario_operator.rollout.groups import unplanned

_FREEZING = frozenset(
    (Reason.UNREADABLE.value, Reason.STRATEGY_NOT_FOUND.value, Reason.DIGEST_MISMATCH.value)
)
"""What a Scenario says when it grants nothing although its spec is valid."""
_REASONS = frozenset(reason.value for reason in Reason)


class Around(NamedTuple):
    """The Scenario's side as a run sees it; `told` is None when there is no Scenario.

    `active` is the newest released revision, `labelled` the newest one with the label of the pin. `suspended`: the
    Scenario's rollouts are. `strategy_missing` names a strategy that is referred to and is not there,
    `strategy_unread` says why one cannot be read.
    """

    told: Told | None
    attempts: tuple[Attempt, ...] = ()
    strategy_missing: str = ""
    active: Revision | None = None
    labelled: Revision | None = None
    suspended: bool = False
    strategy_unread: str = ""


def halt(told: Told) -> Statement | None:
    """Say why no run is granted although the spec is valid, None when it is published.

    While what the spec names is not there, nobody is led to what it is to replace.
    """
    return told.missing


def entry_of(view: View, around: Around) -> Revision | None:
    """Return the revision on which a run with nothing applied starts.

    One whose version was replaced starts on what is wanted: consent for what that destroyed was given, and what it
    left behind is never started again. A suspension is a person's word, so it waits for that.
    """
    if around.told is None:
        return None
    if view.run.pinned:
        return around.labelled
    if not view.stored.replaced or view.wanted is None:
        return around.active
    here = (a for a in around.attempts if a.revision == view.wanted.name and not a.finished)
    return None if around.suspended or any(a.suspend for a in here) else view.wanted


def gate_of(view: View, around: Around) -> Gate | None:
    """Say why a run that is behind has no grant, or why it has nothing to start on; None: it is its turn's matter."""
    if around.told is None:
        name = view.run.scenario
        see = f"apply it, see: {commands.listing('scn', view.run.namespace)}"
        message = f"spec.scenarioRef: there is no Scenario {name}"
        return Gate(Reason.SCENARIO_NOT_FOUND.value, message, attention=True, command=see)
    if view.entry is None:
        if view.stored.replaced and view.wanted is not None and not view.run.pinned:
            told = f"the rollout of {view.wanted.version}, on which the run starts anew, is suspended"
            return Gate(Reason.SUSPENDED.value, told)
        return no_revision(around.told, view)
    asks = view.wants_recompute
    if view.journal is not None or view.wanted is None or not (is_behind(view) or asks):
        return None
    lacking = unplanned(around)
    if lacking is not None:
        see = f"see: {commands.listing('ustrat', view.run.namespace)}" if around.strategy_missing else ""
        return Gate(lacking.reason.value, lacking.message, attention=True, command=see)
    plan = plan_upgrade(case_of(view, view.wanted, Cause.RECOMPUTE if asks else Cause.UPGRADE))
    if isinstance(plan, Blocked):
        own = plan.reason in facts.OF_THE_RUN
        see = f"edit: {commands.edit('srun', view.run.namespace, view.run.name)}" if own else ""
        return Gate(plan.reason.value, plan.message, attention=True, command=see)
    return _attempts_gate(view, around, view.wanted, plan.plan_hash)


def grant_of(view: View, attempts: tuple[Attempt, ...]) -> Grant | None:
    """Return the run's live grant: that of its open plan, else one that is not spent, else one that is listed."""
    grants = [_grant(a, given) for a in attempts for given in a.active if given.run_uid == view.run.uid]
    journal = view.journal.grant_id if view.journal else ""
    grants.sort(key=lambda g: (g.id != journal, view.stored.spent(g.id)))
    return grants[0] if grants else None


def taken_back(uid: str, attempts: tuple[Attempt, ...]) -> frozenset[tuple[str, str]]:
    """Return the nonces of a run whose attempts were aborted, each with the attempt's cause."""
    aborted = (a for a in attempts if a.called_off)
    return frozenset((a.cause, asked.nonce) for a in aborted for asked in a.asked if asked.uid == uid)


def _grant(attempt: Attempt, given: facts.Grant) -> Grant:
    return Grant(
        id=given.id,
        attempt=attempt.name,
        plan_hash=given.plan_hash,
        revision=attempt.revision,
        cause=attempt.cause,
        abort=attempt.abort,
        suspend=attempt.suspend,
        skip_revert=attempt.skip_revert,
    )


def _attempts_gate(view: View, around: Around, wanted: Revision, plan_hash: PlainName) -> Gate | None:
    run = RunName(view.run.namespace, view.run.name)
    here = [a for a in around.attempts if a.revision == wanted.name and a.is_about(run)]
    waits = [a for a in here if not a.finished]
    refused = _halted(around.told, view, opening=not waits)
    aborted = next((a for a in here if a.abort), None)
    if not waits and refused is not None and (aborted is None or view.wants_retry or view.wants_recompute):
        return refused
    rejected = next((a for a in here if a.reject), None)
    if not waits and aborted is None and rejected is not None:
        told = f"{rejected.name} to {wanted.version} was rejected: {rejected.reject.shown()}"
        return Gate(Reason.REJECTED.value, told)
    ended = None if waits else _ended_badly(view, here)
    if ended is not None:
        return ended
    if not waits and aborted is not None:
        retry = f"publish a fixed version, or try again: {retry_command(view)}"
        told = f"{aborted.name} to {wanted.version} was aborted"
        return Gate(Reason.ABORTED.value, told, attention=True, command=retry)
    found = next((g for a in waits if (g := _attempt_gate(view, a, wanted, plan_hash)) is not None), None)
    # A suspension is somebody's word; all else would not help while nothing can be granted.
    return found if refused is None or (found and found.reason == Reason.SUSPENDED.value) else refused


def _ended_badly(view: View, attempts: list[Attempt]) -> Gate | None:
    """Say that an attempt has given the run up, as its report knows when the run itself does not any more."""
    for attempt in attempts:
        report = attempt.report_of(view.run.uid)
        if report is not None and report.ended.outcome in FAILURES and not attempt.abort:
            told = f"{attempt.name} ended with {report.ended.outcome} for this run"
            command = f"publish a fixed version, or try again: {retry_command(view)}"
            return Gate(Reason.ROLLED_BACK.value, told, attention=True, command=command)
    return None


def _attempt_gate(view: View, attempt: Attempt, wanted: Revision, plan_hash: PlainName) -> Gate | None:
    name = f"{attempt.name} to {wanted.version}"
    if attempt.phase is AttemptPhase.SUSPENDED:
        return Gate(Reason.SUSPENDED.value, f"{name} is suspended")
    if attempt.phase is AttemptPhase.HELD and attempt.reason == Reason.CANARY_FAILED.value:
        return Gate(Reason.CANARY_FAILED.value, f"{name} is held: the run that went first did not arrive")
    if attempt.phase is AttemptPhase.HELD:
        return Gate(Reason.ROLLOUT_HELD.value, f"{name} is held by failures")
    group = next((g for g in attempt.groups if g.plan_hash == plan_hash), None)
    if group is not None and not group.approved:
        first = not attempt.approvals
        command = f"approve: {commands.approve(view.run.namespace, attempt.name, plan_hash, first=first)}"
        told = f"plan {plan_hash} of {name} waits for approval"
        return Gate(Reason.AWAITING_APPROVAL.value, told, attention=True, command=command)
    return None


def _halted(told: Told | None, view: View, *, opening: bool) -> Gate | None:
    """Say that nothing is opened or granted while the spec is not valid or not published, or its pace not known."""
    if told is None:
        return None
    stop, name = told.invalid or halt(told), view.run.scenario
    if stop is None:
        if not told.stalled or told.ready.reason not in _FREEZING:
            return None
        waits = f"nothing is granted by Scenario {name}: {told.ready.message}"
        return Gate(told.ready.reason, waits, attention=True)
    if told.invalid is None and not opening:
        return Gate(stop.reason, f"no run is led on while Scenario {name} says {stop.reason}: {stop.message}")
    asked = "spec.recomputeNonce " if view.wants_recompute else "spec.retryNonce " if view.wants_retry else ""
    until = "is published" if told.invalid is None else "is valid"
    message = f"{asked}waits until the spec of Scenario {name} {until}: {stop.reason} {stop.message}"
    return Gate(Reason.NO_VALID_REVISION.value, message, attention=True)


def no_revision(told: Told, view: View) -> Gate:
    """Say why a run has nothing to start on: no version of its pin, or none that was released."""
    name, namespace = view.run.scenario, view.run.namespace
    if view.run.pinned:
        missing = f"spec.pinnedVersion: no revision of {name} has version {view.run.pinned}"
        see = f"see: {commands.revisions_of(namespace, name)}"
        return Gate(Reason.REVISION_NOT_FOUND.value, missing, attention=True, command=see)
    reason = told.ready.reason if told.ready.reason in _REASONS else Reason.RESOLVING.value
    if not told.stalled:
        message = f"Scenario {name} has no released revision yet: {reason} {told.ready.message}".rstrip()
        return Gate(reason, message)
    see = f"see: {commands.describe('scn', namespace, name)}"
    message = f"Scenario {name} has no valid revision: {reason} {told.ready.message}"
    return Gate(Reason.NO_VALID_REVISION.value, message, attention=True, command=see)
