"""Carries out one effect, through the cluster client, so that it lands on what was decided about or not at all.

What starts anything is created by POST and asleep; everything else carries uid and resourceVersion of what the decision
was made on (rules R2 and R3). Nothing is tried again here: whatever fails is raised, the next pass
looks at the world and decides anew. Knows no steps, no plans and no reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, assert_never

from scenario_operator.api import names
from scenario_operator.cluster import errors
from scenario_operator.cluster.client import Client
from scenario_operator.cluster.kinds import CLAIM, JOB, POD, STATEFUL_SET, JsonObject, Ref, ResourceKind
from scenario_operator.execution.effects import (
    CreateClaim,
    CreateJob,
    CreateResults,
    CreateWorkload,
    DeleteClaim,
    DeleteJob,
    DeleteWorkload,
    Effect,
    HoldReport,
    PutToSleep,
    ReleaseJob,
    ReleaseReport,
    StampClaim,
    WakeWorkload,
)
from scenario_operator.execution.view import RENDERER, Handle, Template
from scenario_operator.manifests.claim import formats_annotation, results_claim, state_claim
from scenario_operator.manifests.context import Upgrade
from scenario_operator.manifests.identity import RunIdentity
from scenario_operator.manifests.job import HookCall, hook_job
from scenario_operator.manifests.statefulset import statefulset
from scenario_operator.planning.revision import Revision

Revisions = Mapping[str, Revision]
Creation = CreateClaim | CreateResults | CreateWorkload | CreateJob
Change = PutToSleep | StampClaim | ReleaseJob
Deletion = DeleteClaim | DeleteWorkload | DeleteJob


@dataclass(frozen=True, slots=True)
class Extra:
    """What containers are told besides their template; nothing of it decides anything.

    `attempt` is the ScenarioUpgrade that the open plan belongs to; `previous_version` and `strategy` are those of
    the open plan. "" where there is none.
    """

    attempt: str = ""
    previous_version: str = ""
    strategy: str = ""

    def upgrade_to(self, revision: Revision) -> Upgrade | None:
        """Return the upgrade that a container of this revision takes part in; None for one that was there before."""
        if not self.previous_version or self.previous_version == revision.version:
            return None
        return Upgrade(self.previous_version, revision.version, self.strategy)


NOTHING_MORE = Extra()


class Written(NamedTuple):
    """An object as a write has left it; a created one may have changed again already."""

    kind: ResourceKind
    obj: JsonObject


class Gone(NamedTuple):
    """An object that was to be deleted and was there no more."""

    kind: ResourceKind
    uid: str


async def perform(
    client: Client,
    identity: RunIdentity,
    revisions: Revisions,
    effect: Effect,
    extra: Extra = NOTHING_MORE,
    seen: Iterable[Mapping[str, Any]] = (),
) -> Written | Gone | None:
    """Carry out one effect on the objects of one run, and return what it wrote, or found gone; None for a deletion.

    `seen`: objects as they were read, whole; what a write needs to know of others than these is read. A deletion of
    what is gone already is done. Raises `AlreadyExists` when a name is taken (whose it is must be read), `Conflict`
    when the object is not the one that was decided about, and every other `ClusterError` as it is.
    """
    match effect:
        case CreateClaim() | CreateResults() | CreateWorkload() | CreateJob():
            with _rendering():
                kind, manifest = _created(identity, revisions, effect, extra)
            return Written(kind, await client.create(kind, identity.namespace, manifest))
        case PutToSleep() | StampClaim() | ReleaseJob():
            ref, handle, body = _change(identity, effect)
            return await _patched(client, ref, handle, body)
        case DeleteClaim() | DeleteWorkload() | DeleteJob():
            ref, handle = _doomed(identity, effect)
            there = await client.delete(
                ref, uid=handle.uid, resource_version=handle.version, propagation="Background"
            )
            return None if there else Gone(ref.kind, handle.uid)
        case WakeWorkload():
            return await _wake(client, identity, revisions, effect, extra, seen)
        case HoldReport() | ReleaseReport():
            return await _hold_or_release(client, identity, effect, seen)
        case _:
            assert_never(effect)


@contextmanager
def _rendering() -> Iterator[None]:
    """Refuse to make what no revision has: a journal that a newer operator or a hand wrote may ask for it.

    Raises `Terminal`, so that it is told on the run like everything else that cannot be written.
    """
    try:
        yield
    except (ValueError, LookupError) as error:
        told = f"status.upgrade asks for what cannot be made: {error}"
        raise errors.Terminal("Unreadable", told) from error


def _created(
    identity: RunIdentity, revisions: Revisions, effect: Creation, extra: Extra
) -> tuple[ResourceKind, JsonObject]:
    match effect:
        case CreateClaim():
            revision = _known(revisions, effect.revision)
            return CLAIM, state_claim(identity, effect.incarnation, revision, effect.formats)
        case CreateResults():
            return CLAIM, results_claim(identity, _known(revisions, effect.revision))
        case CreateWorkload():
            return STATEFUL_SET, _rendered(identity, revisions, effect.incarnation, effect.template, extra)
        case CreateJob():
            return JOB, hook_job(identity, _call(_known(revisions, effect.revision), effect, extra))


def _change(identity: RunIdentity, effect: Change) -> tuple[Ref, Handle, JsonObject]:
    """Return a merge patch that adds or overwrites single values: nothing that it leaves out has to go."""
    match effect:
        case PutToSleep():
            return _workload(identity, effect.incarnation), effect.workload, _scale(0, effect.stamp)
        case StampClaim():
            claim = names.state_claim(identity.name, effect.incarnation)
            body = {"metadata": {"annotations": formats_annotation(effect.formats)}}
            return Ref(CLAIM, identity.namespace, claim), effect.claim, body
        case ReleaseJob():
            return Ref(JOB, identity.namespace, effect.name), effect.job, {"spec": {"suspend": False}}


def _doomed(identity: RunIdentity, effect: Deletion) -> tuple[Ref, Handle]:
    match effect:
        case DeleteClaim():
            claim = names.state_claim(identity.name, effect.incarnation)
            return Ref(CLAIM, identity.namespace, claim), effect.claim
        case DeleteWorkload():
            return _workload(identity, effect.incarnation), effect.workload
        case DeleteJob():
            return Ref(JOB, identity.namespace, effect.name), effect.job


async def _patched(client: Client, ref: Ref, handle: Handle, body: JsonObject) -> Written:
    return Written(ref.kind, await client.patch(ref, body, uid=handle.uid, resource_version=handle.version))


async def _wake(
    client: Client,
    identity: RunIdentity,
    revisions: Revisions,
    effect: WakeWorkload,
    extra: Extra,
    seen: Iterable[Mapping[str, Any]],
) -> Written:
    """Scale up; a new template goes in the same write, as a PUT of the object that was decided about.

    A merge patch cannot replace a template: keys that it does not name (a node selector, a resource limit) would
    stay from the old one. The PUT is built from a whole object that has the handle's uid and version, and carries that
    version, so it fails when anything was written in between, and what others wrote before is kept.
    """
    ref = _workload(identity, effect.incarnation)
    if effect.template is None:
        return await _patched(client, ref, effect.workload, _scale(1, effect.stamp))
    live = await _read_same(client, ref, effect.workload, seen)
    with _rendering():
        rendered = _rendered(identity, revisions, effect.incarnation, effect.template, extra)
    return Written(ref.kind, await client.replace(ref, _with_template(live, rendered, effect.stamp)))


def _with_template(live: Mapping[str, Any], rendered: JsonObject, stamp: str) -> JsonObject:
    """Return the live StatefulSet, awake on a new template; what can never change stays as it is."""
    seen, made = live["metadata"], rendered["metadata"]
    stamps = made["annotations"] | ({names.ANNOTATION_STOP: stamp} if stamp else {})
    metadata = {key: value for key, value in seen.items() if key != "managedFields"}
    metadata["labels"] = {**(seen.get("labels") or {}), **made["labels"]}
    metadata["annotations"] = {**(seen.get("annotations") or {}), **stamps}
    changed = {key: rendered["spec"][key] for key in ("template", "updateStrategy")}
    return {
        "apiVersion": rendered["apiVersion"],
        "kind": rendered["kind"],
        "metadata": metadata,
        "spec": {**live["spec"], **changed, "replicas": 1},
    }


async def _hold_or_release(
    client: Client,
    identity: RunIdentity,
    effect: HoldReport | ReleaseReport,
    seen: Iterable[Mapping[str, Any]],
) -> Written:
    """Put our finalizer and the Stop's mark on a pod, or take both off.

    A merge patch replaces the list of finalizers as a whole, so it must name those of others too: they are those of the
    very version that was decided about, which the patch carries.
    """
    ref = Ref(POD, identity.namespace, names.pod(identity.name, effect.incarnation))
    live = await _read_same(client, ref, effect.pod, seen)
    others = [f for f in live["metadata"].get("finalizers") or [] if f != names.FINALIZER_REPORT]
    held = isinstance(effect, HoldReport)
    metadata = {
        "finalizers": [*others, names.FINALIZER_REPORT] if held else others,
        "annotations": {names.ANNOTATION_STEP: effect.mark if isinstance(effect, HoldReport) else None},
    }
    return await _patched(client, ref, effect.pod, {"metadata": metadata})


async def _read_same(
    client: Client, ref: Ref, handle: Handle, seen: Iterable[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Return the very version of an object that was decided about; raises `Conflict` if it has changed since."""
    for obj in seen:
        metadata = obj["metadata"]
        if Handle(metadata["uid"], metadata["resourceVersion"]) == handle:
            return obj
    live = await client.get(ref)
    if live is None:
        raise errors.Vanished(f"{ref} is gone")
    found = Handle(live["metadata"]["uid"], live["metadata"]["resourceVersion"])
    if found != handle:
        raise errors.Conflict(f"{ref} has changed since it was decided about")
    return live


