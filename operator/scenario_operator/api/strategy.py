"""UpgradeStrategy: what may be done to a run when its state cannot stay as it is, and at what pace.

The same spec may be written inline in a Scenario, and a snapshot of it travels in every journal. It has no
status.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from scenario_operator.api.common import (
    ApiModel,
    JsonObject,
    Level,
    LookbackSeconds,
    Resource,
    Time,
    TimeoutSeconds,
    cel,
    rules,
)


class StrategyType(StrEnum):
    """What may be done beyond keeping the state."""

    IN_PLACE = "InPlace"
    CONTINUATION = "Continuation"
    FORWARD_ONLY = "ForwardOnly"


FRESH_TYPES = (StrategyType.CONTINUATION, StrategyType.FORWARD_ONLY)
"""Types that may make fresh state where state cannot be kept; what they do then is a row of `planning/presets.py`."""
KEEPING_TYPES = tuple(kind for kind in StrategyType if kind not in FRESH_TYPES)
"""Types that do nothing but keep the state."""
TO_MAKE_FRESH = " or ".join(FRESH_TYPES)
TO_KEEP_ONLY = " or ".join(KEEPING_TYPES)
"""Both as messages, remedies and rules name them."""


class Approval(StrEnum):
    """Which plans wait for a human's consent."""

    NEVER = "Never"
    DESTRUCTIVE = "Destructive"
    ALWAYS = "Always"


class UndeclaredEdge(StrEnum):
    """Who answers for a source version about which the author has said nothing."""

    ASK = "Ask"
    ACCEPT = "Accept"


class OnFailure(StrEnum):
    """What happens to a plan that failed before its point of no return."""

    ROLL_BACK = "RollBack"
    HOLD = "Hold"


class WindowMode(StrEnum):
    """Where a bound of the window lies; the modes of runs and strategies together."""

    SAME = "Same"
    RUN = "Run"
    BEGINNING = "Beginning"
    AT = "At"
    LOOKBACK = "Lookback"
    STOPPED_AT = "StoppedAt"
    OBSERVED_STOP = "ObservedStop"
    NOW = "Now"


class IfMissing(StrEnum):
    """What a bound does when the old incarnation left no stop report."""

    HOLD = "Hold"
    OBSERVED_STOP = "ObservedStop"


class ApproveFrom(StrEnum):
    """The levels from which consent can be demanded."""

    RESTART = "Restart"
    RESERIALIZE = "Reserialize"
    DISCOVER = "Discover"
    APPLY = "Apply"
    REPLACE = "Replace"

    @property
    def level(self) -> Level:
        """The same level in the order of all levels."""
        return Level(self.value)


TIME_NEEDS_AT = cel(
    "self.mode == 'At' ? has(self.time) : !has(self.time)",
    "time must be set exactly when mode is At: set time, or choose mode At",
)
SECONDS_NEED_LOOKBACK = cel(
    "self.mode == 'Lookback' ? has(self.seconds) : !has(self.seconds)",
    "seconds must be set exactly when mode is Lookback: set seconds, or choose mode Lookback",
)


class StrategyBound(
    ApiModel,
    json_schema_extra=rules(
        TIME_NEEDS_AT,
        SECONDS_NEED_LOOKBACK,
        cel(
            "!has(self.ifMissing) || self.mode in ['StoppedAt', 'Lookback']",
            "ifMissing must not be set unless mode is StoppedAt or Lookback: only those need a stop report",
        ),
    ),
):
    """One bound of the new incarnation's window."""

    mode: WindowMode
    """Same: as stored. Run: what the run's spec says now. Beginning: all input. At: the given time.
    Lookback: seconds before StoppedAt. StoppedAt: what the old incarnation had committed. ObservedStop:
    when its containers finished. Now: when the bound is resolved."""
    time: Time | None = None
    """The bound itself; for mode At."""
    seconds: LookbackSeconds | None = None
    """How far back from StoppedAt; for mode Lookback."""
    if_missing: IfMissing | None = None
    """Without a stop report: Hold (default) waits for a human; ObservedStop takes the time the containers
    finished, and input in flight may be lost or repeated."""


