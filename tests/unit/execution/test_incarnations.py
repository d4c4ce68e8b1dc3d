"""So many incarnations: numbers are never used again, and a status has room for 64 records."""

from __future__ import annotations

import pytest
from tests.sim import model, people
from tests.sim.setups import CONTINUE, FORWARD, FRESH, applied_of
from tests.unit.execution.life import Life, at, granted

from scenario_operator.api.reasons import Reason
from scenario_operator.api.run import RunStatus
from scenario_operator.api.upgrade import PlanGroup
from scenario_operator.execution import wire
from scenario_operator.execution.decide import Record
from scenario_operator.execution.results import accounted
from scenario_operator.planning import stored as stored_records
from scenario_operator.planning.compile import Blocked, Case, plan_start, plan_upgrade
from scenario_operator.planning.plan import Plan, Snapshot
from scenario_operator.planning.stored import (
    DELETED,
    INCARNATIONS,
    LIVE,
    RETAINED,
    REVERTED,
    Incarnation,
    Results,
    Stored,
)
from scenario_operator.rollout.groups import group_of
from scenario_operator.rollout.wire import _dump_group

V1, V2 = FRESH["v1"], FRESH["v2"]


def kept(count: int) -> Stored:
    """Return a run on v1 of which so many incarnations keep their state: none has become Ready."""
    older = tuple(Incarnation(n, "1.0.0", "v1", RETAINED, superseded_by=n + 1) for n in range(1, count))
    return Stored(
        applied=applied_of(V1, ("1",)),
        live=count,
        incarnations=(*older, Incarnation(count, "1.0.0", "v1", LIVE)),
    )


def move_but_never_ready(life: Life) -> None:
    """Let one thing happen, of all that may but that a pod becomes Ready."""
    if life.work():
        return
    found = [*life.cluster_moves(), *people.moves(life.explorer, life.state)]
    moves = [move for move in found if not move.luck and not move.label.endswith(" ready")]
    if moves:
        life.state = moves[0].state
    else:
        life.work(late=True)


def plan(stored: Stored, strategy: Snapshot) -> Plan | Blocked:
    return plan_upgrade(Case(stored, V1, V2, strategy))


def test_a_continuation_before_the_last_one_was_ready_keeps_one_more_incarnation() -> None:
    """Given a version that learns, when the next one is published, then the state of both before it stays."""
    life = Life.on_v1(FRESH, CONTINUE)
    for wanted in ("v2", "v3"):
        life.want(wanted)
        while life.stored.applied is None or life.stored.applied.revision != wanted:
            move_but_never_ready(life)
    assert [i.state for i in life.stored.incarnations] == [RETAINED, RETAINED, LIVE]


def test_continuations_of_which_none_becomes_ready_end_with_a_reason() -> None:
    """Given 48 incarnations that keep their state, when a Continuation would make another, then it says why not."""
    assert isinstance(plan(kept(INCARNATIONS - 1), CONTINUE), Plan)
    blocked = plan(kept(INCARNATIONS), CONTINUE)
    assert isinstance(blocked, Blocked)
    assert blocked.reason is Reason.TOO_MANY_INCARNATIONS
    assert "48 incarnations keep their state until one is Ready, 1 to 48" in blocked.message
    assert "ForwardOnly" in blocked.message


def test_what_a_plan_deletes_itself_makes_room() -> None:
    """Given 48 incarnations that keep their state, then a plan that deletes them is a way out."""
    assert isinstance(plan(kept(INCARNATIONS), FORWARD), Plan)


def test_a_start_has_the_same_bound() -> None:
    """Given a run without a live incarnation, but with 48 that keep their state, then none is started beside them."""
    stored = kept(INCARNATIONS)._replace(applied=None, live=0)
    blocked = plan_start(Case(stored, None, V2, CONTINUE))
    assert isinstance(blocked, Blocked)
    assert blocked.reason is Reason.TOO_MANY_INCARNATIONS


@pytest.mark.parametrize("count", [2, 3], ids=["when it closes", "when it opens"])
def test_what_is_on_record_as_deleted_is_not_forgotten_before_it_is(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a plan that opens before the state of the oldest is deleted, then it is all the same, later."""
    monkeypatch.setattr(stored_records, "INCARNATIONS", 2)
    life = Life.on_v1(FRESH, CONTINUE).run(granted)
    gone = tuple(Incarnation(n, "1.0.0", "v1", DELETED) for n in range(1, count))
    records = (*gone, Incarnation(count, "1.0.0", "v1", LIVE))
    life.state = life.state._replace(
        record=Record(life.stored._replace(incarnations=records, live=count), None)
    )
    for kind in ("claims", "workloads", "pods"):
        life.put(kind, count, model.get(life.state.cluster, (kind, 1)))
    life.put("pods", 1, None).put("workloads", 1, None)

    life.run()

    assert life.stored.live == count + 1
    assert [number for number, _ in life.state.cluster.claims] == [count + 1]
    assert [number for number, _ in life.state.cluster.workloads] == [count + 1]


@pytest.mark.parametrize("count", [INCARNATIONS - 1, INCARNATIONS, 63])
def test_a_status_has_room_for_the_incarnation_that_a_plan_makes(count: int) -> None:
    """Given as many records as there may be, when a plan is opened, then its status can be written."""
    gone = tuple(Incarnation(n, "1.0.0", "v1", DELETED, REVERTED) for n in range(1, count))
    stored = Stored(incarnations=(*gone, Incarnation(count, "1.0.0", "v1", LIVE)), live=count)
    life = Life.on_v1(FRESH, CONTINUE)
    before = life.state.record.stored._replace(incarnations=stored.incarnations, live=count)
    life.state = life.state._replace(record=Record(before, None))

    record = life.look().record

    opened = (*record.stored.remembered(), Incarnation(record.stored.next_incarnation(), "2.0.0", "v2"))
    assert len(opened) <= INCARNATIONS + 1
    RunStatus.model_validate(wire.dump(Record(record.stored._replace(incarnations=opened), None), "r"))


def test_the_plan_of_a_crowded_run_fits() -> None:
    """Given a plan that takes back 48 incarnations, when it is shown, then what has no room is counted."""
    found = plan(kept(INCARNATIONS), FORWARD)
    assert isinstance(found, Plan)
    group = group_of(found)
    assert len(group.steps) == 64
    assert group.steps[-1] == f"and {len(found.steps) - 63} more"
    assert max(len(line) for line in (*group.steps, *group.destroys, group.point_of_no_return)) <= 128
    PlanGroup.model_validate(_dump_group(group))


def test_results_are_remembered_of_incarnations_on_record_only() -> None:
    """Given a run that was continued a hundred times, when a plan closes, then who has published fits the status."""
    records = tuple(Incarnation(n, "1.0.0", "v1", DELETED) for n in range(1, 101))
    full = Stored(incarnations=records, results=Results("c", tuple(range(1, 101))))
    trimmed = full._replace(incarnations=full.remembered())
    journal = Life.on_v1(FRESH, CONTINUE).run(at("stop")).journal

    found = accounted(journal, trimmed, never=0)

    assert found.results is not None
    assert len(found.results.incarnations) == INCARNATIONS
    RunStatus.model_validate(wire.dump(Record(found, None), "r"))
