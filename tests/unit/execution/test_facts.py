"""Facts of a journal that somebody has edited: what cannot be read is refused when the status is, not in a pass."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.sim.setups import FORWARD, FRESH
from tests.unit.execution.life import Life

from scenario_operator.execution import facts
from scenario_operator.execution.journal import Journal
from scenario_operator.planning.windows import Window

STOP = {"incarnation": 1, "clean": True, "reported": False}
WHOLE = {**STOP, "processed_until": None, "state_version": None, "finished_at": None}


def journal_with(name: str, known: Any) -> Journal:
    """Return an open plan with this one fact."""
    journal = Life.on_v1(FRESH, FORWARD).run(lambda one: one.view().journal is not None).view().journal
    assert journal is not None
    return journal._replace(facts=((name, json.dumps(known)),))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("window", {"startFrom": None}),
        ("window", {**Window()._asdict(), "mode": "At"}),
        ("stop:stop", STOP),
        ("stop:stop", {**WHOLE, "more": 1}),
        ("stop:stop", {**STOP, "processedUntil": None, "stateVersion": None, "finishedAt": None}),
    ],
    ids=str,
)
def test_a_fact_in_other_words_than_ours_is_refused(name: str, known: dict[str, Any]) -> None:
    """Given a fact that its schema admits, when it does not have our fields, then the message names the fact."""
    with pytest.raises(ValueError, match=f"^fact {name}: "):
        facts.prove(journal_with(name, known))


@pytest.mark.parametrize(
    ("name", "known"), [("window", Window()._asdict()), ("window", {}), ("stop:stop", WHOLE)], ids=str
)
def test_a_fact_of_ours_is_proven(name: str, known: dict[str, Any]) -> None:
    facts.prove(journal_with(name, known))
