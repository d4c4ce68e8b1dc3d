"""ScenarioRun: one execution of a Scenario; its status is everything that is stored about it, the journal
included."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from scenario_operator.api.common import (
    ApiModel,
    CamelWord,
    Count,
    Hash,
    Identity,
    LabelName,
    LookbackSeconds,
    Message,
    Nonce,
    Number,
    ObjectRef,
    ParameterMap,
    ParameterName,
    ParameterValue,
    ReasonText,
    RecordedDigest,
    Resource,
    RevisionName,
    ScenarioRef,
    StateVersion,
    Time,
    Uid,
    VersionLabel,
    cel,
    rules,
)
from scenario_operator.api.conditions import Conditions
from scenario_operator.api.journal import Journal
from scenario_operator.api.strategy import (
    SECONDS_NEED_LOOKBACK,
    TIME_NEEDS_AT,
    WINDOW_ORDER,
)

# --- Spec -----------------------------------------------------------------------------------------


class DesiredState(StrEnum):
    """What the user wants the run to do."""

    RUNNING = "Running"
    STOPPED = "Stopped"


class StartMode(StrEnum):
    """Where a run starts to read."""

    BEGINNING = "Beginning"
    AT = "At"
    LOOKBACK = "Lookback"


class HorizonMode(StrEnum):
    """From when on a run acts or notifies."""

    BEGINNING = "Beginning"
    AT = "At"
    LOOKBACK = "Lookback"
    NOW = "Now"


class StartBound(ApiModel, json_schema_extra=rules(TIME_NEEDS_AT, SECONDS_NEED_LOOKBACK)):
    """Where a run starts to read."""

    mode: StartMode
    """Beginning: all input. At: the given time. Lookback: seconds before the first start."""
    time: Time | None = None
    """The bound itself; for mode At."""
    seconds: LookbackSeconds | None = None
    """How far back from the first start; for mode Lookback."""


class HorizonBound(ApiModel, json_schema_extra=rules(TIME_NEEDS_AT, SECONDS_NEED_LOOKBACK)):
    """From when on a run acts or notifies."""

    mode: HorizonMode
    """Beginning: always. At: from the given time. Lookback: from seconds before the first start. Now: from
    it."""
    time: Time | None = None
    """The bound itself; for mode At."""
    seconds: LookbackSeconds | None = None
    """How far back from the first start; for mode Lookback."""


class RunSpec(
    ApiModel,
    json_schema_extra=rules(*WINDOW_ORDER),
):
    """What the run should do."""

    scenario_ref: Annotated[
        ScenarioRef,
        Field(
            json_schema_extra=rules(
                cel(
                    "self == oldSelf",
                    "scenarioRef is immutable: create a new ScenarioRun to follow another Scenario",
                )
            )
        ),
    ]
    """The Scenario it follows, in the same namespace. Immutable."""
    desired_state: DesiredState = DesiredState.RUNNING
    """Running, or Stopped with its state kept."""
    pinned_version: VersionLabel | None = None
    """Stay on this version; the run is left out of rollouts and counted as pinned."""
    hold: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """A reason; while set, nothing is done to this run automatically."""
    start_from: StartBound | None = None
    """Where it starts to read; absent means Beginning. Applies to the first start and to mode Run of a
    strategy."""
    output_actions_from: HorizonBound | None = None
    """From when on it has side effects; absent means startFrom. Until then it learns."""
    notifications_from: HorizonBound | None = None
    """From when on it notifies; absent means outputActionsFrom."""
    parameters: Annotated[
        ParameterMap,
        Field(
            json_schema_extra=rules(
                cel(
                    "self.all(k, k.size() <= 63 && k.matches('^[A-Za-z_][A-Za-z0-9_.-]*$'))",
                    "parameters must have names of at most 63 letters, digits, '_', '.' or '-':"
                    " correct the name",
                )
            )
        ),
    ] = Field(default_factory=dict)
    """Values the user sets; they always win over the Scenario's defaults."""
    strategy_ref: ObjectRef | None = None
    """UpgradeStrategy in the run's namespace; overrides how this run is upgraded, not the pace of the
    rollout."""
    recompute_nonce: Nonce | None = None
    """Change it to recompute from fresh state although nothing demands it."""
    restart_nonce: Nonce | None = None
    """Change it to restart the workload on its state."""
    retry_nonce: Nonce | None = None
    """Change it to try again what failed."""
    abort_nonce: Nonce | None = None
    """Change it to take back the run's own plan, a recompute that it asked for, or a plan whose attempt was deleted."""


