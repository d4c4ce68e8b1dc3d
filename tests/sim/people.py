"""What people do, at any moment, and what the scenario's side makes of it: grants and their return.

A change of the run's spec makes every write stale that was decided before it, as its resourceVersion does. Nothing
else here is fenced: a Scenario, a strategy or an attempt may change between a look and the write that follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from scenario_operator.api.foreign import NOTHING, Foreign
from scenario_operator.api.outcomes import WENT_BACK
from scenario_operator.api.strategy import WindowMode
from scenario_operator.execution.decide import Record
from scenario_operator.execution.own import case_of, is_behind
from scenario_operator.execution.view import Grant, Run
from scenario_operator.planning.compile import plan_upgrade
from scenario_operator.planning.plan import Cause, Plan
from scenario_operator.planning.stored import Stored
from scenario_operator.planning.windows import Bound, Bounds

from .states import RUN_UID, Move, State, by_people

if TYPE_CHECKING:
    from .search import Explorer

PINNED_TO = "1.0.0"
LATER = Bounds(notifications_from=Bound(WindowMode.AT, "2026-05-01T00:00:00Z"))


def moves(explorer: Explorer, state: State) -> Iterator[Move]:
    """Everything that people and the scenario's side may do next."""
    yield from _scenario_side(explorer, state)
    for label, after in by_people(explorer.changes, explorer, state):
        yield Move(label, after, luck=True)


def edited(state: State, run: Run) -> State:
    """Return the state after a change of the run's spec."""
    active = state.active._replace(fresh=False) if state.active else None
    late = tuple(f._replace(fresh=False) for f in state.late)
    return state._replace(run=run, active=active, late=late)


# --- the scenario's side ----------------------------------------------------------------------------


def _scenario_side(explorer: Explorer, state: State) -> Iterator[Move]:
    spent = state.record.stored.spent
    for grant in state.grants:
        rest = tuple(g for g in state.grants if g.id != grant.id)
        if not state.run.uid or spent(grant.id):
            yield Move(f"{grant.id} settled", state._replace(grants=rest))
        elif explorer.rules.revoke:
            yield Move(f"{grant.id} revoked", state._replace(grants=rest), luck=True)
    if state.run.deleting:
        yield Move("the last finalizer goes", _gone(state))
    elif state.run.uid:
        yield from _grant(explorer, state)


def _grant(explorer: Explorer, state: State) -> Iterator[Move]:
    """Grant the plan that was asked for, or that leads to the wanted revision unless that went wrong before."""
    run, stored = state.run, state.record.stored
    if state.grants or state.suspended or state.record.journal is not None or stored.applied is None:
        return
    if run.pinned or run.hold or run.deleting or not state.scenario:
        return
    key = (stored, run, state.wanted, state.strategy, state.taken_back, state.gone)
    if key not in explorer.plans:
        explorer.plans[key] = _planned(explorer, state)
    plan_hash, cause = explorer.plans[key]
    if not plan_hash:
        return
    grant = Grant(f"g{state.issued}-{state.wanted}", "attempt", plan_hash, state.wanted, cause)
    yield Move(f"grant {grant.id}", state._replace(grants=(grant,), issued=state.issued + 1))


def _planned(explorer: Explorer, state: State) -> tuple[str, str]:
    """Return the hash of the plan that leads the run on and the attempt's cause; "" when there is nothing to do."""
    view, tried = explorer.view(state, False), _tried(state)
    recompute = view.wants_recompute
    if view.strategy is None or view.wanted is None or (tried and not view.wants_retry and not recompute):
        return "", ""
    if not recompute and not is_behind(view):
        return "", ""
    plan = plan_upgrade(case_of(view, view.wanted, Cause.RECOMPUTE if recompute else Cause.UPGRADE))
    cause = "Recompute" if recompute else "Retry" if tried else "Revision"
    return (plan.plan_hash, cause) if isinstance(plan, Plan) else ("", "")


def _tried(state: State) -> bool:
    """Say whether the last attempt at the wanted revision failed; a plan that changed is granted anew."""
    return any(
        e.grant_id.endswith(state.wanted) and e.outcome in WENT_BACK for e in state.record.stored.history
    )


def _gone(state: State) -> State:
    """The run is no more, and with it its record; what it made is collected in its own time."""
    return edited(state, Run("ns", "r", ""))._replace(record=Record(Stored(), None))


