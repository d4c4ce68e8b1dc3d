"""RevertResults: the revert hook of the incarnation whose results go."""

from __future__ import annotations

from typing import Any

from scenario_operator.api.reasons import Reason
from scenario_operator.execution import facts
from scenario_operator.execution.effects import Effect, PutToSleep
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps.hooks import job_check, job_effects, job_name, other_hook
from scenario_operator.execution.steps.step import Check, Done, Failed, Row, Todo, silenced, stop_stamp
from scenario_operator.execution.view import View
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.steps import Step


class RevertResults(Row):
    """The revert hook of the incarnation whose results go, with that incarnation's own artifact."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        if not step.args.committed and not facts.started(journal, step):
            return Done(facts.answered(step))
        revision = _revision_of(view, journal, step)
        known = view.world.job(job_name(view, journal, step))
        if revision is None and (known is None or known.deleting):
            told = f"the revision of incarnation {step.args.incarnation} is gone, and with it its revert hook"
            # What was consented to is given up by a person only.
            return _lost(step, told)
        if revision is not None and not (revision.spec.hooks and revision.spec.hooks.revert):
            published = any(o.class_ == "Reversible" for o in revision.spec.outputs or ())
            return Done(facts.given_up(step) if published else facts.answered(step))
        if other := other_hook(view, journal, step):
            return Todo(f"the hook of {other} to end")
        return job_check(view, journal, step)

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        revision = _revision_of(view, journal, step)
        pods = view.world.of(step.args.incarnation)
        workload = view.world.workload(step.args.incarnation)
        if workload is not None and not silenced(journal, step.args.incarnation, workload):
            return (PutToSleep(workload.handle, step.args.incarnation, stop_stamp(journal, step)),)
        if any(not p.foreign for p in pods) or other_hook(view, journal, step):
            return ()
        return job_effects(view, journal, step, "revert", revision)

    def given_up(self, step: Step, message: str = "") -> dict[str, Any] | None:
        return facts.given_up(step, message)


def _lost(step: Step, told: str) -> Check:
    if step.args.committed:
        return Failed(Reason.CLEAN_LOGIC_MISSING, told, human=True)
    return Done(facts.given_up(step, told))


def _revision_of(view: View, journal: Journal, step: Step) -> Revision | None:
    record = view.stored.incarnation(step.args.incarnation)
    return view.running(step.args.incarnation) if record else view.revision(journal.target.revision)
