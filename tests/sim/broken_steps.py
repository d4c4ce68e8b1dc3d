"""Steps that do not do what they promise: each function breaks one thing, in all of the executor that relies on it."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from scenario_operator.api.journal import Heading
from scenario_operator.execution import close, facts
from scenario_operator.execution import decide as decide_module
from scenario_operator.execution import effects as fx
from scenario_operator.execution import journal as journal_module
from scenario_operator.execution.steps import claims, hooks, start, stop
from scenario_operator.execution.steps import step as step_module
from scenario_operator.execution.steps.delete_state import DeleteState
from scenario_operator.execution.steps.preflight import Preflight
from scenario_operator.execution.steps.resolve_window import ResolveWindow
from scenario_operator.execution.steps.revert_results import RevertResults
from scenario_operator.execution.steps.stop import Stop
from scenario_operator.execution.steps.verify import Verify


def everywhere(patch: pytest.MonkeyPatch, real: Any, broken: Any) -> None:
    """Put a broken function in the place of a real one, in every module of the executor that calls it."""
    found = [
        (module, name)
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("scenario_operator.execution")
        for name, value in vars(module).items()
        if value is real
    ]
    for module, name in found:
        patch.setattr(module, name, broken)


def stop_without_write(patch: pytest.MonkeyPatch) -> None:
    """A Stop that is content with replicas 0, whoever wrote it, kills no wake that is under way."""
    everywhere(patch, step_module.asleep, lambda workload, stamp: workload.replicas == 0)
    everywhere(patch, step_module.silenced, lambda journal, number, workload: workload.replicas == 0)
    everywhere(patch, step_module.quiet, lambda view, journal, number, workload: workload.replicas == 0)


def trusts_earlier_steps(patch: pytest.MonkeyPatch) -> None:
    """Steps that look at nothing but their own goal: what was stopped stays stopped."""
    everywhere(patch, step_module.silenced, lambda journal, number, workload: True)
    everywhere(patch, step_module.quiet, lambda view, journal, number, workload: True)
    real = start.start_effects

    def alone(view: Any, journal: Any, step: Any, stamp: str) -> Any:
        own = view.world._replace(pods=view.world.of(step.args.incarnation))
        return real(view._replace(world=own), journal, step, stamp)

    everywhere(patch, start.start_effects, alone)


def report_before_settled(patch: pytest.MonkeyPatch) -> None:
    """The report is recorded and released before the StatefulSet controller has seen replicas 0."""
    real = Stop.check

    def hasty(self: Any, view: Any, journal: Any, step: Any) -> Any:
        pods = [p for p in view.world.of(step.args.incarnation) if not p.foreign]
        if (
            step.args.report
            and journal.fact(f"stop:{step.id}") is None
            and pods
            and all(p.ended for p in pods)
        ):
            return step_module.Todo(
                "x", {f"stop:{step.id}": stop._last_words(step.args.incarnation, tuple(pods))}
            )
        return real(self, view, journal, step)

    def release(self: Any, view: Any, journal: Any, step: Any) -> Any:
        if journal.fact(f"stop:{step.id}") is not None:
            held = [p for p in view.world.of(step.args.incarnation) if p.held]
            if held:
                return tuple(fx.ReleaseReport(p.handle, p.incarnation) for p in held)
        return effects(self, view, journal, step)

    effects = Stop.effects
    patch.setattr(Stop, "check", hasty)
    patch.setattr(Stop, "effects", release)


def no_report_hold(patch: pytest.MonkeyPatch) -> None:
    """The pod goes with its last message."""
    real = Stop.effects

    def careless(self: Any, view: Any, journal: Any, step: Any) -> Any:
        found = real(self, view, journal, step)
        number = step.args.incarnation
        workload = view.world.workload(number)
        if found and isinstance(found[0], fx.HoldReport) and workload is not None:
            return (fx.PutToSleep(workload.handle, number, step_module.stop_stamp(journal, step)),)
        return found

    patch.setattr(Stop, "effects", careless)


def sweeps_unrecorded_jobs(patch: pytest.MonkeyPatch) -> None:
    """Finished Jobs are deleted before their result is on record."""
    real = decide_module._loose_ends

    def eager(view: Any, journal: Any, taken: Any) -> Any:
        done = tuple(fx.DeleteJob(j.handle, j.name) for j in view.world.jobs if j.state == "Succeeded")
        return (*done, *real(view, journal, taken))

    patch.setattr(decide_module, "_loose_ends", eager)
    real_check = hooks.job_check

    def forgetful(view: Any, journal: Any, step: Any) -> Any:
        found = real_check(view, journal, step)
        job = view.world.job(hooks.job_name(view, journal, step))
        return (
            step_module.Todo("its Job")
            if job is not None and job.state == "Succeeded" and view.now == 0.0
            else found
        )

    everywhere(patch, hooks.job_check, forgetful)


def overwrites_facts(patch: pytest.MonkeyPatch) -> None:
    """The newest reading of a fact wins."""
    import json

    def learn(self: Any, facts: dict[str, Any]) -> Any:
        fresh = {k: json.dumps(v, sort_keys=True, separators=(",", ":")) for k, v in facts.items()}
        return self._replace(facts=tuple(sorted({**dict(self.facts), **fresh}.items())))

    patch.setattr(journal_module.Journal, "learn", learn)
    real = ResolveWindow.check

    def again(self: Any, view: Any, journal: Any, step: Any) -> Any:
        forgotten = tuple((k, v) for k, v in journal.facts if k != "window")
        return real(self, view, journal._replace(facts=forgotten), step)

    patch.setattr(ResolveWindow, "check", again)
    words = stop._last_words

    def reread(number: int, pods: Any) -> Any:
        return words(number, pods)

    real_stop = Stop.check

    def relearn(self: Any, view: Any, journal: Any, step: Any) -> Any:
        found = real_stop(self, view, journal, step)
        pods = view.world.of(step.args.incarnation)
        name = f"stop:{step.id}"
        if step.args.report and journal.fact(name) is not None and isinstance(found, step_module.Done):
            return step_module.Done({name: reread(step.args.incarnation, pods)})
        return found

    patch.setattr(Stop, "check", relearn)


def _never_makes(patch: pytest.MonkeyPatch, effect: type) -> None:
    """Leave this effect out of what makes the claims of a start."""
    real = claims.make_claims

    def poor(view: Any, journal: Any, step: Any, revision: Any) -> Any:
        found = real(view, journal, step, revision)
        return tuple(e for e in found if not isinstance(e, effect))

    everywhere(patch, claims.make_claims, poor)


def stamps_no_formats(patch: pytest.MonkeyPatch) -> None:
    """The set of possible formats is never written to the claim."""
    _never_makes(patch, fx.StampClaim)


def makes_claims_for_strangers(patch: pytest.MonkeyPatch) -> None:
    """A claim is made although the pod of a deleted run of this name waits for it."""
    everywhere(patch, claims.awaited_by_a_stranger, lambda view, number, revision: False)


def never_starts(patch: pytest.MonkeyPatch) -> None:
    """Going forward, a Start waits for something that never comes."""
    real = start.start_effects

    def nothing(view: Any, journal: Any, step: Any, stamp: str) -> Any:
        forward = journal is not None and journal.heading is Heading.FORWARD
        return () if forward else real(view, journal, step, stamp)

    everywhere(patch, start.start_effects, nothing)


def takes_failures_for_content(patch: pytest.MonkeyPatch) -> None:
    """A preflight hook that says no counts as one that says yes."""
    real = Preflight.check

    def deaf(self: Any, view: Any, journal: Any, step: Any) -> Any:
        found = real(self, view, journal, step)
        return step_module.Done() if isinstance(found, step_module.Failed) else found

    patch.setattr(Preflight, "check", deaf)


def resolves_without_the_report(patch: pytest.MonkeyPatch) -> None:
    """The window of the next incarnation is resolved as if nothing had been stopped."""
    real = ResolveWindow.check

    def unheard(self: Any, view: Any, journal: Any, step: Any) -> Any:
        if facts.planned_window(journal) is not None:
            return real(self, view, journal, step)
        stored = view.stored._replace(last_stop=None)
        return real(self, view._replace(stored=stored), journal._replace(facts=()), step)

    patch.setattr(ResolveWindow, "check", unheard)


def reverts_nothing(patch: pytest.MonkeyPatch) -> None:
    """Results count as reverted although no hook has run."""
    patch.setattr(
        RevertResults,
        "check",
        lambda self, view, journal, step: step_module.Done(facts.answered(step)),
    )


def forgets_state(patch: pytest.MonkeyPatch) -> None:
    """State counts as deleted while it is there."""
    patch.setattr(
        DeleteState,
        "check",
        lambda self, view, journal, step: step_module.Done(facts.removed(step)),
    )


def asks_no_verify_hook(patch: pytest.MonkeyPatch) -> None:
    """A version that stays is verified, whatever its hook would say."""
    real = Verify.check
    patch.setattr(
        Verify,
        "check",
        lambda self, view, journal, step: real(
            self, view, journal, step._replace(args=step.args._replace(hook=False))
        ),
    )


def verifies_at_once(patch: pytest.MonkeyPatch) -> None:
    """A version that has just started counts as stable."""
    real = Verify.check

    def hasty(self: Any, view: Any, journal: Any, step: Any) -> Any:
        strategy = journal.strategy._replace(stable_seconds=0)
        pods = tuple(p._replace(started_at=view.now) for p in view.world.pods)
        world = view.world._replace(pods=pods)
        return real(self, view._replace(world=world), journal._replace(strategy=strategy), step)

    patch.setattr(Verify, "check", hasty)


def keeps_grants(patch: pytest.MonkeyPatch) -> None:
    """The write that closes a plan says nothing of its grant."""
    patch.setattr(close, "_returned", lambda view, journal, stored, word: stored)


def makes_no_results(patch: pytest.MonkeyPatch) -> None:
    """Nobody makes the claim that a version publishes to."""
    _never_makes(patch, fx.CreateResults)


def makes_results_for_strangers(patch: pytest.MonkeyPatch) -> None:
    """The results claim is made although a workload or a pod of a deleted run of this name waits for it."""
    patch.setattr(claims, "_lacks_results", lambda view, revision: False)
