"""What every plan is made from, and the steps that most of them share.

It knows no strategy and no cause of a plan: `change`, `keep`, `fresh` and `own` do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from scenario_operator.api.common import Level
from scenario_operator.api.journal import Kind
from scenario_operator.api.reasons import Reason
from scenario_operator.planning.parameters import HEAVIEST, merge, weight
from scenario_operator.planning.plan import Cause, End, Plan, Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.steps import STATE, Args, Draft, Slot
from scenario_operator.planning.stored import DELETED, INCARNATIONS, Stored

LIVE, NEXT = Slot("live"), Slot("next")
COMMIT = Draft("commit", Kind.COMMIT)


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


def source_of(stored: Stored, revisions: Mapping[str, Revision]) -> Revision | None:
    """Return the revision that a run is on, None when somebody has deleted it.

    A run that took on a label still has the revision that it was started on, which has equal content.
    """
    applied = stored.applied
    if applied is None:
        return None
    live = stored.incarnation(stored.live)
    ran = revisions.get(live.revision) if live else None
    same = ran is not None and (ran.logic_hash, ran.config_hash) == (applied.logic_hash, applied.config_hash)
    return revisions.get(applied.revision) or (ran if same else None)


def preflight(case: Case) -> tuple[Draft, ...]:
    """Return the step that asks the new version before anything is touched, if it has such a hook."""
    hooks = case.target.spec.hooks
    return (
        (Draft("preflight", Kind.PREFLIGHT, None, Args(revision="to")),) if hooks and hooks.preflight else ()
    )


def verify(target: Revision, slot: Slot) -> tuple[Draft, ...]:
    """Return the step that every start is followed by."""
    hook = bool(target.spec.hooks and target.spec.hooks.verify)
    return (Draft("verify", Kind.VERIFY, slot, Args(revision="to", hook=hook)),)


def unusable_parameters(case: Case) -> Blocked | None:
    """No version is ever started without a parameter that it requires, or with more than its pod can be told."""
    merged, missing = merge(case.stored.parameters, dict(case.user), case.target.spec.parameters or ())
    if missing:
        message = f"spec.parameters.{missing[0]} is required by {label(case.target)}"
        return Blocked(Reason.PARAMETER_REQUIRED, message)
    heaviest = max(weight(dict(values)) for values in (case.user, merged.base, merged.effective))
    if heaviest <= HEAVIEST:
        return None
    told = f"spec.parameters, merged with the defaults of {label(case.target)}, take {heaviest} bytes as JSON"
    return Blocked(Reason.PARAMETERS_TOO_LARGE, f"{told}, {HEAVIEST} at most: shorten the values")


def no_room(case: Case, steps: tuple[Draft, ...]) -> Blocked | None:
    """Say that too many incarnations keep their state for another one: they wait for one that becomes Ready.

    What the plan itself deletes makes room.
    """
    if not any(d.slot == NEXT for d in steps):
        return None
    deleted = {d.slot.number(case.stored.live, 0) for d in steps if d.slot and d.nature.destroys == STATE}
    kept = [i for i in case.stored.incarnations if i.state != DELETED and i.number not in deleted]
    if len(kept) < INCARNATIONS:
        return None
    told = (
        f"{len(kept)} incarnations keep their state until one is Ready, {kept[0].number} to {kept[-1].number}"
    )
    way = "let the run become Ready, or use a strategy of type ForwardOnly, which deletes them"
    return Blocked(Reason.TOO_MANY_INCARNATIONS, f"{told}, and there is no room for another: {way}")


def label(revision: Revision) -> str:
    """Name a revision in a message."""
    return f"version {revision.version}"


def assembled(
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
    """Put the plan of a case together from its steps and from what is said of it."""
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
