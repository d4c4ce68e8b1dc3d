"""Images as registries and nodes really have them: too late, moved, or on the node only (rows A7, A52, A53)."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from beds import images
from tests.e2e.release import REGISTRY
from tests.e2e.watch import SCENARIO, Watch
from tests.harness.cluster import BED, Cluster, JsonObject, bed_command

ON_THE_NODE = "nowhere.test/quake-watch:here"


@pytest.fixture
def ours(node_bed: Cluster) -> Cluster:
    """A bed whose registry and node we may change."""
    if not node_bed.bed:
        pytest.skip("pushes to the registry of a bed; the cluster that KUBECONFIG names is not one")
    return node_bed


def image_of(cluster: Cluster, pod: str) -> str:
    """Return what the node says that a pod runs."""
    statuses = cluster.get("pod", pod)["status"]["containerStatuses"]
    return str(next(status["imageID"] for status in statuses if status["name"] == "scenario"))


def test_a7_nobody_is_stopped_for_an_image_that_is_not_there_and_its_push_is_enough(
    watch: Watch, ours: Cluster
) -> None:
    """Given a working run, when v1.1 names an image that comes late, then the run works on until it is there."""
    late = f"late-{watch.cluster.namespace}"
    watch.apply("scenario-v1")
    watch.start("r")
    pod = watch.cluster.uid("pod", "r-1-0")

    watch.apply("scenario-v1.1", artifact={"image": f"{REGISTRY}/quake-watch:{late}"})
    watch.cluster.until_condition("scn", SCENARIO, "ArtifactAvailable", "False", "ArtifactUnavailable")
    assert watch.cluster.uid("pod", "r-1-0") == pod
    assert watch.cluster.latest_attempt(SCENARIO) == {}
    assert watch.cluster.condition("srun", "r", "Available")["status"] == "True"

    bed_command("push", ours.bed, f"quake-watch:v1.1=quake-watch:{late}")
    watch.cluster.until_settled("r", "1.1.0")
    assert watch.cluster.condition("scn", SCENARIO, "ArtifactAvailable")["status"] == "True"


def test_a52_a_tag_that_moves_after_it_was_resolved_changes_nothing(watch: Watch, ours: Cluster) -> None:
    """Given a resolved tag, when it moves, then new runs, restarts and rollouts stay on the resolved digest."""
    tag = f"moving-{watch.cluster.namespace}"
    bed_command("push", ours.bed, f"quake-watch:v1=quake-watch:{tag}")
    image = {"image": f"{REGISTRY}/quake-watch:{tag}"}
    watch.apply("scenario-v1", artifact=image)
    watch.start("r")
    resolved = image_of(watch.cluster, "r-1-0")
    pod = watch.cluster.uid("pod", "r-1-0")

    moved = bed_command("push", ours.bed, f"quake-watch:v2=quake-watch:{tag}").strip()
    assert moved.partition("@")[2] not in resolved, "the tag has not moved: the test would prove nothing"
    watch.start("new")
    assert image_of(watch.cluster, "new-1-0") == resolved

    watch.cluster.patch("srun", "r", {"spec": {"restartNonce": "1"}})
    watch.cluster.until("r restarted", lambda: other_pod(watch.cluster, "r-1-0", pod))
    watch.cluster.until_settled("r", "1.0.0")
    assert image_of(watch.cluster, "r-1-0") == resolved

    pod = watch.cluster.uid("pod", "r-1-0")
    watch.apply("scenario-v1", artifact=image, workload={"env": [{"name": "COLOUR", "value": "blue"}]})
    watch.cluster.until("r rolled out", lambda: other_pod(watch.cluster, "r-1-0", pod))
    watch.cluster.until_settled("r", "1.0.0")
    assert watch.cluster.environment("r-1-0")["COLOUR"] == "blue"
    assert image_of(watch.cluster, "r-1-0") == resolved


def other_pod(cluster: Cluster, name: str, uid: str) -> bool:
    """Say whether a pod of that name is there and is another one."""
    found = cluster.find("pod", name)
    return found is not None and found["metadata"]["uid"] != uid


def test_a53_an_image_that_only_the_node_has_works_by_its_tag_and_is_called_unpinned(
    watch: Watch, ours: Cluster
) -> None:
    """Given an image loaded onto the node, when a Scenario names it, then its runs work and the reason says so."""
    load_onto_node(ours)
    watch.apply("scenario-v1", artifact={"image": ON_THE_NODE})
    watch.start("r")
    unpinned = watch.cluster.condition("scn", SCENARIO, "ArtifactAvailable")
    assert (unpinned["status"], unpinned["reason"]) == ("True", "DigestUnpinned")
    assert watch.cluster.get("pod", "r-1-0")["spec"]["containers"][0]["image"] == ON_THE_NODE


def test_an_image_of_which_the_node_has_a_copy_is_pinned_in_its_own_repository(
    watch: Watch, ours: Cluster
) -> None:
    """Given an image on the node, when its copy in another repository is asked for, then that one's digest is used."""
    watch.apply("scenario-v1")
    watch.cluster.until_condition("scn", SCENARIO, "ArtifactAvailable", "True", "Resolved")
    copy = f"{REGISTRY}/copy-{watch.cluster.namespace}"
    pushed = bed_command("push", ours.bed, f"quake-watch:v1=copy-{watch.cluster.namespace}:1").strip()

    watch.apply("scenario-v1", artifact={"image": f"{copy}:1"})
    pinned = f"{copy}@{pushed.partition('@')[2]}"
    seen = watch.cluster.until(
        "the copy to be pinned",
        lambda: watch.cluster.get("scn", SCENARIO)["status"].get("resolvedImage") == pinned,
    )
    assert seen
    assert watch.cluster.condition("scn", SCENARIO, "ArtifactAvailable")["reason"] == "Resolved"
    warnings = "type=Warning,reason=Failed"
    assert "scenario-probe" not in watch.cluster.kubectl("get", "events", "--field-selector", warnings)


