"""The vocabulary: what each kind of step checks and does. Knows no strategy and no direction.

A row trusts no earlier step (R4): it looks at the world, says whether its own goal is reached, and else which
effects lead there, establishing its own preconditions. No effects means: wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from scenario_operator.api import names
from scenario_operator.api.common import wire_name
from scenario_operator.api.reasons import Reason
from scenario_operator.execution.effects import (
    CreateClaim,
    CreateJob,
    CreateResults,
    CreateWorkload,
    DeleteClaim,
    DeleteJob,
    DeleteWorkload,
    Effect,
    HoldReport,
    PutToSleep,
    ReleaseJob,
    ReleaseReport,
    StampClaim,
    WakeWorkload,
)
from scenario_operator.execution.journal import Heading, Journal
from scenario_operator.execution.view import Pod, Report, Template, View, Workload
from scenario_operator.planning import windows
from scenario_operator.planning.parameters import Pairs
from scenario_operator.planning.plan import Cause, Kind, Step, Timeouts
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import RETAINED, LastStop, timestamp
from scenario_operator.planning.windows import Sources, StopFacts, Window

_LONGEST_NAME = 63
"""Names of Jobs are labels of their pods."""


class Done(NamedTuple):
    """The goal is reached; `facts` are what the world will forget."""

    facts: Mapping[str, Any] = MappingProxyType({})


class Todo(NamedTuple):
    """Not yet. `waiting` says for what, for people; `facts` must be recorded before the effects that follow.

    `due`: seconds after which time alone may have changed the answer.
    """

    waiting: str
    facts: Mapping[str, Any] = MappingProxyType({})
    due: float | None = None


class Failed(NamedTuple):
    """It cannot go on like this. `uid` names the Job that failed; `human`: only a person can resolve it."""

    reason: Reason
    message: str
    uid: str = ""
    human: bool = False


Check = Done | Todo | Failed


class Row(Protocol):
    """One kind of step."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        """Say whether the step's goal is reached, from the world alone."""

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        """Return what leads to the goal from here; () means wait."""

    def deadline(self, step: Step, timeouts: Timeouts) -> int:
        """Return the seconds after which the step counts as failed; 0: never."""


def stop_stamp(journal: Journal, step: Step) -> str:
    """Return the mark that a Stop leaves on the workload: its one guarded write (R2a)."""
    return f"{journal.id}/{step.id}"


