"""The state and results claims that a start stands on: what is wrong with them, and what is still to be made."""

from __future__ import annotations

from scenario_operator.api import commands, names
from scenario_operator.api.reasons import Reason
from scenario_operator.execution import facts
from scenario_operator.execution.effects import CreateClaim, CreateResults, Effect, StampClaim
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps.step import Check, Failed, Lasting, Todo
from scenario_operator.execution.view import View
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.steps import STATE, Step


def state_trouble(view: View, journal: Journal | None, step: Step, revision: Revision) -> Check | None:
    """Say what stands against starting this incarnation on its state, None when nothing does.

    What only a person can resolve comes first: a StatefulSet of another run may wait for the same.
    """
    found = _claim_trouble(view, journal, step, revision)
    in_the_way = _strangers_before(view, step.args.incarnation, revision)
    if isinstance(found, Failed) or not in_the_way:
        return found
    name = names.statefulset(view.run.name, in_the_way[0])
    return Todo(f"StatefulSet {name}, which is not of this run, to go")


def _strangers_before(view: View, number: int, revision: Revision) -> list[int]:
    """Return the StatefulSets of somebody else that have to go first.

    That is the one under the incarnation's own name; and each while the results claim is yet to be made, since a
    deleted run's workload would start its pod on it.
    """
    return [n for n in view.world.strangers if n == number or _lacks_results(view, revision)]


def _lacks_results(view: View, revision: Revision) -> bool:
    return revision.spec.results is not None and not view.world.results


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


def make_claims(view: View, journal: Journal | None, step: Step, revision: Revision) -> tuple[Effect, ...]:
    """Return what makes the claims of a start, or stamps the one that stands (R11)."""
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


def possible_formats(view: View, journal: Journal | None, number: int) -> tuple[str, ...]:
    """Return the formats the claim can have: its stamp, narrowed by the report of a stop after which nothing ran."""
    claim = view.world.claim(number)
    if claim is None:
        return ()
    told = facts.newest_stop(journal, number) if journal else None
    version = told.state_version if told else None
    return (version,) if version in claim.formats and version is not None else claim.formats


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


def gives_up(view: View, journal: Journal, number: int) -> bool:
    """Say whether the plan deletes an incarnation's state itself; no plan gives the results' volume up."""
    steps = (*journal.steps, *journal.path)
    return not _results_live_with(view, number) and any(
        s.nature.destroys == STATE and s.args.incarnation == number for s in steps
    )


def in_use(view: View, number: int, *, before: bool = False) -> Todo | None:
    """Say that a pod of somebody else mounts a claim of an incarnation, None when none does.

    `before`: the step that waits for it has not begun.
    """
    others = [p for p in view.world.of(number) if p.foreign and not p.kin]
    if not others:
        return None
    shown = ", ".join(p.name for p in others[:3] if p.name) or "somebody's"
    look = commands.describe("pod", view.run.namespace, others[0].name)
    told = f"pod {shown} to go, which is not of this run and mounts its claim"
    return Todo(told, lasts=Lasting(Reason.CLAIM_IN_USE, look, before=before))


def awaited_by_a_stranger(view: View, number: int, revision: Revision) -> bool:
    """Say whether a claim that is yet to be made has a pod of somebody else waiting for it.

    A deleted run's pod may wait for its claims under these names: it would start on those that we make.
    """
    unmade = (revision.has_state and view.world.claim(number) is None) or _lacks_results(view, revision)
    return unmade and any(p.foreign for p in view.world.of(number))
