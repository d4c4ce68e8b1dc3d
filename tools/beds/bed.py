"""The life of a bed: up, down and what is known of it in between."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from beds import network, node, parts, pki, toolchain
from beds.common import BedError, Json, WaitError, cache, lock, run, say, wait_for
from beds.frame import Frame, folder_of_beds
from beds.supervisor import MARK

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


class Bed(Frame):
    """A frame with its components in it, which can be begun and ended."""

    # -- components ---------------------------------------------------------------------------------

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

    def stop(self, name: str, kill: bool = False) -> list[str]:
        """Stop a component, and return the command that starts it; `restart` does.

        By force if asked, or if it does not end in time: the API server waits a minute for its watches.
        """
        command = self.components().get(name)
        if not command:
            raise BedError(f"bed {self.name} has no component {name!r}")
        kinder = [] if kill else [(signal.SIGTERM, 10)]
        for number, patience in [*kinder, (signal.SIGKILL, 120)]:
            with contextlib.suppress(WaitError):
                self.ask(op="stop", name=name, number=number.value)
                wait_for(f"{name} to end", lambda: self.ask(op="status")[name]["exit"] is not None, patience)
        return command

    def restart(self, name: str, kill: bool = False) -> None:
        """Stop a component, if it runs, and start it as it was started before."""
        self.start(name, self.stop(name, kill))
        self.wait("the API server", parts.Api(self).ready)

    # -- up -----------------------------------------------------------------------------------------

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
        with lock(folder_of_beds() / ".lock"):
            taken = {bed.network.index for bed in everything() if bed.record}
            chosen = network.choose(self.name, taken)
            (self.folder / "logs").mkdir(parents=True)
            self._write_record(kind=kind, index=chosen.index, stage="starting", created=time.time())

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
        with lock(folder_of_beds() / f".{self.name}.lock"):
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
        wait_for("the bed's processes to end", lambda: not self._processes(), 120)
        if init:
            wait_for("the bed's supervisor to end", lambda: not Path(f"/proc/{init}/ns").exists(), 120)
        if self.record:
            self.network.disconnect()
            self._remove_cgroups()
        _unmount_below(self.folder)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.__dict__.pop("record", None)
        with contextlib.suppress(OSError):
            folder_of_beds().rmdir()

    def _remove_cgroups(self) -> None:
        for top in node.cgroup_roots():
            base = Path(str(top) + self.cgroup)
            if base.exists():
                for path, _, _ in os.walk(base, topdown=False):
                    wait_for(f"{path} to empty", partial(_removed, Path(path)), 120)
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
        return "starting" if _is_locked(folder_of_beds() / f".{self.name}.lock") else "abandoned"


def everything() -> list[Bed]:
    """All beds of this cache, also those whose `up` crashed."""
    try:
        return [Bed(entry.name) for entry in sorted(folder_of_beds().iterdir()) if entry.is_dir()]
    except FileNotFoundError:
        return []


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
