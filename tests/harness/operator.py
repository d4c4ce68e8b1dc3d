"""The operator as a process: started, killed, frozen and thawed by tests."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.harness.cluster import PATIENCE_SECONDS, ROOT, Cluster
from tests.harness.forked import Disguise, Process

LEASE_SECONDS = 60
"""So long that no leader loses its lease because other work has the processors."""


@dataclass
class Operator:
    """One operator process against a cluster; `log` is where it writes.

    `disguise` makes it an odd one; `kubeconfig`: other credentials than the cluster's; `alone`: a process that shares
    nothing with others, to be measured.
    """

    cluster: Cluster
    log: Path
    lease: str = "scenario-operator"
    lease_seconds: int = LEASE_SECONDS
    more: tuple[str, ...] = ()
    disguise: Disguise | None = None
    kubeconfig: str = ""
    alone: bool = False
    port: int = field(default_factory=lambda: free_port())
    process: subprocess.Popen[bytes] | Process | None = None

    def start(self) -> Operator:
        """Start the process and return at once."""
        argv = ["run", "--kubeconfig", self.kubeconfig or self.cluster.kubeconfig]
        argv += ["--port", str(self.port), "--log-format", "console", "--lease-name", self.lease]
        argv += ["--lease-duration-seconds", str(self.lease_seconds), *self.more]
        self.process = _spawn(argv, self.log) if self.alone else Process(argv, self.log, self.disguise)
        return self

    def until_ready(self, seconds: float = PATIENCE_SECONDS) -> Operator:
        """Wait until /readyz answers 200."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process is not None
            assert self.process.poll() is None, f"the operator ended:\n{self.tail()}"
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=30) as answer:
                    if answer.status == 200:
                        return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the operator is not ready:\n{self.tail()}")

    def metrics(self) -> str:
        """Return its metrics page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            return str(answer.read().decode())

    def passes(self) -> float:
        """Return how many passes over keys have ended: what was looked at, written or not."""
        found = re.findall(
            r"^scenario_operator_reconcile\w*_(?:total|count)\{.*\} (\S+)$", self.metrics(), re.MULTILINE
        )
        return sum(float(value) for value in found)

    def kill(self) -> None:
        """End it as a crash does; who follows a dead leader, and when, is another test's matter."""
        self._send(signal.SIGKILL)
        self.lease += "-next"

    def stop(self) -> None:
        """End it as the kubelet does."""
        self._send(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop its threads where they are."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def tail(self, lines: int = 60) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-lines:])

    def _send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(timeout=PATIENCE_SECONDS)


class Deployment:
    """An operator that is started again whenever it ends, as the kubelet does; `ends` are its exit codes."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.ends: list[int] = []
        self._over = threading.Event()
        self._keeper = threading.Thread(target=self._keep)

    def __enter__(self) -> Self:
        self.operator.start()
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.operator.stop()
        self._keeper.join()

    def _keep(self) -> None:
        while True:
            assert self.operator.process is not None
            code = self.operator.process.wait()
            if self._over.wait(1.0):
                return
            self.ends.append(code)
            self.operator.start()


@contextmanager
def running(
    cluster: Cluster, log: Path, *more: str, lease: str = "scenario-operator", alone: bool = False
) -> Iterator[Operator]:
    """Run an operator for as long as the block lasts."""
    operator = Operator(cluster, log, lease=lease, more=more, alone=alone).start()
    try:
        yield operator.until_ready()
    finally:
        operator.stop()


def _spawn(argv: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator")}
    with log.open("ab") as out:
        command = [sys.executable, "-m", "scenario_operator", *argv]
        return subprocess.Popen(command, stdout=out, stderr=out, env=environment)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
