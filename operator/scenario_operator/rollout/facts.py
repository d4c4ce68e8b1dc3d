"""What the scenario's side knows of runs and attempts: the few facts from which it schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scenario_operator.api import names
from scenario_operator.api.foreign import NOTHING, Foreign
from scenario_operator.api.names import PlainName
from scenario_operator.api.reasons import Reason
from scenario_operator.api.upgrade import AttemptCause, AttemptPhase
from scenario_operator.planning.parameters import Pairs
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import Ended, Stored
from scenario_operator.planning.validity import Problem

OF_THE_RUN = frozenset((Reason.PARAMETER_REQUIRED, Reason.PARAMETERS_TOO_LARGE))
"""Why there is no plan although the Scenario is as it should be: the run's own spec has to change."""


class RunFacts(NamedTuple):
    """One run as its status tells it.

    `strategy` is its own, None when it has none; `strategy_missing` names one that it refers to and that is not
    there, `strategy_unread` says of one why it cannot be read. `journal_grant` is the grant of its open plan, "" for
    an own plan, None when no plan is open. `waits`: a person has to do something before its plan goes on; `unproved`:
    that says nothing of the version that it is led to; `asks`: why, if it is before its first plan can be made.
    """

    namespace: PlainName
    name: PlainName
    uid: str
    stored: Stored
    parameters: Pairs = ()
    strategy: Snapshot | None = None
    strategy_missing: str = ""
    strategy_unread: str = ""
    pinned: bool = False
    hold: bool = False
    desired_running: bool = True
    deleting: bool = False
    journal_grant: str | None = None
    journal_attempt: str = ""
    journal_revisions: tuple[str, ...] = ()
    waits: bool = False
    unproved: bool = False
    asks: str = ""
    failed: bool = False
    recompute_nonce: str = ""
    retry_nonce: str = ""

    @property
    def full_name(self) -> RunName:
        """Return the name by which attempts mean this run."""
        return RunName(self.namespace, self.name)

    @property
    def left_out(self) -> bool:
        """Say whether no attempt leads this run on: it is pinned, or it is being deleted."""
        return self.pinned or self.deleting

    @property
    def ended(self) -> Mapping[str, Ended]:
        """Return the ended plans on record, by grant."""
        return {ended.grant_id: ended for ended in self.stored.history if ended.grant_id}


class Grant(NamedTuple):
    """The right of one run to carry out one plan now, and whose consent it was given on."""

    id: str
    run_uid: str
    namespace: PlainName
    name: PlainName
    plan_hash: PlainName
    parked: bool = False
    approver: str = ""


class Report(NamedTuple):
    """How one run of an attempt ended."""

    namespace: str
    name: str
    uid: str
    plan_hash: str
    approver: str
    ended: Ended


class PlanApproval(NamedTuple):
    """Somebody's consent to the plans of one hash."""

    plan_hash: str
    approver: str


class Group(NamedTuple):
    """Runs whose plans are equal."""

    plan_hash: PlainName
    source_version: str
    source_state: str
    strategy: str
    level: str
    steps: tuple[str, ...]
    destroys: tuple[str, ...]
    reversible: bool
    point_of_no_return: str
    attention: str
    diff: tuple[str, ...]
    notes: tuple[str, ...]
    runs: int = 0
    approved: bool = False
    approver: str = ""


class Tally(NamedTuple):
    """Settled runs by how they ended."""

    succeeded: int = 0
    rolled_back: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: Tally) -> Tally:
        """Return both tallies together."""
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: Tally) -> Tally:
        """Return what is left of this tally, never less than nothing."""
        return Tally(*(max(0, a - b) for a, b in zip(self, other, strict=True)))


class RunName(NamedTuple):
    """Which run is meant: a bare name says it only within one namespace."""

    namespace: str
    name: str

    @classmethod
    def read(cls, text: str, home: str) -> RunName:
        """Read `name` or `namespace/name`; `home` is the namespace of a bare name."""
        namespace, slash, name = text.rpartition("/")
        return cls(namespace if slash else home, name)

    def written(self, home: str) -> str:
        """Return the name as it is written in the namespace `home`."""
        return self.name if self.namespace == home else f"{self.namespace}/{self.name}"


def listed(runs: Sequence[RunName], home: str) -> str:
    """Name the first few runs, as they are written in the namespace `home`, and count the rest."""
    more = f" and {len(runs) - 5} more" if len(runs) > 5 else ""
    return ", ".join(run.written(home) for run in runs[:5]) + more


class Unread(NamedTuple):
    """A run that cannot be read: no attempt leads it on, and it keeps no other back; `problem` names the field."""

    run: RunName
    uid: str
    problem: str


class Asked(NamedTuple):
    """A run that asked for an attempt, and the nonce by which it did."""

    namespace: str
    name: str
    uid: str
    nonce: str


