"""Scenarios and strategies as they are read, and what the schema cannot tell about a Scenario.

That is whether versions and ranges are some, and whether a label would change its meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from scenario_operator.api.reading import Unreadable, reading
from scenario_operator.api.reasons import Reason
from scenario_operator.api.scenario import ScenarioSpec, UpgradePolicy
from scenario_operator.api.strategy import StrategySpec
from scenario_operator.planning import compatibility
from scenario_operator.planning.parameters import HEAVIEST, weight
from scenario_operator.planning.revision import Artifact, Revision, logic_hash

_ANNOTATIONS: Final = 96 * 1024
"""Bytes of a user's pod annotations: with the heaviest parameters they stay below the 256 KiB of Kubernetes."""


class Problem(NamedTuple):
    """Why a spec is not served; the message begins with the field's path.

    `allowed_seconds`: how long what is waited for may take by the author's own word.
    """

    reason: Reason
    message: str
    allowed_seconds: int = 0


def read_spec(scenario: Mapping[str, Any]) -> ScenarioSpec | Unreadable:
    """Return what a Scenario asks for, or which field of it cannot be read."""
    return reading(lambda: ScenarioSpec.model_validate(scenario["spec"]), "spec")


def read_policy(scenario: Mapping[str, Any]) -> UpgradePolicy | Unreadable:
    """Return how the runs of a Scenario follow it, or which field of that cannot be read.

    It can be read, and is in force, also when the rest of the spec cannot.
    """
    return reading(
        lambda: UpgradePolicy.model_validate(scenario["spec"].get("upgrade") or {}), "spec.upgrade"
    )


def read_strategy(obj: Mapping[str, Any]) -> StrategySpec | Unreadable:
    """Return what an UpgradeStrategy says, or which field of it cannot be read."""
    return reading(lambda: StrategySpec.model_validate(obj["spec"]), "spec")


def problem_of(spec: ScenarioSpec) -> Problem | None:
    """Return the first problem of a spec by itself."""
    if not compatibility.is_version(spec.version):
        return Problem(
            Reason.INVALID_VERSION, f"spec.version: {spec.version!r} is not a semantic version such as 2.1.0"
        )
    for index, edge in enumerate(spec.compatibility.from_):
        if edge.versions is not None and not compatibility.is_range(edge.versions):
            where = f"spec.compatibility.from[{index}].versions"
            return Problem(
                Reason.INVALID_SPEC, f"{where}: {edge.versions!r} is not a range such as >=2.0.0 <2.1.0"
            )
    return _too_heavy(spec)


def _too_heavy(spec: ScenarioSpec) -> Problem | None:
    """Return the problem of what no pod of a run could carry: its annotations hold the user's and the parameters."""
    defaults = weight({p.name: p.default for p in spec.parameters if p.default is not None})
    if defaults > HEAVIEST:
        told = f"spec.parameters: the defaults take {defaults} bytes as JSON"
        return Problem(Reason.INVALID_SPEC, f"{told}, {HEAVIEST} at most: shorten them")
    given = sum(len(f"{k}{v}".encode()) for k, v in spec.workload.pod_annotations.items())
    if given > _ANNOTATIONS:
        told = f"spec.workload.podAnnotations take {given} bytes"
        return Problem(Reason.INVALID_SPEC, f"{told}, {_ANNOTATIONS} at most: shorten them")
    return None


def reuse_of(spec: ScenarioSpec, artifact: Artifact, in_use: Iterable[Revision]) -> Problem | None:
    """Return a problem when the label already stands for other logic that a run or a revision in use carries."""
    logic = logic_hash(spec, artifact)
    for revision in in_use:
        if revision.version == spec.version and revision.logic_hash != logic:
            if _only_files_differ(spec, artifact, revision):
                return Problem(
                    Reason.CONFIG_MAP_CHANGED,
                    f"spec.artifact.configMapRef: the content of its ConfigMap is no longer that of {spec.version} "
                    f"(revision {revision.name}): restore it, or give the new content a new name and a new version",
                )
            return Problem(
                Reason.VERSION_REUSED,
                f"spec.version: {spec.version} already stands for other logic (revision {revision.name}); "
                "people pin and approve by label: give the new logic a new version",
            )
    return None


def _only_files_differ(spec: ScenarioSpec, artifact: Artifact, revision: Revision) -> bool:
    """Say whether a ConfigMap was edited in place: the same name, the same logic but for its content."""
    reference = spec.artifact.config_map_ref
    before = replace(artifact, files_hash=revision.artifact.files_hash)
    same = reference is not None and reference == revision.spec.artifact.config_map_ref
    return same and logic_hash(spec, before) == revision.logic_hash
