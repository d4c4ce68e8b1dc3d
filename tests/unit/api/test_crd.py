"""The CRDs are what the models say, and what an API server accepts.

The rules for structural schemas are those of the API server; the rest is our own house: bounded everything,
descriptions everywhere, rules that name a field, columns and selectable fields that exist.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest
import yaml
from pydantic import Field

from scenario_operator.api import crd, names, structural
from scenario_operator.api.common import ApiModel

ROOT = Path(__file__).parents[3]
CRDS = {kind.name: yaml.safe_load(crd.render(kind)) for kind in crd.KINDS}
VERSIONS = {name: body["spec"]["versions"][0] for name, body in CRDS.items()}


class Node(NamedTuple):
    """A node of a schema and where it stands."""

    path: str
    schema: dict[str, Any]

    @property
    def recorded(self) -> bool:
        """Whether it is part of a status."""
        return ".status" in self.path

    @property
    def name(self) -> str:
        """The name of the field."""
        return self.path.rsplit(".", 1)[-1].rstrip("[]*")


def nodes(path: str, schema: dict[str, Any]) -> Iterator[Node]:
    """Yield a node and everything below it."""
    yield Node(path, schema)
    for name, child in schema.get("properties", {}).items():
        yield from nodes(f"{path}.{name}", child)
    if "items" in schema:
        yield from nodes(f"{path}[]", schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(f"{path}.*", schema["additionalProperties"])


ROOTS = {name: version["schema"]["openAPIV3Schema"] for name, version in VERSIONS.items()}
ALL = [node for name, schema in ROOTS.items() for node in nodes(name, schema)]
# What the API server itself describes.
OURS = [node for node in ALL if not re.fullmatch(r"\w+(\.(apiVersion|kind|metadata))?", node.path)]


def defaulted_below_lists(schema: dict[str, Any]) -> list[str]:
    """Name the fields of a schema that the API server would fill in within the items of a list."""
    return [n.path for n in nodes("spec", schema) if "[]" in n.path and "default" in n.schema]


def failing(found: list[Node]) -> list[str]:
    """Name the nodes that break a rule."""
    return [node.path for node in found]


class TestStructural:
    """What the API server demands of every node."""

    def test_only_keywords_of_a_crd(self) -> None:
        allowed = structural.KEPT | {"properties", "items", "additionalProperties"}

        assert failing([n for n in ALL if n.schema.keys() - allowed]) == []

    def test_every_node_has_exactly_one_type(self) -> None:
        types = {"object", "array", "string", "integer", "boolean"}

        def typed(node: Node) -> bool:
            if node.schema.get("x-kubernetes-int-or-string"):
                return "type" not in node.schema
            return node.schema.get("type") in types

        assert failing([n for n in ALL if not typed(n)]) == []

    def test_objects_are_closed(self) -> None:
        """A field or a bounded map, never both and never free-form."""

        def closed(schema: dict[str, Any]) -> bool:
            return ("properties" in schema) != isinstance(schema.get("additionalProperties"), dict)

        assert failing([n for n in OURS if n.schema.get("type") == "object" and not closed(n.schema)]) == []

    def test_required_fields_exist(self) -> None:
        def missing(schema: dict[str, Any]) -> set[str]:
            return set(schema.get("required", [])) - set(schema.get("properties", {}))

        assert failing([n for n in ALL if missing(n.schema)]) == []

    def test_lists_with_keys_have_keys_that_are_always_there(self) -> None:
        def keyed(schema: dict[str, Any]) -> bool:
            items = schema["items"]
            return all(
                (key in items.get("required", []) or "default" in items["properties"][key])
                and items["properties"][key]["type"] in {"string", "integer", "boolean"}
                for key in schema["x-kubernetes-list-map-keys"]
            )

        maps = [n for n in ALL if n.schema.get("x-kubernetes-list-type") == "map"]

        assert failing([n for n in maps if not keyed(n.schema)]) == []
        assert [n.path for n in ALL if "x-kubernetes-list-map-keys" in n.schema and n not in maps] == []

    def test_sets_hold_scalars(self) -> None:
        sets = [n for n in ALL if n.schema.get("x-kubernetes-list-type") == "set"]

        assert failing([n for n in sets if n.schema["items"]["type"] != "string"]) == []
        assert sets

    def test_defaults_fit_their_schema(self) -> None:
        python = {"string": str, "integer": int, "boolean": bool}

        def fits(schema: dict[str, Any]) -> bool:
            value = schema["default"]
            return (
                type(value) is python[schema["type"]]
                and value in schema.get("enum", [value])
                and schema.get("minimum", value) <= value <= schema.get("maximum", value)
            )

        defaulted = [n for n in ALL if "default" in n.schema and not n.path.endswith("status")]

        assert failing([n for n in defaulted if not fits(n.schema)]) == []
        assert len(defaulted) > 20

    def test_no_default_stands_below_a_list(self) -> None:
        """Argo CD compares a list as one value: an item that the server fills in is out of sync for ever (A118)."""
        files = [*ROOT.glob("crds/*.yaml"), *ROOT.glob("charts/*/files/crds/*.yaml")]
        schemas = [
            version["schema"]["openAPIV3Schema"]
            for path in files
            for body in yaml.safe_load_all(path.read_text(encoding="utf-8"))
            for version in body["spec"]["versions"]
        ]

        assert len(schemas) == 2 * len(crd.KINDS)
        assert [found for schema in schemas for found in defaulted_below_lists(schema)] == []

    def test_a_default_below_a_list_is_found_at_any_depth(self) -> None:
        port = {"type": "object", "properties": {"protocol": {"type": "string", "default": "TCP"}}}
        ports = {"type": "array", "x-kubernetes-list-type": "map", "items": port}
        parts = {"type": "object", "additionalProperties": {"type": "object", "properties": {"ports": ports}}}
        sizes = {"type": "array", "x-kubernetes-list-type": "atomic", "items": parts}
        schema = {"type": "object", "properties": {"sizes": sizes, "port": port}}

        assert defaulted_below_lists(schema) == ["spec.sizes[].*.ports[].protocol"]

    def test_what_absence_means_in_an_item_is_told(self) -> None:
        """The models know it, and `kubectl explain` says it."""
        told = {
            n.path: n.schema["description"] for n in ALL if "Absent means" in n.schema.get("description", "")
        }

        assert told["Scenario.spec.workload.ports[].protocol"].endswith("Absent means TCP.")
        assert told["Scenario.spec.compatibility.from[].reversible"].endswith("Absent means false.")
        assert len(told) >= 11

    def test_patterns_need_no_lookaround(self) -> None:
        """The API server's expressions know none, nor back references."""
        patterns = {n.schema["pattern"] for n in ALL if "pattern" in n.schema}

        assert [p for p in patterns if "(?" in p or re.search(r"\\[1-9]", p) or not re.compile(p)] == []


