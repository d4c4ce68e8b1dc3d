"""Grants explored exhaustively: the real `rollout.decide` for a few runs, two leaders and bad luck.

Smaller than `explorer`: a run is idle, carries out a grant, waits for a person, or has an outcome on record. What is
modelled exactly is who may write what when. An attempt's status is written only where it still is what the writer
saw; comparing values instead of versions lets more through than the API server does, so what holds here holds
there. A run's record is written by the run alone, between its look at the grant and its write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from scenario_operator.planning.compile import Blocked
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import Handled, Incarnation, Outcome, Stored
from scenario_operator.rollout import decide as deciding
from scenario_operator.rollout.facts import Asked, Attempt, Entry, Fleet, Pace, RunFacts
from scenario_operator.rollout.groups import Planner, cause_of, is_behind
from scenario_operator.rollout.schedule import BACK_TO_WAITING, ENDED_BADLY

from . import fleet_people
from .fleet_people import put
from .graph import Graph
from .setups import KEEP_SAME, STRATEGY, WINDOW, applied_of
from .states import Violation, by_people

NOW = "2026-01-01T00:00:00Z"
WAITING = frozenset({"Suspended", "Held", "AwaitingApproval"})
"""Phases of an attempt that say why its runs wait."""


class Luck(NamedTuple):
    """How much bad luck and how many changes of mind an exploration allows.

    `stale`: leaders that know the runs only as they were. `own`: plans that runs begin by themselves. `arrivals`: runs
    that appear, and start on the version before or on the wanted one. `replacements`: runs that another one of their
    name comes after. `removals`: attempts that somebody deletes. `consents`: approvals given or withdrawn. `raises`: of
    maxFailed, by one.
    """

    late: int = 0
    newer: int = 0
    deletions: int = 0
    failures: int = 0
    parks: int = 0
    refusals: int = 0
    aborts: int = 0
    suspends: int = 0
    own: int = 0
    recomputes: int = 0
    stale: int = 0
    arrivals: int = 0
    replacements: int = 0
    removals: int = 0
    consents: int = 0
    raises: int = 0
    pins: int = 0
    holds: int = 0
    strategies: int = 0
    scenarios: int = 0
    retries: int = 0


class R(NamedTuple):
    """A run: the revision it is on ("" before its first start), its open grant, what it has seen, and its outcomes.

    `grant` is None without a plan, "" with one of its own; `to` and `why` are the revision and the cause of the
    attempt that gave it. `nonce` and `done`: recomputes wanted and acted upon; `retry` and `retried` the same of
    retries. `life`: how many runs of its name were there before. `parked` (ghost): its plan has waited for a person.
    """

    on: str = "v1"
    grant: str | None = None
    seen: str = ""
    waits: bool = False
    history: tuple[tuple[str, str, str, str], ...] = ()
    nonce: int = 0
    done: int = 0
    to: str = ""
    why: str = ""
    life: int = 0
    pinned: bool = False
    hold: bool = False
    retry: int = 0
    retried: int = 0
    parked: bool = False
    seen_to: str = ""


class Scenario(NamedTuple):
    """What people ask of all runs, and the highest sequence number given out.

    `exists`: it has not been deleted; `life`: how often it was. `raised`: by how much maxFailed is more than it was.
    """

    wanted: str = "v2"
    suspend: bool = False
    sequence: int = 0
    raised: int = 0
    strategy: int = 0
    exists: bool = True
    life: int = 0


class Write(NamedTuple):
    """One status write under way, fenced by what was seen; `before` None creates the attempt."""

    before: Attempt | None
    after: Attempt


class Flight(NamedTuple):
    """What one leader is about to do: writes in their order, then perhaps a new sequence number and its attempt.

    `numbered`: the number is written, only the attempt is left to be created.
    """

    seen: Scenario
    writes: tuple[Write, ...] = ()
    opening: Attempt | None = None
    numbered: bool = False


class State(NamedTuple):
    """Everything. `cache`: the runs as the leader's watch last brought them, None when it is up to date.

    `used` counts, as a ghost, the grants ever written for an attempt; `removed` are the grants that nobody had taken
    when somebody deleted their attempts.
    """

    scenario: Scenario
    runs: tuple[tuple[str, R], ...]
    attempts: tuple[Attempt, ...]
    active: Flight | None
    late: Flight | None
    luck: Luck
    cache: tuple[tuple[str, R], ...] | None = None
    used: tuple[tuple[str, int], ...] = ()
    removed: tuple[str, ...] = ()


class Rules(NamedTuple):
    """What the API server and the controller do, so that a mutant can break exactly one of them."""

    fenced: bool = True
    predecessors_first: bool = True


@dataclass(frozen=True)
class Setup:
    """One exploration."""

    name: str
    luck: Luck
    runs: int = 3
    pace: Pace = field(default_factory=lambda: Pace(1, 1))
    wanted: str = "v2"
    revisions: dict[str, Revision] = field(default_factory=lambda: KEEP_SAME)
    strategy: Snapshot = STRATEGY
    others: tuple[Snapshot | None, ...] = ()

    @property
    def strategies(self) -> tuple[Snapshot | None, ...]:
        """Return every strategy that may be in force, None for one that was deleted."""
        return (self.strategy, *self.others)


class Move(NamedTuple):
    """A labelled transition; `luck` as in the executor's explorer."""

    label: str
    state: State
    luck: bool = False


