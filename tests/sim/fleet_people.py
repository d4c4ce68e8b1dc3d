"""What people do while a rollout is under way, and the bad luck of its runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from scenario_operator.rollout.facts import Attempt, PlanApproval

from .grant_states import R, State

if TYPE_CHECKING:
    from .grants import GrantExplorer

Change = Callable[["GrantExplorer", State], Iterator[tuple[str, State]]]
"""What one person may do: labels and states; the luck is spent already."""


def put(state: State, name: str, run: R) -> State:
    """Return the state with a run changed."""
    return state._replace(runs=tuple((n, run if n == name else r) for n, r in state.runs))


def _swap(state: State, attempt: Attempt) -> State:
    return state._replace(attempts=tuple(attempt if a.name == attempt.name else a for a in state.attempts))


# --- the Scenario -----------------------------------------------------------------------------------


def _newer(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    if state.scenario.exists:
        yield "v3 is wanted", state._replace(scenario=state.scenario._replace(wanted="v3"))


def _suspends(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    toggled = state.scenario._replace(suspend=not state.scenario.suspend)
    yield "toggle suspend", state._replace(scenario=toggled)
    for attempt in state.attempts:
        if not attempt.finished:
            after = _swap(state, attempt._replace(suspend=not attempt.suspend))
            yield f"toggle suspend of {attempt.name}", after


def _raises(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    raised = state.scenario._replace(raised=state.scenario.raised + 1)
    yield "maxFailed is one more", state._replace(scenario=raised)


def _strategies(explorer: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    for number, strategy in enumerate(explorer.setup.strategies):
        if number != state.scenario.strategy:
            label = "strategy edited" if strategy else "strategy deleted"
            yield label, state._replace(scenario=state.scenario._replace(strategy=number))


def _scenarios(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    """Delete the Scenario, whose attempts go with it, or apply it again: it counts attempts from the beginning."""
    if not state.scenario.exists:
        again = state.scenario._replace(exists=True, life=state.scenario.life + 1, sequence=0)
        yield "Scenario applied again", state._replace(scenario=again)
        return
    gone = _without(state, *state.attempts)
    yield "Scenario deleted", gone._replace(scenario=state.scenario._replace(exists=False))


# --- attempts ---------------------------------------------------------------------------------------


def _without(state: State, *attempts: Attempt) -> State:
    begun = {run.grant for _, run in state.runs if run.grant}
    grants = tuple(e.id for a in attempts for e in a.active if e.id not in begun)
    left = tuple(a for a in state.attempts if a not in attempts)
    return state._replace(attempts=left, removed=(*state.removed, *grants))


def _aborts(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    for attempt in state.attempts:
        if not attempt.finished:
            yield f"abort {attempt.name}", _swap(state, attempt._replace(abort=True))


def _removals(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    for attempt in state.attempts:
        yield f"{attempt.name} is deleted", _without(state, attempt)


def _consents(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    """Approve every plan that an attempt shows, or withdraw that."""
    for attempt in state.attempts:
        if attempt.finished or not attempt.groups:
            continue
        given = (
            () if attempt.approvals else tuple(PlanApproval(g.plan_hash, "somebody") for g in attempt.groups)
        )
        label = f"approve {attempt.name}" if given else f"withdraw the approval of {attempt.name}"
        yield label, _swap(state, attempt._replace(approvals=given))


# --- runs -------------------------------------------------------------------------------------------


def _arrivals(explorer: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    name = f"r{explorer.setup.runs + state.luck.arrivals + 1}"
    yield f"{name} appears", state._replace(runs=tuple(sorted((*state.runs, (name, R(on=""))))))


def _deletions(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    for name, _run in state.runs:
        yield f"{name} is deleted", state._replace(runs=tuple(pair for pair in state.runs if pair[0] != name))


def _replacements(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    for name, run in state.runs:
        another = R(on="", life=run.life + 1)
        yield f"{name} is replaced", put(state, name, another)


def _own(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    """Begin a plan of the run's own: never with a grant that it has seen, its look at the attempt is live."""
    listed = {e.name for a in state.attempts for e in a.active}
    for name, run in state.runs:
        if run.on and run.grant is None and name not in listed and not run.seen:
            yield f"{name} begins an own plan", put(state, name, run._replace(grant=""))


def _recomputes(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    for name, run in state.runs:
        yield f"{name} wants a recompute", put(state, name, run._replace(nonce=run.nonce + 1, seen=""))


def _retries(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    for name, run in state.runs:
        yield f"{name} wants a retry", put(state, name, run._replace(retry=run.retry + 1, seen=""))


def _pins(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    for name, run in state.runs:
        after = run._replace(pinned=not run.pinned, seen="")
        yield f"{name} is {'pinned' if after.pinned else 'unpinned'}", put(state, name, after)


def _holds(_: GrantExplorer, state: State) -> Iterator[tuple[str, State]]:
    for name, run in state.runs:
        after = run._replace(hold=not run.hold, seen="", parked=run.parked or run.grant is not None)
        yield f"{name} is {'held' if after.hold else 'let go'}", put(state, name, after)


CHANGES: dict[str, Change] = {
    "newer": _newer,
    "suspends": _suspends,
    "raises": _raises,
    "strategies": _strategies,
    "scenarios": _scenarios,
    "aborts": _aborts,
    "removals": _removals,
    "consents": _consents,
    "arrivals": _arrivals,
    "deletions": _deletions,
    "replacements": _replacements,
    "own": _own,
    "recomputes": _recomputes,
    "retries": _retries,
    "pins": _pins,
    "holds": _holds,
}
"""Every change of mind, by the luck that it costs. A change of a run's spec makes it look again before it begins."""
