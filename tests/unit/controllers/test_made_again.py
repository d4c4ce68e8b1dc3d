"""A Scenario that was deleted and made again: its runs remember what it does not."""

from __future__ import annotations

import re

from tests.unit.controllers.memory import Memory
from tests.unit.planning.build import revision

from scenario_operator.api.outcomes import Outcome
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import CONTROLLER_REVISION, RUN, SCENARIO, UPGRADE
from scenario_operator.controllers.scenario import ScenarioController
from scenario_operator.execution import wire
from scenario_operator.execution.close import applied_of
from scenario_operator.execution.decide import Record
from scenario_operator.manifests.revision import revision_manifest
from scenario_operator.planning.stored import Ended, Handled, Incarnation, Stored

NOW = "2026-01-01T00:00:00Z"
OLD = revision("1.0.0", name="s-r1", hooks={}, outputs=[])
NEW = revision("1.0.0", name="s-r2", hooks={}, outputs=[], workload={"env": [{"name": "A", "value": "b"}]})


def a_run_that_remembers(outcome: Outcome) -> Stored:
    """Return a run on the old revision, which once came to its end in an attempt s-1."""
    ended = Ended("s-1.1", "s-1", outcome, outcome.value, "", "0.9.0", "1.0.0", "", "", NOW, NOW)
    return Stored(
        applied=applied_of(OLD, ("1",)),
        live=1,
        incarnations=(Incarnation(1, OLD.version, OLD.name),),
        handled=Handled("", "", "", ""),
        history=(ended,),
        plans=2,
    )


async def test_no_attempt_gets_a_name_under_which_a_run_remembers_an_outcome() -> None:
    """Given a run whose grant s-1.1 is spent, when an attempt opens anew, then it is not taken for the old one."""
    server = Memory()
    for made in (OLD, NEW):
        server.put(CONTROLLER_REVISION, revision_manifest("ns", "s", made))
    spec = NEW.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    server.put(SCENARIO, {"metadata": {"name": "s"}, "spec": spec})
    status = wire.dump(Record(a_run_that_remembers(Outcome.UPGRADED), None), "r")
    server.put(RUN, {"metadata": {"name": "r"}, "spec": {"scenarioRef": {"name": "s"}}, "status": status})
    controller = ScenarioController(server.context())
    for _ in range(4):
        await controller.reconcile(Key("scenario", "ns", "s"))
    assert server.names(UPGRADE) == ["s-2"]
    [entry] = server.objects[UPGRADE, "ns", "s-2"]["status"]["active"]
    assert entry["name"] == "r"
    assert re.fullmatch(r"s-2\.[0-9a-f]{8}\.1", entry["id"])
    assert server.objects[SCENARIO, "ns", "s"]["status"]["lastUpgradeSequence"] == 2
