"""Publishing: from a Scenario's spec to an immutable revision with a resolved artifact.

Every step can be interrupted: the probe pod, the validate Job and the revision have names that follow from what
they are for, so the next pass finds what this one made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.conditions import ConditionType
from scenario_operator.api.reading import Unreadable
from scenario_operator.api.reasons import Reason
from scenario_operator.api.scenario import ScenarioSpec
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.errors import AlreadyExists, Terminal
from scenario_operator.cluster.keys import BY_SCENARIO
from scenario_operator.cluster.kinds import CONFIG_MAP, CONTROLLER_REVISION, JOB, POD, JsonObject, Ref
from scenario_operator.cluster.store import filed
from scenario_operator.manifests.identity import Component, ScenarioIdentity
from scenario_operator.manifests.job import (
    LABEL_JOB,
    VALIDATE,
    is_timeout,
    job_failure,
    read_hook_end,
    validate_job,
)
from scenario_operator.manifests.probe import Probed, probe_pod, read_probe
from scenario_operator.manifests.revision import (
    artifact_copy,
    files_hash,
    files_of,
    is_revision,
    read_revision,
    revision_manifest,
)
from scenario_operator.planning.plan import digest_of
from scenario_operator.planning.revision import Artifact, Revision, content_hash, is_content_of, make
from scenario_operator.planning.validity import Problem, problem_of, read_spec, reuse_of

_RETRY_SECONDS = 30.0
"""After so long a probe that cannot pull is made anew: the kubelet's own back-off grows to five minutes."""


Policy = Literal["Always", "Never"]


class Published(NamedTuple):
    """How far a spec is. `revision` is what is served: the newest valid one, not always that of this spec.

    `problem`: the spec is not valid. `pending`: why it is not published yet.
    """

    revision: Revision | None
    problem: Problem | None = None
    pending: Problem | None = None


