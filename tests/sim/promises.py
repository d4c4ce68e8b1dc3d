"""What is promised: what must hold in every state, of every move and of every status write.

A broken promise raises a Violation. The search adds the trace, since only it knows the way to a state.
"""

from __future__ import annotations

from scenario_operator.api.journal import Heading, Kind
from scenario_operator.api.outcomes import SUCCESSES, Outcome
from scenario_operator.execution import effects as fx
from scenario_operator.execution.decide import Decision, Record
from scenario_operator.execution.journal import Journal
from scenario_operator.planning.steps import Step
from scenario_operator.planning.stored import Stored

from .model import RESULTS, C, P, R, W, get
from .states import Setup, State, Violation

EXPIRED = frozenset({"StopTimeout", "StartTimeout", "HookTimeout", "VerifyFailed"})
"""Reasons for which a plan turns when a time has passed."""


def check_quiet(state: State, decision: Decision) -> None:
    """Check that nothing is done for a run on hold, and nothing but letting go for one that is being deleted."""
    if state.run.deleting:
        moved = [e for e in decision.effects if not isinstance(e, fx.ReleaseReport)]
    else:
        moved = list(decision.effects) if state.run.hold else []
    if moved:
        raise Violation(f"{type(moved[0]).__name__} while nothing is to move", [])


def has_committed(journal: Journal, old: Stored, new: Stored) -> bool:
    """Say whether a closed plan has led to its goal; success of a run's own plan leaves no entry."""
    entry = new.history[0] if new.history[:1] != old.history[:1] else None
    return journal.heading is Heading.FORWARD and (entry is None or entry.outcome in SUCCESSES)


def check_patience(state: State, decision: Decision, *, late: bool) -> None:
    """Check that no plan which is to verify its version ends before that has been stable for its time.

    A verify hook is asked in time; that it has succeeded is checked of the write that closes.
    """
    journal, record = state.record.journal, decision.record
    if late or journal is None or record.journal is not None:
        return
    verifies = any(s.kind is Kind.VERIFY and not s.args.hook for s in journal.steps)
    if verifies and has_committed(journal, state.record.stored, record.stored):
        raise Violation("committed before the new version was stable", [])


def check_state(setup: Setup, state: State) -> None:
    """Check what must hold in every state."""
    pods = [(n, p) for n, p in state.cluster.pods if p.phase != "ended"]
    if len({p.of for _, p in pods}) < len(pods):
        raise Violation(f"two possibly-live pods: incarnations {[n for n, _ in pods]}", [])
    results = get(state.cluster, RESULTS)
    for n, p in pods:
        publishes = setup.revisions[p.template.revision].spec.results is not None
        if publishes and p.ran and isinstance(results, R) and results.of != p.of:
            raise Violation(f"pod {n} mounts the results of another run", [])
        claim = get(state.cluster, ("claims", n))
        if isinstance(claim, C):
            if claim.of != p.of and p.ran:
                raise Violation(f"pod {n} mounts the state of another run", [])
            revision = setup.revisions[p.template.revision]
            if not revision.accepts(claim.content):
                raise Violation(f"{revision.name} runs on state that may be {claim.content}", [])
            if not set(claim.content) <= set(claim.formats):
                raise Violation(f"the stamp {claim.formats} hides that the state may be {claim.content}", [])
        reverting = [j for _, j in state.cluster.jobs if j.hook == "revert" and j.state == "Active"]
        if any((j.incarnation, j.of) == (n, p.of) for j in reverting):
            raise Violation(f"incarnation {n} runs while its results are being reverted", [])
    _check_replaced(state)
    numbers = [i.number for i in state.record.stored.incarnations]
    if numbers != sorted(set(numbers)):
        raise Violation(f"incarnation numbers {numbers} are not unique and rising", [])


def _check_replaced(state: State) -> None:
    """What a newer revision has replaced past the point of no return is never started again."""
    journal, stored = state.record.journal, state.record.stored
    last = stored.history[0] if stored.history else None
    if journal is None or last is None or not stored.replaced or last.outcome != Outcome.SUPERSEDED:
        return
    if journal.target.revision == last.to_revision and state.wanted != last.to_revision:
        raise Violation(f"{last.to_revision} was replaced and is started again", [])


