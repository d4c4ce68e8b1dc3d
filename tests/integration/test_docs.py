"""What the documentation shows is what happens."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.harness.cluster import ROOT, Cluster
from tests.harness.objects import run
from tests.harness.terminal import PATIENCE_SECONDS, Terminal

from docs import prose, transcript

JsonObject = dict[str, Any]
README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial.md"


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


def test_the_tutorial_goes_as_it_is_told(cluster: Cluster, tmp_path: Path) -> None:
    """Given an empty namespace, when a reader does what the tutorial tells, then the terminal shows what it shows."""
    _played(cluster, tmp_path, TUTORIAL)


def test_the_first_screen_of_the_readme_shows_what_happens(cluster: Cluster, tmp_path: Path) -> None:
    """Given two runs of the version before, when the README's Scenario is applied, then the terminal shows what it
    shows."""
    (scenario,) = documents(README)
    before = copy.deepcopy(scenario)
    before["spec"] |= {"version": "1.1.0", "artifact": {"image": "registry.example/detector:1.1.0"}}
    before["spec"]["state"]["version"] = "1"
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(before))
    cluster.apply(*(run(name, "detector") for name in ("eu", "us")))
    for name in ("eu", "us"):
        cluster.until_settled(name, "1.1.0")
    _played(cluster, tmp_path, README)


def _played(cluster: Cluster, folder: Path, page: Path) -> None:
    """Play a page again; with UPDATE_TRANSCRIPTS set, write what is printed into a page that shows something else."""
    if not cluster.bed:
        pytest.skip("pages show what the simulated kubelet does")
    update = bool(os.environ.get("UPDATE_TRANSCRIPTS"))
    patience = 3.0 if update else PATIENCE_SECONDS
    said, differences = Terminal(cluster, folder).play(transcript.acts(page), patience)
    if update and differences:
        page.write_text(transcript.rewritten(page, said), encoding="utf-8")
    assert not differences, "\n".join(differences)
