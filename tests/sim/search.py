"""Breadth-first exploration of the real `decide` against the model cluster.

A state is explored once; from each state every move of the operator, of the cluster, of the user and of bad
luck is tried. Safety is checked on every state and move, liveness afterwards on the graph: from every state a
goal must be reachable by moves that need no luck, good or bad.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenario_operator.execution import looks
from scenario_operator.execution.decide import Decision, decide
from scenario_operator.execution.view import View

from . import coverage, ghosts, goals, lagging, mischief, operator, people, promises, told, world
from .graph import Graph
from .states import Found, Move, Rules, Setup, State, Violation


class Explorer:
    """Explores one setup under one set of rules; what it has decided, planned and told once, it remembers."""

    def __init__(self, setup: Setup, rules: Rules | None = None, limit: int = 2_000_000) -> None:
        self.setup = setup
        self.rules = rules or Rules()
        self.limit = limit
        self.decisions: dict[object, Decision] = {}
        self.looked: dict[object, bool] = {}
        self.plans: dict[object, tuple[str, str]] = {}
        self.told: set[object] = set()
        self.met: set[coverage.Part] = set()
        self.planned: set[coverage.Part] = set()
        changes = {**people.CHANGES, **mischief.CHANGES}
        self.changes = [(luck, c) for luck, c in changes.items() if getattr(setup.luck, luck)]

    def view(self, state: State, late: bool) -> View:
        """Return what a process sees when it observes now."""
        return operator.view(self.setup, state, late)

    def decision(self, state: State, late: bool) -> Decision:
        """Return the real decision, remembered by what it depends on."""
        key = _depends_on(state, late)
        if key not in self.decisions:
            view = self.view(state, late)
            made = decide(view)
            self.meet(view, made)
            if self.setup.follows:
                ghosts.check_rest(self.setup, state, made)
            self.decisions[key] = made._replace(record=operator.squash(made.record))
        return self.decisions[key]

    def looks(self, state: State, late: bool) -> bool:
        """Say whether what was decided on a state needs a live look, remembered likewise."""
        key = _depends_on(state, late)
        if key not in self.looked:
            self.looked[key] = looks.needs_look(
                _of_no_age(self.view(state, late)), self.decision(state, late)
            )
        return self.looked[key]

    def meet(self, view: View, made: Decision) -> None:
        """Note what a decision meets, and tell users of it unless all that it says has been told."""
        self.met |= coverage.met(view, made)
        if made.record.journal is not None:
            self.planned |= {step.kind for step in made.record.journal.steps}
        parts = told.parts(made)
        if not parts <= self.told:
            self.told |= parts
            told.check_told(view, made)

    def moves(self, state: State) -> Iterator[Move]:
        """Every move from a state."""
        yield from operator.moves(self, state)
        yield from operator.late_moves(self, state)
        yield from world.moves(self.setup, self.rules, state)
        yield from people.moves(self, state)
        yield from mischief.moves(state)
        yield from lagging.moves(state)

    def explore(self, start: State) -> Found:
        """Explore everything reachable; raise Violation with the shortest trace that leads to one."""
        graph = Graph(start)
        settled: list[int] = []
        for number, state in graph.walk():
            try:
                promises.check_state(self.setup, state)
                if self.setup.follows:
                    ghosts.check_state(self.setup, state)
                if goals.goal(self, state):
                    settled.append(number)
                for label, after, luck in self.moves(state):
                    graph.link(number, label, after, luck=luck)
            except Violation as violation:
                raise Violation(violation.promise, [*graph.trace(number), *violation.trace]) from None
            if len(graph) > self.limit:
                raise AssertionError(f"{self.setup.name}: more than {self.limit} states")
        self._check_liveness(graph, settled)
        unmet = frozenset(self.planned - self.met)
        return Found(len(graph), len(settled), graph.longest, frozenset(self.met), unmet)

    def _check_liveness(self, graph: Graph[State], settled: list[int]) -> None:
        stuck = graph.stuck(settled)
        if stuck is not None:
            decision = self.decision(graph.state(stuck), True)
            way = graph.trace(stuck) or ["from the first state"]
            raise Violation(f"no goal can be reached: {decision.situation}", way)


def _depends_on(state: State, late: bool) -> object:
    """Return all of a state that a decision depends on."""
    around = (state.wanted, state.grants, state.strategy, state.scenario, state.taken_back)
    return (state.record, state.cluster, state.run, *around, state.gone, state.refused, late)


def _of_no_age(view: View) -> View:
    """Return a view whose pods are as old as their starts: in the model a stable one is older than all that began."""
    pods = tuple(pod._replace(started_at=max(0.0, pod.started_at)) for pod in view.world.pods)
    return view._replace(world=view.world._replace(pods=pods))
