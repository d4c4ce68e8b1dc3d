"""Objects to apply, with the fewest fields that a test does not care about.

Containers speak the language of the simulated kubelet (tools/README.md): `sim(...)` is a command that starts,
becomes ready, reports or fails as asked for.
"""

from __future__ import annotations

import json
from typing import Any

JsonObject = dict[str, Any]
API = "scenarios.dev/v1alpha1"


def sim(**behaviour: Any) -> list[str]:
    """Return the command of a container that behaves as asked for."""
    return ["sim", json.dumps(behaviour)]


def strategy(kind: str, **more: Any) -> JsonObject:
    """Return the spec of a strategy that does not make tests wait."""
    quick = {"verify": {"stableSeconds": 1}, "retry": {"maxAttempts": 2, "backoffSeconds": 1}}
    return {"type": kind, **quick, **more}


QUICK = strategy("InPlace")


def scenario(
    name: str,
    version: str,
    *,
    state: str = "1",
    accepts: list[str] | None = None,
    edges: list[JsonObject] | None = None,
    strategy: JsonObject | None = QUICK,
    command: list[str] | None = None,
    **more: Any,
) -> JsonObject:
    """Return a Service scenario with a state volume and a revert hook; each version has its own image.

    Its strategy allows nothing but keeping the state, and proves a version fast; None leaves it out.
    """
    spec: JsonObject = {
        "version": version,
        "type": "Service",
        "artifact": {"image": f"registry.test/{name}:{version}"},
        "workload": {"command": command} if command else {},
        "state": {"version": state, "accepts": accepts or [state], "volume": {"size": "1Gi"}},
        "results": {"volume": {"size": "1Gi"}},
        "hooks": {"revert": {"command": sim(message=json.dumps({"reverted": 3, "kept": 0}))}},
        "outputs": [{"kind": "incident", "class": "Reversible"}],
        "compatibility": {"from": edges or []},
        **more,
    }
    upgrade = dict(spec.pop("upgrade", {}))
    if strategy is not None:
        upgrade["strategy"] = strategy
    if upgrade:
        spec["upgrade"] = upgrade
    return {"apiVersion": API, "kind": "Scenario", "metadata": {"name": name}, "spec": spec}


def incompatible() -> list[JsonObject]:
    """Declare that state is not kept from any version."""
    return [{"versions": "*", "verdict": "Incompatible"}]


def compatible(versions: str = "*", *, reversible: bool = True) -> list[JsonObject]:
    """Declare an edge on which state is kept."""
    return [{"versions": versions, "verdict": "Compatible", "reversible": reversible}]


def stored_strategy(name: str, spec: JsonObject) -> JsonObject:
    """Return a strategy as an object of its own, for strategyRef."""
    return {"apiVersion": API, "kind": "UpgradeStrategy", "metadata": {"name": name}, "spec": spec}


def run(name: str, scenario: str, **spec: Any) -> JsonObject:
    """Return a run of a scenario."""
    return {
        "apiVersion": API,
        "kind": "ScenarioRun",
        "metadata": {"name": name},
        "spec": {"scenarioRef": {"name": scenario}, **spec},
    }
