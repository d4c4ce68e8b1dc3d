"""What a leader does: it reads the fleet, decides, and writes one attempt after the other.

What is modelled exactly is who may write what when. An attempt's status is written only where it still is what the
writer saw; comparing values instead of versions lets more through than the API server does, so what holds here holds
there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scenario_operator.rollout import decide as deciding
from scenario_operator.rollout.facts import Attempt

from .grant_promises import check_write
from .grant_states import Flight, Move, Rules, Setup, State, Write, fleet

if TYPE_CHECKING:
    from .grants import GrantExplorer


def look(setup: Setup, rules: Rules, state: State) -> tuple[Flight, deciding.FleetDecision]:
    """Return what a leader would do that reads now, and why."""
    seen = fleet(setup, state)
    decision = deciding.decide(seen)
    before = {a.name: a for a in state.attempts}
    writes = tuple(Write(before[a.name], a) for a in decision.attempts if before[a.name] != a)
    if not rules.predecessors_first:
        writes = tuple(reversed(writes))
    opening = None
    if decision.opening is not None:
        number = seen.highest_sequence + 1
        made = decision.opening
        opening = Attempt(
            f"s-{number}",
            f"u{number}.{state.scenario.life}",
            number,
            made.revision,
            made.cause,
            made.only,
            made.asked,
        )
    return Flight(state.scenario, writes, opening), decision


def moves(explorer: GrantExplorer, state: State) -> Iterator[Move]:
    """Look, then write one attempt after the other, then open one; or freeze in between."""
    if state.active is None and not state.scenario.exists:
        return
    if state.active is None:
        flight, _ = explorer.look(state)
        if flight.writes or flight.opening:
            yield Move("look", state._replace(active=flight, cache=None))
        if state.luck.stale and state.cache is None:
            luck = state.luck._replace(stale=state.luck.stale - 1)
            yield Move("the watch lags", state._replace(cache=state.runs, luck=luck), luck=True)
        if state.cache is not None:
            yield Move("the watch catches up", state._replace(cache=None))
        return
    after, rest, label = advance(explorer.setup, explorer.rules, state, state.active)
    yield Move(label, after._replace(active=rest))
    if state.luck.late and state.late is None:
        luck = state.luck._replace(late=state.luck.late - 1)
        yield Move("freeze", state._replace(active=None, late=state.active, luck=luck), luck=True)


def late_moves(explorer: GrantExplorer, state: State) -> Iterator[Move]:
    """A frozen leader thaws, or is gone for good."""
    if state.late is None:
        return
    after, rest, label = advance(explorer.setup, explorer.rules, state, state.late)
    yield Move(f"late {label}", after._replace(late=rest), luck=True)
    yield Move("the late one dies", state._replace(late=None))


def advance(setup: Setup, rules: Rules, state: State, flight: Flight) -> tuple[State, Flight | None, str]:
    """Carry out the next call of a flight; after a conflict no further attempt is written."""
    if flight.writes:
        now, later = flight.writes[0], flight.writes[1:]
        done = write(setup, rules, state, now)
        rest = flight._replace(writes=later if done is not None else ())
        label = f"write {now.after.name}: {_told(now.before, now.after)}"
        over = not rest.writes and rest.opening is None
        return (done or state), None if over else rest, label if done else f"{label}: conflict"
    made = flight.opening
    assert made is not None
    if not state.scenario.exists or state.scenario.life != flight.seen.life:
        return state, None, f"create {made.name}: its Scenario is gone"
    if not flight.numbered:
        if rules.fenced and state.scenario != flight.seen:
            return state, None, f"number {made.sequence}: conflict"
        numbered = state.scenario._replace(sequence=made.sequence)
        onward = flight._replace(seen=numbered, numbered=True)
        return state._replace(scenario=numbered), onward, f"number {made.sequence}"
    if any(a.name == made.name for a in state.attempts):
        return state, None, f"create {made.name}: exists"
    attempts = tuple(sorted((*state.attempts, made), key=lambda a: a.sequence))
    return state._replace(attempts=attempts), None, f"create {made.name} to {made.revision}"


def write(setup: Setup, rules: Rules, state: State, wanted: Write) -> State | None:
    """Write an attempt's status where it still is what was seen; None: conflict."""
    live = next((a for a in state.attempts if a.uid == wanted.after.uid), None)
    if live is None or (rules.fenced and live != wanted.before):
        return None
    after = wanted.after._replace(suspend=live.suspend, abort=live.abort, approvals=live.approvals)
    used = check_write(setup, state, live, after)
    attempts = tuple(after if a.uid == after.uid else a for a in state.attempts)
    return state._replace(attempts=attempts, used=used)


def _told(before: Attempt | None, after: Attempt) -> str:
    known = {e.id for e in before.active} if before else set()
    now = {e.id for e in after.active}
    words = [f"+{e.name}" for e in after.active if e.id not in known]
    words += [f"-{grant}" for grant in sorted(known - now)]
    return " ".join([after.phase, *(["closed"] if after.closed else []), *words])
