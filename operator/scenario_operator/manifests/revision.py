"""Published revisions as objects: a ControllerRevision for the content, a ConfigMap for the artifact's files.

Runs render from what is read back here, never from the Scenario itself: only then does the same revision always
give the same template. Neither is owned by the Scenario: a run keeps working when its Scenario is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject
from scenario_operator.api.reading import Unreadable, reading
from scenario_operator.api.scenario import ScenarioSpec
from scenario_operator.manifests.identity import Component, ScenarioIdentity, owned_by_revision
from scenario_operator.planning.plan import digest_of
from scenario_operator.planning.revision import Artifact, Revision, make, snapshot

_FILES = 256
"""So many files a revision remembers one by one; their names may have 253 characters each."""


def revision_manifest(namespace: str, scenario: str, revision: Revision) -> JsonObject:
    """Return the ControllerRevision that holds a revision; hashes are not kept, they follow from the content.

    The description is no content (it makes no revision), but it is kept: run.json shows it.
    """
    artifact = revision.artifact
    data: JsonObject = {
        "number": revision.number,
        "spec": snapshot(revision.spec),
        "description": revision.spec.description or "",
        "artifact": {
            "image": artifact.image,
            "digest": artifact.digest,
            "unpinned": artifact.unpinned,
            "filesHash": artifact.files_hash,
            "files": dict(artifact.files or ()),
        },
    }
    owner = ScenarioIdentity(namespace, scenario)
    labels = owner.labels(Component.REVISION)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": owner.metadata(revision.name, labels),
        "revision": revision.number,
        "data": data,
    }


def is_revision(controller_revision: Mapping[str, Any]) -> bool:
    """Say whether a ControllerRevision is one of ours.

    A StatefulSet copies our labels from its pod template to the ControllerRevisions of its own history.
    """
    labels = controller_revision["metadata"].get("labels") or {}
    return bool(labels.get(names.LABEL_COMPONENT) == Component.REVISION)


def read_revision(controller_revision: Mapping[str, Any]) -> Revision | Unreadable:
    """Return the revision that a ControllerRevision holds, or why its data is not what we write."""
    return reading(lambda: parse_revision(controller_revision), "data")


def parse_revision(controller_revision: Mapping[str, Any]) -> Revision:
    """Return the revision that a ControllerRevision holds; raises what `read_revision` tells of one of others."""
    data = controller_revision["data"]
    artifact = data["artifact"]
    described = {"description": data["description"]} if data.get("description") else {}
    return make(
        controller_revision["metadata"]["name"],
        data["number"],
        ScenarioSpec.model_validate({**data["spec"], **described}),
        Artifact(
            image=artifact["image"],
            digest=artifact["digest"],
            unpinned=artifact["unpinned"],
            files_hash=artifact["filesHash"],
            files=tuple(sorted(artifact["files"].items())) if "files" in artifact else None,
        ),
    )


def files_hash(source: Mapping[str, Any]) -> str:
    """Return the hash of the artifact files in a ConfigMap: of its content, whatever its name."""
    return digest_of([source.get("data") or {}, source.get("binaryData") or {}])


def files_of(source: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the hash of each artifact file by its name, of so many files as a revision has room for."""
    kinds = ("data", "binaryData")
    files = {name: digest_of([k, text])[:12] for k in kinds for name, text in (source.get(k) or {}).items()}
    return tuple(sorted(files.items())[:_FILES])


def artifact_copy(
    namespace: str, scenario: str, revision: Revision, revision_uid: str, source: Mapping[str, Any]
) -> JsonObject:
    """Return the immutable copy of a ConfigMap's files, owned by the ControllerRevision of that uid."""
    owner = ScenarioIdentity(namespace, scenario)
    labels = owner.labels(Component.ARTIFACT) | {names.LABEL_REVISION: revision.name}
    metadata = owner.metadata(names.artifact_copy(revision.name), labels)
    metadata["ownerReferences"] = [owned_by_revision(revision.name, revision_uid)]
    files = {key: source[key] for key in ("data", "binaryData") if source.get(key)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True, **files}
