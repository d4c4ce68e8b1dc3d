"""What runs do with their grants: each looks at its own, begins or refuses it, and ends with an outcome on record.

A run's record is written by the run alone, between its look at the grant and its write.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scenario_operator.api.outcomes import Outcome
from scenario_operator.rollout.facts import Asked, Attempt, Grant

from .fleet_people import put
from .grant_promises import check_begin, check_wish
from .grant_states import NAMESPACE, Move, R, State, grants_of, uid_of

if TYPE_CHECKING:
    from .grants import GrantExplorer


def moves(explorer: GrantExplorer, state: State) -> Iterator[Move]:
    """Each run looks at its grant, begins or refuses, and ends."""
    for name, run in state.runs:
        if not run.on:
            for version in sorted({"v1", state.scenario.wanted}):
                started = put(state, name, run._replace(on=version))
                yield Move(f"{name} starts on {version}", started)
            continue
        if run.grant is not None:
            yield from _busy(state, name, run)
            continue
        entries = grants_of(state, name, run)
        for attempt, entry in entries:
            if entry.id in {grant for grant, *_ in run.history}:
                continue
            if run.seen == entry.id:
                yield from _begin(explorer, state, name, run, attempt, entry)
            elif not run.seen:
                saw = run._replace(seen=entry.id, seen_to=attempt.revision)
                yield Move(f"{name} sees {entry.id}", put(state, name, saw))
        if run.seen and not any(e.id == run.seen for _, e in entries):
            yield from _begin_unlisted(state, name, run)
        asked = Asked(NAMESPACE, name, uid_of(name, run), str(run.nonce))
        if run.done != run.nonce and any(a.abort and asked in a.asked for a in state.attempts):
            noted = run._replace(done=run.nonce)
            yield Move(f"{name} notes that its recompute was aborted", put(state, name, noted))


def _begin(
    explorer: GrantExplorer, state: State, name: str, run: R, attempt: Attempt, entry: Grant
) -> Iterator[Move]:
    word: Outcome | None = None
    if attempt.abort:
        word = Outcome.ABORTED
    elif run.pinned or run.hold:
        word = Outcome.PINNED if run.pinned else Outcome.HELD
    elif attempt.revision != state.scenario.wanted:
        word = Outcome.SUPERSEDED
    elif explorer.hash_of(state, name, run, attempt) != entry.plan_hash:
        word = Outcome.PLAN_CHANGED
    if word is not None:
        yield Move(f"{name} answers {word}", put(state, name, _ended(run, entry.id, attempt, word)))
        return
    if attempt.suspend:
        return
    check_begin(state, name, run, entry.id)
    check_wish(state, name, run, attempt)
    done = run.nonce if attempt.cause == "Recompute" else run.done
    begun = run._replace(grant=entry.id, seen="", done=done, retried=run.retry)
    begun = begun._replace(to=attempt.revision, why=attempt.cause)
    yield Move(f"{name} begins {entry.id}", put(state, name, begun))
    if state.luck.refusals:
        luck = state.luck._replace(refusals=state.luck.refusals - 1)
        refused = put(state, name, _ended(run, entry.id, attempt, Outcome.PLAN_CHANGED))
        yield Move(f"{name} answers PlanChanged", refused._replace(luck=luck), luck=True)


def _begin_unlisted(state: State, name: str, run: R) -> Iterator[Move]:
    """A run that saw a grant does not look again before its write: nothing may have taken it away.

    If somebody has deleted the attempt in between, the run begins all the same, or finds it gone.
    """
    check_begin(state, name, run, run.seen)
    begun = run._replace(grant=run.seen, seen="", to=run.seen_to, why="Revision")
    yield Move(f"{name} begins", put(state, name, begun))
    yield Move(f"{name} finds its grant gone", put(state, name, run._replace(seen="")))


def _busy(state: State, name: str, run: R) -> Iterator[Move]:
    grant = run.grant or ""
    if run.hold:
        return
    if not grant:
        yield Move(f"{name} ends its own plan", put(state, name, run._replace(grant=None)))
        return
    listed = next((a for a, e in grants_of(state, name, run) if e.id == grant), None)
    if listed is not None and listed.abort:
        yield Move(f"{name} goes back", put(state, name, _returned(run, Outcome.ABORTED)))
    if run.waits and state.scenario.wanted != run.to:
        yield Move(f"{name} gives way", put(state, name, _returned(run, Outcome.SUPERSEDED)))
    word = Outcome.RECOMPUTED if run.why == "Recompute" else Outcome.UPGRADED
    if not run.waits:
        on = run._replace(on=run.to)
        yield Move(f"{name} {word}", put(state, name, _returned(on, word)))
    else:
        yield Move(f"{name} goes on", put(state, name, run._replace(waits=False)), luck=True)
    if state.luck.failures:
        luck = state.luck._replace(failures=state.luck.failures - 1)
        failed = put(state, name, _returned(run, Outcome.ROLLED_BACK))
        yield Move(f"{name} RolledBack", failed._replace(luck=luck), luck=True)
    if state.luck.parks and not run.waits:
        luck = state.luck._replace(parks=state.luck.parks - 1)
        parked = put(state, name, run._replace(waits=True, parked=True))
        yield Move(f"{name} waits for a person", parked._replace(luck=luck), luck=True)


def _ended(run: R, grant: str, attempt: Attempt, word: Outcome) -> R:
    history = ((grant, attempt.name, word, attempt.revision), *run.history)
    return run._replace(seen="", seen_to="", waits=False, history=history)


def _returned(run: R, word: Outcome) -> R:
    """Close the open plan; the attempt that gave the grant may be gone, its name is part of the grant's."""
    grant = run.grant or ""
    history = ((grant, grant.rpartition(".")[0], word, run.to), *run.history)
    return run._replace(
        grant=None, seen="", seen_to="", waits=False, parked=False, history=history, to="", why=""
    )