class TestHouse:
    """What we demand on top."""

    def test_every_node_is_described(self) -> None:
        undescribed = [
            n for n in OURS if not n.schema.get("description") and not n.path.endswith(("[]", ".*"))
        ]

        assert failing(undescribed) == []

    def test_descriptions_are_sentences_on_one_line(self) -> None:
        described = [n for n in ALL if "description" in n.schema]

        assert (
            failing([n for n in described if not re.fullmatch(r"[A-Z/].*[.]", n.schema["description"])]) == []
        )

    def test_everything_is_bounded(self) -> None:
        def bounded(schema: dict[str, Any]) -> bool:
            match schema:
                case {"type": "string"}:
                    return "maxLength" in schema or "enum" in schema
                case {"type": "array"}:
                    return "maxItems" in schema and "x-kubernetes-list-type" in schema
                case {"type": "object", "additionalProperties": _}:
                    return "maxProperties" in schema
                case {"x-kubernetes-int-or-string": True}:
                    return "maxLength" in schema
            return True

        assert failing([n for n in OURS if not bounded(n.schema)]) == []

    def test_no_number_in_a_spec_may_be_negative(self) -> None:
        numbers = [n for n in OURS if n.schema.get("type") == "integer" and not n.recorded]

        assert (
            failing([n for n in numbers if n.schema.get("minimum", -1) < 0 or "maximum" not in n.schema])
            == []
        )
        assert {n.name for n in numbers} >= {
            "timeoutSeconds",
            "stopSeconds",
            "stableSeconds",
            "backoffSeconds",
        }

    def test_times_are_rfc_3339(self) -> None:
        timed = [n for n in OURS if re.search(r"(Time|^time|^at|At|Since|^since|From|Until)$", n.name)]
        texts = [n for n in timed if n.schema.get("type") == "string" and "enum" not in n.schema]

        assert failing([n for n in texts if n.schema.get("format") != "date-time"]) == []
        assert len(texts) > 20

    @pytest.mark.parametrize("kind", crd.KINDS, ids=lambda kind: kind.name)
    def test_a_crd_fits_into_the_annotation_of_a_client_side_apply(self, kind: crd.CustomKind) -> None:
        """Annotations hold 262,144 bytes; what `kubectl apply` keeps there is the object as JSON."""
        assert len(crd.render(kind).encode()) < 180_000

    def test_rules_name_a_field_and_say_what_to_do(self) -> None:
        """A user reads the message alone, without the rule and often without the path."""

        def clear(node: Node, rule: dict[str, str]) -> bool:
            fields = {node.name, *node.schema.get("properties", {}), "metadata"}
            names_field = any(word in re.split(r"[^A-Za-z]+", rule["message"]) for word in fields)
            return names_field and re.search(r"must .+(:|one of)|immutable.*:", rule["message"]) is not None

        ruled = [(n, rule) for n in ALL for rule in n.schema.get("x-kubernetes-validations", [])]

        assert [(n.path, rule["message"]) for n, rule in ruled if not clear(n, rule)] == []
        assert len(ruled) > 60

    def test_rules_only_use_fields_that_exist(self) -> None:
        """`self.a.b` in a rule is a path of the schema; the API server would say so too, but later."""

        def unknown(node: Node, rule: dict[str, str]) -> list[str]:
            functions = {"size", "matches", "startsWith", "endsWith", "contains", "all", "exists"}
            paths = re.findall(r"\b(?:self|oldSelf)((?:\.\w+)+)", rule["rule"])
            lost = []
            for path in paths:
                below: Any = node.schema
                for part in path.strip(".").split("."):
                    if part in functions:
                        break
                    below = below.get("properties", {}).get(part)
                    if below is None:
                        lost.append(path)
                        break
            return lost

        ruled = [
            (n, rule)
            for n in OURS
            for rule in n.schema.get("x-kubernetes-validations", [])
            if "properties" in n.schema
        ]

        assert [(n.path, unknown(n, rule)) for n, rule in ruled if unknown(n, rule)] == []


