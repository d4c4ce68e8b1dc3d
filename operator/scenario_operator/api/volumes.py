"""The volumes that a Scenario may add to its pod; names and shapes are those of Kubernetes."""

from typing import Annotated, Literal

from pydantic import Field

from scenario_operator.api.common import (
    ApiModel,
    DataKey,
    LabelName,
    ObjectName,
    Quantity,
    cel,
    exactly_one,
    rules,
)

Mode = Annotated[int, Field(ge=0, le=511)]


class KeyToPath(ApiModel):
    """One key as a file."""

    key: DataKey
    """The key."""
    path: Annotated[str, Field(min_length=1, max_length=256)]
    """Path of the file within the volume."""
    mode: Mode | None = None
    """Permission bits of the file."""


VolumeItems = Annotated[tuple[KeyToPath, ...], Field(max_length=32)]


class ConfigMapVolume(ApiModel):
    """Files from a ConfigMap in the run's namespace."""

    name: ObjectName
    """Name of the ConfigMap."""
    items: VolumeItems = ()
    """Keys to show; absent means all."""
    default_mode: Mode | None = None
    """Permission bits of the files."""
    optional: bool = False
    """Whether the pod starts without it."""


class SecretVolume(ApiModel):
    """Files from a Secret in the run's namespace."""

    secret_name: ObjectName
    """Name of the Secret."""
    items: VolumeItems = ()
    """Keys to show; absent means all."""
    default_mode: Mode | None = None
    """Permission bits of the files."""
    optional: bool = False
    """Whether the pod starts without it."""


class ClaimVolume(
    ApiModel,
    json_schema_extra=rules(
        cel(
            "!self.claimName.matches('^state-.*-[0-9]+-0$')",
            "persistentVolumeClaim.claimName must not name the stored state of a run"
            " (state-<run>-<n>-0): only its own"
            " incarnation may mount it",
        )
    ),
):
    """A claim in the run's namespace that the user manages."""

    claim_name: ObjectName
    """Name of the claim."""
    read_only: bool = False
    """Whether it is mounted read-only."""


class EmptyDirVolume(ApiModel):
    """Scratch space that lives as long as the pod."""

    medium: Literal["Memory"] | None = None
    """Memory for a file system in memory; absent for the node's disk."""
    size_limit: Quantity | None = None
    """The most it may hold."""


class Volume(
    ApiModel,
    json_schema_extra=rules(
        exactly_one("configMap", "secret", "persistentVolumeClaim", "emptyDir", what="a volume"),
        cel(
            "!self.name.startsWith('scenario') && !(self.name in ['state', 'results', 'artifact', 'tmp'])",
            "volumes.name must not be state, results, artifact, tmp or start with scenario, which the"
            " operator uses:"
            " choose another name",
        ),
    ),
):
    """One volume of the pod."""

    name: LabelName
    """Name that volumeMounts refer to; state, results, artifact, tmp and scenario* are reserved."""
    config_map: ConfigMapVolume | None = None
    """Files from a ConfigMap."""
    secret: SecretVolume | None = None
    """Files from a Secret."""
    persistent_volume_claim: ClaimVolume | None = None
    """A claim that the user manages."""
    empty_dir: EmptyDirVolume | None = None
    """Scratch space."""


class VolumeMount(
    ApiModel,
    json_schema_extra=rules(
        cel(
            "self.mountPath.matches('^(/[^/]+)+/?$') && !self.mountPath.matches('/[.][.]?(/|$)')",
            "volumeMounts.mountPath must be an absolute path other than / without empty, . or .."
            " parts: write it out",
        ),
        cel(
            "!self.mountPath.matches('^/(scenario[^/]*|tmp|dev)(/|$)')",
            "volumeMounts.mountPath must not lie in /scenario*, /tmp or /dev, which the operator"
            " provides: choose"
            " another path",
        ),
    ),
):
    """Where a volume appears in the container."""

    name: LabelName
    """Name of the volume."""
    mount_path: Annotated[str, Field(min_length=1, max_length=256)]
    """Absolute path; /scenario*, /tmp and /dev are reserved."""
    sub_path: Annotated[str, Field(max_length=256)] | None = None
    """Path within the volume."""
    read_only: bool = False
    """Whether it is mounted read-only."""
