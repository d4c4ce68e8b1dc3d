"""One bed with real pods for all end-to-end tests, and the operator as Helm installs it.

With KUBECONFIG set, that cluster is used and nothing is built: SCENARIO_REGISTRY (default localhost:5000) must
hold `scenario-operator:dev` and `quake-watch:v1`, `:v1.1`, `:v2`, and `helm` must be on the PATH.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from tests.e2e.release import NAMESPACE, Release
from tests.e2e.watch import Watch
from tests.harness.cluster import Cluster, bed, bed_command


class _Scheduling(LoadScopeScheduling):
    """Keeps tests together that share a cluster: those that install the operator, and those that find it installed."""

    def _split_scope(self, nodeid: str) -> str:
        return "bare" if "test_install.py" in nodeid else "installed"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _Scheduling:
    """Spread the tests over the workers."""
    return _Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs a real kubelet."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.node)


@contextmanager
def filled(name: str) -> Iterator[Cluster]:
    """Bring up a cluster with a real kubelet, its registry filled, without an operator."""
    if not os.environ.get("KUBECONFIG"):
        bed_command("down", name)  # what a run that was killed left
    with bed("node", name) as cluster:
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


@pytest.fixture(scope="session")
def node_bed(worker_id: str) -> Iterator[Cluster]:
    """The cluster of all tests of this worker that do not install the operator themselves."""
    with filled(f"e2e-{worker_id}") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def bare_bed(worker_id: str) -> Iterator[Cluster]:
    """A cluster for tests that install the operator themselves; a given cluster is free when they come first."""
    with filled(f"e2e-{worker_id}-bare") as cluster:
        yield cluster


@pytest.fixture
def release(bare_bed: Cluster) -> Iterator[Release]:
    """The means to install the operator in a cluster that has none, and to leave none behind."""
    release = Release(bare_bed)
    assert bare_bed.find("namespace", NAMESPACE) is None, f"namespace {NAMESPACE} is there already"
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


def namespace_of(request: pytest.FixtureRequest) -> str:
    """Name a namespace after a test."""
    return "t-" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:50].strip("-")


@pytest.fixture
def space(release: Release, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A namespace of this test alone where the operator is installed by the test."""
    with release.cluster.new_namespace(namespace_of(request)) as cluster:
        yield cluster


@pytest.fixture
def watch(installed: Release, request: pytest.FixtureRequest) -> Iterator[Watch]:
    """Quake watch in a namespace of this test alone, served by the installed operator."""
    installed.assert_healthy()
    with installed.cluster.new_namespace(namespace_of(request)) as cluster:
        yield Watch(cluster)
    installed.assert_healthy()