class Stop:
    """Hold the report if it is asked for, scale to 0, record the report, let the pod go."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        number = step.args.incarnation
        workload = view.world.workload(number)
        pods = view.world.of(number)
        wants_report = step.args.report and journal.fact(f"stop:{step.id}") is None
        doomed = lives_with_its_pod(view, number)
        if doomed and workload is not None and workload.replicas and not _gives_up(view, journal, number):
            return Failed(Reason.STATE_OUT_OF_SYNC, doomed, human=True)
        if workload is not None and not _asleep(workload, stop_stamp(journal, step)):
            return Todo("the workload to be scaled to 0")
        if workload is not None and not workload.settled:
            return Todo("the StatefulSet controller to observe replicas 0")
        if wants_report:
            running = [p for p in pods if not p.ended and not p.foreign]
            if running:
                return Todo(f"{len(running)} pod to end")
            facts = {f"stop:{step.id}": _last_words(number, pods)}
            return Todo("the pod to go", facts) if pods else Done(facts)
        if pods or (workload is not None and workload.status_replicas):
            return Todo(f"{len(pods)} pod that mounts the state to go")
        return Done()

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        number = step.args.incarnation
        workload = view.world.workload(number)
        stamp = stop_stamp(journal, step)
        own = [p for p in view.world.of(number) if not p.foreign]
        if workload is not None and not _asleep(workload, stamp):
            if step.args.report and workload.replicas and journal.fact(f"stop:{step.id}") is None:
                waited = _waited_for_pod(view, journal, step)
                if holds := _holds(own if waited else _speaking(own, journal, number), number, stamp):
                    return holds
                if not any(p.held for p in own) and not waited:
                    return ()
            return (PutToSleep(workload.handle, number, stamp),)
        recorded = not step.args.report or journal.fact(f"stop:{step.id}") is not None
        if not recorded and (holds := _holds(own, number, stamp)):
            return holds
        released = recorded and (workload is None or workload.settled)
        return tuple(ReleaseReport(p.handle, number) for p in own if p.held and released)

    def deadline(self, step: Step, timeouts: Timeouts) -> int:
        return timeouts.stop


class Start:
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
        if workload is None or workload.replicas != 1 or not _right(workload, template):
            return Todo(in_the_way(view, step.args.incarnation) or "the workload to be created and scaled up")
        pods = [p for p in view.world.of(step.args.incarnation) if _fits(p, revision)]
        if step.args.resume:
            marked = workload.stop_stamp == stop_stamp(journal, step)
            return Done() if pods and marked else Todo("the old version to be brought back")
        if any(p.started or p.loops for p in pods):
            # One that ends again and again did start: whether it can stay is Verify's question.
            return Done()
        told = next((p.trouble for p in pods if p.trouble), "")
        return Todo(f"the pod to start{': ' + told if told else ''}")

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        return start_effects(view, journal, step, f"{journal.id}/{step.id}")

    def deadline(self, step: Step, timeouts: Timeouts) -> int:
        return timeouts.start


class Verify:
    """Started, stable for a while, and the verify hook content. Never readiness: that means learning is over."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        revision = view.revision(step.args.revision)
        pods = [p for p in view.world.of(step.args.incarnation) if revision and _fits(p, revision)]
        started = [p for p in pods if p.started]
        if not started:
            told = next((p.trouble for p in pods if p.trouble), "")
            return Todo(f"the pod to stay started{': ' + told if told else ''}")
        left = journal.strategy.stable_seconds - (view.now - started[0].started_at)
        if left > 0:
            return Todo(f"the pod to be stable for {journal.strategy.stable_seconds} s", due=left)
        return _job_check(view, journal, step) if step.args.hook else Done()

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        revision = view.revision(step.args.revision)
        if not step.args.hook or revision is None:
            return ()
        started = [p for p in view.world.of(step.args.incarnation) if _fits(p, revision) and p.started]
        stable = started and view.now - started[0].started_at >= journal.strategy.stable_seconds
        return _job_effects(view, journal, step, "verify", revision) if stable else ()

    def deadline(self, step: Step, timeouts: Timeouts) -> int:
        return timeouts.verify


class Preflight:
    """A Job of the new artifact, while the old version works on."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        return _job_check(view, journal, step)

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        revision = view.revision(step.args.revision)
        return _job_effects(view, journal, step, "preflight", revision) if revision else ()

    def deadline(self, step: Step, timeouts: Timeouts) -> int:
        return timeouts.preflight


class ResolveWindow:
    """Resolve the window of the next incarnation once; every retry reuses the fact."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        known = journal.fact("window")
        if known is not None:
            return Done()
        if journal.cause is Cause.START:
            window = view.stored.window or windows.first(view.run.bounds, timestamp(view.now))
            return Done({"window": window._asdict(), "atRisk": False})
        stop = last_stop(view, journal)
        facts = StopFacts(stop.processed_until, stop.finished_at) if stop else None
        sources = Sources(view.stored.window, view.run.bounds, facts, timestamp(view.now))
        never_again = any(s.kind is Kind.REVERT_RESULTS or s.args.committed for s in journal.steps)
        try:
            resolved = windows.resolve(journal.strategy.window, sources, never_again=never_again)
        except windows.ReportMissingError as missing:
            bounds = [wire_name(field) for field in missing.fields]
            fields = " and ".join(f"window.{bound}.ifMissing" for bound in bounds)
            return Failed(
                Reason.STOP_REPORT_MISSING,
                f"the stopped version left no report, and {' and '.join(bounds)} is to be where it stopped: "
                f"abort, set {fields} to ObservedStop in the strategy, then change spec.retryNonce",
                human=True,
            )
        return Done({"window": resolved.window._asdict(), "atRisk": resolved.at_risk})

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        return ()

    def deadline(self, step: Step, timeouts: Timeouts) -> int:
        return 0


