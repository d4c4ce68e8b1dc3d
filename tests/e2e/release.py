"""The operator as users install it: the chart by Helm 4 or 3, or plain manifests by kubectl."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.harness.cluster import PATIENCE, ROOT, Cluster, kubectl
from tests.harness.operator import LEASE_SECONDS

NAME = NAMESPACE = "scenario-operator"
CHART = ROOT / "charts" / "scenario-operator"
CRDS = "app.kubernetes.io/component=crds,app.kubernetes.io/part-of=scenario-operator"
REGISTRY = os.environ.get("SCENARIO_REGISTRY", "localhost:5000")
IMAGE = f"{REGISTRY}/scenario-operator"


@dataclass(frozen=True)
class Release:
    """The operator in one cluster, in its own namespace."""

    cluster: Cluster

    @property
    def place(self) -> Cluster:
        """Return the cluster, looked at from the operator's namespace."""
        return self.cluster.inside(NAMESPACE)

    def helm(self, version: str, *args: str) -> str:
        """Run Helm (`helm3` or `helm4`), whatever KUBECONFIG says."""
        told = ["--kubeconfig", self.cluster.kubeconfig, "--namespace", NAMESPACE]
        done = subprocess.run([binary(version), *args, *told], capture_output=True, text=True, check=False)
        assert not done.returncode, f"{version} {' '.join(args)}: {done.stderr}\n{self.story()}"
        return done.stdout

    def install(self, version: str) -> None:
        """Install the chart and return when Helm says that it is ready."""
        settings = f"image.repository={IMAGE},image.tag=dev,operator.lease.durationSeconds={LEASE_SECONDS}"
        chosen = ["--set", settings]
        wait = ["--wait", PATIENCE, "--create-namespace"]
        self.helm(version, "install", NAME, str(CHART), *chosen, *wait)

    def uninstall(self, version: str) -> None:
        """Take the release away as docs/install.md says."""
        self.helm(version, "uninstall", NAME, "--wait", PATIENCE)

    def rendered(self, out: Path) -> tuple[Path, Path]:
        """Render install.yaml and uninstall.yaml for our image."""
        command = [sys.executable, str(ROOT / "tools" / "dist"), "--out", str(out), "--image", f"{IMAGE}:dev"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr
        return out / "install.yaml", out / "uninstall.yaml"

    def until_available(self) -> None:
        """Wait until all replicas are ready."""
        self.place.kubectl("rollout", "status", f"deployment/{NAME}", PATIENCE)

    def restarts(self) -> dict[str, int]:
        """Return how often the container of each operator's pod was started again."""
        pods = self.place.list("pods", f"app.kubernetes.io/name={NAME}")
        return {
            pod["metadata"]["name"]: status["restartCount"]
            for pod in pods
            for status in pod["status"].get("containerStatuses") or []
        }

    def assert_healthy(self) -> None:
        """A crash of the operator fails the test that sees it first, not the next one that waits for it."""
        restarts = self.restarts()
        assert restarts, f"no operator:\n{self.story()}"
        assert not any(restarts.values()), f"the operator was restarted: {restarts}\n{self.story()}"

    def purge(self) -> None:
        """Leave nothing behind, kinds and all their objects included."""
        for version in ("helm4", "helm3"):
            told = ["--kubeconfig", self.cluster.kubeconfig, "--namespace", NAMESPACE, "--ignore-not-found"]
            subprocess.run(
                [binary(version), "uninstall", NAME, *told, "--no-hooks"], capture_output=True, check=False
            )
        run = self.cluster.kubectl
        everywhere = (
            "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"
        )
        run("delete", everywhere, "-l", f"app.kubernetes.io/name={NAME}", check=False)
        run("delete", "crd", "-l", CRDS, "--ignore-not-found", PATIENCE, check=False)
        run("delete", "namespace", NAMESPACE, "--ignore-not-found", PATIENCE)

    def story(self) -> str:
        """Return what a person would look at first when the operator does not come up."""
        pods = self.place.kubectl("get", "pods,jobs,events", check=False)
        logs = self.place.kubectl("logs", "-l", f"app.kubernetes.io/name={NAME}", "--tail=40", check=False)
        return f"{pods}\n{logs[-6000:]}"


def binary(version: str) -> str:
    """Return the Helm of that version that belongs to the beds, or the `helm` on the PATH for a given cluster."""
    built = Path(kubectl()).parent / version
    found = str(built) if built.exists() else shutil.which(version) or shutil.which("helm")
    assert found, f"there is no {version}; run: tools/bed build --for helm"
    return found
