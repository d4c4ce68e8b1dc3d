"""Scenario: the desired version of versioned logic, its compatibility, and how runs follow it."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from scenario_operator.api.common import (
    UNIQUE,
    ApiModel,
    Digest,
    Hash,
    Image,
    LabelName,
    Number,
    ObjectName,
    ObjectRef,
    ParameterName,
    ParameterValue,
    Quantity,
    RecordedDigest,
    Resource,
    RevisionName,
    StateVersion,
    Text,
    Time,
    TimeoutSeconds,
    VersionLabel,
    Word,
    cel,
    exactly_one,
    keyed,
    rules,
)
from scenario_operator.api.conditions import Conditions
from scenario_operator.api.strategy import StrategySpec
from scenario_operator.api.workload import Argument, Workload

# --- Spec -----------------------------------------------------------------------------------------


class ScenarioType(StrEnum):
    """How a scenario runs."""

    SERVICE = "Service"


class Verdict(StrEnum):
    """The author's word about a source version."""

    COMPATIBLE = "Compatible"
    INCOMPATIBLE = "Incompatible"


class OutputClass(StrEnum):
    """What can be done about outputs that were already published."""

    REVERSIBLE = "Reversible"
    IRREVERSIBLE = "Irreversible"
    RETAINED = "Retained"


class Artifact(
    ApiModel,
    json_schema_extra=rules(
        cel(
            "!has(self.digest) || !self.image.contains('@') || self.image.endsWith('@' + self.digest)",
            "artifact.digest must equal the digest in artifact.image: remove one of them or make them equal",
        )
    ),
):
    """What is run."""

    image: Image
    """Container image; its tag is resolved to a digest once per revision, and the digest is what runs use."""
    digest: Digest | None = None
    """Digest the image must resolve to; a mismatch stops everything before any run is touched."""
    config_map_ref: ObjectRef | None = None
    """ConfigMap in the Scenario's namespace, copied per revision and mounted read-only at
    /scenario/artifact; its content is part of the revision."""


class ClaimSpec(ApiModel):
    """A volume the operator claims for a run."""

    size: Quantity
    """Size of the volume, such as 1Gi."""
    storage_class_name: ObjectName | None = None
    """Storage class; absent means the cluster's default."""
    access_mode: Literal["ReadWriteOnce", "ReadWriteOncePod"] = "ReadWriteOnce"
    """How the volume is mounted."""


