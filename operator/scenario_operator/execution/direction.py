"""Which way a plan goes: the signals, in their order, and what counts as stuck.

Precedence: deleted, hold, abort, superseded, retry, failed; the table stands in docs/architecture.md.
"""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.api.conditions import PATIENCE_SECONDS
from scenario_operator.api.journal import Heading, Turn
from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.reasons import Reason
from scenario_operator.api.upgrade import AttemptCause
from scenario_operator.execution.journal import Failure, Journal
from scenario_operator.execution.own import own_plan, withdrawn
from scenario_operator.execution.route import way_back
from scenario_operator.execution.steps import VOCABULARY
from scenario_operator.execution.steps.step import Failed, Lasting, Todo
from scenario_operator.execution.view import View
from scenario_operator.planning.steps import Step

_BACKOFF_CAP = 300.0


class Stuck(NamedTuple):
    """A step that does not get on.

    `final`: automation has nothing left to try before the direction is decided. `exhausted`: the tries of
    its hook are used up. `human`: only a person can resolve it. `retry_in`: seconds to the next try, if any. `look`:
    the command that shows what is waited for; once that is gone the step goes on by itself.
    """

    reason: Reason
    message: str
    final: bool
    exhausted: bool = False
    human: bool = False
    retry_in: float | None = None
    look: str = ""

    def failure(self, step: Step, now: float) -> Failure:
        """Return the failure as the journal records it."""
        return Failure(step.id, self.reason.value, self.message[:1024], now)


def turn_by_signals(view: View, journal: Journal) -> tuple[View, Journal, Outcome | None]:
    """Apply abort, skipRevert and retry, each once, when recorded; return an outcome to close with, if any."""
    grant = view.grant if view.grant and view.grant.id == journal.grant_id else None
    if grant is not None and grant.skip_revert:
        journal = journal._replace(skip_revert=True)
    view, journal, closing = _abort(view, journal, asked=bool(grant and grant.abort))
    if closing is not None:
        return view, journal, closing
    nonce = view.run.retry_nonce
    handled = view.stored.handled
    if nonce and nonce != handled.retry:
        view = view._replace(stored=view.stored._replace(handled=handled._replace(retry=nonce)))
        # A newer version comes first: what it makes obsolete is not tried again.
        if journal.heading is not Heading.FORWARD or not superseded(view, journal):
            journal = _try_again(view, journal)
    return view, journal, None


def _abort(view: View, journal: Journal, *, asked: bool) -> tuple[View, Journal, Outcome | None]:
    nonce, handled = view.run.abort_nonce, view.stored.handled
    if may_leave(view, journal) and nonce and nonce != handled.abort:
        view = view._replace(stored=view.stored._replace(handled=handled._replace(abort=nonce)))
        asked = True
    if not asked or journal.aborted or journal.heading is not Heading.FORWARD:
        return view, journal, None
    journal = journal._replace(aborted=True, gave_up=journal.crossed)
    if not journal.begun:
        return view, journal, Outcome.ABORTED
    if journal.crossed:
        return view, journal, None
    journal = journal._replace(failure=_trouble_so_far(view, journal))
    return view, journal.turn(Heading.BACK, way_back(journal), Turn.ABORTED), None


def _trouble_so_far(view: View, journal: Journal) -> Failure | None:
    """Say what an abort found: whoever comes next must know the cause, not only that somebody gave up."""
    waiting: Failure | None = None
    for step in journal.ready():
        check = VOCABULARY[step.kind].check(view, journal, step)
        if not isinstance(check, Todo | Failed):
            continue
        stuck = stuck_at(view, journal, step, check)
        if stuck is not None:
            return stuck.failure(step, view.now)
        told = check.waiting if isinstance(check, Todo) else check.message
        message = f"{step.nature.reason.value} was waiting for {told}"[:1024]
        waiting = waiting or Failure(step.id, Reason.ABORTED.value, message, view.now)
    return waiting or journal.failure


def ungranted(view: View, journal: Journal) -> bool:
    """Say whether no attempt stands behind a plan: it is the run's own, or somebody deleted its attempt.

    The run's abortNonce is then the only way to take the plan back.
    """
    return not journal.grant_id or view.grant is None or view.grant.id != journal.grant_id


