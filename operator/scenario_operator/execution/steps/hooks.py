"""Hook Jobs: named for the try, created asleep, released, and read for their answer."""

from __future__ import annotations

from scenario_operator.api import names
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import facts
from scenario_operator.execution.effects import CreateJob, Effect, ReleaseJob
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps.step import Check, Done, Failed, Todo
from scenario_operator.execution.view import Template, View
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.steps import Step
from scenario_operator.planning.windows import Window

_LONGEST_NAME = 63
"""Names of Jobs are labels of their pods."""


def job_name(view: View, journal: Journal, step: Step) -> str:
    """Name the Job of the current try of a step; the next one has a new name, so that no old one is taken for it."""
    known = journal.try_of(step.id)
    told = f"{step.id}-{known.number if known else 0}"
    plain = f"{view.run.name}-{journal.id}-{told}"
    return plain if len(plain) <= _LONGEST_NAME else names.job(view.run.name, journal.id, told)


def job_check(view: View, journal: Journal, step: Step) -> Check:
    """Say how far the hook of a step is; its answer is the step's fact."""
    job = view.world.job(job_name(view, journal, step))
    if job is None or job.deleting:
        return Todo("its Job to be created")
    if job.state == "Succeeded":
        return Done(facts.answered(step, job.message.shown(1024), job.numbers, job.uncounted))
    if job.state == "Failed":
        return Failed(Reason.HOOK_FAILED, job.message.shown(1024) or "the hook failed", uid=job.handle.uid)
    return Todo(f"Job {job.name}")


def job_effects(
    view: View, journal: Journal, step: Step, hook: str, revision: Revision | None
) -> tuple[Effect, ...]:
    """Create the Job asleep, of a revision that is there; then release what was seen asleep (R3)."""
    name = job_name(view, journal, step)
    job = view.world.job(name)
    if job is None:
        if revision is None:
            return ()
        declared = getattr(revision.spec.hooks, hook, None)
        seconds = declared.timeout_seconds if declared else 300
        window, parameters = view.stored.window or Window(), view.stored.parameters.effective
        if not step.args.committed:
            # A hook of the new version, or about what this plan has made, is told what that is told.
            window = facts.planned_window(journal) or window
            parameters = facts.planned_values(view, journal)
        template = Template(revision.name, window, parameters)
        number = step.args.incarnation
        claim = view.world.claim(number) if number else None
        mounts = hook == "revert" and claim is not None and claim.ours
        return (CreateJob(name, hook, revision.name, number, template, seconds, mounts),)
    if job.state == "Suspended" and not job.deleting:
        return (ReleaseJob(job.handle, name),)
    return ()


def other_hook(view: View, journal: Journal, step: Step) -> str:
    """Return a Job whose revert hook still runs although its Job is gone or over: two must never meet."""
    return next((job for job in view.world.reverting if job != job_name(view, journal, step)), "")
