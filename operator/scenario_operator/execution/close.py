"""Closing a plan: the one write that turns its facts into what is stored, and returns its grant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from scenario_operator.api.common import MOST_COUNTED
from scenario_operator.api.journal import Heading, Turn
from scenario_operator.api.outcomes import ENDED_BADLY, WENT_BACK, Outcome
from scenario_operator.execution import facts, results
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.view import Grant, View
from scenario_operator.manifests.report import NUMBERS
from scenario_operator.planning.plan import Cause
from scenario_operator.planning.presets import PRESETS
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.steps import RESULTS, STATE
from scenario_operator.planning.stored import (
    DELETED,
    KEPT,
    LIVE,
    RETAINED,
    Applied,
    Ended,
    Incarnation,
    LastStop,
    Loss,
    Stored,
    epoch,
    timestamp,
)
from scenario_operator.planning.windows import Window

HISTORY = 5
_TURNED: dict[str, Outcome] = {Turn.SUPERSEDED: Outcome.SUPERSEDED, Turn.ABORTED: Outcome.ABORTED}


def close(view: View, journal: Journal, outcome: Outcome | None = None) -> Stored:
    """Return what is stored after the plan; `outcome` overrides what the heading says."""
    never = 0
    match journal.heading:
        case Heading.FORWARD if outcome is None:
            stored = _committed(view, journal)
        case Heading.REPLACE:
            stored, never = _replaced(view, journal), journal.upcoming
        case _:
            stored, never = _restored(view, journal), journal.upcoming
    stored = results.accounted(journal, stored, never=never)
    word = _outcome(journal) if outcome is None else outcome
    if not journal.grant_id and word in WENT_BACK:
        stored = stored._replace(refused=journal.desire)
    return _returned(view, journal, stored, word)


def answer(view: View, grant: Grant, word: Outcome, reason: str, message: str) -> Stored:
    """Return a grant that no plan was opened for."""
    now = timestamp(view.now)
    applied, target = view.stored.applied, view.revision(grant.revision)
    ends = applied.version if applied else "", target.version if target else ""
    told = (grant.id, grant.attempt, word, reason, message, *ends)
    ended = Ended(*told, "", "", now, now, to_revision=grant.revision)
    return view.stored._replace(history=remembered((ended, *view.stored.history)))


def remembered(history: tuple[Ended, ...]) -> tuple[Ended, ...]:
    """Return what is kept of a history, newest first: the newest, and what says that nothing is retried unasked.

    A run's own plans may fail as often as its user likes: the end of its last grant, and of the last one that ended
    badly, stay on record, or the attempt would be tried again and the run said to wait for its turn.
    """
    granted = [ended for ended in history if ended.grant_id]
    bad = [ended for ended in granted if ended.outcome in ENDED_BADLY]
    needed = {id(ended) for ended in (*granted[:1], *bad[:1])}
    free = HISTORY - len(needed)
    kept = [ended for ended in history if id(ended) not in needed][:free]
    chosen = needed | {id(ended) for ended in kept}
    return tuple(ended for ended in history if id(ended) in chosen)


def applied_of(revision: Revision, formats: tuple[str, ...]) -> Applied:
    """Return the record of a revision that has committed."""
    return Applied(
        revision.name,
        revision.version,
        revision.logic_hash,
        revision.config_hash,
        revision.artifact.digest,
        revision.state_version,
        formats,
    )


def _committed(view: View, journal: Journal) -> Stored:
    stored = view.stored
    target = view.revision(journal.target.revision)
    starts = [s for s in journal.steps if s.nature.wakes]
    gone = {s.args.incarnation for s in journal.steps if s.nature.destroys == STATE}
    live = starts[0].args.incarnation if starts else (0 if stored.live in gone else stored.live)
    applied = stored.applied
    if journal.cause is not Cause.STOP and target is not None:
        applied = applied_of(target, _formats_after(view, journal, target, live))
        if stored.applied is not None and journal.cause not in (Cause.UPGRADE, Cause.RECOMPUTE):
            # What runs may have another label than what the run took on since: an own plan changes neither.
            applied = _as_labelled(applied, stored.applied)
    records = tuple(
        _committed_record(journal, i, live, gone, started=bool(starts)) for i in stored.incarnations
    )
    stopped = {Cause.STOP: True, Cause.START: False}.get(journal.cause, stored.stopped)
    return stored._replace(
        applied=applied,
        live=live,
        stopped=stopped,
        incarnations=records,
        window=facts.planned_window(journal) or stored.window,
        parameters=facts.planned_parameters(view, journal) or stored.parameters,
        last_stop=_last_stop(journal) or stored.last_stop,
        refused="",
    )


def _as_labelled(applied: Applied, before: Applied) -> Applied:
    """Return what has committed under the label that it had, if nothing else differs."""
    if (applied.logic_hash, applied.config_hash) != (before.logic_hash, before.config_hash):
        return applied
    return applied._replace(revision=before.revision, version=before.version)


def _committed_record(
    journal: Journal, record: Incarnation, live: int, gone: set[int], *, started: bool
) -> Incarnation:
    """Update one incarnation's record; the old one is retained until the new one is Ready."""
    if record.number == live and started:
        return record._replace(revision=journal.target.revision, version=journal.target.version)
    if record.number in gone:
        return record._replace(state=DELETED)
    if record.state == LIVE and record.number != live and live:
        return record._replace(state=RETAINED, superseded_by=live)
    return record


