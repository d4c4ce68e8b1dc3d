"""The life of a bed: up, down and what is known of it in between."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from beds import network, node, parts, pki, toolchain
from beds.common import TOOLS, BedError, Json, WaitError, cache, lock, run, say, wait_for, write
from beds.supervisor import MARK

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_THRIFT = {"GOGC": "off", "GOMEMLIMIT": "1GiB", "GOMAXPROCS": "1"}
"""Components collect garbage only when they have filled this, and spread over no second processor: processors are what
a machine full of beds lacks."""
_HOMELY = {"GOGC": "300", "GOMAXPROCS": "1"}
"""The same for a bed `node`, which may stay up for days beside other work: less memory."""


def _beds() -> Path:
    return cache() / "beds"


@dataclass(frozen=True)
class Bed:
    """A bed by its name; everything else is read from its folder, so that any process can ask."""

    name: str

    @property
    def folder(self) -> Path:
        return _beds() / self.name

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def audit(self) -> Path:
        return self.folder / "audit.jsonl"

    @property
    def kubeconfig(self) -> Path:
        return self.pki / "admin.kubeconfig"

    @cached_property
    def record(self) -> Json:
        """What was written when the bed was begun; empty if there is none."""
        try:
            return dict(json.loads((self.folder / "bed.json").read_text()))
        except FileNotFoundError:
            return {}

    @property
    def kind(self) -> str:
        return str(self.record["kind"])

    @property
    def network(self) -> network.Network:
        return network.Network(int(self.record["index"]))

    @property
    def cgroup(self) -> str:
        return f"/scenario-beds/{self.record['index']}-{self.name}"

    # -- the supervisor ---------------------------------------------------------------------------

    def init(self) -> int | None:
        """PID of the bed's PID 1 as seen from here, if it is alive and really the one that we started."""
        try:
            known = json.loads((self.folder / "init.json").read_text())
        except FileNotFoundError:
            return None
        return int(known["pid"]) if _started(int(known["pid"])) == known["started"] else None

    def ask(self, **request: object) -> Json:
        """One request to the supervisor; raises BedError if nobody answers."""
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(5)
                handle = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
                try:
                    line.connect(f"/proc/self/fd/{handle}/supervisor.sock")
                finally:
                    os.close(handle)
                line.sendall(json.dumps(request).encode() + b"\n")
                with line.makefile() as answer:
                    reply = dict(json.loads(answer.readline() or "{}"))
        except OSError as problem:
            raise BedError(f"bed {self.name}: its supervisor does not answer ({problem})") from problem
        if "error" in reply:
            raise BedError(f"bed {self.name}: {reply['error']}")
        return reply

    def launch_supervisor(self) -> int:
        """Start PID 1 of the bed; its environment marks it and every descendant as this bed's."""
        environment = {**os.environ, MARK: str(self.folder)}
        script = TOOLS / "beds" / "supervisor.py"
        keep = [cache(), TOOLS.parent, Path.home()]
        command = [sys.executable, "-B", *map(str, [script, self.folder, *keep])]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BedError(f"cannot start the bed's supervisor: {done.stderr.strip()[-500:]}")
        pid = int(done.stdout)
        write(self.folder / "init.json", {"pid": pid, "started": _started(pid)})
        wait_for("the bed's supervisor", self._supervised, 10)
        return pid

    def _supervised(self) -> bool:
        if self.init() is None:
            raise BedError(f"the bed's supervisor ended: {self.log_tail('supervisor')}")
        with contextlib.suppress(BedError):
            self.ask(op="status")
            return True
        return False

    def start(self, name: str, argv: list[str], **env: str) -> None:
        env = {**(_HOMELY if self.kind == "node" else _THRIFT), **env}
        self.ask(op="start", name=name, argv=argv, log=str(self.log(name)), env=env)

    def stop(self, name: str, kill: bool = False) -> list[str]:
        """Stop a component, and return the command that starts it; `restart` does.

        By force if asked, or if it does not end in time: the API server waits a minute for its watches.
        """
        command = self.components().get(name)
        if not command:
            raise BedError(f"bed {self.name} has no component {name!r}")
        for number in [signal.SIGKILL] if kill else [signal.SIGTERM, signal.SIGKILL]:
            with contextlib.suppress(WaitError):
                self.ask(op="stop", name=name, number=number.value)
                wait_for(f"{name} to end", lambda: self.ask(op="status")[name]["exit"] is not None, 10)
        return command

    def restart(self, name: str, kill: bool = False) -> None:
        """Stop a component, if it runs, and start it as it was started before."""
        self.start(name, self.stop(name, kill))
        self.wait("the API server", parts.Api(self).ready)

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def log_tail(self, name: str) -> str:
        try:
            return self.log(name).read_text(errors="replace")[-1500:]
        except FileNotFoundError:
            return "(no log)"

    # -- up -----------------------------------------------------------------------------------------

    def components(self) -> dict[str, list[str]]:
        """Commands of all components, in the order of their start."""
        commands = {
            "etcd": parts.etcd(self),
            "kube-apiserver": parts.apiserver(self),
            "kube-controller-manager": parts.controller_manager(self),
        }
        if self.kind == "sim":
            commands["simkubelet"] = parts.simkubelet(self)
        if self.kind == "node":
            commands |= node.components(self)
        return commands

    def wait(self, what: str, ready: Callable[[], bool], timeout: float = 60) -> None:
        """Wait for something that components bring about; a component that ends is the answer at once."""

        def check() -> bool:
            for name, component in self.ask(op="status").items():
                if component["exit"] is not None:
                    raise BedError(f"{name} ended with {component['exit']}:\n{self.log_tail(name)}")
            return ready()

        wait_for(what, check, timeout)

    def healthy(self) -> bool:
        """Everything runs and the API server says that it is ready."""
        if self.record.get("stage") != "up" or self.init() is None:
            return False
        try:
            alive = all(component["exit"] is None for component in self.ask(op="status").values())
        except BedError:
            return False
        return alive and parts.Api(self).ready()

    def _begin(self, kind: str) -> None:
        with lock(_beds() / ".lock"):
            taken = {bed.network.index for bed in everything() if bed.record}
            chosen = network.choose(self.name, taken)
            (self.folder / "logs").mkdir(parents=True)
            self._write_record(kind=kind, index=chosen.index, stage="starting", created=time.time())

    def _write_record(self, **changes: object) -> None:
        write(self.folder / "bed.json", {**self.record, **changes})
        self.__dict__.pop("record", None)

    def _create(self, kind: str) -> None:
        self._begin(kind)
        pki.create(self.pki, self.network.address, parts.NODE[kind])
        self.network.connect(self.launch_supervisor())
        if kind == "node":
            node.prepare(self)
        commands = self.components()
        early = ["etcd", "kube-apiserver", "registry", "containerd"]
        for name in [name for name in early if name in commands]:
            self.start(name, commands.pop(name))
        api = parts.Api(self)
        self.wait("the API server", api.ready)
        if kind == "node":
            node.furnish(self, api)
        for name, command in commands.items():
            self.start(name, command)
        self.wait("the default ServiceAccount", lambda: self._default_account(api))
        if kind in ("sim", "node"):
            self.wait("the node", lambda: api.node_ready(parts.NODE[kind]))
        self._write_record(stage="up")

    @staticmethod
    def _default_account(api: parts.Api) -> bool:
        return api.exists("/api/v1/namespaces/default/serviceaccounts/default")

    def up(self, kind: str) -> None:
        """Bring the bed up, or find that it is; whatever fails on the way is taken down again."""
        if not _NAME.fullmatch(self.name):
            raise BedError(f"not a bed name: {self.name!r} (at most 32 of a-z, 0-9 and -)")
        if os.geteuid():
            raise BedError("beds need root, for namespaces and mounts")
        with self.locked():
            if self.record and self.record["kind"] != kind:
                raise BedError(f"bed {self.name} exists and is of kind {self.kind}; take it down first")
            if self.healthy():
                return
            if self.folder.exists():
                say(f"bed {self.name} is not healthy: starting it afresh")
                self._destroy()
            toolchain.build(kind)
            say(f"bed {self.name} ({kind}) is starting …")
            try:
                self._create(kind)
            except BaseException:
                self._keep_logs()
                self._destroy()
                raise
            say(f"bed {self.name} ({kind}) is up")

    # -- down ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with lock(_beds() / f".{self.name}.lock"):
            self.__dict__.pop("record", None)
            yield

    def down(self) -> bool:
        """End the bed; answers whether there was one."""
        with self.locked():
            existed = self.folder.exists() or bool(self._processes())
            self._destroy()
            return existed

    def _processes(self) -> list[int]:
        """Every process of this bed, known by its environment: a PID alone may be a stranger's by now."""
        mark = f"{MARK}={self.folder}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return sorted(found)

    def _destroy(self) -> None:
        init = self.init()
        victims = [init] if init else []
        for pid in [*victims, *self._processes()]:  # PID 1 first: the kernel then ends all others
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for("the bed's processes to end", lambda: not self._processes(), 30)
        if init:
            wait_for("the bed's supervisor to end", lambda: not Path(f"/proc/{init}/ns").exists(), 30)
        if self.record:
            self.network.disconnect()
            self._remove_cgroups()
        _unmount_below(self.folder)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.__dict__.pop("record", None)
        with contextlib.suppress(OSError):
            _beds().rmdir()

    def _remove_cgroups(self) -> None:
        for top in node.cgroup_roots():
            base = Path(str(top) + self.cgroup)
            if base.exists():
                for path, _, _ in os.walk(base, topdown=False):
                    wait_for(f"{path} to empty", partial(_removed, Path(path)), 20)
            with contextlib.suppress(OSError):
                base.parent.rmdir()

    def _keep_logs(self) -> None:
        """A failed `up` leaves nothing but its logs, in a folder of their own, replaced by the next one."""
        target = cache() / "failed" / self.name
        shutil.rmtree(target, ignore_errors=True)
        with contextlib.suppress(OSError):
            shutil.copytree(self.folder / "logs", target)
            say(f"logs of the failed start: {target}")

    # -- telling ------------------------------------------------------------------------------------

    def status(self) -> Json:
        """Facts for a person or a program."""
        if not self.record:
            return {"name": self.name, "state": "absent"}
        try:
            components = self.ask(op="status")
        except BedError:
            components = {}
        return {
            "name": self.name,
            "kind": self.kind,
            "state": "up" if self.healthy() else self._unwell(),
            "server": f"https://{self.network.address}:6443",
            "kubeconfig": str(self.kubeconfig),
            "audit": str(self.audit),
            "logs": str(self.folder / "logs"),
            "init": self.init(),
            "components": {
                name: "running" if component["exit"] is None else f"ended with {component['exit']}"
                for name, component in components.items()
            },
        }

    def _unwell(self) -> str:
        if self.record["stage"] == "up":
            return "broken"
        return "starting" if _is_locked(_beds() / f".{self.name}.lock") else "abandoned"

    def enter(self, argv: list[str]) -> list[str]:
        """The command that runs `argv` inside the bed's namespaces."""
        init = self.init()
        if init is None:
            raise BedError(f"bed {self.name} is not up")
        return ["nsenter", "-t", str(init), "-n", "-m", "-p", "--wdns=/", "--", *argv]


def everything() -> list[Bed]:
    """All beds of this cache, also those whose `up` crashed."""
    try:
        return [Bed(entry.name) for entry in sorted(_beds().iterdir()) if entry.is_dir()]
    except FileNotFoundError:
        return []


def _started(pid: int) -> str | None:
    """Start time in clock ticks; with the PID it names a process for as long as the machine runs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if stat[0] in "ZX" else stat[19]


def _removed(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        folder.rmdir()
    return not folder.exists()


def _unmount_below(folder: Path) -> None:
    """There should be none, as a bed's mounts die with its namespace; rmtree must never meet one."""
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in sorted((p for p in points if p.startswith(f"{folder}/")), reverse=True):
        run(["umount", "-l", point])


def _is_locked(path: Path) -> bool:
    try:
        with path.open() as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
