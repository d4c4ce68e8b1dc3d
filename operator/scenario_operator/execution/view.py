"""Everything `decide` may know: one frozen picture of a run and its world, built from one read.

What owned objects look like when they are read is defined beside their builders, in `manifests`. Versions of objects
are opaque here: an effect hands them back as its precondition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from scenario_operator.api import names
from scenario_operator.api.foreign import NOTHING, Foreign
from scenario_operator.api.names import PlainName
from scenario_operator.api.upgrade import AttemptCause
from scenario_operator.execution.journal import Journal
from scenario_operator.manifests.claim import Claim
from scenario_operator.manifests.identity import Handle
from scenario_operator.manifests.job import Job
from scenario_operator.manifests.pod import Pod
from scenario_operator.manifests.report import StopReport
from scenario_operator.manifests.stamp import Template
from scenario_operator.manifests.statefulset import Workload
from scenario_operator.planning.compile import Blocked
from scenario_operator.planning.parameters import Pairs
from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import Stored
from scenario_operator.planning.windows import Bounds

__all__ = [
    "RENDERER",
    "Claim",
    "Gate",
    "Grant",
    "Handle",
    "Health",
    "Job",
    "Pod",
    "Run",
    "StopReport",
    "Template",
    "View",
    "Workload",
    "World",
]

RENDERER = 2
"""Version of the pod template that we render; templates of another renderer are judged by their stamps (R12)."""


class Run(NamedTuple):
    """What the user asks of the run."""

    namespace: PlainName
    name: PlainName
    uid: str
    generation: int = 1
    scenario: PlainName = PlainName("")
    desired_running: bool = True
    pinned: str = ""
    hold: Foreign = NOTHING
    bounds: Bounds = Bounds()
    parameters: Pairs = ()
    recompute_nonce: str = ""
    restart_nonce: str = ""
    retry_nonce: str = ""
    abort_nonce: str = ""
    deleting: bool = False


class Grant(NamedTuple):
    """The right of this run to carry out one plan now, and what its attempt says; `attempt` is the attempt's name."""

    id: str
    attempt: str
    plan_hash: str
    revision: str
    cause: str = AttemptCause.REVISION
    abort: bool = False
    suspend: bool = False
    skip_revert: bool = False


class Gate(NamedTuple):
    """Why a run that is behind has no grant yet: what the scenario's side says, with the next command.

    `command` is the next step in words that end with a command, "" where the message has it.
    """

    reason: str
    message: str
    attention: bool = False
    command: str = ""


class Health(NamedTuple):
    """What the status remembers of an incarnation's health; times in epoch seconds, None while there is none.

    `ready_at`: when it was first ready. `unwell_since`: since when it has not served, or not for long enough to count
    as well. `well_since`: since when it has been available or learning, as the last status says.
    """

    incarnation: int = 0
    ready_at: float | None = None
    unwell_since: float | None = None
    well_since: float | None = None


class World(NamedTuple):
    """What exists of the run: by incarnation number, and Jobs by name.

    `results`: what stands under the name of the results claim, which has the uid `results_uid`.

    `strangers`: numbers under whose name there is a StatefulSet of somebody else, which is never touched.
    `reverting`: names of the Jobs, there or not, whose revert hooks still run.
    `refused`: why a pod that should be there cannot be made.
    """

    workloads: tuple[tuple[int, Workload], ...] = ()
    pods: tuple[Pod, ...] = ()
    claims: tuple[Claim, ...] = ()
    jobs: tuple[Job, ...] = ()
    results: str = ""
    results_uid: str = ""
    strangers: tuple[int, ...] = ()
    reverting: tuple[str, ...] = ()
    refused: Foreign = NOTHING

    def workload(self, number: int) -> Workload | None:
        """Return the workload of an incarnation, if it exists."""
        return next((w for n, w in self.workloads if n == number), None)

    def claim(self, number: int) -> Claim | None:
        """Return the state claim of an incarnation, if it exists."""
        return next((c for c in self.claims if c.incarnation == number), None)

    def left(self) -> frozenset[int]:
        """Return the incarnations of which a workload, or a state claim that nobody has deleted yet, is there."""
        claims = (c.incarnation for c in self.claims if c.ours and not c.deleting)
        return frozenset((*(number for number, _ in self.workloads), *claims))

    def of(self, number: int) -> tuple[Pod, ...]:
        """Return the pods that belong to an incarnation or mount its claim."""
        return tuple(p for p in self.pods if p.incarnation == number)

    def others(self, number: int) -> tuple[Pod, ...]:
        """Return the pods of every other incarnation."""
        return tuple(p for p in self.pods if p.incarnation != number)

    def job(self, name: str) -> Job | None:
        """Return a hook Job by name, if it exists."""
        return next((j for j in self.jobs if j.name == name), None)


class View(NamedTuple):
    """The argument of `decide`.

    `wanted` is the revision the run should be on, None while there is none; `entry` the one that a run with
    nothing applied starts on: the newest released. `strategy` is the run's own or its scenario's. `unplanned` says
    why that allows no plan: it is not there, or cannot be read. `gate` says why there is no grant. `refusal` is what
    the API server answered to the last effect, if it refuses it. `now` is epoch seconds,
    `watched_since` since when this process has watched the plan without a gap (R13). `taken_back` holds the nonces
    whose attempts were aborted, each with the attempt's cause.
    """

    run: Run
    stored: Stored
    journal: Journal | None
    grant: Grant | None
    wanted: Revision | None
    revisions: Mapping[str, Revision]
    world: World
    now: float
    entry: Revision | None = None
    strategy: Snapshot | None = None
    gate: Gate | None = None
    unplanned: Blocked | None = None
    refusal: Foreign = NOTHING
    taken_back: frozenset[tuple[str, str]] = frozenset()
    watched_since: float = 0.0
    health: Health = Health()

    @property
    def wants_recompute(self) -> bool:
        """Say whether the user asks for a recompute that was not acted on; a pinned run is not moved."""
        asked, handled = self.run.recompute_nonce, self.stored.handled.recompute
        new = (
            bool(asked)
            and handled not in (None, asked)
            and (AttemptCause.RECOMPUTE, asked) not in self.taken_back
        )
        return new and self.stored.applied is not None and not self.run.pinned

    @property
    def wants_retry(self) -> bool:
        """Say whether the user asks for a retry that was not acted on; a pinned run is not moved."""
        asked, handled = self.run.retry_nonce, self.stored.handled.retry
        new = (
            bool(asked)
            and handled not in (None, asked)
            and (AttemptCause.RETRY, asked) not in self.taken_back
        )
        return new and not self.run.pinned

    def overtaken(self, name: str) -> bool:
        """Say whether a newer revision than this one is wanted.

        Numbers only grow, also when an old content comes back: an older `wanted` is a Scenario's status that lags.
        """
        known = self.revision(name)
        number = known.number if known else names.revision_number(name)
        return self.wanted is not None and self.wanted.name != name and self.wanted.number > number

    def revision(self, name: str) -> Revision | None:
        """Return a revision that stored, journal or wanted name."""
        return self.revisions.get(name)

    def running(self, number: int) -> Revision | None:
        """Return the revision on which an incarnation was last started, None when somebody has deleted it.

        A live incarnation that works may since have taken on the label of a revision with equal content, which will do.
        """
        record, applied = self.stored.incarnation(number), self.stored.applied
        found = self.revision(record.revision) if record else None
        if found is not None or number != self.stored.live or self.stored.stopped or applied is None:
            return found
        return self.revision(applied.revision)
