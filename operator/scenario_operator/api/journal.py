"""The journal in a run's status: the plan in progress, verbatim, so that any process can carry on with it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from scenario_operator.api.common import (
    ApiModel,
    CamelWord,
    Count,
    FactValue,
    Hash,
    Identity,
    LabelName,
    Level,
    Message,
    Number,
    ReasonText,
    RecordedDigest,
    RevisionName,
    StateVersion,
    StepId,
    Time,
    Uid,
    VersionLabel,
    Word,
)

MAX_STEPS = 160
"""Steps of one way: two for each of 64 items, and those of the run itself. The way back is stored beside it."""
MAX_FACTS = 256
"""Facts of one plan: three for each of 64 items, and those of the run itself."""


class Kind(StrEnum):
    """The closed vocabulary of steps."""

    PREFLIGHT = "Preflight"
    STOP = "Stop"
    RESOLVE_WINDOW = "ResolveWindow"
    REVERT_RESULTS = "RevertResults"
    DELETE_STATE = "DeleteState"
    START = "Start"
    VERIFY = "Verify"
    COMMIT = "Commit"


class Heading(StrEnum):
    """Which way a journal is walked."""

    FORWARD = "Forward"
    BACK = "Back"
    REPLACE = "Replace"


class Turn(StrEnum):
    """What made a journal turn; a word of another version of the operator counts as Failed."""

    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"
    FAILED = "Failed"


class JournalStep(ApiModel):
    """One step, verbatim; an argument that is absent is false or does not apply."""

    id: StepId
    """Identity within the journal."""
    kind: Kind
    """What it does."""
    needs: Annotated[tuple[StepId, ...], Field(max_length=MAX_STEPS)] = ()
    """Steps that must be done before."""
    incarnation: Number | None = None
    """The incarnation it works on."""
    revision: RevisionName | None = None
    """The revision it starts or takes the hook from; of a stop: what runs there, when that has another name."""
    report: bool | None = None
    """Whether a stop needs the report."""
    committed: bool | None = None
    """Whether the state it touches was committed."""
    create: bool | None = None
    """Whether a start makes the incarnation."""
    irreversible: bool | None = None
    """Whether a start on this state cannot be undone."""
    resume: bool | None = None
    """Whether a start only brings back what was there before; then the pod's existence is enough."""
    hook: bool | None = None
    """Whether it runs the hook of its kind."""


class Begun(ApiModel):
    """A step that has begun."""

    id: StepId
    """The step."""
    at: Time
    """When it began."""


class Fact(ApiModel):
    """Something the world would forget; written once."""

    name: Word
    """Name of the fact."""
    value: FactValue
    """Its value as JSON."""


class Try(ApiModel):
    """Failed attempts of one step."""

    step: StepId
    """The step."""
    count: Number
    """How many failed."""
    uid: Uid | None = None
    """UID of the Job or pod that was counted last."""
    at: Time | None = None
    """When the last one failed."""
    message: Message = ""
    """What the last one said."""
    number: Number = 0
    """Number of the current try, part of its Job's name."""


class Failure(ApiModel):
    """Why the journal turned or waits."""

    step: StepId
    """The step that failed."""
    reason: ReasonText
    """Why, in one word."""
    message: Message = ""
    """Why, for people."""
    at: Time
    """When it failed."""


class SnapshotBound(ApiModel):
    """One bound of the window, as the strategy stated it."""

    field: Word
    """Which bound: startFrom, outputActionsFrom or notificationsFrom."""
    mode: CamelWord
    """Where the bound comes from."""
    time: Time | None = None
    """The time, for mode At."""
    seconds: Count | None = None
    """The seconds, for mode Lookback."""
    if_missing: CamelWord | None = None
    """What replaces a missing stop report."""


