"""What a step is: its arguments, its place in a plan, and one row of natures for each kind.

Everything that needs to know what a kind of step is asks `NATURES`; what it does stands in `execution/steps/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from scenario_operator.api.journal import Kind
from scenario_operator.api.reasons import Reason


class Slot(NamedTuple):
    """An incarnation as a plan names it: `live`, `next`, or so many before the live one; after it, if negative."""

    base: str
    back: int = 0

    def __str__(self) -> str:
        if self.back < 0:
            return f"{self.base}-plus-{-self.back}"
        return f"{self.base}-{self.back}" if self.back else self.base

    def number(self, live: int, upcoming: int) -> int:
        """Return the incarnation number that this slot means on one run."""
        return upcoming if self.base == "next" else live - self.back


class Args(NamedTuple):
    """Arguments of a step; only those that its kind uses are set.

    `report`: hold the pod's report. `committed`: the state destroyed is the run's own, not a failed attempt's.
    `create`: this plan makes the incarnation. `irreversible`: a start that the old version cannot follow.
    `resume`: the last start of a way back, judged by nobody.
    """

    incarnation: int = 0
    revision: str = ""
    report: bool = False
    committed: bool = False
    create: bool = False
    irreversible: bool = False
    resume: bool = False
    hook: bool = False


class Step(NamedTuple):
    """One step as the journal holds it, with its incarnation bound."""

    id: str
    kind: Kind
    args: Args = Args()
    needs: tuple[str, ...] = ()

    @property
    def nature(self) -> Nature:
        """Return what a step of this kind is."""
        return NATURES[self.kind]

    @property
    def destroys_committed(self) -> bool:
        """Say whether it destroys state or results that the run has committed."""
        return self.nature.destroys == RESULTS or (self.nature.destroys == STATE and self.args.committed)


class Draft(NamedTuple):
    """One step as a plan shows it, before it is bound to a run."""

    id: str
    kind: Kind
    slot: Slot | None = None
    args: Args = Args()

    @property
    def nature(self) -> Nature:
        """Return what a step of this kind is."""
        return NATURES[self.kind]

    def title(self) -> str:
        """Render the step for people: `Stop(live)`."""
        return f"{self.kind.value}({self.slot})" if self.slot else self.kind.value


class Timeouts(NamedTuple):
    """Seconds that each kind of step may take before it counts as failed."""

    preflight: int = 300
    stop: int = 300
    revert: int = 600
    start: int = 600
    verify: int = 300


STATE, RESULTS = "state", "results"
"""What a step may destroy."""


class Nature(NamedTuple):
    """What a kind of step is, whatever it does.

    `reason`: the word for it in conditions. `timeout`: which of the `Timeouts` is its time, "" for none. `expired`:
    what is said when that has passed. `patient`: its expiry is told, it is no failure. `silences`: an incarnation ends.
    `wakes`: an incarnation begins. `destroys`: `STATE`, `RESULTS` or "".
    `begins_with_effects`: it has not begun before it has effects. `always_final`, `final_if`: there is no undo, always
    or if that argument is set.
    """

    reason: Reason
    timeout: str = ""
    expired: Reason = Reason.START_TIMEOUT
    patient: bool = False
    silences: bool = False
    wakes: bool = False
    destroys: str = ""
    begins_with_effects: bool = False
    always_final: bool = False
    final_if: str = ""

    def final(self, args: Args) -> bool:
        """Say whether a step has no undo: the point of no return is the first such step that has begun."""
        return self.always_final or bool(self.final_if and getattr(args, self.final_if))

    def seconds(self, timeouts: Timeouts) -> int:
        """Return the seconds after which such a step counts as failed; 0: never."""
        return int(getattr(timeouts, self.timeout)) if self.timeout else 0


def covering(what: str, table: dict[Kind, Any]) -> Mapping[Kind, Any]:
    """Return a table by kind, or raise when it forgets one."""
    missing = [kind.value for kind in Kind if kind not in table]
    if missing:
        raise LookupError(f"{what} says nothing about {', '.join(missing)}")
    return MappingProxyType(table)


NATURES: Mapping[Kind, Nature] = covering(
    "NATURES",
    {
        Kind.PREFLIGHT: Nature(Reason.PREFLIGHT, "preflight", Reason.HOOK_TIMEOUT),
        Kind.STOP: Nature(Reason.STOP, "stop", Reason.STOP_TIMEOUT, patient=True, silences=True),
        Kind.RESOLVE_WINDOW: Nature(Reason.RESOLVE_WINDOW, begins_with_effects=True),
        Kind.REVERT_RESULTS: Nature(
            Reason.REVERT_RESULTS,
            "revert",
            Reason.HOOK_TIMEOUT,
            destroys=RESULTS,
            always_final=True,
        ),
        Kind.DELETE_STATE: Nature(Reason.DELETE_STATE, destroys=STATE, final_if="committed"),
        Kind.START: Nature(Reason.START, "start", Reason.START_TIMEOUT, wakes=True, final_if="irreversible"),
        Kind.VERIFY: Nature(Reason.VERIFY, "verify", Reason.VERIFY_FAILED, begins_with_effects=True),
        Kind.COMMIT: Nature(Reason.COMMIT),
    },
)
