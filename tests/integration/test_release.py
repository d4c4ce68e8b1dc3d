"""Before an uninstall, on a real API server: what only the operator would let go is let go."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.harness.cluster import ROOT, Cluster
from tests.harness.objects import run

HELD = "scenarios.dev/teardown"


def test_a_run_that_nobody_cleans_up_any_more_goes_and_what_was_not_reverted_is_listed(
    space: Cluster,
) -> None:
    """Given a deleted run that our finalizer holds, when the hook has run, then it is gone and its results are told."""
    held, other = run("held", "s"), run("other", "s")
    for body in (held, other):
        body["metadata"]["finalizers"] = [HELD]
        space.apply(body)
    kept = {"number": 1, "runID": "held-1", "version": "1.0.0", "state": "Live", "results": "Kept"}
    space.patch("srun", "held", {"status": {"incarnations": [kept]}}, "--subresource=status")
    space.delete("srun", "held", "--wait=false")

    command = [sys.executable, "-m", "scenario_operator.cli.release", "--namespace", space.namespace]
    command += ["--kubeconfig", space.kubeconfig]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert done.returncode == 0, done.stderr
    told = f"ScenarioRun {space.namespace}/held: released; results that were not reverted: held-1 (version 1.0.0)"
    assert told in done.stdout
    space.until("the run to be gone", lambda: space.find("srun", "held") is None)
    assert "finalizers" not in space.get("srun", "other")["metadata"]
