"""Plans with fresh state: what a strategy's axes ask for, and why they can be refused."""

from __future__ import annotations

from scenario_operator.api.journal import Kind
from scenario_operator.api.reasons import Reason
from scenario_operator.planning import windows
from scenario_operator.planning.compile.change import Change, contradiction, is_unasked, unmatched
from scenario_operator.planning.compile.common import (
    COMMIT,
    LIVE,
    NEXT,
    Blocked,
    Case,
    assembled,
    no_room,
    preflight,
    verify,
)
from scenario_operator.planning.plan import Plan, Snapshot
from scenario_operator.planning.presets import FRESH, PRESETS, REVERT, Axes, bounds
from scenario_operator.planning.steps import Args, Draft, Slot
from scenario_operator.planning.stored import DELETED, KEPT, Applied


def plan_fresh(case: Case, applied: Applied, change: Change, kind: str) -> Plan | Blocked:
    """Plan with fresh state: everything destructive first, then the new incarnation, if the run is to run."""
    axes = PRESETS[kind]
    stated = case.strategy or Snapshot()
    strategy = stated._replace(
        type=kind, window=bounds(stated.window if stated.type == kind else windows.Bounds(), axes)
    )
    case = case._replace(strategy=strategy)
    refusal = _unresolvable(case, strategy) or _no_clean_logic(case, axes)
    if refusal:
        return refusal
    destroying = _destroying(case, axes)
    steps: list[Draft] = [*preflight(case)]
    if not case.stored.stopped:
        steps.append(Draft("stop", Kind.STOP, LIVE, Args(report=True)))
    steps += [Draft("resolve-window", Kind.RESOLVE_WINDOW), *destroying]
    if not case.stored.stopped:
        steps.append(Draft("start", Kind.START, NEXT, Args(revision="to", create=True)))
        steps += verify(case.target, NEXT)
    steps.append(COMMIT)
    if full := no_room(case, tuple(steps)):
        return full
    destructive = [d.title() for d in destroying]
    if axes.state == FRESH and not destroying:
        destructive.append("DeleteState(live) when the new version is Ready")
    attention, notes = _attention(case, change, axes)
    if destructive and is_unasked(case, change):
        attention = attention or Reason.UNDECLARED_EDGE.value
    return assembled(
        case,
        case.cause,
        change.level,
        tuple(steps),
        reversible=not destructive,
        destructive=tuple(destructive),
        attention=attention,
        diff=change.diff,
        notes=(*notes, *unmatched(case, applied, change)),
    )


def _destroying(case: Case, axes: Axes) -> tuple[Draft, ...]:
    """RevertResults of every incarnation whose results are still kept, then the state.

    A stopped run has nowhere to start anew, so a plan that would retire its state later deletes it at once.
    """
    steps: list[Draft] = []
    stored = case.stored
    if axes.results == REVERT and _revertible(case):
        # Also of one that never committed, if its clean-up was given up: that has a higher number than the live one.
        kept = [i.number for i in stored.incarnations if i.results == KEPT]
        for number in sorted(kept, reverse=True):
            slot = Slot("live", stored.live - number)
            steps.append(Draft(f"revert-{slot}", Kind.REVERT_RESULTS, slot, Args(committed=True)))
    if axes.results == REVERT or stored.stopped:
        retained = [i.number for i in stored.incarnations if i.state != DELETED]
        for number in sorted(retained, reverse=True):
            slot = Slot("live", stored.live - number)
            steps.append(Draft(f"delete-{slot}", Kind.DELETE_STATE, slot, Args(committed=True)))
    return tuple(steps)


def _revertible(case: Case) -> bool:
    source = case.source
    return source is not None and any(o.class_ == "Reversible" for o in source.spec.outputs or ())


def _no_clean_logic(case: Case, axes: Axes) -> Blocked | None:
    if axes.results != REVERT:
        return None
    if case.source is None:
        return Blocked(
            Reason.CLEAN_LOGIC_MISSING,
            "the applied revision is gone, and with it the logic that reverts its results; "
            "use strategy type Continuation, which keeps them",
        )
    hooks = case.source.spec.hooks
    if _revertible(case) and not (hooks and hooks.revert):
        return Blocked(
            Reason.CLEAN_LOGIC_MISSING,
            f"spec.hooks.revert: {case.source.version} declares Reversible outputs but has no revert hook",
        )
    return None


def _unresolvable(case: Case, strategy: Snapshot) -> Blocked | None:
    """A stopped run that left no report cannot give one later: say so before anything is touched."""
    stop = case.stored.last_stop
    known_missing = case.stored.stopped and (stop is None or stop.processed_until is None)
    why = f" ({stop.fault})" if stop and stop.fault else ""
    if known_missing and windows.needs_report(strategy.window):
        return Blocked(
            Reason.STOP_REPORT_MISSING,
            f"the run was stopped without a report{why}, and spec.window of the strategy needs one; "
            "set ifMissing: ObservedStop on that bound",
        )
    return None


def _attention(case: Case, change: Change, axes: Axes) -> tuple[str, tuple[str, ...]]:
    """Find what a human must approve whatever the policy says, and what he should know."""
    notes: list[str] = []
    attention = ""
    if change.disputed:
        attention = Reason.DISPUTED.value
        notes.append(contradiction(case))
    changed = _changed_identities(case) if axes.results != REVERT else []
    if changed:
        attention = attention or Reason.OUTPUT_IDENTITY_CHANGED.value
        notes.append(
            f"the identity of {', '.join(changed)} changes: open outputs of the old version stay open"
        )
    if axes.results == REVERT and not _revertible(case):
        notes.append("no Reversible outputs are declared: results stay as they are")
    return attention, tuple(notes)


def _changed_identities(case: Case) -> list[str]:
    old = {o.kind: o.identity for o in case.source.spec.outputs or ()} if case.source else {}
    return sorted(
        o.kind for o in case.target.spec.outputs or () if o.kind in old and old[o.kind] != o.identity
    )
