"""Stands for an operator of another version: it renders pods differently, and says so in its stamp (rule R12)."""

from __future__ import annotations

from typing import Any

from scenario_operator.controllers import observe, perform
from scenario_operator.execution import view
from scenario_operator.manifests import pod

JsonObject = dict[str, Any]
DIFFERENCE = "RENDERED_BY"
"""The variable that only pods of such an operator have; its value is the renderer's number."""


def pretend(renderer: int) -> None:
    """Make this process such an operator, before it starts to work."""
    plain = pod.template

    def different(*given: Any) -> JsonObject:
        made = plain(*given)
        for container in made["spec"]["containers"]:
            container["env"] = [*container["env"], {"name": DIFFERENCE, "value": str(renderer)}]
        return made

    pod.template = different
    for module in (view, observe, perform):
        module.RENDERER = renderer
