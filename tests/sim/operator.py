"""What an operator process does: it observes, decides, writes the record and then makes one call after the other.

The decision is the real one. The process may freeze between any two of its moves, and a new one takes over: every call
in flight keeps to what was seen, and holds no longer once its object has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, assert_never

from scenario_operator.api.foreign import NOTHING, Foreign
from scenario_operator.execution import effects as fx
from scenario_operator.execution.decide import Decision, Record
from scenario_operator.execution.view import View
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import Loss
from scenario_operator.rollout.facts import Told
from scenario_operator.rollout.gate import Around, entry_of, gate_of

from . import ghosts, lagging, model, promises
from .model import C, Call, Cluster, Flight, J, P, R, W, get, key_of, put
from .states import Move, Rules, Setup, State

if TYPE_CHECKING:
    from .search import Explorer

# --- what it sees -----------------------------------------------------------------------------------


def view(setup: Setup, state: State, late: bool) -> View:
    """Return what a process sees when it observes now."""
    spent = state.record.stored.spent
    journal = state.record.journal.grant_id if state.record.journal else ""
    grants = sorted(state.grants, key=lambda g: (g.id != journal, spent(g.id)))
    newest = setup.revisions[state.wanted] if state.scenario else None
    left = {name: revision for name, revision in setup.revisions.items() if name not in state.gone}
    view = View(
        run=state.run,
        stored=state.record.stored,
        journal=state.record.journal,
        grant=grants[0] if grants else None,
        wanted=newest,
        revisions=left,
        world=model.world_of(state.cluster, setup.formats, late, state.run.uid, setup.judged, setup.numbers),
        now=model.LATE if late else 0.0,
        strategy=setup.strategies[state.strategy] if newest else None,
        taken_back=frozenset(state.taken_back),
        refusal=Foreign("exceeded quota") if state.refused else NOTHING,
    )
    around = _around(setup, state, view)
    view = view._replace(entry=entry_of(view, around))
    return view._replace(gate=gate_of(view, around))


def _pinned(setup: Setup, state: State) -> Revision | None:
    """Return the newest revision with the version to which the run is pinned."""
    found = [r for r in setup.revisions.values() if r.version == state.run.pinned]
    return max(found, key=lambda r: r.number, default=None)


def _around(setup: Setup, state: State, view: View) -> Around:
    """Return the scenario's side: it has released what is wanted, or the newest that does not wait for consent."""
    told = Told() if view.wanted is not None else None
    newest = view.wanted.number if view.wanted else 0
    released = [r for n, r in setup.revisions.items() if r.number <= newest and n not in setup.unreleased]
    active = max(released, key=lambda r: r.number, default=None)
    missing = "" if view.strategy else "gone"
    return Around(told, strategy_missing=missing, active=active, labelled=_pinned(setup, state))


def squash(record: Record) -> Record:
    """Take the times out of a record, so that the same progress is the same state."""
    journal, stored = record.journal, record.stored
    if journal is not None:
        journal = journal._replace(
            opened_at=0.0,
            begun=tuple(b._replace(at=0.0) for b in journal.begun),
            tries=tuple(t._replace(at=0.0) for t in journal.tries),
            failure=journal.failure._replace(at=0.0, message="") if journal.failure else None,
            held_since=None if journal.held_since is None else 0.0,
        )
    history = tuple(
        e._replace(message="", start_time="", completion_time="", plan_hash="", loss=Loss())
        for e in stored.history
    )
    return Record(stored._replace(history=history), journal)


# --- what it does next ------------------------------------------------------------------------------


def moves(explorer: Explorer, state: State) -> Iterator[Move]:
    """The active process: observe, then write the record, then one call after the other."""
    if state.active is None and not state.run.uid:
        return
    if state.active is None and explorer.rules.torn:
        yield Move("reads the run", state._replace(active=Flight(None, True, (), state.record)))
        return
    if state.active is None:
        for late in (False, True):
            seen, decision = _decided(explorer, state, late)
            record = decision.record if decision.record != state.record else None
            if record is None and not decision.effects:
                continue
            promises.check_quiet(state, decision)
            promises.check_patience(seen, decision, late=late)
            flight = Flight(record, True, _calls(seen, decision))
            yield Move(
                f"observe{' late' if late else ''}: {_label(decision, record)}",
                state._replace(active=flight),
            )
        return
    if state.active.reading is not None:
        (after, flight), label = _read_world(explorer, state, state.active, late=True)
        yield Move(f"{label} late", after._replace(active=flight))
    done, label = advance(explorer, state, state.active)
    yield Move(label, done[0]._replace(active=done[1]))
    if state.luck.late > len(state.late):
        # Frozen here: a new process takes over, this one may still act on what it saw, at any time, or never.
        yield Move("freeze", state._replace(active=None, late=(*state.late, state.active)), luck=True)


