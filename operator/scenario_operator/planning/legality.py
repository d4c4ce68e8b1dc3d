"""What no plan may do, whoever made it: checked on every plan before it is shown."""

from __future__ import annotations

from scenario_operator.api.common import Level
from scenario_operator.api.journal import Kind
from scenario_operator.planning.plan import Plan
from scenario_operator.planning.presets import FRESH, PRESETS, REVERT
from scenario_operator.planning.steps import RESULTS, STATE, Args, Draft


def violations(plan: Plan, *, running: bool, accepted: bool) -> tuple[str, ...]:
    """Return every promise that a plan would break; `accepted`: the target reads all formats of the live state.

    `running` says whether the run has a live workload when the plan begins.
    """
    return (
        *_ends_with_commit(plan),
        *_shared_ids(plan),
        *_two_writers(plan, running=running),
        *_unasked_destruction(plan),
        *_order(plan),
        *_unreadable(plan, accepted=accepted),
    )


def _ends_with_commit(plan: Plan) -> tuple[str, ...]:
    commits = [index for index, d in enumerate(plan.steps) if d.kind is Kind.COMMIT]
    return () if commits == [len(plan.steps) - 1] else ("a plan ends with its only Commit",)


def _shared_ids(plan: Plan) -> tuple[str, ...]:
    """A journal knows steps by their ids: what one has done would count for the other."""
    ids = [d.id for d in plan.steps]
    return tuple(f"step {step} stands twice" for step in sorted({i for i in ids if ids.count(i) > 1}))


def _two_writers(plan: Plan, *, running: bool) -> tuple[str, ...]:
    """Nothing starts, and nothing is destroyed, under a version that may still run."""
    alive: set[str] = {"live"} if running else set()
    for draft in plan.steps:
        if draft.nature.silences:
            alive.discard(str(draft.slot))
        if draft.nature.wakes:
            if alive:
                return (f"{draft.title()} while {', '.join(sorted(alive))} may still run",)
            alive.add(str(draft.slot))
        if draft.nature.destroys and str(draft.slot) in alive:
            return (f"{draft.title()} while {draft.slot} may still run",)
    return ()


def _unasked_destruction(plan: Plan) -> tuple[str, ...]:
    axes = PRESETS.get(plan.strategy.type)
    found: list[str] = []
    for draft in plan.steps:
        if draft.nature.destroys == RESULTS and (axes is None or axes.results != REVERT):
            found.append(f"{draft.title()} without a strategy that reverts results")
        if draft.nature.destroys == STATE and draft.args.committed and (axes is None or axes.state != FRESH):
            found.append(f"{draft.title()} without a strategy that gives up state")
    destroys = any(d.nature.destroys for d in plan.steps)
    if destroys and plan.level != Level.REPLACE:
        found.append(f"a plan of level {plan.level} keeps state and results")
    if destroys and not plan.destructive:
        found.append("a plan that destroys must say so")
    if plan.destructive and plan.reversible:
        found.append("a plan that destroys is not called reversible")
    return tuple(found)


def _order(plan: Plan) -> tuple[str, ...]:
    """Reverting needs the state (the hook mounts it), and a fresh start needs its window."""
    ids = [d.id for d in plan.steps]
    found: list[str] = []
    for draft in plan.steps:
        deletion = f"delete-{draft.slot}"
        if draft.nature.destroys == RESULTS and deletion in ids and ids.index(deletion) < ids.index(draft.id):
            found.append(f"{draft.title()} after its state is gone")
        if _fresh_start(draft) and "resolve-window" not in ids[: ids.index(draft.id)]:
            found.append(f"{draft.title()} before its window is resolved")
    return tuple(found)


def _fresh_start(draft: Draft) -> bool:
    return draft.nature.wakes and draft.args.create


def _unreadable(plan: Plan, *, accepted: bool) -> tuple[str, ...]:
    keeps = [d for d in plan.steps if d.nature.wakes and d.args != Args() and not d.args.create]
    return () if accepted or not keeps else (f"{keeps[0].title()} on state that it does not accept",)