def may_leave(view: View, journal: Journal) -> bool:
    """Say whether the run's abortNonce takes a plan back: nobody granted it, or its attempt is about all that asked."""
    return ungranted(view, journal) or (view.grant is not None and view.grant.cause != AttemptCause.REVISION)


def _try_again(view: View, journal: Journal) -> Journal:
    """Reset the tries and give the current step its time again."""
    begun = tuple(b._replace(at=view.now) if b.id not in journal.done else b for b in journal.begun)
    return journal.forgive()._replace(begun=begun, failure=None, gave_up=False)


def superseded(view: View, journal: Journal) -> bool:
    """Say whether the plan's goal is no longer what is wanted.

    A run's own plan is superseded when the user's wish has changed, an attempt's when there is a newer revision.
    """
    if journal.grant_id:
        return view.overtaken(journal.target.revision)
    wish = own_plan(view._replace(journal=None))
    return withdrawn(view, journal.cause) if wish is None else wish.desire != journal.desire


def stuck_at(view: View, journal: Journal, step: Step, check: Todo | Failed) -> Stuck | None:
    """Say whether and how a step is stuck; None while it is on its way."""
    tried = journal.try_of(step.id)
    if isinstance(check, Todo) and check.facts:
        return None  # It has just got on, however late: what it learnt is recorded first.
    if isinstance(check, Failed) and not check.uid:
        retry = None if check.human else 0.0
        return Stuck(check.reason, check.message, final=True, human=check.human, retry_in=retry)
    if tried is not None and tried.failures:
        exhausted = tried.failures >= journal.strategy.max_attempts
        pause = min(_BACKOFF_CAP, journal.strategy.backoff_seconds * 2.0 ** (tried.failures - 1))
        # Past the point of no return, and on the way back, there is nothing but trying again.
        final = exhausted and not journal.crossed and journal.heading is Heading.FORWARD
        retry_in = None if final else pause - (view.now - tried.at)
        message = f"attempt {tried.failures} failed: {tried.message}"
        return Stuck(Reason.HOOK_FAILED, message, final, exhausted=exhausted, retry_in=retry_in)
    reason = step.nature.expired
    waiting = check.waiting if isinstance(check, Todo) else check.message
    if (
        isinstance(check, Todo)
        and check.hopeless
        and journal.heading is Heading.FORWARD
        and superseded(view, journal)
    ):
        # Something newer is wanted, and time does not mend this: nobody waits for the deadline.
        return Stuck(reason, f"was waiting for {waiting} when a newer version came", final=True, retry_in=0.0)
    if isinstance(check, Todo) and check.lasts and _lasts(view, journal, step, check.lasts):
        told = f"has waited for {waiting}, for more than {PATIENCE_SECONDS:.0f} s"
        return Stuck(check.lasts.reason, told, final=True, human=True, look=check.lasts.look)
    if not _expired(view, journal, step):
        return None
    refusal = view.refusal or view.world.refused
    told = f": {refusal.shown()}" if refusal else ""
    message = f"{_deadline(journal, step)} s passed waiting for {waiting}{told}"
    # A stop that takes too long is no failure: nothing is forced, only abort or a newer revision turns it.
    human = step.nature.patient
    return Stuck(reason, message, final=True, human=human, retry_in=0.0)


def _lasts(view: View, journal: Journal, step: Step, wait: Lasting) -> bool:
    begun = journal.begun_at(step.id)
    since = max(wait.since, journal.opened_at if begun is None else begun, view.watched_since)
    return view.now - since >= PATIENCE_SECONDS


def time_left(view: View, journal: Journal, step: Step) -> float | None:
    """Return the seconds until a step counts as expired, None when it never does or has not begun.

    Only watched time counts (R13): while the API server or the operator was away, nobody could do anything about it.
    """
    allowed = _deadline(journal, step)
    since = VOCABULARY[step.kind].since(view, journal, step) if allowed else None
    return max(since, view.watched_since) + allowed - view.now if since is not None else None


def _expired(view: View, journal: Journal, step: Step) -> bool:
    left = time_left(view, journal, step)
    return left is not None and left < 0


def _deadline(journal: Journal, step: Step) -> int:
    return step.nature.seconds(journal.strategy.timeouts)
