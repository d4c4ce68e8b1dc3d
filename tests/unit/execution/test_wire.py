"""What a run's status holds: whatever was said, the write that says it is never refused."""

from __future__ import annotations

from tests.unit.execution.life import Life

from scenario_operator.api.outcomes import Outcome
from scenario_operator.execution import wire
from scenario_operator.execution.close import answer
from scenario_operator.execution.decide import Record
from scenario_operator.execution.view import Grant


def test_an_answer_that_says_very_much_fits_the_schema() -> None:
    """Given a plan that is blocked for a very long reason, when the grant is returned, then it can be written."""
    view = Life.unborn().view()
    stored = answer(view, Grant("s-1.1", "s-1", "h", "v2"), Outcome.PLAN_CHANGED, "Disputed", "format " * 600)
    [entry] = wire.dump(Record(stored, None), "r")["history"]
    assert len(entry["message"]) <= 1024
