"""Hook Jobs: a command of an artifact, run once, created suspended (rule R3).

No retries by Kubernetes and no TTL: each attempt is counted in the journal, and the result stays until it is on
record. A pod that goes away is a failed attempt and is never replaced while it still runs: hooks destroy things.
"""

from __future__ import annotations

from dataclasses import dataclass

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject
from scenario_operator.api.scenario import Hook
from scenario_operator.manifests import pod
from scenario_operator.manifests.context import RunContext, Upgrade, variable
from scenario_operator.manifests.identity import Component, RunIdentity, ScenarioIdentity
from scenario_operator.planning.parameters import Pairs
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.windows import Window

VALIDATE = "validate"
REVERT = "revert"


@dataclass(frozen=True, slots=True)
class HookCall:
    """One attempt at a hook of a run.

    `revision` gives artifact and command. `incarnation` 0: the hook is about no incarnation. `attempt` names the
    ScenarioUpgrade, "" for a run's own plan.
    """

    name: str
    hook: str
    revision: Revision
    incarnation: int
    window: Window
    parameters: Pairs
    timeout_seconds: int
    mounts_state: bool = False
    attempt: str = ""
    upgrade: Upgrade | None = None


def hook_job(identity: RunIdentity, call: HookCall) -> JsonObject:
    """Return the Job of a hook of a run; raises ValueError if the revision declares no such hook.

    Only `revert` sees data: results writable, and the state it belongs to, read-only, when that is asked for.
    """
    revision, number = call.revision, call.incarnation
    context = RunContext(
        scenario=identity.scenario,
        revision=revision,
        run=identity.name,
        incarnation=number,
        window=call.window,
        parameters=call.parameters,
        upgrade=call.upgrade,
    )
    mounts: list[pod.Mount] = []
    if call.mounts_state:
        mounts.append(pod.claim_mount("state", names.state_claim(identity.name, number), read_only=True))
    if call.hook == REVERT and revision.spec.results is not None:
        mounts.append(pod.claim_mount("results", names.results_claim(identity.name)))
    labels = identity.labels(Component.HOOK, number) | _labels(call.hook, revision)
    template = _template(context, call.hook, call.attempt, labels, mounts)
    return _job(identity.metadata(call.name, labels, {}), template, call.timeout_seconds)


def validate_job(scenario: ScenarioIdentity, name: str, revision: Revision) -> JsonObject:
    """Return the Job of a revision's validate hook, which has no run.

    Raises ValueError if the revision declares none.
    """
    labels = scenario.labels(Component.HOOK) | _labels(VALIDATE, revision)
    context = RunContext(scenario=scenario.name, revision=revision)
    template = _template(context, VALIDATE, "", labels, [])
    timeout_seconds = _declared(revision, VALIDATE).timeout_seconds
    return _job(scenario.metadata(name, labels), template, timeout_seconds)


def _job(metadata: JsonObject, template: JsonObject, timeout_seconds: int) -> JsonObject:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "suspend": True,
            "backoffLimit": 0,
            "activeDeadlineSeconds": timeout_seconds,
            "podReplacementPolicy": "Failed",
            "template": template,
        },
    }


def _template(
    context: RunContext, hook: str, attempt: str, labels: dict[str, str], mounts: list[pod.Mount]
) -> JsonObject:
    """Render the pod: the workload's surroundings (environment, volumes, placement) around the hook's command."""
    revision = context.revision
    environment = [*context.environment(), variable("HOOK", hook), variable("UPGRADE", attempt)]
    container = pod.program(revision.artifact.image, revision.spec.workload, environment, probed=False)
    container.pop("args", None)
    container["command"] = list(_declared(revision, hook).command)
    standard = pod.standard_mounts(revision, published=hook != VALIDATE)
    template = pod.template(revision.spec.workload, context, labels, container, [*standard, *mounts])
    template["spec"]["restartPolicy"] = "Never"
    return template


def _declared(revision: Revision, hook: str) -> Hook:
    field = "validate_" if hook == VALIDATE else hook
    declared: Hook | None = getattr(revision.spec.hooks, field, None)
    if declared is None:
        raise ValueError(f"revision {revision.name} declares no {hook} hook")
    return declared


def _labels(hook: str, revision: Revision) -> dict[str, str]:
    return {names.LABEL_HOOK: hook, names.LABEL_REVISION: revision.name}