class RevertResults:
    """The revert hook of the incarnation whose results go, with that incarnation's own artifact."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        if not step.args.committed and not _ever_ran(journal, step):
            return Done({f"hook:{step.id}": {}})
        revision = _revision_of(view, journal, step)
        if revision is None:
            told = f"the revision of incarnation {step.args.incarnation} is gone, and with it its revert hook"
            return Done({f"hook:{step.id}": {"skipped": True, "message": told}})
        if not (revision.spec.hooks and revision.spec.hooks.revert):
            skipped = any(o.class_ == "Reversible" for o in revision.spec.outputs or ())
            return Done({f"hook:{step.id}": {"skipped": True} if skipped else {}})
        if other := _other_hook(view, journal, step):
            return Todo(f"the hook of {other} to end")
        return _job_check(view, journal, step)

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        revision = _revision_of(view, journal, step)
        pods = view.world.of(step.args.incarnation)
        workload = view.world.workload(step.args.incarnation)
        if workload is not None and not _silenced(journal, step.args.incarnation, workload):
            return (PutToSleep(workload.handle, step.args.incarnation, stop_stamp(journal, step)),)
        if revision is None or any(not p.foreign for p in pods) or _other_hook(view, journal, step):
            return ()
        return _job_effects(view, journal, step, "revert", revision)

    def deadline(self, step: Step, timeouts: Timeouts) -> int:
        return timeouts.revert


class DeleteState:
    """Delete the workload and the state claim of an incarnation, after the Jobs that mount it."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        number = step.args.incarnation
        claim = view.world.claim(number)
        left = [p for p in view.world.of(number) if not p.foreign]
        if view.world.workload(number) is None and not left and (claim is None or not claim.ours):
            return Done({f"deleted:{step.id}": True})
        return Todo("the workload and its claim to go")

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        number = step.args.incarnation
        workload, claim = view.world.workload(number), view.world.claim(number)
        jobs = [j for j in view.world.jobs if not j.deleting]
        if jobs:
            return tuple(DeleteJob(j.handle, j.name) for j in jobs)
        if workload is not None:
            return (DeleteWorkload(workload.handle, number),)
        if view.world.of(number) or claim is None or not claim.ours or claim.deleting:
            return ()
        return (DeleteClaim(claim.handle, number),)

    def deadline(self, step: Step, timeouts: Timeouts) -> int:
        return 0


class Commit:
    """The one write that closes the plan; `execution/close.py` makes it."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        return Done()

    def effects(self, view: View, journal: Journal, step: Step) -> tuple[Effect, ...]:
        return ()

    def deadline(self, step: Step, timeouts: Timeouts) -> int:
        return 0


VOCABULARY: Mapping[Kind, Row] = MappingProxyType(
    {
        Kind.PREFLIGHT: Preflight(),
        Kind.STOP: Stop(),
        Kind.RESOLVE_WINDOW: ResolveWindow(),
        Kind.REVERT_RESULTS: RevertResults(),
        Kind.DELETE_STATE: DeleteState(),
        Kind.START: Start(),
        Kind.VERIFY: Verify(),
        Kind.COMMIT: Commit(),
    }
)


def start_effects(view: View, journal: Journal | None, step: Step, stamp: str) -> tuple[Effect, ...]:
    """Return what brings up an incarnation; with `journal` None it is the steady state being kept (R5)."""
    revision = view.revision(step.args.revision)
    number = step.args.incarnation
    if revision is None or isinstance(state_trouble(view, journal, step, revision), Failed | Todo):
        return ()
    awake = [(n, w) for n, w in view.world.workloads if n != number and not _quiet(view, journal, n, w)]
    if awake:
        return tuple(PutToSleep(w.handle, n, stamp) for n, w in awake)
    if view.world.others(number) or view.world.reverting or _awaited_by_a_stranger(view, number, revision):
        return ()
    made = _make_claims(view, journal, step, revision)
    template = template_of(view, journal, step)
    workload = view.world.workload(number)
    if workload is None:
        return (*made, CreateWorkload(number, template))
    return made or _wake(view, workload, step, template, stamp)


def _awaited_by_a_stranger(view: View, number: int, revision: Revision) -> bool:
    """Say whether a claim that is yet to be made has a pod of somebody else waiting for it.

    A deleted run's pod may wait for its claim under this name: it would start on the one that we make.
    """
    unmade = revision.has_state and view.world.claim(number) is None
    return unmade and any(p.foreign for p in view.world.of(number))


def _wake(view: View, workload: Workload, step: Step, template: Template, stamp: str) -> tuple[Effect, ...]:
    """Wake a sleeping workload; a wrong template is changed only while nothing of it runs."""
    number = step.args.incarnation
    pods = view.world.of(number)
    if not _right(workload, template) or (workload.outdated and not workload.replicas):
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


def lives_with_its_pod(view: View, number: int) -> str:
    """Say that somebody deleted a claim which only an incarnation's pod still keeps, "" when nobody did."""
    claim = view.world.claim(number)
    doomed = [f"state claim of incarnation {number}"] if claim and claim.ours and claim.deleting else []
    doomed += ["results claim"] if _results_live_with(view, number) else []
    if not doomed:
        return ""
    return f"somebody deleted the {' and the '.join(doomed)}: it goes when its pod ends; copy it first"