class TestStatus:
    """What we record is never refused, filled in or merged by the server."""

    def test_no_rule_and_no_default_in_a_status(self) -> None:
        inside = [n for n in ALL if ".status." in n.path]

        assert failing([n for n in inside if n.schema.keys() & {"x-kubernetes-validations", "default"}]) == []
        assert len(inside) > 200

    def test_lists_are_replaced_as_a_whole_except_conditions(self) -> None:
        lists = [n for n in ALL if ".status." in n.path and n.schema.get("type") == "array"]
        kinds = {n.path: n.schema["x-kubernetes-list-type"] for n in lists}

        assert {path for path, kind in kinds.items() if kind != "atomic"} == {
            f"{name}.status.conditions" for name in (names.SCENARIO, names.RUN, names.UPGRADE)
        }

    @pytest.mark.parametrize("name", [names.SCENARIO, names.RUN, names.UPGRADE])
    def test_an_object_that_nobody_has_seen_is_not_current(self, name: str) -> None:
        """kstatus compares observedGeneration with generation: -1 is never equal."""
        assert ROOTS[name]["properties"]["status"]["default"] == {"observedGeneration": -1}
        assert VERSIONS[name]["subresources"] == {"status": {}}

    def test_a_strategy_has_no_status(self) -> None:
        assert "status" not in ROOTS[names.STRATEGY]["properties"]
        assert "subresources" not in VERSIONS[names.STRATEGY]


