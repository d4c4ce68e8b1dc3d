"""One bed `sim` for all tests of a worker, with one operator for those that bring none; each has its namespace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from tests.crash.laboratory import Laboratory, Learnt, install, laboratory
from tests.harness.cluster import ROOT, Cluster, bed, namespace_of
from tests.harness.operator import Operator
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

LONGEST = (
    *("test_crash", "test_rest", "test_two_replicas", "test_operator_replaced", "test_outages"),
    *("test_watch_faults", "test_wake", "test_policies"),
)
"""Files whose tests take long or stay together, begun first: nobody should wait for them alone at the end."""


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
    """Begin with what takes longest, and leave what the shared operator serves for the end: it seldom pauses then."""

    def rank(item: pytest.Item) -> tuple[bool, bool]:
        asked = getattr(item, "fixturenames", ())
        return item.path.stem not in LONGEST, "shared_operator" in asked and "unserved_bed" not in asked

    items.sort(key=rank)


@pytest.fixture(scope="session")
def sim_bed(worker_id: str) -> Iterator[Cluster]:
    """A bed with simulated pods and our CRDs, for all tests of a worker."""
    with bed("sim", f"sim-{worker_id}") as cluster:
        install(cluster)
        yield cluster


@pytest.fixture(scope="session")
def shared_operator(sim_bed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The operator for tests that do not ask for one of their own; it works only while such a test does."""
    log: Path = tmp_path_factory.mktemp("operator") / "operator.log"
    shared = Operator(sim_bed, log, more=("--qps", "500", "--burst", "1000"))
    yield shared
    shared.stop()


@pytest.fixture
def operator(shared_operator: Operator) -> Operator:
    """The shared operator, at work in all namespaces."""
    if shared_operator.process is None or shared_operator.process.poll() is not None:
        shared_operator.start().until_ready()
    return shared_operator


@pytest.fixture
def unserved_bed(sim_bed: Cluster, shared_operator: Operator) -> Cluster:
    """The bed while no shared operator serves it: two of them would do each other's work."""
    shared_operator.stop()
    return sim_bed


@pytest.fixture
def unserved(unserved_bed: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A namespace of this test alone, for an operator of its own."""
    if not unserved_bed.bed:
        pytest.skip("needs a cluster that nobody serves, and its audit log")
    with unserved_bed.new_namespace(namespace_of(request.node), leave=True) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def learnt() -> Learnt:
    """What undisturbed upgrades do: learnt by the first test of this worker that asks."""
    return {}


@pytest.fixture
async def lab(unserved_bed: Cluster, learnt: Learnt) -> AsyncIterator[Laboratory]:
    """A laboratory on the bed that nobody serves."""
    if not unserved_bed.bed:
        pytest.skip("needs a cluster that nobody serves, and its audit log")
    async with laboratory(unserved_bed, learnt) as made:
        yield made


@pytest.fixture
def space(sim_bed: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A namespace of this test alone."""
    with sim_bed.new_namespace(namespace_of(request.node), leave=True) as cluster:
        yield cluster


@pytest.fixture
def cluster(space: Cluster, operator: Operator) -> Cluster:
    """A namespace of this test alone, served by the operator."""
    assert operator.process is not None
    assert operator.process.poll() is None, operator.tail()
    return space
