"""A plan is an ordered list of steps with a hash; what was shown under the hash is exactly what executes.

The one canonical hash lives here and nowhere else. Steps name incarnations relative to the run (`live`,
`next`, `live-1`), so that equal runs share one plan; numbers are bound when the journal opens.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Any, NamedTuple

from scenario_operator.api.names import PlainName
from scenario_operator.planning.steps import Args, Draft, Step, Timeouts
from scenario_operator.planning.windows import Bound, Bounds

PLANNER = 1
"""Version of the rules that make plans; part of every hash, so that plans of different rules never pass for equal."""


class Cause(StrEnum):
    """Why there is a plan; everything but Upgrade and Recompute is a run's own plan and destroys nothing."""

    UPGRADE = "Upgrade"
    RECOMPUTE = "Recompute"
    START = "Start"
    STOP = "Stop"
    RESTART = "Restart"
    PARAMETERS = "Parameters"


class Snapshot(NamedTuple):
    """The strategy as it was when the plan was made; a plan in progress never looks at the object again.

    `undeclared_edge`: Accept, or "" for Ask, so that a plan made before there was a choice keeps its hash.
    """

    type: str = ""
    window: Bounds = Bounds()
    approval: str = "Destructive"
    approve_from: str = ""
    on_failure: str = "RollBack"
    timeouts: Timeouts = Timeouts()
    stable_seconds: int = 10
    max_attempts: int = 3
    backoff_seconds: int = 10
    undeclared_edge: str = ""


class End(NamedTuple):
    """One end of a plan: the revision a run comes from or goes to."""

    revision: str = ""
    version: str = ""
    digest: str = ""
    state_version: str = ""


class Plan(NamedTuple):
    """What would be done to a run, and everything a human needs to consent to it."""

    cause: Cause
    source: End
    target: End
    level: str
    strategy: Snapshot
    steps: tuple[Draft, ...]
    parameters: tuple[str, ...]
    reversible: bool
    destructive: tuple[str, ...]
    attention: str = ""
    diff: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def plan_hash(self) -> PlainName:
        """Return the identity under which this plan is shown, approved, granted and executed."""
        content = {
            "planner": PLANNER,
            "cause": self.cause.value,
            "from": self.source._asdict(),
            "to": self.target._asdict(),
            "level": self.level,
            "strategy": _plain(self.strategy),
            "steps": [[d.id, d.kind.value, str(d.slot or ""), _plain(d.args)] for d in self.steps],
            "parameters": sorted(self.parameters),
            "attention": self.attention,
        }
        return PlainName(digest_of(content)[:20])

    @property
    def point_of_no_return(self) -> str:
        """Name the first step that nothing undoes, or "" when every step can be undone."""
        return next((d.title() for d in self.steps if d.nature.final(d.args)), "")

    def bind(self, live: int, upcoming: int) -> tuple[Step, ...]:
        """Give the steps the incarnation numbers of one run; each needs the one before it."""
        ends = {"from": self.source.revision, "to": self.target.revision}
        bound: list[Step] = []
        for draft in self.steps:
            number = draft.slot.number(live, upcoming) if draft.slot else 0
            args = draft.args._replace(
                incarnation=number, revision=ends.get(draft.args.revision, draft.args.revision)
            )
            bound.append(Step(draft.id, draft.kind, args, (bound[-1].id,) if bound else ()))
        return tuple(bound)


def digest_of(content: Any) -> str:
    """Return the SHA-256 of canonical JSON: sorted keys, no white space, so that order of input does not matter."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Turn nested NamedTuples into plain JSON, leaving out what is unset so that new optional fields keep hashes."""
    if isinstance(value, Bound | Bounds | Snapshot | Timeouts | Args):
        return {k: _plain(v) for k, v in value._asdict().items() if v not in (None, "", False)}
    return value.value if isinstance(value, StrEnum) else value
