"""Attempts as ScenarioUpgrade objects hold them, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from scenario_operator.api import names
from scenario_operator.api.common import shortened
from scenario_operator.api.conditions import Assessment, ConditionType, merge_conditions
from scenario_operator.api.foreign import NOTHING, Foreign
from scenario_operator.api.outcomes import FAILURES, SUCCESSES, Outcome
from scenario_operator.api.reading import Unreadable, reading
from scenario_operator.api.reasons import Reason
from scenario_operator.api.upgrade import GATED, AttemptCause, AttemptPhase, ScenarioUpgrade
from scenario_operator.execution.wire import dump_loss, load_loss
from scenario_operator.planning.stored import Ended
from scenario_operator.rollout.asking import asked_by, why
from scenario_operator.rollout.canary import canaries_ahead, failed_canaries
from scenario_operator.rollout.facts import (
    Asked,
    Attempt,
    Fleet,
    Grant,
    Group,
    PlanApproval,
    Report,
    RunName,
    Tally,
)
from scenario_operator.rollout.schedule import troubled

JsonObject = dict[str, Any]
LISTED = 200
GROUPS = 128
"""Runs that a report lists in the object itself, and plan groups."""
_LONGEST_FROM = 256
_LONGEST_HASH = 80
_LONGEST_APPROVER = 256
_SETTLED = ("succeeded", "rolledBack", "failed", "skipped")
_C = ConditionType


def read_attempt(obj: Mapping[str, Any]) -> Attempt | Unreadable:
    """Return what a ScenarioUpgrade says, or which field of it cannot be read."""
    read = reading(lambda: load_attempt(obj), "status")
    if not isinstance(read, Unreadable):
        return read
    # Only the whole schema knows which field it is.
    parsed = reading(lambda: ScenarioUpgrade.read(obj), "")
    return parsed if isinstance(parsed, Unreadable) else read


def load_attempt(obj: Mapping[str, Any]) -> Attempt:
    """Read a ScenarioUpgrade; raises what `read_attempt` tells of one that cannot be read."""
    metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    home = metadata["namespace"]
    reports = tuple(_load_report(r, metadata["name"]) for r in status.get("runs") or ())
    counts = status.get("counts") or {}
    settled = Tally(*(counts.get(word, 0) for word in _SETTLED))
    return Attempt(
        name=names.plain(metadata["name"]),
        uid=metadata["uid"],
        sequence=int(metadata["name"].rsplit("-", 1)[1]),
        revision=spec["revision"],
        cause=AttemptCause(spec["cause"]),
        only=tuple(RunName.read(text, home) for text in spec.get("runs") or ()),
        asked=tuple(
            Asked(a.get("namespace", home), a["name"], a["uid"], a["nonce"]) for a in spec.get("asked") or ()
        ),
        suspend=spec.get("suspend", False),
        abort=spec.get("abort") == metadata["uid"],
        abort_ignored=spec.get("abort") not in (None, metadata["uid"]),
        # Too late it says nothing: what was granted goes its way.
        reject=NOTHING if "startTime" in status else Foreign(spec.get("reject", "")),
        skip_revert=spec.get("skipRevert", False),
        approvals=tuple(_load_approval(a) for a in spec.get("approvals") or ()),
        phase=AttemptPhase(status.get("phase", AttemptPhase.PENDING)),
        groups=tuple(_load_group(g) for g in status.get("groups") or ()),
        active=tuple(_load_grant(g) for g in status.get("active") or ()),
        reports=reports,
        granted=status.get("granted", 0),
        canaries=tuple((status.get("wave") or {}).get("canaries") or ()),
        finished="completionTime" in status,
        closed=status.get("closed", False),
        fenced=status.get("fenced", False),
        reason=_ready_reason(status),
        unlisted=settled.minus(_tally(reports)),
    )


def dump_attempt(attempt: Attempt, fleet: Fleet, old: Mapping[str, Any], generation: int) -> JsonObject:
    """Return the status of a ScenarioUpgrade; times that stand are kept."""
    attempt = _trimmed(attempt)
    target = fleet.revisions.get(attempt.revision)
    counts = counts_of(attempt)
    now = datetime.fromisoformat(fleet.now)
    status: JsonObject = {
        "observedGeneration": generation,
        "conditions": merge_conditions(old.get("conditions") or [], assess(attempt, fleet), now, generation),
        "phase": attempt.phase.value,
        "from": _listed(sorted({g.source_version for g in attempt.groups if g.source_version})) or None,
        "to": target.version if target else old.get("to"),
        "groups": [_dump_group(g) for g in _pressing(attempt.groups)],
        "counts": counts,
        "progress": f"{counts['total'] - counts['waiting'] - counts['running']}/{counts['total']}",
        "active": [_dump_grant(g) for g in attempt.active],
        "runs": [_dump_report(r) for r in attempt.reports],
        "granted": attempt.granted,
        "wave": {"canaries": list(attempt.canaries)} if attempt.canaries else None,
        "closed": attempt.closed,
        "fenced": attempt.fenced or None,
        "startTime": old.get("startTime") or (fleet.now if attempt.released else None),
        "completionTime": old.get("completionTime") or (fleet.now if attempt.finished else None),
    }
    return {key: value for key, value in status.items() if value is not None}


def _pressing(groups: tuple[Group, ...]) -> Iterable[Group]:
    """Return the groups that have room, those that wait for consent first: these are what people look for."""
    return groups if len(groups) <= GROUPS else sorted(groups, key=lambda group: group.approved)[:GROUPS]


def _listed(versions: list[str]) -> str:
    """Name the versions that runs come from, as many as have room."""
    told = ", ".join(versions)
    return told if len(told) <= _LONGEST_FROM else f"{told[: _LONGEST_FROM - 1]}…"


def counts_of(attempt: Attempt) -> dict[str, int]:
    """Count the runs of an attempt; complete also when not all are listed."""
    settled = _tally(attempt.reports).plus(attempt.unlisted)
    running = len(attempt.active)
    return {
        "total": attempt.waiting + running + sum(settled),
        "waiting": attempt.waiting,
        "running": running,
        **dict(zip(_SETTLED, settled, strict=True)),
        "held": attempt.held + sum(1 for e in attempt.active if e.parked),
    }


def assess(attempt: Attempt, fleet: Fleet) -> list[Assessment]:
    """Return the conditions of an attempt."""
    reason = Reason(attempt.reason or Reason.ROLLING_OUT)
    unapproved = [g for g in attempt.groups if not g.approved]
    message = _message(attempt, fleet, unapproved)
    if attempt.finished:
        done = attempt.phase is AttemptPhase.SUCCEEDED
        return [
            Assessment(_C.READY, "True", reason, message),
            _approved(attempt, unapproved),
            _action_required(attempt, fleet),
            Assessment(_C.SUCCEEDED, "True" if done else "False", reason, message),
        ]
    gated = attempt.phase in GATED
    stalled = attempt.phase is AttemptPhase.HELD
    return [
        Assessment(_C.READY, "True" if gated else "False", reason, message),
        *([] if gated or stalled else [Assessment(_C.RECONCILING, "True", reason, message)]),
        *([Assessment(_C.STALLED, "True", reason, message)] if stalled else []),
        _approved(attempt, unapproved),
        _action_required(attempt, fleet),
        Assessment(_C.SUCCEEDED, "Unknown", reason, message),
    ]


def _action_required(attempt: Attempt, fleet: Fleet) -> Assessment:
    asking = asked_by(attempt, fleet)
    if asking is None:
        return Assessment(_C.ACTION_REQUIRED, "False", Reason.NO_ACTION_REQUIRED)
    return Assessment(_C.ACTION_REQUIRED, "True", asking.reason, asking.text)


def _approved(attempt: Attempt, unapproved: list[Group]) -> Assessment:
    hashes = {g.plan_hash for g in attempt.groups}
    stale = [a.plan_hash for a in attempt.approvals if a.plan_hash not in hashes]
    if unapproved and stale:
        told = f"{stale[0]} is approved, but the plan is {unapproved[0].plan_hash}"
        return Assessment(_C.APPROVED, "False", Reason.PLAN_CHANGED, told)
    if unapproved:
        told = f"plan {unapproved[0].plan_hash} needs consent: {why(unapproved[0])}"
        return Assessment(_C.APPROVED, "False", Reason.APPROVAL_REQUIRED, told)
    if any(g.approver and g.approver != "policy" for g in attempt.groups):
        return Assessment(_C.APPROVED, "True", Reason.APPROVED)
    return Assessment(_C.APPROVED, "True", Reason.APPROVAL_NOT_REQUIRED)


def _message(attempt: Attempt, fleet: Fleet, unapproved: list[Group]) -> str:
    told = _progress(attempt, fleet, unapproved)
    if fleet.frozen is None or attempt.finished:
        return told
    return f"{told}; nothing is granted: {fleet.frozen.message}"


def _progress(attempt: Attempt, fleet: Fleet, unapproved: list[Group]) -> str:
    counts = counts_of(attempt)
    if attempt.phase is AttemptPhase.AWAITING_APPROVAL and unapproved:
        first = unapproved[0]
        told = f"{len(unapproved)} of {len(attempt.groups)} plans need consent"
        told += f", {GROUPS} are listed" if len(attempt.groups) > GROUPS else ""
        return f"{told}; {first.plan_hash}: {why(first)}"
    if attempt.phase is AttemptPhase.HELD:
        if held_by := failed_canaries(attempt, fleet):
            return (
                f"canary {', '.join(held_by[:5])} did not arrive, so no other run is led on; "
                "publish a fixed version, retry the canary, or set spec.rollout.canary.runs of the strategy to 0"
            )
        return (
            f"runs that have failed or wait for a person: {troubled(attempt)}, more than maxFailed "
            f"{fleet.pace.max_failed}; "
            "raise spec.rollout.maxFailed of the strategy or publish a fixed version"
        )
    done = counts["total"] - counts["waiting"] - counts["running"]
    bad = counts["rolledBack"] + counts["failed"]
    ahead = canaries_ahead(attempt, fleet) if counts["waiting"] else ()
    before = f"; canary {', '.join(ahead[:5])} goes first" if ahead else ""
    return f"{done} of {counts['total']} runs settled, {bad} failed{before}"


def _ready_reason(status: Mapping[str, Any]) -> str:
    ready = next((c for c in status.get("conditions") or [] if c["type"] == _C.READY.value), None)
    return ready["reason"] if ready else ""


def _trimmed(attempt: Attempt) -> Attempt:
    """Keep what does not fit out of the list: failures stay longest, old ones go first, the counts stay right."""
    over = len(attempt.reports) - LISTED
    if over <= 0:
        return attempt
    ranked = sorted(range(len(attempt.reports)), key=lambda i: _worth(attempt.reports[i]))
    gone = frozenset(ranked[:over])
    kept = tuple(r for i, r in enumerate(attempt.reports) if i not in gone)
    dropped = tuple(attempt.reports[i] for i in gone)
    return attempt._replace(reports=kept, unlisted=attempt.unlisted.plus(_tally(dropped)))


def _worth(report: Report) -> int:
    word = report.ended.outcome
    return 2 if word in FAILURES else 0 if word in SUCCESSES else 1


def _tally(reports: Iterable[Report]) -> Tally:
    """Count outcomes; whatever is neither success nor failure has left the run out."""
    words = [r.ended.outcome for r in reports]
    succeeded = sum(1 for w in words if w in SUCCESSES)
    rolled_back, failed = words.count(Outcome.ROLLED_BACK), words.count(Outcome.FAILED)
    return Tally(succeeded, rolled_back, failed, len(words) - succeeded - rolled_back - failed)


def _load_approval(source: Mapping[str, Any]) -> PlanApproval:
    """Read a person's consent; hash and name are told again, so they are taken as they are shown."""
    plan_hash, approver = Foreign(source["planHash"]), Foreign(source.get("approver", ""))
    return PlanApproval(plan_hash.shown(_LONGEST_HASH), approver.shown(_LONGEST_APPROVER))


