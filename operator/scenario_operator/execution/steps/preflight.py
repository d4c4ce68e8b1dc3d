"""Preflight: a Job of the new artifact, while the old version works on."""

from __future__ import annotations

from scenario_operator.execution.effects import Effect
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps.hooks import job_check, job_effects
from scenario_operator.execution.steps.step import Check, Row
from scenario_operator.execution.view import View
from scenario_operator.planning.steps import Step


class Preflight(Row):
    """A Job of the new artifact, while the old version works on."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        return job_check(view, journal, step)

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        revision = view.revision(step.args.revision)
        return job_effects(view, journal, step, "preflight", revision) if revision else ()
