"""How a Scenario stands: which row of the readiness table applies, and its whole status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from scenario_operator.api import commands, names
from scenario_operator.api.conditions import Assessment, ConditionType, merge_conditions
from scenario_operator.api.foreign import Foreign
from scenario_operator.api.reasons import Reason
from scenario_operator.api.upgrade import GATED, AttemptPhase
from scenario_operator.execution.situation import OF_THE_SCENARIO
from scenario_operator.planning.parameters import merge
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.validity import Problem
from scenario_operator.rollout.asking import Asking, asked_by, parked_in, stands_still
from scenario_operator.rollout.census import artifact_of, counts_of, versions_of
from scenario_operator.rollout.decide import FleetDecision
from scenario_operator.rollout.facts import Attempt, Fleet, RunFacts, listed
from scenario_operator.rollout.groups import is_behind
from scenario_operator.rollout.patience import has_lasted, told_of_this_spec

JsonObject = dict[str, Any]
_C = ConditionType
_UNREAD = Reason.RUNS_UNREADABLE.value


class Publication(Protocol):
    """How far the spec is: see `controllers.publish.Published`."""

    @property
    def revision(self) -> Revision | None: ...
    @property
    def problem(self) -> Problem | None: ...
    @property
    def pending(self) -> Problem | None: ...


class ScenarioStanding(NamedTuple):
    """The row: reason and message, whether Ready, and what goes with it."""

    reason: str
    message: str
    ready: bool = False
    reconciling: bool = False
    stalled: bool = False
    attention: str = ""
    attention_reason: str = ""


def standing_of(published: Publication, fleet: Fleet, decision: FleetDecision) -> ScenarioStanding:
    """Return how the Scenario stands, the most pressing first; runs that cannot be read are named beside all else."""
    standing = _most_pressing(published, fleet, decision)
    if not fleet.unread or standing.reason == Reason.RUNS_UNREADABLE.value:
        return standing
    told = _unread(fleet)
    attention = standing.attention or f"{told}; see: {_see_unread(fleet)}"
    return standing._replace(
        message=f"{told}; {standing.message}",
        attention=attention,
        attention_reason=standing.attention_reason or (standing.reason if standing.attention else _UNREAD),
    )


def _most_pressing(published: Publication, fleet: Fleet, decision: FleetDecision) -> ScenarioStanding:
    if published.problem is not None:
        problem = published.problem
        edit = f"{problem.message}; edit: {_edit(fleet)}"
        return ScenarioStanding(problem.reason.value, problem.message, stalled=True, attention=edit)
    if published.pending is not None:
        pending = published.pending
        if pending.reason is Reason.REFUSED:
            return refused(Foreign(pending.message), fleet)
        return ScenarioStanding(pending.reason.value, pending.message, reconciling=True)
    attempt = _current(fleet, decision)
    if fleet.frozen is not None and (attempt is not None or _concerned(fleet)):
        return ScenarioStanding(
            fleet.frozen.reason.value, fleet.frozen.message, stalled=True, attention=fleet.frozen.message
        )
    if attempt is not None and not (
        attempt.phase is AttemptPhase.RUNNING and decision.blocked and _idle(attempt)
    ):
        return _of_attempt(attempt, fleet)
    if decision.blocked is not None:
        waiting = "1 run has" if decision.blocked.runs == 1 else f"{decision.blocked.runs} runs have"
        told = f"{waiting} no plan to the wanted revision: {decision.blocked.message}"
        run = decision.blocked.run
        edit = commands.edit("srun", run.namespace, run.name) if run else _edit(fleet)
        attention = f"{told}; edit: {edit}"
        return ScenarioStanding(decision.blocked.reason, told, stalled=True, attention=attention)
    return _settled(fleet, decision)


def _concerned(fleet: Fleet) -> bool:
    """Say whether a run would be led on if anything were granted."""
    wanted = fleet.wanted
    return wanted is not None and any(not r.left_out and is_behind(r, wanted) for r in fleet.runs)


def _unread(fleet: Fleet) -> str:
    """Say how many runs cannot be read, which, and what is wrong with the first."""
    count = len(fleet.unread)
    which = listed([unread.run for unread in fleet.unread], fleet.namespace)
    first = f"{fleet.unread[0].run.written(fleet.namespace)}: {fleet.unread[0].problem}"
    return f"{count} {'run' if count == 1 else 'runs'} cannot be read and left out: {which} ({first})"


def _see_unread(fleet: Fleet) -> str:
    first = fleet.unread[0].run
    return commands.describe("srun", names.plain(first.namespace), names.plain(first.name))


def refused(refusal: Foreign, fleet: Fleet) -> ScenarioStanding:
    """Return how a Scenario stands for which the API server refuses what has to be written next."""
    look = commands.behind_refusal(fleet.namespace, refusal)
    told = refusal.shown()
    attention = f"{told}; it is tried again, correct what refuses it; see: {look}"
    return ScenarioStanding(Reason.REFUSED.value, told, stalled=True, attention=attention)


def render(
    standing: ScenarioStanding,
    published: Publication,
    fleet: Fleet,
    decision: FleetDecision,
    old: Mapping[str, Any],
    generation: int,
) -> JsonObject:
    """Return the Scenario's status."""
    now = datetime.fromisoformat(fleet.now)
    before = told_of_this_spec(old.get("conditions") or [], generation)
    pending = published.pending
    if pending is not None and pending.reason.value == standing.reason and has_lasted(pending, before, now):
        attention = f"{standing.message}; edit: {_edit(fleet)}"
        standing = standing._replace(stalled=True, reconciling=False, attention=attention)
    revision = published.revision
    current = _current(fleet, decision)
    status: JsonObject = {
        "observedGeneration": generation,
        "conditions": merge_conditions(
            before, _assess(standing, published, fleet, decision), now, generation
        ),
        "latestRevision": revision.name if revision else None,
        "activeRevision": _active(published, decision, old),
        "resolvedImage": revision.artifact.image if revision else None,
        "artifact": artifact_of(revision, old, fleet.now) if revision else None,
        "lastUpgradeSequence": old.get("lastUpgradeSequence", 0),
        "runs": counts_of(fleet),
        "versions": versions_of(fleet),
        "currentUpgrade": current.name if current else None,
    }
    return {key: value for key, value in status.items() if value is not None}


