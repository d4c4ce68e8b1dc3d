"""What gives a revision its identity, and what makes a label mean two things."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.planning.build import INCIDENT, REVERT, edge, revision, spec

from scenario_operator.api.reasons import Reason
from scenario_operator.api.scenario import ScenarioSpec
from scenario_operator.planning.revision import Artifact, content_hash, make
from scenario_operator.planning.validity import problem_of, reuse_of

BASE = revision()
ENV = {"env": [{"name": "LEVEL", "value": "debug"}]}
ARTIFACT = BASE.artifact

LOGIC: dict[str, dict[str, Any]] = {
    "the format": {"state": {"version": "2", "volume": {"size": "1Gi"}}},
    "the accepted formats": {"state": {"version": "1", "accepts": ["0", "1"], "volume": {"size": "1Gi"}}},
    "the hooks": {"hooks": {"revert": {"command": ["other"]}}},
    "the outputs": {"outputs": [{**INCIDENT, "identity": "v2"}]},
    "the results": {"results": {"volume": {"size": "1Gi"}}},
    "the digest": {"digest": "sha256:other"},
}
CONFIG: dict[str, dict[str, Any]] = {
    "the workload": {"workload": ENV},
    "the parameters": {"parameters": [{"name": "p", "default": "1"}]},
    "the size of the volume": {"state": {"version": "1", "volume": {"size": "2Gi"}}},
}
NEITHER: dict[str, dict[str, Any]] = {
    "the description": {"description": "watches"},
    "the rollout": {"upgrade": {"suspend": True}},
    "the protection": {"deletion_protection": False},
    "the compatibility": {"compatibility": {"from": [edge("Compatible")]}},
}


@pytest.mark.parametrize("what", LOGIC)
def test_logic_changes_with(what: str) -> None:
    assert revision(**LOGIC[what]).logic_hash != BASE.logic_hash


@pytest.mark.parametrize("what", CONFIG)
def test_config_changes_and_logic_stays_with(what: str) -> None:
    changed = revision(**CONFIG[what])
    assert changed.logic_hash == BASE.logic_hash
    assert changed.config_hash != BASE.config_hash


@pytest.mark.parametrize("what", NEITHER)
def test_neither_logic_nor_config_changes_with(what: str) -> None:
    changed = revision(**NEITHER[what])
    assert (changed.logic_hash, changed.config_hash) == (BASE.logic_hash, BASE.config_hash)


def test_the_label_alone_is_neither_logic_nor_config() -> None:
    relabelled = revision("9.0.0", digest=ARTIFACT.digest)
    assert relabelled.logic_hash == BASE.logic_hash
    assert (
        revision("9.0.0", digest=ARTIFACT.digest, artifact={"image": "moved:9"}).logic_hash == BASE.logic_hash
    )


def test_the_content_of_the_artifacts_files_is_logic() -> None:
    with_files = Artifact(ARTIFACT.image, ARTIFACT.digest, files_hash="f")
    assert reuse_of(BASE.spec, with_files, [BASE]) is not None


def test_a_config_map_that_was_edited_in_place_is_told_from_other_logic() -> None:
    """Given a revision with files, when they alone differ, then the ConfigMap is named; else it is the label."""
    image = {"image": "r/x:1"}
    shipped = spec(artifact={**image, "configMapRef": {"name": "rules"}})
    revision_with_files = make("x-r1", 1, shipped, Artifact(ARTIFACT.image, ARTIFACT.digest, files_hash="1"))
    edited = Artifact(ARTIFACT.image, ARTIFACT.digest, files_hash="2")
    other = spec(artifact={**image, "configMapRef": {"name": "more-rules"}})

    def told(changed: ScenarioSpec) -> Reason | None:
        found = reuse_of(changed, edited, [revision_with_files])
        return found.reason if found else None

    assert told(shipped) is Reason.CONFIG_MAP_CHANGED
    assert told(other) is Reason.VERSION_REUSED
    hooks = {"revert": {"command": ["other"]}}
    assert (
        told(spec(artifact={**image, "configMapRef": {"name": "rules"}}, hooks=hooks))
        is Reason.VERSION_REUSED
    )


def test_the_description_and_the_way_of_upgrading_make_no_new_revision() -> None:
    same = spec(description="watches", upgrade={"suspend": True}, deletion_protection=False)
    assert content_hash(same, ARTIFACT) == content_hash(BASE.spec, ARTIFACT)
    edited = spec(compatibility={"from": [edge("Compatible")]})
    assert content_hash(edited, ARTIFACT) != content_hash(BASE.spec, ARTIFACT)


def test_a_label_with_other_logic_is_refused_while_the_old_one_is_in_use() -> None:
    changed = spec(hooks={"revert": {"command": ["other"]}})
    found = reuse_of(changed, ARTIFACT, [BASE])
    assert found is not None
    assert found.reason is Reason.VERSION_REUSED
    assert found.message.startswith("spec.version")
    assert reuse_of(changed, ARTIFACT, []) is None


def test_editing_only_config_keeps_the_label() -> None:
    assert reuse_of(spec(workload=ENV), ARTIFACT, [BASE]) is None


def test_a_label_that_is_no_version_and_a_range_that_is_none_are_named() -> None:
    label = problem_of(spec("summer"))
    assert label is not None
    assert label.reason is Reason.INVALID_VERSION
    bad = problem_of(
        spec(compatibility={"from": [edge("Compatible"), edge("Compatible", versions=">= 1.0.0")]})
    )
    assert bad is not None
    assert "spec.compatibility.from[1].versions" in bad.message
    assert problem_of(spec(hooks=REVERT)) is None


def test_a_field_that_a_newer_operator_knows_changes_no_hash_of_what_is_there() -> None:
    """Given a spec of an earlier release, when a newer operator reads it, then nobody is restarted or asked again."""
    given = {
        "version": "1.0.0",
        "artifact": {"image": "r/x:1"},
        "workload": {
            "command": ["serve"],
            "env": [{"name": "A", "value": "b"}],
            "podLabels": {"app": "x"},
            "runAsUser": 1000,
        },
        "state": {"version": "1", "volume": {"size": "1Gi"}},
        "hooks": {"preflight": {"command": ["true"]}},
    }
    artifact = Artifact("r/x@sha256:" + "a" * 64, "sha256:" + "a" * 64)
    published = make("x-r1", 1, ScenarioSpec.model_validate(given), artifact)
    hashes = published.logic_hash, published.config_hash, content_hash(published.spec, artifact)
    assert hashes == ("132b902b2eab7794", "dfef97aed6619ca4", "4e273c3f0024ceb9")
