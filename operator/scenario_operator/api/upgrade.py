"""ScenarioUpgrade: one rollout attempt of one revision over the runs of a Scenario, and the report that
outlives them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from scenario_operator.api.common import (
    ApiModel,
    CamelWord,
    Hash,
    Identity,
    LabelName,
    Level,
    Message,
    Nonce,
    Number,
    OpenWord,
    OwnName,
    ReasonText,
    Resource,
    RevisionName,
    RunName,
    ScenarioRef,
    StateVersion,
    Text,
    Time,
    Uid,
    VersionLabel,
    cel,
    keyed,
    rules,
)
from scenario_operator.api.conditions import Conditions
from scenario_operator.api.run import Loss

MAX_NAMED_RUNS = 1000
"""How many runs one attempt names; a further attempt takes what does not fit."""


class AttemptCause(StrEnum):
    """Why an attempt was opened."""

    REVISION = "Revision"
    RETRY = "Retry"
    RECOMPUTE = "Recompute"


class AttemptPhase(OpenWord):
    """Where an attempt stands, in one word for people; the last five are its ends."""

    PENDING = "Pending"
    RUNNING = "Running"
    AWAITING_APPROVAL = "AwaitingApproval"
    SUSPENDED = "Suspended"
    HELD = "Held"
    CLOSING = "Closing"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SUPERSEDED = "Superseded"
    ABORTED = "Aborted"
    REJECTED = "Rejected"


GATED = frozenset({AttemptPhase.AWAITING_APPROVAL, AttemptPhase.SUSPENDED})
"""An attempt grants nothing until a person says so."""


class PlanApproval(ApiModel):
    """Consent to one plan group."""

    plan_hash: Hash
    """Hash of the group."""
    approver: Annotated[str, Field(min_length=1, max_length=256)]
    """Who consents; a policy of the chart requires it to be the requesting user."""
    reason: Text | None = None
    """Why."""


class Asked(ApiModel):
    """A run that asked for the attempt, by a nonce."""

    namespace: LabelName | None = None
    """Namespace of the run; absent means that of the Scenario."""
    name: OwnName
    """Name of the run."""
    uid: Uid
    """UID of the run."""
    nonce: Nonce
    """Its recomputeNonce or retryNonce, by the cause; when the attempt is aborted, it is spent."""


def _immutable(field: str) -> dict[str, object]:
    return cel("self == oldSelf", f"{field} is immutable: the operator opens a new attempt instead")


class UpgradeSpec(
    ApiModel,
    json_schema_extra=rules(
        cel(
            "has(self.runs) == has(oldSelf.runs) && (!has(self.runs) || self.runs == oldSelf.runs)",
            "runs is immutable: the operator opens a new attempt instead",
        ),
        cel(
            "has(self.asked) == has(oldSelf.asked) && (!has(self.asked) || self.asked == oldSelf.asked)",
            "asked is immutable: the operator opens a new attempt instead",
        ),
    ),
):
    """The attempt. People edit suspend, abort, reject, skipRevert and approvals; the operator sets the rest once."""

    scenario_ref: Annotated[ScenarioRef, Field(json_schema_extra=rules(_immutable("scenarioRef")))]
    """The Scenario, in the same namespace. Immutable."""
    revision: Annotated[RevisionName, Field(json_schema_extra=rules(_immutable("revision")))]
    """The revision that is rolled out. Immutable."""
    cause: Annotated[AttemptCause, Field(json_schema_extra=rules(_immutable("cause")))]
    """Why it was opened. Immutable."""
    runs: Annotated[tuple[RunName, ...], Field(max_length=MAX_NAMED_RUNS)] = ()
    """The runs it is about, as `name` or, in another namespace than the Scenario, `namespace/name`; absent means all.
    Immutable."""
    asked: Annotated[tuple[Asked, ...], Field(max_length=MAX_NAMED_RUNS, json_schema_extra=keyed("uid"))] = ()
    """The runs that asked for a Recompute or Retry, and with what. Immutable."""
    suspend: bool = False
    """Grant nothing new while true."""
    abort: Uid | None = None
    """Set to this object's uid to abort: what can go back goes back, nothing new begins."""
    reject: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Why this attempt is not wanted: nothing is granted, all runs stay as they are. Only before the first grant."""
    skip_revert: bool = False
    """Give up a revert hook that keeps failing; the loss is recorded."""
    approvals: Annotated[
        tuple[PlanApproval, ...], Field(max_length=128, json_schema_extra=keyed("planHash"))
    ] = ()
    """Consent by plan group."""


class GroupSource(ApiModel):
    """What the runs of a group come from."""

    version: VersionLabel | None = None
    """Version label; absent when nothing was applied."""
    state_version: StateVersion | None = None
    """Format of the stored state."""


Line = Annotated[str, Field(max_length=256)]


class PlanGroup(ApiModel):
    """Runs whose plans are equal."""

    plan_hash: Annotated[Hash, Field(alias="hash")]
    """Hash of the plan; consent is bound to it."""
    from_: GroupSource = GroupSource()
    """What the runs come from."""
    strategy: CamelWord | None = None
    """Type of the strategy."""
    level: Level
    """How deep the change cuts."""
    steps: Annotated[tuple[Line, ...], Field(max_length=64)] = ()
    """The steps, in order."""
    destructive: bool = False
    """Whether it deletes or retires state or reverts results."""
    destroys: Annotated[tuple[Line, ...], Field(max_length=64)] = ()
    """What it deletes, retires or reverts."""
    reversible: bool = False
    """Whether it can go back from every step and destroys nothing when it has arrived."""
    point_of_no_return: Line | None = None
    """The first step that cannot be undone."""
    runs: Number = 0
    """How many runs are in the group."""
    approved: bool = False
    """Whether it has the consent it needs."""
    approver: Annotated[str, Field(max_length=256)] | None = None
    """Whose consent it has: a person, the Scenario's spec or the policy."""
    attention: ReasonText | None = None
    """Why a person must approve it whatever the policy says."""
    diff: Annotated[tuple[Line, ...], Field(max_length=64)] = ()
    """What changes."""
    notes: Annotated[tuple[Message, ...], Field(max_length=16)] = ()
    """What to know before consenting."""


