"""What is promised of grants: bounded, never revoked, each returned and reported once.

A fleet at rest owes more: whoever is behind has a reason that people can read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenario_operator.api.outcomes import (
    BACK_TO_WAITING,
    ENDED_BADLY,
    FAILURES,
    SUCCESSES,
    WENT_BACK,
    Outcome,
)
from scenario_operator.api.upgrade import GATED, AttemptPhase
from scenario_operator.rollout.facts import Attempt, Grant, RunName
from scenario_operator.rollout.groups import is_behind

from .grant_states import NAMESPACE, R, Setup, State, facts, grants_of, uid_of
from .states import Violation

if TYPE_CHECKING:
    from .grants import GrantExplorer

WAITING = GATED | {AttemptPhase.HELD}
"""Phases of an attempt that say why its runs wait."""


def check_begin(state: State, name: str, run: R, grant: str) -> None:
    """Started implies active at that moment, unless somebody has just deleted the attempt."""
    active = any(entry.id == grant for _, entry in grants_of(state, name, run))
    if not active and grant not in state.removed:
        raise Violation(f"{name} begins {grant}, which is not active", [])


def check_wish(state: State, name: str, run: R, attempt: Attempt) -> None:
    """Check that what a run begins is still wished for."""
    if any(a.abort and set(a.asked) & set(attempt.asked) for a in state.attempts):
        raise Violation(f"{name} begins what was aborted", [])
    if attempt.cause == "Recompute" and run.done == run.nonce:
        raise Violation(f"{name} recomputes again for one wish", [])


def check_write(setup: Setup, state: State, live: Attempt, after: Attempt) -> tuple[tuple[str, int], ...]:
    """Check what a write of an attempt's status does; return the grants used so far."""
    was, now = {e.id: e for e in live.active}, {e.id: e for e in after.active}
    runs = {uid_of(name, run): run for name, run in state.runs}
    for grant in was.keys() - now.keys():
        entry = was[grant]
        run = runs.get(entry.run_uid)
        words = [word for g, _, word, _ in run.history if g == grant] if run else [Outcome.CANCELLED]
        if not words:
            raise Violation(f"{grant} was revoked", [])
        reported = [r for r in after.reports if r.uid == entry.run_uid]
        waits_again = words[0] in BACK_TO_WAITING and not live.closed
        either = waits_again and after.closed
        if waits_again == bool(reported) and not either:
            raise Violation(f"{grant} ended {words[0]}, reported {len(reported)} times", [])
    _check_canaries(setup, state, live, after, now.keys() - was.keys())
    used = dict(state.used)
    for grant in now.keys() - was.keys():
        number = int(grant.rsplit(".", 1)[1])
        if number <= used.get(after.uid, 0):
            raise Violation(f"grant id {grant} is used twice", [])
        if live.closed or live.finished:
            raise Violation(f"{grant} is granted by a closed attempt", [])
        if setup.strategy.approval == "Always" and not _consented(live, now[grant]):
            raise Violation(f"{grant} is granted without consent", [])
    numbers = [int(g.rsplit(".", 1)[1]) for g in now]
    used[after.uid] = max([used.get(after.uid, 0), *numbers])
    missing = {r.uid for r in live.reports} - {r.uid for r in after.reports}
    if missing:
        raise Violation(f"{after.name} forgets the outcome of {sorted(missing)}", [])
    return tuple(sorted(used.items()))


def _check_canaries(setup: Setup, state: State, live: Attempt, after: Attempt, fresh: set[str]) -> None:
    """Until as many as go first have ended well, no more are under way; after one that did not, nobody is granted."""
    first = setup.pace.canaries
    if not fresh or not first or after.only or after.cause == "Recompute":
        return
    arrived = {r.uid for r in after.reports if r.ended.outcome in SUCCESSES}
    for name, run in state.runs:
        if any(there == after.name and word in SUCCESSES for _, there, word, _ in run.history):
            arrived.add(uid_of(name, run))
    under_way = [e for e in after.active if not e.parked]
    if len(under_way) > first and len(arrived) < first:
        raise Violation(
            f"{len(under_way)} runs are under way in {after.name} before a canary has arrived", []
        )
    if any(r.uid in live.canaries and r.ended.outcome in FAILURES for r in after.reports):
        raise Violation(f"{after.name} grants after its canary failed", [])


def check(setup: Setup, state: State) -> None:
    """Check what holds in every state."""
    entries = [e for a in state.attempts for e in a.active]
    listed, parked = {e.id for e in entries}, {e.id for e in entries if e.parked}
    apart = {*parked, *state.removed}
    strays = {r.grant for _, r in state.runs if r.grant and r.grant not in listed and r.parked}
    carried = sum(1 for _, r in state.runs if r.grant and r.grant not in {*apart, *strays})
    flying = sum(1 for e in entries if not e.parked)
    if max(carried, flying) > setup.pace.max_concurrent:
        raise Violation(f"{max(carried, flying)} in flight", [])
    for attempt in state.attempts:
        told = [r.uid for r in attempt.reports]
        if len(told) != len(set(told)):
            raise Violation(f"{attempt.name} reports a run twice", [])
        held = [e.run_uid for e in entries]
        if len(held) != len(set(held)):
            raise Violation("a run holds two grants", [])
        if attempt.finished and attempt.active:
            raise Violation(f"{attempt.name} is finished with grants out", [])
        if attempt.finished and attempt.abort:
            _check_aborted(state, attempt)


def _check_aborted(state: State, attempt: Attempt) -> None:
    """Who asked for an attempt that was aborted reads so in its report, unless the run remembers its end there."""
    told = {r.uid for r in attempt.reports}
    for name, run in state.runs:
        asked = any(a.uid == uid_of(name, run) for a in attempt.asked)
        remembers = any(there == attempt.name for _, there, *_ in run.history)
        if asked and not remembers and uid_of(name, run) not in told:
            raise Violation(f"{attempt.name} was aborted and does not report {name}, which asked for it", [])


def check_goal(explorer: GrantExplorer, state: State) -> None:
    """At rest, whoever is behind has a reason that people can read."""
    if not state.scenario.exists or explorer.setup.strategies[state.scenario.strategy] is None:
        return
    _, decision = explorer.look(state)
    wanted = explorer.setup.revisions[state.scenario.wanted]
    unfinished = [a for a in decision.attempts if not a.finished]
    waiting = [a for a in unfinished if a.phase in WAITING]
    for name, run in state.runs:
        if run.waits or run.grant is not None or not is_behind(facts(explorer.setup, name, run), wanted):
            continue
        if run.pinned or run.hold:
            continue
        here = {a.name for a in state.attempts if a.revision == wanted.name}
        ended = any((a in here or to == wanted.name) and word in WENT_BACK for _, a, word, to in run.history)
        mine = uid_of(name, run)
        told = any(
            r.uid == mine and r.ended.outcome in ENDED_BADLY
            for a in state.attempts
            if a.name in here
            for r in a.reports
        )
        waits = any(a.is_about(RunName(NAMESPACE, name)) for a in waiting)
        if not (ended or told or waits):
            phases = sorted(a.phase for a in unfinished)
            raise Violation(f"at rest, but {name} is behind without a reason ({phases})", [])


def _consented(attempt: Attempt, entry: Grant) -> bool:
    return any(a.plan_hash == entry.plan_hash for a in attempt.approvals)
