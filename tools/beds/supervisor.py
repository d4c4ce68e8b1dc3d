"""PID 1 of a bed: a bed is one PID, mount and network namespace, and this process is their life.

Everything a bed starts (API server, kubelet, container shims, containers) lives below it, so killing this
one process makes the kernel end every process, mount, network namespace and link of the bed: there is no
state in which a crashed `up` leaves something that `down` cannot find. `/run` and `/var` are private to
the bed, because containerd, kubelet and CNI hard-code paths there.

It answers one JSON line per connection on a unix socket: start, stop and status of named components.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

MARK = "SCENARIO_BED_DIR"
_NEWNS, _NEWPID, _NEWNET = 0x00020000, 0x20000000, 0x40000000
_BIND, _REC, _PRIVATE, _SHARED = 0x1000, 0x4000, 1 << 18, 1 << 20
_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    result = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), None)
    _checked(result, f"mount {target}")


def _private_mounts(keep: list[str]) -> None:
    """Empty /run and /var, except for the folders in `keep`, which may lie below them."""
    outer_first = sorted(keep, key=len)
    handles = [(path, os.open(path, os.O_PATH | os.O_DIRECTORY)) for path in outer_first]
    _mount("none", "/", "", _REC | _PRIVATE)
    _mount("proc", "/proc", "proc", _NOSUID_NODEV_NOEXEC)
    for folder in ("/run", "/var"):
        _mount("tmpfs", folder, "tmpfs", 0)
    for folder in ("/run/netns", "/var/lib", "/var/log", "/var/tmp"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    Path("/var/run").symlink_to("/run")
    for path, handle in handles:
        if path.startswith(("/run/", "/var/")):
            Path(path).mkdir(parents=True, exist_ok=True)
            _mount(f"/proc/self/fd/{handle}", path, "", _BIND | _REC)
        os.close(handle)
    _mount("none", "/", "", _REC | _SHARED)  # kubelet propagates its mounts into containers


class Supervisor:
    """Starts components, remembers how they ended and reaps whatever is orphaned in the namespace."""

    def __init__(self) -> None:
        self.components: dict[str, dict[str, Any]] = {}

    def start(self, name: str, argv: list[str], log: str, env: dict[str, str]) -> dict[str, Any]:
        known = self.components.get(name)
        if known and known["exit"] is None:
            return known
        out = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, out, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        pid = os.posix_spawnp(
            argv[0], argv, {**os.environ, **env}, file_actions=actions, setsid=True, setsigmask=()
        )
        self.components[name] = {"pid": pid, "exit": None, "log": log}
        return self.components[name]

    def stop(self, name: str, number: int) -> dict[str, Any]:
        component = self.components[name]
        if component["exit"] is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(component["pid"], number)
        return component

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                for component in self.components.values():
                    if component["pid"] == ended[0] and component["exit"] is None:
                        component["exit"] = os.waitstatus_to_exitcode(ended[1])

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        operation = request.pop("op")
        if operation == "start":
            return self.start(**request)
        if operation == "stop":
            return self.stop(**request)
        return self.components

    def serve(self, path: str) -> None:
        wake, woken = socket.socketpair()
        woken.setblocking(False)
        signal.set_wakeup_fd(woken.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        door = socket.socket(socket.AF_UNIX)
        door.bind(path)
        door.listen(64)
        events = selectors.DefaultSelector()
        events.register(wake, selectors.EVENT_READ)
        events.register(door, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fileobj is wake:
                    wake.recv(4096)
                else:
                    self._converse(door)
                self.reap()

    def _converse(self, door: socket.socket) -> None:
        connection, _ = door.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            with connection.makefile("rwb") as stream:
                self.reap()
                try:
                    reply = self.answer(json.loads(stream.readline()))
                except Exception as problem:  # noqa: BLE001 - the bed must outlive any one request
                    reply = {"error": f"{type(problem).__name__}: {problem}"}
                stream.write(json.dumps(reply).encode() + b"\n")


def _become_init(folder: Path, keep: list[str]) -> None:
    os.setsid()
    log = os.open(folder / "logs" / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    _private_mounts(keep)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.chdir(folder)  # a relative socket path has no length limit to mind
    Supervisor().serve("supervisor.sock")


def main() -> None:
    """Leave the caller's namespaces, fork PID 1 and report its PID as the outside sees it."""
    folder, *keep = sys.argv[1:]
    _checked(_libc.unshare(_NEWNS | _NEWPID | _NEWNET), "unshare (are you root?)")
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        os._exit(0)
    try:
        _become_init(Path(folder), [folder, *keep])
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
