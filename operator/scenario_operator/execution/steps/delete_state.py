"""DeleteState: the workload and the state claim of an incarnation go."""

from __future__ import annotations

from scenario_operator.execution import facts
from scenario_operator.execution.effects import DeleteClaim, DeleteJob, DeleteWorkload, Effect
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps.step import Check, Done, Row, Todo
from scenario_operator.execution.view import View
from scenario_operator.planning.steps import Step


class DeleteState(Row):
    """Delete the workload and the state claim of an incarnation, after the Jobs that mount it."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        number = step.args.incarnation
        claim = view.world.claim(number)
        left = [p for p in view.world.of(number) if not p.foreign]
        if view.world.workload(number) is None and not left and (claim is None or not claim.ours):
            return Done(facts.removed(step))
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