class StateSpec(
    ApiModel,
    json_schema_extra=rules(
        cel(
            "!has(self.accepts) || self.version in self.accepts",
            "state.accepts must contain state.version: add it, or remove accepts to accept only the"
            " own version",
        )
    ),
):
    """The stored state of a run."""

    version: StateVersion
    """Format of the stored state that this version writes."""
    accepts: Annotated[tuple[StateVersion, ...], Field(max_length=32, json_schema_extra=UNIQUE)] = ()
    """Formats it can read; absent means only the own version."""
    volume: ClaimSpec | None = None
    """Volume of each incarnation; absent means nothing survives a restart of the pod."""

    @field_validator("accepts")
    @classmethod
    def _one_spelling(cls, formats: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Order does not matter, and the own version alone is what absence means: neither may change a hash."""
        distinct = tuple(sorted(set(formats)))
        return () if distinct == (info.data.get("version"),) else distinct

    @property
    def accepted(self) -> frozenset[str]:
        """The formats it can read, the own one included."""
        return frozenset(self.accepts or (self.version,))


class ResultsSpec(ApiModel):
    """The published results of a run."""

    volume: ClaimSpec
    """Volume shared by all incarnations of a run; it survives them. Immutable."""


class Hook(ApiModel):
    """A command of the artifact, run as a Job."""

    command: Annotated[tuple[Argument, ...], Field(min_length=1, max_length=64)]
    """The command and its arguments; no shell."""
    timeout_seconds: TimeoutSeconds = 300
    """How long it may run."""


class Hooks(ApiModel):
    """Commands of the artifact that take part in upgrades."""

    validate_: Hook | None = None
    """Run once per revision before it is published; failure makes the Scenario invalid."""
    preflight: Hook | None = None
    """Run per run with the new artifact while the old one works; failure stops the plan before anything is
    touched."""
    revert: Hook | None = None
    """Run with the artifact of the incarnation whose results are taken back."""
    verify: Hook | None = None
    """Run while the new incarnation works; failure means the upgrade failed."""


class CompatibilityEdge(
    ApiModel,
    json_schema_extra=rules(
        exactly_one("versions", "digest", what="compatibility.from"),
        cel(
            "!has(self.reversible) || !self.reversible || self.verdict == 'Compatible'",
            "compatibility.from.reversible must not be true with verdict Incompatible: remove it or"
            " declare Compatible",
        ),
    ),
):
    """The verdict about some source versions."""

    versions: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Range of versions, such as '>=2.0.0 <2.1.0'."""
    digest: Digest | None = None
    """Digest of one exact artifact."""
    verdict: Verdict
    """Compatible: this version works on the stored state. Incompatible: it does not."""
    reversible: bool = False
    """Whether the source version still works on the state after this version has written to it."""


class Compatibility(ApiModel):
    """From which versions the stored state can be taken over."""

    undeclared: Verdict | None = None
    """The verdict about a source version that no entry matches; absent means Incompatible, and that a person is asked
    before state is lost under approval Never (see undeclaredEdge of the strategy)."""
    from_: Annotated[tuple[CompatibilityEdge, ...], Field(max_length=64)] = ()
    """Verdicts in order; the first match wins."""
    allow_downgrade: bool = False
    """Whether runs may move to this version from a newer one."""


class ParameterDefinition(
    ApiModel,
    json_schema_extra=rules(
        cel(
            "!(has(self.default) && has(self.required) && self.required)",
            "parameters.default must not be set when required is true: remove one of them",
        )
    ),
):
    """A parameter of the scenario."""

    name: ParameterName
    """Name of the parameter."""
    default: ParameterValue | None = None
    """Value for runs that do not set it."""
    required: bool = False
    """Whether every run must set it."""
    description: Text | None = None
    """What it does."""


class Output(ApiModel):
    """A kind of output that the scenario publishes."""

    kind: Annotated[
        str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
    ]
    """Name of the kind of output."""
    class_: OutputClass
    """Reversible: the revert hook takes it back. Irreversible: it is counted as lost. Retained: never
    touched."""
    identity: Word | None = None
    """Changes when the outputs of two versions no longer have the same identities."""


class UpgradePolicy(
    ApiModel,
    json_schema_extra=rules(
        cel(
            "!(has(self.strategyRef) && has(self.strategy))",
            "upgrade must not set both strategyRef and strategy: remove one of them",
        )
    ),
):
    """How runs follow this Scenario."""

    strategy_ref: ObjectRef | None = None
    """UpgradeStrategy in the Scenario's namespace."""
    strategy: StrategySpec | None = None
    """The strategy itself, inline."""
    suspend: bool = False
    """Staged: validate, resolve and plan, but start nothing."""
    approved_plans: Annotated[tuple[Hash, ...], Field(max_length=64, json_schema_extra=UNIQUE)] = ()
    """Hashes of plan groups that have consent; the declarative approval."""
    history_limit: Annotated[int, Field(ge=1, le=100)] = 10
    """Finished attempts that are kept."""


class ScenarioSpec(
    ApiModel,
    json_schema_extra=rules(
        cel(
            "!has(oldSelf.results) || (has(self.results) && self.results == oldSelf.results)",
            "results.volume is immutable once set: restore it, or create a new Scenario",
        ),
    ),
):
    """The desired version."""

    version: VersionLabel
    """Label that orders and explains versions (semantic versioning); identity is content."""
    description: Text | None = None
    """What the scenario does."""
    type: Annotated[
        ScenarioType,
        Field(
            json_schema_extra=rules(
                cel("self == oldSelf", "type is immutable: create a new Scenario for another type")
            )
        ),
    ] = ScenarioType.SERVICE
    """How it runs. Service: one long-running workload per run. Immutable."""
    artifact: Artifact
    """What is run."""
    workload: Workload = Workload()
    """The container and its pod."""
    state: StateSpec | None = None
    """The stored state; absent means a run has none."""
    results: ResultsSpec | None = None
    """The published results; immutable once set."""
    hooks: Hooks = Hooks()
    """Commands of the artifact that take part in upgrades."""
    compatibility: Compatibility = Compatibility()
    """From which versions the stored state can be taken over."""
    parameters: Annotated[
        tuple[ParameterDefinition, ...], Field(max_length=64, json_schema_extra=keyed("name"))
    ] = ()
    """Parameters that runs may set."""
    outputs: Annotated[tuple[Output, ...], Field(max_length=32, json_schema_extra=keyed("kind"))] = ()
    """Kinds of output that it publishes."""
    upgrade: UpgradePolicy = UpgradePolicy()
    """How runs follow this Scenario."""
    deletion_protection: bool = True
    """While runs exist, deletion is refused unless this is false."""

    @field_validator("parameters")
    @classmethod
    def _parameters_in_order(cls, found: tuple[ParameterDefinition, ...]) -> tuple[ParameterDefinition, ...]:
        """Sort: server-side apply may reorder a list with keys, which must not change a hash."""
        return tuple(sorted(found, key=lambda parameter: parameter.name))

    @field_validator("outputs")
    @classmethod
    def _outputs_in_order(cls, found: tuple[Output, ...]) -> tuple[Output, ...]:
        """Sort, for the same reason."""
        return tuple(sorted(found, key=lambda output: output.kind))


# --- Status ---------------------------------------------------------------------------------------


class ResolvedArtifact(ApiModel):
    """What the image was resolved to."""

    image: Image
    """The image that was resolved."""
    digest: RecordedDigest | None = None
    """Its digest."""
    resolved_image: Annotated[str, Field(max_length=640)] | None = None
    """What runs use: the image by its digest."""
    unpinned: bool = False
    """True when the image exists on nodes only and is used by its tag."""
    since: Time | None = None
    """When it was resolved or when resolving began to fail."""


class RunCounts(ApiModel):
    """Runs of the Scenario."""

    total: Number = 0
    """All runs."""
    up_to_date: Number = 0
    """Runs on the latest revision."""
    upgrading: Number = 0
    """Runs that carry out a plan."""
    failed: Number = 0
    """Runs whose last plan failed or was rolled back."""
    pinned: Number = 0
    """Runs that stay on a version by pinnedVersion."""
    unreadable: Number = 0
    """Runs that cannot be read and are left out; their conditions name the field."""


class VersionCount(ApiModel):
    """Runs on one revision."""

    version: VersionLabel
    """Version label."""
    revision: RevisionName
    """Name of the revision."""
    runs: Number
    """How many runs are on it."""


class ScenarioStatus(ApiModel):
    """What was observed."""

    observed_generation: int = -1
    """The generation of the spec that this status is about."""
    conditions: Conditions = ()
    """Statements for people and tools."""
    latest_revision: RevisionName | None = None
    """The newest valid revision."""
    active_revision: RevisionName | None = None
    """The newest released revision; new runs start on it."""
    resolved_image: Annotated[str, Field(max_length=640)] | None = None
    """What runs of the latest revision use."""
    artifact: ResolvedArtifact | None = None
    """What the image was resolved to."""
    last_upgrade_sequence: Number = 0
    """Number of the newest attempt."""
    runs: RunCounts = RunCounts()
    """Runs of the Scenario."""
    versions: Annotated[tuple[VersionCount, ...], Field(max_length=64)] = ()
    """Runs by revision, newest first."""
    current_upgrade: LabelName | None = None
    """Name of the unfinished attempt."""


class Scenario(Resource):
    """The desired version of versioned logic, its compatibility, and how runs follow it."""

    spec: ScenarioSpec
    """The desired version."""
    status: ScenarioStatus = ScenarioStatus()
    """What was observed."""