def _results_live_with(view: View, number: int) -> bool:
    return view.world.results == "deleting" and number == view.stored.live


def _gives_up(view: View, journal: Journal, number: int) -> bool:
    """Say whether the plan deletes an incarnation's state itself; no plan gives the results' volume up."""
    steps = (*journal.steps, *journal.path)
    return not _results_live_with(view, number) and any(
        s.kind is Kind.DELETE_STATE and s.args.incarnation == number for s in steps
    )


def in_the_way(view: View, number: int) -> str:
    """Say which pods have to go before an incarnation may wake, "" when none."""
    foreign = [p for p in view.world.of(number) if p.foreign]
    if foreign:
        return f"{len(foreign)} pod of somebody else that mounts the state to go"
    if view.world.reverting:
        return f"the revert hook of {view.world.reverting[0]} to end"
    others = view.world.others(number)
    return f"{len(others)} pod of another incarnation to go" if others else ""


def _make_claims(view: View, journal: Journal | None, step: Step, revision: Revision) -> tuple[Effect, ...]:
    number = step.args.incarnation
    made: list[Effect] = []
    if revision.has_state:
        claim = view.world.claim(number)
        if claim is None:
            made.append(CreateClaim(number, (revision.state_version,), revision.name))
        else:
            wanted = tuple(sorted({*possible_formats(view, journal, number), revision.state_version}))
            if wanted != claim.formats:
                made.append(StampClaim(claim.handle, number, wanted))
    if revision.spec.results is not None and not view.world.results:
        made.append(CreateResults(revision.name))
    return tuple(made)


def state_trouble(view: View, journal: Journal | None, step: Step, revision: Revision) -> Check | None:
    """Say what stands against starting this incarnation on its state, None when nothing does.

    What only a person can resolve comes first: a StatefulSet of another run may wait for the same.
    """
    found = _claim_trouble(view, journal, step, revision)
    if isinstance(found, Failed) or step.args.incarnation not in view.world.strangers:
        return found
    name = names.statefulset(view.run.name, step.args.incarnation)
    return Todo(f"StatefulSet {name}, which is not of this run, to go")


def _claim_trouble(view: View, journal: Journal | None, step: Step, revision: Revision) -> Check | None:
    number = step.args.incarnation
    if revision.spec.results is not None and view.world.results == "foreign":
        return Failed(Reason.STATE_OUT_OF_SYNC, "the results claim belongs to another run", human=True)
    if revision.spec.results is not None and view.world.results == "deleting":
        return Todo("a results claim that is being deleted to go")
    if not revision.has_state:
        return None
    claim = view.world.claim(number)
    if claim is None:
        if step.args.create:
            return None
        return Failed(
            Reason.STATE_OUT_OF_SYNC, f"the state claim of incarnation {number} is gone", human=True
        )
    if claim.deleting and step.args.create:
        return Todo("a claim that is being deleted to go")
    if claim.deleting and claim.ours:
        return Failed(Reason.STATE_OUT_OF_SYNC, lives_with_its_pod(view, number), human=True)
    if not claim.ours:
        return Failed(
            Reason.STATE_OUT_OF_SYNC,
            f"the claim of incarnation {number} carries the stamps of another run",
            human=True,
        )
    formats = possible_formats(view, journal, number)
    if not revision.accepts(formats):
        return Failed(
            Reason.STATE_NOT_ACCEPTED,
            f"the state may be in format {', '.join(formats)}, version {revision.version} does not accept that",
        )
    return None


