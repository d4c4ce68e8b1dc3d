"""Where a run's pod may be placed; names and shapes are those of Kubernetes."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from scenario_operator.api.common import ApiModel, LabelName, LabelValue, QualifiedKey

Weight = Annotated[int, Field(ge=1, le=100)]
LabelValues = Annotated[tuple[LabelValue, ...], Field(max_length=16)]


class Toleration(ApiModel):
    """A taint the pod tolerates."""

    key: Annotated[str, Field(max_length=317)] | None = None
    """Key of the taint; absent means all keys, with operator Exists."""
    operator: Literal["Exists", "Equal"] | None = None
    """How key and value are compared; Equal when absent."""
    value: LabelValue | None = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; absent means all effects."""
    toleration_seconds: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    """How long NoExecute is tolerated."""


class LabelRequirement(ApiModel):
    """A condition on one label."""

    key: QualifiedKey
    """Key of the label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label is compared."""
    values: LabelValues = ()
    """Values for In and NotIn."""


class LabelSelector(ApiModel):
    """A selection of pods; all conditions must hold."""

    match_labels: Annotated[Mapping[QualifiedKey, LabelValue], Field(max_length=16)] = Field(
        default_factory=dict
    )
    """Labels that must be equal."""
    match_expressions: Annotated[tuple[LabelRequirement, ...], Field(max_length=16)] = ()
    """Conditions on labels."""


class NodeRequirement(ApiModel):
    """A condition on one label or field of a node."""

    key: QualifiedKey
    """Key of the label or field."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How it is compared."""
    values: LabelValues = ()
    """Values to compare with."""


class NodeSelectorTerm(ApiModel):
    """A selection of nodes; all conditions must hold."""

    match_expressions: Annotated[tuple[NodeRequirement, ...], Field(max_length=16)] = ()
    """Conditions on labels of the node."""
    match_fields: Annotated[tuple[NodeRequirement, ...], Field(max_length=4)] = ()
    """Conditions on fields of the node."""


class NodeSelector(ApiModel):
    """Nodes that fit at least one term."""

    node_selector_terms: Annotated[tuple[NodeSelectorTerm, ...], Field(min_length=1, max_length=8)]
    """The terms, of which one must fit."""


class PreferredNodes(ApiModel):
    """Nodes that are preferred."""

    weight: Weight
    """Weight of the preference."""
    preference: NodeSelectorTerm
    """The nodes."""


class NodeAffinity(ApiModel):
    """On which nodes the pod may run."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """Nodes it must run on."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[PreferredNodes, ...], Field(max_length=8)
    ] = ()
    """Nodes it should run on."""


class PodAffinityTerm(ApiModel):
    """A selection of pods and the topology they are compared in."""

    topology_key: QualifiedKey
    """Label of nodes that tells the topology domain."""
    label_selector: LabelSelector | None = None
    """The pods."""
    namespaces: Annotated[tuple[LabelName, ...], Field(max_length=16)] = ()
    """The namespaces of the pods; absent means the run's own."""


class PreferredPods(ApiModel):
    """A preference for or against being near to pods."""

    weight: Weight
    """Weight of the preference."""
    pod_affinity_term: PodAffinityTerm
    """The pods."""


PodTerms = Annotated[tuple[PodAffinityTerm, ...], Field(max_length=8)]
PreferredPodTerms = Annotated[tuple[PreferredPods, ...], Field(max_length=8)]


class PodAffinity(ApiModel):
    """Near to, or apart from, which pods the pod runs."""

    required_during_scheduling_ignored_during_execution: PodTerms = ()
    """What must hold."""
    preferred_during_scheduling_ignored_during_execution: PreferredPodTerms = ()
    """What should hold."""


class Affinity(ApiModel):
    """Where the pod may run."""

    node_affinity: NodeAffinity | None = None
    """By node."""
    pod_affinity: PodAffinity | None = None
    """Near to pods."""
    pod_anti_affinity: PodAffinity | None = None
    """Apart from pods."""


class TopologySpreadConstraint(ApiModel):
    """How pods are spread over a topology."""

    max_skew: Annotated[int, Field(ge=1, le=10_000)]
    """The largest difference between two domains."""
    topology_key: QualifiedKey
    """Label of nodes that tells the topology domain."""
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    """What happens when it cannot be met."""
    label_selector: LabelSelector | None = None
    """The pods that are counted."""
    min_domains: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """The least number of domains; with DoNotSchedule."""
