"""The StatefulSet of one incarnation: one pod, never two, asleep until it is woken (rule R3).

OnDelete: only we decide when a pod is made again. No claim templates: the controller would fill a claim that is
gone with an empty one, and a run would silently begin anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject
from scenario_operator.manifests import pod
from scenario_operator.manifests.context import RunContext, Upgrade
from scenario_operator.manifests.identity import Component, Handle, RunIdentity, handle
from scenario_operator.manifests.stamp import Template, read_stamp, stamp_annotations
from scenario_operator.planning.parameters import Pairs
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.windows import Window

_UNREADABLE: Final = Template("", Window(), ())
"""The template of a workload without a readable stamp: it fits nothing that we would render."""


class Workload(NamedTuple):
    """The StatefulSet of one incarnation. `settled`: its status reflects the current spec.

    `drifted`: somebody changed what we render. `outdated`: an older operator rendered it; the next start renders anew.
    """

    handle: Handle
    replicas: int
    status_replicas: int
    settled: bool
    template: Template
    stop_stamp: str = ""
    drifted: bool = False
    outdated: bool = False


def statefulset(
    identity: RunIdentity,
    incarnation: int,
    revision: Revision,
    window: Window,
    parameters: Pairs,
    *,
    renderer: int,
    upgrade: Upgrade | None = None,
) -> JsonObject:
    """Return the StatefulSet of an incarnation on a revision, at replicas 0.

    `upgrade` is told to the program; it is no part of what the template was rendered from (see `drift`).
    """
    stamp = Template(revision.name, window, tuple(sorted(parameters)))
    context = RunContext(
        scenario=identity.scenario,
        revision=revision,
        run=identity.name,
        incarnation=incarnation,
        window=window,
        parameters=stamp.parameters,
        upgrade=upgrade,
    )
    labels = identity.labels(Component.WORKLOAD, incarnation) | {names.LABEL_REVISION: revision.name}
    name = names.statefulset(identity.name, incarnation)
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": identity.metadata(name, labels, stamp_annotations(stamp, renderer)),
        "spec": {
            "replicas": 0,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "OnDelete"},
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": _selector(identity, incarnation)},
            "template": _template(context, labels),
        },
    }


def _selector(identity: RunIdentity, incarnation: int) -> dict[str, str]:
    """Select by what never changes; the component keeps Job pods of the same incarnation out."""
    labels = identity.labels(Component.WORKLOAD, incarnation)
    keys = (names.LABEL_RUN_UID, names.LABEL_INCARNATION, names.LABEL_COMPONENT)
    return {key: labels[key] for key in keys}


def _template(context: RunContext, labels: dict[str, str]) -> JsonObject:
    revision = context.revision
    workload = revision.spec.workload
    container = pod.program(revision.artifact.image, workload, context.environment(), probed=True)
    mounts = [*pod.standard_mounts(revision), *_data_mounts(context.run, context.incarnation, revision)]
    template = pod.template(workload, context, pod.serving_labels(workload, labels), container, mounts)
    template["spec"] |= {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": workload.termination_grace_period_seconds,
        **pod.spread(workload),
    }
    return template


def _data_mounts(run: str, incarnation: int, revision: Revision) -> list[pod.Mount]:
    """Mount state and results; state without a volume is scratch space at the same place."""
    mounts: list[pod.Mount] = []
    if revision.has_state:
        mounts.append(pod.claim_mount("state", names.state_claim(run, incarnation)))
    elif revision.spec.state is not None:
        mounts.append(pod.scratch_mount("state", "/scenario/state"))
    if revision.spec.results is not None:
        mounts.append(pod.claim_mount("results", names.results_claim(run)))
    return mounts


def incarnation_of(run: str, obj: Mapping[str, Any]) -> int:
    """Return the incarnation whose name a StatefulSet has, 0: of none; labels can be edited."""
    name: str = obj["metadata"]["name"]
    number = names.number(name.rpartition("-")[2])
    return number if name == names.statefulset(run, number) else 0


def read_workload(obj: Mapping[str, Any], *, drifted: bool, renderer: int) -> Workload:
    """Read a StatefulSet of ours; `drifted` as `drift` finds it, `renderer` is the number of our own code."""
    metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    annotations = metadata.get("annotations") or {}
    return Workload(
        handle=handle(obj),
        replicas=spec.get("replicas", 1),
        status_replicas=status.get("replicas", 0),
        settled=status.get("observedGeneration", 0) >= metadata.get("generation", 0),
        template=read_stamp(obj) or _UNREADABLE,
        stop_stamp=annotations.get(names.ANNOTATION_STOP, ""),
        drifted=drifted,
        outdated=annotations.get(names.ANNOTATION_RENDERER) != str(renderer),
    )
