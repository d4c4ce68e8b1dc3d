"""What a closed plan leaves on record."""

from __future__ import annotations

from tests.sim.setups import FORWARD, FRESH
from tests.unit.execution.life import Life, at

from scenario_operator.api import run as api
from scenario_operator.api.common import MOST_COUNTED
from scenario_operator.api.journal import Kind
from scenario_operator.execution.close import loss_of
from scenario_operator.execution.facts import answered
from scenario_operator.execution.wire import dump_loss
from scenario_operator.planning.steps import Args, Step
from scenario_operator.planning.stored import DELETED, INCARNATIONS, LIVE, REVERTED, Incarnation, Stored


def test_the_live_incarnation_is_never_forgotten_however_many_upgrades_failed_since() -> None:
    """Given a run whose upgrades failed a hundred times, when records are trimmed, then live and newest stay."""
    live = Incarnation(1, "1.0.0", "r1", LIVE)
    failed = tuple(Incarnation(n, "2.0.0", "r2", DELETED, REVERTED) for n in range(2, 102))

    kept = Stored(incarnations=(live, *failed)).remembered()

    assert len(kept) == INCARNATIONS
    assert kept[0] == live
    assert kept[-1].number == 101


def test_records_fit_the_schema_also_when_every_incarnation_left_its_results() -> None:
    """Given a run that was continued a hundred times, when records are trimmed, then the status stays writable."""
    kept = tuple(Incarnation(n, "1.0.0", "r1", DELETED) for n in range(1, 101))
    live = Incarnation(101, "2.0.0", "r2", LIVE)

    remembered = Stored(incarnations=(*kept, live)).remembered()

    assert len(remembered) == INCARNATIONS
    assert remembered[-1] == live


def test_what_hooks_count_never_overflows() -> None:
    """Given two hooks that each took back all that can be counted, and one that answers nonsense, then it is said."""
    life = Life.on_v1(FRESH, FORWARD).run(at("delete-live"))
    steps = [Step(f"revert-{n}", Kind.REVERT_RESULTS, Args(n, committed=True)) for n in range(3)]
    full = ("reverted", MOST_COUNTED)
    told = {
        **answered(steps[0], "", [full]),
        **answered(steps[1], "", [full, ("kept", 1)]),
        **answered(steps[2], "", (), ["kept"]),
    }
    journal = life.journal._replace(steps=tuple(steps)).learn(told)

    loss = loss_of(life.view(), journal)

    assert (loss.results_reverted, loss.results_kept) == (MOST_COUNTED, 1)
    assert "reverted: counted up to 1000000000000000, the hooks answered 2000000000000000" in loss.notes
    odd = "the revert hook answered kept, but not as whole numbers from 0 to 1000000000000000: not counted"
    assert odd in loss.notes
    api.Loss.model_validate(dump_loss(loss))
