"""Many runs and an operator that does not last: killed by lot, replaced by one that renders pods differently."""

from __future__ import annotations

import asyncio
import os
import re
import urllib.request
from collections import Counter
from typing import Any

import pytest
from tests.crash.fleet import Fleet, Flights, Roulette, outcomes, pods_made, until_none
from tests.crash.laboratory import QUIET_SECONDS, Laboratory, Subject
from tests.harness.fault_witness import GROUP
from tests.harness.history import Moment
from tests.harness.objects import compatible, scenario, strategy
from tests.harness.other_renderer import DIFFERENCE

JsonObject = dict[str, Any]
SLOW = {"terminationGracePeriodSeconds": 600}
"""A pod that ignores SIGTERM stays until the test lets it go."""
LATE = {"r01", "r03"}
"""Runs whose pods do so."""
OTHER = 99
"""A renderer of another version."""


def second(at_once: int, **more: Any) -> JsonObject:
    """Return version 2.0.0, which keeps the state."""
    rollout = {"maxConcurrent": at_once, "maxFailed": 50, "canary": {"runs": 0}}
    chosen = strategy("InPlace", rollout=rollout, **more)
    return scenario("s", "2.0.0", edges=compatible(), strategy=chosen, workload=SLOW)


async def test_a60_an_operator_killed_twenty_times_never_has_more_runs_in_flight_than_allowed(
    lab: Laboratory,
) -> None:
    """Given 20 runs and 5 slots, when the operator dies at 20 calls drawn by lot, then 5 slots are never exceeded.

    Two runs are parked on the way, because their pods do not stop in time. Every run is reported once.
    """
    seed = int(os.environ.get("KILL_SEED", "777103"))
    print(f"to repeat: KILL_SEED={seed}")
    fleet = await Fleet.of(lab, "a60", 20, workload=SLOW)
    proxy = lab.proxy()
    async with lab.served([fleet.namespace], proxy) as subject:
        await fleet.until_settled("1.0.0")
        for name in LATE:
            await fleet.behave(f"{name}-1-0", ignoreTerm=True)
        async with fleet.history() as history:
            proxy.choose = roulette = Roulette(subject, 20, seed, farthest=8)
            await fleet.apply(second(5, timeouts={"stopSeconds": 2}))
            await history.until("two parked runs", lambda m: Flights.seen([m]).parked >= LATE)
            for name in LATE:
                await fleet.behave(f"{name}-1-0")
            report = await fleet.report(history)
            await fleet.until_settled("2.0.0")
            moments = await history.complete()

    flights = Flights.seen(moments)
    assert (flights.most, flights.strays) == (5, [])
    assert flights.parked >= LATE, "others are late as well on a slow machine"
    assert len(await fleet.items("ScenarioUpgrade")) == 1
    assert outcomes(report) == Counter((name, "Upgraded") for name in fleet.runs)
    assert report["granted"] == len(fleet.runs)
    assert (roulette.left, subject.restarts, subject.trouble()) == (0, 20, [])
    assert fleet.misdeeds() == []
    last_kill = max(i for i, record in enumerate(proxy.calls) if record.fault)
    assert any(record.call.resource == "scenarioruns/status" for record in proxy.calls[last_kill + 1 :])


async def test_a76_an_operator_that_renders_pods_differently_restarts_none(lab: Laboratory) -> None:
    """Given 5 runs, when a newer operator takes over, then nothing is written; its rendering comes with a restart."""
    fleet = await Fleet.of(lab, "a76", 5)
    older, newer = lab.proxy(), lab.proxy()
    async with lab.served([fleet.namespace], older) as subject:
        await fleet.until_settled("1.0.0")
        await older.until_quiet(QUIET_SECONDS)
        await subject.retire()
    before, pods = await fleet.items("StatefulSet"), await fleet.items("Pod")

    often = ("--resync-seconds", "2")
    async with lab.served([fleet.namespace], newer, *often, renderer=OTHER) as subject:
        await until_passed(subject, "run", 2 * len(fleet.runs))
        await until_passed(subject, "scenario", 2)
        assert newer.calls == []
        assert await fleet.items("StatefulSet") == before

        await fleet.patch("ScenarioRun", "r02", {"spec": {"restartNonce": "again"}})
        await until_replaced(fleet, "r02-1-0", pods["r02-1-0"])
        await fleet.until_settled("1.0.0")
        await newer.until_quiet(QUIET_SECONDS)
        after = await fleet.items("Pod")
        assert subject.trouble() == []

    assert {name for name in pods if uid(after[name]) != uid(pods[name])} == {"r02-1-0"}
    assert {name: rendering(pod) for name, pod in after.items()} == {
        name: str(OTHER) if name == "r02-1-0" else "" for name in pods
    }
    workloads = await fleet.items("StatefulSet")
    assert {name for name in before if workloads[name] != before[name]} == {"r02-1"}
    assert stamp(before["r02-1"]) != stamp(workloads["r02-1"]) == str(OTHER)


