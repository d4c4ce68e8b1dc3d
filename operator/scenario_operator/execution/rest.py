"""A run without an open plan: take a grant, open an own plan, or keep the steady state (R5)."""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.api import commands
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import facts
from scenario_operator.execution.close import answer, applied_of
from scenario_operator.execution.effects import (
    DeleteClaim,
    DeleteJob,
    DeleteWorkload,
    Effect,
    PutToSleep,
    ReleaseReport,
)
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.own import own_plan
from scenario_operator.execution.situation import (
    Situation,
    Standing,
    keep_volume_command,
    retry_command,
    unhold_command,
    waiting,
)
from scenario_operator.execution.steps.claims import lives_with_its_pod, state_trouble
from scenario_operator.execution.steps.start import in_the_way, start_effects, steady
from scenario_operator.execution.steps.step import Failed
from scenario_operator.execution.view import Gate, Grant, View
from scenario_operator.planning.compile import Blocked, Case, plan_upgrade
from scenario_operator.planning.parameters import merge
from scenario_operator.planning.plan import Cause, Plan
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.steps import Step
from scenario_operator.planning.stored import (
    DELETED,
    LIVE,
    RETAINED,
    Handled,
    Incarnation,
    Stored,
)


class Rest(NamedTuple):
    """The outcome: what is stored, the plan that was opened, if any, the situation and upkeep's effects."""

    stored: Stored
    opened: Journal | None
    situation: Situation
    effects: tuple[Effect, ...] = ()


class Opening(NamedTuple):
    """A plan was opened: its journal and what is stored with it."""

    stored: Stored
    journal: Journal


def at_rest(view: View, *, opening: bool = True) -> Rest:
    """Return the next move of a run without a journal; `opening` False only describes it and sweeps nothing."""
    view = view._replace(stored=_baseline(view))
    view = view._replace(stored=_rebuilt(view))
    if opening and not _lost(view):
        taken = _take_grant(view)
        if isinstance(taken, Opening):
            return Rest(taken.stored, taken.journal, Situation(Standing.WORKING, "", ""))
        if taken is not None:
            view = view._replace(stored=taken)
        elif _free(view) and (own := _open_own(view)) is not None:
            return Rest(own.stored, own.journal, Situation(Standing.WORKING, "", ""))
    view = view._replace(stored=_relabelled(view))
    view = view._replace(stored=_retired(view))
    effects = () if _lost(view) or view.run.hold or not opening else upkeep(view)
    return Rest(view.stored, None, situation(view), effects)


def _free(view: View) -> bool:
    """Say whether the run may carry out plans of its own: no grant, or one whose attempt is suspended."""
    grant = view.grant
    return grant is None or (grant.suspend and not view.stored.spent(grant.id))


def _take_grant(view: View) -> Opening | Stored | None:
    """Open the granted plan, or answer why not: a grant is always returned (R8). None: there is nothing to take."""
    grant = view.grant
    if grant is None or view.stored.spent(grant.id):
        return None
    refusal = _refusal(view, grant)
    if refusal is not None:
        word, reason, message = refusal
        return answer(view, grant, word, str(reason), message)
    if grant.suspend or view.wanted is None or view.wanted.name != grant.revision:
        return None
    cause = Cause.RECOMPUTE if grant.cause == "Recompute" else Cause.UPGRADE
    plan = plan_upgrade(case_of(view, view.wanted, cause))
    if isinstance(plan, Blocked):
        return answer(view, grant, "PlanChanged", plan.reason.value, plan.message)
    if plan.hash != grant.plan_hash:
        message = f"the plan is now {plan.hash}, {grant.plan_hash} was granted"
        return answer(view, grant, "PlanChanged", Reason.PLAN_CHANGED.value, message)
    return _open(view, plan, grant, "")


