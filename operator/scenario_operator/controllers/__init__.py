"""Thin controllers: read the world into a view, let the pure core decide, carry out what it says."""

from collections.abc import Mapping

from scenario_operator.cluster.context import Context, Controller
from scenario_operator.controllers.run import RunController
from scenario_operator.controllers.scenario import ScenarioController


def build_controllers(context: Context) -> Mapping[str, Controller]:
    """Return the controllers by kind of key."""
    return {"run": RunController(context), "scenario": ScenarioController(context)}