def window_order(earlier: str, later: str) -> list[JsonObject]:
    """Return the CEL rules that order two optional bounds as far as the manifest alone tells."""
    both = f"has(self.{earlier}) && has(self.{later})"
    return [
        cel(
            f"!({both} && has(self.{earlier}.time) && has(self.{later}.time))"
            f" || self.{earlier}.time <= self.{later}.time",
            f"{later}.time must not be before {earlier}.time: move {later} to a later time",
        ),
        cel(
            f"!({both} && has(self.{earlier}.seconds) && has(self.{later}.seconds))"
            f" || self.{earlier}.seconds >= self.{later}.seconds",
            f"{later}.seconds must not exceed {earlier}.seconds: lower it, so that {later} is not before {earlier}",
        ),
        cel(
            f"!({both} && self.{later}.mode == 'Beginning')"
            f" || self.{earlier}.mode in ['Beginning', 'Same', 'Run']",
            f"{later}.mode must not be Beginning when {earlier} is later: choose a later mode or leave {later} out",
        ),
    ]


WINDOW_ORDER = [
    *window_order("startFrom", "outputActionsFrom"),
    *window_order("outputActionsFrom", "notificationsFrom"),
    *window_order("startFrom", "notificationsFrom"),
]


class StrategyWindow(ApiModel, json_schema_extra=rules(*WINDOW_ORDER)):
    """The new incarnation's window when its state is fresh; bounds that are not set follow the type's
    preset."""

    start_from: StrategyBound | None = None
    """From which input on the new incarnation reads. Preset: Same (Continuation), Run (ForwardOnly)."""
    output_actions_from: StrategyBound | None = None
    """From when on it has side effects; before that it learns. Preset: StoppedAt (Continuation), Run
    (ForwardOnly)."""
    notifications_from: StrategyBound | None = None
    """From when on it notifies. Preset: StoppedAt, with ifMissing ObservedStop under ForwardOnly."""


class Canary(ApiModel):
    """The runs that go before all others."""

    runs: Annotated[int, Field(ge=0, le=500)] | None = None
    """How many; absent means 1, and 0 that all go at once."""


class Rollout(ApiModel):
    """The pace over many runs; read from the Scenario's strategy only."""

    max_concurrent: Annotated[int, Field(ge=1, le=500)] = 10
    """How many runs are carried over at the same time."""
    max_failed: Annotated[int, Field(ge=0, le=500)] = 1
    """When more runs than this have failed or wait for a human, the rest is held."""
    canary: Canary | None = None
    """Runs that have to end well before the others go; absent means that the first run goes alone."""

    @property
    def canaries(self) -> int:
        """Return how many runs go first."""
        stated = self.canary.runs if self.canary else None
        return 1 if stated is None else stated


class Timeouts(ApiModel):
    """How long each step may take; a single attempt at a hook also ends by the hook's own timeoutSeconds."""

    preflight_seconds: TimeoutSeconds = 300
    """For the preflight hook, scheduling and image included."""
    stop_seconds: TimeoutSeconds = 300
    """For stopping; must exceed the workload's terminationGracePeriodSeconds."""
    revert_seconds: TimeoutSeconds = 600
    """For the revert hook of one incarnation; past it the run asks for a person, and the hook is waited for."""
    start_seconds: TimeoutSeconds = 600
    """For starting: image pull, volumes and the startup probe."""
    verify_seconds: TimeoutSeconds = 300
    """For the stable time and the verify hook together."""


class Verification(ApiModel):
    """When a started incarnation counts as proven."""

    stable_seconds: Annotated[int, Field(ge=0, le=3600)] = 10
    """How long its containers must have run without a restart."""