# --- people -----------------------------------------------------------------------------------------

Change = Callable[["Explorer", State], Iterator[tuple[str, State]]]
"""What one person may do: labels and states; the luck is spent already."""


def _aborts(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    """Abort the plan, or what was granted before it began: through its attempt while that is there, else by the run.

    Of an attempt at a recompute, which may be about many, the run may also leave alone.
    """
    journal = state.record.journal
    if journal is None and not state.grants:
        return
    mine = next((g for g in state.grants if journal is None or g.id == journal.grant_id), None)
    if mine is None:
        asked = state.run._replace(abort_nonce=f"a{state.luck.aborts}")
        yield "abort own", edited(state, asked)
        return
    if mine.cause == "Recompute":
        yield "leave the recompute", edited(state, state.run._replace(abort_nonce=f"a{state.luck.aborts}"))
    grants = tuple(g._replace(abort=True) if g.id == mine.id else g for g in state.grants)
    nonces = {"Retry": state.run.retry_nonce, "Recompute": state.run.recompute_nonce}
    taken = ((mine.cause, nonces[mine.cause]),) if mine.cause in nonces else ()
    yield "abort", state._replace(grants=grants, taken_back=(*state.taken_back, *taken))


def _newer(explorer: Explorer, state: State) -> Iterator[tuple[str, State]]:
    if state.wanted != explorer.setup.newest and state.scenario:
        yield "newer revision", state._replace(wanted=explorer.setup.newest)


def _toggles(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    run = state.run
    yield "toggle", edited(state, run._replace(desired_running=not run.desired_running))


def _restarts(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    yield "restart", edited(state, state.run._replace(restart_nonce=f"n{state.luck.restarts}"))


def _holds(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    held = NOTHING if state.run.hold else Foreign("somebody looks at it")
    yield "hold" if held else "let go", edited(state, state.run._replace(hold=held))


def _pins(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    pinned = "" if state.run.pinned else PINNED_TO
    yield "pin" if pinned else "unpin", edited(state, state.run._replace(pinned=pinned))


def _retries(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    yield "retry", edited(state, state.run._replace(retry_nonce=f"t{state.luck.retries}"))


def _recomputes(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    yield "recompute", edited(state, state.run._replace(recompute_nonce=f"c{state.luck.recomputes}"))


def _edits(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    value = (("x", f"{state.luck.edits + 1}"),)
    yield "edit parameters", edited(state, state.run._replace(parameters=value))
    if state.run.bounds != LATER:
        yield "edit window", edited(state, state.run._replace(bounds=LATER))


def _strategies(explorer: Explorer, state: State) -> Iterator[tuple[str, State]]:
    for number, strategy in enumerate(explorer.setup.strategies):
        if number != state.strategy:
            told = f"strategy is now {strategy.type or 'InPlace'}" if strategy else "strategy deleted"
            yield told, state._replace(strategy=number)


def _scenarios(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    """Delete the Scenario, whose attempts go with it, or apply it again."""
    label = "Scenario deleted" if state.scenario else "Scenario applied again"
    removed = (*state.removed, *state.grants)
    yield label, state._replace(scenario=not state.scenario, grants=(), removed=removed)


def _suspends(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    suspended = not state.suspended
    grants = tuple(g._replace(suspend=suspended) for g in state.grants)
    yield "suspend" if suspended else "resume", state._replace(suspended=suspended, grants=grants)


def _lost_attempts(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    if state.grants:
        yield "attempt deleted", state._replace(grants=(), removed=(*state.removed, *state.grants))


def _deletions(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    if state.run.uid:
        yield "run deleted, somebody's finalizer keeps it", edited(state, state.run._replace(deleting=True))
        yield "run deleted", _gone(state)


def _replacements(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    if not state.run.uid:
        yield "a run of the same name", edited(state, Run("ns", "r", f"{RUN_UID}-2"))


CHANGES: dict[str, Change] = {
    "aborts": _aborts,
    "newer": _newer,
    "toggles": _toggles,
    "restarts": _restarts,
    "holds": _holds,
    "pins": _pins,
    "retries": _retries,
    "recomputes": _recomputes,
    "edits": _edits,
    "strategies": _strategies,
    "scenarios": _scenarios,
    "suspends": _suspends,
    "lost_attempts": _lost_attempts,
    "deletions": _deletions,
    "replacements": _replacements,
}
"""Every change of mind, by the luck that it costs."""
