"""Verify: the new version has started, stays, and its verify hook is content."""

from __future__ import annotations

from scenario_operator.execution.effects import Effect
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps.hooks import job_check, job_effects
from scenario_operator.execution.steps.step import Check, Done, Row, Todo, fits, short_of_started
from scenario_operator.execution.view import View
from scenario_operator.planning.steps import Step


class Verify(Row):
    """Started, stable for a while, and the verify hook content. Never readiness: that means learning is over."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        revision = view.revision(step.args.revision)
        pods = [p for p in view.world.of(step.args.incarnation) if revision and fits(p, revision)]
        started = [p for p in pods if p.started]
        if not started:
            told = short_of_started(pods, revision) if revision else ""
            hopeless = any(p.needs_a_hand for p in pods)
            return Todo(f"the pod to stay started{': ' + told if told else ''}", hopeless=hopeless)
        left = journal.strategy.stable_seconds - (view.now - started[0].started_at)
        if left > 0:
            return Todo(f"the pod to be stable for {journal.strategy.stable_seconds} s", due=left)
        return job_check(view, journal, step) if step.args.hook else Done()

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        revision = view.revision(step.args.revision)
        if not step.args.hook or revision is None:
            return ()
        started = [p for p in view.world.of(step.args.incarnation) if fits(p, revision) and p.started]
        stable = started and view.now - started[0].started_at >= journal.strategy.stable_seconds
        return job_effects(view, journal, step, "verify", revision) if stable else ()

    def since(self, view: View, journal: Journal, step: Step) -> float | None:
        """Without a hook it has no beginning of its own on record: its time follows that of the start it judges."""
        begun = [at for s in journal.steps if s.nature.wakes and (at := journal.begun_at(s.id)) is not None]
        looping = [p.born for p in view.world.of(step.args.incarnation) if p.loops]
        if looping:
            # A hold has moved the start on record, not the pod's birth.
            return max([min(looping), *begun])
        own = journal.begun_at(step.id)
        return own if own is not None or not begun else begun[0] + journal.strategy.timeouts.start
