"""The ScenarioUpgrade: one attempt to lead the runs of a Scenario on to a revision, as we open it.

Its status is written and read in `rollout/wire.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject
from scenario_operator.manifests.identity import ScenarioIdentity


def attempt_manifest(
    scenario: ScenarioIdentity,
    name: str,
    *,
    revision: str,
    cause: str,
    only: Sequence[str] = (),
    asked: Sequence[Mapping[str, str]] = (),
) -> JsonObject:
    """Return an attempt to `revision`.

    `only` names the runs that it is for, by a bare name in its own namespace; none: all of them. `asked` says which
    runs asked for it, each with namespace, name, uid and nonce.
    """
    spec: JsonObject = {"scenarioRef": {"name": scenario.name}, "revision": revision, "cause": cause}
    if only:
        spec["runs"] = list(only)
    if asked:
        spec["asked"] = [_asked(one, scenario.namespace) for one in asked]
    labels = {names.LABEL_MANAGED_BY: names.CONTROLLER, names.LABEL_SCENARIO: scenario.name}
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.UPGRADE,
        "metadata": scenario.metadata(name, labels),
        "spec": spec,
    }


def _asked(run: Mapping[str, str], home: str) -> JsonObject:
    """Write who asked; the namespace is left out where it is the attempt's own."""
    return {key: value for key, value in run.items() if key != "namespace" or value != home}


def is_attempt(obj: Mapping[str, Any]) -> bool:
    """Say whether a ScenarioUpgrade has a name that we give; what somebody made under another is left alone."""
    name: str = obj["metadata"]["name"]
    scenario: str = obj["spec"]["scenarioRef"]["name"]
    return name == names.upgrade(scenario, names.number(name.rpartition("-")[2]))
