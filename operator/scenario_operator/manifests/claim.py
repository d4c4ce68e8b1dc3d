"""The claims of a run: state, one for each incarnation, and results, one for all of them.

The stamps on a state claim are what is left when a run's status is lost: whose it is, of which incarnation, and
which formats its content may have (rules R9 and R11). Owned by the run and never by the StatefulSet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject
from scenario_operator.api.reading import parsed
from scenario_operator.api.scenario import ClaimSpec
from scenario_operator.manifests.identity import Component, Handle, RunIdentity, handle
from scenario_operator.manifests.stamp import canonical_json
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.stored import epoch

_PROTECTION: Final = "kubernetes.io/pvc-protection"
_NEVER: Final = "1970-01-01T00:00:00Z"

_FORMAT: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}")
_MOST_FORMATS: Final = 32
"""A version that starts on a claim accepts every format that it may hold, and `state.accepts` has so many at most."""


class Claim(NamedTuple):
    """The state volume of one incarnation; `formats` are the stamped possible formats (R11).

    `doomed_at`: when somebody or something deleted it, in epoch seconds. `kept_by`: the finalizers that keep it all the
    same, the cluster's own apart, which waits for pods.
    """

    handle: Handle
    incarnation: int
    ours: bool
    formats: tuple[str, ...]
    deleting: bool = False
    doomed_at: float = 0.0
    kept_by: tuple[str, ...] = ()


def state_claim(
    identity: RunIdentity, incarnation: int, revision: Revision, formats: tuple[str, ...]
) -> JsonObject:
    """Return the state claim of an incarnation, stamped with the formats that its content may have.

    Raises ValueError if the revision keeps no state volume.
    """
    state = revision.spec.state
    if state is None or state.volume is None:
        raise ValueError(f"revision {revision.name} keeps no state volume")
    annotations = {**formats_annotation(formats), names.LABEL_REVISION: revision.name}
    labels = identity.labels(Component.STATE, incarnation)
    name = names.state_claim(identity.name, incarnation)
    return _claim(identity.metadata(name, labels, annotations), state.volume)


def results_claim(identity: RunIdentity, revision: Revision) -> JsonObject:
    """Return the results claim of a run; raises ValueError if the revision declares no results."""
    results = revision.spec.results
    if results is None:
        raise ValueError(f"revision {revision.name} declares no results")
    labels = identity.labels(Component.RESULTS)
    annotations = {names.LABEL_REVISION: revision.name}
    return _claim(identity.metadata(names.results_claim(identity.name), labels, annotations), results.volume)


def formats_annotation(formats: tuple[str, ...]) -> dict[str, str]:
    """Return the annotation that holds the possible formats."""
    return {names.ANNOTATION_STATE_FORMATS: canonical_json(list(formats))}


def read_formats(claim: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the stamped formats; None when there is no readable stamp.

    None is not the empty set: every version accepts an empty set, none must start on a claim without a stamp.
    """
    text = (claim["metadata"].get("annotations") or {}).get(names.ANNOTATION_STATE_FORMATS, "")
    found = parsed(text)
    if not isinstance(found, list) or not found or not all(isinstance(item, str) for item in found):
        return None
    return tuple(found)


def _fit_a_status(formats: tuple[str, ...]) -> bool:
    return len(formats) <= _MOST_FORMATS and all(_FORMAT.fullmatch(text) for text in formats)


def incarnation_of(run: str, claim: str) -> int | None:
    """Return the incarnation whose state claim has this name, None for a name of another kind."""
    middle = claim.removeprefix(f"state-{run}-").removesuffix("-0")
    # Made again from its number, so that the claim of a StatefulSet's replica, state-app-1, is none of run app's.
    number = names.number(middle)
    return number if claim == names.state_claim(run, number) else None


def read_state_claim(identity: RunIdentity, obj: Mapping[str, Any]) -> Claim | None:
    """Read a claim; None unless it has the name of a state claim of this run."""
    number = incarnation_of(identity.name, obj["metadata"]["name"])
    if number is None:
        return None
    formats = read_formats(obj)
    return Claim(
        handle=handle(obj),
        incarnation=number,
        ours=identity.labelled(obj) and formats is not None and _fit_a_status(formats),
        formats=formats or (),
        deleting="deletionTimestamp" in obj["metadata"],
        doomed_at=epoch(obj["metadata"].get("deletionTimestamp") or _NEVER),
        kept_by=tuple(f for f in obj["metadata"].get("finalizers") or () if f != _PROTECTION),
    )


def read_results_claim(identity: RunIdentity, claims: Iterable[Mapping[str, Any]]) -> str:
    """Return what stands under the name of the run's results claim: ours, foreign, deleting, "" for nothing."""
    name = names.results_claim(identity.name)
    obj = next((claim for claim in claims if claim["metadata"]["name"] == name), None)
    if obj is None:
        return ""
    if "deletionTimestamp" in obj["metadata"]:
        return "deleting"
    return "ours" if identity.labelled(obj) else "foreign"


def results_uid(identity: RunIdentity, claims: Iterable[Mapping[str, Any]]) -> str:
    """Return the uid of what stands under the name of the run's results claim, "" for nothing."""
    name = names.results_claim(identity.name)
    found = (claim["metadata"] for claim in claims if claim["metadata"]["name"] == name)
    return next((str(metadata.get("uid", "")) for metadata in found), "")


def _claim(metadata: JsonObject, volume: ClaimSpec) -> JsonObject:
    spec: JsonObject = {
        "accessModes": [volume.access_mode],
        "resources": {"requests": {"storage": volume.size}},
    }
    if volume.storage_class_name is not None:
        spec["storageClassName"] = volume.storage_class_name
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
