"""What has really happened, kept beside the records over several plans, and what records must say of it.

An incarnation has published once a pod of it has run; it has published nothing any more once its revert hook has
succeeded. Only what the hook did counts, whatever became of the state, of the plan, or of the process in between.
"""

from __future__ import annotations

from scenario_operator.api.outcomes import Outcome
from scenario_operator.execution import effects as fx
from scenario_operator.execution.decide import Decision, Record
from scenario_operator.planning.stored import KEPT, REVERTED

from .model import RESULTS, J, P, R, get
from .states import Setup, State, Violation


def published(setup: Setup, state: State, n: int, p: P) -> State:
    """Note that a pod has begun to run: from now on its incarnation may publish. It must be on record before."""
    if not setup.follows or p.of != state.run.uid:
        return state
    stored, claim = state.record.stored, get(state.cluster, RESULTS)
    if setup.revisions[p.template.revision].spec.results is not None and isinstance(claim, R):
        known = stored.results
        if known is None or n not in known.incarnations:
            raise Violation(f"incarnation {n} publishes off record", [])
        removed = setup.luck.lost_results != state.luck.lost_results
        if known.claim != claim.uid and not removed:
            raise Violation(f"incarnation {n} publishes to a claim that is not on record", [])
    truth = state.truth
    reverted = tuple(m for m in truth.reverted if m != n)
    return state._replace(truth=truth._replace(published=_with(truth.published, n), reverted=reverted))


def reverted(setup: Setup, state: State, j: J) -> State:
    """Note that a revert hook has succeeded; what is reverted already is not reverted again, in no later plan."""
    if not setup.follows or j.hook != "revert" or j.of != state.run.uid:
        return state
    truth, n = state.truth, j.incarnation
    if n in truth.reverted:
        raise Violation(f"results of incarnation {n} are reverted again", [])
    left = tuple(m for m in truth.published if m != n)
    return state._replace(truth=truth._replace(published=left, reverted=_with(truth.reverted, n)))


def ended(setup: Setup, state: State, n: int, mark: str) -> State:
    """Note that a pod has ended by itself, held by the Stop of this mark; "": nobody can know how it ended."""
    if not setup.follows or not mark:
        return state
    clean = tuple(sorted({*state.truth.clean, (n, mark)}))
    return state._replace(truth=state.truth._replace(clean=clean))


def next_results(state: State) -> str:
    """Return the uid of a results claim that is made now."""
    known = state.record.stored.results
    return "another" if known is not None and known.claim == "results" else "results"


def check_state(setup: Setup, state: State) -> None:
    """Check what records say of results, once no plan is open: neither more nor less than what has happened."""
    if state.record.journal is not None or not state.run.uid:
        return
    stored = state.record.stored
    anew = bool(stored.history) and stored.history[0].outcome is Outcome.RECOMPUTED
    left = [n for n in state.truth.published if n != stored.live]
    if anew and left and state.luck.skips == setup.luck.skips:
        raise Violation(f"results of incarnation {left[0]} are left behind by a recompute", [])
    for record in state.record.stored.incarnations:
        if record.results == REVERTED and record.number in state.truth.published:
            raise Violation(f"incarnation {record.number} is recorded as reverted, its results stand", [])
        if record.results == KEPT and record.number in state.truth.reverted:
            raise Violation(f"incarnation {record.number} is recorded as kept, its results are reverted", [])


def check_record(state: State, record: Record) -> None:
    """Check what a status write says of stops and labels."""
    old, new, journal = state.record.stored, record.stored, state.record.journal
    stop = new.last_stop
    if journal is not None and stop is not None and stop != old.last_stop and stop.clean:
        marks = [mark for n, mark in state.truth.clean if n == stop.incarnation]
        if not any(mark.startswith(f"{journal.id}/") for mark in marks):
            raise Violation(f"the stop of incarnation {stop.incarnation} is called clean", [])
    opened = journal is not None or record.journal is not None
    returned = len(new.history) > len(old.history)
    if (
        state.run.pinned
        and not opened
        and not returned
        and old.applied != new.applied
        and old.applied is not None
    ):
        raise Violation("a pinned run takes on another label", [])


def check_rest(setup: Setup, state: State, decision: Decision) -> None:
    """Check that what runs is left alone while no plan is open, where no late process may have disturbed it."""
    stored, quiet = state.record.stored, setup.luck.late == 0 and not setup.luck.replacements
    opened = state.record.journal is not None or decision.record.journal is not None
    if not quiet or opened or stored.stopped or decision.record.stored.stopped:
        return
    for effect in decision.effects:
        if isinstance(effect, fx.PutToSleep) and effect.incarnation == stored.live:
            raise Violation("what runs is restarted at rest", [])


def _with(numbers: tuple[int, ...], n: int) -> tuple[int, ...]:
    return tuple(sorted({*numbers, n}))
