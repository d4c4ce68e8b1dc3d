"""Where the demo takes place: a bed, or the cluster that KUBECONFIG names; kubectl and helm as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

JsonObject = dict[str, Any]

ROOT: Final = Path(__file__).resolve().parents[2]
BED: Final = ROOT / "tools" / "bed"
NAME: Final = "demo"
OPERATOR: Final = "scenario-operator"
OWNER: Final = "app.kubernetes.io/created-by"
IMAGES: Final = ("scenario-operator:dev", "quake-watch:v1", "quake-watch:v1.1", "quake-watch:v2")


class DemoError(Exception):
    """Something did not happen; the text is the whole story for a person."""


@dataclass(frozen=True)
class Place:
    """A cluster and the demo's namespace in it. `bed`: it is ours, and `make demo-down` takes it away."""

    kubeconfig: str
    registry: str
    bed: bool
    tools: Path | None

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which commands that we show work as they are shown."""
        path = f"{self.tools}:{os.environ['PATH']}" if self.tools else os.environ["PATH"]
        return {**os.environ, "KUBECONFIG": self.kubeconfig, "PATH": path}

    def run(self, *command: str, stdin: str | None = None) -> str:
        """Run one command; raises DemoError with its words."""
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, env=self.environment
        )
        if done.returncode:
            raise DemoError(f"{' '.join(command)}\n{done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        """Run kubectl in the demo's namespace."""
        return self.run("kubectl", "-n", NAME, *args, stdin=stdin)

    def find(self, kind: str, name: str) -> JsonObject:
        """Return an object, {} when there is none."""
        text = self.kubectl("get", kind, name, "-o", "json", "--ignore-not-found")
        found: JsonObject = json.loads(text) if text.strip() else {}
        return found

    def list(self, kind: str) -> list[JsonObject]:
        """Return all objects of a kind in the demo's namespace."""
        found: list[JsonObject] = json.loads(self.kubectl("get", kind, "-o", "json"))["items"]
        return found

    def shell(self, command: str) -> str:
        """Run a command line as a reader who copies it would."""
        return self.run("bash", "-euc", command)

    def story(self) -> str:
        """Return what a person would look at first; never raises."""
        looks = (
            ("kubectl", "-n", NAME, "get", "scn,srun,supg,pods,pvc,jobs", "-o", "wide"),
            ("kubectl", "-n", NAME, "get", "events", "--sort-by=.metadata.creationTimestamp"),
            ("kubectl", "-n", OPERATOR, "get", "pods", "-o", "wide"),
            ("kubectl", "-n", OPERATOR, "logs", "-l", f"app.kubernetes.io/name={OPERATOR}", "--tail=15"),
        )
        told = []
        for look in looks:
            try:
                told.append(f"$ {' '.join(look)}\n{self.run(*look)[-5000:]}")
            except DemoError as error:
                told.append(str(error))
        return "\n".join(told)


def given() -> Place | None:
    """Return the cluster that KUBECONFIG names, None when it is not set: then the demo makes its own."""
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig:
        return None
    if not all(Path(part).exists() for part in kubeconfig.split(os.pathsep)):
        raise DemoError(
            f"KUBECONFIG names {kubeconfig}, which is not there; for a cluster of our own: unset KUBECONFIG"
        )
    for tool in ("kubectl", "helm"):
        if shutil.which(tool) is None:
            raise DemoError(f"KUBECONFIG is set, so {tool} has to be on the PATH")
    return Place(kubeconfig, os.environ.get("SCENARIO_REGISTRY", "localhost:5000"), bed=False, tools=None)


def claim(place: Place) -> None:
    """Make the demo's namespace anew; in a cluster that is not ours, nothing of somebody else's is touched.

    Raises DemoError when the namespace, or an operator, is there and no demo made it.
    """
    mark = f"{OWNER}=demo"
    mine = bool(place.run("kubectl", "get", "namespace", "-l", mark, "-o", "name").split())
    if not place.bed and not mine:
        for what, name in (("namespace", NAME), ("namespace", OPERATOR)):
            if place.run("kubectl", "get", what, name, "-o", "name", "--ignore-not-found").strip():
                raise DemoError(
                    f"the cluster of {place.kubeconfig} has a {what} {name} that no demo made, and the demo would "
                    f"replace what is in it; choose another cluster, or: unset KUBECONFIG"
                )
    place.run("kubectl", "delete", "namespace", NAME, "--ignore-not-found", "--timeout=120s")
    place.run("kubectl", "create", "namespace", NAME)
    place.run("kubectl", "label", "namespace", NAME, mark)


def toolchain() -> None:
    """Build what a bed and the chart need; says itself how it gets on."""
    _bed("build", "--for", "all", show=True)


def made() -> Place:
    """Bring the demo's bed up, or find it up."""
    kubeconfig = _bed("up", "node", "--name", NAME).strip().splitlines()[-1]
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scenario-operator"
    cache = Path(os.environ.get("SCENARIO_CACHE") or base)
    return Place(kubeconfig, "localhost:5000", bed=True, tools=cache / "bin")


def build_images() -> None:
    """Build the operator's image and the three of the example; says itself how it gets on."""
    _bed("images", "build", *IMAGES, show=True)


def push_images() -> dict[str, str]:
    """Push them to the bed's registry; return the reference of each by digest."""
    lines = _bed("push", NAME, *IMAGES).strip().splitlines()
    return dict(zip(IMAGES, lines[-len(IMAGES) :], strict=True))


def _bed(*args: str, show: bool = False) -> str:
    done = subprocess.run(
        [sys.executable, str(BED), *args],
        stdout=subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoError(f"tools/bed {' '.join(args)}: {(done.stderr or 'see above').strip()}")
    return done.stdout
