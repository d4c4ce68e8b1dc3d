"""The generator of `crds/`: from pydantic models to structural schemas that the API server accepts.

    python -m scenario_operator.api.crd [--check] [--out crds]

pydantic speaks full JSON Schema; a CRD wants less (no references, no null, a type on every node) and more
(CEL rules, list types). Rules and defaults are for what people write: they are taken out of `status`,
where a rule could refuse a record and a default would look like a change. Below lists a default is told, not set.
"""

import argparse
import copy
import difflib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from scenario_operator.api import names
from scenario_operator.api.common import JsonObject, Resource, cel
from scenario_operator.api.nodes import tell_defaults_below_lists
from scenario_operator.api.run import ScenarioRun
from scenario_operator.api.scenario import Scenario
from scenario_operator.api.strategy import UpgradeStrategy
from scenario_operator.api.structural import LIST_KEYS, LIST_TYPE, RULES, recorded, structural
from scenario_operator.api.upgrade import ScenarioUpgrade


class Column(NamedTuple):
    """A column of `kubectl get`; wide ones show with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False
    description: str = ""


class CustomKind(NamedTuple):
    """What makes a CRD, apart from its schema."""

    name: str
    plural: str
    short: str
    model: type[Resource]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    name_limit: int = names.MAX_NAME
    rules: tuple[JsonObject, ...] = ()


def _status_of(condition: str) -> str:
    return f'.status.conditions[?(@.type=="{condition}")].status'


def _reason_of(condition: str) -> str:
    return f'.status.conditions[?(@.type=="{condition}")].reason'


AGE: Final = Column("Age", ".metadata.creationTimestamp", "date", description="Time since creation.")

KINDS: Final = (
    CustomKind(
        names.SCENARIO,
        names.SCENARIOS,
        "scn",
        Scenario,
        columns=(
            Column("Version", ".spec.version", description="Desired version."),
            Column("Ready", _status_of("Ready"), description="Whether the Scenario is ready."),
            Column("Status", _reason_of("Ready"), description="Why."),
            Column("Runs", ".status.runs.total", "integer", description="Number of runs."),
            Column(
                "UpToDate", ".status.runs.upToDate", "integer", description="Runs on the latest revision."
            ),
            Column("Revision", ".status.latestRevision", wide=True, description="Newest valid revision."),
            Column(
                "Strategy",
                ".spec.upgrade.strategyRef.name",
                wide=True,
                description="Strategy of the upgrade.",
            ),
            AGE,
        ),
    ),
    CustomKind(
        names.RUN,
        names.RUNS,
        "srun",
        ScenarioRun,
        columns=(
            Column("Scenario", ".spec.scenarioRef.name", description="The Scenario it follows."),
            Column("Version", ".status.applied.version", description="Version of the stored state."),
            Column("Phase", ".status.phase", description="Summary for people."),
            Column("Ready", _status_of("Ready"), description="Whether the run is ready."),
            Column("UpToDate", _status_of("UpToDate"), description="Whether it is on the wanted revision."),
            Column("Status", _reason_of("Ready"), description="Why."),
            Column("RunID", ".status.runID", wide=True, description="Identity of the live incarnation."),
            Column(
                "Strategy",
                ".status.upgrade.strategy.type",
                wide=True,
                description="Strategy of the open plan.",
            ),
            Column("Step", _reason_of("Reconciling"), wide=True, description="Step of the open plan."),
            AGE,
        ),
        selectable=(".spec.scenarioRef.name", ".status.phase", ".status.applied.version"),
    ),
    CustomKind(
        names.STRATEGY,
        names.STRATEGIES,
        "ustrat",
        UpgradeStrategy,
        columns=(
            Column("Type", ".spec.type", description="What may be done beyond keeping the state."),
            Column("Approval", ".spec.approval", description="Which plans need consent."),
            Column("OnFailure", ".spec.onFailure", description="What happens to a plan that fails."),
            AGE,
        ),
    ),
    CustomKind(
        names.UPGRADE,
        names.UPGRADES,
        "supg",
        ScenarioUpgrade,
        columns=(
            Column("Scenario", ".spec.scenarioRef.name", description="The Scenario."),
            Column("From", ".status.from", description="Versions the runs come from."),
            Column("To", ".status.to", description="Version that is rolled out."),
            Column("Phase", ".status.phase", description="Summary for people."),
            Column("Progress", ".status.progress", description="Settled runs of all runs."),
            Column("Failed", ".status.counts.rolledBack", "integer", description="Runs that went back."),
            Column("Approval", _reason_of("Approved"), description="Whether consent is needed or given."),
            AGE,
        ),
        # The operator names attempts <scenario>-<sequence>.
        name_limit=names.MAX_NAME + 12,
        rules=(
            cel(
                "!has(oldSelf.status) || !has(oldSelf.status.completionTime) || self.spec == oldSelf.spec",
                "spec is immutable once the attempt is finished: change retryNonce of the runs,"
                " or publish a newer version",
            ),
            cel(
                "!has(oldSelf.spec.reject) || (has(self.spec.reject) && self.spec.reject == oldSelf.spec.reject)",
                "spec.reject is immutable: change retryNonce of a run to ask again, or publish a newer version",
            ),
            cel(
                "!has(self.spec.reject) || has(oldSelf.spec.reject) || !has(self.status)"
                " || !has(self.status.startTime)",
                "spec.reject must be set before the first run is granted: set spec.abort to the uid of this object",
            ),
        ),
    ),
)


# --- From schema to CRD ---------------------------------------------------------------------------


def schema_of(kind: CustomKind) -> JsonObject:
    """Return the OpenAPI schema of a kind."""
    model = structural(kind.model.model_json_schema(mode="validation", by_alias=True))
    properties: JsonObject = {
        "apiVersion": {"type": "string", "description": "Group and version of this object's schema."},
        "kind": {"type": "string", "description": "Kind of this object."},
        "metadata": {"type": "object"},
        "spec": model["properties"]["spec"],
    }
    tell_defaults_below_lists(properties["spec"])
    if "status" in model["properties"]:
        status = model["properties"]["status"]
        conditions = copy.deepcopy(status["properties"]["conditions"])
        recorded(status)
        status["properties"]["conditions"] |= {key: conditions[key] for key in (LIST_TYPE, LIST_KEYS)}
        # kstatus: an object that no controller has seen yet must not look current.
        status["default"] = {"observedGeneration": -1}
        properties["status"] = status
    return {
        "type": "object",
        "description": model["description"],
        "properties": properties,
        "required": ["spec"],
        RULES: [
            cel(
                f"self.metadata.name.size() <= {kind.name_limit}",
                f"metadata.name must have at most {kind.name_limit} characters: choose a shorter name",
            ),
            cel(
                "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                "metadata.name must start with a letter and hold only lower-case letters, digits and '-':"
                " choose another name",
            ),
            *kind.rules,
        ],
    }


def crd(kind: CustomKind) -> JsonObject:
    """Return the CustomResourceDefinition of a kind."""
    version: JsonObject = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema_of(kind)},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
    }
    if "status" in version["schema"]["openAPIV3Schema"]["properties"]:
        version["subresources"] = {"status": {}}
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
                "categories": [names.CATEGORY],
            },
            "versions": [version],
        },
    }


def _column(column: Column) -> JsonObject:
    entry: JsonObject = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.description:
        entry["description"] = column.description
    if column.wide:
        entry["priority"] = 1
    return entry


# --- Files ----------------------------------------------------------------------------------------

HEADER: Final = "# Generated by `python -m scenario_operator.api.crd`; change the models instead.\n"


class _PlainDumper(yaml.SafeDumper):
    """YAML without anchors: the same subschema occurs in many places."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def render(kind: CustomKind) -> str:
    """Return the file of a kind: always the same text for the same models."""
    body = yaml.dump(
        crd(kind), Dumper=_PlainDumper, sort_keys=True, width=200, default_flow_style=None, allow_unicode=True
    )
    return HEADER + str(body)


def write(out: Path) -> None:
    """Write every CRD."""
    out.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        (out / f"{kind.plural}.yaml").write_text(render(kind), encoding="utf-8")


def drift(out: Path) -> str:
    """Return the difference between the files and the models; empty when they agree."""
    lines: list[str] = []
    for kind in KINDS:
        path = out / f"{kind.plural}.yaml"
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        lines += difflib.unified_diff(
            found.splitlines(keepends=True), render(kind).splitlines(keepends=True), str(path), "generated"
        )
    return "".join(lines)


def main(argv: Sequence[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> int:
    """Write the CRDs, or with --check say whether they are up to date."""
    parser = argparse.ArgumentParser(
        prog="python -m scenario_operator.api.crd", description="Generate the CRDs."
    )
    parser.add_argument(
        "--check", action="store_true", help="exit 1 and show the difference instead of writing"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("crds"), help="directory of the files (default: crds)"
    )
    arguments = parser.parse_args(argv)
    if not arguments.check:
        write(arguments.out)
        return 0
    difference = drift(arguments.out)
    say(difference)
    return 1 if difference else 0


if __name__ == "__main__":
    raise SystemExit(main())
