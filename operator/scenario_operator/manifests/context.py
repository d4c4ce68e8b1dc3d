"""What a container is told about its run: `/scenario/run.json` and the same as flat environment.

The text must not depend on anything but the arguments: another text is another template, and another template is
a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject, wire_name
from scenario_operator.manifests.stamp import canonical_json
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.windows import Window

_BEGINNING = Window()


class Upgrade(NamedTuple):
    """The upgrade that a container takes part in; told to it and nothing else."""

    from_version: str
    to_version: str
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What one start of one container is about; without a run for `validate` hooks."""

    scenario: str
    revision: Revision
    run: str = ""
    incarnation: int = 0
    window: Window = _BEGINNING
    parameters: tuple[tuple[str, str], ...] = ()
    upgrade: Upgrade | None = None

    @property
    def run_id(self) -> str:
        """Return the identity that results are tagged with, "" where there is no incarnation (preflight)."""
        return names.run_id(self.run, self.incarnation) if self.incarnation else ""

    def json(self) -> str:
        """Return the content of run.json; a bound that is null is the beginning."""
        revision = self.revision
        content: JsonObject = {
            "scenario": self.scenario,
            "version": revision.version,
            "description": revision.spec.description or "",
            "run": self.run,
            "runID": self.run_id,
            "incarnation": self.incarnation,
            "window": {wire_name(field): bound for field, bound in self.window._asdict().items()},
            "parameters": dict(self.parameters),
            "stateVersion": revision.state_version,
        }
        if self.upgrade is not None:
            source, target, strategy = self.upgrade
            content["upgrade"] = {"from": source, "to": target, "strategy": strategy}
        return canonical_json(content)

    def environment(self) -> list[JsonObject]:
        """Return the same as variables; empty bounds are the beginning. Parameters are in run.json only."""
        values = {
            "NAME": self.scenario,
            "VERSION": self.revision.version,
            "RUN": self.run,
            "RUN_ID": self.run_id,
            "INCARNATION": str(self.incarnation) if self.incarnation else "",
            "START_FROM": self.window.start_from,
            "OUTPUT_ACTIONS_FROM": self.window.output_actions_from,
            "NOTIFICATIONS_FROM": self.window.notifications_from,
            "STATE_VERSION": self.revision.state_version,
        }
        return [variable(name, value or "") for name, value in values.items()]


def variable(name: str, value: str) -> JsonObject:
    """Return one variable of ours; no value of ours can contain `$`, which Kubernetes would expand."""
    return {"name": f"{names.ENV_PREFIX}{name}", "value": value}
