"""A model cluster: the smallest world in which the executor's promises can be broken.

Objects have no resourceVersions here. Instead every precondition of a call in flight is *fresh* until its
object changes, which is exactly what uid and resourceVersion mean: once stale, always stale. So the model is
exact about fences and still finite. Time has two values: an observation is made in time, or late, when every
deadline, back-off and stability period has passed. What a run makes carries its uid: another run of the same name
may come after it.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from scenario_operator.execution import effects as fx
from scenario_operator.execution.decide import Record
from scenario_operator.execution.view import Claim as ViewClaim
from scenario_operator.execution.view import Handle, Pod, StopReport, Template, World
from scenario_operator.execution.view import Job as ViewJob
from scenario_operator.execution.view import Workload as ViewWorkload
from scenario_operator.planning.windows import Window

LATE = 1_000_000.0


class W(NamedTuple):
    """A StatefulSet; `settled`: its controller has seen the current spec."""

    replicas: int
    template: Template
    stamp: str
    settled: bool
    of: str = "uid"


class P(NamedTuple):
    """A pod. `phase`: pending, started, ready or ended. `words`: what is odd about its end, see `ODD_ENDS`."""

    template: Template
    phase: str = "pending"
    term: bool = False
    held: str = ""
    ran: bool = False
    evicted: bool = False
    of: str = "uid"
    words: str = ""


class C(NamedTuple):
    """A claim with its stamp and, as ghosts, the formats its content can really have and who wrote it."""

    formats: tuple[str, ...]
    content: tuple[str, ...]
    deleting: bool = False
    of: str = "uid"


class J(NamedTuple):
    """A hook Job."""

    hook: str
    incarnation: int
    revision: str
    state: str
    failed: int = 0
    of: str = "uid"


ODD_ENDS = ("missing", "killed", "lying")
"""A pod that leaves no report, one that is killed after its grace, one whose report is not true.

A lie about the format names one that the claim's stamp does not know: within the stamp a report is all there is (R11).
"""


class R(NamedTuple):
    """The results claim, which all incarnations of a run share; one that is made anew has another uid."""

    deleting: bool = False
    of: str = "uid"
    uid: str = "results"


class Call(NamedTuple):
    """A call in flight: its key names the object that its precondition is about; `of` is the run that makes it."""

    effect: fx.Effect
    fresh: bool = True
    of: str = "uid"


class Flight(NamedTuple):
    """What one operator process is about to do: write the record, then its calls, from a view it saw.

    `reading`: the record that it has read, while it has yet to read the world.
    """

    record: Record | None
    fresh: bool
    calls: tuple[Call, ...]
    reading: Record | None = None


class Cluster(NamedTuple):
    """Everything that exists, as sorted tuples."""

    workloads: tuple[tuple[int, W], ...] = ()
    pods: tuple[tuple[int, P], ...] = ()
    claims: tuple[tuple[int, C], ...] = ()
    jobs: tuple[tuple[str, J], ...] = ()
    results: tuple[tuple[int, R], ...] = ()


RESULTS = ("results", 0)
"""The key of the results claim: there is one at most."""


def key_of(effect: fx.Effect) -> tuple[str, object]:
    """Return the object that an effect's precondition is about."""
    match effect:
        case fx.HoldReport() | fx.ReleaseReport():
            return "pods", effect.incarnation
        case fx.PutToSleep() | fx.WakeWorkload() | fx.DeleteWorkload() | fx.CreateWorkload():
            return "workloads", effect.incarnation
        case fx.CreateClaim() | fx.StampClaim() | fx.DeleteClaim():
            return "claims", effect.incarnation
        case fx.CreateJob() | fx.ReleaseJob() | fx.DeleteJob():
            return "jobs", effect.name
        case fx.CreateResults():
            return RESULTS
        case _:
            assert_never(effect)


def get(cluster: Cluster, key: tuple[str, object]) -> object | None:
    """Return an object of the cluster, None when it does not exist."""
    return dict(getattr(cluster, key[0])).get(key[1])


def put(cluster: Cluster, key: tuple[str, object], value: object | None) -> Cluster:
    """Return the cluster with an object replaced, created or (None) removed."""
    objects = dict(getattr(cluster, key[0]))
    if value is None:
        objects.pop(key[1], None)
    else:
        objects[key[1]] = value
    return cluster._replace(**{key[0]: tuple(sorted(objects.items()))})


