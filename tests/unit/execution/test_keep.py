"""A plan that keeps the state: what it writes, how it goes back, and what never starts on that state."""

from __future__ import annotations

from tests.sim.model import C
from tests.sim.setups import BROKEN, KEEP_FORMATS, KEEP_SAME, ONLY_COPY, STRATEGY
from tests.unit.execution.life import Life, at, closed, ends_with_a_command, started_on_v2, told

from scenario_operator.api.journal import Heading
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import effects as fx
from scenario_operator.execution.situation import Standing
from scenario_operator.planning.revision import make
from scenario_operator.planning.stored import Incarnation


def test_keep_takes_three_status_writes_and_two_effects() -> None:
    life = Life.on_v1(KEEP_SAME).run()
    assert life.names == ["PutToSleep", "WakeWorkload"]
    assert life.writes == 3
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.live) == ("2.0.0", 1)
    assert life.stored.history[0].outcome == "Upgraded"
    assert life.stored.incarnations == (Incarnation(1, "2.0.0", "v2"),)


def test_keep_returns_its_grant_with_the_write_that_closes_the_plan() -> None:
    life = Life.on_v1(KEEP_SAME).run(closed)
    outcome = life.stored.history[0]
    assert (outcome.grant_id, outcome.attempt) == ("g0-v2", "attempt")
    assert (outcome.from_version, outcome.to_version) == ("1.0.0", "2.0.0")


def test_a_keep_that_never_starts_ends_exactly_as_before() -> None:
    life = Life.on_v1(KEEP_SAME, broken=BROKEN)
    before = life.stored
    life.run().wait(1000).run()
    assert life.stored._replace(history=(), plans=before.plans, refused="") == before
    assert life.stored.history[0].outcome == "RolledBack"
    assert life.stored.history[0].reason == Reason.START_TIMEOUT
    assert life.pod().template.revision == "v1"
    assert ends_with_a_command(told(life.look(), Standing.ROLLED_BACK, Reason.ROLLED_BACK))


def test_formats_are_stamped_before_the_start_and_narrowed_by_the_next_report() -> None:
    life = Life.on_v1(KEEP_FORMATS).run()
    assert life.names == ["PutToSleep", "StampClaim", "WakeWorkload"]
    first = life.stored.applied
    assert first is not None
    assert first.formats == ("1", "2")
    life.want("v3").run()
    stamps = [e.formats for e in life.effects if isinstance(e, fx.StampClaim)]
    assert stamps == [("1", "2"), ("2",)]
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.applied.formats) == ("3.0.0", ("2",))


def test_the_start_on_an_only_copy_is_never_undone_and_a_newer_version_takes_over() -> None:
    life = Life.on_v1(ONLY_COPY, broken=BROKEN).run().wait(1000).run()
    assert told(life.look(), Standing.PAST_RETURN, Reason.PAST_POINT_OF_NO_RETURN)
    assert life.journal.heading is Heading.FORWARD
    life.want("v3").run()
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.live) == ("3.0.0", 1)
    assert not any(isinstance(e, fx.DeleteClaim) for e in life.effects)


def test_a_revision_that_differs_in_its_label_only_is_adopted_with_one_write() -> None:
    v1 = KEEP_SAME["v1"]
    relabelled = make("v2", 2, v1.spec.model_copy(update={"version": "1.0.1"}), v1.artifact)
    life = Life.on_v1({**KEEP_SAME, "v2": relabelled}).run()
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.applied.revision) == ("1.0.1", "v2")
    assert (len(life.effects), life.writes, life.stored.plans) == (0, 1, 1)


def test_stability_is_waited_for_before_a_plan_commits() -> None:
    life = Life.on_v1(KEEP_SAME).run(started_on_v2)
    for _ in range(5):
        life.wait(5).work()
    assert life.journal.ready()
    assert life.journal.strategy.stable_seconds == STRATEGY.stable_seconds
    assert life.run().stored.history[0].outcome == "Upgraded"


def test_a_version_that_accepts_nothing_stored_never_starts_on_it() -> None:
    """The claim's stamp decides, not the label: the record was made before somebody restored another volume."""
    life = Life.on_v1(KEEP_SAME).run(at("stop")).put("claims", 1, C(("9",), ("1",)))
    while life.work() or life.state.cluster.pods:
        moves = [m for m in life.cluster_moves() if not m.luck]
        if not moves:
            break
        life.state = moves[0].state
    assert life.state.record.journal is None or life.look().effects == ()
    assert "WakeWorkload" not in life.names