class UpgradeCounts(ApiModel):
    """Runs of the attempt; always complete."""

    total: Number = 0
    """All runs."""
    waiting: Number = 0
    """Runs that have not begun."""
    running: Number = 0
    """Runs that carry out their plan."""
    succeeded: Number = 0
    """Runs that arrived."""
    rolled_back: Number = 0
    """Runs that went back."""
    failed: Number = 0
    """Runs that failed and could not go back."""
    skipped: Number = 0
    """Runs that were left out."""
    held: Number = 0
    """Runs that wait for a human."""


class Grant(ApiModel):
    """The right of one run to carry out one plan now."""

    id: Identity
    """Identity of the grant, never used again."""
    run_uid: Uid
    """UID of the run."""
    namespace: LabelName
    """Namespace of the run."""
    name: OwnName
    """Name of the run."""
    plan_hash: Hash
    """The plan it may carry out."""
    parked: bool = False
    """True when the run waits for a human; it then no longer counts as in flight."""
    approver: Annotated[str, Field(max_length=256)] | None = None
    """Whose consent it was given on: a person, the Scenario's spec or the policy."""


class RunReport(ApiModel):
    """What happened to one run."""

    namespace: LabelName
    """Namespace of the run."""
    name: OwnName
    """Name of the run."""
    uid: Uid
    """UID of the run."""
    group: Hash | None = None
    """Plan group of the run."""
    outcome: CamelWord | None = None
    """How it ended; absent while it has not."""
    reason: ReasonText | None = None
    """Why, in one word."""
    message: Message = ""
    """Why, for people."""
    start_time: Time | None = None
    """When its journal was opened."""
    completion_time: Time | None = None
    """When its journal was closed."""
    from_: VersionLabel | None = None
    """Version before."""
    to: VersionLabel | None = None
    """Version that was wanted."""
    strategy: CamelWord | None = None
    """Type of the strategy."""
    approver: Annotated[str, Field(max_length=256)] | None = None
    """Who consented."""
    loss: Loss | None = None
    """What it cost."""


class Wave(ApiModel):
    """How the rollout proceeds over the runs."""

    canaries: Annotated[tuple[Uid, ...], Field(max_length=1000)] = ()
    """UIDs of the runs that were chosen to go first."""


class UpgradeStatus(ApiModel):
    """Plans, consent, grants, progress and report."""

    observed_generation: int = -1
    """The generation of the spec that this status is about."""
    conditions: Conditions = ()
    """Statements for people and tools."""
    phase: CamelWord | None = None
    """A summary for people; automation reads conditions."""
    from_: Annotated[str, Field(max_length=256)] | None = None
    """Versions the runs come from, for people."""
    to: VersionLabel | None = None
    """Version label that is rolled out."""
    groups: Annotated[tuple[PlanGroup, ...], Field(max_length=128)] = ()
    """Plans by group."""
    counts: UpgradeCounts = UpgradeCounts()
    """Runs by progress; always complete."""
    progress: Annotated[str, Field(max_length=32)] | None = None
    """Settled runs of all runs, such as 7/12."""
    active: Annotated[tuple[Grant, ...], Field(max_length=1024)] = ()
    """Grants that were not returned."""
    runs: Annotated[tuple[RunReport, ...], Field(max_length=200)] = ()
    """How runs ended, at most 200 of them: failures are kept first; the counts are always complete."""
    granted: Number = 0
    """How many grants were ever given; no grant id is used twice."""
    wave: Wave | None = None
    """How the rollout proceeds over the runs."""
    closed: bool = False
    """Whether nothing is granted any more."""
    fenced: bool = False
    """Whether another attempt is the one that grants; it takes its turn in a write of its own."""
    start_time: Time | None = None
    """When the first run was granted."""
    completion_time: Time | None = None
    """When the last run was settled."""


class ScenarioUpgrade(Resource):
    """One rollout attempt of one revision over the runs of a Scenario."""

    spec: UpgradeSpec
    """The attempt."""
    status: UpgradeStatus = UpgradeStatus()
    """Plans, consent, grants, progress and report."""
