"""What a run needs to know beyond its own objects: its scenario's revisions, its strategy, its grant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from scenario_operator.api import commands, names
from scenario_operator.api.reading import Unreadable
from scenario_operator.api.reasons import Reason
from scenario_operator.api.strategy import StrategySpec
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.keys import BY_SCENARIO
from scenario_operator.cluster.kinds import (
    CONTROLLER_REVISION,
    SCENARIO,
    STRATEGY,
    UPGRADE,
    JsonObject,
    Ref,
)
from scenario_operator.cluster.store import filed
from scenario_operator.controllers.once import REMEMBERED, Once
from scenario_operator.execution.read import read_run
from scenario_operator.execution.view import View
from scenario_operator.manifests.revision import is_revision, read_revision
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.snapshot import snapshot_of
from scenario_operator.planning.stored import Stored
from scenario_operator.planning.validity import read_policy, read_strategy
from scenario_operator.rollout.facts import Attempt, Statement, Told
from scenario_operator.rollout.gate import (
    Around,
    entry_of,
    gate_of,
    grant_of,
    taken_back,
)
from scenario_operator.rollout.groups import unplanned
from scenario_operator.rollout.wire import read_attempt


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The scenario, its revisions, the strategy objects and the attempts, as they were last read."""

    scenario: JsonObject | None
    revisions: Mapping[str, Revision]
    strategy: Snapshot | None
    strategy_missing: str
    attempts: tuple[JsonObject, ...]
    strategy_unread: str = ""

    async def live(self, context: Context, run: JsonObject) -> Surroundings:
        """Read the attempts again that concern a run: what they grant, abort or suspend counts as it is now."""
        attempts: list[JsonObject] = []
        for attempt in self.attempts:
            fresh = await context.client.get(Ref.to(UPGRADE, attempt)) if _concerns(attempt, run) else attempt
            attempts += [fresh] if fresh is not None else []
        return replace(self, attempts=tuple(attempts))

    def may_have_results(self, stored: Stored) -> bool:
        """Say whether any version of the run publishes results, or has."""
        return stored.results is not None or any(r.spec.results is not None for r in self.revisions.values())

    def complete(self, view: View) -> View:
        """Add to a view what comes from around the run."""
        status = (self.scenario or {}).get("status") or {}
        wanted = self.revisions.get(status.get("latestRevision", ""))
        active = self.revisions.get(status.get("activeRevision", ""))
        read = [loaded(attempt) for attempt in self.attempts]
        attempts = tuple(attempt for attempt in read if isinstance(attempt, Attempt))
        told = told_by(self.scenario) if self.scenario is not None else None
        suspended = is_suspended(self.scenario) if self.scenario is not None else False
        labelled = self._labelled(view.run.pinned)
        missing, unread = self.strategy_missing, self.strategy_unread
        around = Around(told, attempts, missing, active, labelled, suspended, unread)
        view = view._replace(wanted=wanted, strategy=self.strategy, unplanned=unplanned(around))
        view = view._replace(entry=entry_of(view, around))
        view = view._replace(grant=grant_of(view, attempts), taken_back=taken_back(view.run.uid, attempts))
        return view._replace(gate=gate_of(view, around))

    def _labelled(self, label: str) -> Revision | None:
        """Return the newest revision with a version label."""
        found = [r for r in self.revisions.values() if r.version == label]
        return max(found, key=lambda r: r.number, default=None)


def surroundings(context: Context, run: JsonObject) -> Surroundings:
    """Read what is around a run from what the watches brought."""
    namespace = run["metadata"]["namespace"]
    name = run["spec"]["scenarioRef"]["name"]
    store = context.store
    scenario = store.get(SCENARIO, namespace, name)
    strategy = strategy_for(context, run, scenario)
    value = filed(namespace, name)
    attempts = store.indexed(UPGRADE, BY_SCENARIO, value)
    revisions = revisions_of(context, namespace, name)
    snapshot, missing, unread = strategy.snapshot, strategy.missing, strategy.unread
    return Surroundings(scenario, revisions, snapshot, missing, tuple(attempts), unread)


def revisions_of(context: Context, namespace: str, scenario: str) -> dict[str, Revision]:
    """Return the published revisions of a scenario by name, but for those that only a newer operator can read."""
    found = context.store.indexed(CONTROLLER_REVISION, BY_SCENARIO, filed(namespace, scenario))
    read = {obj["metadata"]["name"]: _revision(obj) for obj in found if is_revision(obj)}
    return {name: revision for name, revision in read.items() if isinstance(revision, Revision)}


_revision = Once(read_revision)
"""A revision is immutable, and every run of its Scenario looks at it."""
_policy, _strategy = Once(read_policy), Once(read_strategy)


