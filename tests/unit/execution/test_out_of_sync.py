"""Claims that are gone, foreign or being deleted: nothing starts empty, and no stop is their end."""

from __future__ import annotations

import pytest
from tests.sim.model import C
from tests.sim.setups import FORWARD, FRESH, KEEP_SAME
from tests.unit.execution.life import Life, at, ends_with_a_command, granted, told

from scenario_operator.api.reasons import Reason
from scenario_operator.execution.decide import decide
from scenario_operator.execution.situation import Standing


@pytest.mark.parametrize("trouble", ["gone", "foreign"])
def test_a_live_claim_that_is_gone_or_foreign_is_out_of_sync_and_never_an_empty_start(trouble: str) -> None:
    life = Life.on_v1(KEEP_SAME, wanted="v1").put("pods", 1, None).put("workloads", 1, None)
    view = life.view()
    (claim,) = view.world.claims
    claims = () if trouble == "gone" else (claim._replace(ours=False),)
    found = decide(view._replace(world=view.world._replace(claims=claims)))
    assert told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert (found.effects, found.record.journal) == ((), None)


def test_a_first_start_never_adopts_a_claim_of_somebody_else() -> None:
    life = Life.unborn().put("claims", 1, C(("1",), ("1",)))
    view = life.view()
    (claim,) = view.world.claims
    found = decide(view._replace(world=view.world._replace(claims=(claim._replace(ours=False),))))
    assert told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert found.effects == ()


def test_a_claim_that_vanishes_during_a_plan_holds_the_start() -> None:
    life = Life.on_v1(KEEP_SAME).run(at("stop")).put("claims", 1, None).run()
    assert told(life.look(), Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
    assert "CreateClaim" not in life.names


@pytest.mark.parametrize("asked", ["an upgrade", "a stop", "a restart"])
def test_no_stop_is_the_end_of_a_claim_that_somebody_deleted(asked: str) -> None:
    """Given a claim that only its pod still keeps, when a plan would stop the pod, then it waits for a person."""
    life = Life.on_v1(KEEP_SAME, wanted="v2" if asked == "an upgrade" else "v1")
    life.put("claims", 1, C(("1",), ("1",), deleting=True))
    resting = life.look()
    assert "somebody deleted the state claim" in told(resting, Standing.BLOCKED, Reason.STATE_OUT_OF_SYNC)
    life.edit(desired_running=asked != "a stop", restart_nonce="r" if asked == "a restart" else "").run()
    assert (life.effects, life.pod().phase) == ([], "ready")
    assert ends_with_a_command(told(life.look(), Standing.STALLED, Reason.STATE_OUT_OF_SYNC))


@pytest.mark.parametrize("keeps", [True, False])
def test_no_stop_is_the_end_of_results_that_somebody_deleted(*, keeps: bool) -> None:
    """Given a results claim that only the pod still keeps, when any plan would stop the pod, then it waits."""
    life = Life.on_v1(KEEP_SAME) if keeps else Life.on_v1(FRESH, FORWARD)
    view = life.run(granted).view()
    found = decide(view._replace(world=view.world._replace(results="deleting")))
    assert found.effects == ()
    assert ends_with_a_command(told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC))
    assert "somebody deleted the results claim" in found.situation.message


def test_a_plan_that_gives_up_the_state_does_not_wait_for_a_claim_that_somebody_deleted() -> None:
    life = Life.on_v1(FRESH, FORWARD).put("claims", 1, C(("1",), ("1",), deleting=True)).run()
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.live) == ("2.0.0", 2)


def doomed(life: Life) -> Life:
    """Let somebody delete the state claim; a pod that uses it keeps it."""
    return life.put("claims", 1, C(("1",), ("1",), deleting=True))


def test_a_claim_that_is_being_deleted_under_a_working_pod_is_told_with_what_saves_it() -> None:
    """Given a run at rest, when its claim is being deleted, then it asks for its volume to be kept."""
    found = doomed(Life.unborn().run()).look()

    attention = told(found, Standing.BLOCKED, Reason.STATE_OUT_OF_SYNC)
    volume = "kubectl -n ns get pvc state-r-1-0 -o jsonpath={.spec.volumeName}"
    patch = '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'
    command = f"{volume} | xargs kubectl patch pv --field-manager=scenario-cli --type=merge -p '{patch}'"
    assert attention.endswith(f"keep its volume: {command}")
    assert found.effects == ()


def test_nothing_starts_on_a_claim_that_is_being_deleted() -> None:
    """Given a stopped run, when its claim is being deleted, then a start waits for a person, and creates nothing."""
    life = Life.unborn().run().edit(desired_running=False).run()
    doomed(life).edit(desired_running=True)
    found = life.look()

    assert found.effects == ()
    told(found, Standing.STALLED, Reason.STATE_OUT_OF_SYNC)
