"""Ways in and out of a cluster, beside Helm 4 which installs for all other tests (docs/install.md)."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.release import CRDS, NAME, NAMESPACE, Release
from tests.e2e.watch import Watch
from tests.harness.cluster import PATIENCE, Cluster

KINDS = {
    "scenarioruns.scenarios.dev",
    "scenarios.scenarios.dev",
    "scenarioupgrades.scenarios.dev",
    "upgradestrategies.scenarios.dev",
}


def kinds(cluster: Cluster) -> set[str]:
    """Return the names of our kinds that the cluster has."""
    return {crd["metadata"]["name"] for crd in cluster.list("crd", CRDS)}


def test_plain_manifests_install_and_uninstall_with_kubectl_alone(
    release: Release, space: Cluster, tmp_path: Path
) -> None:
    """Given no Helm, when install.yaml is applied and later removed, then a run works in between and afterwards."""
    install, uninstall = release.rendered(tmp_path)
    run = release.place.kubectl
    run("apply", "-f", str(install))
    release.until_available()
    watch = Watch(space)
    watch.apply("scenario-v1")
    watch.start("r")

    run("apply", "-f", str(uninstall))
    release.place.kubectl("wait", "--for=condition=Complete", f"job/{NAME}-release", PATIENCE)
    run("delete", "-f", str(uninstall))
    run("delete", "-f", str(install), "-l", "app.kubernetes.io/component!=crds", PATIENCE)

    assert kinds(release.cluster) == KINDS
    assert space.get("srun", "r")["status"]["applied"]["version"] == "1.0.0"
    assert watch.show("r")["counter"] > 0, "the run does not work without its operator"
    assert release.cluster.find("namespace", NAMESPACE) is None


def test_helm_3_installs_and_its_uninstall_leaves_the_kinds_and_all_objects(
    release: Release, space: Cluster
) -> None:
    """Given Helm 3, when the release is uninstalled, then kinds and Scenarios stay and nothing of the operator."""
    release.install("helm3")
    assert sum(release.restarts().values()) == 0
    assert len(release.restarts()) == 2
    Watch(space).apply("scenario-v1")

    release.uninstall("helm3")

    assert kinds(release.cluster) == KINDS
    assert space.find("scn", "quake-watch") is not None
    assert release.place.list("deployments,pods,jobs,serviceaccounts", f"app.kubernetes.io/name={NAME}") == []
    ours = release.cluster.list("clusterroles,clusterrolebindings", f"app.kubernetes.io/name={NAME}")
    assert ours == []


def test_an_uninstall_by_helm_4_keeps_everything_and_the_next_install_takes_over(
    release: Release, space: Cluster
) -> None:
    """Given a working run, when the operator goes and comes back, then its pod is the same and it is served again."""
    release.install("helm4")
    watch = Watch(space)
    watch.apply("scenario-v1")
    watch.start("r")
    pod = space.uid("pod", "r-1-0")

    release.uninstall("helm4")
    assert kinds(release.cluster) == KINDS
    assert space.uid("pod", "r-1-0") == pod

    release.install("helm4")
    watch.go_on("r")
    assert space.uid("pvc", "state-r-1-0")
    assert space.get("srun", "r")["status"]["applied"]["version"] == "1.0.0"
