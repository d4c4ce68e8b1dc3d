"""What a container is told about its run: `/scenario/run.json` and the same as flat environment.

The text must not depend on anything but the arguments: another text is another template, and another template is
a restart.
"""

from __future__ import annotations

from dataclasses import dataclass

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject, wire_name
from scenario_operator.manifests.identity import RunIdentity
from scenario_operator.manifests.stamp import Stamp, canonical_json
from scenario_operator.planning.revision import Revision
from scenario_operator.planning.windows import Window


@dataclass(frozen=True, slots=True)
class RunContext:
    """What one start of one container is about; without a run for `validate` hooks."""

    scenario: str
    revision: Revision
    run: str = ""
    incarnation: int = 0
    window: Window = Window()
    parameters: tuple[tuple[str, str], ...] = ()
    previous_version: str = ""
    strategy: str = ""

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
        if self.previous_version:
            content["upgrade"] = {
                "from": self.previous_version,
                "to": revision.version,
                "strategy": self.strategy,
            }
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


def run_context(identity: RunIdentity, incarnation: int, revision: Revision, stamp: Stamp) -> RunContext:
    """Return what an incarnation's container is told."""
    return RunContext(
        scenario=identity.scenario,
        revision=revision,
        run=identity.name,
        incarnation=incarnation,
        window=stamp.window,
        parameters=stamp.parameters,
        previous_version=stamp.previous_version,
        strategy=stamp.strategy,
    )


def variable(name: str, value: str) -> JsonObject:
    """Return one variable of ours; no value of ours can contain `$`, which Kubernetes would expand."""
    return {"name": f"{names.ENV_PREFIX}{name}", "value": value}
