"""Plan groups: runs whose plans are equal are shown, approved and counted together."""

from __future__ import annotations

from typing import Protocol

from scenario_operator.api.reasons import Reason
from scenario_operator.api.upgrade import AttemptCause
from scenario_operator.planning.compile import Blocked, Case, plan_upgrade, source_of
from scenario_operator.planning.diff import bounded
from scenario_operator.planning.plan import Cause, Plan
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import Stored
from scenario_operator.rollout.facts import Attempt, Fleet, Group, RunFacts

STEPS = 64
"""Steps that a group shows; how many there are besides is its last line."""


class Strategic(Protocol):
    """Who has a strategy: a run, a Scenario, or what a run sees of its Scenario."""

    @property
    def strategy_missing(self) -> str: ...
    @property
    def strategy_unread(self) -> str: ...


def unplanned(about: Strategic) -> Blocked | None:
    """Say why the strategy allows no plan: it is not there, or cannot be read; None when it does, or none is set."""
    if about.strategy_missing:
        return Blocked(Reason.STRATEGY_NOT_FOUND, f"there is no UpgradeStrategy {about.strategy_missing}")
    if about.strategy_unread:
        return Blocked(Reason.UNREADABLE, about.strategy_unread)
    return None


class Planner:
    """Makes plans for runs; runs that are alike share one computation."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._known: dict[object, Plan | Blocked] = {}

    def plan(self, run: RunFacts, target: Revision, cause: Cause) -> Plan | Blocked:
        """Return the plan of one run, or why there is none."""
        strategy = run.strategy or self._fleet.strategy
        # A run that names a strategy of its own is never led by the Scenario's in its place.
        own = run.strategy is not None or bool(run.strategy_missing or run.strategy_unread)
        lacking = unplanned(run if own else self._fleet)
        if lacking is not None:
            return lacking
        key = (_shape(run.stored), run.parameters, target.name, strategy, cause)
        if key not in self._known:
            self._known[key] = self._make(run, target, cause)
        return self._known[key]

    def _make(self, run: RunFacts, target: Revision, cause: Cause) -> Plan | Blocked:
        source = source_of(run.stored, self._fleet.revisions)
        chosen = run.strategy or self._fleet.strategy
        return plan_upgrade(Case(run.stored, source, target, chosen, run.parameters, cause))


def cause_of(attempt: Attempt) -> Cause:
    """Return why the plans of an attempt are made."""
    return Cause.RECOMPUTE if attempt.cause == AttemptCause.RECOMPUTE else Cause.UPGRADE


def is_behind(run: RunFacts, wanted: Revision) -> bool:
    """Say whether a started run is on other content than the wanted revision."""
    applied = run.stored.applied
    if applied is None:
        return False
    return (applied.logic_hash, applied.config_hash) != (wanted.logic_hash, wanted.config_hash)


def group_of(plan: Plan) -> Group:
    """Show a plan as a group without runs."""
    return Group(
        plan_hash=plan.plan_hash,
        source_version=plan.source.version,
        source_state=plan.source.state_version,
        strategy=plan.strategy.type,
        level=plan.level,
        steps=bounded([d.title() for d in plan.steps], STEPS),
        destroys=bounded(plan.destructive, STEPS),
        reversible=plan.reversible,
        point_of_no_return=plan.point_of_no_return,
        attention=plan.attention,
        diff=plan.diff,
        notes=plan.notes,
    )


def _shape(stored: Stored) -> object:
    """Return what a plan depends on, so that equal runs are planned once."""
    back = tuple((stored.live - i.number, i.state, i.results) for i in stored.incarnations)
    base = stored.parameters
    ran = stored.incarnation(stored.live)
    runs = ran.revision if ran else ""
    return stored.applied, runs, bool(stored.live), stored.stopped, back, stored.last_stop, base
