"""What every kind of step answers, and what their modules share about workloads and pods."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from scenario_operator.api.reasons import Reason
from scenario_operator.execution.effects import Effect
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.view import Pod, Template, View, Workload
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.steps import Step
from scenario_operator.planning.stored import RETAINED

_ENDED_FROM_OUTSIDE = re.compile(r"\Aexit code 1(37|43)")


class Done(NamedTuple):
    """The goal is reached; `facts` are what the world will forget."""

    facts: Mapping[str, Any] = MappingProxyType({})


class Lasting(NamedTuple):
    """A wait that time does not end by itself: its word and the command that shows what is waited for.

    `since`: when it can have begun at the earliest, in epoch seconds. `before`: the step has not begun, nor may it.
    `planned`: the plan itself brings it about, and it passes most times, so it is said only when it takes long.
    """

    reason: Reason
    look: str
    since: float = 0.0
    before: bool = False
    planned: bool = False


class Todo(NamedTuple):
    """Not yet. `waiting` says for what, for people; `facts` must be recorded before the effects that follow.

    `due`: seconds after which time alone may have changed the answer. `hopeless`: time alone will not change it.
    `lasts`: nor does the step's own deadline, so a person is asked after a while.
    """

    waiting: str
    facts: Mapping[str, Any] = MappingProxyType({})
    due: float | None = None
    hopeless: bool = False
    lasts: Lasting | None = None


class Failed(NamedTuple):
    """It cannot go on like this. `uid` names the Job that failed; `human`: only a person can resolve it."""

    reason: Reason
    message: str
    uid: str = ""
    human: bool = False


Check = Done | Todo | Failed


class Row(ABC):
    """What one kind of step does. It knows no strategy and no direction."""

    @abstractmethod
    def check(self, view: View, journal: Journal, step: Step) -> Check:
        """Say whether the step's goal is reached, from the world alone."""

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        """Return what leads to the goal from here; () means wait."""
        return ()

    def undo(self, journal: Journal, step: Step) -> tuple[Step, ...]:
        """Return the steps that take it back, in the same vocabulary; asked only if it is not final."""
        return ()

    def since(self, view: View, journal: Journal, step: Step) -> float | None:
        """Return when its time began, in epoch seconds; None when it has not."""
        return journal.begun_at(step.id)

    def given_up(self, step: Step, message: str = "") -> dict[str, Any] | None:
        """Return the facts that are recorded when it is abandoned, None when it never may be."""
        return None


def stop_stamp(journal: Journal, step: Step) -> str:
    """Return the mark that a Stop leaves on the workload: its one guarded write (R2a)."""
    return f"{journal.id}/{step.id}"


def asleep(workload: Workload, stamp: str) -> bool:
    """Say whether a workload sleeps by the write that carries this stamp."""
    return workload.replicas == 0 and workload.stop_stamp == stamp


def silenced(journal: Journal, number: int, workload: Workload) -> bool:
    """Say whether a workload sleeps by a write of this heading, so that no wake decided before it can land."""
    ours = {stop_stamp(journal, s) for s in journal.route if s.args.incarnation == number}
    return workload.replicas == 0 and workload.stop_stamp in ours


def quiet(view: View, journal: Journal | None, number: int, workload: Workload) -> bool:
    """Say whether another incarnation can be relied on not to wake up under a start.

    A workload that a late process created after its incarnation was removed sleeps without our stamp: a wake of
    it may be under way, so it gets a write first.
    """
    if journal is not None:
        return workload.replicas == 0 and workload.stop_stamp.startswith(f"{journal.id}/")
    record = view.stored.incarnation(number)
    return workload.replicas == 0 and record is not None and record.state == RETAINED


def right(workload: Workload, template: Template) -> bool:
    """Say whether a workload runs what this template says, and nobody has changed it."""
    return workload.template == template and not workload.drifted


def short_of_started(pods: Iterable[Pod], revision: Revision) -> str:
    """Say why pods that are to start have not, "" when nothing is known; a startup probe that fails is named.

    The kubelet ends a container whose startup probe has failed often enough: its last words do not say so.
    """
    probed = revision.spec.workload.startup_probe is not None
    for pod in pods:
        if probed and pod.running and not pod.started:
            before = f", it ended before with {pod.last_end.shown()}" if pod.last_end else ""
            return f"its startup probe has not succeeded{before}"
        if probed and pod.trouble and pod.last_end.says(_ENDED_FROM_OUTSIDE):
            return f"{pod.trouble.shown()}; ended from outside, as a startup probe does that has failed"
        if pod.trouble:
            return pod.trouble.shown()
    return ""


def fits(pod: Pod, revision: Revision) -> bool:
    """Say whether a pod is one of ours, on this revision, that is to stay."""
    return not pod.foreign and not pod.terminating and pod.revision == revision.name
