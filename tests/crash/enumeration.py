"""Every call of every reference, under every fault: enumeration, not luck."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.crash.laboratory import Expected, Laboratory, Outcome
from tests.crash.references import Reference
from tests.harness.faults import ENUMERATED, Fault

AT_ONCE = 4
_BATCH = 24


@dataclass(frozen=True)
class Case:
    """One fault in one reference."""

    reference: Reference
    fault: Fault

    def __str__(self) -> str:
        return f"{self.reference.name} | {self.fault}"


async def all_cases(lab: Laboratory, references: Sequence[Reference]) -> list[Case]:
    """Run each reference undisturbed, and return every case there is."""
    await lab.learn(references)
    return [case for r in references for case in _cases(r, lab.expected[r.name])]


def _cases(reference: Reference, expected: Expected) -> list[Case]:
    return [Case(reference, Fault(action, call)) for call in expected.calls for action in ENUMERATED]


def sample(cases: Sequence[Case], count: int, seed: int) -> list[Case]:
    """Choose some cases, every reference and every action among them as evenly as the number allows."""
    chance = random.Random(seed)  # noqa: S311 (a sample, not a secret)
    left = list(cases)
    chance.shuffle(left)
    taken: list[Case] = []
    while left and len(taken) < count:
        least = min(left, key=lambda case: _taken(taken, case))
        left.remove(least)
        taken.append(least)
    return taken


def _taken(taken: Sequence[Case], case: Case) -> tuple[int, int]:
    """Count what was taken that is like a case: the same reference, the same action."""
    same = sum(t.reference == case.reference for t in taken)
    return same, sum(t.fault.action is case.fault.action for t in taken)


async def tried(
    lab: Laboratory,
    cases: Sequence[Case],
    tell: Callable[[Outcome], None] = lambda _outcome: None,
    *,
    at_once: int = AT_ONCE,
) -> list[Outcome]:
    """Try every case, some of them at the same time; `tell` hears of each as it ends."""
    outcomes: list[Outcome] = []
    gate = asyncio.Semaphore(at_once)

    async def attempt(case: Case, namespace: str) -> None:
        async with gate:
            outcome = await lab.attempt(namespace, case.reference, [case.fault])
        outcomes.append(outcome)
        tell(outcome)

    under_way: set[asyncio.Task[None]] = set()
    for batch in (cases[i : i + _BATCH] for i in range(0, len(cases), _BATCH)):
        namespaces = await lab.prepare([case.reference for case in batch])
        while len(under_way) > at_once:  # prepare the next batch while the last of this one are tried
            _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        under_way |= {
            asyncio.create_task(attempt(case, namespace))
            for case, namespace in zip(batch, namespaces, strict=True)
        }
    await asyncio.gather(*under_way)
    return outcomes
