"""The one decision: from a view of the world to a record, effects and a wake. Total and pure.

Every view has an answer, every wait a reason. The record is written first, with the resourceVersion the view
was read at; the effects are carried out only after that write succeeded (R1).
"""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.api import commands
from scenario_operator.api.journal import Heading, Kind
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.close import answer, close
from scenario_operator.execution.direction import (
    Stuck,
    stuck_at,
    superseded,
    time_left,
    turn_by_signals,
    ungranted,
)
from scenario_operator.execution.effects import DeleteJob, Effect, ReleaseReport
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.rest import Rest, at_rest
from scenario_operator.execution.route import replacement, way_back
from scenario_operator.execution.situation import (
    Situation,
    Standing,
    abort_command,
    refused,
    retry_command,
    unhold_command,
)
from scenario_operator.execution.steps import VOCABULARY
from scenario_operator.execution.steps.hooks import job_name
from scenario_operator.execution.steps.step import Done, Failed, Todo
from scenario_operator.execution.view import Grant, View
from scenario_operator.planning.steps import Step
from scenario_operator.planning.stored import Stored

WAKE = 30.0
"""Seconds after which everything that waits is looked at again, whatever the watches say."""
_GRACE = 0.05
"""Seconds added to a wake that waits for a time to pass, so that it has passed."""
_SLOW = 20.0
"""Seconds after which a step's message says what it waits for; before that the detail is not worth a write."""


class Record(NamedTuple):
    """The durable part of a run's status."""

    stored: Stored
    journal: Journal | None


class Decision(NamedTuple):
    """What to write, what to do after that, and when to look again (seconds; None: only when woken)."""

    record: Record
    situation: Situation
    effects: tuple[Effect, ...]
    wake: float | None


def decide(view: View) -> Decision:
    """Return a run's next move."""
    if view.run.deleting:
        return _deleted(view)
    if view.journal is not None:
        return _told(view, _carry_on(view, view.journal))
    rest = at_rest(view)
    if rest.opened is None:
        return _told(view, _resting(view, rest))
    return _told(view, _carry_on(view._replace(stored=rest.stored), rest.opened))


def _told(view: View, decision: Decision) -> Decision:
    """Add what the API server refuses: a quota, a webhook, a missing right is nowhere else to be seen."""
    refusal = (view.refusal if decision.effects else "") or view.world.refused
    if not refusal:
        return decision
    return decision._replace(situation=refused(view, decision.situation, refusal))


def _resting(view: View, rest: Rest) -> Decision:
    wake = None if rest.situation.standing is Standing.SETTLED and not rest.effects else WAKE
    return Decision(Record(rest.stored, None), rest.situation, rest.effects, wake)


def _deleted(view: View) -> Decision:
    """What a deleted run owns goes by its ownerReferences; only held reports would keep pods from going.

    Somebody's finalizer may keep the run itself for long: its grant is returned at once, since nothing follows.
    """
    effects = tuple(
        ReleaseReport(p.handle, p.incarnation) for p in view.world.pods if p.held and not p.foreign
    )
    situation = Situation(Standing.WORKING, Reason.CANCELLED, "the run is being deleted")
    record, journal, grant = Record(view.stored, view.journal), view.journal, view.grant
    if journal is not None and journal.grant_id:
        grant = Grant(journal.grant_id, journal.attempt, journal.plan_hash, journal.target.revision)
    if grant is not None and not view.stored.spent(grant.id):
        told = Reason.CANCELLED.value, "the run was deleted"
        record = Record(answer(view, grant, Reason.CANCELLED.value, *told), None)
    return Decision(record, situation, effects, WAKE)


def _carry_on(view: View, journal: Journal) -> Decision:
    if view.run.hold:
        return _held(view, journal)
    journal = _released(view, journal)
    view, journal, closing = turn_by_signals(view, journal)
    if closing:
        return _closed(view, journal, closing)
    # Bounded by the steps of the two routes a plan can take in one pass, forward and then its turn.
    for _ in range(2 * len(journal.steps) + 8):
        step = journal.current()
        if step is None or step.kind is Kind.COMMIT:
            return _finish(view, journal)
        check = VOCABULARY[step.kind].check(view, journal, step)
        if isinstance(check, Done):
            journal = journal.finish(step, dict(check.facts))
            continue
        turned = _cope(view, journal, step, check)
        if turned is None:
            return _work(view, journal, step, check)
        if isinstance(turned, Decision):
            return turned
        journal = turned
    raise AssertionError(f"plan {journal.id} does not settle on a step")


