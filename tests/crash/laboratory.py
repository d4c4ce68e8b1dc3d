"""Runs one reference upgrade under one set of faults, and judges how it ended."""

from __future__ import annotations

import asyncio
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.crash.references import Reference, first_settled
from tests.harness.cluster import PATIENCE, ROOT, Cluster
from tests.harness.fault_process import Forked, arguments
from tests.harness.fault_witness import COLLECTIONS, Api, Audit, Witness, differences, snapshot, timeless
from tests.harness.faults import Call, Fault, Proxy, Recorded, Upstream, WatchFault

JsonObject = dict[str, Any]
QUIET_SECONDS = 1.5
"""So long nothing must be written once the end is reached; silence before it says nothing, on a busy machine least."""
LEARNT_QUIET_SECONDS = 6.0
"""The same where the end is not known yet, but learnt."""
LIMIT_SECONDS = 600.0
"""After so long the end will not be reached any more."""
STALLED_SECONDS = 90.0
"""After so long without a write an end that is another one stays so: whatever waits is looked at every 30 s."""
_MOST_RESTARTS = 10
"""After so many ends that nobody caused, it is broken."""
_NUMBERS = count()
_LEASES_PATH = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
SHARED_TERMS = (
    *("--lease-duration-seconds", "20"),
    *("--lease-renew-seconds", "1"),
    *("--lease-retry-seconds", "0.2"),
)
"""Of a lease whose end somebody waits for, and which nobody loses because other work has the processors."""


@dataclass
class Expected:
    """What the undisturbed run did, and how it ended."""

    world: dict[str, JsonObject]
    calls: list[Call]
    hooks: Counter[str]
    claims_deleted: Counter[str]
    seconds: float


Learnt = dict[str, Expected]
"""Expectations by the reference's name."""


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


def all_converged(outcomes: Sequence[Outcome]) -> None:
    """Require that each case hit what it was to hit, and ended as if nothing had."""
    wrong = [outcome.story() for outcome in outcomes if outcome.problems]
    assert not wrong, "\n".join(wrong)
    assert all(outcome.reached for outcome in outcomes), [o.faults for o in outcomes if not o.reached]


