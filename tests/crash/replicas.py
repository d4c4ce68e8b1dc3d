"""Two operators with one lease: the leader is killed, frozen with a write under way, or robbed of its lease."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.crash.laboratory import LIMIT_SECONDS, QUIET_SECONDS, Laboratory, Outcome, Subject
from tests.crash.references import Reference
from tests.harness.faults import Action, Call, Fault, Proxy


class Mishap(StrEnum):
    """What happens to the leader."""

    KILLED = "leader killed after"
    """It dies when its call has landed."""
    FROZEN = "leader frozen at"
    """It freezes with the call under way until the other has finished; then the call lands and it thaws."""
    ROBBED = "lease stolen before"
    """Somebody else is written into its lease, who never renews it."""


@dataclass(frozen=True)
class Duel:
    """One mishap at one call of one reference."""

    reference: Reference
    mishap: Mishap
    call: Call

    def __str__(self) -> str:
        return f"{self.mishap} {self.call}"


_TRIES = 3
"""How often a duel is called again when the leader was gone before its moment: on a machine that is very busy it may
lose its lease by itself."""


async def fought(lab: Laboratory, duels: Sequence[Duel], *, at_once: int = 3) -> list[Outcome]:
    """Try every duel, some of them at the same time."""
    namespaces = await lab.prepare([duel.reference for duel in duels])
    gate = asyncio.Semaphore(at_once)

    async def one(duel: Duel, namespace: str) -> Outcome:
        async with gate:
            outcome = await _fight(lab, duel, namespace)
            for _ in range(1, _TRIES):
                if outcome.reached or outcome.problems:
                    break
                (again,) = await lab.prepare([duel.reference])
                outcome = await _fight(lab, duel, again)
            return outcome

    return list(await asyncio.gather(*(one(*each) for each in zip(duels, namespaces, strict=True))))


async def _fight(lab: Laboratory, duel: Duel, namespace: str) -> Outcome:
    killed = duel.mishap is Mishap.KILLED
    first = lab.proxy([Fault(Action.KILLED_AFTER, duel.call)] if killed else [])
    second = lab.proxy()
    leading: asyncio.Future[Subject] = asyncio.get_running_loop().create_future()

    async def frozen() -> None:
        (await leading).send(signal.SIGSTOP)
        await _until_finished(lab, duel.reference, namespace, second)

    async def robbed() -> None:
        await lab.steal((await leading).lease)

    if not killed:
        first.interludes = {duel.call: frozen if duel.mishap is Mishap.FROZEN else robbed}
    began = time.monotonic()
    async with lab.replicas(namespace, duel.reference, first, second) as (leader, standby):
        leading.set_result(leader)
        if duel.mishap is Mishap.FROZEN:
            await _until_landed(leader, duel.call)
            leader.send(signal.SIGCONT)
        problems = await lab.judged(namespace, duel.reference, [first, second])
        problems += _misdeeds(duel, first, leader, standby)
    reached = bool(first.committed)
    restarts = leader.restarts + standby.restarts
    calls = sorted([*first.calls, *second.calls], key=lambda record: record.at)
    name = duel.reference.name
    return Outcome(
        name, (str(duel),), namespace, problems, reached, time.monotonic() - began, restarts, calls
    )


async def _until_finished(lab: Laboratory, reference: Reference, namespace: str, second: Proxy) -> None:
    """Wait until the other operator has brought the upgrade to its end, or does not get there without this one."""
    end = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < end:
        await asyncio.sleep(0.3)
        if second.calls and await lab.has_settled(namespace, reference):
            await second.until_quiet(QUIET_SECONDS)
            return


async def _until_landed(leader: Subject, call: Call) -> None:
    """Wait until the call that was held back has got its answer, or the leader has ended before making it."""
    end = time.monotonic() + 2 * LIMIT_SECONDS
    while True:
        held = [record for record in leader.proxy.calls if record.call == call]
        if any(record.code for record in held) or (leader.restarts and not held):
            return
        assert time.monotonic() < end, f"{call} never came"
        await asyncio.sleep(0.1)


def _misdeeds(duel: Duel, first: Proxy, leader: Subject, standby: Subject) -> list[str]:
    """Say what no process may do: write after it was frozen past its lease, or hit a bug."""
    found = [line for subject in (leader, standby) for line in subject.bugs()]
    if duel.mishap is Mishap.FROZEN:
        held = next((i for i, record in enumerate(first.calls) if record.call == duel.call), len(first.calls))
        late = [str(record.call) for record in first.calls[held + 1 :]]
        found += [f"the leader went on writing after its freeze: {late}"] if late else []
    return found
