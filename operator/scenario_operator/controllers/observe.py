"""Reading the world into a View: from what the watches brought, and live where something must not be absent (R6).

The live read goes by name as well as by label: an object of ours whose labels were stripped, or a stranger's
with the name that we would use, must not be overlooked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.foreign import NOTHING, Foreign
from scenario_operator.cluster.client import Client
from scenario_operator.cluster.keys import BY_CLAIM
from scenario_operator.cluster.kinds import CLAIM, JOB, POD, STATEFUL_SET, Ref, ResourceKind
from scenario_operator.cluster.store import Store, filed
from scenario_operator.cluster.trims import is_managed
from scenario_operator.controllers.complaints import complaint, missing
from scenario_operator.controllers.once import REMEMBERED
from scenario_operator.controllers.surroundings import Surroundings
from scenario_operator.execution.decide import Record
from scenario_operator.execution.read import ReadRun, health_of
from scenario_operator.execution.view import RENDERER, Run, View, Workload, World
from scenario_operator.manifests.claim import read_results_claim, read_state_claim, results_uid
from scenario_operator.manifests.drift import changed_by_others
from scenario_operator.manifests.identity import RunIdentity
from scenario_operator.manifests.job import read_job, reverting
from scenario_operator.manifests.pod import read_pods
from scenario_operator.manifests.statefulset import incarnation_of, read_workload
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.steps import STATE
from scenario_operator.planning.stored import DELETED, Stored

JsonObject = Mapping[str, Any]


class Things(NamedTuple):
    """The objects that concern one run, as they were read.

    `refused` says why a pod of it cannot be made. `live`: all but the pods of others were read from the API server.
    """

    run: JsonObject
    workloads: tuple[JsonObject, ...]
    pods: tuple[JsonObject, ...]
    claims: tuple[JsonObject, ...]
    jobs: tuple[JsonObject, ...]
    refused: Foreign = NOTHING
    live: bool = False

    @property
    def whole(self) -> tuple[JsonObject, ...]:
        """Return the objects of which nothing is left out that a write of them would lose.

        Of pods without our label the store keeps a part, and they come from there on a live look as well.
        """
        pods = tuple(pod for pod in self.pods if is_managed(pod))
        return (*self.workloads, *pods) if self.live else pods


def cached(store: Store, run: JsonObject, record: Record) -> Things:
    """Return what the watches brought of a run's objects."""
    value = filed(run["metadata"]["namespace"], run["metadata"]["name"])

    def found(kind: ResourceKind) -> tuple[JsonObject, ...]:
        return tuple(store.indexed(kind, "run", value))

    pods = (*found(POD), *strangers(store, run, record.stored))
    return Things(run, found(STATEFUL_SET), pods, found(CLAIM), found(JOB))


def strangers(store: Store, run: JsonObject, stored: Stored) -> tuple[JsonObject, ...]:
    """Return the pods that mount a claim of the run and do not carry its label, from the index of claims.

    One could be made the moment after any list, so a list of the namespace would prove no more.
    """
    namespace, name = run["metadata"]["namespace"], run["metadata"]["name"]
    numbers = [*(i.number for i in stored.incarnations), stored.next_incarnation()]
    claims = [*(names.state_claim(name, number) for number in numbers), names.results_claim(name)]
    mounting = {
        pod["metadata"]["uid"]: pod
        for claim in claims
        for pod in store.indexed(POD, BY_CLAIM, filed(namespace, claim))
        if (pod["metadata"].get("labels") or {}).get(names.LABEL_RUN) != name
    }
    return tuple(mounting.values())


