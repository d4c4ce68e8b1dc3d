"""What cannot be read is not absent: it opens and releases nothing, it says which field it is, all others go on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.controllers.memory import Memory
from tests.unit.controllers.test_probes import NEW, OLD, Bed

from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import CLAIM, CONTROLLER_REVISION, POD, RUN, SCENARIO, STRATEGY, UPGRADE
from scenario_operator.controllers.run import RunController
from scenario_operator.execution.close import applied_of
from scenario_operator.execution.decide import Record
from scenario_operator.execution.wire import dump
from scenario_operator.manifests.claim import state_claim
from scenario_operator.manifests.identity import Component, RunIdentity
from scenario_operator.manifests.revision import parse_revision
from scenario_operator.planning.stored import Handled, Incarnation, Stored
from scenario_operator.planning.windows import Window

POLICY = {"type": "InPlace", "approval": "Always", "rollout": {"maxConcurrent": 1}}
COMPATIBLE = {"from": [{"versions": "*", "verdict": "Compatible", "reversible": True}]}
STATE = {"version": "1", "volume": {"size": "1Gi"}}
AFTER_ALL_TIME = "9999-12-31T23:59:59-05:00"
BEFORE_ALL_TIME = "0001-01-01T00:00:00+01:00"


def at(time: str) -> dict[str, str]:
    return {"mode": "At", "time": time}


def add_run(server: Memory, name: str, **spec: Any) -> None:
    """Put a run that is on the first version, and works."""
    first = parse_revision(server.objects[CONTROLLER_REVISION, "ns", "s-r1"])
    stored = Stored(
        applied=applied_of(first, ("1",)),
        live=1,
        incarnations=(Incarnation(1, "1.0.0", "s-r1"),),
        window=Window(),
        handled=Handled("", "", "", ""),
    )
    status = dump(Record(stored, None), name)
    spec = {"scenarioRef": {"name": "s"}, **spec}
    made = server.put(RUN, {"metadata": {"name": name}, "spec": spec, "status": status})
    identity = RunIdentity("ns", name, made["metadata"]["uid"], "s")
    server.put(CLAIM, state_claim(identity, 1, first, ("1",)))
    running = {
        "name": "scenario",
        "started": True,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }
    ready = {"containerStatuses": [running], "conditions": [{"type": "Ready", "status": "True"}]}
    labels = identity.labels(Component.WORKLOAD, 1)
    server.put(POD, {"metadata": {"name": f"{name}-1-0", "labels": labels}, "spec": {}, "status": ready})


async def rolling(*runs: str, upgrade: dict[str, Any], own: dict[str, Any] | None = None) -> Bed:
    """Bring a Scenario to where its second version is published, with runs that are on the first."""
    bed = Bed(state=STATE, upgrade=upgrade, compatibility=COMPATIBLE)
    await bed.look()
    bed.pulled(OLD)
    await bed.look()
    for name in runs:
        add_run(bed.server, name, **(own or {}))
    await bed.look()
    bed.edit(version="2.0.0", artifact={"image": "r/x:2"})
    await bed.look()
    bed.pulled(NEW)
    return await (await bed.look()).look()


def attempt(bed: Bed) -> dict[str, Any]:
    [name] = bed.server.names(UPGRADE)
    return bed.server.objects[UPGRADE, "ns", name]["status"]


def granted(bed: Bed) -> list[str]:
    return [entry["name"] for name in bed.server.names(UPGRADE) for entry in active(bed, name)]


def active(bed: Bed, name: str) -> list[dict[str, Any]]:
    return list(bed.server.objects[UPGRADE, "ns", name].get("status", {}).get("active", ()))


def answer(bed: Bed, name: str) -> None:
    """Let a run return its grant as upgraded."""
    entry = next(e for e in attempt(bed)["active"] if e["name"] == name)
    outcome = {"grantID": entry["id"], "attempt": "s-1", "outcome": "Upgraded", "toRevision": "s-r2"}
    ended = {"completionTime": "2026-01-01T00:00:00Z", "startTime": "2026-01-01T00:00:00Z"}
    bed.server.change(RUN, name, {"status": {"history": [{**outcome, **ended}]}})


async def said(server: Memory, name: str, kind: str = "Valid") -> tuple[str, str, str]:
    await RunController(server.context()).reconcile(Key("run", "ns", name))
    stated = server.objects[RUN, "ns", name]["status"]["conditions"]
    return next((c["status"], c["reason"], c.get("message", "")) for c in stated if c["type"] == kind)


UNREADABLE_SPECS: dict[str, dict[str, Any]] = {
    "a type of a newer CRD": {"upgrade": {"strategy": {**POLICY, "type": "Custom"}}},
    "a level of a newer CRD": {"upgrade": {"strategy": {**POLICY, "approveFrom": "Ponder"}}},
    "an offset of a day": {
        "upgrade": {
            "strategy": {
                **POLICY,
                "type": "Continuation",
                "window": {"notificationsFrom": at("2027-01-01T00:00:00+24:00")},
            }
        }
    },
    "an output class of a newer CRD": {"outputs": [{"kind": "x", "class": "Retractable"}]},
    "a policy that is none": {"upgrade": {"approvedPlans": 7}},
}


@pytest.mark.parametrize("edit", UNREADABLE_SPECS.values(), ids=UNREADABLE_SPECS)
async def test_a_spec_that_cannot_be_read_grants_nothing_and_shows_the_plans_as_they_were(
    edit: dict[str, Any],
) -> None:
    """Given runs that wait for approval, when the spec cannot be read any more, then they wait, and are told why."""
    bed = await rolling("a", "b", upgrade={"strategy": POLICY})
    before = attempt(bed)
    assert (before["phase"], before["active"]) == ("AwaitingApproval", [])
    bed.edit(**edit)
    await bed.look()
    now = attempt(bed)
    assert (now["phase"], now["groups"], now["active"]) == ("AwaitingApproval", before["groups"], [])
    assert bed.condition("Valid") == ("False", "InvalidSpec")
    ready = next(c["message"] for c in now["conditions"] if c["type"] == "Ready")
    assert "nothing is granted: spec." in ready
    assert "spec." in (await said(bed.server, "a", "UpToDate"))[2]


@pytest.mark.parametrize("edit", UNREADABLE_SPECS.values(), ids=UNREADABLE_SPECS)
async def test_what_is_under_way_is_settled_while_the_spec_cannot_be_read_and_nobody_follows(
    edit: dict[str, Any],
) -> None:
    """Given a run that is under way, when it ends, then its grant is returned, and no other is given before an edit."""
    bed = await rolling("a", "b", upgrade={"strategy": {**POLICY, "approval": "Never"}})
    assert granted(bed) == ["a"]
    bed.edit(**edit)
    await bed.look()
    answer(bed, "a")
    await bed.look()
    assert (granted(bed), attempt(bed)["counts"]["waiting"]) == ([], 1)
    assert [r["outcome"] for r in attempt(bed)["runs"]] == ["Upgraded"]
    bed.edit(upgrade={"strategy": {**POLICY, "approval": "Never"}, "approvedPlans": None}, outputs=None)
    bed.edit(upgrade={"strategy": {"approveFrom": None, "window": None}})
    await bed.look()
    assert granted(bed) == ["b"]


async def test_a_spec_that_cannot_be_read_opens_nothing_and_releases_nothing() -> None:
    """Given a version that nobody was granted, when the spec cannot be read, then new runs do not start on it."""
    bed = await rolling("a", upgrade={"strategy": POLICY})
    bed.edit(upgrade={"strategy": {**POLICY, "type": "Custom"}})
    bed.server.change(
        UPGRADE, "s-1", {"spec": {"abort": bed.server.objects[UPGRADE, "ns", "s-1"]["metadata"]["uid"]}}
    )
    await bed.look()
    add_run(bed.server, "b")
    await bed.look()
    assert bed.server.names(UPGRADE) == ["s-1"]
    assert bed.server.objects[SCENARIO, "ns", "s"]["status"]["activeRevision"] == "s-r1"


@pytest.mark.parametrize("odd", [{"type": "Custom"}, {"window": {"startFrom": at(BEFORE_ALL_TIME)}}])
async def test_a_strategy_that_cannot_be_read_is_not_taken_for_none_or_for_missing(
    odd: dict[str, Any],
) -> None:
    """Given a strategy object that a newer operator wrote, then nobody is granted, and the message names the field."""
    bed = Bed()
    bed.server.put(STRATEGY, {"metadata": {"name": "x"}, "spec": {**POLICY, "type": "Continuation", **odd}})
    bed = await rolling_by(bed.server, {"strategyRef": {"name": "x"}})
    assert (bed.server.names(UPGRADE), bed.condition("Ready")) == ([], ("False", "Unreadable"))
    [message] = [c["message"] for c in bed.conditions if c["type"] == "ActionRequired"]
    assert "UpgradeStrategy x cannot be read: spec." in message
    status, reason, told = await said(bed.server, "a", "UpToDate")
    assert (status, reason) == ("False", "Unreadable")
    assert told.startswith("UpgradeStrategy x cannot be read: spec.")


async def rolling_by(server: Memory, upgrade: dict[str, Any]) -> Bed:
    """Bring a Scenario as `rolling` does, beside what is on a server already."""
    bed = Bed(state=STATE, upgrade=upgrade, compatibility=COMPATIBLE)
    for (kind, _, _), obj in server.objects.items():
        if kind == STRATEGY:
            bed.server.put(kind, obj)
    await bed.look()
    bed.pulled(OLD)
    await bed.look()
    add_run(bed.server, "a")
    add_run(bed.server, "b", strategyRef={"name": "fine"})
    bed.edit(version="2.0.0", artifact={"image": "r/x:2"})
    await bed.look()
    bed.pulled(NEW)
    return await (await bed.look()).look()


async def test_without_the_strategy_that_says_the_pace_nobody_is_granted() -> None:
    """Given a strategyRef to nothing, then a run with a strategy of its own does not go at a pace of our choice."""
    bed = Bed()
    bed.server.put(STRATEGY, {"metadata": {"name": "fine"}, "spec": {"type": "InPlace", "approval": "Never"}})
    bed = await rolling_by(bed.server, {"strategyRef": {"name": "x"}})
    assert (granted(bed), bed.condition("Ready")) == ([], ("False", "StrategyNotFound"))
    assert (await said(bed.server, "b", "UpToDate"))[1] == "StrategyNotFound"


async def test_a_run_whose_own_strategy_cannot_be_read_waits_alone() -> None:
    """Given two runs, when the strategy of one cannot be read, then the other goes, and the one says which field."""
    bed = await rolling("a", upgrade={"strategy": {**POLICY, "approval": "Never"}})
    bed.server.put(STRATEGY, {"metadata": {"name": "odd"}, "spec": {"type": "Custom"}})
    add_run(bed.server, "b", strategyRef={"name": "odd"})
    await bed.look()
    answer(bed, "a")
    await bed.look()
    assert granted(bed) == []
    assert (await said(bed.server, "b", "UpToDate"))[2].startswith(
        "UpgradeStrategy odd cannot be read: spec.type"
    )


async def test_an_attempt_that_cannot_be_read_grants_nobody_beside_it_and_says_why() -> None:
    """Given an attempt of a newer operator, whose grants are not known, then nothing is granted until it is known."""
    bed = await rolling("a", "b", upgrade={"strategy": {**POLICY, "approval": "Never"}})
    bed.server.change(UPGRADE, "s-1", {"spec": {"cause": "Drain"}})
    bed.edit(version="3.0.0", artifact={"image": "r/x:3"})
    await bed.look()
    bed.pulled("sha256:" + "c" * 64)
    await (await bed.look()).look()
    assert (bed.server.names(UPGRADE), bed.condition("Ready")) == (["s-1"], ("False", "Unreadable"))
    valid = next(c for c in attempt(bed)["conditions"] if c["type"] == "Valid")
    assert (valid["status"], valid["message"].partition(":")[0]) == ("False", "spec.cause")


@pytest.mark.parametrize(
    "time", [BEFORE_ALL_TIME, AFTER_ALL_TIME, "2026-01-01T00:00:00+24:00", "2026-02-30T00:00:00Z"]
)
async def test_a_run_that_cannot_be_read_says_which_field_and_keeps_no_other_back(time: str) -> None:
    """Given one run with a time that is none, when a version is published, then the others go, and it is named."""
    bed = await rolling("a", upgrade={"strategy": {**POLICY, "approval": "Never"}})
    add_run(bed.server, "mute", notificationsFrom=at(time))
    status, reason, message = await said(bed.server, "mute")
    assert (status, reason) == ("False", "InvalidSpec")
    assert message.startswith("spec.notificationsFrom.time: ")
    assert (await said(bed.server, "mute", "ActionRequired"))[2].endswith(
        "edit srun mute --field-manager=scenario-cli"
    )
    await bed.look()
    assert (granted(bed), bed.condition("Ready")) == (["a"], ("False", "RollingOut"))
    answer(bed, "a")
    second = parse_revision(bed.server.objects[CONTROLLER_REVISION, "ns", "s-r2"])
    applied = dump(Record(Stored(applied=applied_of(second, ("1",)), live=1), None), "a")["applied"]
    bed.server.change(RUN, "a", {"status": {"applied": applied}})
    await bed.look()
    assert bed.condition("RolledOut") == ("False", "RunsUnreadable")
    assert bed.condition("Ready") == ("False", "RunsUnreadable")
    told = next(c["message"] for c in bed.conditions if c["type"] == "ActionRequired")
    assert told.startswith("1 run cannot be read and left out: mute (mute: spec.notificationsFrom.time: ")
    counts = bed.server.objects[SCENARIO, "ns", "s"]["status"]["runs"]
    assert (counts["total"], counts["upToDate"], counts["unreadable"]) == (2, 1, 1)


async def test_what_is_said_of_a_run_that_cannot_be_read_is_taken_back_when_it_can() -> None:
    bed = await rolling("a", upgrade={"strategy": POLICY})
    add_run(bed.server, "mute", notificationsFrom=at(AFTER_ALL_TIME))
    record = {k: v for k, v in bed.server.objects[RUN, "ns", "mute"]["status"].items() if k != "conditions"}
    await said(bed.server, "mute")
    now = bed.server.objects[RUN, "ns", "mute"]["status"]
    assert {key: now[key] for key in record} == record
    bed.server.change(RUN, "mute", {"spec": {"notificationsFrom": at("9999-12-31T23:59:59Z")}})
    assert (await said(bed.server, "mute", "ActionRequired"))[1] != "InvalidSpec"
    types = {c["type"] for c in bed.server.objects[RUN, "ns", "mute"]["status"]["conditions"]}
    assert "Valid" not in types


async def test_a_granted_run_that_cannot_be_read_any_more_gives_its_slot_to_the_next() -> None:
    """Given a grant whose run cannot answer, then it stands, is parked, and the others go on."""
    bed = await rolling("a", "b", upgrade={"strategy": {**POLICY, "approval": "Never"}})
    bed.server.change(RUN, "a", {"spec": {"startFrom": at(AFTER_ALL_TIME)}})
    await bed.look()
    assert [(e["name"], e.get("parked", False)) for e in attempt(bed)["active"]] == [
        ("a", True),
        ("b", False),
    ]


@pytest.mark.parametrize(
    ("odd", "field"),
    [
        (
            {"incarnations": [{"number": 1, "runID": "r-1", "state": "Live", "supersededBy": "later"}]},
            "incarnations",
        ),
        (
            {
                "conditions": [
                    {"type": "Ready", "status": "True", "reason": "X", "lastTransitionTime": AFTER_ALL_TIME}
                ]
            },
            "conditions",
        ),
    ],
)
async def test_a_status_that_cannot_be_read_is_left_as_it_is_and_told(
    odd: dict[str, Any], field: str
) -> None:
    """Given a status of a newer operator, then the run says which part of it, and nothing of its record is touched."""
    bed = await rolling("a", upgrade={"strategy": POLICY})
    add_run(bed.server, "odd")
    bed.server.change(RUN, "odd", {"status": odd})
    status, reason, message = await said(bed.server, "odd")
    assert (status, reason) == ("False", "Unreadable")
    assert message.startswith(f"status.{field}")
    if field == "incarnations":
        assert bed.server.objects[RUN, "ns", "odd"]["status"][field] == odd[field]


@pytest.mark.parametrize(
    "text", [">=1.0.0 - <2.0.0", "1.0.0 - latest", "1 - ^2", "1.0 - v2", "||", "=>1", "1.x.y", "~"]
)
async def test_a_range_is_read_or_named(text: str) -> None:
    """Given a range that the schema takes, then the spec is valid, or the field is named: no range ends a pass."""
    bed = Bed(compatibility={"from": [{"versions": text, "verdict": "Compatible"}]})
    await bed.look()
    stated = next(c for c in bed.conditions if c["type"] == "Valid")
    assert stated["status"] != "False" or stated["message"].startswith(
        "spec.compatibility.from[0].versions: "
    )