# --- Status: outcomes -----------------------------------------------------------------------------


class Loss(ApiModel):
    """What a plan cost; a field that is absent is not known or does not apply."""

    state_age_seconds: Count | None = None
    """How far the committed position lay behind the stop."""
    unclean_stop: bool | None = None
    """Whether the old incarnation was killed or ended with an error."""
    input_at_risk: bool | None = None
    """Whether input in flight at the stop may be lost or repeated."""
    reprocessed_from: Time | None = None
    """From where input was read again."""
    results_reverted: Count | None = None
    """Results that were taken back."""
    results_kept: Count | None = None
    """Results that were kept."""
    results_not_revertible: Count | None = None
    """Results that could not be taken back."""
    notifications_suppressed_until: Time | None = None
    """Until when nobody is notified again."""
    open_outputs: Count | None = None
    """Outputs that were open at the stop and that nobody will close."""
    revert_skipped: bool | None = None
    """Whether a human gave up the revert hook."""
    notes: Annotated[tuple[Message, ...], Field(max_length=16)] = ()
    """More, for people."""


class HistoryEntry(ApiModel):
    """One outcome."""

    grant_id: Identity | None = None
    """The grant it settles; absent for the run's own plans."""
    attempt: LabelName | None = None
    """Name of the ScenarioUpgrade; absent for the run's own plans."""
    outcome: CamelWord
    """How it ended."""
    reason: ReasonText | None = None
    """Why, in one word."""
    message: Message = ""
    """Why, for people."""
    from_: VersionLabel | None = None
    """Version before."""
    to: VersionLabel | None = None
    """Version that was wanted."""
    to_revision: RevisionName | None = None
    """Revision that was wanted: after a bad end the run is not led to it again unasked."""
    strategy: CamelWord | None = None
    """Type of the strategy."""
    plan_hash: Hash | None = None
    """Hash of the plan."""
    start_time: Time | None = None
    """When the journal was opened."""
    completion_time: Time | None = None
    """When it was closed."""
    loss: Loss | None = None
    """What it cost."""


# --- Status: what is stored -----------------------------------------------------------------------


class LastHandled(ApiModel):
    """The nonces that were acted on, or that were there at first sight."""

    recompute: Nonce | None = None
    """Last recomputeNonce."""
    restart: Nonce | None = None
    """Last restartNonce."""
    retry: Nonce | None = None
    """Last retryNonce."""
    abort: Nonce | None = None
    """Last abortNonce."""


class Applied(ApiModel):
    """The revision that the stored state belongs to."""

    version: VersionLabel
    """Version label."""
    revision: RevisionName
    """Name of the revision."""
    logic_hash: Hash | None = None
    """Hash of the revision's logic."""
    config_hash: Hash | None = None
    """Hash of the revision's configuration."""
    artifact_digest: RecordedDigest | None = None
    """Digest of the artifact."""
    state_version: StateVersion | None = None
    """Format of the stored state, as last reported or declared."""
    formats: Annotated[tuple[StateVersion, ...], Field(max_length=32)] = ()
    """All formats that the stored state may have."""


class Window(ApiModel):
    """The resolved window of the live incarnation; an absent bound is the beginning."""

    start_from: Time | None = None
    """From which input on it reads."""
    output_actions_from: Time | None = None
    """From when on it has side effects."""
    notifications_from: Time | None = None
    """From when on it notifies."""


class OrphanedParameter(ApiModel):
    """A user's value for a parameter that no longer exists."""

    name: ParameterName
    """Name of the parameter."""
    value: ParameterValue
    """The user's value; it returns if the parameter returns."""


class ParameterConflict(ApiModel):
    """A user's value whose default changed."""

    name: ParameterName
    """Name of the parameter."""
    user_value: ParameterValue
    """The user's value, which wins."""
    old_default: ParameterValue | None = None
    """The default at the last apply; absent if there was none."""
    new_default: ParameterValue | None = None
    """The default now; absent if there is none."""


