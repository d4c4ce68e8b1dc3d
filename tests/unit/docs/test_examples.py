"""Every YAML block is YAML, and every object of ours in it is one that the operator would take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import yaml

from docs import prose
from scenario_operator.api import names
from scenario_operator.api.crd import KINDS, schema_of

JsonObject = dict[str, Any]
MODELS = {kind.name: kind for kind in KINDS}
MANIFESTS = sorted(prose.ROOT.glob("examples/*/manifests/*.yaml"))


class Shown(NamedTuple):
    """One object that is shown somewhere."""

    where: str
    body: JsonObject


def shown() -> Iterator[Shown]:
    """Return every YAML document of the pages and of the examples."""
    for page in prose.pages():
        for block in prose.blocks(page):
            if block.language == "yaml":
                where = f"{page.relative_to(prose.ROOT)}:{block.line}"
                yield from (Shown(where, body) for body in yaml.safe_load_all(block.text) if body)
    for path in MANIFESTS:
        documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
        yield from (Shown(str(path.relative_to(prose.ROOT)), body) for body in documents if body)


OURS = [each for each in shown() if each.body.get("apiVersion", "").startswith(names.GROUP)]


def test_the_pages_show_a_scenario_a_run_and_a_strategy() -> None:
    """What the other tests look at is there."""
    kinds = {(each.where.split(":")[0], each.body["kind"]) for each in OURS}
    assert ("README.md", names.SCENARIO) in kinds
    assert {("docs/tutorial.md", names.SCENARIO), ("docs/tutorial.md", names.RUN)} <= kinds
    assert ("docs/strategies.md", names.STRATEGY) in kinds


@pytest.mark.parametrize("each", OURS, ids=lambda each: f"{each.where} {each.body['kind']}")
def test_an_object_that_is_shown_is_valid(each: Shown) -> None:
    """It fits the model, and sets no field that the schema does not know."""
    assert each.body["apiVersion"] == names.API_VERSION
    kind = MODELS[each.body["kind"]]
    kind.model.read(each.body)
    assert unknown(schema_of(kind)["properties"]["spec"], each.body["spec"], "spec") == []


def unknown(schema: JsonObject, value: Any, path: str) -> list[str]:
    """Return the paths that a schema does not know; the API server would prune or refuse them."""
    if isinstance(value, list):
        return [found for item in value for found in unknown(schema.get("items", {}), item, f"{path}[]")]
    if not isinstance(value, dict):
        return []
    if "additionalProperties" in schema:
        more = schema["additionalProperties"]
        return [found for key, item in value.items() for found in unknown(more, item, f"{path}.{key}")]
    known = schema.get("properties", {})
    wrong = [f"{path}.{key}" for key in value if key not in known]
    below = [unknown(known[key], item, f"{path}.{key}") for key, item in value.items() if key in known]
    return wrong + [found for each in below for found in each]


def test_a_field_that_nobody_knows_is_found() -> None:
    """Given a misspelt field deep down, then it is told with its path."""
    schema = schema_of(MODELS[names.SCENARIO])["properties"]["spec"]
    spec = {"version": "1.0.0", "workload": {"env": [{"name": "A", "vlaue": "b"}]}}
    assert unknown(schema, spec, "spec") == ["spec.workload.env[].vlaue"]