COLUMNS = {
    names.SCENARIO: (["Version", "Ready", "Status", "Runs", "UpToDate", "Age"], ["Revision", "Strategy"]),
    names.RUN: (
        ["Scenario", "Version", "Phase", "Ready", "UpToDate", "Status", "Age"],
        ["RunID", "Strategy", "Step"],
    ),
    names.STRATEGY: (["Type", "Approval", "OnFailure", "Age"], []),
    names.UPGRADE: (["Scenario", "From", "To", "Phase", "Progress", "Failed", "Approval", "Age"], []),
}


class TestNamesAndColumns:
    """How people and tools find the objects."""

    @pytest.mark.parametrize("name", CRDS)
    def test_names(self, name: str) -> None:
        short = {names.SCENARIO: "scn", names.RUN: "srun", names.STRATEGY: "ustrat", names.UPGRADE: "supg"}

        assert CRDS[name]["metadata"]["name"] == f"{names.PLURALS[name]}.scenarios.dev"
        assert CRDS[name]["spec"]["scope"] == "Namespaced"
        assert CRDS[name]["spec"]["names"]["shortNames"] == [short[name]]
        assert CRDS[name]["spec"]["names"]["categories"] == ["scenario-operator"]

    @pytest.mark.parametrize("name", CRDS)
    def test_columns(self, name: str) -> None:
        columns = VERSIONS[name]["additionalPrinterColumns"]
        normal = [c["name"] for c in columns if c.get("priority", 0) == 0]
        wide = [c["name"] for c in columns if c.get("priority", 0) == 1]

        assert (normal, wide) == COLUMNS[name]

    @pytest.mark.parametrize("name", CRDS)
    def test_columns_and_selectable_fields_exist_in_the_schema(self, name: str) -> None:
        paths = [c["jsonPath"] for c in VERSIONS[name]["additionalPrinterColumns"]]
        paths += [field["jsonPath"] for field in VERSIONS[name].get("selectableFields", [])]
        known = {node.path.removeprefix(name) for node in nodes(name, ROOTS[name])}

        plain = [re.sub(r"\[\?.*?\]", "[]", path) for path in paths if not path.startswith(".metadata.")]

        assert [path for path in plain if path not in known] == []

    def test_runs_can_be_selected(self) -> None:
        assert [field["jsonPath"] for field in VERSIONS[names.RUN]["selectableFields"]] == [
            ".spec.scenarioRef.name",
            ".status.phase",
            ".status.applied.version",
        ]

    @pytest.mark.parametrize(("name", "limit"), [(names.SCENARIO, 40), (names.RUN, 40), (names.STRATEGY, 40)])
    def test_names_of_objects_leave_room_for_derived_ones(self, name: str, limit: int) -> None:
        rules = [rule["rule"] for rule in ROOTS[name]["x-kubernetes-validations"]]

        assert f"self.metadata.name.size() <= {limit}" in rules