def _scale(replicas: int, stamp: str) -> JsonObject:
    """Return scale and stamp as one write: a stamp without the scale would pass for a stop (rule R2a)."""
    body: JsonObject = {"spec": {"replicas": replicas}}
    return body | ({"metadata": {"annotations": {names.ANNOTATION_STOP: stamp}}} if stamp else {})


def _rendered(
    identity: RunIdentity, revisions: Revisions, incarnation: int, template: Template, extra: Extra
) -> JsonObject:
    revision = _known(revisions, template.revision)
    return statefulset(
        identity,
        incarnation,
        revision,
        template.window,
        template.parameters,
        renderer=RENDERER,
        upgrade=extra.upgrade_to(revision),
    )


def _call(revision: Revision, effect: CreateJob, extra: Extra) -> HookCall:
    return HookCall(
        name=effect.name,
        hook=effect.hook,
        revision=revision,
        incarnation=effect.incarnation,
        window=effect.template.window,
        parameters=effect.template.parameters,
        timeout_seconds=effect.timeout_seconds,
        mounts_state=effect.mounts_state,
        attempt=extra.attempt,
        upgrade=extra.upgrade_to(revision),
    )


def _known(revisions: Revisions, name: str) -> Revision:
    revision = revisions.get(name)
    if revision is None:
        raise errors.Terminal("StateOutOfSync", f"revision {name} is not there to render from")
    return revision


def _workload(identity: RunIdentity, incarnation: int) -> Ref:
    return Ref(STATEFUL_SET, identity.namespace, names.statefulset(identity.name, incarnation))