def _current(fleet: Fleet, decision: FleetDecision) -> Attempt | None:
    wanted = fleet.wanted.name if fleet.wanted else ""
    unfinished = [a for a in decision.attempts if not a.finished]
    here = [a for a in unfinished if a.revision == wanted]
    return max(here or unfinished, key=lambda a: a.sequence, default=None)


def _idle(attempt: Attempt) -> bool:
    return not attempt.active and not attempt.waiting


def _of_attempt(attempt: Attempt, fleet: Fleet) -> ScenarioStanding:
    asking = asked_by(attempt, fleet)
    if attempt.phase is AttemptPhase.HELD and asking is not None:
        return ScenarioStanding(asking.reason.value, asking.told, stalled=True, attention=asking.text)
    if attempt.phase in GATED and asking is not None:
        return _gated(Reason(attempt.reason), asking)
    told = f"{attempt.name}: {len(attempt.active)} running, {attempt.waiting} waiting"
    if asking is not None and stands_still(attempt):
        if attempt.active:
            stuck = parked_in(attempt) or asking
            return ScenarioStanding(Reason.RUNS_STUCK.value, stuck.told, stalled=True, attention=stuck.text)
        word = Reason.AWAITING_APPROVAL if asking.reason is Reason.APPROVAL_REQUIRED else asking.reason
        return _gated(word, asking)
    return ScenarioStanding(
        Reason.ROLLING_OUT.value,
        told,
        reconciling=True,
        attention=f"{told}; {asking.text}" if asking else "",
        attention_reason=asking.reason.value if asking else "",
    )


def _gated(word: Reason, asking: Asking) -> ScenarioStanding:
    """A gate that a person's word has made: nothing is under way, and nothing is wrong."""
    return ScenarioStanding(
        word.value, asking.told, ready=True, attention=asking.text, attention_reason=asking.reason.value
    )


def _unsuspend(fleet: Fleet) -> str:
    return commands.patch("scn", fleet.namespace, fleet.scenario, {"spec": {"upgrade": {"suspend": False}}})


def _edit(fleet: Fleet) -> str:
    return commands.edit("scn", fleet.namespace, fleet.scenario)


