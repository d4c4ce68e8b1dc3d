"""The author's word for the edge between two versions."""

from __future__ import annotations

from typing import NamedTuple

from semantic_version import NpmSpec, Version

from scenario_operator.api.reading import Unreadable, reading
from scenario_operator.api.scenario import ScenarioSpec, Verdict


class Edge(NamedTuple):
    """The verdict on coming from one version, and the entry that gave it (-1: undeclared)."""

    verdict: Verdict
    reversible: bool
    entry: int


def edge(spec: ScenarioSpec, version: str, digest: str) -> Edge:
    """Return the verdict of the first entry that matches the source version or digest; else `undeclared`."""
    declared = spec.compatibility
    for index, entry in enumerate(declared.from_):
        if entry.digest == digest if entry.digest else in_range(version, entry.versions or ""):
            return Edge(entry.verdict, bool(entry.reversible), index)
    return Edge(declared.undeclared or Verdict.INCOMPATIBLE, False, -1)


def is_stated(spec: ScenarioSpec, found: Edge) -> bool:
    """Say whether the author said anything about an edge, if only by `undeclared`."""
    return found.entry >= 0 or spec.compatibility.undeclared is not None


def near_miss(spec: ScenarioSpec, version: str) -> str:
    """Return the first range that contains the release of a pre-release but not itself, "" when there is none.

    By npm's rules a range contains a pre-release only if it names one of the same patch; people who write
    `>=1.0.0 <3.0.0` mean 2.0.0-rc.1 as well.
    """
    found = _version(version)
    if found is None or not found.prerelease:
        return ""
    release = str(found.truncate())
    ranges = [entry.versions for entry in spec.compatibility.from_ if entry.versions]
    if any(in_range(version, expression) for expression in ranges):
        return ""
    return next((expression for expression in ranges if in_range(release, expression)), "")


def in_range(version: str, expression: str) -> bool:
    """Say whether a version lies in a range (npm's range syntax); a label that is no version lies in none."""
    found, allowed = _version(version), _range(expression)
    return found is not None and allowed is not None and bool(allowed.match(found))


def is_version(text: str) -> bool:
    """Say whether a label is a semantic version."""
    return _version(text) is not None


def is_range(expression: str) -> bool:
    """Say whether an expression is a range that `in_range` can read."""
    return _range(expression) is not None


def is_downgrade(source: str, target: str) -> bool:
    """Say whether the target's label is the lower one; labels that are no versions have no order."""
    before, after = _version(source), _version(target)
    return before is not None and after is not None and bool(after < before)


def _version(text: str) -> Version | None:
    found = reading(lambda: Version(text), "version")
    return None if isinstance(found, Unreadable) else found


def _range(expression: str) -> NpmSpec | None:
    """Read a range; of some that it cannot read, the library raises what it happens to raise."""
    found = reading(lambda: NpmSpec(expression), "range")
    return None if isinstance(found, Unreadable) else found