def check_start(setup: Setup, state: State, n: int, w: W) -> None:
    """Check what must hold when a pod is made."""
    revision = setup.revisions[w.template.revision]
    if revision.has_state and get(state.cluster, ("claims", n)) is None:
        raise Violation(f"pod {n} made without its claim", [])
    lost = setup.luck.lost_results != state.luck.lost_results
    if revision.spec.results is not None and get(state.cluster, RESULTS) is None and not lost:
        raise Violation(f"pod {n} made without the results claim", [])
    journal = state.record.journal
    if journal is not None:
        _check_window(journal, n, w)
    if journal is not None and journal.crossed:
        replaced = any(
            s.kind is Kind.DELETE_STATE and s.args.committed and s.args.incarnation == n
            for s in journal.steps
        )
        if replaced and journal.begun_at("delete-live") is not None:
            raise Violation(f"old incarnation {n} starts past the point of no return", [])
        started = next((s for s in journal.steps if s.kind is Kind.START and s.args.irreversible), None)
        if (
            started
            and journal.begun_at(started.id) is not None
            and w.template.revision == journal.source.revision
        ):
            raise Violation("the old version starts on its changed only copy", [])


def _check_window(journal: Journal, n: int, w: W) -> None:
    """Check that a new incarnation tells nobody again of what the one before it has told until its report."""
    last, told = journal.fact("stop:stop"), w.template.window.notifications_from
    if journal.heading is not Heading.FORWARD or n != journal.upcoming or not last:
        return
    if last["processed_until"] and (told is None or told < last["processed_until"]):
        raise Violation(f"incarnation {n} tells again what was told until {last['processed_until']}", [])


def check_last_words(setup: Setup, state: State, n: int, p: P) -> None:
    """Check that a pod which we scale away for its report does not go without it; an evicted one may."""
    if setup.luck.evictions != state.luck.evictions:
        return  # an eviction in the middle of a Stop may cost the report: the window's ifMissing decides
    journal, workload = state.record.journal, get(state.cluster, ("workloads", n))
    if (
        journal is None
        or p.held
        or p.evicted
        or not p.ran
        or not isinstance(workload, W)
        or workload.replicas
    ):
        return
    step = next((s for s in journal.route if s.kind is Kind.STOP and s.args.incarnation == n), None)
    if step is not None and step.args.report and workload.stamp == f"{journal.id}/{step.id}":
        raise Violation(f"the report of incarnation {n} is lost", [])


def check_past_report(state: State, n: int) -> None:
    """Check that nothing works on past the report that a hand-over refers to."""
    journal = state.record.journal
    if journal is None or journal.heading is not Heading.FORWARD or journal.fact("stop:stop") is None:
        return
    begun = any(
        s.kind is Kind.START and s.args.incarnation == n and journal.begun_at(s.id) is not None
        for s in journal.steps
    )
    if not begun:
        raise Violation(f"incarnation {n} works past its report", [])


def hook_key(job: str, uid: str) -> str:
    """Return the name by which a state counts the successes of a step's hook, whatever the number of its try."""
    return "-".join((*job.split("-")[1:-1], uid))


def check_hook(step: str, times: int) -> None:
    """Check that a destructive hook runs to success once a plan."""
    if times > 1:
        raise Violation(f"hook of {step} ran to success {times} times", [])


def check_claim_deletion(state: State, n: int) -> None:
    """Check that state dies only on record, when nothing old runs, and with consent."""
    stored, journal = state.record.stored, state.record.journal
    pod = get(state.cluster, ("pods", n))
    if isinstance(pod, P) and pod.phase != "ended":
        raise Violation(f"state {n} deleted under a running pod", [])
    record = stored.incarnation(n)
    on_record = record is not None and record.state == "Deleted"
    opened = journal is not None and any(
        s.kind is Kind.DELETE_STATE and s.args.incarnation == n and journal.begun_at(s.id) is not None
        for s in (*journal.steps, *journal.path)
    )
    if not on_record and not opened:
        raise Violation(f"state {n} deleted off record", [])
    if n == stored.live and not (journal is not None and journal.crossed):
        raise Violation(f"committed state {n} deleted before the point of no return is on record", [])


def check_record(setup: Setup, old: Record, new: Record, state: State) -> None:
    """Check what must hold of every status write."""
    before, after = old.journal, new.journal
    if before is not None and after is not None and before.id == after.id:
        _check_progress(before, after)
        _check_order(after, {b.id for b in after.begun} - {b.id for b in before.begun}, state)
    if after is not None and before is None:
        _check_opening(after, state)
    if before is not None and (after is None or after.id != before.id):
        _check_closing(setup, before, old.stored, new.stored, state)
    if before is not None and before.held_since is not None:
        _check_time_stood_still(before, old.stored, new)
    applied = old.stored.applied, new.stored.applied
    if applied[0] != applied[1] and before is None and applied[0] is not None and applied[1] is not None:
        same = applied[0].logic_hash == applied[1].logic_hash
        returned = {e.grant_id for e in new.stored.history} - {e.grant_id for e in old.stored.history}
        # A stopped run's plan only commits: it is opened and closed in one write, which returns its grant.
        if not same and not any(g.id in returned for g in (*state.grants, *state.removed)):
            raise Violation("applied changed without a plan", [])
    spent = [e.grant_id for e in new.stored.history if e.grant_id]
    if len(spent) != len(set(spent)):
        raise Violation(f"a grant was returned twice: {spent}", [])