class Publisher:
    """Publishes the revisions of one Scenario at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def publish(
        self, scenario: JsonObject, known: Mapping[str, Revision], in_use: frozenset[str]
    ) -> Published:
        """Bring the Scenario's spec one step nearer to a revision; `in_use` names those that runs carry."""
        newest = max(known.values(), key=lambda r: r.number, default=None)
        spec = read_spec(scenario)
        if isinstance(spec, Unreadable):
            return Published(newest, Problem(Reason.INVALID_SPEC, str(spec)))
        problem = problem_of(spec)
        if problem is not None:
            return Published(newest, problem)
        files, missing = await self._files(scenario, spec)
        if missing is not None:
            return Published(newest, pending=missing)
        # No files have the hash of no ConfigMap.
        hashed = files_hash(files) if files else ""
        probed = await self._artifact(scenario, spec, known, hashed)
        if probed.artifact is None:
            return self._unresolved(scenario, newest, probed.pending)
        artifact = replace(probed.artifact, files=files_of(files or {}))
        return await self._serve(scenario, spec, artifact, files, known, in_use)

    async def _serve(
        self,
        scenario: JsonObject,
        spec: ScenarioSpec,
        artifact: Artifact,
        files: Mapping[str, Any] | None,
        known: Mapping[str, Revision],
        in_use: frozenset[str],
    ) -> Published:
        newest = max(known.values(), key=lambda r: r.number, default=None)
        if newest is not None and is_content_of(newest, spec, artifact):
            if files is not None:
                await self._keep_copy(scenario, newest, files)
            await self._clean(scenario)
            return Published(newest)
        if spec.artifact.digest and spec.artifact.digest != artifact.digest:
            await self._ask_again(scenario, spec)
            told = f"spec.artifact.digest is {spec.artifact.digest}, the image has {artifact.digest}"
            return Published(newest, Problem(Reason.DIGEST_MISMATCH, told))
        reused = reuse_of(spec, artifact, [r for r in known.values() if r.name in in_use])
        if reused is not None:
            return Published(newest, reused)
        metadata = scenario["metadata"]
        number = 1 + self._highest(scenario, in_use)
        revision = make(names.revision(metadata["name"], number), number, spec, artifact)
        refusal = await self._validated(scenario, revision)
        if refusal is not None:
            waiting = refusal.reason is Reason.RESOLVING
            return Published(newest, None if waiting else refusal, refusal if waiting else None)
        return await self._create(scenario, revision, files)

    def _unresolved(
        self, scenario: JsonObject, newest: Revision | None, pending: Problem | None
    ) -> Published:
        """Say why there is no artifact; while a probe is only made anew, what the one before has found stands."""
        told = _current(scenario, ConditionType.ARTIFACT_AVAILABLE)
        again = pending is not None and pending.reason is Reason.RESOLVING
        for reason in (Reason.ARTIFACT_UNAVAILABLE, Reason.DIGEST_MISMATCH) if again else ():
            if told.get("reason") == reason.value:
                pending = Problem(reason, told.get("message", ""))
        if pending is not None and pending.reason is Reason.DIGEST_MISMATCH:
            return Published(newest, pending)
        return Published(newest, pending=pending)

    def _highest(self, scenario: JsonObject, in_use: frozenset[str]) -> int:
        """Return the highest number that was ever given, as far as anything remembers it.

        Whoever names a revision that somebody deleted must not find another one under its name.
        """
        metadata, status = scenario["metadata"], scenario.get("status") or {}
        filed_here = filed(metadata["namespace"], metadata["name"])
        there = self._context.store.indexed(CONTROLLER_REVISION, BY_SCENARIO, filed_here)
        found = {obj["metadata"]["name"] for obj in there if is_revision(obj)}
        named = found | in_use | {status.get("latestRevision", ""), status.get("activeRevision", "")}
        return max((names.revision_number(name) for name in named), default=0)

    async def _create(
        self, scenario: JsonObject, revision: Revision, files: Mapping[str, Any] | None
    ) -> Published:
        """Create the revision, then the copy of its files that it owns; a run never starts without both."""
        client, metadata = self._context.client, scenario["metadata"]
        ref = Ref(CONTROLLER_REVISION, metadata["namespace"], revision.name)
        try:
            made = await client.create(
                CONTROLLER_REVISION,
                metadata["namespace"],
                revision_manifest(metadata["namespace"], metadata["name"], revision),
            )
        except AlreadyExists:
            found = await client.get(ref)
            if found is None or read_revision(found) != revision:
                raise
            made = found
        if files is not None:
            await self._copy(scenario, revision, files, made["metadata"]["uid"])
        self._context.store.offer(CONTROLLER_REVISION, "ADDED", made)
        await self._clean(scenario)
        return Published(revision)

    async def _keep_copy(self, scenario: JsonObject, revision: Revision, files: Mapping[str, Any]) -> None:
        """Make the copy again that a crash after the revision's creation left out, or that somebody deleted."""
        namespace = scenario["metadata"]["namespace"]
        name = names.artifact_copy(revision.name)
        if self._context.store.get(CONFIG_MAP, namespace, name) is not None:
            return
        owner = await self._context.client.get(Ref(CONTROLLER_REVISION, namespace, revision.name))
        if owner is not None:
            await self._copy(scenario, revision, files, owner["metadata"]["uid"])

    async def _copy(
        self, scenario: JsonObject, revision: Revision, files: Mapping[str, Any], owner: str
    ) -> None:
        """Create the copy of a revision's files; its name may still be that of an earlier revision's, which goes."""
        metadata, client = scenario["metadata"], self._context.client
        manifest = artifact_copy(metadata["namespace"], metadata["name"], revision, owner, files)
        try:
            made = await client.create(CONFIG_MAP, metadata["namespace"], manifest)
        except AlreadyExists:
            name = manifest["metadata"]["name"]
            found = await client.get(Ref(CONFIG_MAP, metadata["namespace"], name))
            owners = ((found or {}).get("metadata") or {}).get("ownerReferences") or ()
            if found is not None and not owners:
                told = f"ConfigMap {name} is in the way of the copy of spec.artifact.configMapRef; delete it"
                raise Terminal("NameTaken", told) from None
            if found is None or owner not in {o["uid"] for o in owners}:
                raise
            made = found
        self._context.store.offer(CONFIG_MAP, "ADDED", made)

    async def _files(
        self, scenario: JsonObject, spec: ScenarioSpec
    ) -> tuple[dict[str, Any] | None, Problem | None]:
        """Read the artifact's ConfigMap: its content is part of the revision.

        None: the spec names no ConfigMap. One without files is copied like any other, since pods mount the copy.
        """
        reference = spec.artifact.config_map_ref
        if reference is None:
            return None, None
        found = await self._context.client.get(
            Ref(CONFIG_MAP, scenario["metadata"]["namespace"], reference.name)
        )
        if found is None:
            told = f"spec.artifact.configMapRef: there is no ConfigMap {reference.name}"
            return None, Problem(Reason.CONFIG_MAP_MISSING, told)
        return {k: found[k] for k in ("data", "binaryData") if found.get(k)}, None

    async def _artifact(
        self, scenario: JsonObject, spec: ScenarioSpec, known: Mapping[str, Revision], hashed: str
    ) -> Probed:
        """Return the artifact: as recorded for the same label and image string, else as a probe finds it."""
        for revision in sorted(known.values(), key=lambda r: -r.number):
            same = revision.version == spec.version and revision.spec.artifact.image == spec.artifact.image
            if same and revision.spec.artifact.digest == spec.artifact.digest:
                recorded = revision.artifact
                return Probed(Artifact(recorded.image, recorded.digest, recorded.unpinned, hashed), None)
        return await self._probe(scenario, spec, hashed)

    async def _probe(self, scenario: JsonObject, spec: ScenarioSpec, hashed: str) -> Probed:
        """Pull the image for real; only if that fails, look whether the node has it without a registry."""
        policies: tuple[Policy, ...] = ("Always", "Never")
        await self._clean(scenario, spare=frozenset(_probe(scenario, spec, p)[0] for p in policies))
        pulled = await self._ask(scenario, spec, "Always")
        if pulled.artifact is None and pulled.unpullable:
            local = await self._ask(scenario, spec, "Never")
            pulled = local if local.artifact is not None else pulled
        artifact = pulled.artifact
        if artifact is None:
            return pulled
        return Probed(Artifact(artifact.image, artifact.digest, artifact.unpinned, hashed), None)

    async def _ask(self, scenario: JsonObject, spec: ScenarioSpec, policy: Policy) -> Probed:
        client, namespace = self._context.client, scenario["metadata"]["namespace"]
        name, manifest = _probe(scenario, spec, policy)
        pod = await client.get(Ref(POD, namespace, name))
        if pod is None:
            await client.create(POD, namespace, manifest)
            return Probed(None, Problem(Reason.RESOLVING, f"resolving {spec.artifact.image}"))
        found = read_probe(pod, spec.artifact.image)
        # A node may refuse a pod, or lose it, before anything was pulled.
        ended = (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")
        if found.artifact is None and (ended or (found.unpullable and policy == "Always")):
            await self._ask_again(scenario, spec, policy)
        return found

    async def _ask_again(self, scenario: JsonObject, spec: ScenarioSpec, policy: Policy = "Always") -> None:
        """Let the next pass make a probe anew, not too often: what a tag means may have changed."""
        client = self._context.client
        ref = Ref(POD, scenario["metadata"]["namespace"], _probe(scenario, spec, policy)[0])
        pod = await client.get(ref)
        if pod is not None and self._age(pod) > _RETRY_SECONDS:
            await client.delete(ref, uid=pod["metadata"]["uid"])

    def _age(self, obj: JsonObject) -> float:
        created = datetime.fromisoformat(obj["metadata"]["creationTimestamp"])
        return (self._context.now() - created).total_seconds()

    async def _validated(self, scenario: JsonObject, revision: Revision) -> Problem | None:
        """Run hooks.validate once for this content; None when it has passed or there is none."""
        hook = revision.spec.hooks.validate_
        if hook is None:
            return None
        metadata, client = scenario["metadata"], self._context.client
        content = content_hash(revision.spec, revision.artifact)
        name = f"{metadata['name']}-validate-{content[:10]}"
        job = await client.get(Ref(JOB, metadata["namespace"], name))
        if job is None:
            manifest = validate_job(_identity(scenario), name, revision)
            await client.create(JOB, metadata["namespace"], manifest)
            return Problem(Reason.RESOLVING, "running hooks.validate")
        done = {c["type"] for c in (job.get("status") or {}).get("conditions") or () if c["status"] == "True"}
        if "Complete" in done:
            return None
        if "Failed" in done:
            return await self._refused(scenario, job)
        if job["spec"].get("suspend"):
            seen = job["metadata"]
            released = {"spec": {"suspend": False}}
            version = seen["resourceVersion"]
            await client.patch(Ref.to(JOB, job), released, uid=seen["uid"], resource_version=version)
        return Problem(Reason.RESOLVING, "running hooks.validate")

    async def _refused(self, scenario: JsonObject, job: JsonObject) -> Problem:
        """Return what the hook said against the version; one whose pod was lost has said nothing, and runs again.

        What was said once stands until the spec changes, also when the pod that said it is gone.
        """
        metadata = job["metadata"]
        selector = f"{LABEL_JOB}={metadata['name']}"
        pods = await self._context.client.list(POD, metadata["namespace"], label_selector=selector)
        told, lost = read_hook_end(pods.items)
        if is_timeout(job) and not lost:
            told = job_failure(job)
        if told:
            return Problem(Reason.VALIDATION_FAILED, f"spec.hooks.validate: {told}")
        stood = _current(scenario, ConditionType.VALID)
        if stood.get("reason") == Reason.VALIDATION_FAILED.value:
            return Problem(Reason.VALIDATION_FAILED, stood.get("message", ""))
        if "deletionTimestamp" not in job["metadata"] and self._age(job) > _RETRY_SECONDS:
            await self._context.remove(JOB, job)
        why = f" ({lost})" if lost else ""
        return Problem(Reason.RESOLVING, f"hooks.validate is run again: its pod was lost{why}")

    async def _clean(self, scenario: JsonObject, *, spare: frozenset[str] | None = None) -> None:
        """Delete probes and validate Jobs that have served; only those that the watches know of.

        With `spare`, only probes that ask something else than these.
        """
        metadata, store = scenario["metadata"], self._context.store
        for kind in (POD, JOB):
            for obj in store.indexed(kind, BY_SCENARIO, filed(metadata["namespace"], metadata["name"])):
                labels = obj["metadata"].get("labels") or {}
                probe = labels.get(names.LABEL_COMPONENT) == Component.PROBE.value
                served = probe if spare is not None else probe or labels.get(names.LABEL_HOOK) == VALIDATE
                kept = obj["metadata"]["name"] in (spare or ())
                if served and not kept and "deletionTimestamp" not in obj["metadata"]:
                    await self._context.remove(kind, obj)


def _current(scenario: JsonObject, kind: ConditionType) -> JsonObject:
    """Return the condition that is stated about the spec as it is, {} when there is none."""
    stated = (scenario.get("status") or {}).get("conditions") or ()
    generation = scenario["metadata"].get("generation")
    return next(
        (c for c in stated if (c["type"], c.get("observedGeneration")) == (kind.value, generation)), {}
    )


def _identity(scenario: JsonObject) -> ScenarioIdentity:
    metadata = scenario["metadata"]
    return ScenarioIdentity(metadata["namespace"], metadata["name"], metadata["uid"])


def _probe(scenario: JsonObject, spec: ScenarioSpec, policy: Policy) -> tuple[str, JsonObject]:
    """Return a probe by its name: the same question, on the same nodes and for the same label, has the same name."""
    image = spec.artifact.image
    manifest = probe_pod(_identity(scenario), "", image, spec.workload, pull_policy=policy)
    name = f"{scenario['metadata']['name']}-probe-{digest_of([spec.version, manifest['spec']])[:10]}"
    manifest["metadata"]["name"] = name
    return name, manifest
