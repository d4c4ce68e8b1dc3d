"""The three-way merge of parameters: what the scenario shipped, what the user set, what it ships now.

Ownership is recorded, not derived: a value that the user set stays the user's even when it equals a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

Pairs = tuple[tuple[str, str], ...]


class Definition(Protocol):
    """One parameter as the scenario declares it."""

    @property
    def name(self) -> str: ...
    @property
    def default(self) -> str | None: ...
    @property
    def required(self) -> bool: ...


class ParameterConflict(NamedTuple):
    """The user's value won over a default that has changed, or over a parameter the scenario now ships."""

    name: str
    user_value: str
    old_default: str | None
    new_default: str | None


class Parameters(NamedTuple):
    """The outcome of a merge: `base` defaults at that time, `effective` what the run is given."""

    base: Pairs = ()
    effective: Pairs = ()
    overrides: tuple[str, ...] = ()
    orphaned: Pairs = ()
    conflicts: tuple[ParameterConflict, ...] = ()


class Merge(NamedTuple):
    """A merge and what stands against using it: required parameters that nobody gave."""

    parameters: Parameters
    missing: tuple[str, ...]


NO_PARAMETERS = Parameters()


def merge(stored: Parameters, user: Mapping[str, str], definitions: tuple[Definition, ...]) -> Merge:
    """Merge the user's values into the new defaults, against what was applied last.

    A key of the user's that the scenario does not declare is kept as `orphaned`: it is not passed on, and it
    returns when the parameter returns.
    """
    base = {d.name: d.default for d in definitions if d.default is not None}
    declared = {d.name for d in definitions}
    before = dict(stored.base)
    effective = {**base, **{name: value for name, value in user.items() if name in declared}}
    conflicts = tuple(
        ParameterConflict(name, user[name], before.get(name), base.get(name))
        for name in sorted(declared & user.keys())
        if _conflicts(name, user[name], before, base, stored)
    )
    merged = Parameters(
        base=_pairs(base),
        effective=_pairs(effective),
        overrides=tuple(sorted(declared & user.keys())),
        orphaned=_pairs({name: value for name, value in user.items() if name not in declared}),
        conflicts=conflicts,
    )
    missing = tuple(sorted(d.name for d in definitions if d.required and d.name not in effective))
    return Merge(merged, missing)


def _conflicts(
    name: str, value: str, before: Mapping[str, str], base: Mapping[str, str], stored: Parameters
) -> bool:
    """Say whether the user's value hides a default that changed under it; a standing conflict stands."""
    new = base.get(name)
    if new is None or new == value:
        return False
    if name in before:
        return before[name] not in (new, value) or _stands(name, value, new, stored)
    return bool(stored.base or stored.effective or stored.orphaned)


def _stands(name: str, value: str, new: str, stored: Parameters) -> bool:
    return any(c.name == name and c.user_value == value and c.new_default == new for c in stored.conflicts)


def _pairs(values: Mapping[str, str]) -> Pairs:
    return tuple(sorted(values.items()))
