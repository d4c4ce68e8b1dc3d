"""What the documentation shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.harness import cluster as harness
from tests.harness.cluster import ROOT, Cluster

from docs import prose

JsonObject = dict[str, Any]
README = ROOT / "README.md"


def documents(page: Path) -> list[JsonObject]:
    """Return the objects of ours that a page shows."""
    text = "\n---\n".join(block.text for block in prose.blocks(page) if block.language == "yaml")
    found = [body for body in yaml.safe_load_all(text) if body]
    return [body for body in found if body.get("apiVersion", "").startswith("scenarios.dev/")]


PAGES = [page for page in prose.pages() if documents(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_api_server_takes_every_object_that_a_page_shows(space: Cluster, page: Path) -> None:
    """Given the CRDs with their rules, when the objects of a page are applied for trial, then none is refused."""
    for body in documents(page):
        text = yaml.safe_dump(body)
        space.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)


def test_the_story_of_the_readme_is_true(cluster: Cluster) -> None:
    """Given the README's counter, when it is edited as told, then it goes as told; its own message approves it."""
    scenario, run = documents(README)
    cluster.apply(scenario, run)
    cluster.until_settled("first", "1.0.0")
    claim = cluster.get("pvc", "state-first-1-0")["metadata"]["uid"]

    scenario["spec"]["version"] = "1.1.0"
    scenario["spec"]["workload"]["env"] = [{"name": "STEP", "value": "1"}]
    cluster.apply(scenario)
    cluster.kubectl("wait", "--for=condition=RolledOut", "scn/counter", "--timeout=60s")
    assert cluster.get("srun", "first")["status"]["applied"]["version"] == "1.1.0"
    assert cluster.get("pvc", "state-first-1-0")["metadata"]["uid"] == claim
    group = cluster.get("supg", "counter-1")["status"]["groups"][0]
    assert (group["level"], group["steps"]) == (
        "Restart",
        ["Stop(live)", "Start(live)", "Verify(live)", "Commit"],
    )

    scenario["spec"]["version"], scenario["spec"]["state"]["version"] = "2.0.0", "2"
    cluster.apply(scenario)
    cluster.until_condition("srun", "first", "ActionRequired", "True", "StrategyRequired")
    cluster.patch("scn", "counter", {"spec": {"upgrade": {"strategy": {"type": "Continuation"}}}})
    asked = cluster.until_condition("scn", "counter", "ActionRequired", "True", "ApprovalRequired")
    _shell(cluster, asked["message"].partition("approve: ")[2])
    cluster.kubectl("wait", "--for=condition=RolledOut", "scn/counter", "--timeout=60s")

    status = cluster.get("srun", "first")["status"]
    assert (status["runID"], status["history"][0]["outcome"]) == ("first-2", "Continued")
    assert cluster.find("pod", "first-2-0") is not None
    cluster.until("the old state goes", lambda: cluster.find("pvc", "state-first-1-0") is None)


def _shell(cluster: Cluster, command: str) -> None:
    """Run a command of a message as a person does, with the cluster's kubectl first on the path."""
    assert re.match(r"kubectl -n \S+ patch supg ", command)
    path = f"{Path(harness.kubectl()).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "PATH": path, "KUBECONFIG": cluster.kubeconfig},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
