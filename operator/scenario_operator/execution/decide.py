"""The one decision: from a view of the world to a record, effects and a wake. Total and pure.

Every view has an answer, every wait a reason. The record is written first, with the resourceVersion the view
was read at; the effects are carried out only after that write succeeded (R1).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scenario_operator.api.foreign import NOTHING
from scenario_operator.api.journal import Heading, Kind, Turn
from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import results
from scenario_operator.execution.close import answer, close
from scenario_operator.execution.describe import progress, trouble
from scenario_operator.execution.direction import (
    Stuck,
    stuck_at,
    superseded,
    time_left,
    turn_by_signals,
)
from scenario_operator.execution.effects import DeleteJob, Effect, ReleaseReport
from scenario_operator.execution.health import changes_in
from scenario_operator.execution.journal import Failure, Journal
from scenario_operator.execution.rest import Rest, at_rest
from scenario_operator.execution.route import replacement, way_back
from scenario_operator.execution.situation import (
    Situation,
    Standing,
    refused,
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
    refusal = (view.refusal if decision.effects else NOTHING) or view.world.refused
    if not refusal:
        return decision
    return decision._replace(situation=refused(view, decision.situation, refusal))


def _resting(view: View, rest: Rest) -> Decision:
    settled = rest.situation.standing is Standing.SETTLED and not rest.effects
    changes = changes_in(view._replace(stored=rest.stored))
    wakes = [*([] if settled else [WAKE]), *([] if changes is None else [changes + _GRACE])]
    return Decision(Record(rest.stored, None), rest.situation, rest.effects, min(wakes, default=None))


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
        record = Record(answer(view, grant, Outcome.CANCELLED, *told), None)
    return Decision(record, situation, effects, WAKE)


def _carry_on(view: View, journal: Journal) -> Decision:
    if view.run.hold:
        return _held(view, journal)
    journal = _released(view, journal)
    view, journal, closing = turn_by_signals(view, journal)
    if closing is not None:
        return _closed(view, journal, closing)
    # Bounded by the steps of the two routes a plan can take in one pass, forward and then its turn.
    for _ in range(2 * len(journal.steps) + 8):
        found = _round(view, journal)
        if isinstance(found, Decision):
            return found
        journal = found
    raise AssertionError(f"plan {journal.id} does not settle on a step")


class _Look(NamedTuple):
    """A ready step that is not done: what its row said, and whether and how it is stuck.

    `ending`: it is given up, but its hook still runs and might succeed; what ends that, None when it is not so.
    """

    step: Step
    check: Todo | Failed
    stuck: Stuck | None
    ending: tuple[Effect, ...] | None = None


class _Part(NamedTuple):
    """What one ready step adds to a decision."""

    situation: Situation
    effects: tuple[Effect, ...]
    wake: float


def _round(view: View, journal: Journal) -> Journal | Decision:
    """Look at each ready step in the order of the route; a journal that comes back is to be looked at again."""
    ready = journal.ready()
    if not ready or ready[0].kind is Kind.COMMIT:
        return _finish(view, journal)
    looks: list[_Look] = []
    for step in ready:
        check = VOCABULARY[step.kind].check(view, journal, step)
        if isinstance(check, Done):
            return journal.finish(step, dict(check.facts))
        if isinstance(check, Failed) and check.uid:
            journal = journal.fail(step, check.uid, view.now, check.message)
        looks.append(_Look(step, check, stuck_at(view, journal, step, check)))
    overtaken = journal.heading is Heading.FORWARD and superseded(view, journal)
    if overtaken and not journal.begun:
        return _closed(view, journal, Outcome.SUPERSEDED)
    for place, look in enumerate(looks):
        left = _given_up(journal, look, overtaken=overtaken)
        if left is None:
            continue
        ending = _ending(view, journal, look.step)
        if ending is None:
            return journal.finish(look.step, left)
        looks[place] = look._replace(ending=ending)
    turning = [
        look.stuck.failure(look.step, view.now)
        for look in looks
        if look.stuck is not None and _turns(journal, look.stuck, overtaken=overtaken)
    ]
    return _turned_by(view, journal, looks, turning, overtaken=overtaken)


def _turned_by(
    view: View, journal: Journal, looks: list[_Look], turning: list[Failure], *, overtaken: bool
) -> Journal | Decision:
    """Turn once nothing that has begun moves any more; until then nothing begins, and what runs may end."""
    if not turning:
        return _combined(view, journal, looks)
    moving = [look for look in looks if look.stuck is None and journal.begun_at(look.step.id) is not None]
    if moving:
        stopped = [look._replace(stuck=look.stuck._replace(retry_in=None)) for look in looks if look.stuck]
        return _combined(view, journal, [*moving, *stopped])
    return _turned(journal._replace(failure=turning[0]), Turn.SUPERSEDED if overtaken else Turn.FAILED)


def _combined(view: View, journal: Journal, looks: list[_Look]) -> Decision:
    """Put together what the ready steps do: the last record, each effect once, the most pressing word, the first wake.

    Done marks alone are no news: checks find them again, a write is saved.
    """
    parts: list[_Part] = []
    for look in looks:
        if look.stuck is None:
            journal, part = _work(view, journal, look.step, look.check)
        elif look.ending is not None:
            part = _Part(trouble(view, journal, look.step, look.stuck), look.ending, WAKE)
        else:
            journal, part = _stand(view, journal, look.step, look.stuck)
        parts.append(part)
    if view.journal is not None and not any(look.stuck for look in looks):
        journal = view.journal if journal._replace(done=view.journal.done) == view.journal else journal
    effects = tuple(dict.fromkeys(effect for part in parts for effect in part.effects))
    effects = (*_loose_ends(view, journal, effects), *effects)
    situation = min((part.situation for part in parts), key=_pressing)
    stored = results.entered(view, journal)
    return Decision(Record(stored, journal), situation, effects, min(part.wake for part in parts))


def _pressing(situation: Situation) -> tuple[bool, bool]:
    """Order situations: what asks for a person comes first, then what does not move."""
    return not situation.attention, situation.standing is Standing.WORKING


def _finish(view: View, journal: Journal) -> Decision:
    """All steps are done: close, unless a newer word came before anything had begun."""
    if journal.heading is Heading.FORWARD and superseded(view, journal) and not journal.begun:
        return _closed(view, journal, Outcome.SUPERSEDED)
    return _closed(view, journal, None)


def _closed(view: View, journal: Journal, outcome: Outcome | None) -> Decision:
    """Close in one write; what the closed plan leaves behind is swept by the next pass."""
    stored = close(view, journal, outcome)
    rest = at_rest(view._replace(stored=stored, journal=None), opening=False)
    return Decision(Record(rest.stored, None), rest.situation, (), 0.0)


def _given_up(journal: Journal, look: _Look, *, overtaken: bool) -> dict[str, Any] | None:
    """Return the facts of a stuck step that is abandoned.

    What was consented to is given up by a person only, whichever way the plan goes; the clean-up of what never
    committed by itself, when it was tried often enough.
    """
    step, stuck = look.step, look.stuck
    if stuck is None:
        return None
    if journal.heading is Heading.FORWARD or step.args.committed:
        return VOCABULARY[step.kind].given_up(step) if journal.skip_revert and not overtaken else None
    return VOCABULARY[step.kind].given_up(step, stuck.message[:512]) if stuck.exhausted else None


def _ending(view: View, journal: Journal, step: Step) -> tuple[Effect, ...] | None:
    """Return what ends the hook of a step that is given up, None when none runs.

    Only what has ended is given up: a hook that succeeds in the meantime has done what it was to do.
    """
    job = view.world.job(job_name(view, journal, step))
    if job is None:
        return () if job_name(view, journal, step) in view.world.reverting else None
    if job.deleting:
        return ()
    return (DeleteJob(job.handle, job.name),) if job.state in ("Suspended", "Active") else None


def _turns(journal: Journal, stuck: Stuck, *, overtaken: bool) -> bool:
    """Say whether a stuck step turns the plan; Back and Replace never turn, they retry."""
    if journal.heading is not Heading.FORWARD:
        return False
    if overtaken:
        return True
    rolls_back = journal.strategy.on_failure == "RollBack" and not journal.crossed
    return rolls_back and stuck.final and not stuck.human


def _turned(journal: Journal, by: Turn) -> Journal:
    if journal.crossed:
        return journal.turn(Heading.REPLACE, replacement(journal), by)
    return journal.turn(Heading.BACK, way_back(journal), by)


def _stand(view: View, journal: Journal, step: Step, stuck: Stuck) -> tuple[Journal, _Part]:
    """Stay at a step that fails: retry after its back-off, or wait for a person; say which."""
    effects: tuple[Effect, ...] = ()
    if stuck.retry_in is not None and stuck.retry_in <= 0 and not journal.gave_up:
        journal = journal.begin(step, view.now)
        effects = VOCABULARY[step.kind].effects(view, journal, step)
    wake = min(WAKE, max(0.5, stuck.retry_in)) if stuck.retry_in else WAKE
    return journal, _Part(trouble(view, journal, step, stuck), effects, wake)


def _work(view: View, journal: Journal, step: Step, check: Todo | Failed) -> tuple[Journal, _Part]:
    """Take the step's next effects; what it learnt is recorded with its beginning, before them."""
    if isinstance(check, Todo) and check.facts:
        journal = journal.learn(dict(check.facts))
    effects = VOCABULARY[step.kind].effects(view, journal, step)
    lasts = check.lasts if isinstance(check, Todo) else None
    if effects or not (step.nature.begins_with_effects or (lasts and lasts.before)):
        journal = journal.begin(step, view.now)
    waiting = check.waiting if isinstance(check, Todo) else check.message
    due = [check.due if isinstance(check, Todo) else None, time_left(view, journal, step)]
    wake = max(0.1, min([WAKE, *(seconds + _GRACE for seconds in due if seconds is not None)]))
    at_once = lasts is not None and not lasts.planned
    return journal, _Part(progress(view, journal, step, waiting, at_once=at_once), effects, wake)


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
    message = f"spec.hold: {view.run.hold.shown()}"
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
    judging = any(s.nature.begins_with_effects for s in journal.ready())
    judged = {s.id for s in journal.route if judging and s.nature.wakes}
    over = {*journal.done} - judged
    begun = tuple(b if b.id in over else b._replace(at=b.at + paused) for b in journal.begun)
    tries = tuple(t._replace(at=t.at + paused) for t in journal.tries)
    return journal._replace(held_since=None, begun=begun, tries=tries)
