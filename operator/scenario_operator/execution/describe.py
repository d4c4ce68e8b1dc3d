"""What is said of a step that is under way, and of one that fails: the word, the cause, the next command."""

from __future__ import annotations

from scenario_operator.api import commands
from scenario_operator.api.journal import Heading
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.direction import Stuck, ungranted
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.situation import Situation, Standing, abort_command, retry_command
from scenario_operator.execution.steps import VOCABULARY
from scenario_operator.execution.view import View
from scenario_operator.planning.steps import Step

_SLOW = 20.0
"""Seconds after which a step's message says what it waits for; before that the detail is not worth a write."""


def progress(view: View, journal: Journal, step: Step, waiting: str) -> Situation:
    """Say which step is under way; the detail only when it takes long, since every change costs a write."""
    begun = max(journal.begun, key=lambda b: b.at, default=None)
    shown = step if journal.begun_at(step.id) is not None else _last_begun(journal) or step
    slow = begun is not None and view.now - begun.at > _SLOW
    way = {Heading.FORWARD: "to", Heading.BACK: "back from", Heading.REPLACE: "away from"}.get(
        journal.heading, "of"
    )
    word = shown.nature.reason.value
    message = f"{journal.cause.value} {way} {journal.target.version}, plan {journal.plan_hash}: {word}"
    return Situation(Standing.WORKING, word, f"{message}: waiting for {waiting}" if slow else message)


def _last_begun(journal: Journal) -> Step | None:
    begun = [s for s in journal.route if journal.begun_at(s.id) is not None]
    return begun[-1] if begun else None


def trouble(view: View, journal: Journal, step: Step, stuck: Stuck) -> Situation:
    """Explain a step that fails, and what moves it on."""
    word = step.nature.reason.value
    where = f"{word} of plan {journal.plan_hash} ({journal.cause.value} to {journal.target.version})"
    message = f"{where}: {stuck.message}"
    if journal.heading is Heading.BACK:
        attention = (
            f"{message}; it is retried, see: {commands.describe('srun', view.run.namespace, view.run.name)}"
        )
        return Situation(Standing.STALLED, Reason.ROLLBACK_FAILED, message, attention, degraded=message)
    attempt = "" if ungranted(view, journal) else journal.attempt
    if journal.crossed:
        acute = stuck.exhausted or stuck.human or journal.gave_up or stuck.reason is not Reason.HOOK_FAILED
        ends = VOCABULARY[step.kind].given_up(step) is not None
        skippable = ends and attempt and journal.heading is Heading.FORWARD
        give_up = (
            f"give the hook up, its results stay: {commands.skip_revert(view.run.namespace, attempt)}, "
            if skippable
            else ""
        )
        attention = (
            f"{message}; the old version cannot come back: publish a fixed version, {give_up}"
            f"or retry: {retry_command(view)}"
        )
        return Situation(
            Standing.PAST_RETURN, Reason.PAST_POINT_OF_NO_RETURN, message, attention if acute else "", message
        )
    if not stuck.final:
        return Situation(Standing.WORKING, word, f"{message}; it is tried again")
    onward = f"take it back: {abort_command(view, attempt)}"
    # A plan keeps its strategy, so a retry would find the same report missing again.
    if stuck.reason is not Reason.STOP_REPORT_MISSING:
        onward = f"retry: {retry_command(view)}; {onward}"
    degraded = message if stuck.reason is Reason.STOP_TIMEOUT else ""
    return Situation(Standing.STALLED, stuck.reason, message, f"{message}; {onward}", degraded)
