"""From what a run has and what is wanted to a plan, or to the reason why there is none.

`state that can be kept is kept, whatever the strategy's type`: a keeping path is looked for first, and a plan
that keeps state never turns into one that drops it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from scenario_operator.api.common import Level
from scenario_operator.api.journal import Kind
from scenario_operator.api.reasons import Reason
from scenario_operator.planning import compatibility, windows
from scenario_operator.planning.compatibility import Edge, Word
from scenario_operator.planning.legality import violations
from scenario_operator.planning.parameters import merge
from scenario_operator.planning.plan import Cause, End, Plan, Snapshot
from scenario_operator.planning.presets import FRESH, PRESETS, RECOMPUTE, REVERT, Axes, bounds
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.steps import Args, Draft, Slot
from scenario_operator.planning.stored import DELETED, KEPT, Applied, Stored

_LIVE, _NEXT = Slot("live"), Slot("next")
_FRESH_TYPES = " or ".join(PRESETS)
"""The types of strategies that may do more than keep the state, as messages name them."""


class Blocked(NamedTuple):
    """No plan can be made; `message` names the field to change."""

    reason: Reason
    message: str


class Case(NamedTuple):
    """One run and the revisions that a plan for it is about.

    `source` is None when the applied revision is no longer there. `strategy` is None when none is set;
    `user` holds the parameters that the user set.
    """

    stored: Stored
    source: Revision | None
    target: Revision
    strategy: Snapshot | None
    user: tuple[tuple[str, str], ...] = ()
    cause: Cause = Cause.UPGRADE


class Change(NamedTuple):
    """How deep the change cuts, and the author's word on it."""

    level: Level
    reversible: bool
    disputed: bool
    diff: tuple[str, ...]


def plan_upgrade(case: Case) -> Plan | Blocked:
    """Make the plan that leads a run from its applied revision to the target; one that is not legal is never shown."""
    plan = _upgrade(case)
    if isinstance(plan, Blocked):
        return plan
    applied, target = case.stored.applied, case.target
    accepted = target.accepts(applied.formats if applied else ())
    running = applied is not None and not case.stored.stopped
    broken = violations(plan, running=running, accepted=accepted)
    if not broken:
        return plan
    return Blocked(
        Reason.STRATEGY_INVALID,
        f"no legal plan leads to {_label(target)}: {broken[0]}; change spec.upgrade.strategy or the UpgradeStrategy",
    )


def _upgrade(case: Case) -> Plan | Blocked:
    applied = case.stored.applied
    if applied is None:
        return plan_start(case)
    missing = _missing_parameter(case)
    if missing:
        return missing
    if case.stored.live == 0:
        return _plan(case, case.cause, Level.NONE, (Draft("commit", Kind.COMMIT),), reversible=True)
    if case.cause is Cause.RECOMPUTE:
        change = Change(Level.REPLACE, False, False, _diff(case, applied))
        return _fresh(case, applied, change, RECOMPUTE)
    if _forbidden_downgrade(case, applied):
        return Blocked(
            Reason.DOWNGRADE,
            f"{_label(case.target)} is older than the applied {applied.version}; "
            "set spec.compatibility.allowDowngrade on the Scenario to allow it",
        )
    change = classify(case, applied)
    if change.level is not Level.REPLACE:
        return _keep(case, applied, change)
    kind = case.strategy.type if case.strategy else ""
    if kind not in PRESETS:
        return _no_reach(case, applied, change, kind)
    return _fresh(case, applied, change, kind)


def plan_start(case: Case) -> Plan | Blocked:
    """Make the plan of a start with no stored state: the first one, or the one after a replacement."""
    missing = _missing_parameter(case)
    if missing:
        return missing
    only_copy = case.stored.live != 0
    slot = _LIVE if only_copy else _NEXT
    steps = (
        Draft("resolve-window", Kind.RESOLVE_WINDOW),
        Draft("start", Kind.START, slot, Args(revision="to", create=not only_copy, irreversible=only_copy)),
        *_verify(case.target, slot),
        Draft("commit", Kind.COMMIT),
    )
    return _plan(case, Cause.START, Level.NONE, steps, reversible=not only_copy)


def plan_stop(case: Case) -> Plan:
    """Make the plan of a stop that the user asked for."""
    steps = (Draft("stop", Kind.STOP, _LIVE, Args(report=True)), Draft("commit", Kind.COMMIT))
    return _plan(case, Cause.STOP, Level.RESTART, steps, reversible=True)


def plan_resume(case: Case) -> Plan | Blocked:
    """Make the plan that starts a run again which its user had stopped."""
    missing = _missing_parameter(case)
    if missing:
        return missing
    steps = (
        Draft("start", Kind.START, _LIVE, Args(revision="to")),
        *_verify(case.target, _LIVE),
        Draft("commit", Kind.COMMIT),
    )
    return _plan(case, Cause.START, Level.RESTART, steps, reversible=True)