def _settled(fleet: Fleet, decision: FleetDecision) -> ScenarioStanding:
    if decision.opening is not None or fleet.wanted is None:
        return ScenarioStanding(Reason.PLANNING.value, "planning", reconciling=True)
    if not fleet.runs and not fleet.unread:
        return ScenarioStanding(Reason.ROLLED_OUT.value, "there are no runs", ready=True)
    failed = [r for r in fleet.runs if _unsettled_failure(r, fleet.wanted)]
    rejected = next((a for a in fleet.attempts if a.reject and a.revision == fleet.wanted.name), None)
    if rejected is not None and failed and not any(r.failed for r in failed):
        told = f"{rejected.name} to {fleet.wanted.version} was rejected: {rejected.reject.shown()}"
        return ScenarioStanding(Reason.REJECTED.value, told, ready=True)
    aborted = next((a for a in fleet.attempts if a.abort and a.revision == fleet.wanted.name), None)
    if failed:
        which = _listed(failed, fleet.namespace)
        # What was called off before it began has failed nobody.
        called_off = aborted is not None and not any(r.failed for r in failed)
        reason = Reason.ABORTED if called_off else Reason.RUNS_FAILED
        told = f"not on {fleet.wanted.version}: {which}; publish a fixed version, or retry them"
        return _stalled_by(failed[0], reason, told)
    hanging = [r for r in fleet.runs if _hangs(r, fleet.wanted)]
    if hanging:
        told = f"{fleet.wanted.version} does not start: {_listed(hanging, fleet.namespace)}; publish a fixed version"
        return _stalled_by(hanging[0], Reason.RUNS_FAILED, told)
    asking = [r for r in fleet.runs if _cannot_start(r, fleet.wanted)]
    if asking:
        told = f"cannot start: {_listed(asking, fleet.namespace)}"
        return _stalled_by(asking[0], Reason.PLANS_BLOCKED, told)
    busy = [r for r in fleet.runs if not _is_settled(r, fleet.wanted)]
    if busy and fleet.suspend and all(_is_unborn(r) for r in busy):
        told = f"{fleet.wanted.version} is suspended: {_listed(busy, fleet.namespace)} may not start on it"
        return ScenarioStanding(
            Reason.SUSPENDED.value, told, ready=True, attention=f"{told}; to go on: {_unsuspend(fleet)}"
        )
    if busy and all(r.hold or _waits_on(r, fleet.wanted) for r in busy):
        return _waits_for_people(busy, fleet)
    if busy:
        return ScenarioStanding(
            Reason.ROLLING_OUT.value,
            f"starting or restarting: {_listed(busy, fleet.namespace)}",
            reconciling=True,
        )
    if fleet.unread:
        told = _unread(fleet)
        return ScenarioStanding(_UNREAD, told, stalled=True, attention=f"{told}; see: {_see_unread(fleet)}")
    pinned = sum(1 for r in fleet.runs if r.pinned)
    told = f"{len(fleet.runs) - pinned} of {len(fleet.runs)} on {fleet.wanted.version}, {pinned} pinned"
    return ScenarioStanding(Reason.ROLLED_OUT.value, told, ready=True)


def _stalled_by(first: RunFacts, reason: Reason, told: str) -> ScenarioStanding:
    """Return how a Scenario stands that its runs stall; the first of them says more."""
    look = f"{told}; see: {commands.describe('srun', first.namespace, first.name)}"
    return ScenarioStanding(reason.value, told, stalled=True, attention=look)


def _waits_on(run: RunFacts, wanted: Revision) -> bool:
    """Say whether a plan that leads to what is wanted waits for a person; an older one is about to give way."""
    return run.waits and wanted.name in run.journal_revisions


def _waits_for_people(runs: list[RunFacts], fleet: Fleet) -> ScenarioStanding:
    """Return how a Scenario stands whose last runs are held, or have a plan of their own that waits for a person."""
    stuck = [r for r in runs if not r.hold]
    if stuck:
        told = f"wait for a person: {_listed(stuck, fleet.namespace)}"
        return _stalled_by(stuck[0], Reason.RUNS_STUCK, told)
    told = f"spec.hold keeps {_listed(runs, fleet.namespace)}"
    onward = f"to go on: {commands.patch_run(runs[0].namespace, runs[0].name, hold=None)}"
    return _gated(Reason.HELD, Asking(Reason.HELD, told, onward))


def _listed(runs: list[RunFacts], home: str) -> str:
    return listed([run.full_name for run in runs], home)


def _unsettled_failure(run: RunFacts, wanted: Revision) -> bool:
    """Say whether a run is not on what is wanted, and nothing leads it on.

    What a run says of itself may be older than the revision. So a run that is on what is wanted has not failed, and a
    first start counts when it was one of what is wanted: else the commit that mends the Scenario would stall it.
    """
    if run.left_out or run.journal_grant is not None:
        return False
    if run.stored.applied is not None:
        return is_behind(run, wanted)
    last = next(iter(run.stored.history), None)
    return run.failed and (last is None or last.to_revision in ("", wanted.name))


