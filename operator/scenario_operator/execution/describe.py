"""What is said of a run: of a step under way, of one that fails, and of a run without a plan; with the next command."""

from __future__ import annotations

from scenario_operator.api import commands, names
from scenario_operator.api.journal import Heading
from scenario_operator.api.outcomes import WENT_BACK
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import health
from scenario_operator.execution.direction import Stuck, superseded, ungranted
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.own import blocker, is_behind, own_plan
from scenario_operator.execution.situation import (
    Situation,
    Standing,
    abort_command,
    keep_volume_command,
    retry_command,
    unhold_command,
    waiting,
)
from scenario_operator.execution.steps import VOCABULARY
from scenario_operator.execution.steps.claims import lives_with_its_pod, state_trouble
from scenario_operator.execution.steps.start import in_the_way
from scenario_operator.execution.steps.step import Failed
from scenario_operator.execution.upkeep import lost, steady_start
from scenario_operator.execution.view import Gate, View
from scenario_operator.planning.steps import Step
from scenario_operator.planning.stored import Ended

_SLOW = 20.0
"""Seconds after which a step's message says what it waits for; before that the detail is not worth a write."""


def progress(view: View, journal: Journal, step: Step, waiting: str, *, at_once: bool = False) -> Situation:
    """Say which step is under way; the detail only when it takes long, since every change costs a write.

    `at_once`: what is waited for is nothing that a plan brings with it, so it is said.
    """
    begun = max(journal.begun, key=lambda b: b.at, default=None)
    shown = step if journal.begun_at(step.id) is not None else _last_begun(journal) or step
    slow = begun is not None and view.now - begun.at > _SLOW
    way = {Heading.FORWARD: "to", Heading.BACK: "back from", Heading.REPLACE: "away from"}.get(
        journal.heading, "of"
    )
    word = shown.nature.reason.value
    message = f"{journal.cause.value} {way} {journal.target.version}, plan {journal.plan_hash}: {word}"
    return Situation(
        Standing.WORKING, word, f"{message}: waiting for {waiting}" if slow or at_once else message
    )


def _last_begun(journal: Journal) -> Step | None:
    begun = [s for s in journal.route if journal.begun_at(s.id) is not None]
    return begun[-1] if begun else None


def trouble(view: View, journal: Journal, step: Step, stuck: Stuck) -> Situation:
    """Explain a step that fails, and what moves it on."""
    word = step.nature.reason.value
    where = f"{word} of plan {journal.plan_hash} ({journal.cause.value} to {journal.target.version})"
    message = f"{where}: {stuck.message}"
    if journal.heading is Heading.BACK:
        look = stuck.look or commands.describe("srun", view.run.namespace, view.run.name)
        attention = f"{message}; it is retried, see: {look}"
        return Situation(Standing.STALLED, Reason.ROLLBACK_FAILED, message, attention, degraded=message)
    attempt = "" if ungranted(view, journal) else journal.attempt
    if journal.crossed:
        acute = stuck.exhausted or stuck.human or journal.gave_up or stuck.reason is not Reason.HOOK_FAILED
        by_itself = f"it goes on by itself once that is gone, see: {stuck.look}"
        onward = by_itself if stuck.look else _onward(view, journal, step, attempt)
        attention = f"{message}; the old version cannot come back: {onward}"
        return Situation(
            Standing.PAST_RETURN, Reason.PAST_POINT_OF_NO_RETURN, message, attention if acute else "", message
        )
    if not stuck.final:
        return Situation(Standing.WORKING, word, f"{message}; it is tried again")
    onward = f"take it back: {abort_command(view, attempt)}"
    # A plan keeps its strategy, so a retry would find the same report missing again.
    if stuck.look:
        onward = f"it goes on by itself once that is gone, see: {stuck.look}; {onward}"
    elif stuck.reason is not Reason.STOP_REPORT_MISSING:
        onward = f"retry: {retry_command(view)}; {onward}"
    degraded = message if stuck.reason is Reason.STOP_TIMEOUT else ""
    return Situation(Standing.STALLED, stuck.reason, message, f"{message}; {onward}", degraded)