@pytest.mark.parametrize("count", [12, pytest.param(50, marks=pytest.mark.slow)])
async def test_the_operators_own_rolling_update_in_the_middle_of_a_rollout_starts_nothing_twice(
    lab: Laboratory, count: int
) -> None:
    """Given many runs under way, when the operator is updated as a Deployment does it, then all arrive as without.

    The new one stands by, the old one is told to stop and gives its lease back, the new one goes on.
    """
    fleet = await Fleet.of(lab, "rolling-update", count, workload=SLOW)
    older, newer, lease = lab.proxy(), lab.proxy(), f"{fleet.namespace}-shared"
    waits = ("--lease-retry-seconds", "0.2")
    async with lab.served([fleet.namespace], older, *waits, lease=lease, renderer=OTHER) as old:
        await fleet.until_settled("1.0.0")
        slow = fleet.runs[:: count // 5]
        for name in slow:
            await fleet.behave(f"{name}-1-0", ignoreTerm=True)
        async with fleet.history() as history:
            await fleet.apply(second(count // 2))
            arrived: set[str] = set()
            await history.until("arrivals", lambda m: has_arrived(m, arrived) and len(arrived) >= count // 5)
            async with lab.served([fleet.namespace], newer, *waits, lease=lease) as new:
                await until_ready(new)
                await old.retire()
                for name in slow:
                    await fleet.behave(f"{name}-1-0")
                report = await fleet.report(history)
                await fleet.until_settled("2.0.0")
                await newer.until_quiet(QUIET_SECONDS)
                moments = await history.complete()
                assert new.trouble() == []
    assert old.trouble() == []

    flights = Flights.seen(moments)
    assert (flights.most, flights.parked, flights.strays) == (count // 2, set(), [])
    assert outcomes(report) == Counter((name, "Upgraded") for name in fleet.runs)
    assert pods_made(moments) == Counter(fleet.runs)
    assert fleet.misdeeds() == []
    assert "released lease" in old.log.read_text()
    assert older.calls[-1].at < newer.calls[0].at
    rendered = Counter(rendering(pod) for pod in (await fleet.items("Pod")).values())
    assert rendered[str(OTHER)] >= count // 5
    assert rendered[""] >= len(slow)


async def until_passed(subject: Subject, kind: str, passes: int) -> None:
    """Wait until an operator has looked at keys of a kind so many times."""
    pattern = rf'^scenario_operator_reconcile_seconds_count\{{kind="{kind}",.*\}} (\S+)$'

    async def look() -> bool:
        page = await told(subject, "metrics")
        return sum(float(number) for number in re.findall(pattern, page, re.MULTILINE)) < passes

    await until_none(f"passes over {kind} to come", look)


async def until_ready(subject: Subject) -> None:
    """Wait until an operator's probe answers, as a Deployment does before it ends the old one."""

    async def look() -> bool:
        return not await told(subject, "readyz")

    await until_none("reasons not to be ready", look)


async def told(subject: Subject, page: str) -> str:
    """Return what an operator answers, "" while it does not."""

    def ask() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{subject.port}/{page}", timeout=30) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    return await asyncio.to_thread(ask)


async def until_replaced(fleet: Fleet, name: str, before: JsonObject) -> None:
    """Wait until there is another pod of a name."""

    async def look() -> bool:
        return uid((await fleet.items("Pod")).get(name, before)) == uid(before)

    await until_none(f"signs of the old pod {name}", look)


def has_arrived(moment: Moment, arrived: set[str]) -> bool:
    """Say whether a run is on 2.0.0, and remember it."""
    applied = (moment.obj.get("status") or {}).get("applied") or {}
    if moment.kind != "ScenarioRun" or applied.get("version") != "2.0.0":
        return False
    arrived.add(moment.name)
    return True


def uid(obj: JsonObject) -> str:
    """Return the identity of an object."""
    return str(obj["metadata"]["uid"])


def stamp(workload: JsonObject) -> str:
    """Return which renderer a workload names."""
    return str(workload["metadata"]["annotations"][f"{GROUP}/renderer"])


def rendering(pod: JsonObject) -> str:
    """Return what only the other renderer puts into a pod."""
    found = pod["spec"]["containers"][0]["env"]
    return next((str(variable["value"]) for variable in found if variable["name"] == DIFFERENCE), "")