class StrategySnapshot(ApiModel):
    """The strategy when the journal was opened; edits of the strategy do not reach a plan in progress."""

    type: CamelWord | None = None
    """Type of the strategy; absent when none was set."""
    window: Annotated[tuple[SnapshotBound, ...], Field(max_length=3)] = ()
    """The bounds that it states."""
    approval: CamelWord = "Destructive"
    """Which plans needed consent."""
    approve_from: Level | None = None
    """From which level on consent was needed."""
    undeclared_edge: CamelWord | None = None
    """Accept when an undeclared edge needed nobody's consent; absent means Ask."""
    on_failure: CamelWord = "RollBack"
    """What happens when the plan fails before its point of no return."""
    preflight_seconds: Count = 300
    """Time for Preflight."""
    stop_seconds: Count = 300
    """Time for Stop."""
    revert_seconds: Count = 600
    """Time for RevertResults."""
    start_seconds: Count = 600
    """Time for Start."""
    verify_seconds: Count = 300
    """Time for Verify."""
    stable_seconds: Count = 10
    """How long the workload must be up."""
    max_attempts: Count = 3
    """How often a failing hook is tried."""
    backoff_seconds: Count = 10
    """Seconds before the second try; doubled for each further one."""


Steps = Annotated[tuple[JournalStep, ...], Field(max_length=MAX_STEPS)]


class Journal(ApiModel):
    """The plan in progress, what has begun, what is done, and the facts the world would forget."""

    id: Identity
    """Identity of the journal."""
    plan_hash: Hash
    """Hash of the plan that is executed."""
    planner: Number = 0
    """Version of the planner that made it."""
    cause: CamelWord
    """Why the plan was made."""
    grant_id: Identity | None = None
    """The grant it was opened with; absent for the run's own plans."""
    attempt: LabelName | None = None
    """Name of the ScenarioUpgrade; absent for the run's own plans."""
    from_revision: RevisionName | None = None
    """Revision before; absent for a first start."""
    from_version: VersionLabel | None = None
    """Version before; absent for a first start."""
    from_digest: RecordedDigest | None = None
    """Digest of the artifact before."""
    from_state_version: StateVersion | None = None
    """Format of the state that the revision before writes."""
    to_revision: RevisionName
    """Revision that is wanted."""
    to_version: VersionLabel
    """Version that is wanted."""
    to_digest: RecordedDigest | None = None
    """Digest of the artifact that is wanted."""
    to_state_version: StateVersion | None = None
    """Format of the state that the wanted revision writes."""
    level: Level
    """How deep the change cuts."""
    strategy: StrategySnapshot = StrategySnapshot()
    """The strategy when the journal was opened."""
    live: Number | None = None
    """Number of the incarnation that was live; absent for a first start."""
    next: Number | None = None
    """Number of the incarnation that the plan makes, if it makes one."""
    desire: Identity | None = None
    """What the run's own plan was made for; what failed is not tried again unasked."""
    heading: Heading = Heading.FORWARD
    """Which way it is walked."""
    turned_by: CamelWord | None = None
    """What made it turn."""
    steps: Steps = ()
    """The forward plan."""
    path: Steps = ()
    """The steps of the heading, stored when it turned."""
    begun: Annotated[tuple[Begun, ...], Field(max_length=2 * MAX_STEPS)] = ()
    """Steps that have begun, in that order."""
    done: Annotated[tuple[StepId, ...], Field(max_length=2 * MAX_STEPS)] = ()
    """Steps that are done."""
    facts: Annotated[tuple[Fact, ...], Field(max_length=MAX_FACTS)] = ()
    """What the world would forget; written once."""
    attempts: Annotated[tuple[Try, ...], Field(max_length=2 * MAX_STEPS)] = ()
    """Failed attempts by step."""
    crossed: bool = False
    """Whether the point of no return is crossed."""
    aborted: bool = False
    """Whether it was aborted."""
    gave_up: bool = False
    """Whether retries stopped because an abort came past the point of no return."""
    skip_revert: bool = False
    """Whether a human gave up the revert hook."""
    held_since: Time | None = None
    """Since when spec.hold stops it."""
    opened_at: Time
    """When it was opened."""
    failure: Failure | None = None
    """Why it turned or waits."""
