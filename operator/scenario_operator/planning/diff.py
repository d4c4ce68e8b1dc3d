"""What differs between the version that a run has and the one that it is to get, in lines for people."""

from __future__ import annotations

from collections.abc import Callable

from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import Applied


def differences(source: Revision | None, applied: Applied, target: Revision) -> tuple[str, ...]:
    """Say what differs, part by part, for people; bounded. `source` is None when the applied revision is gone."""
    lines: list[str] = []
    if applied.version != target.version:
        lines.append(f"version: {applied.version} → {target.version}")
    if applied.digest != target.artifact.digest:
        lines.append(f"artifact: {applied.digest[:19]} → {target.artifact.digest[:19]}")
    if applied.state_version != target.state_version:
        lines.append(f"state format: {applied.state_version or 'none'} → {target.state_version or 'none'}")
    if source is not None:
        lines += _named(
            "parameter", source, target, lambda r: {p.name: p.default for p in r.spec.parameters or ()}
        )
        lines += _named("output", source, target, lambda r: {o.kind: o.class_ for o in r.spec.outputs or ()})
        lines += _named("env", source, target, lambda r: {e.name: e.value for e in r.spec.workload.env or ()})
    return tuple(lines[:32])


def _named(
    what: str, source: Revision, target: Revision, read: Callable[[Revision], dict[str, object]]
) -> list[str]:
    old, new = read(source), read(target)
    removed = [f"{what} {name}: removed" for name in sorted(old.keys() - new.keys())]
    added = [f"{what} {name}: added" for name in sorted(new.keys() - old.keys())]
    changed = [f"{what} {n}: changed" for n in sorted(old.keys() & new.keys()) if old[n] != new[n]]
    return removed + added + changed
