"""Breadth-first exploration of the real `decide` against the model cluster.

A state is explored once; from each state every move of the operator, of the cluster, of the user and of bad
luck is tried. Safety is checked on every state and move, liveness afterwards on the graph: from every state a
goal must be reachable by moves that need no luck, good or bad.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenario_operator.execution import effects as fx
from scenario_operator.execution.decide import Decision, Record, decide
from scenario_operator.execution.rest import case_of, is_behind
from scenario_operator.execution.view import Gate, View
from scenario_operator.planning.compile import Blocked, plan_upgrade
from scenario_operator.planning.plan import Cause
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import Loss

from . import goals, model, people, promises, world
from .graph import Graph
from .model import C, Call, Cluster, Flight, J, P, W, get, key_of, put
from .operator import changed, stale
from .states import Found, Move, Rules, Setup, State, Violation


class Explorer:
    """Explores one setup under one set of rules."""

    def __init__(self, setup: Setup, rules: Rules | None = None, limit: int = 2_000_000) -> None:
        self.setup = setup
        self.rules = rules or Rules()
        self.limit = limit
        self.formats = {name: r.state_version for name, r in setup.revisions.items()}
        self.decisions: dict[object, Decision] = {}
        self.plans: dict[object, tuple[str, str]] = {}
        self.changes = [(luck, c) for luck, c in people.CHANGES.items() if getattr(setup.luck, luck)]

    # --- the operator -------------------------------------------------------------------------------

    def view(self, state: State, late: bool) -> View:
        """Return what a process sees when it observes now."""
        spent = state.record.stored.spent
        journal = state.record.journal.grant_id if state.record.journal else ""
        grants = sorted(state.grants, key=lambda g: (g.id != journal, spent(g.id)))
        newest = self.setup.revisions[state.wanted] if state.scenario else None
        view = View(
            run=state.run,
            stored=state.record.stored,
            journal=state.record.journal,
            grant=grants[0] if grants else None,
            wanted=newest,
            revisions=self.setup.revisions,
            world=model.world_of(state.cluster, self.formats, late, state.run.uid),
            now=model.LATE if late else 0.0,
            entry=self.pinned(state) if state.run.pinned and newest else newest,
            strategy=self.setup.strategies[state.strategy] if newest else None,
            taken_back=frozenset(state.taken_back),
        )
        return view._replace(gate=_gate(view))

    def pinned(self, state: State) -> Revision | None:
        """Return the newest revision with the version to which the run is pinned."""
        found = [r for r in self.setup.revisions.values() if r.version == state.run.pinned]
        return max(found, key=lambda r: r.number, default=None)

    def decision(self, state: State, late: bool) -> Decision:
        """Return the real decision, remembered by what it depends on."""
        around = (state.wanted, state.grants, state.strategy, state.scenario, state.taken_back)
        key = (state.record, state.cluster, state.run, *around, late)
        if key not in self.decisions:
            made = decide(self.view(state, late))
            self.decisions[key] = made._replace(record=squash(made.record))
        return self.decisions[key]

    def operator_moves(self, state: State) -> Iterator[Move]:
        """The active process: observe, then write the record, then one call after the other."""
        if state.active is None and not state.run.uid:
            return
        if state.active is None and self.rules.torn:
            yield Move("reads the run", state._replace(active=Flight(None, True, (), state.record)))
            return
        if state.active is None:
            for late in (False, True):
                decision = self.decision(state, late)
                record = decision.record if decision.record != state.record else None
                if record is None and not decision.effects:
                    continue
                promises.check_quiet(state, decision)
                flight = Flight(record, True, self._calls(state, decision))
                yield Move(
                    f"observe{' late' if late else ''}: {_told(decision, record)}",
                    state._replace(active=flight),
                )
            return
        if state.active.reading is not None:
            (after, flight), label = self._read_world(state, state.active, late=True)
            yield Move(f"{label} late", after._replace(active=flight))
        done, label = self.advance(state, state.active)
        yield Move(label, done[0]._replace(active=done[1]))
        if state.luck.late > len(state.late):
            # Frozen here: a new process takes over, this one may still act on what it saw, at any time, or never.
            yield Move("freeze", state._replace(active=None, late=(*state.late, state.active)), luck=True)

    def late_moves(self, state: State) -> Iterator[Move]:
        """Frozen processes thaw, or are gone for good."""
        for index, flight in enumerate(state.late):
            rest = state.late[:index] + state.late[index + 1 :]
            done, label = self.advance(state._replace(late=rest), flight)
            after = done[0]
            if done[1] is not None:
                after = after._replace(late=(*after.late, done[1]))
            yield Move(f"late {label}", after, luck=True)
            luck = state.luck._replace(late=state.luck.late - 1)
            yield Move("late one dies", state._replace(late=rest, luck=luck))

    @staticmethod
    def _calls(state: State, decision: Decision) -> tuple[Call, ...]:
        return tuple(Call(e, of=state.run.uid) for e in decision.effects)

    def _read_world(
        self, state: State, flight: Flight, *, late: bool = False
    ) -> tuple[tuple[State, Flight | None], str]:
        """Read the world after the run: what was decided then is about a run that may have moved on."""
        assert flight.reading is not None
        if self.rules.looks_again and not flight.fresh:
            return (state, None), "the run has moved on while the world was read"
        decision = self.decision(state._replace(record=flight.reading), late)
        record = decision.record if decision.record != flight.reading else None
        calls = self._calls(state, decision)
        empty = record is None and not calls
        return (state, None if empty else Flight(record, flight.fresh, calls)), "reads the world"

    def advance(self, state: State, flight: Flight) -> tuple[tuple[State, Flight | None], str]:
        """Carry out the next call of a flight; a refused one ends it."""
        if flight.reading is not None:
            return self._read_world(state, flight)
        if self.rules.act_first and flight.calls:
            return self._call(state, flight)
        if flight.record is not None:
            if self.rules.fenced and not flight.fresh:
                return (state, None), "write record: conflict"
            after = self.write(state, flight.record)
            return (after, flight._replace(record=None) if flight.calls else None), "write record"
        return self._call(state, flight)

    def _call(self, state: State, flight: Flight) -> tuple[tuple[State, Flight | None], str]:
        call, rest = flight.calls[0], flight.calls[1:]
        after = self.perform(state, call)
        label = f"{call.effect}"
        if after is None:
            return (state, None), f"{label}: refused"
        # This flight's own later calls are about other objects; freshness of theirs was updated in `changed`.
        remaining = Flight(flight.record, flight.fresh, tuple(stale(c, key_of(call.effect)) for c in rest))
        over = not remaining.calls and remaining.record is None
        return (after, None if over else remaining), label

    def write(self, state: State, record: Record) -> State:
        """Write the run's status: whoever observed before is stale now."""
        promises.check_record(self.setup, state.record, record, state)
        active = state.active._replace(fresh=False) if state.active else None
        late = tuple(f._replace(fresh=False) for f in state.late)
        return state._replace(record=record, active=active, late=late)

    def perform(self, state: State, call: Call) -> State | None:
        """Carry out one effect as the API server would; None: refused."""
        effect, key = call.effect, key_of(call.effect)
        known = get(state.cluster, key)
        creating = isinstance(effect, fx.CreateClaim | fx.CreateWorkload | fx.CreateJob)
        if creating and known is not None and not self.rules.upsert:
            return None
        if not creating and (known is None or (self.rules.fenced and not call.fresh)):
            return None
        cluster = self.apply(state, call, key, known)
        return changed(state, key, cluster)

    def apply(  # noqa: C901 - a table of effects, one arm each
        self, state: State, call: Call, key: tuple[str, object], known: object
    ) -> Cluster:
        """Return the cluster after one accepted effect."""
        cluster, effect = state.cluster, call.effect
        match effect:
            case fx.HoldReport() | fx.ReleaseReport():
                assert isinstance(known, P)
                mark = effect.mark if isinstance(effect, fx.HoldReport) else ""
                if mark and known.term and not known.held:
                    return cluster
                gone = not mark and known.phase == "ended"
                return put(cluster, key, None if gone else known._replace(held=mark))
            case fx.PutToSleep():
                assert isinstance(known, W)
                return put(cluster, key, W(0, known.template, effect.stamp, False, known.of))
            case fx.WakeWorkload():
                assert isinstance(known, W)
                template = model.template_of(effect, known.template)
                return put(cluster, key, W(1, template, effect.stamp or known.stamp, False, known.of))
            case fx.CreateWorkload():
                awake = 1 if self.rules.awake_workload or isinstance(known, W) else 0
                return put(cluster, key, W(awake, effect.template, "", not awake, call.of))
            case fx.DeleteWorkload():
                return put(cluster, key, None)
            case fx.CreateClaim():
                return put(cluster, key, C(effect.formats, (), of=call.of))
            case fx.StampClaim():
                assert isinstance(known, C)
                return put(cluster, key, known._replace(formats=effect.formats))
            case fx.DeleteClaim():
                assert isinstance(known, C)
                # What a deleted run made goes with it: a late deletion only comes before the garbage collector's.
                if known.of == state.run.uid and not state.run.deleting:
                    promises.check_claim_deletion(state, effect.incarnation)
                return put(cluster, key, known._replace(deleting=True))
            case fx.CreateJob():
                job = J(
                    effect.hook,
                    effect.incarnation,
                    effect.revision,
                    "Active" if self.rules.awake_job else "Suspended",
                    of=call.of,
                )
                return put(cluster, key, job)
            case fx.ReleaseJob():
                assert isinstance(known, J)
                return put(cluster, key, known._replace(state="Active"))
            case fx.DeleteJob():
                return put(cluster, key, None)
            case fx.CreateResults():
                return cluster

    def moves(self, state: State) -> Iterator[Move]:
        """Every move from a state."""
        yield from self.operator_moves(state)
        yield from self.late_moves(state)
        yield from world.moves(self.setup, self.rules, state)
        yield from people.moves(self, state)

    # --- the search ---------------------------------------------------------------------------------

    def explore(self, start: State) -> Found:
        """Explore everything reachable; raise Violation with the shortest trace that leads to one."""
        graph = Graph(start)
        settled: list[int] = []
        for number, state in graph.walk():
            try:
                promises.check_state(self.setup, state)
                if goals.goal(self, state):
                    settled.append(number)
                for label, after, luck in self.moves(state):
                    graph.link(number, label, after, luck=luck)
            except Violation as violation:
                raise Violation(violation.promise, [*graph.trace(number), *violation.trace]) from None
            if len(graph) > self.limit:
                raise AssertionError(f"{self.setup.name}: more than {self.limit} states")
        self._check_liveness(graph, settled)
        return Found(len(graph), len(settled), graph.longest)

    def _check_liveness(self, graph: Graph[State], settled: list[int]) -> None:
        stuck = graph.stuck(settled)
        if stuck is not None:
            decision = self.decision(graph.state(stuck), True)
            way = graph.trace(stuck) or ["from the first state"]
            raise Violation(f"no goal can be reached: {decision.situation}", way)


