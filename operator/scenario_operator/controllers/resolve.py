"""Resolving an artifact: probe pods are made, asked, made anew and cleaned up.

A probe's name follows from what it asks, so the next pass finds what this one made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.conditions import ConditionType
from scenario_operator.api.scenario import ScenarioSpec
from scenario_operator.cluster.context import Context
from scenario_operator.cluster.keys import BY_SCENARIO
from scenario_operator.cluster.kinds import POD, JsonObject, Ref
from scenario_operator.cluster.store import filed
from scenario_operator.manifests.identity import Component, ScenarioIdentity
from scenario_operator.manifests.probe import Probed, probe_pod, read_probe, repository, unanswered
from scenario_operator.planning.plan import digest_of
from scenario_operator.planning.revision import Artifact, Revision
from scenario_operator.planning.stored import instant

_FIRST_PAUSE_SECONDS: Final = 30.0
_LONGEST_PAUSE_SECONDS: Final = 300.0


class Question(NamedTuple):
    """What a probe asks. Always: the registry; Never: the node, without a registry."""

    image: str
    policy: Literal["Always", "Never"] = "Always"


class Resolver:
    """Resolves the artifacts of one Scenario at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def artifact(
        self, scenario: JsonObject, spec: ScenarioSpec, known: Mapping[str, Revision], hashed: str
    ) -> Probed:
        """Return the artifact: as recorded for the same label and image string, else as a probe finds it."""
        for revision in sorted(known.values(), key=lambda r: -r.number):
            same = revision.version == spec.version and revision.spec.artifact.image == spec.artifact.image
            if same and revision.spec.artifact.digest == spec.artifact.digest:
                recorded = revision.artifact
                return Probed(Artifact(recorded.image, recorded.digest, recorded.unpinned, hashed), None)
        found = await self._probe(scenario, spec)
        artifact = found.artifact
        if artifact is None:
            return found
        return Probed(Artifact(artifact.image, artifact.digest, artifact.unpinned, hashed), None)

    async def _probe(self, scenario: JsonObject, spec: ScenarioSpec) -> Probed:
        """Pull the image for real; only if that fails, look whether the node has it without a registry.

        A digest that may be another repository's is pulled from the asked one: then it is that one's as well.
        """
        tag, here = Question(spec.artifact.image), Question(spec.artifact.image, "Never")
        asked = {tag, here}
        found = await self._ask(scenario, spec, tag)
        if found.unpullable:
            local = await self._ask(scenario, spec, here)
            found = local if local.artifact is not None else found
        elif digest := _doubtful(found, spec.artifact.digest or ""):
            pinned = Question(f"{repository(spec.artifact.image)}@{digest}")
            asked.add(pinned)
            proved = await self._ask(scenario, spec, pinned)
            found = found if proved.unpullable else proved
        await self.clean(scenario, spare=frozenset(_probe(scenario, spec, q)[0] for q in asked))
        return found

    async def _ask(self, scenario: JsonObject, spec: ScenarioSpec, question: Question) -> Probed:
        client, namespace = self._context.client, scenario["metadata"]["namespace"]
        name, manifest = _probe(scenario, spec, question)
        pod = await client.get(Ref(POD, namespace, name))
        if pod is None:
            await client.create(POD, namespace, manifest)
            return unanswered(question.image)
        pulled = question.policy == "Always"
        found = read_probe(pod, question.image, pulled=pulled, declared=spec.artifact.digest or "")
        # A node may refuse a pod, or lose it, before anything was pulled.
        ended = (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded")
        if found.artifact is None and (ended or (found.unpullable and pulled)):
            await self._ask_anew(scenario, pod)
        return found

    async def ask_again(self, scenario: JsonObject, spec: ScenarioSpec) -> None:
        """Let a later pass ask the registry anew: what a tag means may have changed."""
        name, _ = _probe(scenario, spec, Question(spec.artifact.image))
        pod = await self._context.client.get(Ref(POD, scenario["metadata"]["namespace"], name))
        if pod is not None:
            await self._ask_anew(scenario, pod)

    async def _ask_anew(self, scenario: JsonObject, pod: JsonObject) -> None:
        if self.is_due(scenario, pod):
            await self._context.client.delete(Ref.to(POD, pod), uid=pod["metadata"]["uid"])

    def is_due(self, scenario: JsonObject, tried: JsonObject) -> bool:
        """Say whether it is time for another try after this one.

        The pause grows with the time for which the spec as it is has had no artifact. The conditions tell it, so
        another process of ours keeps the pace.
        """
        missed = current(scenario, ConditionType.ARTIFACT_AVAILABLE)
        waited = 0.0 if missed.get("status", "True") == "True" else self._age(missed["lastTransitionTime"])
        pause = min(max(_FIRST_PAUSE_SECONDS, waited / 2), _LONGEST_PAUSE_SECONDS)
        return self._age(tried["metadata"]["creationTimestamp"]) > pause

    def _age(self, time: str) -> float:
        """Return the seconds since a time; one that somebody wrote and that is none counts as now."""
        now = self._context.now().timestamp()
        at = instant(time)
        return now - at if at is not None else 0.0

    async def clean(self, scenario: JsonObject, *, spare: frozenset[str] = frozenset()) -> None:
        """Delete probes that have served, or ask something else than these; only those that the watches know of."""
        metadata, store = scenario["metadata"], self._context.store
        for pod in store.indexed(POD, BY_SCENARIO, filed(metadata["namespace"], metadata["name"])):
            labels = pod["metadata"].get("labels") or {}
            probe = labels.get(names.LABEL_COMPONENT) == Component.PROBE.value
            kept = pod["metadata"]["name"] in spare or "deletionTimestamp" in pod["metadata"]
            if probe and not kept:
                await self._context.remove(POD, pod)


def current(scenario: JsonObject, kind: ConditionType) -> JsonObject:
    """Return the condition that is stated about the spec as it is, {} when there is none."""
    stated = (scenario.get("status") or {}).get("conditions") or ()
    generation = scenario["metadata"].get("generation")
    return next(
        (c for c in stated if (c["type"], c.get("observedGeneration")) == (kind.value, generation)), {}
    )


def identity_of(scenario: JsonObject) -> ScenarioIdentity:
    """Return who the owner of what we render for a Scenario is."""
    metadata = scenario["metadata"]
    return ScenarioIdentity(metadata["namespace"], metadata["name"], metadata["uid"])


def _doubtful(found: Probed, declared: str) -> str:
    """Return the digest that the asked repository has yet to vouch for, "" when there is nothing to ask.

    The declared one also where a runtime tells none, or that of an image which was loaded under this name before.
    """
    if found.artifact is None:
        return declared if found.undisclosed else ""
    if not found.artifact.unpinned:
        return ""
    return declared or (found.artifact.digest if found.elsewhere else "")


def _probe(scenario: JsonObject, spec: ScenarioSpec, question: Question) -> tuple[str, JsonObject]:
    """Return a probe by its name: the same question, on the same nodes and for the same label, has the same name."""
    workload = spec.workload
    manifest = probe_pod(identity_of(scenario), "", question.image, workload, pull_policy=question.policy)
    metadata = manifest["metadata"]
    asked = [spec.version, manifest["spec"], metadata["labels"], metadata["annotations"]]
    metadata["name"] = f"{scenario['metadata']['name']}-probe-{digest_of(asked)[:10]}"
    return metadata["name"], manifest
