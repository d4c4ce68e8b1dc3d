"""One bed `sim` and one operator for all tests of a worker; each test has a namespace of its own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from tests.crash.laboratory import install
from tests.harness.cluster import ROOT, Cluster, bed, namespace_of
from tests.harness.operator import Operator, running
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

LONGEST = ("test_crash", "test_two_replicas", "test_operator_replaced", "test_watch_faults", "test_rest")
"""Files whose tests mostly wait, begun first: nobody should wait for them alone at the end."""


class _Scheduling(LoadScopeScheduling):
    """Keeps the tests of a file together that share a bed of their own; all others go where a worker is free."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::")[0]
        return path if _has_own_bed(path) else nodeid


@lru_cache
def _has_own_bed(path: str) -> bool:
    return 'scope="module"' in (ROOT / path).read_text()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _Scheduling:
    """Spread the tests over the workers."""
    return _Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture(scope="session")
def sim_bed(worker_id: str) -> Iterator[Cluster]:
    """A bed with simulated pods and our CRDs, which the shared operator serves once somebody asks for it."""
    with bed("sim", f"sim-{worker_id}") as cluster:
        install(cluster)
        yield cluster


@pytest.fixture(scope="session")
def unserved_bed(worker_id: str) -> Iterator[Cluster]:
    """A bed that no shared operator serves: two of them would do each other's work."""
    with bed("sim", f"unserved-{worker_id}") as cluster:
        install(cluster)
        yield cluster


@pytest.fixture
def unserved(unserved_bed: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A namespace of this test alone, for an operator of its own."""
    if not unserved_bed.bed:
        pytest.skip("needs a cluster that nobody serves, and its audit log")
    with unserved_bed.new_namespace(namespace_of(request.node)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def operator(sim_bed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The operator that serves all tests of this worker which do not ask for one of their own."""
    log: Path = tmp_path_factory.mktemp("operator") / "operator.log"
    with running(sim_bed, log, "--qps", "500", "--burst", "1000") as started:
        yield started


@pytest.fixture
def space(sim_bed: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A namespace of this test alone, served by nobody."""
    with sim_bed.new_namespace(namespace_of(request.node)) as cluster:
        yield cluster


@pytest.fixture
def cluster(space: Cluster, operator: Operator) -> Cluster:
    """A namespace of this test alone, served by the operator."""
    assert operator.process is not None
    assert operator.process.poll() is None, operator.tail()
    return space
