"""What counts as settled: the states from which nothing more has to happen, and what each of them owes its reader.

Liveness means that one of them can be reached from everywhere, so whatever is called settled here is no dead end:
the run is where people want it, or it says what it waits for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenario_operator.execution.own import is_behind
from scenario_operator.execution.situation import Standing

from .model import Cluster, P, get
from .promises import EXPIRED
from .states import Setup, State

if TYPE_CHECKING:
    from .search import Explorer

BLOCKING = frozenset({"Held", "ScenarioNotFound", "StrategyNotFound", "RevisionNotFound", "Downgrade"})
"""Reasons that only a person can take away."""
OUT_OF_SYNC = frozenset({"StateOutOfSync", "StrategyRequired", "CleanLogicMissing"})
"""Reasons that somebody has caused who took away what a record names."""


def goal(explorer: Explorer, state: State) -> bool:
    """A state in which nothing is left to do, and in which the operator is silent."""
    if state.active is not None or state.late or state.run.deleting:
        return False
    if not state.run.uid:
        return state.cluster == Cluster() and not state.grants
    if state.record.journal is not None:
        return _waits(explorer, state)
    if any(not g.suspend or state.record.stored.spent(g.id) for g in state.grants):
        return False
    if not _settled(explorer, state) and not _reasoned(explorer, state):
        return False
    if not state.run.hold and not _answered(state):
        return False
    for late in (False, True):
        decision = explorer.decision(state, late)
        if decision.record != state.record or decision.effects:
            return False
    return bool(state.run.hold) or _clean(state)


def _answered(state: State) -> bool:
    """What the user asked of the run itself is done, or was tried and refused."""
    stored, run = state.record.stored, state.run
    if stored.refused or stored.applied is None:
        return True
    if run.desired_running and _cannot_start(state):
        return True
    # A restart of a run that is to be stopped is owed by its next start.
    owed = run.desired_running and run.restart_nonce
    restarted = not owed or stored.handled.restart == run.restart_nonce
    return restarted and stored.stopped is not run.desired_running


def _settled(explorer: Explorer, state: State) -> bool:
    """The run is on what is wanted, with the parameters that its spec states."""
    view = explorer.view(state, False)
    stored = view.stored
    if stored.applied is None or view.wanted is None or is_behind(view) or view.wants_recompute:
        return False
    given = dict(stored.parameters.effective)
    return stored.stopped or all(given.get(name) == value for name, value in view.run.parameters)


def _reasoned(explorer: Explorer, state: State) -> bool:
    situation = explorer.decision(state, True).situation
    match situation.standing:
        case Standing.ROLLED_BACK | Standing.STOPPED:
            return bool(situation.message)
        case Standing.WAITING:
            return situation.reason == "Pinned" or state.suspended
        case Standing.BLOCKED | Standing.STALLED:
            known = situation.reason in BLOCKING
            known = known or (situation.reason in OUT_OF_SYNC and _out_of_sync(explorer.setup, state))
            return known and "kubectl" in situation.attention
    return False


def _out_of_sync(setup: Setup, state: State) -> bool:
    """Say whether somebody took away what the run's record names, and what nothing makes anew."""
    return bool(state.gone) or setup.luck.lost_results != state.luck.lost_results


def _cannot_start(state: State) -> bool:
    """Say whether a stopped run has nothing to start on any more."""
    stored = state.record.stored
    return stored.stopped and stored.applied is not None and stored.applied.revision in state.gone


def _waits(explorer: Explorer, state: State) -> bool:
    """An open plan that waits, with its reason and the next command, for somebody to do something."""
    decision = explorer.decision(state, True)
    silent = decision.record == state.record and not decision.effects
    waits = decision.situation.standing in (Standing.STALLED, Standing.PAST_RETURN)
    waits = waits and (decision.situation.reason != "StateOutOfSync" or _out_of_sync(explorer.setup, state))
    waits = waits and (decision.situation.reason not in EXPIRED or _can_take_long(explorer.setup, state))
    return silent and waits and "kubectl" in decision.situation.attention and decision.wake is not None


def _can_take_long(setup: Setup, state: State) -> bool:
    """Say whether a deadline may pass for good: a version never starts, or luck has broken something."""
    left, had = state.luck, setup.luck
    unlucky = (left.evictions, left.hook_failures) != (had.evictions, had.hook_failures)
    return bool(setup.broken) or unlucky


def _clean(state: State) -> bool:
    """The world matches the record: one live pod if it is to run, nothing left over."""
    stored, cluster = state.record.stored, state.cluster
    runs = bool(stored.live) and not stored.stopped
    alive = {n for n, p in cluster.pods if not p.term and p.phase != "ended"}
    kept = {i.number for i in stored.incarnations if i.state != "Deleted"}
    left = {n for n, _ in (*cluster.workloads, *cluster.claims)} - kept
    things = (*cluster.workloads, *cluster.pods, *cluster.claims, *cluster.results)
    if any(thing.of != state.run.uid for _, thing in things):
        return False
    if runs and not _told_what_is_stored(state):
        return False
    return alive == ({stored.live} if runs else set()) and not left and not cluster.jobs


def _told_what_is_stored(state: State) -> bool:
    """The live pod works with the window and the parameters that are on record."""
    stored = state.record.stored
    pod = get(state.cluster, ("pods", stored.live))
    told = (stored.window, stored.parameters.effective)
    return isinstance(pod, P) and (pod.template.window, pod.template.parameters) == told
