"""One bed with real pods for all end-to-end tests, and the operator as Helm installs it.

With KUBECONFIG set, that cluster is used and nothing is built: SCENARIO_REGISTRY (default localhost:5000) must
hold `scenario-operator:dev` and `quake-watch:v1`, `:v1.1`, `:v2`, and `helm` must be on the PATH.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.release import NAMESPACE, Release
from tests.e2e.watch import Watch
from tests.harness.cluster import Cluster, bed, bed_command


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs a real kubelet."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.node)


@pytest.fixture(scope="session")
def node_bed() -> Iterator[Cluster]:
    """A cluster with a real kubelet, its registry filled, without an operator."""
    with bed("node", "e2e") as cluster:
        if cluster.bed:
            bed_command("images", "build")
            bed_command(
                "push",
                cluster.bed,
                "scenario-operator:dev",
                "quake-watch:v1",
                "quake-watch:v1.1",
                "quake-watch:v2",
            )
        yield cluster


@pytest.fixture
def release(node_bed: Cluster) -> Iterator[Release]:
    """The means to install the operator in a cluster that has none, and to leave none behind."""
    release = Release(node_bed)
    assert node_bed.find("namespace", NAMESPACE) is None, f"namespace {NAMESPACE} is there already"
    yield release
    release.purge()


@pytest.fixture(scope="session")
def installed(node_bed: Cluster) -> Iterator[Release]:
    """The operator as Helm 4 installs it, ready when Helm says so."""
    release = Release(node_bed)
    release.install("helm4")
    yield release
    if not node_bed.bed:
        release.purge()


@pytest.fixture
def space(node_bed: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A namespace of this test alone."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:50].strip("-")
    with node_bed.new_namespace(f"t-{name}") as cluster:
        yield cluster


@pytest.fixture
def watch(space: Cluster, installed: Release) -> Watch:
    """Quake watch in a namespace of this test alone, served by the installed operator."""
    installed.assert_healthy()
    return Watch(space)