def _gate(view: View) -> Gate | None:
    """Say what the scenario's side would: why nothing leads a run on."""
    look = "; see: kubectl -n ns get scn,ustrat"
    if view.wanted is None:
        return Gate("ScenarioNotFound", f"the Scenario is gone{look}", attention=True)
    if view.entry is None:
        return Gate("RevisionNotFound", f"no revision has that version{look}", attention=True)
    if view.journal is not None or not is_behind(view):
        return None
    if view.strategy is None:
        return Gate("StrategyNotFound", f"the strategy is gone{look}", attention=True)
    plan = plan_upgrade(case_of(view, view.wanted, Cause.UPGRADE))
    return (
        Gate(plan.reason.value, f"{plan.message}{look}", attention=True)
        if isinstance(plan, Blocked)
        else None
    )


def squash(record: Record) -> Record:
    """Take the times out of a record, so that the same progress is the same state."""
    journal, stored = record.journal, record.stored
    if journal is not None:
        journal = journal._replace(
            opened_at=0.0,
            begun=tuple(b._replace(at=0.0) for b in journal.begun),
            attempts=tuple(a._replace(at=0.0) for a in journal.attempts),
            failure=journal.failure._replace(at=0.0, message="") if journal.failure else None,
            held_since=None if journal.held_since is None else 0.0,
        )
    history = tuple(
        e._replace(message="", start_time="", completion_time="", plan_hash="", loss=Loss())
        for e in stored.history
    )
    return Record(stored._replace(history=history), journal)


def _told(decision: Decision, record: Record | None) -> str:
    effects = ", ".join(type(e).__name__ for e in decision.effects) or "no effects"
    return f"{'writes, ' if record else ''}{effects} ({decision.situation.reason or decision.situation.standing})"
