"""Operators of the crash laboratory, looked at from an event loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.forked import Process
from tests.harness.operator import LEASE_SECONDS, free_port


@dataclass(frozen=True)
class Renderer:
    """What makes a process one that renders pods differently; only there the operator is imported."""

    number: int

    def __call__(self) -> None:
        from tests.harness.other_renderer import pretend

        pretend(self.number)


class Forked:
    """One operator process that serves its metrics at `port`; `dead` is set once it has ended."""

    def __init__(self, kubeconfig: Path, log: Path, *arguments: str, renderer: int = 0) -> None:
        """Start it, and return at once; with a number, it is one that renders pods differently."""
        self.port = free_port()
        argv = ["run", "--kubeconfig", str(kubeconfig), "--port", str(self.port), "--log-format", "console"]
        self._process = Process([*argv, *arguments], log, Renderer(renderer) if renderer else None)
        self.dead = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._process.sentinel, self._died)

    def _died(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self.dead.set()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        self._process.send_signal(number)

    async def kill(self) -> None:
        """End it as a crash does, and wait until it is gone."""
        self.send(signal.SIGKILL)
        await self.dead.wait()


def arguments(namespaces: Sequence[str], lease: str, *more: str) -> tuple[str, ...]:
    """Return the arguments of an operator that serves some namespaces under a lease of its own."""
    chosen = [part for namespace in namespaces for part in ("--namespace", namespace)]
    chosen += ["--lease-name", lease, "--lease-duration-seconds", str(LEASE_SECONDS)]
    return (*chosen, "--qps", "500", "--burst", "1000", *more)
