"""Has somebody changed a template under us? Compares what we render, and nothing else (rule R12).

The API server adds defaults, drops empty values and rewrites quantities; none of that is a change. To be asked
only about templates that the same renderer made: otherwise the stamps decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any, Final

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject
from scenario_operator.api.reading import parsed
from scenario_operator.manifests.identity import RunIdentity
from scenario_operator.manifests.stamp import canonical_json, read_stamp
from scenario_operator.manifests.statefulset import statefulset
from scenario_operator.planning.revision import Revision

_SUFFIXES: Final = {
    "": Decimal(1),
    **{unit: Decimal(10) ** (3 * power) for power, unit in enumerate("num", start=-3)},
    **{unit: Decimal(10) ** (3 * power) for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}
_QUANTITY = re.compile(r"^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]?i?)$")
_QUANTITY_MAPS = frozenset({"limits", "requests"})
_QUANTITY_FIELD = "sizeLimit"
_TOLD_ONCE = frozenset({"upgrade", "description"})


def rendered_fields(workload: Mapping[str, Any]) -> JsonObject:
    """Return the fields of a StatefulSet that we render and may change again.

    Not the scale, which is what sleeping and waking is about, and not what can never change. Nor what run.json
    tells for people (the upgrade, the description): who renders again later does not know it any more.
    """
    spec = workload["spec"]
    template = spec.get("template") or {}
    metadata = template.get("metadata") or {}
    annotations = dict(metadata.get("annotations") or {})
    if names.ANNOTATION_RUN_CONTEXT in annotations:
        annotations[names.ANNOTATION_RUN_CONTEXT] = _lasting(annotations[names.ANNOTATION_RUN_CONTEXT])
    return {
        "updateStrategy": spec.get("updateStrategy"),
        "template": {**template, "metadata": {**metadata, "annotations": annotations}},
    }


def drifted(live: Mapping[str, Any], rendered: Mapping[str, Any]) -> bool:
    """Say whether a live StatefulSet differs from a rendered one in a field that we render."""
    return not _covers(rendered_fields(live), rendered_fields(rendered))


def drifted_from_its_stamp(
    live: Mapping[str, Any], identity: RunIdentity, incarnation: int, revision: Revision, renderer: int
) -> bool:
    """Render a live workload again from its own stamp, and say whether it has drifted from that.

    False when the stamp names another revision or another renderer made it: then there is nothing to compare with.
    """
    stamp = read_stamp(live)
    made_by = (live["metadata"].get("annotations") or {}).get(names.ANNOTATION_RENDERER)
    if stamp is None or stamp.revision != revision.name or made_by != str(renderer):
        return False
    rendered = statefulset(identity, incarnation, revision, stamp.window, stamp.parameters, renderer=renderer)
    return drifted(live, rendered)


def changed_by_others(
    live: Mapping[str, Any],
    identity: RunIdentity,
    incarnation: int,
    revisions: Mapping[str, Revision],
    renderer: int,
) -> bool:
    """Say whether a live workload differs from its stamp because somebody else has written what we render.

    A difference that nobody else wrote is what admission made of our own write: repairing it would never end. The
    cache does not hold who wrote what, so there a difference means: look live.
    """
    managers = live["metadata"].get("managedFields")
    if managers is not None and not any(_edited(entry) for entry in managers):
        return False
    stamp = read_stamp(live)
    revision = revisions.get(stamp.revision) if stamp is not None else None
    return revision is not None and drifted_from_its_stamp(live, identity, incarnation, revision, renderer)


def _edited(entry: Mapping[str, Any]) -> bool:
    """Say whether a manager other than us has written what we render."""
    return (
        entry.get("manager") != names.FIELD_MANAGER
        and not entry.get("subresource")
        and bool((entry.get("fieldsV1") or {}).get("f:spec", {}).keys() & {"f:template", "f:updateStrategy"})
    )


def _lasting(run_context: str) -> str:
    content = parsed(run_context)
    if not isinstance(content, dict):
        return run_context
    return canonical_json({k: v for k, v in content.items() if k not in _TOLD_ONCE})


def _covers(live: Any, rendered: Any, field: str = "") -> bool:
    """Say whether everything rendered is there; what is there besides is a default."""
    match rendered:
        case dict() if field in _QUANTITY_MAPS:
            same = isinstance(live, dict) and live.keys() >= rendered.keys()
            return same and all(_same_amount(live[key], rendered[key]) for key in rendered)
        case dict():
            return isinstance(live, dict) and all(_covers(live.get(k), v, k) for k, v in rendered.items())
        case list():
            found = live or []
            same = isinstance(found, list) and len(found) == len(rendered)
            return same and all(_covers(one, other) for one, other in zip(found, rendered, strict=True))
    if field == _QUANTITY_FIELD:
        return _same_amount(live, rendered)
    return bool(live == rendered or (not live and not rendered))


def _same_amount(live: object, rendered: object) -> bool:
    """Compare quantities as the API server stores them: in another notation, rounded up to thousandths."""
    if live == rendered:
        return True
    try:
        return _amount(str(live)) == _amount(str(rendered))
    except (ValueError, InvalidOperation):
        return False


def _amount(text: str) -> Decimal:
    parts = _QUANTITY.match(text)
    if parts is None or parts[2] not in _SUFFIXES:
        raise ValueError(text)
    exact = Decimal(parts[1]) * _SUFFIXES[parts[2]]
    return exact.quantize(Decimal("0.001"), rounding=ROUND_CEILING)