class Attempt(NamedTuple):
    """One ScenarioUpgrade: what people ask of it and how far it is.

    `granted` counts grant ids ever used up, so that none is used twice. `closed`: nothing is granted any more.
    `fenced`: another attempt is the one that grants. `waiting`: runs with a plan that are not granted yet; `held` are
    those that their user holds, `movable` those that have consent and are not held. `unlisted`: outcomes that no longer
    fit into the listed reports. `asked`: the runs that it was opened for, each with uid and nonce.
    `abort_ignored`: its spec asks for an abort by another uid than its own.
    """

    name: PlainName
    uid: str
    sequence: int
    revision: str
    cause: str = AttemptCause.REVISION
    only: tuple[RunName, ...] = ()
    asked: tuple[Asked, ...] = ()
    suspend: bool = False
    abort: bool = False
    abort_ignored: bool = False
    reject: Foreign = NOTHING
    skip_revert: bool = False
    approvals: tuple[PlanApproval, ...] = ()
    phase: AttemptPhase = AttemptPhase.PENDING
    groups: tuple[Group, ...] = ()
    active: tuple[Grant, ...] = ()
    reports: tuple[Report, ...] = ()
    granted: int = 0
    canaries: tuple[str, ...] = ()
    finished: bool = False
    closed: bool = False
    fenced: bool = False
    reason: str = ""
    waiting: int = 0
    held: int = 0
    movable: int = 0
    unlisted: Tally = Tally()

    @property
    def called_off(self) -> bool:
        """Say whether a person took the attempt back, before or after it began."""
        return self.abort or bool(self.reject)

    @property
    def released(self) -> bool:
        """Say whether any run was ever granted here."""
        return bool(self.active) or any(r.plan_hash for r in self.reports) or any(self.unlisted[:3])

    def grant_id(self, number: int) -> str:
        """Return the id of a grant: with a part of the uid, since another attempt may get this one's name.

        A Scenario that is deleted and applied again counts its attempts from the beginning.
        """
        return f"{self.name}.{self._life}.{number}"

    def saw(self, ended: Ended) -> bool:
        """Say whether a run recorded this end in this attempt, not in one of its name; older grants do not tell."""
        life, dot, _ = ended.grant_id.removeprefix(f"{self.name}.").rpartition(".")
        return ended.attempt == self.name and (not dot or life == self._life)

    @property
    def _life(self) -> str:
        return self.uid.partition("-")[0]

    def is_about(self, run: RunName) -> bool:
        """Say whether the attempt may lead this run on: it names it, or it names nobody."""
        return not self.only or run in self.only

    def report_of(self, uid: str) -> Report | None:
        """Return the outcome of a run in this attempt, None while it has none."""
        return next((r for r in self.reports if r.uid == uid), None)


class Statement(NamedTuple):
    """What a condition says: its reason and its message."""

    reason: str = ""
    message: str = ""


class Told(NamedTuple):
    """What a Scenario says of itself: why it is Ready or not, whether it is stalled, and what is wrong with its spec.

    `invalid`: the spec is not valid, the last valid revision is served. `missing`: what the spec names is not there, or
    not as declared, so it is not published.
    """

    ready: Statement = Statement()
    stalled: bool = False
    invalid: Statement | None = None
    missing: Statement | None = None


class Pace(NamedTuple):
    """How fast a rollout may go, from the Scenario's strategy only."""

    max_concurrent: int = 10
    max_failed: int = 1
    canaries: int = 1


class Fleet(NamedTuple):
    """Everything the scenario's side decides from.

    `wanted` is the newest published revision;
    `told`: what is wrong with a spec that names a newer one. `gone` holds run uids that a live read found to
    be no more.
    `namespace` is that of the Scenario and its attempts; runs may be elsewhere. `strategy_missing` and
    `strategy_unread` are about the Scenario's strategy. `frozen`: why nothing is granted, opened or released now, None
    when it may be: what is not known is not taken for absent. `unread` are the runs that cannot be read.
    """

    scenario: PlainName
    wanted: Revision | None
    revisions: Mapping[str, Revision]
    strategy: Snapshot | None
    pace: Pace
    suspend: bool
    approved_plans: frozenset[str]
    runs: tuple[RunFacts, ...]
    attempts: tuple[Attempt, ...]
    now: str
    gone: frozenset[str] = frozenset()
    sequence: int = 0
    strategy_missing: str = ""
    strategy_unread: str = ""
    frozen: Problem | None = None
    unread: tuple[Unread, ...] = ()
    namespace: PlainName = PlainName("")
    told: Told = Told()

    @property
    def highest_sequence(self) -> int:
        """Return the highest number of an attempt that anything remembers.

        A Scenario that is deleted and made again counts from the beginning, but its runs know outcomes and spent
        grants by the names of the attempts before: no name may be given to another one.
        """
        told = {e.attempt for run in self.runs for e in run.stored.history}
        told |= {run.journal_attempt for run in self.runs} | {a.name for a in self.attempts}
        tails = (name.rpartition("-")[2] for name in told if name.startswith(f"{self.scenario}-"))
        return max([self.sequence, *(names.number(tail) for tail in tails)])
