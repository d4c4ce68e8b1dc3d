"""What a run needs to know beyond its own objects: its scenario's revisions, its strategy, its grant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from scenario_operator.api import commands, names
from scenario_operator.api.reasons import Reason
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
from scenario_operator.execution.own import case_of, is_behind
from scenario_operator.execution.situation import retry_command
from scenario_operator.execution.view import Gate, Grant, View
from scenario_operator.manifests.revision import is_revision, parse_revision
from scenario_operator.planning.compile import Blocked, plan_upgrade
from scenario_operator.planning.plan import Cause, Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.snapshot import snapshot_of


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
        pinned = view.run.pinned
        # Revisions outlive their Scenario for those who run on them; nobody starts on one, pinned or not.
        named = self._labelled(pinned) if self.scenario is not None else None
        entry = named if pinned else active
        view = view._replace(wanted=wanted, entry=entry, strategy=self.strategy, grant=self._grant(view))
        view = view._replace(taken_back=self._taken_back(view.run.uid))
        return view._replace(gate=self._gate(view))

    def _labelled(self, label: str) -> Revision | None:
        """Return the newest revision with a version label."""
        found = [r for r in self.revisions.values() if r.version == label]
        return max(found, key=lambda r: r.number, default=None)

    def _taken_back(self, uid: str) -> frozenset[tuple[str, str]]:
        """Return the nonces of a run whose attempts were aborted, each with the attempt's cause."""
        aborted = [a["spec"] for a in self.attempts if a["spec"].get("abort") == a["metadata"]["uid"]]
        return frozenset(
            (spec["cause"], asked["nonce"])
            for spec in aborted
            for asked in spec.get("asked") or ()
            if asked["uid"] == uid
        )

    def _grant(self, view: View) -> Grant | None:
        """Return the run's live grant: one that is not spent, else one that is still listed."""
        grants: list[Grant] = []
        for attempt in self.attempts:
            active = (attempt.get("status") or {}).get("active") or ()
            grants += [_grant_of(attempt, entry) for entry in active if entry["runUID"] == view.run.uid]
        journal = view.journal.grant_id if view.journal else ""
        grants.sort(key=lambda g: (g.id != journal, view.stored.spent(g.id)))
        return grants[0] if grants else None

    def _gate(self, view: View) -> Gate | None:
        """Say why a run that is behind has no grant, or why it has nothing to start on."""
        if self.scenario is None:
            name = view.run.scenario
            told = f"spec.scenarioRef: there is no Scenario {name}; apply it, see: "
            return Gate(
                Reason.SCENARIO_NOT_FOUND.value, f"{told}kubectl -n {view.run.namespace} get scn", True
            )
        if view.entry is None:
            return _no_revision(self.scenario, view)
        asks = view.wants_recompute
        if view.journal is not None or view.wanted is None or not (is_behind(view) or asks):
            return None
        if self.strategy_missing:
            see = f"kubectl -n {view.run.namespace} get ustrat"
            message = f"there is no UpgradeStrategy {self.strategy_missing}; see: {see}"
            return Gate(Reason.STRATEGY_NOT_FOUND.value, message, attention=True)
        plan = plan_upgrade(case_of(view, view.wanted, Cause.RECOMPUTE if asks else Cause.UPGRADE))
        if isinstance(plan, Blocked):
            return Gate(plan.reason.value, plan.message, attention=True)
        return self._attempt_gate(view, view.wanted, plan.hash)

    def _attempt_gate(self, view: View, wanted: Revision, plan_hash: str) -> Gate | None:
        here = [a for a in self.attempts if a["spec"]["revision"] == wanted.name and _covers(a, view)]
        waits = [a for a in here if "completionTime" not in (a.get("status") or {})]
        refused = _refused_spec(self.scenario, view) if not waits else None
        aborted = next((a for a in here if a["spec"].get("abort") == a["metadata"]["uid"]), None)
        if refused is not None and (aborted is None or view.wants_retry or view.wants_recompute):
            return refused
        if not waits and aborted is not None:
            told = f"{aborted['metadata']['name']} to {wanted.version} was aborted"
            retry = f"publish a fixed version, or try again: {retry_command(view)}"
            return Gate(Reason.ABORTED.value, f"{told}; {retry}", attention=True)
        for attempt in waits:
            status = attempt.get("status") or {}
            phase, name = status.get("phase"), attempt["metadata"]["name"]
            if phase == "Suspended":
                return Gate(Reason.SUSPENDED.value, f"{name} to {wanted.version} is suspended")
            if phase == "Held":
                return Gate(Reason.ROLLOUT_HELD.value, f"{name} to {wanted.version} is held by failures")
            group = next((g for g in status.get("groups") or () if g["hash"] == plan_hash), None)
            if group is not None and not group.get("approved"):
                message = f"plan {plan_hash} of {name} to {wanted.version} waits for approval"
                return Gate(Reason.AWAITING_APPROVAL.value, message)
        return None


def _covers(attempt: Mapping[str, Any], view: View) -> bool:
    """Say whether an attempt is about this run."""
    only = attempt["spec"].get("runs") or ()
    return not only or view.run.name in only


def _grant_of(attempt: Mapping[str, Any], entry: Mapping[str, Any]) -> Grant:
    spec, metadata = attempt["spec"], attempt["metadata"]
    return Grant(
        id=entry["id"],
        attempt=metadata["name"],
        plan_hash=entry["planHash"],
        revision=spec["revision"],
        cause=spec["cause"],
        abort=spec.get("abort") == metadata["uid"],
        suspend=spec.get("suspend", False),
        skip_revert=spec.get("skipRevert", False),
    )


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
    return attempt["metadata"]["name"] == journal or any(entry["runUID"] == uid for entry in active)


def _stated(scenario: JsonObject) -> dict[str, Any]:
    """Return the conditions that a Scenario states, by type."""
    return {c["type"]: c for c in (scenario.get("status") or {}).get("conditions") or ()}


def _refused_spec(scenario: JsonObject | None, view: View) -> Gate | None:
    """Say that no attempt is opened while the spec of the Scenario is not valid."""
    valid = _stated(scenario or {}).get("Valid", {})
    if valid.get("status") != "False":
        return None
    asked = "spec.recomputeNonce " if view.wants_recompute else "spec.retryNonce " if view.wants_retry else ""
    told = f"{asked}waits until the spec of Scenario {view.run.scenario} is valid"
    return Gate(
        Reason.NO_VALID_REVISION.value, f"{told}: {valid['reason']} {valid['message']}", attention=True
    )


def _no_revision(scenario: JsonObject, view: View) -> Gate:
    if view.run.pinned:
        told = f"spec.pinnedVersion: no revision of {view.run.scenario} has version {view.run.pinned}; "
        selector = f"{names.LABEL_SCENARIO}={view.run.scenario}"
        told += f"see: kubectl -n {view.run.namespace} get controllerrevisions -l {selector}"
        return Gate(Reason.REVISION_NOT_FOUND.value, told, attention=True)
    stated = _stated(scenario)
    ready = stated.get("Ready", {})
    known = {reason.value for reason in Reason}
    reason = ready.get("reason") if ready.get("reason") in known else Reason.RESOLVING.value
    told = ready.get("message", "")
    name, namespace = view.run.scenario, view.run.namespace
    if stated.get("Stalled", {}).get("status") != "True":
        return Gate(reason, f"Scenario {name} has no released revision yet: {reason} {told}".rstrip())
    see = commands.describe("scn", namespace, name)
    message = f"Scenario {name} has no valid revision: {reason} {told}; see: {see}"
    return Gate(Reason.NO_VALID_REVISION.value, message, attention=True)
