"""Effects: what `decide` asks of the world, as data. `controllers/perform.py` carries them out.

No effect upserts (R2): creations fail on an existing name, everything else carries the handle of what the
decision was made on. What starts work is created asleep and then woken (R3). Dataclasses, not tuples: two effects of
different kinds are never equal.
"""

from __future__ import annotations

from dataclasses import dataclass

from scenario_operator.execution.view import Handle, Template


@dataclass(frozen=True, slots=True)
class HoldReport:
    """Put the report finalizer on a pod, so that its last message survives the scale-down.

    Every Stop writes its own mark, also on a pod that is held already: only that write kills a release that was
    decided before and is still under way.
    """

    pod: Handle
    incarnation: int
    mark: str


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """Take the report finalizer off a pod."""

    pod: Handle
    incarnation: int


@dataclass(frozen=True, slots=True)
class PutToSleep:
    """Scale a workload to 0 and stamp it: the one guarded write that every Stop makes (R2a)."""

    workload: Handle
    incarnation: int
    stamp: str


@dataclass(frozen=True, slots=True)
class CreateClaim:
    """Create the state claim of an incarnation that this plan makes, stamped with its possible formats."""

    incarnation: int
    formats: tuple[str, ...]
    revision: str


@dataclass(frozen=True, slots=True)
class CreateResults:
    """Create the results claim that all incarnations of the run share."""

    revision: str


@dataclass(frozen=True, slots=True)
class StampClaim:
    """Change the set of possible formats on a claim (R11)."""

    claim: Handle
    incarnation: int
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeleteClaim:
    """Delete a state claim; only on record (R9)."""

    claim: Handle
    incarnation: int


@dataclass(frozen=True, slots=True)
class CreateWorkload:
    """Create the StatefulSet of an incarnation at replicas 0."""

    incarnation: int
    template: Template


@dataclass(frozen=True, slots=True)
class WakeWorkload:
    """Scale a sleeping workload to 1; with `template`, change its template in the same guarded write.

    With `stamp`, also mark a workload that is awake: going back has to kill a scale-down that is under way.
    """

    workload: Handle
    incarnation: int
    template: Template | None = None
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class DeleteWorkload:
    """Delete the StatefulSet of an incarnation; its pods follow in the background."""

    workload: Handle
    incarnation: int


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Create a hook Job, suspended. `incarnation` 0: without state; `revision` gives artifact and command."""

    name: str
    hook: str
    revision: str
    incarnation: int
    template: Template
    timeout_seconds: int
    mounts_state: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseJob:
    """Let a suspended Job run."""

    job: Handle
    name: str


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete a Job with its pods, after its result is on record."""

    job: Handle
    name: str


Effect = (
    HoldReport
    | ReleaseReport
    | PutToSleep
    | CreateClaim
    | CreateResults
    | StampClaim
    | DeleteClaim
    | CreateWorkload
    | WakeWorkload
    | DeleteWorkload
    | CreateJob
    | ReleaseJob
    | DeleteJob
)
