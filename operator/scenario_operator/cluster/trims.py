"""What the store keeps of the kinds that are large and of which decisions need little.

Whoever needs more reads live. StatefulSets are kept whole, since drift is judged on their templates, and so are the
mutable ConfigMaps that hold views and reports. So is the metadata of our own pods: a write of finalizers rests on it.
"""

from collections.abc import Mapping
from typing import Any, Final

from scenario_operator.api import names
from scenario_operator.cluster.kinds import CONFIG_MAP, JOB, POD, JsonObject, ResourceKind
from scenario_operator.cluster.store import Trim

_CLAIM: Final = "persistentVolumeClaim"
_IDENTITY: Final = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "labels",
    "ownerReferences",
    "deletionTimestamp",
)


def is_managed(obj: Mapping[str, Any]) -> bool:
    """Say whether an object has the label of what we made."""
    labels = obj["metadata"].get("labels") or {}
    return bool(labels.get(names.LABEL_MANAGED_BY) == names.CONTROLLER)


def pod(obj: JsonObject) -> JsonObject | None:
    """A pod's metadata and status, which claims it mounts, and its node; about a third of it.

    Of a pod of somebody else it is who it is, which claims it mounts and whether it has ended; nothing if it has none.
    """
    spec = obj.get("spec") or {}
    if not is_managed(obj):
        return _stranger(obj)
    kept: dict[str, Any] = {
        "containers": [
            {"name": c["name"], "image": c.get("image", "")} for c in spec.get("containers") or ()
        ],
        "volumes": [v for v in spec.get("volumes") or () if _CLAIM in v],
    }
    if "nodeName" in spec:
        kept["nodeName"] = spec["nodeName"]
    return {**obj, "spec": kept}


def _stranger(obj: JsonObject) -> JsonObject | None:
    volumes = (obj.get("spec") or {}).get("volumes") or ()
    mounted = [{"persistentVolumeClaim": v["persistentVolumeClaim"]} for v in volumes if _CLAIM in v]
    if not mounted:
        return None
    metadata = {key: obj["metadata"][key] for key in _IDENTITY if key in obj["metadata"]}
    phase = (obj.get("status") or {}).get("phase", "")
    return {"metadata": metadata, "spec": {"volumes": mounted}, "status": {"phase": phase}}


def job(obj: JsonObject) -> JsonObject:
    """A Job without what its pods look like."""
    spec = obj.get("spec") or {}
    template = {key: value for key, value in (spec.get("template") or {}).items() if key != "spec"}
    return {**obj, "spec": {**spec, "template": template}}


def config_map(obj: JsonObject) -> JsonObject:
    """An immutable ConfigMap without its content, which may be a mebibyte of artifact and never changes."""
    if not obj.get("immutable"):
        return obj
    return {key: value for key, value in obj.items() if key not in {"data", "binaryData"}}


TRIMS: Final[dict[ResourceKind, Trim]] = {POD: pod, JOB: job, CONFIG_MAP: config_map}