def _refusal(view: View, grant: Grant) -> tuple[str, Reason, str] | None:
    if grant.abort:
        return "Aborted", Reason.ABORTED, "the attempt was aborted before the plan began"
    if view.run.pinned:
        return "Pinned", Reason.PINNED, f"spec.pinnedVersion is {view.run.pinned}"
    if view.run.hold:
        return "Held", Reason.HELD, f"spec.hold: {view.run.hold}"
    if view.wanted is not None and view.overtaken(grant.revision):
        return "Superseded", Reason.SUPERSEDED, f"revision {view.wanted.name} is wanted now"
    return None


def case_of(view: View, wanted: Revision, cause: Cause) -> Case:
    """Return the planning case that leads this run to the wanted revision."""
    applied = view.stored.applied
    source = view.revision(applied.revision) if applied else None
    return Case(view.stored, source, wanted, view.strategy, view.run.parameters, cause)


def _open_own(view: View) -> Opening | None:
    if view.run.hold:
        return None
    wish = own_plan(view)
    if wish is None or isinstance(wish.plan, Blocked) or _blocker(view) is not None:
        return None
    if wish.desire == view.stored.refused:
        return None
    return _open(view, wish.plan, None, wish.desire)


def _open(view: View, plan: Plan, grant: Grant | None, desire: str) -> Opening:
    """Open a journal: bind the plan to this run, enter the next incarnation's number (R10), merge parameters."""
    stored = view.stored
    creates = any(d.slot is not None and d.slot.base == "next" for d in plan.steps)
    upcoming = stored.next_incarnation() if creates else 0
    journal = Journal(
        id=f"p{stored.plans + 1}",
        plan_hash=plan.hash,
        cause=plan.cause,
        source=plan.source,
        target=plan.target,
        level=plan.level,
        strategy=plan.strategy,
        steps=plan.bind(stored.live, upcoming),
        live=stored.live,
        upcoming=upcoming,
        opened_at=view.now,
        grant_id=grant.id if grant else "",
        attempt=grant.attempt if grant else "",
        desire=desire,
    )
    target = view.revision(plan.target.revision)
    if target is not None and plan.cause is not Cause.STOP:
        merged = merge(stored.parameters, dict(view.run.parameters), target.spec.parameters or ())
        journal = journal.learn(facts.merged(merged.parameters))
    records = stored.incarnations
    if creates:
        records = (*records, Incarnation(upcoming, plan.target.version, plan.target.revision, LIVE))
    opened = stored._replace(plans=stored.plans + 1, incarnations=records, handled=_acted(view, plan.cause))
    return Opening(opened, journal)


def _acted(view: View, cause: Cause) -> Handled:
    handled, run = view.stored.handled, view.run
    if cause is Cause.RECOMPUTE:
        handled = handled._replace(recompute=run.recompute_nonce)
    # Any restart satisfies a pending wish for one.
    return handled._replace(restart=run.restart_nonce, retry=run.retry_nonce)


def _baseline(view: View) -> Stored:
    """Take the nonces seen first as baseline, and a retry of a plan that was refused as permission to try again.

    What a nonce had asked for and somebody aborted is handled: the attempt that remembers it may be deleted.
    """
    run, stored = view.run, view.stored
    seen = Handled(run.recompute_nonce, run.restart_nonce, run.retry_nonce, run.abort_nonce)
    handled = Handled(*(now if old is None else old for old, now in zip(stored.handled, seen, strict=True)))
    if ("Recompute", run.recompute_nonce) in view.taken_back:
        handled = handled._replace(recompute=run.recompute_nonce)
    if ("Retry", run.retry_nonce) in view.taken_back:
        handled = handled._replace(retry=run.retry_nonce)
    retried = bool(run.retry_nonce) and run.retry_nonce != handled.retry and bool(stored.refused)
    if retried:
        handled = handled._replace(retry=run.retry_nonce)
    if run.abort_nonce and run.abort_nonce != handled.abort:
        # There is nothing to abort: the wish is spent, and never falls on a later plan.
        handled = handled._replace(abort=run.abort_nonce)
    return stored._replace(handled=handled, refused="" if retried else stored.refused)