def _check_progress(before: Journal, after: Journal) -> None:
    changed = {k for k, v in before.facts if dict(after.facts).get(k) != v}
    if changed:
        raise Violation(f"facts changed: {sorted(changed)}", [])
    if before.heading is not Heading.FORWARD and after.heading is not before.heading:
        raise Violation(f"turned again: {before.heading} to {after.heading}", [])
    if before.crossed and after.heading is Heading.BACK:
        raise Violation("went back past the point of no return", [])


def _check_order(journal: Journal, begins: set[str], state: State) -> None:
    """Check of every step that begins that what comes before it on its route is true in the world."""
    for place, step in enumerate(journal.route):
        if step.id in begins:
            _check_true(journal, journal.route[:place], state)


def _check_true(journal: Journal, steps: tuple[Step, ...], state: State) -> None:
    """Check that hooks of the way forward ran to success or were given up, and that state which was to go is gone."""
    ran = dict(state.ran)
    for step in steps:
        asks = step.kind in (Kind.PREFLIGHT, Kind.REVERT_RESULTS) or step.args.hook
        given_up = (journal.fact(f"hook:{step.id}") or {}).get("givenUp")
        asks = asks and journal.heading is Heading.FORWARD and not given_up
        if asks and not ran.get(f"{journal.id}-{step.id}-{state.run.uid}"):
            raise Violation(f"goes on although the hook of {step.id} has not succeeded", [])
        claim = get(state.cluster, ("claims", step.args.incarnation))
        if step.kind is Kind.DELETE_STATE and isinstance(claim, C) and claim.content:
            raise Violation(f"goes on although the state of {step.id} is still there", [])


def _check_time_stood_still(held: Journal, old: Stored, new: Record) -> None:
    """Check that no deadline has passed when a hold ends, however long it was."""
    known = (held.failure.step, held.failure.reason) if held.failure else None
    after = new.journal.failure if new.journal else None
    expired = after is not None and after.reason in EXPIRED and (after.step, after.reason) != known
    told = {e.reason for e in new.stored.history if e not in old.history} & EXPIRED
    if expired or (told and known is None):
        raise Violation("the time of a hold counted towards a deadline", [])


def _check_opening(after: Journal, state: State) -> None:
    if state.run.hold or state.run.deleting:
        raise Violation("a plan was opened while nothing is to move", [])
    if after.upcoming and state.record.stored.incarnation(after.upcoming) is not None:
        raise Violation(f"incarnation number {after.upcoming} is used again", [])
    if not after.grant_id:
        if any(s.args.committed for s in after.steps):
            raise Violation("an own plan destroys", [])
        return
    if state.run.pinned:
        raise Violation("an attempt moved a pinned run", [])
    given = (*state.grants, *state.removed)
    if not any(g.id == after.grant_id and g.plan_hash == after.plan_hash for g in given):
        raise Violation(f"plan {after.plan_hash} opened without its grant", [])
    if state.record.stored.spent(after.grant_id):
        raise Violation(f"spent grant {after.grant_id} opened again", [])


def _check_closing(setup: Setup, before: Journal, old: Stored, new: Stored, state: State) -> None:
    newest = setup.revisions[state.wanted].logic_hash
    comes_back = old.applied is not None and old.applied.logic_hash == newest
    if old.applied is not None and new.applied is not None:
        # Which label is wanted may have changed since the write was decided.
        taken = setup.revisions[new.applied.revision]
        comes_back |= taken.name != old.applied.revision and taken.logic_hash == old.applied.logic_hash
    as_it_was = _as_it_was(old, labelled=not comes_back) == _as_it_was(new, labelled=not comes_back)
    if before.heading is Heading.BACK and not as_it_was:
        raise Violation("going back did not end as before", [])
    if before.grant_id and all(e.grant_id != before.grant_id for e in new.history):
        raise Violation(f"closed without returning grant {before.grant_id}", [])
    ended = before.heading is not Heading.FORWARD or has_committed(before, old, new)
    if ended and not state.run.deleting:
        _check_true(before, before.route, state)
    if old.applied != new.applied and before.heading is Heading.REPLACE and new.applied is not None:
        raise Violation("a replacement left something applied", [])


def _as_it_was(stored: Stored, *, labelled: bool) -> object:
    """Return what going back must bring back; the horizon of notifications may be later, nobody is told twice.

    `labelled` False: whatever the revision is called, since a content that comes back has a new number.
    """
    applied = stored.applied._replace(formats=()) if stored.applied else None
    if applied is not None and not labelled:
        applied = applied._replace(revision="", version="")
    window = stored.window._replace(notifications_from=None) if stored.window else None
    return applied, stored.live, stored.parameters, window
