"""What a decision says about the run: one reasoned word, from which all conditions follow."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from scenario_operator.api import commands, names
from scenario_operator.api.foreign import Foreign
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.view import View


class Standing(StrEnum):
    """Which row of the readiness table applies (docs/conditions.md)."""

    SETTLED = "Settled"
    WAITING = "Waiting"
    BLOCKED = "Blocked"
    WORKING = "Working"
    LEARNING = "Learning"
    STARTING = "Starting"
    DEGRADED = "Degraded"
    ROLLED_BACK = "RolledBack"
    STALLED = "Stalled"
    PAST_RETURN = "PastReturn"
    STOPPED = "Stopped"


OF_THE_SCENARIO = frozenset({Reason.NO_VALID_REVISION, Reason.SCENARIO_NOT_FOUND, Reason.REVISION_NOT_FOUND})
"""Why a run has nothing to start on: what its Scenario does not offer (yet)."""


class Situation(NamedTuple):
    """The standing, its reason and message; `attention` is what a person has to do, ending with a command.

    `rolled_back` tells of the last plan that it went back; `own`: it was the run's own plan, not that of an attempt.
    `attention_reason` is the word for that where it is another one than `reason`.
    """

    standing: Standing
    reason: str
    message: str
    attention: str = ""
    degraded: str = ""
    rolled_back: str = ""
    own: bool = False
    attention_reason: str = ""


def keep_volume_command(view: View) -> str:
    """Return the command that lets a live volume outlive its claim."""
    name, results = view.run.name, view.world.results == "deleting"
    claim = names.results_claim(name) if results else names.state_claim(name, view.stored.live)
    return commands.keep_volume(view.run.namespace, names.plain(claim))


def unhold_command(view: View) -> str:
    """Return the command that takes a hold off."""
    return commands.patch_run(view.run.namespace, view.run.name, hold=None)


def retry_command(view: View) -> str:
    """Return the command that asks for another try, with a nonce that was not used for this plan."""
    prefix = f"{view.stored.plans}-"
    handled = view.stored.handled.retry or ""
    used = handled.removeprefix(prefix) if handled.startswith(prefix) else "0"
    number = int(used) + 1 if used.isdecimal() else 1
    return commands.patch_run(view.run.namespace, view.run.name, retryNonce=f"{prefix}{number}")


def abort_command(view: View, attempt: str) -> str:
    """Return the command that takes a plan back, of an attempt or of the run's own."""
    if attempt:
        return commands.abort(view.run.namespace, names.plain(attempt))
    return commands.patch_run(view.run.namespace, view.run.name, abortNonce=f"{view.stored.plans}")


def refused(view: View, situation: Situation, refusal: Foreign) -> Situation:
    """Return the situation of a run for which the API server refuses what has to be done next.

    What was pressing already keeps its word; else the refusal is the word, since nothing moves until it is gone.
    """
    told = refusal.shown()
    message = situation.message if told in situation.message else f"{situation.message}: {told}"
    look = commands.behind_refusal(view.run.namespace, refusal)
    if situation.attention:
        attention = f"{told}; see: {look}; {situation.attention}"
        return situation._replace(message=message, attention=attention, degraded=message)
    attention = f"{message}; it is tried again, correct what refuses it; see: {look}"
    return Situation(Standing.STALLED, Reason.REFUSED, message, attention, message)


def waiting(reason: Reason | str, message: str) -> Situation:
    """Make the situation of a run that waits and needs nobody."""
    return Situation(Standing.WAITING, str(reason), message)
