"""How deep a change cuts."""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.api.common import Level
from scenario_operator.api.scenario import Verdict
from scenario_operator.planning import compatibility
from scenario_operator.planning.compatibility import Edge
from scenario_operator.planning.compile.common import Case, label
from scenario_operator.planning.diff import differences, shown
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import Applied


class Change(NamedTuple):
    """How deep the change cuts, and the author's word on it.

    `edge` is None where nobody's word is needed: the logic is the same, or the run asked to be recomputed.
    """

    level: Level
    reversible: bool
    disputed: bool
    diff: tuple[str, ...] = ()
    edge: Edge | None = None


def classify(case: Case, applied: Applied) -> Change:
    """Find the level: the deeper of the author's word and the diff; the word may contradict the diff."""
    change = _depth(case, applied)
    fresh = change.level is Level.REPLACE
    return change._replace(diff=differences(case.source, applied, case.target, fresh=fresh))


def _depth(case: Case, applied: Applied) -> Change:
    target = case.target
    same_logic = target.logic_hash == applied.logic_hash
    if same_logic:
        moved = case.source is not None and case.source.has_state != target.has_state
        if moved or (target.has_state and not target.accepts(applied.formats)):
            # A volume that comes or goes is configuration, but the state in it cannot stay where it is. Nor is state
            # kept that its own version does not accept: somebody put it there.
            return Change(Level.REPLACE, False, False)
        same = target.config_hash == applied.config_hash
        return Change(Level.NONE if same else Level.RESTART, True, False)
    edge = compatibility.edge(target.spec, applied.version, applied.digest)
    if case.source is None or edge.verdict is Verdict.INCOMPATIBLE:
        return Change(Level.REPLACE, False, False, edge=edge)
    if case.source.has_state != target.has_state or not target.accepts(applied.formats):
        return Change(Level.REPLACE, False, True, edge=edge)
    return Change(Level.RESTART, _can_go_back(edge, case.source, target), False, edge=edge)


def _can_go_back(edge: Edge, source: Revision, target: Revision) -> bool:
    """A declared way back counts only if the old version reads what the new one writes."""
    return edge.reversible and (not target.has_state or source.accepts((target.state_version,)))


def is_unasked(case: Case, change: Change) -> bool:
    """Say whether state would go by nobody's word: the policy asks nobody, and the author said nothing."""
    policy = case.strategy or Snapshot()
    unasked = policy.approval == "Never" and not policy.approve_from and policy.undeclared_edge != "Accept"
    return unasked and change.edge is not None and not compatibility.is_stated(case.target.spec, change.edge)


def unmatched(case: Case, applied: Applied, change: Change) -> tuple[str, ...]:
    """Say that no entry is about the applied version, and which range only seems to be; nothing when one is."""
    if change.edge is None or change.edge.entry >= 0:
        return ()
    version = shown(applied.version)
    missed = compatibility.near_miss(case.target.spec, applied.version)
    if missed:
        return (f"{version} is a pre-release, `{shown(missed)}` does not contain it",)
    counts = f"it counts as {change.edge.verdict.value}"
    return (f"no entry of spec.compatibility.from of {label(case.target)} is about {version}: {counts}",)


def contradiction(case: Case) -> str:
    """Say how the declaration and what is stored contradict each other."""
    target = case.target
    if case.source is not None and case.source.has_state != target.has_state:
        which = "only one of the two versions has a state volume (spec.state.volume)"
    else:
        formats = case.stored.applied.formats if case.stored.applied else ()
        which = f"spec.state.accepts of {label(target)} does not contain every stored format {list(formats)}"
    return f"declared Compatible, but {which}"
