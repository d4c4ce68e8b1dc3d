"""The stamp on a StatefulSet: what its template was rendered from, so that it can be read back (rule R12).

The template itself cannot tell: the API server adds defaults to it, and a newer operator renders it differently.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from scenario_operator.api import names
from scenario_operator.api import run as api
from scenario_operator.api.common import JsonObject, wire_name
from scenario_operator.api.reading import parsed
from scenario_operator.planning.parameters import Pairs
from scenario_operator.planning.windows import Window


class Template(NamedTuple):
    """What a pod template was rendered from; two workloads with equal templates run the same thing."""

    revision: str
    window: Window
    parameters: Pairs


def canonical_json(content: Any) -> str:
    """Return JSON with sorted keys and no white space: the same content always has the same text."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def stamp_annotations(template: Template, renderer: int) -> dict[str, str]:
    """Return the annotations that say what a template was rendered from and by which code."""
    content: JsonObject = {
        "revision": template.revision,
        "window": {wire_name(k): v for k, v in template.window._asdict().items() if v is not None},
        "parameters": dict(template.parameters),
    }
    return {names.ANNOTATION_TEMPLATE: canonical_json(content), names.ANNOTATION_RENDERER: str(renderer)}


def read_stamp(statefulset: Mapping[str, Any]) -> Template | None:
    """Return what a live template was rendered from; None when the stamp is absent or not one of ours."""
    content = parsed((statefulset["metadata"].get("annotations") or {}).get(names.ANNOTATION_TEMPLATE, ""))
    if not isinstance(content, dict):
        return None
    revision, window, parameters = (content.get(part) for part in ("revision", "window", "parameters"))
    if not (isinstance(revision, str) and isinstance(window, dict) and isinstance(parameters, dict)):
        return None
    bounds = [window.get(wire_name(field)) for field in Window._fields]
    texts = (*(bound for bound in bounds if bound is not None), *parameters.values())
    if not all(isinstance(text, str) for text in texts):
        return None
    return Template(revision, Window(*bounds), tuple(sorted(parameters.items())))


def fits_a_status(template: Template) -> bool:
    """Say whether a status could hold what a stamp says: anybody may have edited it."""
    window = {wire_name(k): v for k, v in template.window._asdict().items()}
    try:
        api.Window.model_validate(window)
        api.Parameters.model_validate({"effective": dict(template.parameters)})
    except ValueError:
        return False
    return True
