"""Operator processes that start in a few milliseconds: forked from one that has everything imported.

Each is a process of its own, killed by SIGKILL like any other; only the import is shared. `python -m
tests.harness.fault_process` is the process that forks: it reads one order a line and answers with a pid.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.cluster import ROOT
from tests.harness.operator import free_port

_PR_SET_PDEATHSIG = 1


@dataclass
class Forked:
    """One operator process, by its pidfd: a pid could be somebody else's by now."""

    pid: int
    port: int
    _fd: int = field(default=-1, repr=False)

    def __post_init__(self) -> None:
        self._fd = os.pidfd_open(self.pid)
        self.dead = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._fd, self._died)

    def _died(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        self.dead.set()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if not self.dead.is_set():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, number)

    async def kill(self) -> None:
        """End it as a crash does, and wait until it is gone."""
        self.send(signal.SIGKILL)
        await self.dead.wait()


class Nursery:
    """Starts operators."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lock = asyncio.Lock()

    async def start(self, kubeconfig: Path, log: Path, *arguments: str, renderer: int = 0) -> Forked:
        """Start an operator, and return at once; with a number, it is one that renders pods differently."""
        port = free_port()
        argv = [
            "run",
            "--kubeconfig",
            str(kubeconfig),
            "--port",
            str(port),
            "--log-format",
            "console",
            *arguments,
        ]
        async with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            order = {"argv": argv, "log": str(log), "renderer": renderer}
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            pid = int(await self._process.stdout.readline())
        return Forked(pid, port)


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """Have a nursery for as long as the block lasts; what it started dies with it."""
    path = os.pathsep.join([str(ROOT / "operator"), str(ROOT)])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        yield Nursery(process)
    finally:
        process.kill()
        await process.wait()


def _serve() -> None:
    import scenario_operator.app
    import scenario_operator.controllers  # noqa: F401 (imported once, for all children)
    from scenario_operator.__main__ import main
    from tests.harness.other_renderer import pretend

    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                _become(order["log"])
                if order["renderer"]:
                    pretend(order["renderer"])
                code = main(order["argv"])
            finally:
                os._exit(code)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _become(log: str) -> None:
    """Cut what ties a child to its parent, but for the death they share."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for target, source in ((0, nothing), (1, out), (2, out)):
        os.dup2(source, target)


def arguments(namespaces: Sequence[str], lease: str, *more: str) -> tuple[str, ...]:
    """Return the arguments of an operator that serves some namespaces under a lease of its own."""
    chosen = [part for namespace in namespaces for part in ("--namespace", namespace)]
    return (*chosen, "--lease-name", lease, "--qps", "500", "--burst", "1000", *more)


if __name__ == "__main__":
    _serve()
