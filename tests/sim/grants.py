"""Grants explored exhaustively: the real `rollout.decide` for a few runs, two leaders and bad luck.

Smaller than the search for the executor's decision, whose graph it shares: the leader, the runs and people move, and
promises are checked on every state and write. From every state the fleet can come to rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenario_operator.planning.compile import Blocked
from scenario_operator.rollout.decide import FleetDecision
from scenario_operator.rollout.facts import Attempt
from scenario_operator.rollout.groups import Planner, cause_of

from . import fleet_people, grant_leader, grant_promises, grant_runs
from .grant_states import Flight, Found, Move, R, Rules, Scenario, Setup, State, facts, fleet, uid_of
from .graph import Graph
from .states import Violation, by_people


class GrantExplorer:
    """Explores one setup under one set of rules."""

    def __init__(self, setup: Setup, rules: Rules | None = None, limit: int = 400_000) -> None:
        self.setup = setup
        self.rules = rules or Rules()
        self.limit = limit
        self.known: dict[object, tuple[Flight, FleetDecision]] = {}
        self.hashes: dict[object, str] = {}
        self.changes = [(luck, c) for luck, c in fleet_people.CHANGES.items() if getattr(setup.luck, luck)]

    def begin(self) -> State:
        """Return the first state: all runs settled on v1."""
        runs = tuple((f"r{n}", R()) for n in range(1, self.setup.runs + 1))
        return State(Scenario(self.setup.wanted), runs, (), None, None, self.setup.luck)

    def look(self, state: State) -> tuple[Flight, FleetDecision]:
        """Return what a leader would do that reads now, and why; remembered by what it reads."""
        seen = state.runs if state.cache is None else state.cache
        there = frozenset(uid_of(name, run) for name, run in state.runs)
        key = (state.scenario, seen, there, state.attempts)
        if key not in self.known:
            self.known[key] = grant_leader.look(self.setup, self.rules, state)
        return self.known[key]

    def hash_of(self, state: State, name: str, run: R, attempt: Attempt) -> str:
        """Compile the plan again, as a run does before it begins."""
        key = (run.on, attempt.revision, attempt.cause, state.scenario.strategy)
        if key not in self.hashes:
            target = self.setup.revisions[attempt.revision]
            plan = Planner(fleet(self.setup, state)).plan(
                facts(self.setup, name, run), target, cause_of(attempt)
            )
            self.hashes[key] = "" if isinstance(plan, Blocked) else plan.plan_hash
        return self.hashes[key]

    def moves(self, state: State) -> Iterator[Move]:
        """Return everything that may happen next."""
        yield from grant_leader.moves(self, state)
        yield from grant_leader.late_moves(self, state)
        yield from grant_runs.moves(self, state)
        for label, after in by_people(self.changes, self, state):
            yield Move(label, after, luck=True)

    def explore(self) -> Found:
        """Visit every state, check every promise, and check that every state can come to rest."""
        graph = Graph(self.begin())
        goals: list[int] = []
        for number, state in graph.walk():
            label = ""
            try:
                moves = list(self.moves(state))
                if self._rests(moves):
                    grant_promises.check_goal(self, state)
                    goals.append(number)
                for label, after, luck in moves:
                    if graph.link(number, label, after, luck=luck):
                        grant_promises.check(self.setup, after)
            except Violation as broken:
                raise Violation(broken.promise, [*graph.trace(number), label]) from None
            if len(graph) > self.limit:
                raise AssertionError(f"more than {self.limit} states")
        stuck = graph.stuck(goals)
        if stuck is not None:
            raise Violation("never comes to rest", graph.trace(stuck))
        return Found(len(graph), len(goals))

    @staticmethod
    def _rests(moves: list[Move]) -> bool:
        """Say whether nothing happens any more without luck; a frozen leader is none."""
        return all(move.luck for move in moves)