def _formats_after(view: View, journal: Journal, target: Revision, live: int) -> tuple[str, ...]:
    if not target.has_state or not live:
        return ()
    claim = view.world.claim(live)
    if claim is not None:
        return claim.formats
    before = view.stored.applied
    return before.formats if before else (target.state_version,)


def _restored(view: View, journal: Journal) -> Stored:
    """Everything as it was, but for the number that is spent and for what nobody may be told twice."""
    stored = view.stored
    window = (
        facts.raised(journal, stored.window) if stored.window is not None and journal.path else stored.window
    )
    return stored._replace(
        window=window,
        incarnations=_deleted(stored, {journal.upcoming}),
        last_stop=_last_stop(journal) or stored.last_stop,
        applied=_narrowed(view, journal),
    )


def _narrowed(view: View, journal: Journal) -> Applied | None:
    applied = view.stored.applied
    claim = view.world.claim(view.stored.live)
    return applied._replace(formats=claim.formats) if applied and claim else applied


def _replaced(view: View, journal: Journal) -> Stored:
    """No stored state: the newest revision starts anew, with the window facts carried over.

    An irreversible keep has changed the only copy: it stays, with every format it can have.
    """
    stored = view.stored
    gone = {s.args.incarnation for s in (*journal.steps, *journal.path) if s.nature.destroys == STATE}
    only_copy = any(s.nature.wakes and s.args.irreversible for s in journal.steps)
    window = facts.planned_window(journal) or stored.window
    return stored._replace(
        applied=None,
        live=stored.live if only_copy else 0,
        incarnations=_deleted(stored, {*gone, journal.upcoming}),
        window=facts.raised(journal, window) if window is not None else None,
        last_stop=_last_stop(journal) or stored.last_stop,
    )


def _deleted(stored: Stored, numbers: set[int]) -> tuple[Incarnation, ...]:
    """Return the records with these incarnations' state as deleted."""
    return tuple(i._replace(state=DELETED) if i.number in numbers else i for i in stored.incarnations)


def _last_stop(journal: Journal) -> LastStop | None:
    return next(reversed(_stops(journal)), None)


def _stops(journal: Journal) -> list[LastStop]:
    """Return what every stop of the plan recorded, in their order."""
    stops = (s for s in (*journal.steps, *journal.path) if s.nature.silences)
    return [LastStop(**fact) for s in stops if (fact := facts.stop_of(journal, s))]


def _ran(stop: LastStop, journal: Journal) -> bool:
    """Say whether there was something to stop: of what the plan made, nothing may have come up yet."""
    return stop.incarnation != journal.upcoming or stop.finished_at is not None


def _outcome(journal: Journal) -> Outcome:
    if journal.heading is Heading.FORWARD:
        fresh = bool(journal.grant_id) and facts.planned_window(journal) is not None
        axes = PRESETS.get(journal.strategy.type) if fresh else None
        return axes.outcome if axes else Outcome.UPGRADED
    return _TURNED.get(journal.turned_by, Outcome.ROLLED_BACK)


