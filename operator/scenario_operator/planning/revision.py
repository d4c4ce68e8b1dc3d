"""Revisions: immutable snapshots of a Scenario, identified by content.

Two hashes are kept: *logic* decides whether stored state and results still mean the same, *config* whether
the pods must be made again. The version label orders and explains; it identifies nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scenario_operator.api.common import canonical
from scenario_operator.api.scenario import ScenarioSpec, Verdict
from scenario_operator.planning.plan import End, digest_of

NOT_CONTENT = ("upgrade", "deletionProtection", "description")
"""Fields of a spec, named as on the wire, that no revision freezes."""
_LOGIC = ("type", "hooks", "outputs")
_CONFIG = ("workload", "parameters")


@dataclass(frozen=True, slots=True)
class Artifact:
    """The resolved artifact: what runs use as image, its digest, and the hash of its files, if it has any.

    `unpinned`: the image was found on the node only; it has no registry digest and is used by its tag. `files`: the
    hash of each file by its name, which only says what differs; None where an older operator did not record it.
    """

    image: str
    digest: str
    unpinned: bool = False
    files_hash: str = ""
    files: tuple[tuple[str, str], ...] | None = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Revision:
    """One published revision; equality is by name and content hashes, the spec follows from them."""

    name: str
    number: int
    version: str
    artifact: Artifact
    logic_hash: str
    config_hash: str
    spec: ScenarioSpec = field(compare=False, repr=False)

    @property
    def end(self) -> End:
        """Return this revision as the end of a plan."""
        return End(self.name, self.version, self.artifact.digest, self.state_version)

    @property
    def state_version(self) -> str:
        """Return the format that this version writes, "" when it stores nothing."""
        return self.spec.state.version if self.spec.state else ""

    @property
    def has_state(self) -> bool:
        """Say whether this version keeps a state volume."""
        return self.spec.state is not None and self.spec.state.volume is not None

    def accepts(self, formats: tuple[str, ...]) -> bool:
        """Say whether this version can read every one of these formats."""
        readable = set(self.spec.state.accepts or (self.state_version,)) if self.spec.state else set()
        return set(formats) <= readable


def snapshot(spec: ScenarioSpec) -> dict[str, Any]:
    """Return the part of a spec that a revision freezes."""
    return {key: value for key, value in canonical(spec).items() if key not in NOT_CONTENT}


def logic_hash(spec: ScenarioSpec, artifact: Artifact) -> str:
    """Hash what gives state and results their meaning; volumes apart."""
    content = canonical(spec)
    part: dict[str, Any] = {key: content.get(key) for key in _LOGIC}
    part["artifact"] = [artifact.digest, artifact.files_hash]
    part["state"] = _without_volume(content.get("state"))
    part["results"] = "results" in content
    return digest_of(part)[:16]


def config_hash(spec: ScenarioSpec) -> str:
    """Hash what decides how the pods look: workload, parameter definitions, volumes."""
    content = canonical(spec)
    part: dict[str, Any] = {key: content.get(key) for key in _CONFIG}
    part["volumes"] = [(content.get(key) or {}).get("volume") for key in ("state", "results")]
    return digest_of(part)[:16]


def content_hash(spec: ScenarioSpec, artifact: Artifact) -> str:
    """Hash everything that a revision freezes: equal hashes are the same revision."""
    resolved = [artifact.image, artifact.digest, artifact.files_hash]
    return digest_of([snapshot(spec), resolved])[:16]


def is_content_of(revision: Revision, spec: ScenarioSpec, artifact: Artifact) -> bool:
    """Say whether a spec with its resolved artifact is what a revision froze.

    An older operator knew no `compatibility.undeclared` that nobody states, and froze Incompatible as absent: by its
    revisions the two are the same, so that the new operator publishes nothing anew.
    """
    wanted = content_hash(spec, artifact)
    if wanted == content_hash(revision.spec, revision.artifact):
        return True
    stated = spec.compatibility
    if revision.artifact.files is not None or stated.undeclared is not Verdict.INCOMPATIBLE:
        return False
    unstated = spec.model_copy(update={"compatibility": stated.model_copy(update={"undeclared": None})})
    return content_hash(unstated, artifact) == content_hash(revision.spec, revision.artifact)


def make(name: str, number: int, spec: ScenarioSpec, artifact: Artifact) -> Revision:
    """Make the revision of a spec whose artifact is resolved."""
    return Revision(
        name, number, spec.version, artifact, logic_hash(spec, artifact), config_hash(spec), spec=spec
    )


def _without_volume(state: dict[str, Any] | None) -> dict[str, Any] | None:
    return {key: value for key, value in state.items() if key != "volume"} if state else None
