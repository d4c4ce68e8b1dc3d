"""A cluster as a user sees it: kubectl, conditions, and waiting with a reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
BED = ROOT / "tools" / "bed"
JsonObject = dict[str, Any]
T = TypeVar("T")


class NotYetError(AssertionError):
    """A wait ended without what it waited for; carries what was seen last."""


@dataclass(frozen=True)
class Cluster:
    """One cluster and one namespace of it, by kubeconfig; `bed` is "" for a cluster that is not ours."""

    kubeconfig: str
    namespace: str
    bed: str = ""

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl in the test's namespace and return what it prints."""
        command = [kubectl(), "--kubeconfig", self.kubeconfig, "-n", self.namespace, *args]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(args)}: {done.stderr.strip()}")
        return done.stdout if not done.returncode else done.stderr

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Apply objects as a user does."""
        text = "\n---\n".join(json.dumps(obj) for obj in objects)
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)

    def refused(self, obj: Mapping[str, Any]) -> str:
        """Apply an object that must be refused, and return the message."""
        command = [kubectl(), "--kubeconfig", self.kubeconfig, "-n", self.namespace, "apply", "-f", "-"]
        done = subprocess.run(command, input=json.dumps(obj), capture_output=True, text=True, check=False)
        assert done.returncode, f"{obj['kind']} was accepted"
        return done.stderr

    def find(self, kind: str, name: str) -> JsonObject | None:
        """Return an object, None when it does not exist."""
        text = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text.strip() else None

    def get(self, kind: str, name: str) -> JsonObject:
        """Return an object that exists."""
        found = self.find(kind, name)
        assert found is not None, f"there is no {kind} {name}"
        return found

    def list(self, kind: str, selector: str = "") -> list[JsonObject]:
        """Return the objects of a kind in the namespace."""
        chosen = ["-l", selector] if selector else []
        items: list[JsonObject] = json.loads(self.kubectl("get", kind, "-o", "json", *chosen))["items"]
        return items

    def patch(self, kind: str, name: str, body: Mapping[str, Any], *more: str) -> None:
        """Merge-patch an object."""
        self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(body), *more)

    def delete(self, kind: str, name: str, *more: str) -> None:
        """Delete an object if it is there."""
        self.kubectl("delete", kind, name, "--ignore-not-found", *more)

    def condition(self, kind: str, name: str, condition: str) -> JsonObject:
        """Return a condition of an object, {} when it is not stated."""
        obj = self.find(kind, name) or {}
        stated = (obj.get("status") or {}).get("conditions") or []
        return next((c for c in stated if c["type"] == condition), {})

    def until(self, what: str, look: Callable[[], T], seconds: float = 60.0) -> T:
        """Look until the answer is true, and return it; the last answer is told when it never is."""
        end = time.monotonic() + seconds
        while True:
            seen = look()
            if seen:
                return seen
            if time.monotonic() > end:
                raise NotYetError(f"not within {seconds:.0f} s: {what}; last seen: {seen!r}\n{self.story()}")
            time.sleep(0.1)

    def until_condition(
        self, kind: str, name: str, condition: str, status: str, reason: str = "", seconds: float = 60.0
    ) -> JsonObject:
        """Wait for a condition to have a status, and a reason if one is named."""

        def look() -> JsonObject:
            seen = self.condition(kind, name, condition)
            fits = seen.get("status") == status and (not reason or seen.get("reason") == reason)
            return seen if fits else {}

        return self.until(f"{kind}/{name} {condition}={status}({reason})", look, seconds)

    def until_settled(self, run: str, version: str, seconds: float = 60.0) -> JsonObject:
        """Wait until a run is Ready on a version with no plan open, and return it."""

        def look() -> JsonObject:
            obj = self.find("srun", run) or {}
            status = obj.get("status") or {}
            ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or [])
            there = (status.get("applied") or {}).get("version") == version
            return obj if ready and there and "upgrade" not in status else {}

        return self.until(f"srun/{run} settled on {version}", look, seconds)

    def approve(self, attempt: str, plan_hash: str, approver: str = "") -> None:
        """Approve a plan as the user that kubectl is."""
        who = approver or self.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
        known = self.get("supg", attempt)["spec"].get("approvals") or []
        approval = {"planHash": plan_hash, "approver": who, "reason": "test"}
        self.patch("supg", attempt, {"spec": {"approvals": [*known, approval]}})

    def latest_attempt(self, scenario: str) -> JsonObject:
        """Return the newest attempt of a scenario, {} when there is none."""
        found = [a for a in self.list("supg") if a["spec"]["scenarioRef"]["name"] == scenario]
        return max(found, key=lambda a: int(a["metadata"]["name"].rsplit("-", 1)[1]), default={})

    def story(self) -> str:
        """Return what a person would look at first when something does not happen."""
        told = self.kubectl("get", "scn,srun,supg,sts,pods,pvc,jobs", "-o", "wide", check=False)
        runs = json.dumps([r.get("status") for r in self.list("srun")], indent=1)
        return f"{told}\n{runs[:6000]}"

    def inside(self, namespace: str) -> Cluster:
        """Return the same cluster, looked at from a namespace."""
        return Cluster(self.kubeconfig, namespace, self.bed)

    @contextmanager
    def new_namespace(self, name: str) -> Iterator[Cluster]:
        """Make a namespace for one test, and delete it afterwards without waiting."""
        self.kubectl("create", "namespace", name)
        try:
            yield self.inside(name)
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false", check=False)


def kubectl() -> str:
    """Return the kubectl that belongs to the beds, or the one on the PATH for a cluster that is not ours."""
    if os.environ.get("KUBECONFIG"):
        return "kubectl"
    cache = os.environ.get("SCENARIO_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "scenario-operator"
    return str((Path(cache) if cache else home) / "bin" / "kubectl")


@contextmanager
def bed(kind: str, name: str) -> Iterator[Cluster]:
    """Bring up a bed, or take the cluster that KUBECONFIG names; ours is taken down again."""
    given = os.environ.get("KUBECONFIG")
    if given:
        yield Cluster(given, "default")
        return
    done = subprocess.run(
        [sys.executable, str(BED), "up", kind, "--name", name], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    try:
        yield Cluster(done.stdout.strip().splitlines()[-1], "default", name)
    finally:
        subprocess.run([sys.executable, str(BED), "down", name], capture_output=True, check=False)


def bed_command(*args: str) -> str:
    """Run one command of the bed tool and return what it prints."""
    return subprocess.run([sys.executable, str(BED), *args], capture_output=True, text=True, check=True).stdout
