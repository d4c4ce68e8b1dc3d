"""A kind of step costs one row of natures and one module: the executor carries it through without knowing it."""

from __future__ import annotations

from enum import StrEnum

import pytest
from tests.sim.setups import KEEP_SAME
from tests.unit.execution.life import Life, at

from scenario_operator.api.journal import Heading, Kind
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import decide, direction, route
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps import VOCABULARY
from scenario_operator.execution.steps.step import Check, Done, Failed, Row, Todo
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


class Errand(Row):
    """Run until somebody says how it ended: by its id in what the test has noted."""

    def __init__(self, noted: dict[str, str]) -> None:
        self.noted = noted

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        word = self.noted.get(step.id, "")
        if word == "fails":
            return Failed(Reason.STATE_NOT_ACCEPTED, f"{step.id} cannot be done")
        return Done() if word == "done" else Todo(f"{step.id} to be done")


@pytest.fixture
def errands(monkeypatch: pytest.MonkeyPatch) -> tuple[Life, dict[str, str]]:
    """Return a run whose plan begins with two errands that need nothing of each other, and what is noted of them."""
    noted: dict[str, str] = {}
    monkeypatch.setattr(steps, "NATURES", {**NATURES, MadeUp.ANNOUNCE: Nature(Reason.PREFLIGHT)})
    for module in (decide, direction, route):
        monkeypatch.setattr(module, "VOCABULARY", {**VOCABULARY, MadeUp.ANNOUNCE: Errand(noted)})
    life = Life.on_v1(KEEP_SAME).run(lambda life: life.state.record.journal is not None)
    one, other = (Step(name, MadeUp.ANNOUNCE) for name in ("one", "other"))  # type: ignore[arg-type]
    first, *others = life.journal.steps
    planned = (one, other, first._replace(needs=("one", "other")), *others)
    record = life.state.record._replace(journal=life.journal._replace(steps=planned, begun=()))
    life.state = life.state._replace(record=record)
    return life, noted


def test_steps_that_need_nothing_of_each_other_begin_in_one_write(
    errands: tuple[Life, dict[str, str]],
) -> None:
    """Given two ready steps, when a pass is made, then both begin in one write, and what needs both waits for both."""
    life, noted = errands
    written = life.writes
    life.work()
    assert life.writes == written + 1
    assert [b.id for b in life.journal.begun] == ["one", "other"]
    noted["one"] = "done"
    life.work()
    assert [s.id for s in life.journal.ready()] == ["one", "other"], "done marks alone are not worth a write"
    noted["other"] = "done"
    life.work()
    assert [s.id for s in life.journal.ready()] == ["stop"]
    assert life.run().stored.history[0].outcome == "Upgraded"


def test_a_step_that_fails_does_not_stop_its_neighbour_and_the_plan_turns_when_both_have_ended(
    errands: tuple[Life, dict[str, str]],
) -> None:
    """Given two steps under way, when one fails for good, then the other may end before the plan goes back."""
    life, noted = errands
    life.work()
    noted["one"] = "fails"
    life.work()
    assert life.journal.heading is Heading.FORWARD
    assert life.look().situation.message.endswith("one cannot be done")
    noted["other"] = "done"
    life.work()
    assert life.state.record.journal is None
    assert (life.stored.history[0].outcome, life.stored.history[0].message) == (
        "RolledBack",
        "one cannot be done",
    )


def test_nothing_begins_beside_a_step_that_has_failed_for_good(errands: tuple[Life, dict[str, str]]) -> None:
    """Given a step that failed before its neighbour began, when a pass is made, then the plan turns at once."""
    life, noted = errands
    noted["one"] = "fails"
    life.work()
    assert not any(
        b.id == "other" for b in (life.state.record.journal.begun if life.state.record.journal else ())
    )
    assert life.run().stored.history[0].outcome == "RolledBack"


@pytest.mark.parametrize("kind", Kind)
def test_a_table_that_forgets_a_kind_is_refused_at_import(kind: Kind) -> None:
    """Given a table by kind, when one has no row, then making it fails and names the kind."""
    with pytest.raises(LookupError, match=kind.value):
        covering("NATURES", {k: v for k, v in NATURES.items() if k is not kind})
