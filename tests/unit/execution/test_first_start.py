"""A first start: what it makes, what it waits for, and how it is taken back."""

from __future__ import annotations

import pytest
from tests.sim.model import Cluster
from tests.sim.setups import BROKEN, WINDOW
from tests.unit.execution.life import Life, ends_with_a_command, heal, told

from scenario_operator.api.journal import Heading
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import effects as fx
from scenario_operator.execution.decide import Decision, decide
from scenario_operator.execution.situation import Standing
from scenario_operator.execution.view import Gate, Handle, Pod, Template
from scenario_operator.planning.stored import DELETED, LIVE, Incarnation


def test_a_first_start_is_on_record_before_it_creates_anything_and_creates_it_asleep() -> None:
    life = Life.unborn()
    opened = life.look()
    assert opened.record.journal is not None
    assert opened.record.journal.begun_at("start") is not None
    assert opened.record.stored.incarnations == (Incarnation(1, "2.0.0", "v2", LIVE),)
    template = Template("v2", WINDOW, ())
    assert opened.effects == (fx.CreateClaim(1, ("1",), "v2"), fx.CreateWorkload(1, template))
    life.act(opened)
    assert life.workload().replicas == 0
    life.run()
    assert life.names == ["CreateClaim", "CreateWorkload", "WakeWorkload"]
    assert life.writes == 2


def test_a_run_that_started_is_settled_and_silent() -> None:
    life = Life.unborn().run()
    assert life.stored.applied is not None
    assert (life.stored.applied.version, life.stored.live, life.stored.window) == ("2.0.0", 1, WINDOW)
    assert life.stored.history == ()
    at_rest = life.look(late=True)
    assert at_rest == Decision(life.state.record, at_rest.situation, (), None)
    assert at_rest.situation.standing is Standing.SETTLED


def test_an_unknown_parameter_is_most_likely_a_misspelt_one_so_nothing_starts() -> None:
    life = Life.unborn().edit(parameters=(("treshold", "1"),))
    found = life.look()
    assert "spec.parameters.treshold" in told(found, Standing.STALLED, Reason.UNKNOWN_PARAMETER)
    assert (found.record.journal, found.effects) == (None, ())
    life.edit(parameters=()).run()
    assert life.stored.live == 1


def test_a_first_start_that_fails_waits_where_it_is_and_says_what_moves_it_on() -> None:
    life = Life.unborn(broken=BROKEN).run().wait(1000)
    assert ends_with_a_command(told(life.look(), Standing.STALLED, Reason.START_TIMEOUT))
    life.run()
    assert life.journal.heading is Heading.FORWARD
    assert life.pod().phase == "pending"


def test_a_first_start_that_is_aborted_goes_back_to_nothing_and_is_not_tried_again_unasked() -> None:
    life = Life.unborn(broken=BROKEN).run().edit(abort_nonce="stop it").run()
    assert (life.stored.applied, life.stored.live) == (None, 0)
    assert [i.state for i in life.stored.incarnations] == [DELETED]
    assert life.state.cluster == Cluster()
    assert life.stored.refused
    writes = life.writes
    told(life.wait(3600).run().look(), Standing.ROLLED_BACK, Reason.ROLLED_BACK)
    assert life.writes == writes
    heal(life).edit(retry_nonce="again").run()
    assert life.stored.live == 2


@pytest.mark.parametrize(
    ("gate", "standing"),
    [
        (
            Gate("RevisionNotFound", "no revision has version 9.0.0; see: kubectl …", attention=True),
            Standing.STALLED,
        ),
        (Gate("Suspended", "no released revision yet"), Standing.WAITING),
    ],
)
def test_a_run_that_may_not_start_on_what_is_wanted_says_why(gate: Gate, standing: Standing) -> None:
    """Given a revision that is wanted and none to start on, then a new run gives its gate as its reason."""
    view = Life.unborn().view()._replace(entry=None, gate=gate)
    assert view.wanted is not None
    found = decide(view).situation
    assert (found.standing, found.reason) == (standing, gate.reason)
    stopped = decide(view._replace(run=view.run._replace(desired_running=False))).situation
    assert stopped.standing is Standing.STOPPED


def test_a_claim_is_not_made_while_a_pod_of_somebody_else_waits_for_it() -> None:
    """Given the pending pod of a deleted run of this name, then no claim is made on which it would start."""
    life = Life.unborn()
    view = life.view()
    waiting = Pod(Handle("old", ""), 1, "", foreign=True)
    found = decide(view._replace(world=view.world._replace(pods=(waiting,))))
    assert found.effects == ()
    assert decide(view).effects[:1] == (fx.CreateClaim(1, ("1",), "v2"),)


def test_a_start_that_never_succeeds_ends_when_its_user_sets_the_run_to_stopped() -> None:
    """Given a first start that waits for a person, when the run is to be stopped, then its pod goes."""
    life = Life.unborn(broken=BROKEN).run().wait(1000).run().edit(desired_running=False).run()
    assert (life.state.record.journal, life.state.cluster) == (None, Cluster())
    assert life.look().situation.standing is Standing.STOPPED
    heal(life).edit(desired_running=True).run()
    assert life.stored.live == 2
