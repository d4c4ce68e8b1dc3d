"""What the store keeps of the kinds that are large and of which decisions need little.

Whoever needs more reads live; every effect does so anyway. StatefulSets are kept whole: drift is judged on
their templates, and so are the mutable ConfigMaps that hold views and reports.
"""

from typing import Any, Final

from scenario_operator.cluster.kinds import CONFIG_MAP, JOB, POD, JsonObject, ResourceKind
from scenario_operator.cluster.store import Trim


def pod(obj: JsonObject) -> JsonObject:
    """A pod's metadata and status, which claims it mounts, and its node; about a third of it."""
    spec = obj.get("spec") or {}
    kept: dict[str, Any] = {
        "containers": [
            {"name": c["name"], "image": c.get("image", "")} for c in spec.get("containers") or ()
        ],
        "volumes": [v for v in spec.get("volumes") or () if "persistentVolumeClaim" in v],
    }
    if "nodeName" in spec:
        kept["nodeName"] = spec["nodeName"]
    return {**obj, "spec": kept}


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