def possible_formats(view: View, journal: Journal | None, number: int) -> tuple[str, ...]:
    """Return the formats the claim can have: its stamp, narrowed by the report of a stop after which nothing ran."""
    claim = view.world.claim(number)
    if claim is None:
        return ()
    told = _stop_fact(journal, number) if journal else None
    version = told.state_version if told else None
    return (version,) if version in claim.formats and version is not None else claim.formats


def template_of(view: View, journal: Journal | None, step: Step) -> Template:
    """Return what the pods of a start are rendered from.

    Forward: the plan's window and parameters. Going back: exactly those before, except that nobody is
    notified again of what the version in between has processed.
    """
    window = view.stored.window or Window()
    parameters = view.stored.parameters.effective
    if journal is not None and journal.heading is Heading.FORWARD:
        if step.args.create or journal.cause is Cause.START:
            window = planned_window(journal) or window
        parameters = _planned_values(journal, parameters)
    elif journal is not None:
        window = raised(journal, window)
    return Template(step.args.revision, window, parameters)


def raised(journal: Journal, window: Window) -> Window:
    """Raise notificationsFrom to what the version that is being removed has processed."""
    reached = [
        fact["processed_until"]
        for step in journal.path
        if step.kind is Kind.STOP and (fact := journal.fact(f"stop:{step.id}"))
    ]
    for until in reached:
        window = window._replace(notifications_from=windows.later(window.notifications_from, until))
    return window


def planned_window(journal: Journal) -> Window | None:
    """Return the window that this plan resolved, None when it resolves none."""
    known = journal.fact("window")
    return Window(**known) if known is not None else None


def _planned_values(journal: Journal, otherwise: Pairs) -> Pairs:
    """Return the parameters that this plan merged for the version it leads to."""
    known = journal.fact("parameters")
    return tuple((name, value) for name, value in known["effective"]) if known is not None else otherwise


def last_stop(view: View, journal: Journal) -> LastStop | None:
    """Return the stop that a hand-over refers to: this plan's, else the one on record."""
    return _stop_fact(journal, journal.live) or view.stored.last_stop


def job_name(view: View, journal: Journal, step: Step) -> str:
    """Name the Job of the current attempt at a step; a retry has a new name, so that no old one is taken for it."""
    known = journal.attempt_of(step.id)
    told = f"{step.id}-{known.number if known else 0}"
    plain = f"{view.run.name}-{journal.id}-{told}"
    return plain if len(plain) <= _LONGEST_NAME else names.job(view.run.name, journal.id, told)


def _stop_fact(journal: Journal | None, number: int) -> LastStop | None:
    """Return the report of the newest stop of an incarnation, unless a start of it began afterwards."""
    if journal is None:
        return None
    newest: LastStop | None = None
    for step in (*journal.steps, *journal.path):
        if step.args.incarnation != number:
            continue
        if step.kind is Kind.START and journal.begun_at(step.id) is not None and not step.args.resume:
            newest = None
        if step.kind is Kind.STOP and (fact := journal.fact(f"stop:{step.id}")):
            newest = LastStop(**fact)
    return newest


def _last_words(number: int, pods: tuple[Pod, ...]) -> dict[str, Any]:
    """Turn what the ended pods left into the fact of a stop."""
    ended = [p for p in pods if not p.foreign]
    words = next((p.report for p in ended if p.report is not None), None) or Report()
    finished = [p.finished_at for p in ended if p.finished_at]
    return LastStop(
        incarnation=number,
        processed_until=words.processed_until,
        state_version=words.state_version,
        finished_at=max(finished, default=None),
        clean=all(p.exit_code == 0 for p in ended),
        reported=words.processed_until is not None,
        open_outputs=words.open_outputs,
    )._asdict()


