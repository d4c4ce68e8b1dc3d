"""Start: bring up one incarnation on one revision; upkeep keeps it up with the same effects."""

from __future__ import annotations

from scenario_operator.api import names
from scenario_operator.api.journal import Heading, Kind
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import facts
from scenario_operator.execution.effects import CreateWorkload, Effect, PutToSleep, WakeWorkload
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps.claims import (
    awaited_by_a_stranger,
    in_use,
    make_claims,
    state_trouble,
)
from scenario_operator.execution.steps.step import (
    Check,
    Done,
    Failed,
    Row,
    Todo,
    fits,
    quiet,
    right,
    short_of_started,
    stop_stamp,
)
from scenario_operator.execution.view import Template, View, Workload
from scenario_operator.planning.plan import Cause
from scenario_operator.planning.steps import Args, Step
from scenario_operator.planning.windows import Window


class Start(Row):
    """Bring up one incarnation on one revision: claims, workload at 0, then wake it."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        revision = view.revision(step.args.revision)
        if revision is None:
            return Failed(Reason.STATE_OUT_OF_SYNC, f"revision {step.args.revision} is gone", human=True)
        trouble = state_trouble(view, journal, step, revision)
        if trouble is not None:
            return trouble
        template = template_of(view, journal, step)
        workload = view.world.workload(step.args.incarnation)
        if workload is None or workload.replicas != 1 or not right(workload, template):
            wait = in_use(view, step.args.incarnation)
            told = in_the_way(view, step.args.incarnation) or "the workload to be created and scaled up"
            return wait or Todo(told)
        pods = [p for p in view.world.of(step.args.incarnation) if fits(p, revision)]
        if step.args.resume:
            marked = workload.stop_stamp == stop_stamp(journal, step)
            return (
                Done()
                if pods and marked
                else Todo(f"the old version to be brought back{_ending(view, step)}")
            )
        if any(p.started or p.loops for p in pods):
            # One that ends again and again did start: whether it can stay is Verify's question.
            return Done()
        told = short_of_started(pods, revision)
        hopeless = any(p.needs_a_hand for p in pods)
        return Todo(f"the pod to start{': ' + told if told else ''}", hopeless=hopeless)

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        return start_effects(view, journal, step, stop_stamp(journal, step))

    def undo(self, journal: Journal, step: Step) -> tuple[Step, ...]:
        if step.args.create:
            return removal(step.args.incarnation, "back")
        ambiguous = journal.source.state_version != journal.target.state_version
        return (Step("back-stop", Kind.STOP, Args(step.args.incarnation, report=ambiguous)),)


def _ending(view: View, step: Step) -> str:
    """Name the pod that the old version waits for, "" when there is none: on a lost node it never goes by itself."""
    going = any(p.terminating and not p.foreign for p in view.world.of(step.args.incarnation))
    return f": pod {names.pod(view.run.name, step.args.incarnation)} has yet to end" if going else ""


def steady(number: int, revision: str) -> Step:
    """Return the start that keeps a live incarnation up while no plan is open (R5)."""
    return Step("rest", Kind.START, Args(number, revision=revision))


def removal(number: int, prefix: str) -> tuple[Step, ...]:
    """Return the steps that remove an incarnation which never committed."""
    return (
        Step(f"{prefix}-stop", Kind.STOP, Args(number, report=True)),
        Step(f"{prefix}-revert", Kind.REVERT_RESULTS, Args(number)),
        Step(f"{prefix}-delete", Kind.DELETE_STATE, Args(number)),
    )


def start_effects(view: View, journal: Journal | None, step: Step, stamp: str) -> tuple[Effect, ...]:
    """Return what brings up an incarnation; with `journal` None it is the steady state being kept (R5)."""
    revision = view.revision(step.args.revision)
    number = step.args.incarnation
    if revision is None or isinstance(state_trouble(view, journal, step, revision), Failed | Todo):
        return ()
    awake = [(n, w) for n, w in view.world.workloads if n != number and not quiet(view, journal, n, w)]
    if awake:
        return tuple(PutToSleep(w.handle, n, stamp) for n, w in awake)
    if view.world.others(number) or view.world.reverting or awaited_by_a_stranger(view, number, revision):
        return ()
    made = make_claims(view, journal, step, revision)
    template = template_of(view, journal, step)
    workload = view.world.workload(number)
    if workload is None:
        return (*made, CreateWorkload(number, template))
    return made or _wake(view, workload, step, template, stamp)


def _wake(view: View, workload: Workload, step: Step, template: Template, stamp: str) -> tuple[Effect, ...]:
    """Wake a sleeping workload; a wrong template is changed only while nothing of it runs."""
    number = step.args.incarnation
    pods = view.world.of(number)
    if not right(workload, template) or (workload.outdated and not workload.replicas):
        if workload.replicas:
            return (PutToSleep(workload.handle, number, stamp),)
        if pods or not workload.settled or workload.status_replicas:
            return ()
        return (WakeWorkload(workload.handle, number, template, stamp if step.args.resume else ""),)
    mark = stamp if step.args.resume else ""
    if workload.replicas > 1:
        # Somebody scaled it up: a second pod would work on the same state.
        return (WakeWorkload(workload.handle, number, stamp=mark),)
    if any(p.foreign for p in pods):
        return ()
    if workload.replicas and (not mark or workload.stop_stamp == mark):
        return ()
    return (WakeWorkload(workload.handle, number, stamp=mark),)


def in_the_way(view: View, number: int) -> str:
    """Say which pods have to go before an incarnation may wake, "" when none."""
    if (wait := in_use(view, number)) is not None:
        return wait.waiting
    if view.world.reverting:
        return f"the revert hook of {view.world.reverting[0]} to end"
    others = view.world.others(number)
    shown = next((p.name or names.pod(view.run.name, p.incarnation) for p in others), "")
    return f"pod {shown} of another incarnation to go" if others else ""


def template_of(view: View, journal: Journal | None, step: Step) -> Template:
    """Return what the pods of a start are rendered from.

    Forward: the plan's window and parameters. Going back: exactly those before, except that nobody is
    notified again of what the version in between has processed.
    """
    window = view.stored.window or Window()
    parameters = view.stored.parameters.effective
    if journal is not None and journal.heading is Heading.FORWARD:
        if step.args.create or journal.cause is Cause.START:
            window = facts.planned_window(journal) or window
        parameters = facts.planned_values(view, journal)
    elif journal is not None:
        window = facts.raised(journal, window)
    return Template(step.args.revision, window, parameters)
