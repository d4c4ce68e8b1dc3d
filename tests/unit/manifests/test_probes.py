"""What a probe has found: the digest of an image that was pulled, or why it was not."""

from __future__ import annotations

from typing import Any

import pytest

from scenario_operator.api.reasons import Reason
from scenario_operator.manifests.probe import Probed, read_probe, repository
from scenario_operator.planning.revision import Artifact

DIGEST = "sha256:" + "a" * 64
IMAGE = "registry:5000/team/app:1.0"


def found(**status: Any) -> Probed:
    return read_probe({"status": status}, IMAGE)


def container(**status: Any) -> Probed:
    return found(containerStatuses=[status])


def test_a_command_that_cannot_start_proves_the_pull_and_gives_the_digest() -> None:
    ended = {"terminated": {"exitCode": 128}}

    seen = container(state=ended, imageID=f"docker.io/team/app@{DIGEST}")

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
        ("ContainerCreating", Reason.RESOLVING, False),
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