class Laboratory:
    """One bed, one witness; cases run beside each other in namespaces of their own."""

    def __init__(
        self,
        upstream: Upstream,
        api: Api,
        witness: Witness,
        audit: Audit,
        folder: Path,
        expected: Learnt,
    ) -> None:
        self._upstream, self.api, self.witness = upstream, api, witness
        self._audit, self._folder = audit, folder
        self.expected = expected
        self._filled: set[str] = set()

    async def prepare(self, references: Sequence[Reference]) -> list[str]:
        """Make a namespace for each reference to begin in; one operator brings all of them there."""
        places = {await self.namespace(reference.name): reference for reference in references}
        begun = [namespace for namespace, reference in places.items() if reference.before]
        if begun:
            await self._bring(begun, places)
        return list(places)

    async def namespace(self, purpose: str) -> str:
        """Make a namespace."""
        name = f"{re.sub(r'[^a-z0-9]+', '-', purpose.lower())}-{next(_NUMBERS)}"
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await self.api.call("POST", "/api/v1/namespaces", body)
        self._filled.add(name)
        return name

    async def clear(self, *namespaces: str) -> None:
        """Delete what is in these namespaces, all when none is named: the next tests want a bed that is at rest."""
        for namespace in namespaces or tuple(self._filled):
            for kind in ("ScenarioRun", "Scenario"):
                await self.api.call("DELETE", COLLECTIONS[kind] % namespace)
            self._filled.discard(namespace)

    async def _bring(self, namespaces: Sequence[str], places: Mapping[str, Reference]) -> None:
        for namespace in namespaces:
            await self.api.apply(namespace, *places[namespace].before)
        async with self.served(namespaces, Proxy(self._upstream)) as subject:
            await asyncio.gather(*(self._until_first_settled(namespace) for namespace in namespaces))
            await subject.proxy.until_quiet(QUIET_SECONDS)

    async def _until_first_settled(self, namespace: str) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        while not first_settled(seen := await snapshot(self.api, namespace, ("ScenarioRun", "Scenario"))):
            assert time.monotonic() < end, f"{namespace} does not get on its first version: {seen}"
            await asyncio.sleep(0.5)

    async def learn(self, references: Sequence[Reference]) -> None:
        """Run references undisturbed, those that are not known yet, and remember what they did."""
        new = [reference for reference in references if reference.name not in self.expected]
        namespaces = await self.prepare(new)
        await asyncio.gather(*(self._learn(*each) for each in zip(namespaces, new, strict=True)))

    async def _learn(self, namespace: str, reference: Reference) -> None:
        began = time.monotonic()
        async with self._moved(namespace, reference, Proxy(self._upstream)) as subject:
            world = await self._settled(namespace, reference, subject.proxy)
            calls = [record.call for record in subject.proxy.calls]
            assert subject.restarts == 0, f"{reference.name}: the operator ended by itself"
        testimony = self.witness.hear(namespace)
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

    async def _settled(self, namespace: str, reference: Reference, proxy: Proxy) -> dict[str, JsonObject]:
        """Wait for the end of an undisturbed run, and some more for what might come after it."""
        end = time.monotonic() + LIMIT_SECONDS
        while not await self.has_settled(namespace, reference):
            assert time.monotonic() < end, f"{reference.name} does not settle undisturbed, see {namespace}"
            await asyncio.sleep(0.5)
        await proxy.until_quiet(LEARNT_QUIET_SECONDS)
        world = await snapshot(self.api, namespace)
        assert reference.settled(world), f"{reference.name} has settled, and moved on: {world}"
        return world

    async def attempt(
        self,
        namespace: str,
        reference: Reference,
        faults: Sequence[Fault] = (),
        watch_faults: Sequence[WatchFault] = (),
        *more: str,
    ) -> Outcome:
        """Run a reference under faults in a namespace that is prepared for it, and judge its end."""
        proxy = Proxy(self._upstream, faults, watch_faults)
        began = time.monotonic()
        async with self._moved(namespace, reference, proxy, *more) as subject:
            problems = await self.judged(namespace, reference, [proxy])
            problems += subject.trouble()
        asked = tuple(str(f) for f in (*faults, *watch_faults))
        reached = set(asked) <= set(proxy.committed)
        seconds = time.monotonic() - began
        if not problems:
            await self.clear(namespace)
        return Outcome(
            reference.name, asked, namespace, problems, reached, seconds, subject.restarts, proxy.calls
        )

    async def has_settled(self, namespace: str, reference: Reference) -> bool:
        """Say whether the run and its attempts show the end of a reference: a cheap look, often."""
        return reference.settled(await snapshot(self.api, namespace, ("ScenarioRun", "ScenarioUpgrade")))

    async def judged(self, namespace: str, reference: Reference, proxies: Sequence[Proxy]) -> list[str]:
        """Wait for the end and until nothing moves after it; say what is not as it was without a disturbance."""
        expected = self.expected[reference.name]
        problems = await self._differences_at_the_end(namespace, reference, proxies, expected)
        return problems + self._misdeeds(namespace, expected)

    async def _differences_at_the_end(
        self, namespace: str, reference: Reference, proxies: Sequence[Proxy], expected: Expected
    ) -> list[str]:
        """Wait until the end is reached, the world is the expected one and nothing is written any more."""

        def quiet() -> float:
            return min(proxy.quiet_seconds() for proxy in proxies)

        end = time.monotonic() + LIMIT_SECONDS
        while True:
            await asyncio.sleep(0.3)
            late = time.monotonic() > end
            if quiet() < QUIET_SECONDS and not late:
                continue
            settled = await self.has_settled(namespace, reference)
            if not settled and not late:
                continue
            seen = timeless(await snapshot(self.api, namespace), namespace)
            found = list(differences(expected.world, seen))
            if not settled:
                return [f"after {LIMIT_SECONDS:.0f} s it is not where it was to come", *found]
            if late or quiet() >= (STALLED_SECONDS if found else QUIET_SECONDS):
                return found
            await asyncio.sleep(0.35)

    def _misdeeds(self, namespace: str, expected: Expected) -> list[str]:
        testimony = self.witness.hear(namespace)
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
    async def replicas(
        self, namespace: str, reference: Reference, first: Proxy, second: Proxy
    ) -> AsyncIterator[tuple[Subject, Subject]]:
        """Let two operators with one lease carry out a reference; the first one leads."""
        lease = f"{namespace}-shared"
        async with self.served([namespace], first, *SHARED_TERMS, lease=lease) as leader:
            await self.until_held(lease)
            async with self.served([namespace], second, *SHARED_TERMS, lease=lease) as standby:
                await self.api.apply(namespace, *reference.move)
                yield leader, standby

    async def until_held(self, lease: str) -> None:
        """Wait until somebody holds a lease."""
        end = time.monotonic() + LIMIT_SECONDS
        while not any(o["metadata"]["name"] == lease for o in await self.api.items(_LEASES_PATH)):
            assert time.monotonic() < end, f"nobody takes the lease {lease}"
            await asyncio.sleep(0.1)

    def proxy(self, faults: Sequence[Fault] = ()) -> Proxy:
        """Make a proxy to the bed's server."""
        return Proxy(self._upstream, faults)

    async def steal(self, lease: str) -> None:
        """Make somebody else the holder of a lease, as an administrator or a bug elsewhere might."""
        body = {"spec": {"holderIdentity": "thief"}}
        await self.api.call("PATCH", f"{_LEASES_PATH}/{lease}", body, "application/merge-patch+json")

    @asynccontextmanager
    async def _moved(
        self, namespace: str, reference: Reference, proxy: Proxy, *more: str
    ) -> AsyncIterator[Subject]:
        await self.api.apply(namespace, *reference.move)
        async with self.served([namespace], proxy, *more) as subject:
            yield subject

    @asynccontextmanager
    async def served(
        self, namespaces: Sequence[str], proxy: Proxy, *more: str, lease: str = "", renderer: int = 0
    ) -> AsyncIterator[Subject]:
        """Run an operator for these namespaces; with `renderer`, one that renders pods differently."""
        kubeconfig = self._folder / f"{namespaces[0]}-{next(_NUMBERS)}.kubeconfig"
        async with proxy.running(kubeconfig):
            subject = Subject(proxy, kubeconfig, tuple(namespaces), more, lease, renderer)
            async with subject.alive():
                yield subject


