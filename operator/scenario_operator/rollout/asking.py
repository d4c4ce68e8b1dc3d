"""What an attempt asks of people: one answer for its own condition and for that of its Scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scenario_operator.api import commands
from scenario_operator.api.reasons import Reason
from scenario_operator.api.upgrade import AttemptPhase
from scenario_operator.rollout.canary import failed_canaries
from scenario_operator.rollout.facts import Attempt, Fleet, Group, listed
from scenario_operator.rollout.schedule import waiting_runs


class Asking(NamedTuple):
    """What is asked for: its word, what happened, and the next step, which ends with a command."""

    reason: Reason
    told: str
    onward: str

    @property
    def text(self) -> str:
        """Return both, as a condition says them."""
        return f"{self.told}; {self.onward}"


def asked_by(attempt: Attempt, fleet: Fleet) -> Asking | None:
    """Return what a person has to do before an attempt goes on or does all that it could, None when nothing."""
    if attempt.finished:
        return None
    if attempt.abort_ignored:
        told = "spec.abort is not the uid of this attempt"
        return Asking(
            Reason.ABORT_IGNORED, told, f"to abort it: {commands.abort(fleet.namespace, attempt.name)}"
        )
    match attempt.phase:
        case AttemptPhase.SUSPENDED:
            told = f"{attempt.name} is suspended with {len(attempt.groups)} plans"
            see = f"see: {commands.show('supg', fleet.namespace, attempt.name)}"
            return Asking(Reason.SUSPENDED, told, see)
        case AttemptPhase.HELD:
            return _held_by_failures(attempt, fleet)
        case _:
            return _for_consent(attempt, fleet) or parked_in(attempt) or _for_the_held(attempt, fleet)


def stands_still(attempt: Attempt) -> bool:
    """Say whether nothing of an attempt moves before a person has done something."""
    return not attempt.movable and all(given.parked for given in attempt.active)


def why(group: Group) -> str:
    """Name what a person must decide on: what contradicts or is not said, and what would be destroyed."""
    return (
        ", ".join((*([group.attention] if group.attention else []), *group.destroys))
        or f"level {group.level}"
    )


def parked_in(attempt: Attempt) -> Asking | None:
    """Return what the runs ask for that were granted and wait for a person, None when none does."""
    parked = [given for given in attempt.active if given.parked]
    if not parked:
        return None
    told = f"{attempt.name}: {len(parked)} of {len(attempt.active)} runs under way wait for a person"
    see = commands.describe("srun", parked[0].namespace, parked[0].name)
    return Asking(Reason.RUNS_STUCK, f"{told}, first {parked[0].name}", f"see: {see}")


def _held_by_failures(attempt: Attempt, fleet: Fleet) -> Asking:
    failed = failed_canaries(attempt, fleet)
    if failed:
        told = f"{attempt.name}: canary {', '.join(failed[:5])} did not arrive, so no other run is led on"
        return Asking(Reason.CANARY_FAILED, told, f"see: {_of_a_canary(failed, attempt, fleet)}")
    see = commands.describe("supg", fleet.namespace, attempt.name)
    return Asking(Reason.ROLLOUT_HELD, f"{attempt.name} is held by failures", f"see: {see}")


def _of_a_canary(failed: Sequence[str], attempt: Attempt, fleet: Fleet) -> str:
    """Return the command that shows a canary that failed, or the attempt's report of it when none is left."""
    for run in fleet.runs:
        if run.name in failed:
            return commands.describe("srun", run.namespace, run.name)
    return commands.describe("supg", fleet.namespace, attempt.name)


def _for_consent(attempt: Attempt, fleet: Fleet) -> Asking | None:
    group = next((g for g in attempt.groups if not g.approved), None)
    if group is None:
        return None
    first = not attempt.approvals
    command = commands.approve(fleet.namespace, attempt.name, group.plan_hash, first=first)
    origin = f"{group.source_version}, {group.strategy or 'no strategy'}"
    told = f"plan {group.plan_hash} ({origin}) needs consent: {why(group)}"
    return Asking(Reason.APPROVAL_REQUIRED, told, f"approve: {command}")


def _for_the_held(attempt: Attempt, fleet: Fleet) -> Asking | None:
    held = [run for run in waiting_runs(attempt, fleet) if run.hold] if stands_still(attempt) else []
    if not held:
        return None
    told = f"{attempt.name}: spec.hold keeps {listed([run.full_name for run in held], fleet.namespace)}"
    return Asking(
        Reason.HELD, told, f"to go on: {commands.patch_run(held[0].namespace, held[0].name, hold=None)}"
    )
