"""What a run needs to know beyond its own objects: its scenario's revisions, its strategy, its grant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from scenario_operator.api.scenario import ScenarioSpec
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
from scenario_operator.execution.view import View
from scenario_operator.manifests.revision import is_revision, parse_revision
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.snapshot import snapshot_of
from scenario_operator.rollout.facts import Attempt
from scenario_operator.rollout.gate import Around, Statement, Told, entry_of, gate_of, grant_of, taken_back
from scenario_operator.rollout.wire import load_attempt


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The scenario, its revisions, the strategy objects and the attempts, as they were last read."""

    scenario: JsonObject | None
    revisions: Mapping[str, Revision]
    strategy: Snapshot | None
    strategy_missing: str
    attempts: tuple[JsonObject, ...]

    async def live(self, context: Context, run: JsonObject) -> Surroundings:
        """Read again what a write depends on: the scenario, and the attempts that concern this run."""
        namespace = run["metadata"]["namespace"]
        name = run["spec"]["scenarioRef"]["name"]
        scenario = await context.client.get(Ref(SCENARIO, namespace, name))
        attempts: list[JsonObject] = []
        for attempt in self.attempts:
            if not _concerns(attempt, run):
                attempts.append(attempt)
                continue
            fresh = await context.client.get(Ref.to(UPGRADE, attempt))
            attempts += [fresh] if fresh is not None else []
        revisions = dict(self.revisions)
        latest = ((scenario or {}).get("status") or {}).get("latestRevision")
        if latest and latest not in revisions:
            found = await context.client.get(Ref(CONTROLLER_REVISION, namespace, latest))
            revisions |= {latest: parse_revision(found)} if found else {}
        return replace(self, scenario=scenario, attempts=tuple(attempts), revisions=revisions)

    def complete(self, view: View) -> View:
        """Add to a view what comes from around the run."""
        status = (self.scenario or {}).get("status") or {}
        wanted = self.revisions.get(status.get("latestRevision", ""))
        active = self.revisions.get(status.get("activeRevision", ""))
        attempts = tuple(loaded(attempt) for attempt in self.attempts)
        told = told_by(self.scenario) if self.scenario is not None else None
        suspended = bool(((self.scenario or {}).get("spec") or {}).get("upgrade", {}).get("suspend"))
        labelled = self._labelled(view.run.pinned)
        around = Around(told, attempts, self.strategy_missing, active, labelled, suspended)
        view = view._replace(wanted=wanted, strategy=self.strategy)
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
    strategy, missing = strategy_for(context, run, scenario)
    value = filed(namespace, name)
    attempts = store.indexed(UPGRADE, BY_SCENARIO, value)
    return Surroundings(scenario, revisions_of(context, namespace, name), strategy, missing, tuple(attempts))


def revisions_of(context: Context, namespace: str, scenario: str) -> dict[str, Revision]:
    """Return the published revisions of a scenario by name, but for those that only a newer operator can read."""
    found = context.store.indexed(CONTROLLER_REVISION, BY_SCENARIO, filed(namespace, scenario))
    parsed = {obj["metadata"]["name"]: _parsed(obj) for obj in found if is_revision(obj)}
    return {name: revision for name, revision in parsed.items() if revision is not None}


_PARSED: dict[tuple[str, str], Revision | None] = {}
"""Revisions are immutable, so each is parsed once; keyed by uid and version, bounded by `_REMEMBERED`."""
_REMEMBERED = 4096


def _parsed(obj: JsonObject) -> Revision | None:
    key = (obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])
    if key not in _PARSED:
        if len(_PARSED) >= _REMEMBERED:
            _PARSED.clear()
        try:
            _PARSED[key] = parse_revision(obj)
        except (ValidationError, KeyError, TypeError):
            _PARSED[key] = None
    return _PARSED[key]


def strategy_for(
    context: Context, run: JsonObject | None, scenario: JsonObject | None
) -> tuple[Snapshot | None, str]:
    """Return the strategy of a run, its own or its scenario's, or the name of the one that is not there."""
    reference = ((run or {}).get("spec") or {}).get("strategyRef")
    if run is not None and reference:
        return strategy_named(context, run["metadata"]["namespace"], reference["name"])
    spec, missing = scenario_strategy(context, scenario)
    return (snapshot_of(spec) if spec else None), missing


def scenario_strategy(context: Context, scenario: JsonObject | None) -> tuple[StrategySpec | None, str]:
    """Return the strategy that a scenario names or states, or the name of the one that is not there."""
    if scenario is None:
        return None, ""
    try:
        policy = ScenarioSpec.model_validate(scenario["spec"]).upgrade
    except ValidationError:
        return None, ""
    if policy.strategy is not None:
        return policy.strategy, ""
    if policy.strategy_ref is None:
        return None, ""
    found = context.store.get(STRATEGY, scenario["metadata"]["namespace"], policy.strategy_ref.name)
    if found is None:
        return None, policy.strategy_ref.name
    spec = read_strategy(found)
    return (spec, "") if spec is not None else (None, policy.strategy_ref.name)


def read_strategy(obj: JsonObject) -> StrategySpec | None:
    """Read a strategy; one that a newer operator's schema allowed and ours does not is as good as missing."""
    try:
        return StrategySpec.model_validate(obj["spec"])
    except ValidationError:
        return None


def strategy_named(context: Context, namespace: str, name: str) -> tuple[Snapshot | None, str]:
    """Return the strategy of that name, or its name when there is none that we can read."""
    found = context.store.get(STRATEGY, namespace, name)
    if found is None:
        return None, name
    spec = read_strategy(found)
    return (snapshot_of(spec), "") if spec is not None else (None, name)


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
        invalid=Statement(valid["reason"], valid.get("message", ""))
        if valid.get("status") == "False"
        else None,
    )


_LOADED: dict[tuple[str, str], Attempt] = {}
"""Attempts as read, by uid and version: every run of a Scenario looks at the same ones."""


def loaded(obj: JsonObject) -> Attempt:
    """Read an attempt, once for each version of it."""
    key = (obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])
    if key not in _LOADED:
        if len(_LOADED) >= _REMEMBERED:
            _LOADED.clear()
        _LOADED[key] = load_attempt(obj)
    return _LOADED[key]