def _load_group(source: Mapping[str, Any]) -> Group:
    return Group(
        plan_hash=names.plain(source["hash"]),
        source_version=(source.get("from") or {}).get("version", ""),
        source_state=(source.get("from") or {}).get("stateVersion", ""),
        strategy=source.get("strategy", ""),
        level=source["level"],
        steps=tuple(source.get("steps") or ()),
        destroys=tuple(source.get("destroys") or ()),
        reversible=source.get("reversible", False),
        point_of_no_return=source.get("pointOfNoReturn", ""),
        attention=source.get("attention", ""),
        diff=tuple(source.get("diff") or ()),
        notes=tuple(source.get("notes") or ()),
        runs=source.get("runs", 0),
        approved=source.get("approved", False),
        approver=source.get("approver", ""),
    )


def _dump_group(group: Group) -> JsonObject:
    source = {"version": group.source_version, "stateVersion": group.source_state}
    written: JsonObject = {
        "hash": group.plan_hash,
        "from": {key: value for key, value in source.items() if value},
        "strategy": group.strategy,
        "level": group.level,
        "steps": list(group.steps),
        "destructive": bool(group.destroys),
        "destroys": list(group.destroys),
        "reversible": group.reversible,
        "pointOfNoReturn": group.point_of_no_return,
        "attention": group.attention,
        "runs": group.runs,
        "approved": group.approved,
        "approver": group.approver,
        "diff": list(group.diff),
        "notes": [shortened(note) for note in group.notes],
    }
    return {key: value for key, value in written.items() if value not in ("", [], {})}


