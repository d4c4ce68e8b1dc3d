"""One bed `sim` and one operator for all tests of a worker; each test has a namespace of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.harness.cluster import ROOT, Cluster, bed
from tests.harness.operator import Operator, running


@pytest.fixture(scope="session")
def sim_bed(worker_id: str) -> Iterator[Cluster]:
    """A bed with simulated pods and our CRDs, without an operator."""
    with bed("sim", f"sim-{worker_id}") as cluster:
        cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        cluster.kubectl("wait", "--for=condition=Established", "-f", str(ROOT / "crds"), "--timeout=30s")
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
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[:40].strip("-")
    distinct = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:6]
    with sim_bed.new_namespace(f"t-{name}-{distinct}") as cluster:
        yield cluster


@pytest.fixture
def cluster(space: Cluster, operator: Operator) -> Cluster:
    """A namespace of this test alone, served by the operator."""
    assert operator.process is not None
    assert operator.process.poll() is None, operator.tail()
    return space
