"""The closed subset of a Pod that a Scenario may set; names and shapes are those of Kubernetes.

The operator adds what the runtime contract promises and stamps the security context last, so what it owns
(names, labels, environment and paths of its own) is refused here.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from scenario_operator.api.common import (
    ApiModel,
    DataKey,
    LabelValue,
    ObjectName,
    ObjectRef,
    Port,
    PortReference,
    QualifiedKey,
    Quantity,
    TimeoutSeconds,
    cel,
    exactly_one,
    keyed,
    rules,
)
from scenario_operator.api.scheduling import Affinity, Toleration, TopologySpreadConstraint
from scenario_operator.api.volumes import Volume, VolumeMount

Argument = Annotated[str, Field(max_length=4096)]
Command = Annotated[tuple[Argument, ...], Field(max_length=64)]
EnvName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z_][-._A-Za-z0-9]*$")]
ProbeSeconds = Annotated[int, Field(ge=1, le=3600)]


# --- Environment ----------------------------------------------------------------------------------


class KeySelector(ApiModel):
    """One key of a ConfigMap or Secret in the run's namespace."""

    name: ObjectName
    """Name of the object."""
    key: DataKey
    """Key within it."""
    optional: bool = False
    """Whether the container starts without it."""


class FieldSelector(ApiModel):
    """A field of the pod."""

    field_path: Annotated[str, Field(min_length=1, max_length=256)]
    """Path of the field, such as metadata.name."""


class EnvSource(
    ApiModel,
    json_schema_extra=rules(exactly_one("configMapKeyRef", "secretKeyRef", "fieldRef", what="valueFrom")),
):
    """Where the value of a variable comes from."""

    config_map_key_ref: KeySelector | None = None
    """A key of a ConfigMap."""
    secret_key_ref: KeySelector | None = None
    """A key of a Secret."""
    field_ref: FieldSelector | None = None
    """A field of the pod."""


class EnvVar(
    ApiModel,
    json_schema_extra=rules(
        cel(
            "!(has(self.value) && has(self.valueFrom))",
            "env must not set both value and valueFrom: remove one of them",
        ),
        cel(
            "!self.name.startsWith('SCENARIO_')",
            "env.name must not start with SCENARIO_, which the operator sets: choose another name",
        ),
    ),
):
    """One environment variable."""

    name: EnvName
    """Name of the variable; SCENARIO_* is reserved."""
    value: Annotated[str, Field(max_length=4096)] | None = None
    """The value itself."""
    value_from: EnvSource | None = None
    """Where the value comes from."""


class OptionalRef(ApiModel):
    """A ConfigMap or Secret in the run's namespace."""

    name: ObjectName
    """Name of the object."""
    optional: bool = False
    """Whether the container starts without it."""


class EnvFrom(
    ApiModel,
    json_schema_extra=rules(
        exactly_one("configMapRef", "secretRef", what="envFrom"),
        cel(
            "!has(self.prefix) || !self.prefix.startsWith('SCENARIO_')",
            "envFrom.prefix must not start with SCENARIO_, which the operator sets: choose another prefix",
        ),
    ),
):
    """All keys of a ConfigMap or Secret as variables."""

    prefix: Annotated[str, Field(max_length=64)] | None = None
    """Put before every key."""
    config_map_ref: OptionalRef | None = None
    """The ConfigMap."""
    secret_ref: OptionalRef | None = None
    """The Secret."""


# --- Resources, ports, probes ---------------------------------------------------------------------

ResourceMap = Annotated[Mapping[QualifiedKey, Quantity], Field(max_length=16)]


class Resources(ApiModel):
    """Compute resources of the container."""

    limits: ResourceMap = Field(default_factory=dict)
    """The most it may use."""
    requests: ResourceMap = Field(default_factory=dict)
    """What is reserved for it."""