class Subject:
    """An operator that is started again whenever it ends, as a Deployment would do."""

    def __init__(
        self,
        proxy: Proxy,
        kubeconfig: Path,
        namespaces: tuple[str, ...],
        more: tuple[str, ...],
        lease: str = "",
        renderer: int = 0,
    ) -> None:
        self.proxy, self._kubeconfig = proxy, kubeconfig
        self._namespaces, self._more, self.lease = namespaces, more, lease
        self._renderer = renderer
        self.log = kubeconfig.with_suffix(".log")
        self.lives = 0
        self.restarts = 0
        self._killed = 0
        self._retired = False
        self._current: Forked | None = None
        proxy.kill = self.kill

    async def kill(self) -> None:
        """End the present process as a crash does."""
        assert self._current is not None
        self._killed += 1
        await self._current.kill()

    def send(self, number: signal.Signals) -> None:
        """Send the present process a signal."""
        assert self._current is not None
        self._current.send(number)

    async def retire(self) -> None:
        """End it as the kubelet ends a pod that is replaced; it is not started again."""
        assert self._current is not None
        self._retired = True
        self._current.send(signal.SIGTERM)
        await self._current.dead.wait()

    @property
    def port(self) -> int:
        """Return where the present process serves probes and metrics."""
        assert self._current is not None
        return self._current.port

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[Subject]:
        """Keep an operator running for as long as the block lasts."""
        self._start()
        keeping = asyncio.create_task(self._keep())
        try:
            yield self
            assert self._retired or not keeping.done(), keeping.exception()
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
        return [*found, *self.bugs()]

    def bugs(self) -> list[str]:
        """Return the first unhandled exception of its log, if there is one."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if "Traceback" in line or "bug key=" in line][:1]

    def _start(self) -> None:
        # Else a lease of its own each time: who follows a dead leader, and when, is another test's matter.
        lease = self.lease or f"{self._namespaces[0]}-{next(_NUMBERS)}"
        chosen = arguments(self._namespaces, lease, *self._more)
        self._current = Forked(self._kubeconfig, self.log, *chosen, renderer=self._renderer)
        self.lives += 1

    async def _keep(self) -> None:
        while True:
            assert self._current is not None
            await self._current.dead.wait()
            if self._retired:
                return
            self.restarts += 1
            unasked = self.restarts - self._killed
            assert unasked <= _MOST_RESTARTS, f"it ends again and again: {self.log.read_text()[-2000:]}"
            self._start()


@asynccontextmanager
async def laboratory(cluster: Cluster, expected: Learnt | None = None) -> AsyncIterator[Laboratory]:
    """Set up a laboratory on a bed that has the CRDs; `expected` is what an earlier one there has learnt."""
    known = {} if expected is None else expected
    upstream = Upstream(cluster.kubeconfig)
    audit = Audit(cluster.audit)
    try:
        with tempfile.TemporaryDirectory(prefix="crash-", ignore_cleanup_errors=True) as folder:
            async with upstream.session() as session:
                api = Api(upstream, session)
                async with Witness(api).watching() as witness:
                    lab = Laboratory(upstream, api, witness, audit, Path(folder), known)
                    yield lab
                    await lab.clear()
    finally:
        audit.close()


def install(cluster: Cluster) -> None:
    """Install the CRDs."""
    cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    cluster.kubectl("wait", "--for=condition=Established", "-f", str(ROOT / "crds"), PATIENCE)