def _finish(view: View, journal: Journal) -> Decision:
    """All steps are done: close, unless a newer word came before anything had begun."""
    if journal.heading is Heading.FORWARD and superseded(view, journal) and not journal.begun:
        return _closed(view, journal, "Superseded")
    return _closed(view, journal, "")


def _closed(view: View, journal: Journal, outcome: str) -> Decision:
    """Close in one write; what the closed plan leaves behind is swept by the next pass."""
    stored = close(view, journal, outcome)
    rest = at_rest(view._replace(stored=stored, journal=None), opening=False)
    return Decision(Record(rest.stored, None), rest.situation, (), 0.0)


def _cope(view: View, journal: Journal, step: Step, check: Todo | Failed) -> Journal | Decision | None:
    """Decide what a step that is not done means for the direction; None: work on it."""
    if isinstance(check, Failed) and check.uid:
        journal = journal.fail(step, check.uid, view.now, check.message)
    stuck = stuck_at(view, journal, step, check)
    if journal.heading is not Heading.FORWARD:
        return _cope_walking(view, journal, step, stuck)
    if superseded(view, journal):
        if not journal.begun:
            return _closed(view, journal, "Superseded")
        if stuck is not None:
            by = stuck.failure(step, view.now)
            return _turned(journal._replace(failure=by), "Superseded")
    if stuck is None:
        return None
    if journal.skip_revert and (left := VOCABULARY[step.kind].given_up(step)) is not None:
        return journal.finish(step, left)
    if stuck.final and not journal.crossed and not stuck.human and journal.strategy.on_failure == "RollBack":
        return _turned(journal._replace(failure=stuck.failure(step, view.now)), "Failed")
    return _stand(view, journal, step, stuck)


def _turned(journal: Journal, by: str) -> Journal:
    if journal.crossed:
        return journal.turn(Heading.REPLACE, replacement(journal), by)
    return journal.turn(Heading.BACK, way_back(journal), by)


def _cope_walking(view: View, journal: Journal, step: Step, stuck: Stuck | None) -> Journal | Decision | None:
    """Back and Replace never turn: they retry; what cannot be reverted is counted and left."""
    if stuck is None:
        return None
    left = VOCABULARY[step.kind].given_up(step, stuck.message[:512])
    if left is not None and stuck.exhausted:
        return journal.finish(step, left)
    return _stand(view, journal, step, stuck)


def _stand(view: View, journal: Journal, step: Step, stuck: Stuck) -> Decision:
    """Stay at a step that fails: retry after its back-off, or wait for a person; say which."""
    effects: tuple[Effect, ...] = ()
    if stuck.retry_in is not None and stuck.retry_in <= 0 and not journal.gave_up:
        journal = journal.begin(step, view.now)
        effects = VOCABULARY[step.kind].effects(view, journal, step)
    effects = (*_loose_ends(view, journal, effects), *effects)
    wake = min(WAKE, max(0.5, stuck.retry_in)) if stuck.retry_in else WAKE
    return Decision(Record(view.stored, journal), _trouble(view, journal, step, stuck), effects, wake)


def _work(view: View, journal: Journal, step: Step, check: Todo | Failed) -> Decision:
    """Take the step's next effects; what it learnt is recorded with its beginning, before them."""
    known = journal
    if isinstance(check, Todo) and check.facts:
        journal = journal.learn(dict(check.facts))
    effects = VOCABULARY[step.kind].effects(view, journal, step)
    if effects or not step.nature.begins_with_effects:
        journal = journal.begin(step, view.now)
    if known.begun == journal.begun and known.facts == journal.facts and view.journal is not None:
        journal = _unless_news(view.journal, journal)
    effects = (*_loose_ends(view, journal, effects), *effects)
    waiting = check.waiting if isinstance(check, Todo) else check.message
    due = [check.due if isinstance(check, Todo) else None, time_left(view, journal, step)]
    wake = max(0.1, min([WAKE, *(seconds + _GRACE for seconds in due if seconds is not None)]))
    return Decision(Record(view.stored, journal), _progress(view, journal, step, waiting), effects, wake)


def _unless_news(old: Journal, new: Journal) -> Journal:
    """Keep the recorded journal when only `done` marks were added: checks find them again, a write is saved."""
    return old if new._replace(done=old.done) == old else new