class Found(NamedTuple):
    """The outcome of an exploration."""

    states: int
    goals: int


class GrantExplorer:
    """Explores one setup under one set of rules."""

    def __init__(self, setup: Setup, rules: Rules | None = None, limit: int = 400_000) -> None:
        self.setup = setup
        self.rules = rules or Rules()
        self.limit = limit
        self.known: dict[object, tuple[Flight, deciding.FleetDecision]] = {}
        self.hashes: dict[object, str] = {}
        self.changes = [(luck, c) for luck, c in fleet_people.CHANGES.items() if getattr(setup.luck, luck)]

    # --- what there is ------------------------------------------------------------------------------

    @staticmethod
    def a_run() -> R:
        """Return a run as it is when it has started on v1."""
        return R()

    def begin(self) -> State:
        """Return the first state: all runs settled on v1."""
        runs = tuple((f"r{n}", R()) for n in range(1, self.setup.runs + 1))
        return State(Scenario(self.setup.wanted), runs, (), None, None, self.setup.luck)

    def facts(self, name: str, run: R) -> RunFacts:
        """Return what the scenario's side reads of a run."""
        if not run.on:
            return RunFacts("ns", name, uid_of(name, run), Stored())
        revision = self.setup.revisions[run.on]
        stored = Stored(
            applied=applied_of(revision, (revision.state_version,)),
            live=1,
            incarnations=(Incarnation(1, revision.version, revision.name),),
            window=WINDOW,
            handled=Handled(str(run.done), "", str(run.retried) if run.retried else "", ""),
            history=tuple(
                Outcome(g, a, word, word, "", "", "", "", "", NOW, NOW, to_revision=to)
                for g, a, word, to in run.history
            ),
        )
        return RunFacts(
            "ns",
            name,
            uid_of(name, run),
            stored,
            pinned=run.pinned,
            hold=run.hold,
            journal_grant=run.grant,
            journal_attempt=(run.grant or "").rpartition(".")[0],
            waits=run.grant is not None and (run.waits or run.hold),
            recompute_nonce=str(run.nonce) if run.nonce else "",
            retry_nonce=str(run.retry) if run.retry else "",
        )

    def fleet(self, state: State) -> Fleet:
        """Return what a leader reads: runs from its watch, attempts and vanished holders live."""
        seen = state.runs if state.cache is None else state.cache
        known = {uid_of(name, run) for name, run in (*state.runs, *seen)}
        holders = {e.run_uid for a in state.attempts for e in a.active}
        pace, strategy = self.setup.pace, self.setup.strategies[state.scenario.strategy]
        return Fleet(
            scenario="s",
            wanted=self.setup.revisions[state.scenario.wanted],
            revisions=self.setup.revisions,
            strategy=strategy,
            strategy_missing="" if strategy else "gone",
            pace=pace._replace(max_failed=pace.max_failed + state.scenario.raised),
            suspend=state.scenario.suspend,
            approved_plans=frozenset(),
            runs=tuple(self.facts(name, run) for name, run in seen),
            attempts=state.attempts,
            now=NOW,
            gone=frozenset(holders - known),
            sequence=state.scenario.sequence,
        )

    # --- the leader ---------------------------------------------------------------------------------

    def look(self, state: State) -> tuple[Flight, deciding.FleetDecision]:
        """Return what a leader would do that reads now, and why."""
        seen = state.runs if state.cache is None else state.cache
        there = frozenset(uid_of(name, run) for name, run in state.runs)
        key = (state.scenario, seen, there, state.attempts)
        if key not in self.known:
            fleet = self.fleet(state)
            decision = deciding.decide(fleet)
            before = {a.name: a for a in state.attempts}
            writes = tuple(Write(before[a.name], a) for a in decision.attempts if before[a.name] != a)
            if not self.rules.predecessors_first:
                writes = tuple(reversed(writes))
            opening = None
            if decision.opening is not None:
                number = fleet.highest_sequence + 1
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
            self.known[key] = (Flight(state.scenario, writes, opening), decision)
        return self.known[key]

    def leader_moves(self, state: State) -> Iterator[Move]:
        """Look, then write one attempt after the other, then open one; or freeze in between."""
        if state.active is None and not state.scenario.exists:
            return
        if state.active is None:
            flight, _ = self.look(state)
            if flight.writes or flight.opening:
                yield Move("look", state._replace(active=flight, cache=None))
            if state.luck.stale and state.cache is None:
                luck = state.luck._replace(stale=state.luck.stale - 1)
                yield Move("the watch lags", state._replace(cache=state.runs, luck=luck), luck=True)
            if state.cache is not None:
                yield Move("the watch catches up", state._replace(cache=None))
            return
        after, rest, label = self.advance(state, state.active)
        yield Move(label, after._replace(active=rest))
        if state.luck.late and state.late is None:
            luck = state.luck._replace(late=state.luck.late - 1)
            yield Move("freeze", state._replace(active=None, late=state.active, luck=luck), luck=True)

    def late_moves(self, state: State) -> Iterator[Move]:
        """A frozen leader thaws, or is gone for good."""
        if state.late is None:
            return
        after, rest, label = self.advance(state, state.late)
        yield Move(f"late {label}", after._replace(late=rest), luck=True)
        yield Move("the late one dies", state._replace(late=None))

    def advance(self, state: State, flight: Flight) -> tuple[State, Flight | None, str]:
        """Carry out the next call of a flight; after a conflict no further attempt is written."""
        if flight.writes:
            write, later = flight.writes[0], flight.writes[1:]
            done = self.write(state, write)
            rest = flight._replace(writes=later if done is not None else ())
            label = f"write {write.after.name}: {_told(write.before, write.after)}"
            over = not rest.writes and rest.opening is None
            return (done or state), None if over else rest, label if done else f"{label}: conflict"
        made = flight.opening
        assert made is not None
        if not state.scenario.exists or state.scenario.life != flight.seen.life:
            return state, None, f"create {made.name}: its Scenario is gone"
        if not flight.numbered:
            if self.rules.fenced and state.scenario != flight.seen:
                return state, None, f"number {made.sequence}: conflict"
            numbered = state.scenario._replace(sequence=made.sequence)
            onward = flight._replace(seen=numbered, numbered=True)
            return state._replace(scenario=numbered), onward, f"number {made.sequence}"
        if any(a.name == made.name for a in state.attempts):
            return state, None, f"create {made.name}: exists"
        attempts = tuple(sorted((*state.attempts, made), key=lambda a: a.sequence))
        return state._replace(attempts=attempts), None, f"create {made.name} to {made.revision}"

    def write(self, state: State, write: Write) -> State | None:
        """Write an attempt's status where it still is what was seen; None: conflict."""
        live = next((a for a in state.attempts if a.uid == write.after.uid), None)
        if live is None or (self.rules.fenced and live != write.before):
            return None
        after = write.after._replace(suspend=live.suspend, abort=live.abort, approvals=live.approvals)
        used = self.check_write(state, live, after)
        attempts = tuple(after if a.uid == after.uid else a for a in state.attempts)
        return state._replace(attempts=attempts, used=used)

    # --- the runs -----------------------------------------------------------------------------------

    def run_moves(self, state: State) -> Iterator[Move]:
        """Each run looks at its grant, begins or refuses, and ends."""
        for name, run in state.runs:
            if not run.on:
                for version in sorted({"v1", state.scenario.wanted}):
                    started = put(state, name, run._replace(on=version))
                    yield Move(f"{name} starts on {version}", started)
                continue
            if run.grant is not None:
                yield from self._busy(state, name, run)
                continue
            entries = _entries_of(state, name, run)
            for attempt, entry in entries:
                if entry.id in {grant for grant, *_ in run.history}:
                    continue
                if run.seen == entry.id:
                    yield from self._begin(state, name, run, attempt, entry)
                elif not run.seen:
                    saw = run._replace(seen=entry.id, seen_to=attempt.revision)
                    yield Move(f"{name} sees {entry.id}", put(state, name, saw))
            if run.seen and not any(e.id == run.seen for _, e in entries):
                yield from self._begin_unlisted(state, name, run)
            asked = Asked(name, uid_of(name, run), str(run.nonce))
            if run.done != run.nonce and any(a.abort and asked in a.asked for a in state.attempts):
                noted = run._replace(done=run.nonce)
                yield Move(f"{name} notes that its recompute was aborted", put(state, name, noted))

    def _begin(self, state: State, name: str, run: R, attempt: Attempt, entry: Entry) -> Iterator[Move]:
        word = ""
        if attempt.abort:
            word = "Aborted"
        elif run.pinned or run.hold:
            word = "Pinned" if run.pinned else "Held"
        elif attempt.revision != state.scenario.wanted:
            word = "Superseded"
        elif self.hash_of(state, name, run, attempt) != entry.plan_hash:
            word = "PlanChanged"
        if word:
            yield Move(f"{name} answers {word}", put(state, name, _ended(run, entry.id, attempt, word)))
            return
        if attempt.suspend:
            return
        self.check_begin(state, name, run, entry.id)
        if any(a.abort and set(a.asked) & set(attempt.asked) for a in state.attempts):
            raise Violation(f"{name} begins what was aborted", [])
        if attempt.cause == "Recompute" and run.done == run.nonce:
            raise Violation(f"{name} recomputes again for one wish", [])
        done = run.nonce if attempt.cause == "Recompute" else run.done
        told = {"to": attempt.revision, "why": attempt.cause, "retried": run.retry}
        begun = run._replace(grant=entry.id, seen="", done=done, **told)
        yield Move(f"{name} begins {entry.id}", put(state, name, begun))
        if state.luck.refusals:
            luck = state.luck._replace(refusals=state.luck.refusals - 1)
            refused = put(state, name, _ended(run, entry.id, attempt, "PlanChanged"))
            yield Move(f"{name} answers PlanChanged", refused._replace(luck=luck), luck=True)

    def _begin_unlisted(self, state: State, name: str, run: R) -> Iterator[Move]:
        """A run that saw a grant does not look again before its write: nothing may have taken it away.

        If somebody has deleted the attempt in between, the run begins all the same, or finds it gone.
        """
        self.check_begin(state, name, run, run.seen)
        begun = run._replace(grant=run.seen, seen="", to=run.seen_to, why="Revision")
        yield Move(f"{name} begins", put(state, name, begun))
        yield Move(f"{name} finds its grant gone", put(state, name, run._replace(seen="")))

    def _busy(self, state: State, name: str, run: R) -> Iterator[Move]:
        grant = run.grant or ""
        if run.hold:
            return
        if not grant:
            yield Move(f"{name} ends its own plan", put(state, name, run._replace(grant=None)))
            return
        listed = next((a for a, e in _entries_of(state, name, run) if e.id == grant), None)
        if listed is not None and listed.abort:
            yield Move(f"{name} goes back", put(state, name, _returned(run, "Aborted")))
        if run.waits and state.scenario.wanted != run.to:
            yield Move(f"{name} gives way", put(state, name, _returned(run, "Superseded")))
        word = "Recomputed" if run.why == "Recompute" else "Upgraded"
        if not run.waits:
            on = run._replace(on=run.to)
            yield Move(f"{name} {word}", put(state, name, _returned(on, word)))
        else:
            yield Move(f"{name} goes on", put(state, name, run._replace(waits=False)), luck=True)
        if state.luck.failures:
            luck = state.luck._replace(failures=state.luck.failures - 1)
            failed = put(state, name, _returned(run, "RolledBack"))
            yield Move(f"{name} RolledBack", failed._replace(luck=luck), luck=True)
        if state.luck.parks and not run.waits:
            luck = state.luck._replace(parks=state.luck.parks - 1)
            parked = put(state, name, run._replace(waits=True, parked=True))
            yield Move(f"{name} waits for a person", parked._replace(luck=luck), luck=True)

    def hash_of(self, state: State, name: str, run: R, attempt: Attempt) -> str:
        """Compile the plan again, as a run does before it begins."""
        key = (run.on, attempt.revision, attempt.cause, state.scenario.strategy)
        if key not in self.hashes:
            target = self.setup.revisions[attempt.revision]
            plan = Planner(self.fleet(state)).plan(self.facts(name, run), target, cause_of(attempt))
            self.hashes[key] = "" if isinstance(plan, Blocked) else plan.hash
        return self.hashes[key]

    def moves(self, state: State) -> Iterator[Move]:
        """Return everything that may happen next."""
        yield from self.leader_moves(state)
        yield from self.late_moves(state)
        yield from self.run_moves(state)
        for label, after in by_people(self.changes, self, state):
            yield Move(label, after, luck=True)

    # --- promises -----------------------------------------------------------------------------------

    def check_begin(self, state: State, name: str, run: R, grant: str) -> None:
        """Started implies active at that moment, unless somebody has just deleted the attempt."""
        active = any(entry.id == grant for _, entry in _entries_of(state, name, run))
        if not active and grant not in state.removed:
            raise Violation(f"{name} begins {grant}, which is not active", [])

    def check_write(self, state: State, live: Attempt, after: Attempt) -> tuple[tuple[str, int], ...]:
        """Check what a write of an attempt's status does; return the grants used so far."""
        was, now = {e.id: e for e in live.active}, {e.id: e for e in after.active}
        runs = {uid_of(name, run): run for name, run in state.runs}
        for grant in was.keys() - now.keys():
            entry = was[grant]
            run = runs.get(entry.run_uid)
            words = [word for g, _, word, _ in run.history if g == grant] if run else ["Cancelled"]
            if not words:
                raise Violation(f"{grant} was revoked", [])
            reported = [r for r in after.reports if r.uid == entry.run_uid]
            waits_again = words[0] in BACK_TO_WAITING and not live.closed
            either = waits_again and after.closed
            if waits_again == bool(reported) and not either:
                raise Violation(f"{grant} ended {words[0]}, reported {len(reported)} times", [])
        used = dict(state.used)
        for grant in now.keys() - was.keys():
            number = int(grant.rsplit(".", 1)[1])
            if number <= used.get(after.uid, 0):
                raise Violation(f"grant id {grant} is used twice", [])
            if live.closed or live.finished:
                raise Violation(f"{grant} is granted by a closed attempt", [])
            if self.setup.strategy.approval == "Always" and not _consented(live, now[grant]):
                raise Violation(f"{grant} is granted without consent", [])
        numbers = [int(g.rsplit(".", 1)[1]) for g in now]
        used[after.uid] = max([used.get(after.uid, 0), *numbers])
        missing = {r.uid for r in live.reports} - {r.uid for r in after.reports}
        if missing:
            raise Violation(f"{after.name} forgets the outcome of {sorted(missing)}", [])
        return tuple(sorted(used.items()))

    def check(self, state: State) -> None:
        """Check what holds in every state."""
        entries = [e for a in state.attempts for e in a.active]
        listed, parked = {e.id for e in entries}, {e.id for e in entries if e.parked}
        apart = {*parked, *state.removed}
        strays = {r.grant for _, r in state.runs if r.grant and r.grant not in listed and r.parked}
        carried = sum(1 for _, r in state.runs if r.grant and r.grant not in {*apart, *strays})
        flying = sum(1 for e in entries if not e.parked)
        if max(carried, flying) > self.setup.pace.max_concurrent:
            raise Violation(f"{max(carried, flying)} in flight", [])
        for attempt in state.attempts:
            told = [r.uid for r in attempt.reports]
            if len(told) != len(set(told)):
                raise Violation(f"{attempt.name} reports a run twice", [])
            held = [e.run_uid for e in entries]
            if len(held) != len(set(held)):
                raise Violation("a run holds two grants", [])
            if attempt.finished and attempt.active:
                raise Violation(f"{attempt.name} is finished with grants out", [])
            if attempt.finished and attempt.abort:
                self.check_aborted(state, attempt)

    def check_aborted(self, state: State, attempt: Attempt) -> None:
        """Who asked for an attempt that was aborted reads so in its report, unless the run remembers its end there."""
        told = {r.uid for r in attempt.reports}
        for name, run in state.runs:
            asked = any(a.uid == uid_of(name, run) for a in attempt.asked)
            remembers = any(there == attempt.name for _, there, *_ in run.history)
            if asked and not remembers and uid_of(name, run) not in told:
                raise Violation(
                    f"{attempt.name} was aborted and does not report {name}, which asked for it", []
                )

    def check_goal(self, state: State) -> None:
        """At rest, whoever is behind has a reason that people can read."""
        if not state.scenario.exists or self.setup.strategies[state.scenario.strategy] is None:
            return
        _, decision = self.look(state)
        wanted = self.setup.revisions[state.scenario.wanted]
        unfinished = [a for a in decision.attempts if not a.finished]
        waiting = [a for a in unfinished if a.phase in WAITING]
        for name, run in state.runs:
            if run.waits or run.grant is not None or not is_behind(self.facts(name, run), wanted):
                continue
            if run.pinned or run.hold:
                continue
            here = {a.name for a in state.attempts if a.revision == wanted.name}
            ended = any(
                (a in here or to == wanted.name) and word in ("RolledBack", "Aborted")
                for _, a, word, to in run.history
            )
            mine = uid_of(name, run)
            told = any(
                r.uid == mine and r.outcome.outcome in ENDED_BADLY
                for a in state.attempts
                if a.name in here
                for r in a.reports
            )
            waits = any(not a.only or name in a.only for a in waiting)
            if not (ended or told or waits):
                phases = sorted(a.phase for a in unfinished)
                raise Violation(f"at rest, but {name} is behind without a reason ({phases})", [])

    # --- exploring ----------------------------------------------------------------------------------

    def explore(self) -> Found:
        """Visit every state, check every promise, and check that every state can come to rest."""
        graph = Graph(self.begin())
        goals: list[int] = []
        for number, state in graph.walk():
            label = ""
            try:
                moves = list(self.moves(state))
                if self._rests(state, moves):
                    self.check_goal(state)
                    goals.append(number)
                for label, after, luck in moves:
                    if graph.link(number, label, after, luck=luck):
                        self.check(after)
            except Violation as broken:
                raise Violation(broken.promise, [*graph.trace(number), label]) from None
            if len(graph) > self.limit:
                raise AssertionError(f"more than {self.limit} states")
        stuck = graph.stuck(goals)
        if stuck is not None:
            raise Violation("never comes to rest", graph.trace(stuck))
        return Found(len(graph), len(goals))

    def _rests(self, state: State, moves: list[Move]) -> bool:
        """Say whether nothing happens any more without luck; a frozen leader is none."""
        return all(move.luck for move in moves)