def plan_restart(case: Case, cause: Cause) -> Plan | Blocked:
    """Make the plan of a restart on the same version: asked for, or because parameters changed."""
    missing = _missing_parameter(case)
    if missing:
        return missing
    applied = case.stored.applied
    steps = _keep_steps(case, applied, reversible=True)
    return _plan(case, cause, Level.RESTART, steps, reversible=True)


def classify(case: Case, applied: Applied) -> Change:
    """Find the level: the deeper of the author's word and the diff; the word may contradict the diff."""
    target = case.target
    diff = _diff(case, applied)
    same_logic = target.logic_hash == applied.logic_hash
    if same_logic:
        moved = case.source is not None and case.source.has_state != target.has_state
        if moved or (target.has_state and not target.accepts(applied.formats)):
            # A volume that comes or goes is configuration, but the state in it cannot stay where it is. Nor is state
            # kept that its own version does not accept: somebody put it there.
            return Change(Level.REPLACE, False, False, diff)
        same = target.config_hash == applied.config_hash
        return Change(Level.NONE if same else Level.RESTART, True, False, diff)
    edge = compatibility.edge(target.spec, applied.version, applied.digest)
    if case.source is None or edge.word is Word.INCOMPATIBLE:
        return Change(Level.REPLACE, False, False, diff)
    if case.source.has_state != target.has_state or not target.accepts(applied.formats):
        return Change(Level.REPLACE, False, True, diff)
    return Change(Level.RESTART, _can_go_back(edge, case.source, target), False, diff)


def _can_go_back(edge: Edge, source: Revision, target: Revision) -> bool:
    """A declared way back counts only if the old version reads what the new one writes."""
    return edge.reversible and (not target.has_state or source.accepts((target.state_version,)))


def _keep(case: Case, applied: Applied, change: Change) -> Plan:
    reversible = change.reversible or not case.target.has_state
    steps = _keep_steps(case, applied, reversible=reversible)
    return _plan(case, case.cause, change.level, steps, reversible=reversible, diff=change.diff)


def _keep_steps(case: Case, applied: Applied | None, *, reversible: bool) -> tuple[Draft, ...]:
    """Stop, start on the same state, verify; a stopped run only changes its record."""
    commit = Draft("commit", Kind.COMMIT)
    preflight = _preflight(case) if case.cause is Cause.UPGRADE else ()
    if case.stored.stopped:
        return (*preflight, commit)
    report = applied is not None and len(applied.formats) > 1
    start = Args(revision="to", irreversible=not reversible)
    return (
        *preflight,
        Draft("stop", Kind.STOP, _LIVE, Args(report=report)),
        Draft("start", Kind.START, _LIVE, start),
        *_verify(case.target, _LIVE),
        commit,
    )


def _fresh(case: Case, applied: Applied, change: Change, kind: str) -> Plan | Blocked:
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
    steps: list[Draft] = [*_preflight(case)]
    if not case.stored.stopped:
        steps.append(Draft("stop", Kind.STOP, _LIVE, Args(report=True)))
    steps += [Draft("resolve-window", Kind.RESOLVE_WINDOW), *destroying]
    if not case.stored.stopped:
        steps.append(Draft("start", Kind.START, _NEXT, Args(revision="to", create=True)))
        steps += _verify(case.target, _NEXT)
    steps.append(Draft("commit", Kind.COMMIT))
    destructive = [d.title() for d in destroying]
    if axes.state == FRESH and not destroying:
        destructive.append("the state of live, when the new version is Ready")
    attention, notes = _attention(case, change, axes)
    return _plan(
        case,
        case.cause,
        change.level,
        tuple(steps),
        reversible=not destroying,
        destructive=tuple(destructive),
        attention=attention,
        diff=change.diff,
        notes=notes,
    )


def _destroying(case: Case, axes: Axes) -> tuple[Draft, ...]:
    """RevertResults of every incarnation whose results are still kept, then the state.

    A stopped run has nowhere to start anew, so a plan that would retire its state later deletes it at once.
    """
    steps: list[Draft] = []
    stored = case.stored
    if axes.results == REVERT and _revertible(case):
        kept = [i.number for i in stored.incarnations if i.results == KEPT and i.number <= stored.live]
        for number in sorted(kept, reverse=True):
            slot = Slot("live", stored.live - number)
            steps.append(Draft(f"revert-{slot}", Kind.REVERT_RESULTS, slot, Args(committed=True)))
    if axes.results == REVERT or stored.stopped:
        retained = [i.number for i in stored.incarnations if i.state != DELETED and i.number <= stored.live]
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
    if known_missing and windows.needs_report(strategy.window):
        return Blocked(
            Reason.STOP_REPORT_MISSING,
            "the run was stopped without a report, and spec.window of the strategy needs one; "
            "set ifMissing: ObservedStop on that bound",
        )
    return None


def _attention(case: Case, change: Change, axes: Axes) -> tuple[str, tuple[str, ...]]:
    """Find what a human must approve whatever the policy says, and what he should know."""
    notes: list[str] = []
    attention = ""
    if change.disputed:
        attention = Reason.DISPUTED.value
        notes.append(_contradiction(case))
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


