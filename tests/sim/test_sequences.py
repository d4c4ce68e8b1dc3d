"""Two and three plans are explored one after the other: what records say of them is what has happened."""

from __future__ import annotations

import pytest

from .broken_records import RECORD_MUTANTS
from .mutants import Mutant
from .search import Explorer
from .sequences import DEEP_SEQUENCES, QUICK_SEQUENCES
from .setups import begin
from .states import Setup, Violation

BY_NAME = {setup.name: setup for setup in (*QUICK_SEQUENCES, *DEEP_SEQUENCES)}


def _id(one: Setup | Mutant) -> str:
    return one.name.replace(" ", "-").replace(",", "")


@pytest.mark.parametrize("setup", QUICK_SEQUENCES, ids=_id)
def test_records_stay_true_over_several_plans(setup: Setup) -> None:
    """Given several plans and what goes wrong around them, then records say what has really happened."""
    assert Explorer(setup).explore(begin(setup)).goals > 0


@pytest.mark.slow
@pytest.mark.parametrize("setup", DEEP_SEQUENCES, ids=_id)
def test_records_stay_true_when_more_goes_wrong_at_once(setup: Setup) -> None:
    """Given several plans and much that goes wrong, then records say what has really happened."""
    found = Explorer(setup).explore(begin(setup))
    print(f"{setup.name}: {found.states} states, {found.goals} goals, {found.longest} moves deep")


@pytest.mark.parametrize("mutant", RECORD_MUTANTS, ids=_id)
def test_a_record_that_does_not_stay_true_is_caught(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an executor that keeps one record badly, when it is explored, then a trace shows what is not so."""
    mutant.patch(monkeypatch)
    with pytest.raises(Violation) as caught:
        mutant.explore(BY_NAME)
    assert mutant.breaks in caught.value.promise
    assert caught.value.trace
