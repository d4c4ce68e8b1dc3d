"""A run's life without luck: the real `decide` against the model cluster of tests/sim, one move after the other.

Time passes in small steps: far enough for a pod to count as stable and for a back-off to end, never far enough
for a deadline; `wait` lets deadlines pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from tests.sim import model, operator, people, promises, world
from tests.sim.model import Call, J, P, W
from tests.sim.search import Explorer
from tests.sim.setups import KEEP_SAME, STRATEGY, begin, first_start, started
from tests.sim.states import Luck, Move, Setup

from scenario_operator.api.foreign import Foreign
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import effects as fx
from scenario_operator.execution.decide import Decision, decide
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.situation import Standing
from scenario_operator.execution.view import View
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision, make
from scenario_operator.planning.stored import Stored

NO_LUCK = Luck(late=0, evictions=0, hook_failures=0)
HOLD = STRATEGY._replace(on_failure="Hold")
REPORTED = "2026-01-01T01:00:00Z"
"""Where v1 as incarnation 1 stops in the model cluster."""
KUBECTL = "kubectl -n ns patch"


class Life:
    """One run, its cluster and the clock; `writes` and `effects` are what was accepted, `refused` what was not."""

    def __init__(self, setup: Setup, now: float = 1_000_000_000.0) -> None:
        self.explorer = Explorer(setup)
        self.state = begin(setup)
        self.now = now
        self.writes = 0
        self.effects: list[fx.Effect] = []
        self.refused: list[fx.Effect] = []
        self.watched_since = 0.0

    @classmethod
    def on_v1(cls, revisions: dict[str, Revision], strategy: Snapshot = STRATEGY, **more: object) -> Life:
        """Return a run that is settled on v1 while v2 is wanted, unless `more` says otherwise."""
        return cls(started("life", revisions, NO_LUCK, strategy=strategy, **more))

    @classmethod
    def unborn(cls, *, broken: frozenset[str] = frozenset()) -> Life:
        """Return a run that never started."""
        return cls(first_start("life", NO_LUCK, broken=broken))

    # --- looking ------------------------------------------------------------------------------------

    @property
    def stored(self) -> Stored:
        return self.state.record.stored

    @property
    def journal(self) -> Journal:
        assert self.state.record.journal is not None
        return self.state.record.journal

    @property
    def names(self) -> list[str]:
        """The kinds of all effects so far."""
        return [type(e).__name__ for e in self.effects]

    def view(self, *, late: bool = False) -> View:
        return self.explorer.view(self.state, late)._replace(now=self.now, watched_since=self.watched_since)

    def look(self, *, late: bool = False) -> Decision:
        return decide(self.view(late=late))

    # --- moving -------------------------------------------------------------------------------------

    def act(self, decision: Decision) -> bool:
        """Write the record if it differs, then carry out the effects; say whether anything was done."""
        changed = decision.record != self.state.record
        if changed:
            self.state = operator.write(self.explorer.setup, self.state, decision.record)
            self.writes += 1
        for effect in decision.effects:
            after = operator.perform(self.explorer.rules, self.state, Call(effect))
            if after is None:
                self.refused.append(effect)
                break
            self.state = after
            self.effects.append(effect)
        return changed or bool(decision.effects)

    def work(self, *, late: bool = False) -> bool:
        """One pass of the operator."""
        self.now += 30.0 if late else 0.5
        decision = self.look(late=late)
        assert decision.situation.message, "every wait has a reason"
        assert decision.wake is not None or decision.situation.standing is Standing.SETTLED, (
            "every wait has a wake"
        )
        return self.act(decision)

    def move(self) -> bool:
        """One move of whoever has one: the operator, the cluster, the rollout, and the operator after a while."""
        promises.check_state(self.explorer.setup, self.state)
        if self.work():
            return True
        for found in chain(self.cluster_moves(), people.moves(self.explorer, self.state)):
            if not found.luck:
                self.state = found.state
                return True
        return self.work(late=True)

    def cluster_moves(self) -> Iterator[Move]:
        """What the cluster may do next."""
        return world.moves(self.explorer.setup, self.explorer.rules, self.state)

    def run(self, until: Callable[[Life], bool] = lambda _: False) -> Life:
        """Let everything happen until nothing is left, or until a moment."""
        for _ in range(400):
            if until(self) or not self.move():
                return self
        raise AssertionError(f"no end: {self.look(late=True).situation}")

    def wait(self, seconds: float) -> Life:
        """Let time pass in which nothing happens."""
        self.now += seconds
        return self

    # --- what others do -----------------------------------------------------------------------------

    def edit(self, **fields: Any) -> Life:
        """Change the run's spec; a hold's reason is what a person wrote."""
        if "hold" in fields:
            fields["hold"] = Foreign(fields["hold"])
        self.state = self.state._replace(run=self.state.run._replace(**fields))
        return self

    def want(self, name: str) -> Life:
        """Publish a newer revision."""
        self.state = self.state._replace(wanted=name)
        return self

    def attempt(self, **fields: Any) -> Life:
        """Change the attempt that granted the plan."""
        grants = tuple(g._replace(**fields) for g in self.state.grants)
        self.state = self.state._replace(grants=grants)
        return self

    def put(self, kind: str, name: object, value: object | None) -> Life:
        """Replace an object of the cluster."""
        self.state = self.state._replace(cluster=model.put(self.state.cluster, (kind, name), value))
        return self

    def pod(self, number: int = 1) -> P:
        found = model.get(self.state.cluster, ("pods", number))
        assert isinstance(found, P)
        return found

    def workload(self, number: int = 1) -> W:
        found = model.get(self.state.cluster, ("workloads", number))
        assert isinstance(found, W)
        return found

    def job(self, state: str) -> tuple[str, J] | None:
        """Return the first Job in a state."""
        return next(((n, j) for n, j in self.state.cluster.jobs if j.state == state), None)

    def fail_job(self) -> Life:
        """Let the active hook fail."""
        self.run(lambda life: life.job("Active") is not None)
        found = self.job("Active")
        assert found is not None
        return self.put("jobs", found[0], found[1]._replace(state="Failed", failed=found[1].failed + 1))


def at(step: str) -> Callable[[Life], bool]:
    """Say when a step has begun."""
    return lambda life: life.state.record.journal is not None and life.journal.begun_at(step) is not None


def closed(life: Life) -> bool:
    """Say when there is no open plan any more and one has been closed."""
    return life.state.record.journal is None and bool(life.stored.history)


def granted(life: Life) -> bool:
    """Say when an attempt has granted a plan."""
    return bool(life.state.grants)


def started_on_v2(life: Life) -> bool:
    """Say when a pod of v2 is ready."""
    return any(p.template.revision == "v2" and p.phase == "ready" for _, p in life.state.cluster.pods)


def pods_of(life: Life) -> set[int]:
    """Return the incarnations that have a pod."""
    return {n for n, _ in life.state.cluster.pods}


def heal(life: Life) -> Life:
    """Let every version start from now on."""
    life.explorer = Explorer(dataclasses.replace(life.explorer.setup, broken=frozenset()))
    return life


def with_parameter(default: str) -> dict[str, Revision]:
    """Return the revisions of which v1 has a parameter, city, with this default."""
    spec = KEEP_SAME["v1"].spec.model_dump(by_alias=True)
    found = type(KEEP_SAME["v1"].spec).model_validate(
        {**spec, "parameters": [{"name": "city", "default": default}]}
    )
    v1 = make("v1", 1, found, KEEP_SAME["v1"].artifact)
    return {**KEEP_SAME, "v1": v1}


def told(decision: Decision, standing: Standing, reason: Reason) -> str:
    """Return the attention text of a decision that must be about this."""
    assert (decision.situation.standing, decision.situation.reason) == (standing, reason)
    return decision.situation.attention


def ends_with_a_command(text: str) -> bool:
    """Say whether a text ends with a command that can be copied."""
    return KUBECTL in text and text.rstrip()[-1] in "'\"" and "--field-manager=scenario-cli" in text
