"""A run between plans: kept up with the steps' own effects (R5), lost status rebuilt, what is over swept."""

from __future__ import annotations

from scenario_operator.execution.close import applied_of
from scenario_operator.execution.effects import (
    DeleteClaim,
    DeleteJob,
    DeleteWorkload,
    Effect,
    PutToSleep,
    ReleaseReport,
)
from scenario_operator.execution.steps.start import start_effects, steady
from scenario_operator.execution.view import View
from scenario_operator.manifests.stamp import fits_a_status
from scenario_operator.planning.parameters import merge
from scenario_operator.planning.steps import Step
from scenario_operator.planning.stored import (
    DELETED,
    LIVE,
    RETAINED,
    Incarnation,
    Results,
    Stored,
)


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
    return (*swept, *start_effects(view, None, steady_start(view), "rest"))


def _needs_claim(view: View) -> bool:
    revision = view.revision(steady_start(view).args.revision)
    return revision is not None and revision.has_state


def steady_start(view: View) -> Step:
    """Return the start that keeps the live incarnation on the revision of its record.

    If somebody has deleted that one, nothing is restarted for it; what has to be made anew gets the equal one that the
    run has taken the label of, if there is one.
    """
    stored = view.stored
    record = stored.incarnation(stored.live)
    name = record.revision if record else ""
    other = view.running(stored.live)
    workload = view.world.workload(stored.live)
    idle = workload is None or (not workload.replicas and not view.world.of(stored.live))
    if other is not None and idle:
        name = other.name
    return steady(stored.live, name)


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


def lost(view: View) -> bool:
    """Say whether something of ours exists that the status does not know: nothing is started beside or over it."""
    if view.stored.incarnations:
        return False
    return bool(view.world.workloads) or any(c.ours and not c.deleting for c in view.world.claims)


def rebuilt(view: View) -> Stored:
    """Rebuild a lost status from what carries our stamps, if there is exactly one reading of it (R9)."""
    stored = view.stored
    if not lost(view) or stored.applied is not None:
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
    if not fits_a_status(workload.template):
        return stored
    formats = claims[0].formats if claims else ()
    if claims and not revision.accepts(formats):
        return stored
    record = Incarnation(number, revision.version, revision.name, LIVE)
    published = revision.spec.results is not None and view.world.results == "ours"
    merged = merge(stored.parameters, dict(view.run.parameters), revision.spec.parameters or ()).parameters
    return stored._replace(
        applied=applied_of(revision, formats),
        live=number,
        incarnations=(record,),
        window=workload.template.window,
        parameters=merged._replace(effective=workload.template.parameters),
        plans=stored.plans + 1000,
        results=Results(view.world.results_uid, (number,)) if published else None,
    )


def relabelled(view: View) -> Stored:
    """Adopt a revision that differs in nothing a run is made of: level None costs one status write."""
    applied, wanted = view.stored.applied, view.wanted
    if applied is None or wanted is None or applied.revision == wanted.name:
        return view.stored
    if view.run.hold or view.run.pinned:
        # A pin says which label a run is to have; a hold, that nothing is to change.
        return view.stored
    same = (applied.logic_hash, applied.config_hash) == (wanted.logic_hash, wanted.config_hash)
    if not same:
        return view.stored
    return view.stored._replace(applied=applied._replace(revision=wanted.name, version=wanted.version))


def retired(view: View) -> Stored:
    """Give up retained incarnations once the new one acts: on record first, then upkeep deletes."""
    live = [p for p in view.world.of(view.stored.live) if p.ready and not p.foreign and not p.terminating]
    if not live or view.run.hold:
        return view.stored
    records = tuple(i._replace(state=DELETED) if i.state == RETAINED else i for i in view.stored.incarnations)
    return view.stored._replace(incarnations=records)