class Retry(ApiModel):
    """How often a failing step is tried."""

    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Attempts of a step before it counts as failed."""
    backoff_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    """Pause after the first failed attempt; it doubles with every further one."""


_MAY_MAKE_FRESH = " && ".join(f"self.type != '{kind}'" for kind in KEEPING_TYPES)
_START = "self.window.startFrom"
_ACT = "self.window.outputActionsFrom"
_START_MODE = f"(has({_START}) ? {_START}.mode : 'Same')"
_CONTINUES = f"self.type == 'Continuation' && has(self.window) && has({_ACT})"
_AFTER = "must lie after window.startFrom with type Continuation, or outputs of the past are repeated"


def _both(field: str) -> str:
    return f"{_CONTINUES} && has({_START}) && has({_START}.{field}) && has({_ACT}.{field})"


STRATEGY_RULES = rules(
    cel(
        f"{_MAY_MAKE_FRESH} || !has(self.window)",
        f"window must not be set with type {TO_KEEP_ONLY}, which never starts from fresh state:"
        f" remove window, or choose {TO_MAKE_FRESH}",
    ),
    cel(
        f"!({_CONTINUES}) || !({_ACT}.mode in ['Same', 'Beginning'])",
        f"window.outputActionsFrom {_AFTER}: use StoppedAt or leave it out",
    ),
    cel(
        f"!({_CONTINUES}) || !({_ACT}.mode in ['StoppedAt', 'ObservedStop', 'Now']) || !("
        f"{_START_MODE} == 'Now'"
        f" || {_START_MODE} == 'ObservedStop' && {_ACT}.mode != 'Now'"
        f" || {_START_MODE} == 'StoppedAt' && {_ACT}.mode == 'StoppedAt')",
        f"window.outputActionsFrom {_AFTER}: choose an earlier startFrom",
    ),
    cel(
        f"!({_both('time')}) || {_START}.time < {_ACT}.time",
        f"window.outputActionsFrom.time {_AFTER}: choose a later time",
    ),
    cel(
        f"!({_both('seconds')}) || {_START}.seconds > {_ACT}.seconds",
        f"window.outputActionsFrom.seconds {_AFTER}: choose fewer seconds",
    ),
    cel(
        "(has(self.verify) ? self.verify.stableSeconds : 10)"
        " < (has(self.timeouts) ? self.timeouts.verifySeconds : 300)",
        "timeouts.verifySeconds must exceed verify.stableSeconds: raise the one or lower the other",
    ),
)


class StrategySpec(ApiModel, json_schema_extra=STRATEGY_RULES):
    """What may be done beyond keeping the state, and how carefully.

    State that can be kept is kept, whatever the type.
    """

    type: StrategyType
    """InPlace: nothing more, the run waits. Continuation: fresh state, results kept, a learning phase
    until the stop of the old incarnation. ForwardOnly: results reverted, state deleted, recomputed from
    the window's start."""
    window: StrategyWindow | None = None
    """The window of a fresh incarnation, where it differs from the type's preset."""
    approval: Approval = Approval.DESTRUCTIVE
    """Which plans need consent: Destructive means those that delete or retire state or revert results."""
    approve_from: ApproveFrom | None = None
    """Consent is needed from this level on as well."""
    undeclared_edge: UndeclaredEdge | None = None
    """What happens under approval Never when state would be lost on an edge about which spec.compatibility says
    nothing, neither in from nor in undeclared. Ask (default): a person must approve the plan. Accept: it goes on."""
    on_failure: OnFailure = OnFailure.ROLL_BACK
    """What happens to a plan that fails before its point of no return: RollBack, or Hold for a human."""
    rollout: Rollout = Rollout()
    """The pace over many runs; read from the Scenario's strategy only."""
    timeouts: Timeouts = Timeouts()
    """How long each step may take."""
    verify: Verification = Verification()
    """When a started incarnation counts as proven."""
    retry: Retry = Retry()
    """How often a failing step is tried."""


class UpgradeStrategy(Resource):
    """What may be done to runs when their state cannot stay as it is, and at what pace."""

    spec: StrategySpec
    """The strategy."""