def _onward(view: View, journal: Journal, step: Step, attempt: str) -> str:
    """Say what leads on past the point of no return: a newer version does not make a consented hook obsolete."""
    retry = f"retry: {retry_command(view)}"
    if VOCABULARY[step.kind].given_up(step) is None:
        return f"publish a fixed version, or {retry}"
    if not step.args.committed:
        return f"what never committed is cleaned up first, and given up after its attempts; {retry}"
    give_up = (
        f"give the hook up, its results stay: {commands.skip_revert(view.run.namespace, names.plain(attempt))}, or "
        if attempt
        else ""
    )
    newer = (
        f"{view.wanted.version} starts"
        if view.wanted and superseded(view, journal)
        else "a newer version would start"
    )
    return f"{newer} only after this hook of the old one; mend what it needs, {give_up}{retry}"


def situation(view: View) -> Situation:
    """Describe a run without an open plan, in the order in which a person needs to know."""
    found = (
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
    sick = health.unwell(view)
    if sick and not found.degraded:
        found = found._replace(degraded=sick.degraded)
    return found if found.attention else _with_unknown_parameters(view, found)


def _with_unknown_parameters(view: View, found: Situation) -> Situation:
    """Say of a run that works that its user sets what no version declares: a misspelt key would be silent for ever.

    One that a version declared once is kept in `status.parameters.orphaned`, and was told when that version went.
    """
    declared = {p.name for revision in view.revisions.values() for p in revision.spec.parameters or ()}
    known = declared | {name for name, _ in view.stored.parameters.orphaned}
    unknown = [name for name, _ in view.run.parameters if name not in known]
    if not unknown or view.stored.applied is None or not view.revisions:
        return found
    edit = commands.edit("srun", view.run.namespace, view.run.name)
    told = f"spec.parameters.{unknown[0]} is a parameter of no version, so it is not passed on"
    return found._replace(
        attention=f"{told}; correct or remove it: {edit}", attention_reason=Reason.UNKNOWN_PARAMETER
    )


def _held(view: View) -> Situation | None:
    if not view.run.hold:
        return None
    message = f"spec.hold: {view.run.hold.shown()}"
    return Situation(Standing.BLOCKED, Reason.HELD, message, f"{message}; to go on: {unhold_command(view)}")


def _out_of_sync(view: View) -> Situation | None:
    reason, message = Reason.STATE_OUT_OF_SYNC, ""
    serves = any(p.ready for p in view.world.of(view.stored.live))
    standing = Standing.BLOCKED if serves else Standing.STALLED
    doomed = lives_with_its_pod(view, view.stored.live) if view.stored.live else ""
    if doomed:
        keep = f"keep its volume: {keep_volume_command(view)}"
        return Situation(standing, reason, doomed, f"{doomed}; {keep}", doomed)
    if deleted := _deleted_revision(view):
        look = f"look: {commands.revisions_of(view.run.namespace, view.run.scenario)}"
        return Situation(standing, reason, deleted, f"{deleted}; {look}", deleted)
    if lost(view):
        message = (
            "there are workloads or state claims of this run that its status does not know, and it cannot be told "
            "what it was on"
        )
    elif view.stored.applied is not None and view.stored.live:
        step = steady_start(view)
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


def _deleted_revision(view: View) -> str:
    """Say that somebody has deleted the revision that the run needs as it is, "" when it is there or not needed."""
    applied, stored = view.stored.applied, view.stored
    works = bool(stored.live) and not stored.stopped
    if applied is None or not (works or view.run.desired_running):
        return ""
    if (view.running(stored.live) if works else view.revision(applied.revision)) is not None:
        return ""
    can = (
        "what runs is only stopped or replaced, never started anew" if works else "it cannot be started on it"
    )
    told = f"revision {applied.revision} ({applied.version}), which the run is on, was deleted: {can}"
    return f"{told}; restore it, or lead the run on to a published version by a strategy with fresh state"


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
    if last is None or last.outcome not in WENT_BACK:
        return None
    if not (refused or (_led_to_what_is_wanted(view, last) and is_behind(view))):
        return None
    told = last.message if last.reason == last.outcome else f"{last.reason} {last.message}"
    message = f"{last.outcome} on the way to {last.to_version}: {told}".rstrip(": ")
    onward = f"publish a fixed version, or try again: {retry_command(view)}"
    gate = view.gate
    if view.wants_retry and gate is not None and gate.reason == Reason.NO_VALID_REVISION:
        onward = _next_step(view, gate)
    attention = f"{message}; {onward}"
    serving = Situation(Standing.ROLLED_BACK, Reason.ROLLED_BACK, message, attention, "", message, refused)
    absent = None if refused else _not_serving(view)
    if absent is None or absent.standing is Standing.STOPPED:
        return serving
    return absent._replace(attention=attention, rolled_back=message)


def _led_to_what_is_wanted(view: View, last: Ended) -> bool:
    """Say whether a plan was to end on the wanted revision: a label may stand for a mended configuration by now.

    What an operator wrote that did not record revisions yet is judged by the label.
    """
    wanted = view.wanted
    if wanted is None:
        return False
    return last.to_revision == wanted.name if last.to_revision else last.to_version == wanted.version


def _blocked(view: View) -> Situation | None:
    blocked = blocker(view)
    if blocked is None:
        return None
    standing = Standing.STALLED if view.stored.applied is None else Standing.BLOCKED
    return Situation(
        standing,
        blocked.reason,
        blocked.message,
        f"{blocked.message}; correct it: {commands.edit('srun', view.run.namespace, view.run.name)}",
    )


def _not_serving(view: View) -> Situation | None:
    if view.stored.stopped or (not view.run.desired_running and not view.stored.live):
        return (
            Situation(Standing.STOPPED, Reason.STOPPED, "stopped by spec.desiredState")
            if not is_behind(view)
            else None
        )
    if (sick := health.unwell(view)) is not None:
        return sick
    if health.serves(view):
        return None
    window = view.stored.window
    if health.is_learning(view) and window is not None:
        return Situation(
            Standing.LEARNING, Reason.LEARNING, f"no side effects before {window.output_actions_from}"
        )
    pods = [p for p in view.world.of(view.stored.live) if not p.foreign and not p.terminating]
    ails = health.ailment(view)
    if pods and ails is not None and not any(p.preparing for p in pods):
        return Situation(Standing.STARTING, Reason.STARTING, ails.told)
    awaited = in_the_way(view, view.stored.live) if not pods else ""
    return Situation(
        Standing.STARTING, Reason.STARTING, f"waiting for {awaited}" if awaited else "the pod is not ready"
    )


def _behind(view: View) -> Situation | None:
    if view.run.pinned:
        return waiting(Reason.PINNED, f"spec.pinnedVersion is {view.run.pinned}")
    if not is_behind(view):
        return None
    gate = view.gate
    wanted = view.wanted.version if view.wanted else ""
    if gate is None:
        return waiting(Reason.WAITING, f"waiting for its turn to {wanted}")
    if not gate.attention:
        return waiting(gate.reason, gate.message)
    asks = Reason.APPROVAL_REQUIRED if gate.reason == Reason.AWAITING_APPROVAL else ""
    attention = _next_step(view, gate)
    return Situation(Standing.BLOCKED, gate.reason, gate.message, attention, attention_reason=asks)


def _never_recomputed(view: View) -> Situation | None:
    """A recompute that was asked for and cannot be planned."""
    gate = view.gate
    if not view.wants_recompute or gate is None or not gate.attention:
        return None
    return Situation(Standing.BLOCKED, gate.reason, gate.message, _next_step(view, gate))


def _next_step(view: View, gate: Gate) -> str:
    """Return what a person has to do about a gate; it is the Scenario that has to change, if not said otherwise."""
    command = gate.command or f"edit: {commands.edit('scn', view.run.namespace, view.run.scenario)}"
    return f"{gate.message}; {command}"


def _version(view: View) -> str:
    return view.stored.applied.version if view.stored.applied else "none"
