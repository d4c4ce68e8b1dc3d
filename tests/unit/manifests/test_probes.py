"""What a probe has found: the digest of an image that was pulled, or why it was not."""

from __future__ import annotations

from typing import Any

import pytest

from scenario_operator.api.reasons import Reason
from scenario_operator.manifests.probe import Probed, read_probe, repository, unanswered
from scenario_operator.planning.revision import Artifact

DIGEST = "sha256:" + "a" * 64
IMAGE = "registry:5000/team/app:1.0"


def found(**status: Any) -> Probed:
    return read_probe({"status": status}, IMAGE)


def container(**status: Any) -> Probed:
    return found(containerStatuses=[{"name": "scenario", **status}])


@pytest.mark.parametrize("state", [{"waiting": {"reason": "ContainerCreating"}}, {}])
def test_a_probe_that_says_nothing_yet_is_no_finding(state: Any) -> None:
    assert container(state=state) == unanswered(IMAGE)


def test_a_command_that_cannot_start_proves_the_pull_and_gives_the_digest() -> None:
    ended = {"terminated": {"exitCode": 128}}

    seen = container(state=ended, imageID=f"registry:5000/team/app@{DIGEST}")

    assert seen == Probed(Artifact(f"registry:5000/team/app@{DIGEST}", DIGEST), None)


def test_an_image_that_no_registry_has_is_used_by_its_tag() -> None:
    """Given an image that was imported on a node, then it has no digest to pull by, and stays unpinned."""
    seen = container(state={"terminated": {"exitCode": 128}}, imageID=DIGEST)

    assert seen == Probed(Artifact(IMAGE, DIGEST, unpinned=True), None)


@pytest.mark.parametrize(
    ("reason", "told", "unpullable"),
    [
        ("ImagePullBackOff", Reason.ARTIFACT_UNAVAILABLE, True),
        ("InvalidImageName", Reason.ARTIFACT_UNAVAILABLE, True),
        ("CreateContainerConfigError", Reason.RESOLVING, False),
    ],
)
def test_only_an_image_that_cannot_be_pulled_is_unavailable(
    reason: str, told: Reason, unpullable: bool
) -> None:
    seen = container(state={"waiting": {"reason": reason, "message": "m" * 2000}})

    assert seen.artifact is None
    assert seen.pending is not None
    assert (seen.pending.reason, seen.unpullable) == (told, unpullable)
    assert len(seen.pending.message) <= 1000


COPY = f"docker.io/library/twin@{DIGEST}"
LOADED = f"docker.io/library/import-2026-01-01@{DIGEST}"
ENDED = {"terminated": {"exitCode": 1}}


@pytest.mark.parametrize(
    ("image_id", "elsewhere"),
    [(COPY, True), (LOADED, False), (DIGEST, False), (DIGEST.removeprefix("sha256:"), False)],
)
def test_a_digest_of_another_repository_pins_nothing(image_id: str, elsewhere: bool) -> None:
    """Given two copies on a node, or an image that was loaded, then the runtime's digest is not the asked one's."""
    seen = container(state=ENDED, imageID=image_id)
    assert seen == Probed(Artifact(IMAGE, DIGEST, unpinned=True), None, elsewhere=elsewhere)


@pytest.mark.parametrize(
    ("image", "image_id"),
    [
        ("app:1", f"docker.io/library/app@{DIGEST}"),
        ("library/app", f"index.docker.io/library/app@{DIGEST}"),
        ("team/app:1", f"docker-pullable://docker.io/team/app@{DIGEST}"),
        ("localhost/app:1", f"localhost/app@{DIGEST}"),
        ("docker.io/app", f"app@{DIGEST}"),
    ],
)
def test_a_repository_is_the_same_however_it_is_spelt(image: str, image_id: str) -> None:
    status = {"containerStatuses": [{"name": "scenario", "state": ENDED, "imageID": image_id}]}
    assert read_probe({"status": status}, image).artifact == Artifact(f"{repository(image)}@{DIGEST}", DIGEST)


def test_a_repository_that_only_looks_alike_is_another_one() -> None:
    status = {
        "containerStatuses": [
            {"name": "scenario", "state": ENDED, "imageID": f"docker.io/localhost/app@{DIGEST}"}
        ]
    }
    assert read_probe({"status": status}, "localhost/app:1").elsewhere


def test_what_a_node_has_without_a_registry_is_pinned_by_nothing_but_its_author() -> None:
    """Given an image of an earlier pull, when the registry does not answer, then the tag may mean another one."""
    status = {"containerStatuses": [{"name": "scenario", "state": ENDED, "imageID": f"r/x@{DIGEST}"}]}
    assert read_probe({"status": status}, "r/x:1", pulled=False).artifact == Artifact(
        "r/x:1", DIGEST, unpinned=True
    )
    vouched = read_probe({"status": status}, "r/x:1", pulled=False, declared=DIGEST)
    assert vouched.artifact == Artifact(f"r/x@{DIGEST}", DIGEST)