def load_onto_node(bed: Cluster) -> None:
    """Import quake watch v1 into the node's containerd under a name that no registry has.

    With another configuration, so that it is another image: the kubelet knows which images it pulled itself, and
    from where, and would not hand those out under a new name.
    """
    layout = images.layout()
    manifest = json.loads(blob(layout, images.find(layout, "quake-watch:v1")["digest"]).read_text())
    config = json.loads(blob(layout, manifest["config"]["digest"]).read_text())
    config["config"]["Labels"] = {"origin": "loaded by hand"}
    files = {
        digest: blob(layout, digest).read_bytes() for digest in (x["digest"] for x in manifest["layers"])
    }
    manifest["config"] |= described(config, files)
    found = {"mediaType": manifest["mediaType"], **described(manifest, files)}
    named = {**found, "annotations": {"io.containerd.image.name": ON_THE_NODE}}
    members = {f"blobs/{digest.replace(':', '/')}": content for digest, content in files.items()}
    members["oci-layout"] = json.dumps({"imageLayoutVersion": "1.0.0"}).encode()
    members["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [named]}).encode()
    command = [
        sys.executable,
        str(BED),
        "exec",
        bed.bed,
        "--",
        "ctr",
        "-n",
        "k8s.io",
        "images",
        "import",
        "-",
    ]
    done = subprocess.run(command, input=archive(members), capture_output=True, check=False)
    assert not done.returncode, done.stderr.decode()


def described(content: JsonObject, files: dict[str, bytes]) -> JsonObject:
    """Put a JSON blob among the files, and return its digest and size."""
    text = json.dumps(content).encode()
    digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
    files[digest] = text
    return {"digest": digest, "size": len(text)}


def archive(members: dict[str, bytes]) -> bytes:
    """Return a tar archive of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def blob(layout: Path, digest: str) -> Path:
    """Return the file of a blob in an OCI layout."""
    return layout / "blobs" / digest.replace(":", "/")
