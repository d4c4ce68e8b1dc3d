"""How a plan is opened: a grant is taken or answered, an own wish becomes a journal, each nonce counts once."""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.reasons import Reason
from scenario_operator.api.upgrade import AttemptCause
from scenario_operator.execution import facts
from scenario_operator.execution.close import answer
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.own import blocker, case_of, own_plan
from scenario_operator.execution.view import Grant, View
from scenario_operator.planning.compile import Blocked, plan_upgrade
from scenario_operator.planning.plan import Cause, Plan
from scenario_operator.planning.steps import Step
from scenario_operator.planning.stored import (
    LIVE,
    Handled,
    Incarnation,
    Stored,
)


class Opened(NamedTuple):
    """A plan was opened: its journal and what is stored with it."""

    stored: Stored
    journal: Journal


def baseline(view: View) -> Stored:
    """Take the nonces seen first as baseline, and a retry of a plan that was refused as permission to try again.

    What a nonce had asked for and somebody aborted is handled: the attempt that remembers it may be deleted.
    """
    run, stored = view.run, view.stored
    seen = Handled(run.recompute_nonce, run.restart_nonce, run.retry_nonce, run.abort_nonce)
    handled = Handled(*(now if old is None else old for old, now in zip(stored.handled, seen, strict=True)))
    if (AttemptCause.RECOMPUTE, run.recompute_nonce) in view.taken_back:
        handled = handled._replace(recompute=run.recompute_nonce)
    if (AttemptCause.RETRY, run.retry_nonce) in view.taken_back:
        handled = handled._replace(retry=run.retry_nonce)
    retried = bool(run.retry_nonce) and run.retry_nonce != handled.retry and bool(stored.refused)
    if retried:
        handled = handled._replace(retry=run.retry_nonce)
    if run.abort_nonce and run.abort_nonce != handled.abort:
        # No plan is open: the wish is spent, and never falls on a later one. A recompute that waits is taken back.
        handled = handled._replace(abort=run.abort_nonce, recompute=run.recompute_nonce)
    return stored._replace(handled=handled, refused="" if retried else stored.refused)


def free(view: View) -> bool:
    """Say whether the run may carry out plans of its own: no grant, or one whose attempt is suspended."""
    grant = view.grant
    return grant is None or (grant.suspend and not view.stored.spent(grant.id))


def take_grant(view: View) -> Opened | Stored | None:
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
    cause = Cause.RECOMPUTE if grant.cause == AttemptCause.RECOMPUTE else Cause.UPGRADE
    plan = view.unplanned or plan_upgrade(case_of(view, view.wanted, cause))
    if isinstance(plan, Blocked):
        return answer(view, grant, Outcome.PLAN_CHANGED, plan.reason.value, plan.message)
    if plan.plan_hash != grant.plan_hash:
        message = f"the plan is now {plan.plan_hash}, {grant.plan_hash} was granted"
        return answer(view, grant, Outcome.PLAN_CHANGED, Reason.PLAN_CHANGED.value, message)
    return _open(view, plan, grant, "")


def _refusal(view: View, grant: Grant) -> tuple[Outcome, Reason, str] | None:
    if grant.abort:
        return Outcome.ABORTED, Reason.ABORTED, "the attempt was aborted before the plan began"
    if view.run.pinned:
        return Outcome.PINNED, Reason.PINNED, f"spec.pinnedVersion is {view.run.pinned}"
    if view.run.hold:
        return Outcome.HELD, Reason.HELD, f"spec.hold: {view.run.hold.shown()}"
    if grant.cause == AttemptCause.RECOMPUTE and view.run.recompute_nonce == view.stored.handled.recompute:
        return Outcome.ABORTED, Reason.ABORTED, "the run took its wish back before the plan began"
    if view.wanted is not None and view.overtaken(grant.revision):
        return Outcome.SUPERSEDED, Reason.SUPERSEDED, f"revision {view.wanted.name} is wanted now"
    return None


def open_own(view: View) -> Opened | None:
    """Open the plan that the user asks of the run itself, None when there is none to open."""
    if view.run.hold:
        return None
    wish = own_plan(view)
    if wish is None or isinstance(wish.plan, Blocked) or blocker(view) is not None:
        return None
    if wish.desire == view.stored.refused:
        return None
    return _open(view, wish.plan, None, wish.desire)


def _open(view: View, plan: Plan, grant: Grant | None, desire: str) -> Opened:
    """Open a journal: bind the plan to this run, enter the next incarnation's number (R10), merge parameters."""
    stored = view.stored
    creates = any(d.slot is not None and d.slot.base == "next" for d in plan.steps)
    upcoming = stored.next_incarnation() if creates else 0
    journal = Journal(
        id=f"p{stored.plans + 1}",
        plan_hash=plan.plan_hash,
        cause=plan.cause,
        source=plan.source,
        target=plan.target,
        level=plan.level,
        strategy=plan.strategy,
        steps=_on_what_runs(view, plan.bind(stored.live, upcoming), plan.source.revision),
        live=stored.live,
        upcoming=upcoming,
        opened_at=view.now,
        grant_id=grant.id if grant else "",
        attempt=grant.attempt if grant else "",
        desire=desire,
    )
    if plan.cause is not Cause.STOP:
        journal = journal.learn(facts.user_values(view.run.parameters))
    records = stored.incarnations
    if creates:
        # The plan of a success leaves no entry in the history and trims nothing.
        records = (
            *stored.remembered(view.world.left()),
            Incarnation(upcoming, plan.target.version, plan.target.revision, LIVE),
        )
    opened = stored._replace(plans=stored.plans + 1, incarnations=records, handled=_acted(view, plan.cause))
    return Opened(opened, journal)


def _on_what_runs(view: View, steps: tuple[Step, ...], source: str) -> tuple[Step, ...]:
    """Let every stop of the live incarnation know what runs there: a label that was taken on since started nothing."""
    running = view.running(view.stored.live)
    if running is None or running.name == source or view.stored.stopped:
        return steps
    return tuple(
        s._replace(args=s.args._replace(revision=running.name))
        if s.nature.silences and s.args.incarnation == view.stored.live
        else s
        for s in steps
    )


def _acted(view: View, cause: Cause) -> Handled:
    handled, run = view.stored.handled, view.run
    if cause is Cause.RECOMPUTE:
        handled = handled._replace(recompute=run.recompute_nonce)
    # Any restart satisfies a pending wish for one.
    return handled._replace(restart=run.restart_nonce, retry=run.retry_nonce)