def test_an_image_that_was_pulled_by_its_digest_has_it_whatever_the_node_calls_it() -> None:
    status = {"containerStatuses": [{"name": "scenario", "state": ENDED, "imageID": COPY}]}
    assert read_probe({"status": status}, f"r/x@{DIGEST}").artifact == Artifact(f"r/x@{DIGEST}", DIGEST)


CRIO = {
    "reason": "CreateContainerError",
    "message": "executable file `/.scenario-probe/ends` not found in $PATH",
}


def test_a_runtime_that_creates_no_container_for_want_of_the_command_has_pulled_the_image() -> None:
    """Given no digest from the runtime, then a declared one is proved by the pull, and else it is asked for."""
    seen = container(state={"waiting": CRIO})
    assert seen.undisclosed
    assert seen.pending is not None
    assert seen.pending.message.startswith("spec.artifact.digest: to be declared")
    status = {"containerStatuses": [{"name": "scenario", "state": {"waiting": CRIO}}]}
    assert read_probe({"status": status}, f"r/x@{DIGEST}").artifact == Artifact(f"r/x@{DIGEST}", DIGEST)


def test_an_image_id_without_a_digest_is_no_digest() -> None:
    seen = container(state=ENDED, imageID="docker://something")
    assert (seen.artifact, seen.undisclosed) == (None, True)


def test_a_digest_is_never_that_of_a_sidecar() -> None:
    sidecar = {"name": "istio-proxy", "state": ENDED, "imageID": "istio/proxyv2@sha256:" + "e" * 64}
    ours = {"name": "scenario", "state": ENDED, "imageID": f"registry:5000/team/app@{DIGEST}"}
    assert found(containerStatuses=[sidecar, ours]).artifact == Artifact(
        f"registry:5000/team/app@{DIGEST}", DIGEST
    )
    assert found(containerStatuses=[sidecar]).artifact is None


NONROOT = "container has runAsNonRoot and image will run as root"
NOT_A_NUMBER = (
    "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root"
)


@pytest.mark.parametrize(
    ("status", "field"),
    [
        (
            {"waiting": {"reason": "CreateContainerConfigError", "message": NONROOT}},
            "spec.workload.runAsUser: ",
        ),
        (
            {"waiting": {"reason": "CreateContainerConfigError", "message": NOT_A_NUMBER}},
            "spec.workload.runAsUser: ",
        ),
        ({"waiting": {"reason": "CreateContainerError", "message": "no space left"}}, "resolving "),
    ],
)
def test_why_a_container_cannot_be_created_is_told_with_the_field_to_set(status: Any, field: str) -> None:
    seen = container(state=status)
    assert seen.pending is not None
    assert seen.pending.message.startswith(field)
    assert status["waiting"]["message"] in seen.pending.message


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (
            "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector",
            "spec.workload.nodeSelector: ",
        ),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {a: b}", "spec.workload.tolerations: "),
        ("0/1 nodes are available: 1 Insufficient cpu", "resolving "),
    ],
)
def test_why_no_node_takes_a_probe_is_told_with_the_field_to_set(said: str, field: str) -> None:
    seen = found(conditions=[{"type": "PodScheduled", "status": "False", "message": said}])
    assert seen.pending is not None
    assert seen.pending.message.startswith(field)
    assert said in seen.pending.message


def test_what_was_put_beside_a_probe_and_keeps_it_is_named() -> None:
    waits = {"name": "scenario", "state": {"waiting": {"reason": "PodInitializing"}}}
    seen = found(
        containerStatuses=[waits], initContainerStatuses=[{"name": "istio-init", "state": {"running": {}}}]
    )
    assert seen.pending is not None
    assert "hookPodLabels" in seen.pending.message
    assert "istio-init" in seen.pending.message


def test_why_a_node_refused_a_probe_is_told() -> None:
    seen = found(phase="Failed", reason="OutOfpods", message="too many")
    assert seen.pending is not None
    assert "OutOfpods: too many" in seen.pending.message


def test_a_probe_without_a_node_is_told_in_the_words_of_the_scheduler() -> None:
    waits = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}

    seen = found(conditions=[waits])

    assert seen.pending is not None
    assert "0/3 nodes are available" in seen.pending.message


@pytest.mark.parametrize(
    ("image", "bare"),
    [
        ("app", "app"),
        ("app:1", "app"),
        (f"app:1@{DIGEST}", "app"),
        ("registry:5000/app", "registry:5000/app"),
        ("registry:5000/team/app:1", "registry:5000/team/app"),
    ],
)
def test_a_repository_has_neither_tag_nor_digest_and_a_port_is_no_tag(image: str, bare: str) -> None:
    assert repository(image) == bare
