"""The frame of a bed, into which its components are put: its folder, and the process that is its PID 1."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from beds import network
from beds.common import TOOLS, BedError, Json, cache, wait_for, write
from beds.supervisor import MARK

_THRIFT = {"GOGC": "off", "GOMEMLIMIT": "1GiB", "GOMAXPROCS": "1"}
"""Components collect garbage only when they have filled this, and spread over no second processor: processors are what
a machine full of beds lacks."""
_HOMELY = {"GOGC": "300", "GOMAXPROCS": "1"}
"""The same for a bed `node`, which may stay up for days beside other work: less memory."""


def folder_of_beds() -> Path:
    return cache() / "beds"


@dataclass(frozen=True)
class Frame:
    """A bed by its name; everything else is read from its folder, so that any process can ask."""

    name: str

    @property
    def folder(self) -> Path:
        return folder_of_beds() / self.name

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

    def _write_record(self, **changes: object) -> None:
        write(self.folder / "bed.json", {**self.record, **changes})
        self.__dict__.pop("record", None)

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
        wait_for("the bed's supervisor", self._supervised, 120)
        return pid

    def _supervised(self) -> bool:
        if self.init() is None:
            raise BedError(f"the bed's supervisor ended: {self.log_tail('supervisor')}")
        with contextlib.suppress(BedError):
            self.ask(op="status")
            return True
        return False

    def ask(self, **request: object) -> Json:
        """One request to the supervisor; raises BedError if nobody answers."""
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(60)
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

    def start(self, name: str, argv: list[str], **env: str) -> None:
        env = {**(_HOMELY if self.kind == "node" else _THRIFT), **env}
        self.ask(op="start", name=name, argv=argv, log=str(self.log(name)), env=env)

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def log_tail(self, name: str) -> str:
        try:
            return self.log(name).read_text(errors="replace")[-1500:]
        except FileNotFoundError:
            return "(no log)"

    def wait(self, what: str, ready: Callable[[], bool], timeout: float = 300) -> None:
        """Wait for something that components bring about; a component that ends is the answer at once."""

        def check() -> bool:
            for name, component in self.ask(op="status").items():
                if component["exit"] is not None:
                    raise BedError(f"{name} ended with {component['exit']}:\n{self.log_tail(name)}")
            return ready()

        wait_for(what, check, timeout)

    def enter(self, argv: list[str]) -> list[str]:
        """The command that runs `argv` inside the bed's namespaces."""
        init = self.init()
        if init is None:
            raise BedError(f"bed {self.name} is not up")
        return ["nsenter", "-t", str(init), "-n", "-m", "-p", "--wdns=/", "--", *argv]


def _started(pid: int) -> str | None:
    """Start time in clock ticks; with the PID it names a process for as long as the machine runs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if stat[0] in "ZX" else stat[19]
