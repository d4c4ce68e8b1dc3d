"""A step that failed waits or is tried again, and a retry nonce gives it its time and attempts back."""

from __future__ import annotations

import re

from tests.sim.setups import BROKEN, FORWARD, FRESH, KEEP_SAME
from tests.unit.execution.life import HOLD, Life, at, ends_with_a_command, heal, told

from scenario_operator.api.journal import Heading
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import effects as fx
from scenario_operator.execution.situation import Standing
from scenario_operator.execution.status import render


def test_a_retry_after_a_late_abort_is_not_aborted_again() -> None:
    """An abort is handled once; the attempt still carries it, and the person has moved on."""
    life = Life.on_v1(FRESH, FORWARD, broken=BROKEN).run(at("start")).attempt(abort=True).run()
    life.edit(retry_nonce="go on").work()
    life.work()
    assert not life.journal.gave_up


def test_on_failure_hold_waits_and_its_text_ends_with_the_commands() -> None:
    life = Life.on_v1(KEEP_SAME, HOLD, broken=BROKEN).run().wait(1000)
    text = told(life.look(), Standing.STALLED, Reason.START_TIMEOUT)
    assert ends_with_a_command(text)
    assert "retryNonce" in text
    assert "supg attempt" in text
    writes = life.run().writes
    life.wait(10_000).run()
    assert (life.writes, life.journal.heading) == (writes, Heading.FORWARD)


def test_however_much_a_hook_says_the_message_ends_with_the_commands() -> None:
    """Given the longest names there can be, when a step waits that said too much, then both commands are whole."""
    life = Life.on_v1(KEEP_SAME, HOLD, broken=BROKEN).run().wait(1000)
    life.edit(namespace="n" * 63, name="r" * 40)
    view, decision = life.view(), life.look()
    onward = decision.situation.attention.partition("; retry: ")[2]
    assert f"patch supg {life.journal.attempt} " in onward
    longest = onward.replace(f"supg {life.journal.attempt} ", f"supg {'s' * 52} ")
    told = decision.situation._replace(attention=f"{'what the hook said ' * 200}; retry: {longest}")

    written = render(view, decision._replace(situation=told), {})

    (message,) = [c["message"] for c in written["conditions"] if c["type"] == "ActionRequired"]
    assert message.endswith(f"; retry: {longest}")


def test_a_retry_nonce_gives_a_waiting_step_its_time_again() -> None:
    life = Life.on_v1(KEEP_SAME, HOLD, broken=BROKEN).run().wait(1000).run()
    heal(life).edit(retry_nonce="r1").work()
    assert life.stored.handled.retry == "r1"
    assert life.journal.begun_at("start") == life.now
    assert life.run().stored.history[0].outcome == "Upgraded"


def test_a_failing_hook_is_tried_again_under_a_new_name_and_counted_once() -> None:
    life = Life.on_v1(FRESH, FORWARD).fail_job()
    life.work()
    life.work()
    assert [(a.step, a.failures) for a in life.journal.tries] == [("revert-live", 1)]
    life.run()
    names = [e.name for e in life.effects if isinstance(e, fx.CreateJob)]
    assert len(names) == len(set(names)) == 2
    assert life.stored.history[0].outcome == "Recomputed"


def test_a_retry_nonce_resets_the_attempts() -> None:
    life = Life.on_v1(FRESH, FORWARD).fail_job().fail_job()
    life.work()
    assert [a.failures for a in life.journal.tries] == [2]
    attention = told(life.look(), Standing.PAST_RETURN, Reason.PAST_POINT_OF_NO_RETURN)
    assert ends_with_a_command(attention)
    assert re.search(f"patch supg {life.journal.attempt} .*skipRevert.* or retry: ", attention)
    life.edit(retry_nonce="r1").work()
    assert not any(a.failures for a in life.journal.tries)
    assert life.stored.handled.retry == "r1"