def _rebuilt(view: View) -> Stored:
    """Rebuild a lost status from what carries our stamps, if there is exactly one reading of it (R9)."""
    stored = view.stored
    if not _lost(view) or stored.applied is not None:
        return stored
    claims = [c for c in view.world.claims if c.ours and not c.deleting]
    numbers = {c.incarnation for c in claims} | {n for n, _ in view.world.workloads}
    if len(claims) > 1 or len(numbers) != 1:
        return stored
    (number,) = numbers
    workload = view.world.workload(number)
    revision = view.revision(workload.template.revision) if workload else None
    if workload is None or revision is None or revision.has_state != bool(claims):
        return stored
    formats = claims[0].formats if claims else ()
    if claims and not revision.accepts(formats):
        return stored
    record = Incarnation(number, revision.version, revision.name, LIVE)
    merged = merge(stored.parameters, dict(view.run.parameters), revision.spec.parameters or ()).parameters
    return stored._replace(
        applied=applied_of(revision, formats),
        live=number,
        incarnations=(record,),
        window=workload.template.window,
        parameters=merged._replace(effective=workload.template.parameters),
        plans=stored.plans + 1000,
    )


def _lost(view: View) -> bool:
    """Say whether something of ours exists that the status does not know: nothing is started beside or over it."""
    if view.stored.incarnations:
        return False
    return bool(view.world.workloads) or any(c.ours and not c.deleting for c in view.world.claims)


def _relabelled(view: View) -> Stored:
    """Adopt a revision that differs in nothing a run is made of: level None costs one status write."""
    applied, wanted = view.stored.applied, view.wanted
    if applied is None or wanted is None or applied.revision == wanted.name or view.run.hold:
        return view.stored
    same = (applied.logic_hash, applied.config_hash) == (wanted.logic_hash, wanted.config_hash)
    if not same:
        return view.stored
    return view.stored._replace(applied=applied._replace(revision=wanted.name, version=wanted.version))


def _retired(view: View) -> Stored:
    """Give up retained incarnations once the new one acts: on record first, then upkeep deletes."""
    live = [p for p in view.world.of(view.stored.live) if p.ready and not p.foreign and not p.terminating]
    if not live or view.run.hold:
        return view.stored
    records = tuple(i._replace(state=DELETED) if i.state == RETAINED else i for i in view.stored.incarnations)
    return view.stored._replace(incarnations=records)


def upkeep(view: View) -> tuple[Effect, ...]:
    """Keep the steady state with the steps' own effects, and sweep what belongs to no open plan."""
    stored = view.stored
    swept: list[Effect] = [DeleteJob(j.handle, j.name) for j in view.world.jobs if not j.deleting]
    swept += [ReleaseReport(p.handle, p.incarnation) for p in view.world.pods if p.held and not p.foreign]
    swept += _bury(view)
    if not stored.live or any(isinstance(e, PutToSleep | DeleteWorkload) for e in swept):
        return tuple(swept)
    workload = view.world.workload(stored.live)
    if stored.stopped:
        awake = workload is not None and workload.replicas
        return (
            (*swept, PutToSleep(workload.handle, stored.live, "rest")) if workload and awake else tuple(swept)
        )
    if stored.applied is None or (
        workload is None and view.world.claim(stored.live) is None and _needs_claim(view)
    ):
        return tuple(swept)
    return (*swept, *start_effects(view, None, _steady(view), "rest"))


def _needs_claim(view: View) -> bool:
    revision = view.revision(_steady(view).args.revision)
    return revision is not None and revision.has_state


def _steady(view: View) -> Step:
    record = view.stored.incarnation(view.stored.live)
    return steady(view.stored.live, record.revision if record else "")


