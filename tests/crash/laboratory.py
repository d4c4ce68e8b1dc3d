"""Runs one reference upgrade under one set of faults, and judges how it ended."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.crash.references import Reference, first_settled
from tests.harness.cluster import ROOT, Cluster, bed_command
from tests.harness.fault_process import Forked, Nursery, arguments, nursery
from tests.harness.fault_witness import Api, Audit, Testimony, Witness, differences, snapshot, timeless
from tests.harness.faults import Call, Fault, Proxy, Recorded, Upstream, WatchFault

JsonObject = dict[str, Any]
QUIET_SECONDS = 1.5
LIMIT_SECONDS = 40.0
_MOST_RESTARTS = 10
_LEASES = count()


@dataclass
class Expected:
    """What the undisturbed run did, and how it ended."""

    world: dict[str, JsonObject]
    calls: list[Call]
    hooks: Counter[str]
    claims_deleted: Counter[str]
    seconds: float


@dataclass
class Outcome:
    """How one case ended: `problems` is empty when it converged."""

    reference: str
    faults: tuple[str, ...]
    namespace: str
    problems: list[str]
    reached: bool
    seconds: float
    restarts: int
    calls: list[Recorded] = field(repr=False, default_factory=list)

    def story(self) -> str:
        """Tell what happened, call by call."""
        told = [f"{self.reference} | {'; '.join(self.faults)} | namespace {self.namespace}"]
        told += [f"  {problem}" for problem in self.problems]
        told += [f"    {c.at % 1000:8.2f} {c.code:4} {c.call} {c.fault}" for c in self.calls]
        return "\n".join(told)


class Laboratory:
    """One bed, one nursery of operators, one witness; cases run beside each other in namespaces of their own."""

    def __init__(
        self, upstream: Upstream, api: Api, witness: Witness, audit: Audit, operators: Nursery, folder: Path
    ) -> None:
        self._upstream, self.api, self._witness = upstream, api, witness
        self._audit, self._operators, self._folder = audit, operators, folder
        self._number = 0
        self.expected: dict[str, Expected] = {}

    async def prepare(self, reference: Reference, number: int) -> list[str]:
        """Make namespaces in which a reference can begin; one operator brings all of them there."""
        namespaces = []
        for _ in range(number):
            self._number += 1
            word = re.sub(r"[^a-z]+", "-", reference.name.lower())
            namespaces.append(f"{word}-{self._number}")
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespaces[-1]}}
            await self.api.call("POST", "/api/v1/namespaces", body)
        if reference.before and namespaces:
            await self._bring(namespaces, reference)
        return namespaces

    async def _bring(self, namespaces: Sequence[str], reference: Reference) -> None:
        for namespace in namespaces:
            await self.api.apply(namespace, *reference.before)
        async with self._served(namespaces, Proxy(self._upstream)) as subject:
            for namespace in namespaces:
                await self._until_first_settled(namespace)
            while subject.proxy.quiet_seconds() < QUIET_SECONDS:
                await asyncio.sleep(0.1)

    async def _until_first_settled(self, namespace: str) -> None:
        end = time.monotonic() + 120
        while not first_settled(world := await snapshot(self.api, namespace)):
            assert time.monotonic() < end, f"{namespace} does not get on its first version: {world.keys()}"
            await asyncio.sleep(0.3)

    async def learn(self, reference: Reference) -> Expected:
        """Run a reference undisturbed and remember what it did."""
        [namespace] = await self.prepare(reference, 1)
        began = time.monotonic()
        async with self._moved(namespace, reference, Proxy(self._upstream)) as subject:
            while True:
                assert time.monotonic() - began < LIMIT_SECONDS, (
                    f"{reference.name} does not settle undisturbed"
                )
                await asyncio.sleep(0.2)
                if subject.proxy.quiet_seconds() < 2 * QUIET_SECONDS:
                    continue
                world = await snapshot(self.api, namespace)
                if reference.settled(world):
                    break
            calls = [record.call for record in subject.proxy.calls]
            assert subject.restarts == 0, f"{reference.name}: the operator ended by itself"
        testimony = self._witness.hear(namespace)
        assert not testimony.violations, testimony.violations
        expected = Expected(
            timeless(world, namespace),
            calls,
            Counter(testimony.hooks),
            Counter(testimony.claims_deleted),
            time.monotonic() - began,
        )
        assert self._audit.claims_deleted(namespace) == expected.claims_deleted
        self.expected[reference.name] = expected
        return expected

    async def attempt(
        self,
        namespace: str,
        reference: Reference,
        faults: Sequence[Fault] = (),
        watch_faults: Sequence[WatchFault] = (),
        *more: str,
    ) -> Outcome:
        """Run a reference under faults in a namespace that is prepared for it, and judge its end."""
        expected = self.expected[reference.name]
        proxy = Proxy(self._upstream, faults, watch_faults)
        began = time.monotonic()
        async with self._moved(namespace, reference, proxy, *more) as subject:
            problems = await self._differences_at_the_end(namespace, subject, expected, began)
            testimony = self._witness.hear(namespace)
            problems += self._misdeeds(namespace, expected, testimony)
            problems += subject.trouble()
            asked = tuple(str(f) for f in (*faults, *watch_faults))
            reached = set(asked) <= set(proxy.committed)
            seconds = time.monotonic() - began
            return Outcome(
                reference.name, asked, namespace, problems, reached, seconds, subject.restarts, proxy.calls
            )

    async def _differences_at_the_end(
        self, namespace: str, subject: Subject, expected: Expected, began: float
    ) -> list[str]:
        """Wait until the world is the expected one and nothing is written any more."""
        while True:
            await asyncio.sleep(0.15)
            late = time.monotonic() - began > LIMIT_SECONDS
            if subject.proxy.quiet_seconds() < QUIET_SECONDS and not late:
                continue
            seen = timeless(await snapshot(self.api, namespace), namespace)
            found = list(differences(expected.world, seen))
            if late or (not found and subject.proxy.quiet_seconds() >= QUIET_SECONDS):
                return found
            await asyncio.sleep(0.35)

    def _misdeeds(self, namespace: str, expected: Expected, testimony: Testimony) -> list[str]:
        found = list(dict.fromkeys(testimony.violations))
        if testimony.hooks != expected.hooks:
            found.append(f"hooks ran {dict(testimony.hooks)}, not {dict(expected.hooks)}")
        if testimony.claims_deleted != expected.claims_deleted:
            found.append(f"claims died {dict(testimony.claims_deleted)}, not {dict(expected.claims_deleted)}")
        accepted = self._audit.claims_deleted(namespace)
        if accepted != expected.claims_deleted:
            found.append(
                f"accepted deletions of claims {dict(accepted)}, not {dict(expected.claims_deleted)}"
            )
        return found

    @asynccontextmanager
    async def _moved(
        self, namespace: str, reference: Reference, proxy: Proxy, *more: str
    ) -> AsyncIterator[Subject]:
        await self.api.apply(namespace, *reference.move)
        async with self._served([namespace], proxy, *more) as subject:
            yield subject

    @asynccontextmanager
    async def _served(self, namespaces: Sequence[str], proxy: Proxy, *more: str) -> AsyncIterator[Subject]:
        kubeconfig = self._folder / f"{namespaces[0]}.kubeconfig"
        async with proxy.running(kubeconfig):
            subject = Subject(self._operators, proxy, kubeconfig, tuple(namespaces), more)
            async with subject.alive():
                yield subject


class Subject:
    """An operator that is started again whenever it ends, as a Deployment would do."""

    def __init__(
        self,
        operators: Nursery,
        proxy: Proxy,
        kubeconfig: Path,
        namespaces: tuple[str, ...],
        more: tuple[str, ...],
    ) -> None:
        self._operators, self.proxy, self._kubeconfig = operators, proxy, kubeconfig
        self._namespaces, self._more = namespaces, more
        self.log = kubeconfig.with_suffix(".log")
        self.restarts = 0
        self._killed = 0
        self._current: Forked | None = None
        proxy.kill = self.kill

    async def kill(self) -> None:
        """End the present process as a crash does."""
        assert self._current is not None
        self._killed += 1
        await self._current.kill()

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[Subject]:
        """Keep an operator running for as long as the block lasts."""
        await self._start()
        keeping = asyncio.create_task(self._keep())
        try:
            yield self
            assert not keeping.done(), keeping.exception()
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            assert self._current is not None
            await self._current.kill()

    def trouble(self) -> list[str]:
        """Return what it said that it must never say, and whether it ended when nobody killed it."""
        found = (
            [f"it ended {self.restarts - self._killed} times by itself"]
            if self.restarts > self._killed
            else []
        )
        bugs = [
            line for line in self.log.read_text().splitlines() if "Traceback" in line or "bug key=" in line
        ]
        return [*found, *bugs[:1]]

    async def _start(self) -> None:
        # A lease of its own each time: who follows a dead leader, and when, is another test's matter.
        lease = f"{self._namespaces[0]}-{next(_LEASES)}"
        chosen = arguments(self._namespaces, lease, *self._more)
        self._current = await self._operators.start(self._kubeconfig, self.log, *chosen)

    async def _keep(self) -> None:
        while True:
            assert self._current is not None
            await self._current.dead.wait()
            self.restarts += 1
            assert self.restarts <= _MOST_RESTARTS, f"it ends again and again: {self.log.read_text()[-2000:]}"
            await self._start()


@asynccontextmanager
async def laboratory(cluster: Cluster) -> AsyncIterator[Laboratory]:
    """Set up a laboratory on a bed that has the CRDs."""
    upstream = Upstream(cluster.kubeconfig)
    audit = Audit(bed_command("audit", cluster.bed).strip())
    try:
        with tempfile.TemporaryDirectory(prefix="crash-", ignore_cleanup_errors=True) as folder:
            async with upstream.session() as session, nursery() as operators:
                api = Api(upstream, session)
                async with Witness(api).watching() as witness:
                    yield Laboratory(upstream, api, witness, audit, operators, Path(folder))
    finally:
        audit.close()


def install(cluster: Cluster) -> None:
    """Install the CRDs."""
    cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    cluster.kubectl("wait", "--for=condition=Established", "-f", str(ROOT / "crds"), "--timeout=30s")