def _returned(view: View, journal: Journal, stored: Stored, word: Outcome) -> Stored:
    """Write the outcome; success of a run's own plan is no news and needs no entry."""
    own = not journal.grant_id
    if own and word is Outcome.UPGRADED:
        return stored
    failure = journal.failure
    ended = Ended(
        grant_id=journal.grant_id,
        attempt=journal.attempt,
        outcome=word,
        reason=failure.reason if failure and word is not Outcome.ABORTED else word.value,
        message=failure.message if failure else "",
        from_version=journal.source.version,
        to_version=journal.target.version,
        to_revision=journal.target.revision,
        strategy=journal.strategy.type,
        plan_hash=journal.plan_hash,
        start_time=timestamp(journal.opened_at),
        completion_time=timestamp(view.now),
        loss=loss_of(view, journal),
    )
    kept = stored.remembered(view.world.left())
    return stored._replace(history=remembered((ended, *stored.history)), incarnations=kept)


def loss_of(view: View, journal: Journal) -> Loss:
    """Account for what the plan cost, from its facts."""
    stop = _last_stop(journal)
    window = facts.planned_window(journal)
    answers = results.answers(journal)
    numbers = [answer.numbers for answer in answers]
    reads_again = window is not None and stop is not None and _before(window.start_from, stop.processed_until)
    return Loss(
        state_age_seconds=_age(stop),
        unclean_stop=any(not one.clean and _ran(one, journal) for one in _stops(journal)),
        input_at_risk=facts.at_risk(journal),
        reprocessed_from=window.start_from if window and reads_again else None,
        results_reverted=_total(numbers, "reverted"),
        results_kept=_total(numbers, "kept"),
        results_not_revertible=_total(numbers, "notRevertible"),
        notifications_suppressed_until=window.notifications_from if window and reads_again else None,
        open_outputs=stop.open_outputs if stop and stop.open_outputs else None,
        revert_skipped=any(answer.given_up for answer in answers),
        notes=(
            *_kept_results(view, journal),
            *_from_the_beginning(window, reads_again=reads_again),
            *_uncounted(answers),
        ),
    )


def _kept_results(view: View, journal: Journal) -> tuple[str, ...]:
    kept = [i.number for i in view.stored.incarnations if i.results == KEPT and i.number != journal.upcoming]
    reverts = any(s.nature.destroys == RESULTS for s in journal.steps)
    fresh = any(s.nature.destroys == STATE and s.args.committed for s in journal.steps)
    return (
        (f"results of incarnation {kept[0]} kept: no Reversible outputs",)
        if fresh and not reverts and kept
        else ()
    )


def _from_the_beginning(window: Window | None, *, reads_again: bool) -> tuple[str, ...]:
    """A bound at the beginning has no time of its own, so it is said in words."""
    again = reads_again and window is not None and window.start_from is None
    return ("input is processed again from the beginning",) if again else ()


def _total(answers: list[Mapping[str, int]], name: str) -> int | None:
    values = [answer[name] for answer in answers if name in answer]
    return min(sum(values), MOST_COUNTED) if values else None


def _uncounted(answers: Iterable[facts.Answer]) -> Iterator[str]:
    """Say which numbers of hooks are not the whole truth: an answer that is no count is left out, a sum is cut."""
    answers = list(answers)
    if odd := sorted({name for answer in answers for name in answer.uncounted}):
        told = f"the revert hook answered {', '.join(odd)}, but not as whole numbers from 0 to {MOST_COUNTED}"
        yield f"{told}: not counted"
    for name in sorted(NUMBERS):
        total = sum(answer.numbers.get(name, 0) for answer in answers)
        if total > MOST_COUNTED:
            yield f"{name}: counted up to {MOST_COUNTED}, the hooks answered {total}"


def _before(bound: str | None, position: str | None) -> bool:
    return position is not None and (bound is None or epoch(bound) < epoch(position))


def _age(stop: LastStop | None) -> int | None:
    """Return how far the committed position lay behind the stop."""
    if stop is None or stop.finished_at is None or stop.processed_until is None:
        return None
    return max(0, int(epoch(stop.finished_at) - epoch(stop.processed_until)))