class Strategy(NamedTuple):
    """The strategy that holds for a run or a Scenario, None where none is set.

    `missing` names one that is not there; `unread` says why it cannot be read, and `spec` is then what was last read
    of it: no plan is made by that, but what runs keeps its times.
    """

    spec: StrategySpec | None = None
    missing: str = ""
    unread: str = ""

    @property
    def snapshot(self) -> Snapshot | None:
        """Return what plans carry of it."""
        return snapshot_of(self.spec) if self.spec is not None else None


_LAST_READ: dict[str, StrategySpec | None] = {}
"""What was last read of an object's strategy, by the object's uid; bounded by `REMEMBERED`."""


def strategy_for(context: Context, run: JsonObject | None, scenario: JsonObject | None) -> Strategy:
    """Return the strategy of a run, its own or its scenario's."""
    reference = ((run or {}).get("spec") or {}).get("strategyRef")
    if run is not None and reference:
        return strategy_named(context, run["metadata"]["namespace"], reference["name"])
    return scenario_strategy(context, scenario)


def scenario_strategy(context: Context, scenario: JsonObject | None) -> Strategy:
    """Return the strategy that a scenario names or states; what cannot be read is not absent."""
    if scenario is None:
        return Strategy()
    metadata, policy = scenario["metadata"], _policy(scenario)
    if isinstance(policy, Unreadable):
        edit = commands.edit("scn", names.plain(metadata["namespace"]), names.plain(metadata["name"]))
        told = f"Scenario {metadata['name']} cannot be read: {policy}; edit: {edit}"
        return Strategy(_LAST_READ.get(metadata["uid"]), unread=told)
    found = Strategy(policy.strategy)
    if policy.strategy is None and policy.strategy_ref is not None:
        found = strategy_named(context, metadata["namespace"], policy.strategy_ref.name)
    if not found.unread:
        _remember(metadata["uid"], found.spec)
    return found


def strategy_named(context: Context, namespace: str, name: str) -> Strategy:
    """Return the strategy of that name."""
    obj = context.store.get(STRATEGY, namespace, name)
    if obj is None:
        return Strategy(missing=name)
    uid, spec = obj["metadata"]["uid"], _strategy(obj)
    if isinstance(spec, Unreadable):
        edit = commands.edit("ustrat", names.plain(namespace), names.plain(name))
        told = f"UpgradeStrategy {name} cannot be read: {spec}; edit: {edit}"
        return Strategy(_LAST_READ.get(uid), unread=told)
    _remember(uid, spec)
    return Strategy(spec)


def _remember(uid: str, spec: StrategySpec | None) -> None:
    if len(_LAST_READ) >= REMEMBERED and uid not in _LAST_READ:
        _LAST_READ.clear()
    _LAST_READ[uid] = spec


def is_suspended(scenario: JsonObject) -> bool:
    """Say whether the rollouts of a Scenario are suspended, also of one whose spec cannot be read otherwise."""
    policy = (scenario.get("spec") or {}).get("upgrade")
    return isinstance(policy, dict) and bool(policy.get("suspend"))


def _concerns(attempt: Mapping[str, Any], run: JsonObject) -> bool:
    uid = run["metadata"]["uid"]
    journal = ((run.get("status") or {}).get("upgrade") or {}).get("attempt")
    active = (attempt.get("status") or {}).get("active") or ()
    return attempt["metadata"]["name"] == journal or any(grant["runUID"] == uid for grant in active)


def told_by(scenario: JsonObject) -> Told:
    """Read what a Scenario says of itself in its conditions."""
    stated = {c["type"]: c for c in (scenario.get("status") or {}).get("conditions") or ()}
    ready, valid = stated.get("Ready", {}), stated.get("Valid", {})
    return Told(
        ready=Statement(ready.get("reason", ""), ready.get("message", "")),
        stalled=stated.get("Stalled", {}).get("status") == "True",
        missing=_missing(stated),
        invalid=Statement(valid["reason"], valid.get("message", ""))
        if valid.get("status") == "False"
        else None,
    )


def _missing(stated: Mapping[str, JsonObject]) -> Statement | None:
    """Return what a Scenario says is missing of what its spec names, or what the API server refuses for it."""
    artifact, ready = stated.get("ArtifactAvailable", {}), stated.get("Ready", {})
    if artifact.get("status") == "False" and artifact["reason"] != Reason.DIGEST_MISMATCH.value:
        return Statement(artifact["reason"], artifact.get("message", ""))
    refused = ready.get("reason") == Reason.REFUSED.value
    return Statement(ready["reason"], ready.get("message", "")) if refused else None


loaded = Once(read_attempt)
"""An attempt, or which field of it cannot be read; every run of a Scenario looks at the same ones."""

run_read = Once(read_run)
"""A run as it was read: by its own key at every look, and by its Scenario's after every change."""
