"""Many runs of one Scenario: how they are brought somewhere, what their history must not show, kills drawn by lot."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.crash.laboratory import LIMIT_SECONDS, Laboratory, Subject
from tests.crash.references import rolled_out
from tests.harness.fault_witness import COLLECTIONS, GROUP
from tests.harness.faults import Action, Call, Fault
from tests.harness.history import History, Moment
from tests.harness.objects import run, scenario

JsonObject = dict[str, Any]
T = TypeVar("T")
KINDS = ("ScenarioRun", "ScenarioUpgrade", "Pod")
_MERGE = "application/merge-patch+json"


@dataclass
class Fleet:
    """The runs of Scenario `s` in a namespace of their own."""

    lab: Laboratory
    namespace: str
    runs: Sequence[str]

    @classmethod
    async def of(cls, lab: Laboratory, purpose: str, count: int, **first: Any) -> Fleet:
        """Apply version 1.0.0 and so many runs, for an operator that is still to come."""
        fleet = cls(lab, await lab.namespace(purpose), [f"r{n:02}" for n in range(count)])
        await fleet.apply(scenario("s", "1.0.0", **first), *(run(name, "s") for name in fleet.runs))
        return fleet

    async def apply(self, *objects: JsonObject) -> None:
        """Apply objects as a user does."""
        await self.lab.api.apply(self.namespace, *objects)

    async def items(self, kind: str) -> dict[str, JsonObject]:
        """Return the objects of a kind, by name."""
        found = await self.lab.api.items(COLLECTIONS[kind] % self.namespace)
        return {obj["metadata"]["name"]: obj for obj in found}

    async def patch(self, kind: str, name: str, body: JsonObject) -> None:
        """Merge-patch an object."""
        await self.lab.api.call("PATCH", f"{COLLECTIONS[kind] % self.namespace}/{name}", body, _MERGE)

    async def behave(self, pod: str, **behaviour: Any) -> None:
        """Change what a simulated pod does from now on."""
        await self.patch("Pod", pod, {"metadata": {"annotations": {"sim/behaviour": json.dumps(behaviour)}}})

    async def until_settled(self, version: str) -> None:
        """Wait until every run is Ready on a version, with no plan open, and the Scenario says so."""

        async def look() -> list[str]:
            runs = await self.items("ScenarioRun")
            left = [name for name, obj in runs.items() if not _on(obj, version)]
            return left or [n for n, obj in (await self.items("Scenario")).items() if not rolled_out(obj)]

        await until_none(f"runs that are not on {version}, or not told", look)

    @asynccontextmanager
    async def history(self) -> AsyncIterator[History]:
        """Keep the history of its runs, attempts and pods."""
        async with History(self.lab.api, self.namespace, KINDS).kept() as history:
            yield history

    async def report(self, history: History) -> JsonObject:
        """Wait for the end of the one attempt that there is, and return its status."""
        try:
            done = await history.until("the report", _finished)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{await self.story()}") from None
        return dict(done.obj["status"])

    async def story(self) -> str:
        """Return what a person would look at first when a rollout does not end."""
        attempts = [obj.get("status") for obj in (await self.items("ScenarioUpgrade")).values()]
        runs = {n: obj.get("status") or {} for n, obj in (await self.items("ScenarioRun")).items()}
        left = {n: [s.get("conditions"), s.get("upgrade")] for n, s in runs.items() if "upgrade" in s}
        return json.dumps({"attempts": attempts, "open": left}, indent=1)[:20000]

    def misdeeds(self) -> list[str]:
        """Return what the witness holds against the operator, of all runs."""
        heard = ((name, self.lab.witness.hear(self.namespace, name)) for name in self.runs)
        return [f"{name}: {word}" for name, testimony in heard for word in testimony.violations]


async def until_none(what: str, look: Callable[[], Awaitable[T]]) -> None:
    """Look until there is nothing to be seen; what is left is told when it never goes."""
    end = time.monotonic() + LIMIT_SECONDS
    while left := await look():
        assert time.monotonic() < end, f"there are still {what}: {left}"
        await asyncio.sleep(0.2)


def outcomes(report: JsonObject) -> Counter[tuple[str, str]]:
    """Return how often each run of an attempt is told with which outcome."""
    return Counter((entry["name"], entry["outcome"]) for entry in report["runs"])


def pods_made(moments: Iterable[Moment]) -> Counter[str]:
    """Count the pods that each run was given since the history began."""
    made = (m.obj["metadata"]["labels"] for m in moments if (m.kind, m.what) == ("Pod", "ADDED"))
    return Counter(
        labels[f"{GROUP}/run"] for labels in made if labels.get(f"{GROUP}/component") == "workload"
    )


@dataclass
class Flights:
    """How many runs were in flight at once: granted or with an attempt's plan open, parked ones apart."""

    most: int = 0
    parked: set[str] = field(default_factory=set)
    """The runs that ever waited for a person."""
    strays: list[str] = field(default_factory=list)
    """Plans that were open without being granted."""

    @classmethod
    def seen(cls, moments: Iterable[Moment]) -> Flights:
        """Count after every single write."""
        flights = cls()
        grants: dict[str, list[JsonObject]] = {}
        plans: dict[str, str] = {}
        for moment in moments:
            status = {} if moment.what == "DELETED" else moment.obj.get("status") or {}
            if moment.kind == "ScenarioUpgrade":
                grants[moment.name] = status.get("active") or []
            elif moment.kind == "ScenarioRun":
                plans[moment.name] = (status.get("upgrade") or {}).get("grantID", "")
            entries = [entry for attempt in grants.values() for entry in attempt]
            flights._count(entries, {grant for grant in plans.values() if grant})
        return flights

    def _count(self, entries: Sequence[JsonObject], open_plans: set[str]) -> None:
        granted = {entry["id"] for entry in entries}
        parked = {entry["id"] for entry in entries if entry["parked"]}
        self.parked |= {entry["name"] for entry in entries if entry["parked"]}
        self.strays += sorted(open_plans - granted)
        in_flight = (open_plans | granted) - parked
        self.most = max(self.most, len(in_flight))


class Roulette:
    """Kills an operator so many times, each life at a call drawn by lot: before it, or when it has landed."""

    def __init__(self, subject: Subject, kills: int, seed: int, farthest: int) -> None:
        self._subject, self.left, self._farthest = subject, kills, farthest
        self._chance = random.Random(seed)  # noqa: S311 (a lot, not a secret)
        self._killed_life = 0
        self._wait = self._chance.randrange(farthest)

    def __call__(self, call: Call) -> Fault | None:
        """Say what happens to a call."""
        if not self.left or self._killed_life == self._subject.lives:
            return None
        if self._wait:
            self._wait -= 1
            return None
        self.left, self._killed_life = self.left - 1, self._subject.lives
        self._wait = self._chance.randrange(self._farthest)
        return Fault(self._chance.choice((Action.KILLED_BEFORE, Action.KILLED_AFTER)), call)


def _on(obj: JsonObject, version: str) -> bool:
    status = obj.get("status") or {}
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    return ready and (status.get("applied") or {}).get("version") == version and "upgrade" not in status


def _finished(moment: Moment) -> bool:
    # Whichever its number is: one is spent when the operator dies between taking it and making the attempt.
    return moment.kind == "ScenarioUpgrade" and "completionTime" in (moment.obj.get("status") or {})
