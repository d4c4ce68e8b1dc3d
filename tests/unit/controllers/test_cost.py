"""What passes ask of the API server, counted: nothing at rest, and a constant for each run that changes.

A clock says nothing on a busy machine; requests are the same on every one.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from tests.fuzz.world import Case, World
from tests.unit.controllers.memory import Memory

from scenario_operator.api import names
from scenario_operator.cluster.errors import Forbidden
from scenario_operator.cluster.kinds import JOB, RUN, SCENARIO, STATEFUL_SET, JsonObject, Ref

WAVE = {
    "type": "InPlace",
    "verify": {"stableSeconds": 1},
    "rollout": {"maxConcurrent": 500, "maxFailed": 5, "canary": {"runs": 0}},
}
AGAIN = {**WAVE, "type": "ForwardOnly"}
FEW, MANY = 2, 6
TURNS = 10


def spec(version: str, strategy: JsonObject) -> JsonObject:
    """Return a version that keeps the state of the one before."""
    return {
        "version": version,
        "type": "Service",
        "artifact": {"image": f"r/x:{version}"},
        "workload": {"command": ["run"]},
        "state": {"version": "1", "volume": {"size": "1Gi"}},
        "compatibility": {"from": [{"versions": "*", "verdict": "Compatible"}]},
        "upgrade": {"strategy": strategy},
    }


class Refusing(Memory):
    """`refuses`: no StatefulSet may be changed, in words that differ."""

    refuses = False

    async def patch(self, ref: Ref, body: Mapping[str, Any], **how: Any) -> JsonObject:
        if self.refuses and ref.kind == STATEFUL_SET:
            self.asked["patch", ref.kind.kind] += 1
            raise Forbidden("Forbidden", f"exceeded quota, for the {sum(self.asked.values())}th time")
        return await super().patch(ref, body, **how)


class Fleet(World):
    """So many runs of one Scenario that are up on 1.0.0."""

    def __init__(self, runs: int, strategy: JsonObject = WAVE) -> None:
        super().__init__(Case(spec("1.0.0", strategy), None, WAVE, (), None, None, "", works=True))
        self.strategy, self.count = strategy, runs
        self.counted = Refusing()
        self.server = self.counted
        context = self.server.context()
        self.runs, self.scenarios = type(self.runs)(context), type(self.scenarios)(context)

    async def up(self) -> Fleet:
        """Bring all runs up."""
        self.server.put(SCENARIO, {"metadata": {"name": "s", "uid": "uid-s"}, "spec": self.case.scenario})
        await self._look()
        for number in range(self.count):
            metadata = {"name": f"r{number}", "uid": f"uid-{number}"}
            self.server.put(RUN, {"metadata": metadata, "spec": {"scenarioRef": {"name": "s"}}})
        await self.turns(TURNS)
        assert self.on("1.0.0") == self.count
        return self

    async def turns(self, number: int) -> Counter[tuple[str, str]]:
        """Let everybody look so often, and return what was asked for."""
        self.counted.asked.clear()
        for _ in range(number):
            await self._look()
        return Counter(self.counted.asked)

    def publish(self, version: str) -> None:
        self.server.change(SCENARIO, "s", {"spec": spec(version, self.strategy)})

    def on(self, version: str) -> int:
        """Count the runs that are settled on a version."""
        statuses = (obj["status"] for obj in self._of(RUN))
        return sum(s["applied"]["version"] == version and "upgrade" not in s for s in statuses)


def requests(asked: Counter[tuple[str, str]], *, of: frozenset[str] = frozenset()) -> int:
    return sum(number for (_, kind), number in asked.items() if not of or kind in of)


OF_RUNS = frozenset({"ScenarioRun", "StatefulSet", "Pod", "PersistentVolumeClaim", "Job"})


async def test_runs_at_rest_ask_for_nothing() -> None:
    """Given settled runs, when everybody looks again and again, then only the Scenario is read, once a pass."""
    fleet = await Fleet(MANY).up()
    asked = await fleet.turns(5)
    assert set(asked) == {("get", "Scenario")}


@pytest.mark.parametrize(
    ("strategy", "most"), [(WAVE, 20), (AGAIN, 20)], ids=["keeps", "keeps under ForwardOnly"]
)
async def test_a_wave_costs_so_many_requests_for_each_run_however_many_there_are(
    strategy: JsonObject, most: int
) -> None:
    """Given fleets of two sizes, when a compatible version arrives, then each run more costs what one costs."""
    costs: dict[int, int] = {}
    for count in (FEW, MANY):
        fleet = await Fleet(count, strategy).up()
        fleet.publish("2.0.0")
        costs[count] = requests(await fleet.turns(TURNS))
        assert fleet.on("2.0.0") == count
    assert (costs[MANY] - costs[FEW]) / (MANY - FEW) <= most


async def test_a_mass_recompute_is_one_attempt_and_costs_so_many_requests_a_run() -> None:
    """Given runs that all ask for a recompute, when they are led through it, then the cost of each does not grow."""
    costs: dict[int, int] = {}
    for count in (FEW, MANY):
        fleet = await Fleet(count, AGAIN).up()
        for number in range(count):
            fleet.server.change(RUN, f"r{number}", {"spec": {"recomputeNonce": "again"}})
        asked = await fleet.turns(2 * TURNS)
        assert asked["create", "ScenarioUpgrade"] == 1
        handled = [obj["status"]["lastHandled"]["recompute"] for obj in fleet._of(RUN)]
        assert handled == ["again"] * count
        costs[count] = requests(asked)
    assert (costs[MANY] - costs[FEW]) / (MANY - FEW) <= 42


async def test_a_webhook_that_rewrites_images_costs_nothing_at_rest() -> None:
    """Given templates that admission has rewritten, when the runs rest, then they ask for nothing."""
    fleet = await Fleet(FEW).up()
    ours = {"manager": names.FIELD_MANAGER, "fieldsV1": {"f:spec": {"f:template": {}}}}
    for obj in list(fleet._of(STATEFUL_SET)):
        template = copy.deepcopy(obj["spec"]["template"])
        template["spec"]["containers"][0]["image"] = "mirror.test/x@sha256:1"
        changed = {"spec": {"template": template}, "metadata": {"managedFields": [ours]}}
        fleet.server.change(STATEFUL_SET, obj["metadata"]["name"], changed)
    await fleet.turns(1)
    assert requests(await fleet.turns(5), of=OF_RUNS) == 0


async def test_a_refusal_in_ever_other_words_is_written_once_in_five_minutes() -> None:
    """Given a quota that counts in its message, when it refuses at every try, then few statuses are written."""
    fleet = await Fleet(1).up()
    fleet.counted.refuses = True
    fleet.publish("2.0.0")
    asked = await fleet.turns(15)
    assert asked["patch", "StatefulSet"] >= 15
    assert asked["patch", "ScenarioRun"] <= 4


async def test_what_is_swept_and_was_gone_already_is_forgotten() -> None:
    """Given a Job that was gone before the first event of its watch, when it is swept, then once and not for ever."""
    fleet = await Fleet(1).up()
    owner = next(fleet._of(RUN))
    labels = {names.LABEL_MANAGED_BY: names.CONTROLLER, names.LABEL_RUN: "r0", names.LABEL_RUN_UID: "uid-0"}
    metadata = {"name": "r0-p1-revert-live-0", "namespace": "ns", "uid": "ghost", "resourceVersion": "1"}
    owners = [{"uid": owner["metadata"]["uid"], "controller": True, "kind": "ScenarioRun"}]
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    ghost = {
        "metadata": {**metadata, "labels": labels, "ownerReferences": owners},
        "spec": {},
        "status": done,
    }
    fleet.server.store.offer(JOB, "ADDED", ghost)

    asked = await fleet.turns(3)
    assert asked["delete", "Job"] == 1
    assert requests(await fleet.turns(3), of=OF_RUNS) == 0