def _loose_ends(view: View, journal: Journal, taken: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """Sweep Jobs of no remaining step, and reports held for a Stop that is no longer to come (R5)."""
    remaining = [s for s in journal.route if s.id not in journal.done]
    names = {job_name(view, journal, s) for s in remaining}
    stops = {s.args.incarnation for s in remaining if s.nature.silences}
    jobs: tuple[Effect, ...] = tuple(
        DeleteJob(j.handle, j.name) for j in view.world.jobs if j.name not in names and not j.deleting
    )
    held: tuple[Effect, ...] = tuple(
        ReleaseReport(p.handle, p.incarnation)
        for p in view.world.pods
        if p.held and not p.foreign and p.incarnation not in stops
    )
    return tuple(e for e in (*jobs, *held) if e not in taken)


def _held(view: View, journal: Journal) -> Decision:
    """Hold: nothing moves, and its time counts towards no deadline."""
    if journal.held_since is None:
        journal = journal._replace(held_since=view.now)
    message = f"spec.hold: {view.run.hold}"
    attention = f"{message}; to go on: {unhold_command(view)}"
    situation = Situation(Standing.STALLED, Reason.HELD, message, attention)
    return Decision(Record(view.stored, journal), situation, (), WAKE)


def _released(view: View, journal: Journal) -> Journal:
    """Go on after a hold: what was under way gets the time back, what begins later has its own.

    The time of Verify is counted from the start that it judges.
    """
    if journal.held_since is None:
        return journal
    paused = view.now - journal.held_since
    step = journal.current()
    judged = {s.id for s in journal.route if step and step.nature.begins_with_effects and s.nature.wakes}
    over = {*journal.done} - judged
    begun = tuple(b if b.id in over else b._replace(at=b.at + paused) for b in journal.begun)
    attempts = tuple(a._replace(at=a.at + paused) for a in journal.attempts)
    return journal._replace(held_since=None, begun=begun, attempts=attempts)


def _progress(view: View, journal: Journal, step: Step, waiting: str) -> Situation:
    """Say which step is under way; the detail only when it takes long, since every change costs a write."""
    begun = max(journal.begun, key=lambda b: b.at, default=None)
    shown = step if journal.begun_at(step.id) is not None else _last_begun(journal) or step
    slow = begun is not None and view.now - begun.at > _SLOW
    way = {Heading.FORWARD: "to", Heading.BACK: "back from", Heading.REPLACE: "away from"}.get(
        journal.heading, "of"
    )
    word = shown.nature.reason.value
    message = f"{journal.cause.value} {way} {journal.target.version}, plan {journal.plan_hash}: {word}"
    return Situation(Standing.WORKING, word, f"{message}: waiting for {waiting}" if slow else message)


def _last_begun(journal: Journal) -> Step | None:
    begun = [s for s in journal.route if journal.begun_at(s.id) is not None]
    return begun[-1] if begun else None


def _trouble(view: View, journal: Journal, step: Step, stuck: Stuck) -> Situation:
    """Explain a step that fails, and what moves it on."""
    word = step.nature.reason.value
    where = f"{word} of plan {journal.plan_hash} ({journal.cause.value} to {journal.target.version})"
    message = f"{where}: {stuck.message}"
    if journal.heading is Heading.BACK:
        attention = (
            f"{message}; it is retried, see: {commands.describe('srun', view.run.namespace, view.run.name)}"
        )
        return Situation(Standing.STALLED, Reason.ROLLBACK_FAILED, message, attention, degraded=message)
    attempt = "" if ungranted(view, journal) else journal.attempt
    if journal.crossed:
        acute = stuck.exhausted or stuck.human or journal.gave_up or stuck.reason is not Reason.HOOK_FAILED
        ends = VOCABULARY[step.kind].given_up(step) is not None
        skippable = ends and attempt and journal.heading is Heading.FORWARD
        give_up = (
            f"give the hook up, its results stay: {commands.skip_revert(view.run.namespace, attempt)}, "
            if skippable
            else ""
        )
        attention = (
            f"{message}; the old version cannot come back: publish a fixed version, {give_up}"
            f"or retry: {retry_command(view)}"
        )
        return Situation(
            Standing.PAST_RETURN, Reason.PAST_POINT_OF_NO_RETURN, message, attention if acute else "", message
        )
    if not stuck.final:
        return Situation(Standing.WORKING, word, f"{message}; it is tried again")
    onward = f"take it back: {abort_command(view, attempt)}"
    # A plan keeps its strategy, so a retry would find the same report missing again.
    if stuck.reason is not Reason.STOP_REPORT_MISSING:
        onward = f"retry: {retry_command(view)}; {onward}"
    degraded = message if stuck.reason is Reason.STOP_TIMEOUT else ""
    return Situation(Standing.STALLED, stuck.reason, message, f"{message}; {onward}", degraded)