class TestArrival:
    """A field arrives with its behaviour; what does nothing yet is not in the schema."""

    @pytest.mark.parametrize(
        "path",
        [
            "Scenario.spec.items",
            "Scenario.spec.edges",
            "Scenario.spec.migrations",
            "Scenario.spec.views",
            "Scenario.spec.allowedNamespaces",
            "Scenario.spec.hooks.migrate",
            "Scenario.spec.hooks.queue",
            "Scenario.spec.workload.replicas",
            "Scenario.spec.workload.initContainers",
            "Scenario.spec.workload.sidecars",
            "Scenario.spec.workload.service",
            "ScenarioRun.spec.scenarioRef.namespace",
            "ScenarioRun.spec.recheckNonce",
            "ScenarioRun.spec.discardItems",
            "ScenarioRun.spec.deletionPolicy",
            "UpgradeStrategy.spec.axes",
            "UpgradeStrategy.spec.stateCopy",
            "UpgradeStrategy.spec.retainOld",
            "UpgradeStrategy.spec.removedItems",
            "UpgradeStrategy.spec.rollout.canary.selector",
            "UpgradeStrategy.spec.rollout.pause",
        ],
    )
    def test_absent(self, path: str) -> None:
        assert path not in {node.path for node in ALL}
        assert path.rsplit(".", 1)[0] in {node.path for node in ALL}

    @pytest.mark.parametrize(
        ("path", "values"),
        [
            ("Scenario.spec.type", ["Service"]),
            ("Scenario.spec.compatibility.from[].verdict", ["Compatible", "Incompatible"]),
            ("UpgradeStrategy.spec.type", ["InPlace", "Continuation", "ForwardOnly"]),
            ("UpgradeStrategy.spec.onFailure", ["RollBack", "Hold"]),
            ("ScenarioRun.spec.startFrom.mode", ["Beginning", "At", "Lookback"]),
            ("ScenarioRun.spec.outputActionsFrom.mode", ["Beginning", "At", "Lookback", "Now"]),
            ("ScenarioUpgrade.spec.cause", ["Revision", "Retry", "Recompute"]),
        ],
    )
    def test_choices(self, path: str, values: list[str]) -> None:
        assert {node.path: node.schema.get("enum") for node in ALL}[path] == values


class TestFiles:
    """The files are generated, and a test notices when they are not."""

    def test_files_agree_with_the_models(self) -> None:
        assert crd.drift(ROOT / "crds") == ""
        assert {path.name for path in (ROOT / "crds").iterdir()} == {
            f"{kind.plural}.yaml" for kind in crd.KINDS
        }

    def test_check_shows_the_difference_and_fails(self, tmp_path: Path) -> None:
        said: list[str] = []
        crd.main(["--out", str(tmp_path)])

        assert crd.main(["--check", "--out", str(tmp_path)], said.append) == 0
        (tmp_path / "scenarios.yaml").write_text("{}\n", encoding="utf-8")
        assert crd.main(["--check", "--out", str(tmp_path)], said.append) == 1
        assert "+kind: CustomResourceDefinition" in said[-1]

    def test_check_misses_no_missing_file(self, tmp_path: Path) -> None:
        assert crd.main(["--check", "--out", str(tmp_path)], lambda _: None) == 1

    def test_rendering_is_repeatable_and_without_anchors(self) -> None:
        for kind in crd.KINDS:
            assert crd.render(kind) == crd.render(kind)
            assert not re.search(r"[:-] [&*]id\d", crd.render(kind))


class Leaf(ApiModel):
    """A leaf."""

    size: Annotated[int, Field(ge=0)] = 1
    """How large."""


class Tree(ApiModel):
    """A tree of trees."""

    below: tuple["Tree", ...] = ()
    """What is below."""


class Either(ApiModel):
    """A union."""

    one: Leaf | Tree | None = None
    """One or the other."""


class Fraction(ApiModel):
    """A keyword that a CRD has in another form."""

    share: Annotated[int, Field(gt=0)] = 1
    """A share."""


class Optional(ApiModel):
    """An optional object with a description of its own."""

    leaf: Leaf | None = None
    """The leaf here."""


class TestGenerator:
    """What cannot be expressed is refused, not dropped."""

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            (Tree, "Tree contains itself"),
            (Either, "a union in .*one optional field per variant"),
            (Fraction, "exclusiveMinimum"),
        ],
    )
    def test_refuses(self, model: type[ApiModel], message: str) -> None:
        with pytest.raises(structural.SchemaError, match=message):
            structural.structural(model.model_json_schema())

    def test_what_the_field_says_wins_and_null_is_gone(self) -> None:
        assert structural.structural(Optional.model_json_schema()) == {
            "type": "object",
            "description": "An optional object with a description of its own.",
            "properties": {
                "leaf": {
                    "type": "object",
                    "description": "The leaf here.",
                    "properties": {
                        "size": {"type": "integer", "minimum": 0, "default": 1, "description": "How large."}
                    },
                }
            },
        }