def uid_of(name: str, run: R) -> str:
    """Return the uid of a run: another one of the same name has another."""
    return f"uid-{name}-{run.life}"


def _entries_of(state: State, name: str, run: R) -> list[tuple[Attempt, Entry]]:
    mine = uid_of(name, run)
    return [(a, e) for a in state.attempts for e in a.active if e.run_uid == mine]


def _consented(attempt: Attempt, entry: Entry) -> bool:
    return any(a.plan_hash == entry.plan_hash for a in attempt.approvals)


def _ended(run: R, grant: str, attempt: Attempt, word: str) -> R:
    history = ((grant, attempt.name, word, attempt.revision), *run.history)
    return run._replace(seen="", seen_to="", waits=False, history=history)


def _returned(run: R, word: str) -> R:
    """Close the open plan; the attempt that gave the grant may be gone, its name is part of the grant's."""
    grant = run.grant or ""
    history = ((grant, grant.rpartition(".")[0], word, run.to), *run.history)
    return run._replace(
        grant=None, seen="", seen_to="", waits=False, parked=False, history=history, to="", why=""
    )


def _told(before: Attempt | None, after: Attempt) -> str:
    known = {e.id for e in before.active} if before else set()
    now = {e.id for e in after.active}
    words = [f"+{e.name}" for e in after.active if e.id not in known]
    words += [f"-{grant}" for grant in sorted(known - now)]
    return " ".join([after.phase, *(["closed"] if after.closed else []), *words])