def _bury(view: View) -> list[Effect]:
    """Delete what is left of incarnations whose record says Deleted; put others that are not live to sleep."""
    effects: list[Effect] = []
    for record in view.stored.incarnations:
        if record.number == view.stored.live:
            continue
        workload, claim = view.world.workload(record.number), view.world.claim(record.number)
        if workload is not None and workload.replicas:
            effects.append(PutToSleep(workload.handle, record.number, "rest"))
        elif record.state == DELETED and workload is not None:
            effects.append(DeleteWorkload(workload.handle, record.number))
        elif record.state == DELETED and workload is None and claim is not None:
            doomed = claim.ours and not claim.deleting and not view.world.of(record.number)
            effects += [DeleteClaim(claim.handle, record.number)] if doomed else []
    return effects


def situation(view: View) -> Situation:
    """Describe a run without an open plan, in the order in which a person needs to know."""
    return (
        _held(view)
        or _out_of_sync(view)
        or _missing_scenario(view)
        or _rolled_back(view)
        or _blocked(view)
        or _not_serving(view)
        or _never_recomputed(view)
        or _behind(view)
        or Situation(Standing.SETTLED, Reason.UP_TO_DATE, f"on version {_version(view)}")
    )


def _held(view: View) -> Situation | None:
    if not view.run.hold:
        return None
    message = f"spec.hold: {view.run.hold}"
    return Situation(Standing.BLOCKED, Reason.HELD, message, f"{message}; to go on: {unhold_command(view)}")


def _out_of_sync(view: View) -> Situation | None:
    reason, message = Reason.STATE_OUT_OF_SYNC, ""
    doomed = lives_with_its_pod(view, view.stored.live) if view.stored.live else ""
    if doomed:
        serves = any(p.ready for p in view.world.of(view.stored.live))
        attention = f"{doomed}; keep its volume: {keep_volume_command(view)}"
        return Situation(Standing.BLOCKED if serves else Standing.STALLED, reason, doomed, attention, doomed)
    if _lost(view):
        message = (
            "there are workloads or state claims of this run that its status does not know, and it cannot be told "
            "what it was on"
        )
    elif view.stored.applied is not None and view.stored.live:
        step = _steady(view)
        revision = view.revision(step.args.revision)
        trouble = state_trouble(view, None, step, revision) if revision else None
        if isinstance(trouble, Failed):
            reason, message = trouble.reason, trouble.message
    if not message:
        return None
    return Situation(
        Standing.STALLED,
        reason,
        message,
        f"{message}; look: {commands.claims_of(view.run.namespace, view.run.name)}",
        message,
    )


def _missing_scenario(view: View) -> Situation | None:
    """Say why there is nothing to start on, or nothing that is wanted."""
    unborn = view.stored.applied is None and view.run.desired_running
    gate = view.gate
    if view.entry is not None or gate is None or (view.wanted is not None and not unborn):
        return None
    if gate.attention:
        standing = Standing.STALLED if view.stored.applied is None else Standing.BLOCKED
        return Situation(standing, gate.reason, gate.message, _next_step(view, gate))
    gated = gate.reason in (Reason.SUSPENDED.value, Reason.AWAITING_APPROVAL.value)
    return Situation(Standing.WAITING if gated else Standing.STARTING, gate.reason, gate.message)


def _rolled_back(view: View) -> Situation | None:
    """The last plan of its kind, own or granted, went back: nothing is retried behind the user's back."""
    history, wish = view.stored.history, own_plan(view)
    refused = wish is not None and wish.desire == view.stored.refused
    last = next((e for e in history if bool(e.grant_id) is not refused), None)
    if last is None or last.outcome not in ("RolledBack", "Aborted"):
        return None
    behind = view.wanted is not None and last.to_version == view.wanted.version and is_behind(view)
    if not (refused or behind):
        return None
    told = last.message if last.reason == last.outcome else f"{last.reason} {last.message}"
    message = f"{last.outcome} on the way to {last.to_version}: {told}".rstrip(": ")
    onward = f"publish a fixed version, or try again: {retry_command(view)}"
    gate = view.gate
    if view.wants_retry and gate is not None and gate.reason == Reason.NO_VALID_REVISION:
        onward = _next_step(view, gate)
    return Situation(Standing.ROLLED_BACK, Reason.ROLLED_BACK, message, f"{message}; {onward}")