async def live(
    client: Client, store: Store, run: JsonObject, record: Record, *, results: bool = True
) -> Things:
    """List what is labelled as the run's, and look by name for what should carry our labels and does not.

    Pods of others are those that the watches brought. `results`: the run may have a claim for results. What is listed
    is taken in: a watch does not tell of what ended between our own list of everything and its first event.

    Causes before what follows from them, so pods come last: a Job that has succeeded has its pod's last words
    behind it, and behind replicas 0 that were observed no pod is made any more. The other way round a hook that
    ends between two lists would be recorded without its numbers, for good.
    """
    namespace, name = run["metadata"]["namespace"], run["metadata"]["name"]
    mine = f"{names.LABEL_RUN}={name}"

    async def listed(kind: ResourceKind) -> tuple[JsonObject, ...]:
        found = await client.list(kind, namespace, label_selector=mine)
        store.take_in(kind, "run", filed(namespace, name), found.items, found.resource_version)
        return found.items

    async def by_name(
        kind: ResourceKind, wanted: str, known: tuple[JsonObject, ...]
    ) -> tuple[JsonObject, ...]:
        if any(obj["metadata"]["name"] == wanted for obj in known):
            return ()
        found = await client.get(Ref(kind, namespace, wanted))
        return (found,) if found is not None else ()

    jobs, workloads, claims = await listed(JOB), await listed(STATEFUL_SET), await listed(CLAIM)
    for number in _expected(record):
        workloads += await by_name(STATEFUL_SET, names.statefulset(name, number), workloads)
        claims += await by_name(CLAIM, names.state_claim(name, number), claims)
    if results:
        claims += await by_name(CLAIM, names.results_claim(name), claims)
    pods = await listed(POD)
    for number in _expected(record):
        pods += await by_name(POD, names.pod(name, number), pods)
    known = {pod["metadata"]["uid"] for pod in pods}
    pods += tuple(pod for pod in strangers(store, run, record.stored) if pod["metadata"]["uid"] not in known)
    refused = await complaint(client, missing(run, record, (*workloads, *jobs), pods))
    return Things(run, workloads, pods, claims, jobs, refused, live=True)


def view_of(things: Things, read: ReadRun, around: Surroundings, *, now: float, refusal: Foreign) -> View:
    """Put the picture of a run together from its objects and from what is around it.

    `read` is what the run says, as it was read. `now` is in epoch seconds; `refusal` is what the API server refuses, if
    it does.
    """
    run, record = read
    view = View(
        run=run,
        stored=record.stored,
        journal=record.journal,
        grant=None,
        wanted=None,
        revisions=around.revisions,
        world=world_of(run, things, around.revisions),
        now=now,
        refusal=refusal,
        health=health_of(things.run),
    )
    return around.complete(view)


def world_of(run: Run, things: Things, revisions: Mapping[str, Revision]) -> World:
    """Read everything that exists of a run."""
    mine = identity_of(run)
    ours = frozenset(obj["metadata"]["uid"] for obj in things.workloads if mine.owns(obj))
    numbered = [(n, obj) for obj in things.workloads if (n := incarnation_of(run.name, obj))]
    return World(
        workloads=tuple((n, _workload(mine, n, obj, revisions)) for n, obj in numbered if mine.owns(obj)),
        strangers=tuple(n for n, obj in numbered if not mine.owns(obj)),
        pods=tuple(read_pods(mine, things.pods, ours)),
        claims=tuple(c for obj in things.claims if (c := read_state_claim(mine, obj)) is not None),
        jobs=tuple(read_job(obj, things.pods) for obj in things.jobs if mine.owns(obj)),
        results=read_results_claim(mine, things.claims),
        results_uid=results_uid(mine, things.claims),
        reverting=tuple(reverting(mine, things.pods)),
        refused=things.refused,
    )


def identity_of(run: Run) -> RunIdentity:
    """Return who the owner of what we render is."""
    return RunIdentity(run.namespace, run.name, run.uid, run.scenario)


def _workload(mine: RunIdentity, number: int, obj: JsonObject, revisions: Mapping[str, Revision]) -> Workload:
    return read_workload(obj, drifted=_drifts(mine, number, obj, revisions), renderer=RENDERER)


class _Drifts:
    """Remembers templates that nobody else has changed: rendering one again is the dearest part of a look.

    What a live look has found to be no change by others is none in the cache either, which does not hold who wrote
    what: a webhook that rewrites images would else be looked up at every pass.
    """

    def __init__(self) -> None:
        self._clean: set[object] = set()

    def __call__(
        self, mine: RunIdentity, number: int, obj: JsonObject, revisions: Mapping[str, Revision]
    ) -> bool:
        metadata = obj["metadata"]
        annotations = metadata.get("annotations") or {}
        stamps = tuple(sorted(item for item in annotations.items() if item[0].startswith(names.GROUP)))
        key = metadata["uid"], metadata.get("generation"), stamps, frozenset(revisions), RENDERER
        if key in self._clean:
            return False
        if changed_by_others(obj, mine, number, revisions, RENDERER):
            return True
        if len(self._clean) >= REMEMBERED:
            self._clean.clear()
        self._clean.add(key)
        return False


_drifts = _Drifts()


def _expected(record: Record) -> list[int]:
    """Return the incarnations whose objects may exist under our names: known ones, and the next to be made."""
    journal = record.journal
    known = [i.number for i in record.stored.incarnations if i.state != DELETED]
    if journal is None:
        return [*known, record.stored.next_incarnation()]
    gone = {s.args.incarnation for s in journal.route if s.nature.destroys == STATE and s.id in journal.done}
    return [number for number in known if number not in gone]
