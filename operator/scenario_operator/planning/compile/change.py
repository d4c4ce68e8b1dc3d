"""How deep a change cuts."""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.api.common import Level
from scenario_operator.planning import compatibility
from scenario_operator.planning.compatibility import Edge, Word
from scenario_operator.planning.compile.common import Case, label
from scenario_operator.planning.diff import differences
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import Applied


class Change(NamedTuple):
    """How deep the change cuts, and the author's word on it."""

    level: Level
    reversible: bool
    disputed: bool
    diff: tuple[str, ...]


def classify(case: Case, applied: Applied) -> Change:
    """Find the level: the deeper of the author's word and the diff; the word may contradict the diff."""
    target = case.target
    diff = differences(case.source, applied, target)
    same_logic = target.logic_hash == applied.logic_hash
    if same_logic:
        moved = case.source is not None and case.source.has_state != target.has_state
        if moved or (target.has_state and not target.accepts(applied.formats)):
            # A volume that comes or goes is configuration, but the state in it cannot stay where it is. Nor is state
            # kept that its own version does not accept: somebody put it there.
            return Change(Level.REPLACE, False, False, diff)
        same = target.config_hash == applied.config_hash
        return Change(Level.NONE if same else Level.RESTART, True, False, diff)
    edge = compatibility.edge(target.spec, applied.version, applied.digest)
    if case.source is None or edge.word is Word.INCOMPATIBLE:
        return Change(Level.REPLACE, False, False, diff)
    if case.source.has_state != target.has_state or not target.accepts(applied.formats):
        return Change(Level.REPLACE, False, True, diff)
    return Change(Level.RESTART, _can_go_back(edge, case.source, target), False, diff)


def _can_go_back(edge: Edge, source: Revision, target: Revision) -> bool:
    """A declared way back counts only if the old version reads what the new one writes."""
    return edge.reversible and (not target.has_state or source.accepts((target.state_version,)))


def contradiction(case: Case) -> str:
    """Say how the declaration and what is stored contradict each other."""
    target = case.target
    if case.source is not None and case.source.has_state != target.has_state:
        which = "only one of the two versions has a state volume (spec.state.volume)"
    else:
        formats = case.stored.applied.formats if case.stored.applied else ()
        which = f"spec.state.accepts of {label(target)} does not contain every stored format {list(formats)}"
    return f"declared Compatible, but {which}"