class Parameters(ApiModel):
    """The merged parameters of the live incarnation."""

    base: ParameterMap = Field(default_factory=dict)
    """The defaults at the last apply."""
    effective: ParameterMap = Field(default_factory=dict)
    """What the workload gets."""
    overrides: Annotated[tuple[ParameterName, ...], Field(max_length=64)] = ()
    """Names of parameters that the user set."""
    orphaned: Annotated[tuple[OrphanedParameter, ...], Field(max_length=64)] = ()
    """The user's values for parameters that no longer exist."""
    conflicts: Annotated[tuple[ParameterConflict, ...], Field(max_length=64)] = ()
    """The user's values whose default changed."""


class LastStop(ApiModel):
    """How the workload last stopped."""

    processed_until: Time | None = None
    """All input before this time is committed, nothing at or after it."""
    state_version: StateVersion | None = None
    """Format of the state, as reported."""
    finished_at: Time | None = None
    """When the containers finished."""
    clean: bool
    """Whether they ended by themselves without an error."""
    incarnation: Number
    """Which incarnation stopped."""
    reported: bool
    """Whether there was a stop report."""
    open_outputs: Count | None = None
    """Outputs that were open, as reported."""
    fault: Annotated[str, Field(max_length=128)] | None = None
    """Why there was no stop report, as far as it is known."""


class Incarnation(ApiModel):
    """One workload plus its state volumes."""

    number: Number
    """Its number, never used again."""
    run_id: Annotated[str, Field(min_length=1, max_length=63)]
    """Identity that its results are tagged with."""
    version: VersionLabel | None = None
    """Version it last ran."""
    revision: RevisionName | None = None
    """Revision it last ran."""
    state: Literal["Live", "Retained", "Deleted"]
    """Whether its stored state still exists."""
    results: Literal["Kept", "Reverted"] = "Kept"
    """Whether its results still stand."""
    superseded_by: Annotated[str, Field(max_length=63)] | None = None
    """Run ID of the incarnation that continued it."""


# --- The object -----------------------------------------------------------------------------------


class PublishedResults(ApiModel):
    """What may have been published, over all plans; absent when no version of the run has declared results."""

    claim: Uid | None = None
    """UID of the results claim."""
    incarnations: Annotated[tuple[Number, ...], Field(max_length=64)] = ()
    """Incarnations that may have published and were not reverted."""


class RunStatus(ApiModel):
    """Everything that is stored about the run."""

    observed_generation: int = -1
    """The generation of the spec that this status is about."""
    conditions: Conditions = ()
    """Statements for people and tools."""
    phase: CamelWord | None = None
    """A summary for people; automation reads conditions."""
    run_id: Annotated[str, Field(max_length=63)] | None = None
    """Identity of the live incarnation."""
    incarnation: Number = 0
    """Number of the live incarnation; 0 when there is none."""
    last_handled: LastHandled = LastHandled()
    """The nonces that were acted on."""
    applied: Applied | None = None
    """The revision that the stored state belongs to; absent before the first start."""
    window: Window | None = None
    """The resolved window of the live incarnation."""
    parameters: Parameters | None = None
    """The merged parameters of the live incarnation."""
    last_stop: LastStop | None = None
    """How the workload last stopped."""
    ready_at: Time | None = None
    """When the live incarnation was first ready; from then on it is not learning any more."""
    unwell_since: Time | None = None
    """Since when the run has not served outside a plan; cleared after ten minutes of Available."""
    history: Annotated[tuple[HistoryEntry, ...], Field(max_length=5)] = ()
    """The last outcomes, newest first."""
    results: PublishedResults | None = None
    """What may have been published, and to which claim."""
    incarnations: Annotated[tuple[Incarnation, ...], Field(max_length=64)] = ()
    """Every incarnation that still matters; numbers are never used again."""
    stopped: bool = False
    """Whether the live incarnation was stopped by the user and keeps its state."""
    plans: Number = 0
    """How many plans were opened; journals are numbered by it."""
    refused: Identity | None = None
    """Identity of the own plan that failed last; it is not tried again by itself."""
    upgrade: Journal | None = None
    """The plan in progress."""


class ScenarioRun(Resource):
    """One execution of a Scenario; it keeps its name and identity through every upgrade."""

    spec: RunSpec
    """What the run should do."""
    status: RunStatus = RunStatus()
    """Everything that is stored about it."""
