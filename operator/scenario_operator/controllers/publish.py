"""Publishing: from a Scenario's spec to an immutable revision with a resolved artifact.

Every step can be interrupted: the probe pod, the validate Job and the revision have names that follow from what
they are for, so the next pass finds what this one made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

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
from scenario_operator.controllers.resolve import Resolver, current, identity_of
from scenario_operator.manifests.job import LABEL_JOB, VALIDATE, read_hook_end, read_job, validate_job
from scenario_operator.manifests.probe import AGAIN, Probed
from scenario_operator.manifests.revision import (
    artifact_copy,
    files_hash,
    files_of,
    is_revision,
    read_revision,
    revision_manifest,
)
from scenario_operator.planning.revision import Artifact, Revision, content_hash, is_content_of, make
from scenario_operator.planning.validity import Problem, problem_of, read_spec, reuse_of

_FINDINGS = frozenset({Reason.ARTIFACT_UNAVAILABLE, Reason.DIGEST_MISMATCH, Reason.RESOLVING})
"""What a probe can have found out that is not the artifact."""


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
        self._resolver = Resolver(context)

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
        probed = await self._resolver.artifact(scenario, spec, known, hashed)
        if probed.artifact is None:
            return self._unresolved(scenario, newest, probed)
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
            await self._resolver.ask_again(scenario, spec)
            told = f"spec.artifact.digest is {spec.artifact.digest}, the image has {artifact.digest}; {AGAIN}"
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

    def _unresolved(self, scenario: JsonObject, newest: Revision | None, probed: Probed) -> Published:
        """Say why there is no artifact; while a probe is only made anew, what the one before has found stands."""
        pending, told = probed.pending, current(scenario, ConditionType.ARTIFACT_AVAILABLE)
        if probed.unanswered and told.get("reason") in _FINDINGS and told.get("message"):
            pending = Problem(Reason(told["reason"]), told["message"])
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

    async def _validated(self, scenario: JsonObject, revision: Revision) -> Problem | None:
        """Run hooks.validate once for this content; None when it has passed or there is none."""
        hook = revision.spec.hooks.validate_
        if hook is None:
            return None
        running = Problem(Reason.RESOLVING, "running hooks.validate", hook.timeout_seconds)
        metadata, client = scenario["metadata"], self._context.client
        content = content_hash(revision.spec, revision.artifact)
        name = f"{metadata['name']}-validate-{content[:10]}"
        job = await client.get(Ref(JOB, metadata["namespace"], name))
        if job is None:
            manifest = validate_job(identity_of(scenario), name, revision)
            await client.create(JOB, metadata["namespace"], manifest)
            return running
        selector = f"{LABEL_JOB}={name}"
        pods = (await client.list(POD, metadata["namespace"], label_selector=selector)).items
        match read_job(job, pods).state:
            case "Succeeded":
                return None
            case "Failed":
                return await self._refused(scenario, job, pods)
            case "Suspended":
                seen = job["metadata"]
                released = {"spec": {"suspend": False}}
                version = seen["resourceVersion"]
                await client.patch(Ref.to(JOB, job), released, uid=seen["uid"], resource_version=version)
        return running

    async def _refused(self, scenario: JsonObject, job: JsonObject, pods: Sequence[JsonObject]) -> Problem:
        """Return what the hook said against the version; one whose pod was lost has said nothing, and runs again.

        What was said once stands until the spec changes, also when the pod that said it is gone.
        """
        told, lost = read_hook_end(job, pods)
        if told:
            return Problem(Reason.VALIDATION_FAILED, f"spec.hooks.validate: {told.shown()}")
        stood = current(scenario, ConditionType.VALID)
        if stood.get("reason") == Reason.VALIDATION_FAILED.value:
            return Problem(Reason.VALIDATION_FAILED, stood.get("message", ""))
        if "deletionTimestamp" not in job["metadata"] and self._resolver.is_due(scenario, job):
            await self._context.remove(JOB, job)
        why = f" ({lost.shown()})" if lost else ""
        return Problem(Reason.RESOLVING, f"hooks.validate is run again: its pod was lost{why}; {AGAIN}")

    async def _clean(self, scenario: JsonObject) -> None:
        """Delete probes and validate Jobs that have served; only those that the watches know of."""
        await self._resolver.clean(scenario)
        metadata = scenario["metadata"]
        here = filed(metadata["namespace"], metadata["name"])
        for job in self._context.store.indexed(JOB, BY_SCENARIO, here):
            validates = (job["metadata"].get("labels") or {}).get(names.LABEL_HOOK) == VALIDATE
            if validates and "deletionTimestamp" not in job["metadata"]:
                await self._context.remove(JOB, job)
