"""What tells two items, two sets of inputs and two results apart: pure functions of their content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from scenario_operator.planning.items.words import Entry, Given, Graph, Input, Item
from scenario_operator.planning.plan import digest_of

_LENGTH = 16
"""Characters of a hash or token that are kept; two of one run meet by chance once in 2^32 items."""


class Resolved(NamedTuple):
    """The inputs of an item as its hooks get them, and the names of those whose source tells nothing."""

    values: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Return what is stored of the values: they may be somebody's secrets, so only their hash is."""
        return digest_of([self.values, self.missing])[:_LENGTH]


def definition(item: Item) -> str:
    """Hash what decides how an item is checked and done; name, time, clean and discover do not."""
    inputs = sorted([list(i) for i in item.inputs])
    return digest_of([item.check, item.do, inputs, sorted(item.mounts)])[:_LENGTH]


def definition_of(entry: Entry, revisions: Mapping[str, Graph]) -> str:
    """Return the definition that an entry was made by, "" when its revision is gone."""
    declared = declared_of(entry, revisions)
    return definition(declared) if declared else ""


def declared_of(entry: Entry, revisions: Mapping[str, Graph]) -> Item | None:
    """Return an entry's item in the revision that last released its `do`, None when that is gone."""
    graph = revisions.get(entry.revision)
    return graph.item(entry.declared_as or entry.role) if graph else None


def resolved(item: Item, entries: Mapping[str, Entry], given: Given) -> Resolved:
    """Resolve an item's inputs from its predecessors' entries, which are given by role, and from outside."""
    values: list[tuple[str, str]] = []
    missing: list[str] = []
    for declared in sorted(item.inputs):
        value = _value(declared, entries, given)
        if value is None:
            missing.append(declared.name)
        else:
            values.append((declared.name, value))
    return Resolved(tuple(values), tuple(missing))


def told_token(digest: str, outputs: Mapping[str, str], physical_ids: Iterable[str]) -> str:
    """Return the token of a result whose hook answered a digest: equal results have equal tokens."""
    return digest_of(["told", digest, dict(outputs), sorted(physical_ids)])[:_LENGTH]


def work_token(plan: str, role: str, number: int) -> str:
    """Return the token of work whose result nobody can compare: of a plan's id, a role and a try it never repeats."""
    return digest_of(["work", plan, role, number])[:_LENGTH]


def _value(declared: Input, entries: Mapping[str, Entry], given: Given) -> str | None:
    if declared.parameter:
        return given.parameters.get(declared.parameter)
    if declared.config_map:
        return given.config_maps.get((declared.config_map, declared.key))
    if declared.item:
        entry = entries.get(declared.item)
        return dict(entry.outputs).get(declared.key) if entry else None
    return declared.value