def late_moves(explorer: Explorer, state: State) -> Iterator[Move]:
    """Frozen processes thaw, or are gone for good."""
    for index, flight in enumerate(state.late):
        rest = state.late[:index] + state.late[index + 1 :]
        done, label = advance(explorer, state._replace(late=rest), flight)
        after = done[0]
        if done[1] is not None:
            after = after._replace(late=(*after.late, done[1]))
        yield Move(f"late {label}", after, luck=True)
        luck = state.luck._replace(late=state.luck.late - 1)
        yield Move("late one dies", state._replace(late=rest, luck=luck))


def _label(decision: Decision, record: Record | None) -> str:
    effects = ", ".join(type(e).__name__ for e in decision.effects) or "no effects"
    return f"{'writes, ' if record else ''}{effects} ({decision.situation.reason or decision.situation.standing})"


def _decided(explorer: Explorer, state: State, late: bool) -> tuple[State, Decision]:
    """Decide on what the caches show, and again on what exists where the decision rests on something being absent."""
    if not state.lags:
        return state, explorer.decision(state, late)
    seen = lagging.seen(state)
    decision = explorer.decision(seen, late)
    if explorer.rules.looks_live and explorer.looks(seen, late):
        return state._replace(lags=()), explorer.decision(state, late)
    return seen, decision


def _calls(state: State, decision: Decision) -> tuple[Call, ...]:
    old = lagging.outdated(state)
    return tuple(Call(e, key_of(e) not in old, of=state.run.uid) for e in decision.effects)


def _read_world(
    explorer: Explorer, state: State, flight: Flight, *, late: bool = False
) -> tuple[tuple[State, Flight | None], str]:
    """Read the world after the run: what was decided then is about a run that may have moved on."""
    assert flight.reading is not None
    if explorer.rules.looks_again and not flight.fresh:
        return (state, None), "the run has moved on while the world was read"
    decision = explorer.decision(state._replace(record=flight.reading), late)
    record = decision.record if decision.record != flight.reading else None
    calls = _calls(state, decision)
    empty = record is None and not calls
    return (state, None if empty else Flight(record, flight.fresh, calls)), "reads the world"


def advance(explorer: Explorer, state: State, flight: Flight) -> tuple[tuple[State, Flight | None], str]:
    """Carry out the next call of a flight; a refused one ends it."""
    if flight.reading is not None:
        return _read_world(explorer, state, flight)
    if explorer.rules.act_first and flight.calls:
        return _call(explorer.rules, state, flight)
    if flight.record is not None:
        if explorer.rules.fenced and not flight.fresh:
            return (state, None), "write record: conflict"
        after = write(explorer.setup, state, flight.record)
        return (after, flight._replace(record=None) if flight.calls else None), "write record"
    return _call(explorer.rules, state, flight)


def _call(rules: Rules, state: State, flight: Flight) -> tuple[tuple[State, Flight | None], str]:
    call, rest = flight.calls[0], flight.calls[1:]
    after = perform(rules, state, call)
    label = f"{call.effect}"
    if after is None:
        return (state, None), f"{label}: refused"
    # This flight's own later calls are about other objects; freshness of theirs was updated in `changed`.
    remaining = Flight(flight.record, flight.fresh, tuple(_stale(c, key_of(call.effect)) for c in rest))
    over = not remaining.calls and remaining.record is None
    after = after._replace(refused=False)
    return (after, None if over else remaining), label


# --- what becomes of a write or a call --------------------------------------------------------------


def write(setup: Setup, state: State, record: Record) -> State:
    """Write the run's status: whoever observed before is stale now."""
    promises.check_record(setup, state.record, record, state)
    if setup.follows:
        ghosts.check_record(state, record)
    active = state.active._replace(fresh=False) if state.active else None
    late = tuple(f._replace(fresh=False) for f in state.late)
    return state._replace(record=record, active=active, late=late)


