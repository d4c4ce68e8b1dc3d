"""Stop: hold the report if it is asked for, scale to 0, record the report, let the pod go."""

from __future__ import annotations

import re
from typing import Any

from scenario_operator.api import names
from scenario_operator.api.journal import Heading, Kind
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import facts, results
from scenario_operator.execution.effects import Effect, HoldReport, PutToSleep, ReleaseReport
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps.claims import gives_up, in_use, lives_with_its_pod
from scenario_operator.execution.steps.step import Check, Done, Failed, Row, Todo, asleep, stop_stamp
from scenario_operator.execution.view import Pod, StopReport, View
from scenario_operator.planning import windows
from scenario_operator.planning.plan import Cause
from scenario_operator.planning.steps import Args, Step
from scenario_operator.planning.stored import LastStop

_KILLED = 137
"""The exit code of what was ended by SIGKILL."""
_OUT_OF_MEMORY = re.compile("OOMKilled")


class Stop(Row):
    """Hold the report if it is asked for, scale to 0, record the report, let the pod go."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        number = step.args.incarnation
        workload = view.world.workload(number)
        pods = view.world.of(number)
        wants_report = step.args.report and facts.stop_of(journal, step) is None
        doomed = lives_with_its_pod(view, number)
        if doomed and workload is not None and workload.replicas and not gives_up(view, journal, number):
            return Failed(Reason.STATE_OUT_OF_SYNC, doomed, human=True)
        if (wait := _held_up(view, journal, step)) is not None:
            return wait
        if lacking := results.lacking(view, journal, step):
            return Failed(Reason.STATE_OUT_OF_SYNC, lacking, human=True)
        if workload is not None and not asleep(workload, stop_stamp(journal, step)):
            return Todo("the workload to be scaled to 0")
        if workload is not None and not workload.settled:
            return Todo("the StatefulSet controller to observe replicas 0")
        if wants_report:
            running = [p for p in pods if not p.ended and not p.foreign]
            if running:
                return Todo(f"pod {names.pod(view.run.name, number)} to end")
            found = facts.stopped(step, _last_words(number, pods))
            return Todo("the pod to go", found) if pods else Done(found)
        if (wait := in_use(view, number)) is not None and all(p.foreign for p in pods):
            return wait
        if pods or (workload is not None and workload.status_replicas):
            return Todo(f"pod {names.pod(view.run.name, number)} to go")
        return Done()

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        number = step.args.incarnation
        workload = view.world.workload(number)
        stamp = stop_stamp(journal, step)
        if _held_up(view, journal, step) is not None:
            return ()
        own = [p for p in view.world.of(number) if not p.foreign]
        if workload is not None and not asleep(workload, stamp):
            if step.args.report and workload.replicas and facts.stop_of(journal, step) is None:
                waited = _waited_for_pod(view, journal, step)
                if holds := _holds(own if waited else _speaking(own, journal, number), number, stamp):
                    return holds
                if not any(p.held for p in own) and not waited:
                    return ()
            return (PutToSleep(workload.handle, number, stamp),)
        recorded = not step.args.report or facts.stop_of(journal, step) is not None
        if not recorded and (holds := _holds(own, number, stamp)):
            return holds
        released = recorded and (workload is None or workload.settled)
        return tuple(ReleaseReport(p.handle, number) for p in own if p.held and released)

    def undo(self, journal: Journal, step: Step) -> tuple[Step, ...]:
        # An older operator did not record what runs; then it is what the plan comes from.
        ran = step.args.revision or journal.source.revision
        resumed = Args(step.args.incarnation, revision=ran, resume=True)
        return (Step("back-start", Kind.START, resumed),)


def _held_up(view: View, journal: Journal, step: Step) -> Todo | None:
    """Say what would keep the next version from starting: then the one that works is not stopped for it.

    A person who wants the run stopped wants nothing started, and what fails is stopped whoever looks on.
    """
    workload = view.world.workload(step.args.incarnation)
    works = workload is not None and workload.replicas > 0 and journal.begun_at(step.id) is None
    if not works or journal.heading is not Heading.FORWARD or journal.cause is Cause.STOP:
        return None
    return in_use(view, step.args.incarnation, before=True)


def _last_words(number: int, pods: tuple[Pod, ...]) -> dict[str, Any]:
    """Turn what the ended pods left into the fact of a stop."""
    ended = [p for p in pods if not p.foreign]
    words = next((p.report for p in ended if p.report is not None), None) or StopReport()
    finished = [p.finished_at for p in ended if p.finished_at]
    return LastStop(
        incarnation=number,
        processed_until=words.processed_until,
        state_version=words.state_version,
        finished_at=max(finished, default=None),
        # Where no pod was left to ask, nobody knows how it ended.
        clean=bool(ended) and all(p.exit_code == 0 for p in ended),
        reported=words.processed_until is not None,
        open_outputs=words.open_outputs,
        fault=_fault(words, ended),
    )._asdict()


def _fault(words: StopReport, ended: list[Pod]) -> str | None:
    """Say why a stop has no report: what was written is none, or the program was ended before it could write."""
    if words.processed_until is not None:
        return None
    killed = next((p for p in ended if p.exit_code == _KILLED), None)
    if killed is not None:
        memory = killed.last_end.says(_OUT_OF_MEMORY)
        return f"the program was killed {'for its memory' if memory else 'after its grace period'}"
    return words.fault or None


def _holds(own: list[Pod], number: int, stamp: str) -> tuple[Effect, ...]:
    """Mark every pod that this Stop does not hold yet; a Terminating pod takes no new finalizer."""
    loose = [p for p in own if p.held != stamp and (p.held or not p.terminating)]
    return tuple(HoldReport(p.handle, number, stamp) for p in loose)


def _speaking(own: list[Pod], journal: Journal, number: int) -> list[Pod]:
    """Return the pods whose report can be waited for.

    A plan that goes on where its live version stopped, and holds when that is not known, waits for one that runs: a
    pod that was evicted, or ends again and again, has no report to give, and held it would keep its successor away.
    """
    resolves = any(s.kind is Kind.RESOLVE_WINDOW for s in journal.steps)
    forward = journal.heading is Heading.FORWARD and number == journal.live
    if not forward or not resolves or not windows.needs_report(journal.strategy.window):
        return own
    return [p for p in own if p.running or p.report is not None]


def _waited_for_pod(view: View, journal: Journal, step: Step) -> bool:
    since = journal.begun_at(step.id)
    return since is not None and view.now - since >= journal.strategy.timeouts.stop