class ContainerPort(ApiModel):
    """A port the container listens on."""

    name: Annotated[str, Field(min_length=1, max_length=15, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    """Name of the port; probes may refer to it."""
    container_port: Port
    """Number of the port."""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    """Protocol of the port."""


class ExecAction(ApiModel):
    """A command run in the container; exit code 0 means success."""

    command: Annotated[tuple[Argument, ...], Field(min_length=1, max_length=64)]
    """The command and its arguments; no shell."""


class HttpHeader(ApiModel):
    """A header of the probe's request."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    """Name of the header."""
    value: Annotated[str, Field(max_length=1024)]
    """Value of the header."""


class HttpGetAction(ApiModel):
    """An HTTP request to the pod; 200 to 399 means success."""

    path: Annotated[str, Field(max_length=1024)] = "/"
    """Path of the request."""
    port: PortReference
    """Number or name of the port."""
    scheme: Literal["HTTP", "HTTPS"] = "HTTP"
    """Scheme of the request."""
    http_headers: Annotated[tuple[HttpHeader, ...], Field(max_length=16)] = ()
    """Headers of the request."""


class TcpSocketAction(ApiModel):
    """A connection to the pod; success means it opened."""

    port: PortReference
    """Number or name of the port."""


class GrpcAction(ApiModel):
    """A call of the gRPC health service."""

    port: Port
    """Number of the port."""
    service: Annotated[str, Field(max_length=256)] | None = None
    """Service to ask for."""


class Probe(
    ApiModel, json_schema_extra=rules(exactly_one("exec", "httpGet", "tcpSocket", "grpc", what="a probe"))
):
    """A check by the kubelet."""

    exec: ExecAction | None = None
    """Run a command."""
    http_get: HttpGetAction | None = None
    """Send an HTTP request."""
    tcp_socket: TcpSocketAction | None = None
    """Open a connection."""
    grpc: GrpcAction | None = None
    """Ask the gRPC health service."""
    initial_delay_seconds: Annotated[int, Field(ge=0, le=86_400)] | None = None
    """Pause before the first check."""
    period_seconds: ProbeSeconds | None = None
    """Pause between checks."""
    timeout_seconds: ProbeSeconds | None = None
    """How long a check may take."""
    success_threshold: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Successes in a row that count as success."""
    failure_threshold: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Failures in a row that count as failure."""


# --- The workload ---------------------------------------------------------------------------------


def _probe_succeeds_at_once(probe: str) -> dict[str, object]:
    return cel(
        f"!has(self.{probe}) || !has(self.{probe}.successThreshold) || self.{probe}.successThreshold == 1",
        f"{probe}.successThreshold must be 1: remove it or set 1",
    )


_OWN_KEY = "k.startsWith('scenarios.dev/')"


def _labels(field: str) -> object:
    """Declare labels of pods, without those that we set."""
    rule = cel(
        f"!self.exists(k, {_OWN_KEY} || k == 'app.kubernetes.io/managed-by')",
        f"{field} must not set scenarios.dev/* or app.kubernetes.io/managed-by, which the"
        " operator sets:"
        " remove them",
    )
    return Field(max_length=32, json_schema_extra=rules(rule))


def _annotations(field: str) -> object:
    """Declare annotations of pods, without those that we set."""
    rule = cel(
        f"!self.exists(k, {_OWN_KEY})",
        f"{field} must not set scenarios.dev/*, which the operator sets: remove them",
    )
    return Field(max_length=32, json_schema_extra=rules(rule))


Labels = Mapping[QualifiedKey, LabelValue]
Annotations = Mapping[QualifiedKey, Annotated[str, Field(max_length=4096)]]


class Workload(
    ApiModel,
    json_schema_extra=rules(
        cel(
            "!has(self.volumeMounts) || self.volumeMounts.all(m,"
            " has(self.volumes) && self.volumes.exists(v, v.name == m.name))",
            "volumeMounts.name must name an entry of volumes: add the volume or correct the name",
        ),
        _probe_succeeds_at_once("startupProbe"),
        _probe_succeeds_at_once("livenessProbe"),
    ),
):
    """The container of a run and its pod.

    The operator stamps a restricted security context.
    """

    command: Command = ()
    """Replaces the image's entrypoint; no shell."""
    args: Command = ()
    """Arguments of the entrypoint."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=64, json_schema_extra=keyed("name"))] = ()
    """Environment variables; SCENARIO_* is reserved."""
    env_from: Annotated[tuple[EnvFrom, ...], Field(max_length=16)] = ()
    """ConfigMaps and Secrets whose keys become variables; later entries win."""
    resources: Resources = Resources()
    """Compute resources."""
    ports: Annotated[tuple[ContainerPort, ...], Field(max_length=16, json_schema_extra=keyed("name"))] = ()
    """Ports the container listens on."""
    startup_probe: Probe | None = None
    """Success means: it runs. An upgrade waits for it."""
    readiness_probe: Probe | None = None
    """Success means: it acts, learning is over. An upgrade does not wait for it."""
    liveness_probe: Probe | None = None
    """Failure restarts the container."""
    termination_grace_period_seconds: TimeoutSeconds = 30
    """Time to finish work, write a checkpoint and the stop report after SIGTERM."""
    service_account_name: ObjectName | None = None
    """Service account of the pod, in the run's namespace."""
    image_pull_secrets: Annotated[
        tuple[ObjectRef, ...], Field(max_length=8, json_schema_extra=keyed("name"))
    ] = ()
    """Secrets to pull the image with, in the run's namespace."""
    node_selector: Annotated[Mapping[QualifiedKey, LabelValue], Field(max_length=16)] = Field(
        default_factory=dict
    )
    """Labels a node must have."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = ()
    """Taints the pod tolerates."""
    affinity: Affinity | None = None
    """Where the pod may run."""
    topology_spread_constraints: Annotated[tuple[TopologySpreadConstraint, ...], Field(max_length=8)] = ()
    """How pods are spread."""
    priority_class_name: ObjectName | None = None
    """Priority class of the pod."""
    volumes: Annotated[tuple[Volume, ...], Field(max_length=16, json_schema_extra=keyed("name"))] = ()
    """Additional volumes; state, results and artifact are provided by the operator."""
    volume_mounts: Annotated[
        tuple[VolumeMount, ...], Field(max_length=32, json_schema_extra=keyed("mountPath"))
    ] = ()
    """Where the volumes appear."""
    pod_labels: Annotated[Labels, _labels("podLabels")] = Field(default_factory=dict)
    """Additional labels of the pod that serves."""
    pod_annotations: Annotated[Annotations, _annotations("podAnnotations")] = Field(default_factory=dict)
    """Additional annotations of the pod that serves, and of hooks."""
    hook_pod_labels: Annotated[Labels, _labels("hookPodLabels")] = Field(default_factory=dict)
    """Additional labels of the pods that end by themselves: hooks, and the probe that pulls the image. By them an
    injector of sidecars can be told to stay away."""
    hook_pod_annotations: Annotated[Annotations, _annotations("hookPodAnnotations")] = Field(
        default_factory=dict
    )
    """Additional annotations of the same pods; for hooks they come over podAnnotations."""
    termination_message_policy: Literal["File", "FallbackToLogsOnError"] | None = None
    """What counts as a program's last words, which appear in status: with FallbackToLogsOnError (default) the end of
    its log when it fails without a termination message, with File that message only."""
    run_as_user: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """User the container runs as; never root."""
    run_as_group: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """Group the container runs as."""
    fs_group: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """Group that owns the volumes."""