def _contradiction(case: Case) -> str:
    """Say how the declaration and what is stored contradict each other."""
    target = case.target
    if case.source is not None and case.source.has_state != target.has_state:
        which = "only one of the two versions has a state volume (spec.state.volume)"
    else:
        formats = case.stored.applied.formats if case.stored.applied else ()
        which = f"spec.state.accepts of {_label(target)} does not contain every stored format {list(formats)}"
    return f"declared Compatible, but {which}"


def _no_reach(case: Case, applied: Applied, change: Change, kind: str) -> Blocked:
    differs = [line for line in change.diff if not line.startswith("version: ")]
    why = f" ({'; '.join(differs[:3])}{' …' if differs[3:] else ''})" if differs else ""
    what = f"{applied.version} → {case.target.version} needs level Replace{why}"
    if change.disputed:
        return Blocked(
            Reason.DISPUTED,
            f"{_contradiction(case)}: correct the one or the other, or set spec.upgrade.strategyRef to a "
            f"strategy of type {_FRESH_TYPES} and approve its plan",
        )
    if not kind:
        return Blocked(
            Reason.STRATEGY_REQUIRED,
            f"{what}: declare the edge in spec.compatibility.from, or set spec.upgrade.strategy.type to "
            f"{_FRESH_TYPES}, or spec.upgrade.strategyRef to a strategy of such a type",
        )
    return Blocked(
        Reason.STRATEGY_INSUFFICIENT,
        f"{what}, strategy type {kind} keeps state only; use type {_FRESH_TYPES}",
    )


def _preflight(case: Case) -> tuple[Draft, ...]:
    hooks = case.target.spec.hooks
    return (
        (Draft("preflight", Kind.PREFLIGHT, None, Args(revision="to")),) if hooks and hooks.preflight else ()
    )


def _verify(target: Revision, slot: Slot) -> tuple[Draft, ...]:
    hook = bool(target.spec.hooks and target.spec.hooks.verify)
    return (Draft("verify", Kind.VERIFY, slot, Args(revision="to", hook=hook)),)


def _missing_parameter(case: Case) -> Blocked | None:
    """No version is ever started without a parameter that it requires."""
    missing = merge(case.stored.parameters, dict(case.user), case.target.spec.parameters or ()).missing
    if not missing:
        return None
    message = f"spec.parameters.{missing[0]} is required by {_label(case.target)}"
    return Blocked(Reason.PARAMETER_REQUIRED, message)


def _forbidden_downgrade(case: Case, applied: Applied) -> bool:
    declared = case.target.spec.compatibility
    allowed = bool(declared and declared.allow_downgrade)
    return not allowed and compatibility.is_downgrade(applied.version, case.target.version)


def _diff(case: Case, applied: Applied) -> tuple[str, ...]:
    """Say what differs, part by part, for people; bounded."""
    target, lines = case.target, []
    if applied.version != target.version:
        lines.append(f"version: {applied.version} → {target.version}")
    if applied.digest != target.artifact.digest:
        lines.append(f"artifact: {applied.digest[:19]} → {target.artifact.digest[:19]}")
    if applied.state_version != target.state_version:
        lines.append(f"state format: {applied.state_version or 'none'} → {target.state_version or 'none'}")
    if case.source is not None:
        lines += _named("parameter", case, lambda r: {p.name: p.default for p in r.spec.parameters or ()})
        lines += _named("output", case, lambda r: {o.kind: o.class_ for o in r.spec.outputs or ()})
        lines += _named("env", case, lambda r: {e.name: e.value for e in r.spec.workload.env or ()})
    return tuple(lines[:32])


def _named(what: str, case: Case, read: Callable[[Revision], dict[str, object]]) -> list[str]:
    old, new = read(case.source) if case.source else {}, read(case.target)
    removed = [f"{what} {name}: removed" for name in sorted(old.keys() - new.keys())]
    added = [f"{what} {name}: added" for name in sorted(new.keys() - old.keys())]
    changed = [f"{what} {n}: changed" for n in sorted(old.keys() & new.keys()) if old[n] != new[n]]
    return removed + added + changed


def _label(revision: Revision) -> str:
    return f"version {revision.version}"


def _plan(
    case: Case,
    cause: Cause,
    level: Level,
    steps: tuple[Draft, ...],
    *,
    reversible: bool,
    destructive: tuple[str, ...] = (),
    attention: str = "",
    diff: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Plan:
    applied = case.stored.applied
    source = (
        End(applied.revision, applied.version, applied.digest, applied.state_version) if applied else End()
    )
    names = tuple(p.name for p in case.target.spec.parameters or ())
    strategy = case.strategy or Snapshot()
    return Plan(
        cause,
        source,
        case.target.end,
        level.value,
        strategy,
        steps,
        names,
        reversible,
        destructive,
        attention,
        diff,
        notes,
    )
