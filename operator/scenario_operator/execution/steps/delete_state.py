"""DeleteState: the workload and the state claim of an incarnation go."""

from __future__ import annotations

from scenario_operator.api import commands, names
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import facts
from scenario_operator.execution.effects import DeleteClaim, DeleteJob, DeleteWorkload, Effect
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps.claims import in_use
from scenario_operator.execution.steps.step import Check, Done, Lasting, Row, Todo
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
        if (wait := in_use(view, number)) is not None and not left:
            return wait
        if claim is not None and claim.deleting and view.world.workload(number) is None and not left:
            name = names.state_claim(view.run.name, number)
            keeps = f", which {', '.join(claim.kept_by[:3])} keeps" if claim.kept_by else ""
            look = commands.describe("pvc", view.run.namespace, names.plain(name))
            lasts = Lasting(Reason.DELETE_STATE, look, claim.doomed_at, planned=True)
            return Todo(f"claim {name} to go{keeps}", lasts=lasts)
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
