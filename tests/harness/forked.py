"""Operator processes that start in a few milliseconds: forked from one that has everything imported.

Each is a process of its own, killed by SIGKILL like any other; only the import is shared, by all tests of a worker.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing import connection, forkserver
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([__name__, "scenario_operator.app", "scenario_operator.controllers"])

Disguise = Callable[[], object]
"""What a process does to itself before it starts to work, as a module's function."""


class Process:
    """One operator, looked at as one looks at a `subprocess.Popen`, from any thread."""

    def __init__(self, argv: Sequence[str], log: Path, disguise: Disguise | None = None) -> None:
        _ensure_server()
        given = (tuple(argv), str(log), dict(os.environ), disguise)
        self._process = _SERVER.Process(target=_become, args=given, daemon=True)
        self._lock = threading.Lock()
        self._process.start()
        assert self._process.pid
        self.pid: int = self._process.pid

    @property
    def sentinel(self) -> int:
        """Return a file descriptor that is ready to be read once the process has ended."""
        return self._process.sentinel

    def poll(self) -> int | None:
        """Return the exit code, None while it lives; minus the signal if one ended it."""
        with self._lock:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return the exit code."""
        connection.wait([self.sentinel], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("operator", timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _ensure_server() -> None:
    """Start what all are forked from: it does not inherit sys.path in time for what it imports (CPython gh-117378)."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _become(argv: Sequence[str], log: str, environment: dict[str, str], disguise: Disguise | None) -> None:
    """Be an operator: cut what ties this process to the one it was forked from, but for the death they share."""
    gc.freeze()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for target, source in ((0, nothing), (1, out), (2, out)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(environment)
    if disguise is not None:
        disguise()
    from scenario_operator.__main__ import main

    sys.exit(main(argv))