def _hangs(run: RunFacts, wanted: Revision) -> bool:
    """Say whether a first start on what is wanted waits for a person who did not hold it."""
    first = run.stored.applied is None and run.journal_grant == "" and not run.hold
    return first and run.waits and wanted.name in run.journal_revisions


def _cannot_start(run: RunFacts, wanted: Revision) -> bool:
    """Say whether a run that was never started asks for a person, and not for what the wanted revision has mended."""
    if run.hold or run.asks in OF_THE_SCENARIO:
        return False
    if run.asks in (Reason.PARAMETER_REQUIRED, Reason.UNKNOWN_PARAMETER):
        declared = wanted.spec.parameters
        merged = merge(run.stored.parameters, dict(run.parameters), declared)
        return bool(merged.missing or merged.parameters.orphaned)
    return bool(run.asks)


def _is_unborn(run: RunFacts) -> bool:
    """Say whether a run has never started and does not start either: nothing was released that it could start on."""
    return run.stored.applied is None and run.journal_grant is None


def _is_settled(run: RunFacts, wanted: Revision) -> bool:
    never_asked_to_start = run.stored.applied is None and not run.desired_running
    if run.left_out or run.stored.stopped or never_asked_to_start:
        return run.journal_grant is None
    return run.journal_grant is None and run.stored.applied is not None and not is_behind(run, wanted)


def _assess(
    standing: ScenarioStanding, published: Publication, fleet: Fleet, decision: FleetDecision
) -> list[Assessment]:
    reason, message = Reason(standing.reason), standing.message
    rolled_out = standing.ready and standing.reason == Reason.ROLLED_OUT.value
    out_reason = Reason.NO_RUNS if rolled_out and not fleet.runs else reason
    stated = [
        Assessment(_C.READY, "True" if standing.ready else "False", reason, message),
        _valid(published),
        _artifact_available(published),
        Assessment(_C.ROLLED_OUT, "True" if rolled_out else "False", out_reason, message),
        _mixed(fleet),
        Assessment(
            _C.ACTION_REQUIRED,
            "True",
            Reason(standing.attention_reason or standing.reason),
            standing.attention,
        )
        if standing.attention
        else Assessment(_C.ACTION_REQUIRED, "False", Reason.NO_ACTION_REQUIRED),
    ]
    if standing.stalled:
        stated.append(Assessment(_C.STALLED, "True", reason, message))
    elif standing.reconciling:
        stated.append(Assessment(_C.RECONCILING, "True", reason, message))
    return stated


def _valid(published: Publication) -> Assessment:
    if published.problem is not None and published.problem.reason is not Reason.DIGEST_MISMATCH:
        return Assessment(_C.VALID, "False", published.problem.reason, published.problem.message)
    if published.pending is not None and published.pending.reason in (Reason.RESOLVING, Reason.REFUSED):
        return Assessment(_C.VALID, "Unknown", published.pending.reason, published.pending.message)
    return Assessment(_C.VALID, "True", Reason.VALID)


def _artifact_available(published: Publication) -> Assessment:
    for told in (published.pending, published.problem):
        if told is not None and told.reason in (
            Reason.ARTIFACT_UNAVAILABLE,
            Reason.CONFIG_MAP_MISSING,
            Reason.DIGEST_MISMATCH,
        ):
            return Assessment(_C.ARTIFACT_AVAILABLE, "False", told.reason, told.message)
    if published.pending is not None or published.revision is None:
        waits = published.pending
        words = waits.message if waits is not None and waits.reason is Reason.RESOLVING else ""
        return Assessment(_C.ARTIFACT_AVAILABLE, "Unknown", Reason.RESOLVING, words)
    artifact = published.revision.artifact
    reason = Reason.DIGEST_UNPINNED if artifact.unpinned else Reason.RESOLVED
    return Assessment(_C.ARTIFACT_AVAILABLE, "True", reason, f"{artifact.image} is {artifact.digest}")


def _mixed(fleet: Fleet) -> Assessment:
    versions = sorted({r.stored.applied.version for r in fleet.runs if r.stored.applied and not r.left_out})
    if len(versions) > 1:
        return Assessment(
            _C.MIXED_VERSIONS, "True", Reason.MIXED_VERSIONS, f"runs are on {', '.join(versions)}"
        )
    return Assessment(_C.MIXED_VERSIONS, "False", Reason.SAME_VERSION)


def _active(published: Publication, decision: FleetDecision, old: Mapping[str, Any]) -> str | None:
    """Return the newest released revision: new runs start on it while a newer one is suspended or unapproved."""
    before = old.get("activeRevision")
    latest = published.revision
    if latest is None or latest.name == before:
        return before
    return latest.name if decision.released else before