def _blocked(view: View) -> Situation | None:
    blocked = _blocker(view)
    if blocked is None:
        return None
    standing = Standing.STALLED if view.stored.applied is None else Standing.BLOCKED
    return Situation(
        standing,
        blocked.reason,
        blocked.message,
        f"{blocked.message}; correct it: {commands.edit('srun', view.run.namespace, view.run.name)}",
    )


def _blocker(view: View) -> Blocked | None:
    """Say why an own plan cannot be made; a key that nobody declares is most likely a misspelt one."""
    wish = own_plan(view)
    if wish is None:
        return None
    if isinstance(wish.plan, Blocked):
        return wish.plan
    if view.stored.applied is None and view.entry is not None and not view.stored.window:
        declared = {p.name for p in view.entry.spec.parameters or ()}
        unknown = sorted(name for name, _ in view.run.parameters if name not in declared)
        if unknown:
            return Blocked(
                Reason.UNKNOWN_PARAMETER,
                f"spec.parameters.{unknown[0]} is not a parameter of version {view.entry.version}",
            )
    return None


def _not_serving(view: View) -> Situation | None:
    if view.stored.stopped or (not view.run.desired_running and not view.stored.live):
        return (
            Situation(Standing.STOPPED, Reason.STOPPED, "stopped by spec.desiredState")
            if not is_behind(view)
            else None
        )
    pods = [p for p in view.world.of(view.stored.live) if not p.foreign and not p.terminating]
    if any(p.ready for p in pods):
        return None
    window = view.stored.window
    if any(p.started for p in pods) and window is not None and window.output_actions_from is not None:
        return Situation(
            Standing.LEARNING, Reason.LEARNING, f"no side effects before {window.output_actions_from}"
        )
    told = next((p.trouble for p in pods if p.trouble), "")
    awaited = in_the_way(view, view.stored.live) if not pods else ""
    told = told or (f"waiting for {awaited}" if awaited else "the pod is not ready")
    return Situation(Standing.STARTING, Reason.STARTING, told)


def _behind(view: View) -> Situation | None:
    if view.run.pinned:
        return waiting(Reason.PINNED, f"spec.pinnedVersion is {view.run.pinned}")
    if not is_behind(view):
        return None
    gate = view.gate
    wanted = view.wanted.version if view.wanted else ""
    if gate is None:
        return waiting(Reason.WAITING, f"waiting for its turn to {wanted}")
    standing = Standing.BLOCKED if gate.attention else Standing.WAITING
    return Situation(standing, gate.reason, gate.message, _next_step(view, gate) if gate.attention else "")


def _never_recomputed(view: View) -> Situation | None:
    """A recompute that was asked for and cannot be planned."""
    gate = view.gate
    if not view.wants_recompute or gate is None or not gate.attention:
        return None
    return Situation(Standing.BLOCKED, gate.reason, gate.message, _next_step(view, gate))


def _next_step(view: View, gate: Gate) -> str:
    """Return what a person has to do about a gate; it is the Scenario that has to change, if not said otherwise."""
    if "kubectl" in gate.message:
        return gate.message
    return f"{gate.message}; edit: {commands.edit('scn', view.run.namespace, view.run.scenario)}"


def is_behind(view: View) -> bool:
    """Say whether the run is on other content than what is wanted."""
    applied, wanted = view.stored.applied, view.wanted
    if applied is None or wanted is None:
        return False
    return (applied.logic_hash, applied.config_hash) != (wanted.logic_hash, wanted.config_hash)


def _version(view: View) -> str:
    return view.stored.applied.version if view.stored.applied else "none"
