"""Helm and the four kinds: installed, updated with the release, and kept with every object when it goes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.harness.cluster import PATIENCE, Cluster, bed
from tests.harness.objects import stored_strategy
from tests.unit.chart.charts import HELMS

from dist import render
from scenario_operator.api.crd import KINDS

KIND_NAMES = {f"{kind.plural}.scenarios.dev" for kind in KINDS}


@pytest.fixture(scope="module")
def empty_bed(worker_id: str) -> Iterator[Cluster]:
    """A real API server without our kinds; nothing runs there, so nothing is waited for."""
    with bed("api", f"chart-{worker_id}") as cluster:
        if not cluster.bed:
            pytest.skip("the kinds of a cluster that is not ours are left alone")
        yield cluster


def helm(version: str, cluster: Cluster, *arguments: str) -> None:
    """Run one Helm command on the release of this test."""
    command = [render.helm_binary(version), *arguments, "--namespace", render.NAMESPACE]
    done = subprocess.run(
        [*command, "--kubeconfig", cluster.kubeconfig], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr


def a_newer_chart(place: Path) -> Path:
    """Return a copy of the chart whose UpgradeStrategy has one optional field more, as schemas may grow."""
    shutil.copytree(render.CHART, place)
    path = place / "files" / "crds" / "upgradestrategies.yaml"
    crd = yaml.safe_load(path.read_text(encoding="utf-8"))
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"]["note"] = {"type": "string", "maxLength": 64}
    path.write_text(yaml.safe_dump(crd), encoding="utf-8")
    return place


@pytest.mark.parametrize("version", HELMS)
def test_helm_upgrade_updates_the_kinds_and_an_uninstall_keeps_them_and_their_objects(
    empty_bed: Cluster, version: str, tmp_path: Path
) -> None:
    """Given a strategy, when the chart grows a field and the release goes, then it works and the object stays."""
    settings = ("--set", "image.repository=registry.test/op,preDelete.enabled=false")
    helm(version, empty_bed, "install", render.NAME, str(render.CHART), "--create-namespace", *settings)
    empty_bed.kubectl("wait", "--for=condition=Established", "crd", *KIND_NAMES, PATIENCE)
    with empty_bed.new_namespace(f"kept-{version}") as space:
        space.apply(stored_strategy("careful", {"type": "InPlace"}))
        uid = space.uid("ustrat", "careful")

        helm(version, empty_bed, "upgrade", render.NAME, str(a_newer_chart(tmp_path / "chart")), *settings)
        space.until("the new field is served", lambda: "note" in space.kubectl("explain", "ustrat.spec"))
        space.apply(stored_strategy("careful", {"type": "InPlace", "note": "grown"}))
        assert space.get("ustrat", "careful")["spec"]["note"] == "grown"

        helm(version, empty_bed, "uninstall", render.NAME)
        left = {crd["metadata"]["name"] for crd in empty_bed.list("crd")}
        assert left >= KIND_NAMES
        assert space.uid("ustrat", "careful") == uid
        assert empty_bed.list("validatingadmissionpolicies") == []
    empty_bed.kubectl("delete", "crd", *KIND_NAMES, PATIENCE)
