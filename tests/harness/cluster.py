"""A cluster as a user sees it: kubectl, conditions, and waiting with a reason."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import pytest

from tests.harness.reader import appliable, known, reader

ROOT = Path(__file__).resolve().parents[2]
BED = ROOT / "tools" / "bed"
JsonObject = dict[str, Any]
T = TypeVar("T")
PATIENCE_SECONDS = 300.0
"""How long a test waits for what must happen: much longer than it takes, as other work may take the processors."""
PATIENCE = f"--timeout={PATIENCE_SECONDS:.0f}s"
"""The same for kubectl."""


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

    def apply(self, *objects: Mapping[str, Any], force: bool = True) -> None:
        """Apply objects as a user does; without `force` a field that somebody else has set is a failure."""
        if self.bed and all(appliable(obj["kind"]) for obj in objects):
            for obj in objects:
                reader(self.kubeconfig).apply(self.namespace, obj, force=force)
            return
        text = "\n---\n".join(json.dumps(obj) for obj in objects)
        forced = ["--force-conflicts"] if force else []
        self.kubectl("apply", "--server-side", *forced, "-f", "-", stdin=text)

    def find(self, kind: str, name: str) -> JsonObject | None:
        """Return an object, None when it does not exist."""
        if self.bed and known(kind):
            return reader(self.kubeconfig).find(kind, self.namespace, name)
        text = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found", "--show-managed-fields")
        return json.loads(text) if text.strip() else None

    def get(self, kind: str, name: str) -> JsonObject:
        """Return an object that exists."""
        found = self.find(kind, name)
        assert found is not None, f"there is no {kind} {name}"
        return found

    def list(self, kind: str, selector: str = "") -> list[JsonObject]:
        """Return the objects of a kind in the namespace."""
        if self.bed and known(kind):
            return reader(self.kubeconfig).list(kind, self.namespace, selector)
        chosen = ["-l", selector] if selector else []
        items: list[JsonObject] = json.loads(self.kubectl("get", kind, "-o", "json", *chosen))["items"]
        return items

    def patch(self, kind: str, name: str, body: Mapping[str, Any], *more: str) -> None:
        """Merge-patch an object."""
        if self.bed and known(kind) and not more:
            reader(self.kubeconfig).patch(kind, self.namespace, name, body)
            return
        self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(body), *more)

    def delete(self, kind: str, name: str, *more: str) -> None:
        """Delete an object if it is there, and wait until it is gone."""
        if self.bed and known(kind) and more in ((), ("--wait=false",)):
            uid = reader(self.kubeconfig).delete(kind, self.namespace, name)
            if uid and not more:
                self.until(
                    f"{kind}/{name} to be gone",
                    lambda: ((self.find(kind, name) or {}).get("metadata") or {}).get("uid") != uid,
                )
            return
        self.kubectl("delete", kind, name, "--ignore-not-found", *more)

    def condition(self, kind: str, name: str, condition: str) -> JsonObject:
        """Return a condition of an object, {} when it is not stated."""
        obj = self.find(kind, name) or {}
        stated = (obj.get("status") or {}).get("conditions") or []
        return next((c for c in stated if c["type"] == condition), {})

    def until(self, what: str, look: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
        """Look until the answer is true, and return it; the last answer is told when it never is."""
        end, pause = time.monotonic() + seconds, 0.1
        while True:
            seen = look()
            if seen:
                return seen
            if time.monotonic() > end:
                raise NotYetError(f"not within {seconds:.0f} s: {what}; last seen: {seen!r}\n{self.story()}")
            time.sleep(pause)
            pause = min(0.4, pause * 1.3)

    def until_condition(
        self,
        kind: str,
        name: str,
        condition: str,
        status: str,
        reason: str = "",
        seconds: float = PATIENCE_SECONDS,
    ) -> JsonObject:
        """Wait for a condition to have a status, and a reason if one is named."""

        def look() -> JsonObject:
            seen = self.condition(kind, name, condition)
            fits = seen.get("status") == status and (not reason or seen.get("reason") == reason)
            return seen if fits else {}

        return self.until(f"{kind}/{name} {condition}={status}({reason})", look, seconds)

    def until_settled(self, run: str, version: str, seconds: float = PATIENCE_SECONDS) -> JsonObject:
        """Wait until a run is Ready on a version with no plan open, and return it."""

        def look() -> JsonObject:
            obj = self.find("srun", run) or {}
            status = obj.get("status") or {}
            ready = any(
                c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or []
            )
            there = (status.get("applied") or {}).get("version") == version
            return obj if ready and there and "upgrade" not in status else {}

        return self.until(f"srun/{run} settled on {version}", look, seconds)

    @cache  # noqa: B019 - a cluster is a small value, and there are few
    def user(self) -> str:
        """Return who kubectl is for the server."""
        return self.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")

    def approve(self, attempt: str, plan_hash: str, approver: str = "") -> None:
        """Approve a plan as the user that kubectl is."""
        who = approver or self.user()
        known = self.get("supg", attempt)["spec"].get("approvals") or []
        approval = {"planHash": plan_hash, "approver": who, "reason": "test"}
        self.patch("supg", attempt, {"spec": {"approvals": [*known, approval]}})

    def latest_attempt(self, scenario: str) -> JsonObject:
        """Return the newest attempt of a scenario, {} when there is none."""
        found = [a for a in self.list("supg") if a["spec"]["scenarioRef"]["name"] == scenario]
        return max(found, key=lambda a: int(a["metadata"]["name"].rsplit("-", 1)[1]), default={})

    def until_report(self, scenario: str, sequence: int = 0, seconds: float = PATIENCE_SECONDS) -> JsonObject:
        """Wait until an attempt (the newest, or the one of that number) is finished, and return its status."""

        def look() -> JsonObject:
            name = f"{scenario}-{sequence}"
            attempt = self.find("supg", name) if sequence else self.latest_attempt(scenario)
            status: JsonObject = (attempt or {}).get("status") or {}
            return status if "completionTime" in status else {}

        return self.until(f"the report of an attempt of {scenario}", look, seconds)

    def until_published(self, scenario: str, version: str, seconds: float = PATIENCE_SECONDS) -> JsonObject:
        """Wait until the spec that stands is published with this version, and return the Scenario."""

        def look() -> JsonObject:
            obj = self.get("scn", scenario)
            status = obj.get("status") or {}
            seen = status.get("observedGeneration") == obj["metadata"]["generation"]
            latest = status.get("latestRevision")
            revision = self.find("controllerrevision", latest) if latest and seen else None
            return obj if revision and revision["data"]["spec"]["version"] == version else {}

        return self.until(f"scn/{scenario} published as {version}", look, seconds)

    def versions(self, *refs: str) -> dict[str, str]:
        """Return the resourceVersion of each `kind/name`: equal answers mean that nobody wrote in between."""
        metadata = {ref: self.get(*ref.split("/", 1))["metadata"] for ref in refs}
        return {ref: f"{found['uid']} at {found['resourceVersion']}" for ref, found in metadata.items()}

    def uid(self, kind: str, name: str) -> str:
        """Return the uid of an object that exists."""
        return str(self.get(kind, name)["metadata"]["uid"])

    def environment(self, pod: str) -> dict[str, str]:
        """Return the variables that a pod's scenario container is given by value, {} while there is no such pod."""
        containers = (self.find("pod", pod) or {"spec": {"containers": []}})["spec"]["containers"]
        chosen: JsonObject = next((c for c in containers if c["name"] == "scenario"), {})
        return {e["name"]: e.get("value", "") for e in chosen.get("env") or []}

    def behave(self, pod: str, **behaviour: Any) -> None:
        """Change what a simulated pod does from now on."""
        self.patch("pod", pod, {"metadata": {"annotations": {"sim/behaviour": json.dumps(behaviour)}}})

    def carry_out(self, message: str) -> str:
        """Run the command that a message ends with, as a reader who copies it would."""
        begins = [m.start() for m in re.finditer(r"(?<!\$\()kubectl -n ", message)]
        assert begins, f"no command in: {message}"
        found = begins[-1]
        path = f"{Path(kubectl()).parent}:{os.environ['PATH']}" if "/" in kubectl() else os.environ["PATH"]
        environment = {**os.environ, "KUBECONFIG": self.kubeconfig, "PATH": path}
        shell = ["bash", "-euc", message[found:]]
        done = subprocess.run(shell, capture_output=True, text=True, check=False, env=environment)
        assert not done.returncode, f"{message[found:]}: {done.stderr}"
        return done.stdout

    @contextmanager
    def registry(
        self, *, present: Iterable[str] = (), digests: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[None]:
        """Make the simulated registry hold images that were missing, and tags stand for digests, for a while."""
        data = {"present": " ".join(present), "digests": json.dumps(dict(digests))}
        pretended = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "sim-images"},
            "data": data,
        }
        system = self.inside("kube-system")
        system.apply(pretended)
        try:
            yield
        finally:
            system.delete("configmap", "sim-images")

    @property
    def audit(self) -> Path:
        """Return the file in which the API server writes what it was asked."""
        return _audit_of(self.bed)

    def writes(self) -> Sequence[tuple[str, str, str]]:
        """Return the accepted writes in the namespace so far, in order: verb, resource with subresource, name."""
        told: list[tuple[str, str, str]] = []
        for line in self.audit.read_text().splitlines():
            if self.namespace not in line:
                continue
            entry = json.loads(line)
            about = entry.get("objectRef") or {}
            if about.get("namespace") != self.namespace or entry["verb"] in ("get", "list", "watch"):
                continue
            if entry.get("responseStatus", {}).get("code", 500) < 300:
                resource = "/".join(x for x in (about["resource"], about.get("subresource")) if x)
                told.append((entry["verb"], resource, about.get("name", "")))
        return told

    def story(self) -> str:
        """Return what a person would look at first when something does not happen."""
        told = self.kubectl("get", "scn,srun,supg,sts,pods,pvc,jobs", "-o", "wide", check=False)
        runs = json.dumps([r.get("status") for r in self.list("srun")], indent=1)
        return f"{told}\n{runs[:6000]}"

    def inside(self, namespace: str) -> Cluster:
        """Return the same cluster, looked at from a namespace."""
        return Cluster(self.kubeconfig, namespace, self.bed)

    @contextmanager
    def new_namespace(self, name: str, *, leave: bool = False) -> Iterator[Cluster]:
        """Make a namespace for one test, and delete it afterwards without waiting.

        With `leave` only its runs and Scenarios go: to delete a namespace costs the server some hundred requests.
        """
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        try:
            yield self.inside(name)
        finally:
            if leave and self.bed:
                reader(self.kubeconfig).clear(name)
            else:
                self.kubectl("delete", "namespace", name, "--wait=false", check=False)


@cache
def _audit_of(bed: str) -> Path:
    return Path(bed_command("audit", bed).strip())


def namespace_of(test: pytest.Item) -> str:
    """Name a namespace after a test, short enough and unlike that of any other test."""
    name = re.sub(r"[^a-z0-9]+", "-", test.name.lower().removeprefix("test_"))[:40].strip("-")
    return f"t-{name}-{hashlib.sha256(test.nodeid.encode()).hexdigest()[:6]}"


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
    # Two sessions of pytest on one machine must not share a bed.
    name = f"{name}-{os.environ.get('PYTEST_XDIST_TESTRUNUID', str(os.getpid()))[:4]}"
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
    return subprocess.run(
        [sys.executable, str(BED), *args], capture_output=True, text=True, check=True
    ).stdout
