"""A pod of somebody else on the claim, and a claim that something keeps: said by name, before anything is stopped."""

from __future__ import annotations

import pytest
from tests.sim import setups
from tests.sim.model import C
from tests.sim.setups import FRESH, KEEP_SAME
from tests.unit.execution.life import Life, at, closed

from scenario_operator.api.conditions import PATIENCE_SECONDS
from scenario_operator.execution.decide import Decision, decide
from scenario_operator.execution.effects import PutToSleep, WakeWorkload
from scenario_operator.execution.situation import Standing
from scenario_operator.execution.view import Handle, Pod, View

MOVER = Pod(Handle("mover", "1"), 1, "", foreign=True, name="nightly-backup")


class Watched(Life):
    """A run on whose claim somebody's pod is, as long as `mover` says so."""

    mover: Pod | None = None

    def view(self, *, late: bool = False) -> View:
        view = super().view(late=late)
        if self.mover is None:
            return view
        return view._replace(world=view.world._replace(pods=(*view.world.pods, self.mover)))


def with_mover(**mover: object) -> Watched:
    life = Watched.on_v1(KEEP_SAME)
    assert isinstance(life, Watched)
    life.mover = MOVER._replace(**mover)  # type: ignore[arg-type]
    return life


def passes(life: Life, seconds: float) -> Decision:
    """Let time pass and make one pass, which is written."""
    life.now += seconds
    decision = life.look()
    life.act(decision)
    return decision


def test_the_working_version_is_not_stopped_beside_a_pod_of_somebody_else_and_that_is_said_at_once() -> None:
    """Given a backup on the claim, when v2 is granted, then v1 goes on working and the pod is named."""
    life = with_mover()
    life.run(lambda one: one.state.record.journal is not None)
    decision = passes(life, 1)
    assert "pod nightly-backup to go" in decision.situation.message
    assert (decision.effects, life.journal.begun, life.workload().replicas) == ((), (), 1)

    life.mover = None
    life.run(closed)
    assert life.stored.history[0].outcome == "Upgraded"


def test_after_ten_minutes_a_person_is_asked_and_the_slot_given_back() -> None:
    life = with_mover()
    life.run(lambda one: one.state.record.journal is not None)
    passes(life, 1)
    situation = passes(life, PATIENCE_SECONDS).situation
    assert (situation.standing, situation.reason) == (Standing.STALLED, "ClaimInUse")
    assert "kubectl -n ns describe pod nightly-backup" in situation.attention
    assert life.workload().replicas == 1

    life.attempt(abort=True)
    life.run(closed)
    assert life.stored.history[0].outcome == "Aborted"
    assert not any(isinstance(e, PutToSleep) for e in life.effects)


def test_a_run_that_is_to_stop_is_stopped_whoever_looks_on() -> None:
    life = Watched.on_v1(KEEP_SAME)
    life.run()
    assert isinstance(life, Watched)
    life.mover = MOVER
    life.edit(desired_running=False)
    life.run(lambda one: not one.workload().replicas)
    assert not life.workload().replicas


def test_a_second_pod_that_somebody_scaled_up_does_not_keep_a_stop_from_beginning() -> None:
    """Given a second pod of the run's own workload, then the stop is what ends it."""
    life = with_mover(kin=True, name="r-1-1")
    life.run(at("stop"))
    assert any(isinstance(e, PutToSleep) for e in life.effects)


def test_a_way_back_that_waits_for_a_pod_of_somebody_else_names_it() -> None:
    """Given a pod that came after the stop, when the plan was aborted, then the wait is told with the pod's name."""
    life = Watched.on_v1(KEEP_SAME)
    life.run(at("stop")).run(lambda one: not one.state.cluster.pods)
    assert isinstance(life, Watched)
    life.mover = MOVER
    life.attempt(abort=True)
    passes(life, 1)
    passes(life, 1)
    situation = passes(life, PATIENCE_SECONDS).situation
    assert situation.reason == "RollbackFailed"
    assert "pod nightly-backup" in situation.attention
    assert situation.degraded
    assert not any(isinstance(e, WakeWorkload) for e in decide(life.view()).effects)


@pytest.mark.parametrize("kept_by", [("snapshot.example.com/source-protection",), ()])
def test_a_claim_that_a_finalizer_keeps_is_named_after_ten_minutes(kept_by: tuple[str, ...]) -> None:
    """Given a claim of DeleteState that does not go, then it and what keeps it are told, with the next command."""
    life = Life.on_v1(FRESH, setups.STRATEGY._replace(type="ForwardOnly"))
    life.run(at("delete-state") if _has_step(life, "delete-state") else _deleting)
    assert isinstance(dict(life.state.cluster.claims)[1], C)
    view = life.view()
    claims = tuple(c._replace(deleting=True, doomed_at=life.now, kept_by=kept_by) for c in view.world.claims)
    view = view._replace(world=view.world._replace(claims=claims, pods=(), workloads=(), jobs=()))
    # That a deleted claim takes a moment to go is what the plan brings with it: no write says so.
    at_once = decide(view._replace(now=life.now + 1))
    assert "waiting for" not in at_once.situation.message
    early = decide(view._replace(now=life.now + 30)).situation
    late = decide(view._replace(now=life.now + PATIENCE_SECONDS + 1)).situation
    assert "claim state-r-1-0 to go" in early.message
    assert not early.attention
    assert late.reason == "PastPointOfNoReturn"
    assert late.degraded
    assert "kubectl -n ns describe pvc state-r-1-0" in late.attention
    assert all(word in late.attention for word in kept_by)


def _has_step(life: Life, step: str) -> bool:
    life.run(lambda one: one.state.record.journal is not None)
    return any(s.id == step for s in life.journal.steps)


def _deleting(life: Life) -> bool:
    ready = life.journal.ready() if life.state.record.journal else ()
    return any(s.kind.value == "DeleteState" for s in ready)
