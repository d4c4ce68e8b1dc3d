"""The three-way merge of parameters: what the scenario shipped, what the user set, what it ships now.

Ownership is recorded, not derived: a value that the user set stays the user's even when it equals a default.

Parameters are bounded by number and length, and by what they weigh: a status has each of them up to nine times (spec,
defaults, effective values, conflicts, the plan's fact) and etcd takes 1.5 MiB, a pod's annotations have 256 KiB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

Pairs = tuple[tuple[str, str], ...]
HEAVIEST: Final = 144 * 1024
"""Bytes that the defaults of a version, a run's values, and what they are merged to may each take as JSON: room for
64 values of 1,024 characters that are quotes or backslashes."""
_ESCAPED: Final = frozenset("<>&\u2028\u2029")
"""What the API server writes as six characters, apart from control characters."""


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


def weight(values: Mapping[str, str]) -> int:
    """Return the bytes that parameters take at most, as JSON of the API server."""
    return sum(_bytes(name) + _bytes(value) + len('"":"",') for name, value in values.items())


def _bytes(text: str) -> int:
    escaped = sum(6 if c < " " or c in _ESCAPED else 2 if c in '"\\' else 0 for c in text)
    plain = "".join(c for c in text if c >= " " and c not in _ESCAPED and c not in '"\\')
    return escaped + len(plain.encode("utf-8", "surrogatepass"))


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
