"""A StatefulSet that merely has a name of ours is somebody else's: it is read as such, and never touched."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sim.model import C
from tests.sim.setups import CALM, CONTINUE, FRESH, KEEP_SAME, RESULTS, first_start
from tests.unit.execution.life import Life, at

from scenario_operator.api import names
from scenario_operator.api.reasons import Reason
from scenario_operator.controllers.observe import Things, world_of
from scenario_operator.execution.decide import decide
from scenario_operator.execution.effects import CreateWorkload, DeleteWorkload, PutToSleep, WakeWorkload
from scenario_operator.execution.view import Run, World

RUN = Run("ns", "r", "uid", scenario="s")
MINE = {names.LABEL_RUN: "r", names.LABEL_RUN_UID: "uid", names.LABEL_COMPONENT: "workload"}


def owned_by(uid: str) -> list[dict[str, Any]]:
    return [{"uid": uid, "controller": True}]


def a_set(number: int, owner: str, uid: str = "set") -> dict[str, Any]:
    metadata = {"name": f"r-{number}", "uid": uid, "resourceVersion": "1", "ownerReferences": owned_by(owner)}
    return {"metadata": metadata, "spec": {"replicas": 3}}


def a_pod(number: int, owner: str, **labels: str) -> dict[str, Any]:
    metadata = {"name": f"r-{number}-0", "uid": "p", "resourceVersion": "1", "labels": labels}
    return {"metadata": {**metadata, "ownerReferences": owned_by(owner)}, "spec": {}, "status": {}}


def seen(*sets: dict[str, Any], pods: tuple[dict[str, Any], ...] = ()) -> World:
    return world_of(RUN, Things({}, sets, pods, (), ()), {})


def test_a_statefulset_of_somebody_else_is_no_workload_of_the_run() -> None:
    """Given a set of the run and one that only has a name of ours, when they are read, then one is a stranger."""
    found = seen(a_set(1, "uid"), a_set(2, "another"))
    assert ([n for n, _ in found.workloads], found.strangers) == ([1], (2,))


@pytest.mark.parametrize(("owner", "counts"), [("another", False), ("set", True)])
def test_a_pod_with_a_name_of_ours_counts_unless_somebody_else_controls_it(owner: str, counts: bool) -> None:
    assert bool(seen(a_set(1, "uid"), pods=(a_pod(1, owner),)).of(1)) is counts


def test_a_pod_is_known_by_its_name_when_its_incarnation_label_was_edited() -> None:
    """Given an edited label, then effects still find the pod: they address it by name."""
    pod = a_pod(1, "set", **MINE, **{names.LABEL_INCARNATION: "7"})
    assert [p.incarnation for p in seen(a_set(1, "uid"), pods=(pod,)).pods] == [1]


def test_a_second_pod_of_a_workload_that_somebody_scaled_up_is_a_stranger_on_its_state() -> None:
    labels = {**MINE, names.LABEL_INCARNATION: "1"}
    second = a_pod(1, "set", **labels)
    second["metadata"]["name"] = "r-1-1"
    found = seen(a_set(1, "uid"), pods=(a_pod(1, "set", **labels), second))
    assert [p.foreign for p in found.of(1)] == [False, True]


def test_a_workload_that_somebody_scaled_up_goes_back_to_one_pod() -> None:
    """Given replicas 2 at rest or in a plan, then two pods would work on one state: it is scaled to 1."""
    rest = Life.on_v1(KEEP_SAME).run()
    busy = Life.on_v1(KEEP_SAME).run(at("start"))
    for life in (rest, busy):
        life.put("workloads", 1, life.workload()._replace(replicas=2))
        assert [type(e) for e in life.look().effects] == [WakeWorkload]
        life.run()
        assert (life.workload().replicas, life.look().effects) == (1, ())


TOUCHES = (PutToSleep, WakeWorkload, DeleteWorkload, CreateWorkload)


def touched(life: Life, number: int) -> list[object]:
    """Return what a pass would do to a StatefulSet under a name that a stranger has taken."""
    view = life.view()
    made = decide(view._replace(world=view.world._replace(strangers=(number,))))
    return [e for e in made.effects if isinstance(e, TOUCHES) and e.incarnation == number]


def test_a_stranger_with_the_next_number_is_not_scaled_down_at_rest() -> None:
    life = Life.on_v1(KEEP_SAME).run()
    assert touched(life, 2) == []


def test_a_start_under_a_taken_name_leaves_the_stranger_alone_and_says_so() -> None:
    """Given a stranger r-2, when a Continuation would make it, then it waits with that reason."""
    life = Life.on_v1(FRESH, CONTINUE).run(at("stop")).run(lambda one: not one.state.cluster.pods)
    view = life.wait(60).view()
    taken = view._replace(world=view.world._replace(strangers=(2,)))
    for _ in range(3):
        made = decide(taken)
        taken = taken._replace(stored=made.record.stored, journal=made.record.journal, now=taken.now + 30)
        assert [e for e in made.effects if isinstance(e, TOUCHES) and e.incarnation == 2] == []
    assert "StatefulSet r-2, which is not of this run" in made.situation.message


@pytest.mark.parametrize(("claim", "counts"), [("results-r", True), ("results-other", False)])
def test_a_pod_of_a_gone_run_that_has_no_state_counts_while_it_mounts_the_results_claim(
    claim: str, counts: bool
) -> None:
    """Given a run made again, then a pod of the one before that waits for its results claim would start on the new."""
    pod = a_pod(2, "another", **{names.LABEL_RUN: "r", names.LABEL_RUN_UID: "gone"})
    pod["spec"] = {"volumes": [{"name": "results", "persistentVolumeClaim": {"claimName": claim}}]}
    assert [(p.incarnation, p.foreign) for p in seen(pods=(pod,)).pods] == ([(2, True)] if counts else [])


@pytest.mark.parametrize(("results", "makes"), [("", False), ("ours", True)])
def test_no_results_claim_is_made_while_a_workload_of_a_gone_run_would_start_on_it(
    results: str, makes: bool
) -> None:
    """Given a run made again beside r-2 of the one before, then it waits for that, unless its results claim is made."""
    view = Life(first_start("life", CALM, revisions=RESULTS)).view()
    view = view._replace(world=view.world._replace(strangers=(2,), results=results))
    made = decide(view)
    assert bool(made.effects) is makes
    later = view._replace(stored=made.record.stored, journal=made.record.journal, now=view.now + 60)
    assert ("StatefulSet r-2, which is not of this run" in decide(later).situation.message) is not makes


def test_a_claim_of_somebody_else_is_told_although_a_statefulset_of_somebody_else_is_waited_for() -> None:
    """Given a run made again over all that the old one left, then a person is asked: nothing of it goes by itself."""
    view = Life.unborn().put("claims", 1, C(("1",), ("1",))).view()
    (claim,) = view.world.claims
    world = view.world._replace(claims=(claim._replace(ours=False),), strangers=(1,))
    made = decide(view._replace(world=world))
    assert made.situation.reason == Reason.STATE_OUT_OF_SYNC
    assert "kubectl -n ns " in made.situation.attention


@pytest.mark.parametrize(
    ("claim", "counts"), [("state-r-1", False), ("state-r-01-0", False), ("state-r-1-0", True)]
)
def test_a_pod_counts_for_the_claim_whose_very_name_we_give(claim: str, counts: bool) -> None:
    """Given somebody's StatefulSet `r` with a claim template `state`, then its replicas are none of run r's."""
    volumes = [{"name": "state", "persistentVolumeClaim": {"claimName": claim}}]
    metadata = {"name": "other", "uid": "p", "resourceVersion": "1", "labels": {}}
    pod = {"metadata": metadata, "spec": {"volumes": volumes}, "status": {"phase": "Running"}}
    assert bool(world_of(RUN, Things({}, (), (pod,), (), ()), {}).of(1)) is counts
