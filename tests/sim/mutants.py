"""Executors that break one rule each. The explorer must catch every one, or it proves nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from scenario_operator.api.journal import Heading
from scenario_operator.execution import close, facts, opening, own, rest, upkeep
from scenario_operator.execution import decide as decide_module
from scenario_operator.execution import effects as fx
from scenario_operator.execution import journal as journal_module
from scenario_operator.execution.steps import claims, hooks, start, stop
from scenario_operator.execution.steps import step as step_module
from scenario_operator.execution.steps.resolve_window import ResolveWindow
from scenario_operator.execution.steps.stop import Stop
from scenario_operator.planning import stored as stored_module
from scenario_operator.planning.plan import Cause

from .states import Rules

Patch = Callable[[pytest.MonkeyPatch], None]


def _nothing(_: pytest.MonkeyPatch) -> None:
    return None


class Mutant(NamedTuple):
    """One broken rule: what the world or the executor does instead, and the setups that should notice.

    `breaks` has words of the promise that it must break.
    """

    name: str
    setups: tuple[str, ...]
    rules: Rules = Rules()
    patch: Patch = _nothing
    breaks: str = ""


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


def no_upkeep(patch: pytest.MonkeyPatch) -> None:
    """Nothing repairs the steady state."""
    patch.setattr(rest, "upkeep", lambda view: ())


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


def reopens_spent_grants(patch: pytest.MonkeyPatch) -> None:
    """A grant whose outcome is on record counts as new."""
    patch.setattr(stored_module.Stored, "spent", lambda self, grant_id: False)


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


def reuses_numbers(patch: pytest.MonkeyPatch) -> None:
    """The next incarnation is one more than the live one."""
    patch.setattr(stored_module.Stored, "next_incarnation", lambda self: self.live + 1)


def sweeps_claims_off_record(patch: pytest.MonkeyPatch) -> None:
    """Upkeep deletes whatever is not live, retained or not."""
    real = upkeep._bury

    def greedy(view: Any) -> Any:
        found = real(view)
        for claim in view.world.claims:
            if claim.incarnation != view.stored.live and not claim.deleting:
                found.append(fx.DeleteClaim(claim.handle, claim.incarnation))
        return found

    patch.setattr(upkeep, "_bury", greedy)


def stamps_no_formats(patch: pytest.MonkeyPatch) -> None:
    """The set of possible formats is never written to the claim."""
    real = claims.make_claims

    def silent(view: Any, journal: Any, step: Any, revision: Any) -> Any:
        found = real(view, journal, step, revision)
        return tuple(e for e in found if not isinstance(e, fx.StampClaim))

    everywhere(patch, claims.make_claims, silent)


def counts_the_time_of_a_hold(patch: pytest.MonkeyPatch) -> None:
    """What was under way when a run was held has no time left when it is let go."""
    patch.setattr(decide_module, "_released", lambda view, journal: journal._replace(held_since=None))


def works_during_a_hold(patch: pytest.MonkeyPatch) -> None:
    """An open plan goes on while its run is held."""
    real = decide_module._carry_on
    patch.setattr(
        decide_module,
        "_carry_on",
        lambda view, journal: real(view._replace(run=view.run._replace(hold="")), journal),
    )


def moves_pinned_runs(patch: pytest.MonkeyPatch) -> None:
    """A grant is taken whatever the run is pinned to."""
    real = opening._refusal
    patch.setattr(
        opening, "_refusal", lambda view, grant: real(view._replace(run=view.run._replace(pinned="")), grant)
    )


def works_for_deleted_runs(patch: pytest.MonkeyPatch) -> None:
    """A run that is being deleted is brought on like any other."""
    patch.setattr(
        decide_module,
        "_deleted",
        lambda view: decide_module.decide(view._replace(run=view.run._replace(deleting=False))),
    )


def makes_claims_for_strangers(patch: pytest.MonkeyPatch) -> None:
    """A claim is made although the pod of a deleted run of this name waits for it."""
    everywhere(patch, claims.awaited_by_a_stranger, lambda view, number, revision: False)


def never_starts_again(patch: pytest.MonkeyPatch) -> None:
    """What was stopped stays stopped, whatever its user says later."""
    real = own._cause
    patch.setattr(
        own, "_cause", lambda view: None if view.stored.stopped and view.stored.applied else real(view)
    )


def ignores_restarts(patch: pytest.MonkeyPatch) -> None:
    """A restart that is asked for is not made."""
    real = own._cause
    patch.setattr(own, "_cause", lambda view: None if (cause := real(view)) is Cause.RESTART else cause)


def ignores_edits(patch: pytest.MonkeyPatch) -> None:
    """Parameters that are edited later never arrive."""
    patch.setattr(own, "_parameters_changed", lambda view: False)


def never_starts(patch: pytest.MonkeyPatch) -> None:
    """Going forward, a Start waits for something that never comes."""
    real = start.start_effects

    def nothing(view: Any, journal: Any, step: Any, stamp: str) -> Any:
        forward = journal is not None and journal.heading is Heading.FORWARD
        return () if forward else real(view, journal, step, stamp)

    everywhere(patch, start.start_effects, nothing)


def keeps_the_planned_window(patch: pytest.MonkeyPatch) -> None:
    """Going back keeps the window of the version that did not come."""
    real = close._restored

    def planned(view: Any, journal: Any) -> Any:
        stored = real(view, journal)
        return stored._replace(window=facts.planned_window(journal) or stored.window)

    patch.setattr(close, "_restored", planned)


def carries_out_other_plans(patch: pytest.MonkeyPatch) -> None:
    """A grant is taken for whatever plan is made now."""
    real = opening.take_grant

    def take(view: Any) -> Any:
        if view.grant is None or view.wanted is None:
            return real(view)
        plan = opening.plan_upgrade(opening.case_of(view, view.wanted, Cause.UPGRADE))
        changed = getattr(plan, "hash", view.grant.plan_hash)
        return real(view._replace(grant=view.grant._replace(plan_hash=changed)))

    patch.setattr(rest, "take_grant", take)


KEEP = ("keep", "keep, abort", "keep, newer revision")
FRESH = ("Continuation", "Continuation, abort", "ForwardOnly")

MUTANTS = (
    Mutant("acts before it writes", ("ForwardOnly", *KEEP), Rules(act_first=True)),
    Mutant("sends no resourceVersion", (*KEEP, *FRESH), Rules(fenced=False)),
    Mutant("upserts", (*FRESH, *KEEP), Rules(upsert=True)),
    Mutant("creates incarnations awake", ("Continuation, abort", *FRESH), Rules(awake_workload=True)),
    Mutant("creates Jobs awake", ("ForwardOnly",), Rules(awake_job=True)),
    Mutant("stops without a write", (*KEEP, *FRESH), patch=stop_without_write),
    Mutant("trusts earlier steps", ("Continuation, abort", *FRESH), patch=trusts_earlier_steps),
    Mutant("keeps nothing up", FRESH, patch=no_upkeep),
    Mutant(
        "records the report before replicas 0",
        ("Continuation, eviction", *FRESH),
        patch=report_before_settled,
    ),
    Mutant("holds no report", FRESH, patch=no_report_hold),
    Mutant("revokes grants", KEEP, Rules(revoke=True)),
    Mutant("opens spent grants again", KEEP, patch=reopens_spent_grants),
    Mutant("lets Jobs expire", ("ForwardOnly",), Rules(job_ttl=True)),
    Mutant("sweeps Jobs unrecorded", ("ForwardOnly",), patch=sweeps_unrecorded_jobs),
    Mutant("overwrites facts", FRESH, patch=overwrites_facts),
    Mutant("uses incarnation numbers again", ("Continuation, newer revision", *FRESH), patch=reuses_numbers),
    Mutant("sweeps claims off record", FRESH, patch=sweeps_claims_off_record),
    Mutant(
        "never looks at the run again after the world",
        ("Continuation, abort", *FRESH),
        Rules(torn=True, looks_again=False),
    ),
    Mutant(
        "counts the time of a hold",
        ("keep, hold and let go", "keep that never starts, hold and let go"),
        patch=counts_the_time_of_a_hold,
    ),
    Mutant("works during a hold", ("keep, hold and let go",), patch=works_during_a_hold),
    Mutant("moves pinned runs", ("keep, pin and unpin",), patch=moves_pinned_runs),
    Mutant("works for deleted runs", ("keep, run deleted",), patch=works_for_deleted_runs),
    Mutant(
        "makes a claim that a stranger's pod waits for",
        ("keep, run replaced under its name",),
        patch=makes_claims_for_strangers,
    ),
    Mutant("never starts again", ("stop and start",), patch=never_starts_again, breaks="no goal"),
    Mutant("ignores restarts", ("restart",), patch=ignores_restarts, breaks="no goal"),
    Mutant(
        "ignores edits",
        ("keep, edited parameters and window",),
        patch=ignores_edits,
        breaks="no goal",
    ),
    Mutant("never starts", ("first start",), patch=never_starts, breaks="no goal"),
    Mutant(
        "keeps the planned window going back",
        ("Continuation that never starts, rolled back",),
        patch=keeps_the_planned_window,
        breaks="going back",
    ),
    Mutant(
        "carries out another plan than was granted",
        ("Continuation, strategy edited and deleted",),
        patch=carries_out_other_plans,
        breaks="without its grant",
    ),
    Mutant("stamps no formats", ("keep with another format",), patch=stamps_no_formats),
)