def perform(rules: Rules, state: State, call: Call) -> State | None:
    """Carry out one effect as the API server would; None: refused."""
    effect, key = call.effect, key_of(call.effect)
    known = get(state.cluster, key)
    creating = isinstance(effect, fx.CreateClaim | fx.CreateResults | fx.CreateWorkload | fx.CreateJob)
    if creating and known is not None and not rules.upsert:
        return None
    if not creating and (known is None or (rules.fenced and not call.fresh)):
        return None
    cluster = apply(rules, state, call, key, known)
    return changed(state, key, cluster)


def apply(rules: Rules, state: State, call: Call, key: tuple[str, object], known: object) -> Cluster:
    """Return the cluster after one accepted effect."""
    effect = call.effect
    after: object | None
    match effect:
        case fx.HoldReport() | fx.ReleaseReport():
            after = _pod_after(effect, known)
        case fx.PutToSleep() | fx.WakeWorkload() | fx.CreateWorkload():
            after = _workload_after(rules, effect, known, call.of)
        case fx.CreateClaim() | fx.StampClaim() | fx.DeleteClaim():
            after = _claim_after(state, effect, known, call.of)
        case fx.CreateJob() | fx.ReleaseJob():
            after = _job_after(rules, effect, known, call.of)
        case fx.DeleteWorkload() | fx.DeleteJob():
            after = None
        case fx.CreateResults():
            after = R(of=call.of, uid=ghosts.next_results(state))
        case _:
            assert_never(effect)
    return put(state.cluster, key, after)


def _pod_after(effect: fx.HoldReport | fx.ReleaseReport, known: object) -> P | None:
    assert isinstance(known, P)
    mark = effect.mark if isinstance(effect, fx.HoldReport) else ""
    if mark and known.term and not known.held:
        return known
    gone = not mark and known.phase == "ended"
    return None if gone else known._replace(held=mark)


def _workload_after(
    rules: Rules, effect: fx.PutToSleep | fx.WakeWorkload | fx.CreateWorkload, known: object, of: str
) -> W:
    if isinstance(effect, fx.CreateWorkload):
        awake = 1 if rules.awake_workload or isinstance(known, W) else 0
        return W(awake, effect.template, "", not awake, of)
    assert isinstance(known, W)
    if isinstance(effect, fx.PutToSleep):
        return W(0, known.template, effect.stamp, False, known.of)
    template = model.template_of(effect, known.template)
    return W(1, template, effect.stamp or known.stamp, False, known.of)


def _claim_after(
    state: State, effect: fx.CreateClaim | fx.StampClaim | fx.DeleteClaim, known: object, of: str
) -> C:
    if isinstance(effect, fx.CreateClaim):
        return C(effect.formats, (), of=of)
    assert isinstance(known, C)
    if isinstance(effect, fx.StampClaim):
        return known._replace(formats=effect.formats)
    # What a deleted run made goes with it: a late deletion only comes before the garbage collector's.
    if known.of == state.run.uid and not state.run.deleting:
        promises.check_claim_deletion(state, effect.incarnation)
    return known._replace(deleting=True)


def _job_after(rules: Rules, effect: fx.CreateJob | fx.ReleaseJob, known: object, of: str) -> J:
    if isinstance(effect, fx.CreateJob):
        begins = "Active" if rules.awake_job else "Suspended"
        return J(effect.hook, effect.incarnation, effect.revision, begins, of=of)
    assert isinstance(known, J)
    return known._replace(state="Active")


def changed(state: State, key: tuple[str, object], cluster: Cluster) -> State:
    """Make every call in flight stale whose object has changed."""
    if cluster == state.cluster:
        return state
    touched = [key]
    if key[0] == "workloads" and cluster.pods != state.cluster.pods:
        touched.append(("pods", key[1]))
    active, late = state.active, state.late
    for one in touched:
        active = _stale_flight(active, one) if active else None
        late = tuple(_stale_flight(f, one) for f in late)
    lags = lagging.note(state.lags, touched)
    return state._replace(cluster=cluster, active=active, late=late, lags=lags)


def _stale_flight(flight: Flight, key: tuple[str, object]) -> Flight:
    return flight._replace(calls=tuple(_stale(c, key) for c in flight.calls))


def _stale(call: Call, key: tuple[str, object]) -> Call:
    """Return a call that holds no longer if it is about the object that has changed."""
    return call._replace(fresh=False) if key_of(call.effect) == key else call
