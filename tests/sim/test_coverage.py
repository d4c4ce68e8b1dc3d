"""The explorer leaves nothing of the executor's vocabulary out, and a broken step of any kind is caught."""

from __future__ import annotations

import sys
from collections import Counter
from types import ModuleType
from typing import cast

import pytest

from scenario_operator.api.journal import Kind
from scenario_operator.execution import close
from scenario_operator.execution.steps import VOCABULARY

from .coverage import EVERY_PART, WHERE
from .mutants import MUTANTS, Mutant
from .setups import QUICK


def test_every_kind_of_step_and_of_effect_is_to_occur_in_one_quick_exploration() -> None:
    """Given all kinds, then each is expected of one quick exploration; that it occurs is tried where that is made."""
    expected = Counter(part for parts in WHERE.values() for part in parts)
    assert dict(expected) == dict.fromkeys(EVERY_PART, 1)
    assert WHERE.keys() <= {setup.name for setup in QUICK}


class Noting:
    """What a mutant is given instead of a MonkeyPatch: it replaces nothing, and notes in which modules it would."""

    def __init__(self) -> None:
        self.modules: set[str] = set()

    def setattr(self, target: ModuleType | type, name: str, value: object) -> None:
        assert hasattr(target, name), f"{target} has no {name} that could be replaced"
        self.modules.add(target.__name__ if isinstance(target, ModuleType) else target.__module__)


BREAKING = [mutant for mutant in MUTANTS if mutant.kind is not None]


@pytest.mark.parametrize("kind", VOCABULARY)
def test_every_kind_of_step_has_a_mutant_that_does_not_do_what_it_promises(kind: Kind) -> None:
    """Given a kind of step, then some mutant breaks it, and says which promise has to fall."""
    assert [mutant.breaks for mutant in BREAKING if mutant.kind is kind and mutant.breaks]


@pytest.mark.parametrize("mutant", BREAKING, ids=lambda mutant: mutant.name)
def test_a_mutant_of_a_kind_breaks_the_module_of_its_row(mutant: Mutant) -> None:
    """Given a mutant of a kind, then what it replaces stands in the row's module; Commit's one write is `close`."""
    assert mutant.kind is not None
    row = close if mutant.kind is Kind.COMMIT else sys.modules[type(VOCABULARY[mutant.kind]).__module__]
    noting = Noting()
    mutant.patch(cast("pytest.MonkeyPatch", noting))
    assert row.__name__ in noting.modules
