"""Operator processes that start in a few milliseconds: forked from one that has everything imported.

Each is a process of its own, killed by SIGKILL like any other. What they share, within a worker: the import, and the
seed by which Python orders sets of strings.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import connection, forkserver
from pathlib import Path
from unittest.mock import patch

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([__name__, "scenario_operator.app", "scenario_operator.controllers"])
_OPERATOR = Path(__file__).resolve().parents[2] / "operator"
_LOCK = threading.Lock()
"""An exit code can be read once only, and each start reads those of all that have ended."""

Disguise = Callable[[], object]
"""What a process does to itself before it starts to work, as a module's function."""


class Process:
    """One operator, looked at as one looks at a `subprocess.Popen`, from any thread."""

    def __init__(self, argv: Sequence[str], log: Path, disguise: Disguise | None = None) -> None:
        given = (tuple(argv), str(log), dict(os.environ), disguise)
        self._process = _SERVER.Process(target=_become, args=given, daemon=True)
        with _LOCK:
            _ensure_server()
            self._process.start()
        assert self._process.pid
        self.pid: int = self._process.pid
        self._fd = _opened(self.pid)
        weakref.finalize(self, os.close, self._fd)

    @property
    def sentinel(self) -> int:
        """Return a file descriptor that is ready to be read once the process has ended."""
        return self._process.sentinel

    def poll(self) -> int | None:
        """Return the exit code, None while it lives; minus the signal if one ended it."""
        with _LOCK:
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
        if self.poll() is not None:
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, number)


def _opened(pid: int) -> int:
    """Return what signals are sent by: a pid could be somebody else's by then. Of a process that is gone, nothing."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return os.open(os.devnull, os.O_RDONLY)


def _ensure_server() -> None:
    """Start what all are forked from: it does not inherit sys.path in time for what it imports (CPython gh-117378)."""
    path = [str(_OPERATOR), *sys.path]
    with patch.dict(os.environ, {"PYTHONPATH": os.pathsep.join(path)}):
        forkserver.ensure_running()


def _become(argv: Sequence[str], log: str, environment: dict[str, str], disguise: Disguise | None) -> None:
    """Be an operator: cut what ties this process to the one that asked for it, but for its death."""
    gc.freeze()
    threading.Thread(target=_die_with_the_worker, daemon=True).start()
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


def _die_with_the_worker() -> None:
    worker = multiprocessing.parent_process()
    assert worker is not None
    worker.join()
    os.kill(os.getpid(), signal.SIGKILL)
