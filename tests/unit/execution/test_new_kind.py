"""A kind of step costs one row of natures and one module: the executor carries it through without knowing it."""

from __future__ import annotations

from enum import StrEnum

import pytest
from tests.sim.setups import KEEP_SAME
from tests.unit.execution.life import Life, at

from scenario_operator.api.journal import Kind
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import decide, direction, route
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps import VOCABULARY
from scenario_operator.execution.steps.step import Check, Done, Row, Todo
from scenario_operator.execution.view import View
from scenario_operator.planning import steps
from scenario_operator.planning.steps import NATURES, Nature, Step, covering


class MadeUp(StrEnum):
    """A kind that no release has."""

    ANNOUNCE = "Announce"


class Announce(Row):
    """Wait until the run's pod is told to end, as if somebody had to hear of it."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        heard = journal.begun_at(step.id) is not None
        return Done({f"heard:{step.id}": True}) if heard else Todo("somebody to hear of it")

    def undo(self, journal: Journal, step: Step) -> tuple[Step, ...]:
        return (step._replace(id="back-announce"),)


def with_announcement(life: Life) -> Life:
    """Put the made-up step before the first one of the open plan."""
    announce = Step("announce", MadeUp.ANNOUNCE)  # type: ignore[arg-type]
    journal = life.journal
    first, *others = journal.steps
    planned = (announce, first._replace(needs=("announce",)), *others)
    record = life.state.record._replace(journal=journal._replace(steps=planned, begun=()))
    life.state = life.state._replace(record=record)
    return life


@pytest.fixture
def announcing(monkeypatch: pytest.MonkeyPatch) -> Life:
    natures = {**NATURES, MadeUp.ANNOUNCE: Nature(Reason.PREFLIGHT, "preflight", Reason.HOOK_TIMEOUT)}
    monkeypatch.setattr(steps, "NATURES", natures)
    for module in (decide, direction, route):
        monkeypatch.setattr(module, "VOCABULARY", {**VOCABULARY, MadeUp.ANNOUNCE: Announce()})
    return with_announcement(Life.on_v1(KEEP_SAME).run(lambda life: life.state.record.journal is not None))


def test_a_made_up_kind_is_carried_through_a_plan(announcing: Life) -> None:
    """Given a kind with a row and a nature, when its plan is carried out, then it begins, ends and leaves its fact."""
    assert announcing.look().situation.reason == Reason.PREFLIGHT.value
    assert announcing.run(at("start")).journal.fact("heard:announce") is True
    assert announcing.run().stored.history[0].outcome == "Upgraded"


def test_a_made_up_kind_is_undone_by_its_own_row(announcing: Life) -> None:
    """Given a plan with a made-up kind, when it is aborted, then the way back has what its row says."""
    life = announcing.run(at("start")).attempt(abort=True)
    life.work()
    assert [s.id for s in life.journal.path] == ["back-stop", "back-start", "back-announce"]
    assert life.run().stored.history[0].outcome == "Aborted"


@pytest.mark.parametrize("kind", Kind)
def test_a_table_that_forgets_a_kind_is_refused_at_import(kind: Kind) -> None:
    """Given a table by kind, when one has no row, then making it fails and names the kind."""
    with pytest.raises(LookupError, match=kind.value):
        covering("NATURES", {k: v for k, v in NATURES.items() if k is not kind})