def _holds(own: list[Pod], number: int, stamp: str) -> tuple[Effect, ...]:
    """Mark every pod that this Stop does not hold yet; a Terminating pod takes no new finalizer."""
    loose = [p for p in own if p.held != stamp and (p.held or not p.terminating)]
    return tuple(HoldReport(p.handle, number, stamp) for p in loose)


def _asleep(workload: Workload, stamp: str) -> bool:
    return workload.replicas == 0 and workload.stop_stamp == stamp


def _silenced(journal: Journal, number: int, workload: Workload) -> bool:
    """Say whether a workload sleeps by a write of this heading, so that no wake decided before it can land."""
    ours = {stop_stamp(journal, s) for s in journal.route if s.args.incarnation == number}
    return workload.replicas == 0 and workload.stop_stamp in ours


def _quiet(view: View, journal: Journal | None, number: int, workload: Workload) -> bool:
    """Say whether another incarnation can be relied on not to wake up under a start.

    A workload that a late process created after its incarnation was removed sleeps without our stamp: a wake of
    it may be under way, so it gets a write first.
    """
    if journal is not None:
        return workload.replicas == 0 and workload.stop_stamp.startswith(f"{journal.id}/")
    record = view.stored.incarnation(number)
    return workload.replicas == 0 and record is not None and record.state == RETAINED


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


def _right(workload: Workload, template: Template) -> bool:
    return workload.template == template and not workload.drifted


def _fits(pod: Pod, revision: Revision) -> bool:
    return not pod.foreign and not pod.terminating and pod.revision == revision.name


def _other_hook(view: View, journal: Journal, step: Step) -> str:
    """Return a Job whose revert hook still runs although its Job is gone or over: two must never meet."""
    return next((job for job in view.world.reverting if job != job_name(view, journal, step)), "")


def _revision_of(view: View, journal: Journal, step: Step) -> Revision | None:
    record = view.stored.incarnation(step.args.incarnation)
    return view.revision(record.revision) if record else view.revision(journal.target.revision)


def _ever_ran(journal: Journal, step: Step) -> bool:
    """Say whether the incarnation to be removed was ever woken; nothing ran means nothing to revert."""
    return any(
        s.kind is Kind.START
        and s.args.incarnation == step.args.incarnation
        and journal.begun_at(s.id) is not None
        for s in journal.steps
    )


def _job_check(view: View, journal: Journal, step: Step) -> Check:
    job = view.world.job(job_name(view, journal, step))
    if job is None or job.deleting:
        return Todo("its Job to be created")
    if job.state == "Succeeded":
        return Done({f"hook:{step.id}": {"message": job.message[:1024], **dict(job.numbers)}})
    if job.state == "Failed":
        return Failed(Reason.HOOK_FAILED, job.message or "the hook failed", uid=job.handle.uid)
    return Todo(f"Job {job.name}")


def _job_effects(
    view: View, journal: Journal, step: Step, hook: str, revision: Revision
) -> tuple[Effect, ...]:
    """Create the Job asleep, then release it with the handle of a live read (R3)."""
    name = job_name(view, journal, step)
    job = view.world.job(name)
    if job is None:
        declared = getattr(revision.spec.hooks, hook, None)
        seconds = declared.timeout_seconds if declared else 300
        window, parameters = view.stored.window or Window(), view.stored.parameters.effective
        if not step.args.committed:
            # A hook of the new version, or about what this plan has made, is told what that is told.
            window, parameters = planned_window(journal) or window, _planned_values(journal, parameters)
        template = Template(revision.name, window, parameters)
        number = step.args.incarnation
        claim = view.world.claim(number) if number else None
        mounts = hook == "revert" and claim is not None and claim.ours
        return (CreateJob(name, hook, revision.name, number, template, seconds, mounts),)
    if job.state == "Suspended" and not job.deleting:
        return (ReleaseJob(job.handle, name),)
    return ()