def report_time(number: int, revision: str) -> str:
    """Return where the input stood when an incarnation stopped: fixed, so that facts can be compared."""
    return f"2026-01-{number:02d}T0{int(revision[-1])}:00:00Z"


def world_of(
    cluster: Cluster,
    formats: dict[str, str],
    late: bool,
    uid: str = "uid",
    judged: frozenset[str] = frozenset(),
    numbers: tuple[tuple[str, int], ...] = (("reverted", 1),),
) -> World:
    """Return the cluster as one read of the API server shows it to the run with that uid.

    `judged`: revisions with a verify hook. It is asked after a pod has been stable for its time and before any deadline
    has passed, for which time has no value of its own here: such a pod has been stable once it is ready. `numbers`:
    what hooks answer.
    """
    mine = [(n, w) for n, w in cluster.workloads if w.of == uid]
    hooks = [(name, j) for name, j in cluster.jobs if j.state == "Active" and j.hook == "revert"]
    return World(
        workloads=tuple((n, _workload(cluster, n, w)) for n, w in mine),
        strangers=tuple(n for n, w in cluster.workloads if w.of != uid),
        pods=(
            *(
                _pod(n, p, formats, late, stable=p.template.revision in judged and p.phase == "ready")
                for n, p in cluster.pods
                if p.of == uid
            ),
            *(
                Pod(Handle(f"p{n}", ""), n, "", foreign=True, terminating=p.term)
                for n, p in cluster.pods
                if p.of != uid and p.phase != "ended"
            ),
            *(
                Pod(
                    Handle(f"hook-{name}", ""), job.incarnation, job.revision, foreign=True, kin=job.of == uid
                )
                for name, job in hooks
            ),
        ),
        claims=tuple(
            ViewClaim(Handle(f"c{n}", ""), n, c.of == uid, c.formats, c.deleting) for n, c in cluster.claims
        ),
        jobs=tuple(
            ViewJob(Handle(f"{name}#{j.failed}", ""), name, j.state, numbers=numbers)
            for name, j in cluster.jobs
            if j.of == uid
        ),
        results=_results(cluster, uid),
        results_uid=claim.uid if isinstance(claim := get(cluster, RESULTS), R) else "",
        reverting=tuple(name for name, j in hooks if j.of == uid),
    )


def _results(cluster: Cluster, uid: str) -> str:
    claim = get(cluster, RESULTS)
    if not isinstance(claim, R):
        return ""
    return "deleting" if claim.deleting else "ours" if claim.of == uid else "foreign"


def _workload(cluster: Cluster, number: int, w: W) -> ViewWorkload:
    left = _left(cluster, number)
    return ViewWorkload(Handle(f"w{number}", ""), w.replicas, left, w.settled, w.template, w.stamp)


def _left(cluster: Cluster, number: int) -> int:
    return 1 if get(cluster, ("pods", number)) is not None else 0


def _pod(number: int, pod: P, formats: dict[str, str], late: bool, *, stable: bool) -> Pod:
    name = pod.template.revision
    words = StopReport(report_time(number, name), formats[name] or None) if pod.ran else None
    if pod.words in ("missing", "killed"):
        words = None
    elif pod.words.startswith("lying"):
        words = StopReport("2099-01-01T00:00:00Z", pod.words.partition(" ")[2], 7)
    ended = pod.phase == "ended"
    return Pod(
        Handle(f"p{number}", ""),
        number,
        name,
        terminating=pod.term,
        held=pod.held,
        started=pod.phase in ("started", "ready"),
        ready=pod.phase == "ready",
        started_at=-LATE if stable else 0.0 if late else 1e12,
        ended=ended,
        exit_code=None if not ended else 137 if pod.words == "killed" else 0,
        finished_at="2026-02-01T00:00:00Z" if ended else None,
        report=words if ended else None,
        running=pod.phase in ("started", "ready"),
    )


def template_of(effect: fx.CreateWorkload | fx.WakeWorkload, known: Template) -> Template:
    """Return the template that a workload has after an effect."""
    return effect.template if effect.template is not None else known


NO_WINDOW = Window()
