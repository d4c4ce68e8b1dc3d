"""What the API server was asked to do: its audit log, from a mark on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from tests.harness.cluster import Cluster

OPERATOR = "scenario-operator/"
_WRITES = frozenset({"create", "update", "patch", "delete"})
_APART = frozenset({"leases", "events"})
"""Lease renewals and Events are outside every budget."""


class Call(NamedTuple):
    """One accepted call of the operator."""

    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str

    @property
    def writes(self) -> bool:
        """Say whether it changes something that a budget is about."""
        return self.verb in _WRITES and self.resource not in _APART

    def __str__(self) -> str:
        what = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {what} {self.name}"


class Audit:
    """The audit log of a bed from a mark on; the API server writes a line before it answers."""

    def __init__(self, cluster: Cluster) -> None:
        assert cluster.bed, "only a bed has an audit log"
        self._path = cluster.audit
        self.mark()

    def mark(self) -> None:
        """Count from here."""
        self._from = self._path.stat().st_size

    def calls(self, namespace: str = "") -> list[Call]:
        """Return what the operator asked for and got since the mark, in one namespace or all."""
        with self._path.open("rb") as log:
            log.seek(self._from)
            lines = log.read().splitlines()
        found = (
            _call(json.loads(line)) for line in lines if OPERATOR.encode() in line and line.endswith(b"}")
        )
        return [call for call in found if call is not None and namespace in ("", call.namespace)]

    def writes(self, namespace: str = "") -> list[Call]:
        """Return the calls that changed something since the mark."""
        return [call for call in self.calls(namespace) if call.writes]


def of_run(calls: Iterable[Call]) -> tuple[list[Call], list[Call]]:
    """Return the status writes and the effects of runs among calls; the scenario's own probes are neither."""
    writes = [call for call in calls if call.writes]
    status = [c for c in writes if (c.resource, c.subresource) == ("scenarioruns", "status")]
    kinds = {"statefulsets", "pods", "persistentvolumeclaims", "jobs"}
    return status, [c for c in writes if c.resource in kinds and "-probe-" not in c.name]


_OF_RUNS = frozenset({"scenarioruns", "statefulsets", "pods", "persistentvolumeclaims", "jobs"})


def reads_of_run(calls: Iterable[Call]) -> list[Call]:
    """Return the reads of runs and of what they own among calls; the scenario's own probes are none."""
    reads = (call for call in calls if call.verb in ("get", "list"))
    return [call for call in reads if call.resource in _OF_RUNS and "-probe-" not in call.name]


def told(calls: Iterable[Call]) -> str:
    """Return calls as people read them, in their order."""
    return "\n".join(f"  {call}" for call in calls)


def summary(calls: Iterable[Call]) -> dict[str, int]:
    """Count calls by verb and resource."""
    counted = Counter(f"{c.verb} {c.resource}{'/' + c.subresource if c.subresource else ''}" for c in calls)
    return dict(sorted(counted.items()))


def _call(line: dict[str, object]) -> Call | None:
    ref, answer = line.get("objectRef") or {}, line.get("responseStatus") or {}
    assert isinstance(ref, dict)
    assert isinstance(answer, dict)
    if not str(line.get("userAgent", "")).startswith(OPERATOR) or line.get("stage") != "ResponseComplete":
        return None
    if not 200 <= int(answer.get("code", 0)) < 300:
        return None
    words = (ref.get(k, "") for k in ("resource", "subresource", "namespace", "name"))
    return Call(str(line["verb"]), *words)
