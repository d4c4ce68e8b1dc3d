"""What a run's status holds: whatever was said, the write that says it is never refused."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sim.setups import FORWARD, FRESH
from tests.unit.execution.life import Life, at

from scenario_operator.api.foreign import Foreign
from scenario_operator.api.outcomes import Outcome
from scenario_operator.api.reasons import Reason
from scenario_operator.api.run import RunStatus
from scenario_operator.execution import facts, wire
from scenario_operator.execution.close import answer, loss_of
from scenario_operator.execution.decide import Record
from scenario_operator.execution.direction import Stuck
from scenario_operator.execution.view import Grant
from scenario_operator.manifests.report import read_numbers, read_uncounted
from scenario_operator.planning.stored import Ended, timestamp


def test_an_answer_that_says_very_much_fits_the_schema() -> None:
    """Given a plan that is blocked for a very long reason, when the grant is returned, then it can be written."""
    view = Life.unborn().view()
    stored = answer(view, Grant("s-1.1", "s-1", "h", "v2"), Outcome.PLAN_CHANGED, "Disputed", "format " * 600)
    [entry] = wire.dump(Record(stored, None), "r")["history"]
    assert len(entry["message"]) <= 1024


ANY = st.text(max_size=4096)
TIMES = st.integers(0, 253_402_214_400).map(timestamp)


@settings(max_examples=60, deadline=None)
@given(said=ANY, numbers=st.dictionaries(ANY, st.integers() | st.floats() | ANY, max_size=40), when=TIMES)
def test_whatever_was_said_fits(said: str, numbers: dict[str, object], when: str) -> None:
    """Given hooks, pods and refusals that say anything, then every record that holds their words can be written."""
    told = json.dumps({**numbers, "reverted": 10**15})
    life = Life.on_v1(FRESH, FORWARD).run(at("revert-live"))
    step = next(s for s in life.journal.route if s.id == "revert-live")
    shown = Foreign(said).shown(1024)
    answered = facts.answered(step, shown, read_numbers(told), read_uncounted(told))
    failure = Stuck(Reason.HOOK_FAILED, said, final=True).failure(step, 1.0)
    journal = life.journal.learn(answered).fail(step, "u" * 36, 1.0, said)._replace(failure=failure)
    ended = Ended("g", "s-1", Outcome.FAILED, "HookFailed", said, "1", "2", "InPlace", "h", when, when)
    ended = ended._replace(loss=loss_of(life.view(), journal))
    stored = life.stored._replace(history=(ended,) * 5)

    status = wire.dump(Record(stored, journal), "r" * 40)

    RunStatus.model_validate(status)
    written = wire.load(status).journal
    assert written is not None
    assert (written.facts, written.tries) == (journal.facts, journal.tries)
