"""What the API server or a controller refuses is told as long as it is wanted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.sim.setups import FORWARD, FRESH, KEEP_SAME
from tests.unit.execution.life import Life, at, granted, told

from scenario_operator.api.foreign import Foreign
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.decide import decide
from scenario_operator.execution.situation import Standing

REFUSAL = 'create …: 403 Forbidden: pods "x" is forbidden: exceeded quota: narrow'


@pytest.mark.parametrize(
    ("life", "reason"),
    [
        (lambda: Life.on_v1(KEEP_SAME).run(granted), Reason.REFUSED),
        (lambda: Life.on_v1(FRESH, FORWARD).run(at("start")), Reason.REFUSED),
        (lambda: Life.on_v1(FRESH, FORWARD).run(at("start")).wait(10_000), Reason.PAST_POINT_OF_NO_RETURN),
        (lambda: Life.unborn(), Reason.REFUSED),
    ],
    ids=["stop", "start", "late", "first start"],
)
def test_what_the_server_refuses_is_told_wherever_the_run_stands(
    life: Callable[[], Life], reason: Reason
) -> None:
    """Given effects that are refused, when the run is looked at, then it says so and ends with a command."""
    found = decide(life().view()._replace(refusal=Foreign(REFUSAL)))

    assert found.effects
    assert found.situation.reason == reason
    assert REFUSAL in found.situation.message
    assert REFUSAL in found.situation.degraded
    assert "kubectl -n ns describe resourcequota" in found.situation.attention


def test_a_refusal_of_what_is_not_wanted_any_more_is_not_told() -> None:
    """Given a run at rest, when an old refusal is remembered, then it says nothing of it."""
    life = Life.unborn().run()

    assert decide(life.view()._replace(refusal=Foreign(REFUSAL))).situation.reason == Reason.UP_TO_DATE


def test_a_pod_that_controllers_cannot_make_is_told_though_we_have_nothing_to_do() -> None:
    """Given a workload without its pod, when its controller says why, then the run says so and is tried no further."""
    life = Life.unborn().run(lambda one: "WakeWorkload" in one.names)
    view = life.view()
    view = view._replace(world=view.world._replace(pods=(), refused=Foreign(REFUSAL)))
    found = decide(view)

    assert found.effects == ()
    assert "describe resourcequota" in told(found, Standing.STALLED, Reason.REFUSED)
