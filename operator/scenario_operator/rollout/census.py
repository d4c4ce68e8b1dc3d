"""What a Scenario's status counts: the artifact, its runs, and the versions that they are on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from scenario_operator.api import names
from scenario_operator.planning.revision import Revision
from scenario_operator.rollout.facts import Fleet
from scenario_operator.rollout.groups import is_behind

JsonObject = dict[str, Any]


def artifact_of(revision: Revision, old: Mapping[str, Any], now: str) -> JsonObject:
    """Say what the revision runs, and since when that is what it runs."""
    artifact = revision.artifact
    known = old.get("artifact") or {}
    same = known.get("digest") == artifact.digest and known.get("resolvedImage") == artifact.image
    return {
        "image": revision.spec.artifact.image,
        "digest": artifact.digest,
        "resolvedImage": artifact.image,
        "unpinned": artifact.unpinned,
        "since": known.get("since", now) if same else now,
    }


def counts_of(fleet: Fleet) -> JsonObject:
    """Count the runs by how they stand; always complete."""
    wanted = fleet.wanted
    return {
        "total": len(fleet.runs) + len(fleet.unread),
        "upToDate": sum(1 for r in fleet.runs if wanted and r.stored.applied and not is_behind(r, wanted)),
        "upgrading": sum(1 for r in fleet.runs if r.journal_grant),
        "failed": sum(1 for r in fleet.runs if r.failed),
        "pinned": sum(1 for r in fleet.runs if r.pinned),
        "unreadable": len(fleet.unread),
    }


def versions_of(fleet: Fleet) -> list[JsonObject]:
    """Count the runs by the version that they are on, the newest 64 first."""
    counted = Counter(
        (r.stored.applied.version, r.stored.applied.revision) for r in fleet.runs if r.stored.applied
    )

    def age(carried: tuple[str, str]) -> tuple[int, str]:
        known = fleet.revisions.get(carried[1])
        return -(known.number if known else names.revision_number(carried[1])), carried[1]

    newest_first = sorted(counted, key=age)[:64]
    return [{"version": v, "revision": r, "runs": counted[v, r]} for v, r in newest_first]