def _load_grant(source: Mapping[str, Any]) -> Grant:
    return Grant(
        source["id"],
        source["runUID"],
        names.plain(source["namespace"]),
        names.plain(source["name"]),
        names.plain(source["planHash"]),
        source.get("parked", False),
        source.get("approver", ""),
    )


def _dump_grant(grant: Grant) -> JsonObject:
    written = {
        "id": grant.id,
        "runUID": grant.run_uid,
        "namespace": grant.namespace,
        "name": grant.name,
        "planHash": grant.plan_hash,
        "parked": grant.parked,
        "approver": grant.approver,
    }
    return {key: value for key, value in written.items() if value != ""}


def _load_report(source: Mapping[str, Any], attempt: str) -> Report:
    ended = Ended(
        grant_id="",
        attempt=attempt,
        outcome=Outcome(source.get("outcome", "")),
        reason=source.get("reason", ""),
        message=source.get("message", ""),
        from_version=source.get("from", ""),
        to_version=source.get("to", ""),
        strategy=source.get("strategy", ""),
        plan_hash=source.get("group", ""),
        start_time=source.get("startTime", ""),
        completion_time=source.get("completionTime", ""),
        loss=load_loss(source.get("loss") or {}),
    )
    return Report(
        source["namespace"],
        source["name"],
        source["uid"],
        source.get("group", ""),
        source.get("approver", ""),
        ended,
    )


def _dump_report(report: Report) -> JsonObject:
    ended = report.ended
    written: JsonObject = {
        "namespace": report.namespace,
        "name": report.name,
        "uid": report.uid,
        "group": report.plan_hash,
        "outcome": ended.outcome.value,
        "reason": ended.reason,
        "message": shortened(ended.message),
        "startTime": ended.start_time,
        "completionTime": ended.completion_time,
        "from": ended.from_version,
        "to": ended.to_version,
        "strategy": ended.strategy,
        "approver": report.approver,
        "loss": dump_loss(ended.loss),
    }
    return {key: value for key, value in written.items() if value not in ("", {})}
