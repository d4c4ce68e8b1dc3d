"""A revision is read back from its object exactly as it was published."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.api.samples import PARTS, example
from tests.unit.manifests.build import published, rendered

from scenario_operator.api import names
from scenario_operator.api.scenario import ScenarioSpec
from scenario_operator.manifests.revision import (
    artifact_copy,
    files_hash,
    files_of,
    is_revision,
    parse_revision,
    revision_manifest,
)
from scenario_operator.planning.revision import Artifact, content_hash, make

ARTIFACTS = st.builds(Artifact, st.text(min_size=1), st.text(), st.booleans(), st.text())


@given(seed=st.integers(0, 10**6), artifact=ARTIFACTS, number=st.integers(1, 10**6))
def test_a_revision_is_read_back_as_it_was_published(seed: int, artifact: Artifact, number: int) -> None:
    source = example(PARTS["Scenario"]["spec"], random.Random(seed), 0.5)  # noqa: S311
    revision = make("quake-watch-r1", number, ScenarioSpec.model_validate(source), artifact)

    back = parse_revision(json.loads(json.dumps(revision_manifest("team", "quake-watch", revision))))

    assert back == revision
    assert content_hash(back.spec, back.artifact) == content_hash(revision.spec, revision.artifact)
    assert rendered(back) == rendered(revision)


def test_a_revision_belongs_to_no_object_that_could_take_it_along() -> None:
    manifest = revision_manifest("team", "quake-watch", published())

    assert manifest["metadata"] == {
        "name": "quake-watch-r1",
        "namespace": "team",
        "labels": {
            names.LABEL_MANAGED_BY: names.CONTROLLER,
            names.LABEL_SCENARIO: "quake-watch",
            names.LABEL_COMPONENT: "revision",
        },
    }
    assert manifest["revision"] == 1


def test_what_is_no_content_is_not_frozen() -> None:
    spec = revision_manifest("team", "quake-watch", published(upgrade={"suspend": True}))["data"]["spec"]

    assert not {"upgrade", "deletionProtection", "description"} & set(spec)


def test_the_history_of_a_statefulset_is_not_taken_for_our_revisions() -> None:
    copied = {"metadata": {"labels": rendered(published())["spec"]["template"]["metadata"]["labels"]}}

    assert is_revision(revision_manifest("team", "quake-watch", published()))
    assert not is_revision(copied)
    assert not is_revision({"metadata": {}})


SOURCE = {
    "metadata": {"name": "source", "labels": {"a": "b"}},
    "data": {"a": "1"},
    "binaryData": {"b": "AAE="},
}


def test_an_artifact_copy_never_changes_and_goes_with_its_revision() -> None:
    copy = artifact_copy("team", "quake-watch", published(), "uid-of-r1", SOURCE)

    assert copy["metadata"]["name"] == "quake-watch-r1-artifact"
    assert copy["immutable"] is True
    assert (copy["data"], copy["binaryData"]) == (SOURCE["data"], SOURCE["binaryData"])
    assert "a" not in copy["metadata"]["labels"]
    (owner,) = copy["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == (
        "ControllerRevision",
        "quake-watch-r1",
        "uid-of-r1",
    )


@pytest.mark.parametrize("change", [{"data": {"a": "2"}}, {"binaryData": {}}, {"data": {"b": "1"}}])
def test_files_are_hashed_by_content(change: dict[str, dict[str, str]]) -> None:
    renamed = {**SOURCE, "metadata": {"name": "other"}}

    assert files_hash(SOURCE) == files_hash(renamed)
    assert files_hash(SOURCE) == files_hash(artifact_copy("t", "s", published(), "u", SOURCE))
    assert files_hash(SOURCE) != files_hash({**SOURCE, **change})


def test_the_hash_of_each_file_says_what_differs_and_is_no_content() -> None:
    """Given files, when a revision is read back, then each has its hash; whether it is another one, all decide."""
    files = files_of(SOURCE)
    shipped = make("r1", 1, published().spec, Artifact("x", "d", files_hash="f", files=files))

    manifest = json.loads(json.dumps(revision_manifest("team", "quake-watch", shipped)))

    assert [name for name, _ in files] == ["a", "b"]
    assert files_of({"binaryData": SOURCE["data"]}) != files_of({"data": SOURCE["data"]})
    assert parse_revision(manifest).artifact.files == files
    del manifest["data"]["artifact"]["files"]
    older = parse_revision(manifest)
    assert older.artifact.files is None
    assert older == shipped
    assert content_hash(older.spec, older.artifact) == content_hash(shipped.spec, shipped.artifact)


def test_a_revision_remembers_so_many_files_one_by_one_as_it_has_room_for() -> None:
    assert len(files_of({"data": {f"{n:0253}": "1" for n in range(1000)}})) == 256
