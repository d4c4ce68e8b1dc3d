"""What a closed plan leaves on record."""

from __future__ import annotations

from scenario_operator.execution.close import INCARNATIONS, _remembered
from scenario_operator.planning.stored import DELETED, LIVE, REVERTED, Incarnation


def test_the_live_incarnation_is_never_forgotten_however_many_upgrades_failed_since() -> None:
    """Given a run whose upgrades failed a hundred times, when records are trimmed, then live and newest stay."""
    live = Incarnation(1, "1.0.0", "r1", LIVE)
    failed = tuple(Incarnation(n, "2.0.0", "r2", DELETED, REVERTED) for n in range(2, 102))

    kept = _remembered((live, *failed))

    assert len(kept) == INCARNATIONS
    assert kept[0] == live
    assert kept[-1].number == 101


def test_records_fit_the_schema_also_when_every_incarnation_left_its_results() -> None:
    """Given a run that was continued a hundred times, when records are trimmed, then the status stays writable."""
    kept = tuple(Incarnation(n, "1.0.0", "r1", DELETED) for n in range(1, 101))
    live = Incarnation(101, "2.0.0", "r2", LIVE)

    remembered = _remembered((*kept, live))

    assert len(remembered) == INCARNATIONS
    assert remembered[-1] == live
