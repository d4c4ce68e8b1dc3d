"""What is absent from an item of a list means what the API server once filled in: nothing of ours tells the two apart.

Objects that were stored while the schemas had such defaults hold them still.
"""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from tests.unit.api.samples import BARE_ITEMS, PARTS, example
from tests.unit.manifests.build import rendered

from scenario_operator.api import crd, names, nodes
from scenario_operator.api.common import canonical
from scenario_operator.api.scenario import Scenario, ScenarioSpec
from scenario_operator.planning.revision import Artifact, Revision, content_hash, make, snapshot

JsonObject = dict[str, Any]
DEFAULTED: JsonObject = crd.structural(Scenario.model_json_schema(mode="validation", by_alias=True))[
    "properties"
]["spec"]
"""The schema of the spec before defaults are taken out of it."""
ARTIFACT = Artifact("r/x@sha256:1", "sha256:1")


def filled(value: Any, schema: JsonObject, *, listed: bool = False) -> Any:
    """Return a value as the API server stored it when the items of lists had defaults."""
    if isinstance(value, list):
        return [filled(item, schema["items"], listed=True) for item in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    known: JsonObject = schema["properties"]
    there = {key: filled(item, known[key], listed=listed) for key, item in value.items()}
    absent = {key: node["default"] for key, node in known.items() if "default" in node and key not in value}
    return {**there, **absent} if listed else there


def revision(spec: JsonObject) -> Revision:
    """Return the revision that is published of a spec."""
    return make("x-r1", 1, ScenarioSpec.model_validate(spec), ARTIFACT)


def test_every_default_of_an_item_is_tried_here() -> None:
    """Given a spec with every kind of item and nothing optional in it, then each default is one that was filled in."""
    before = filled(copy.deepcopy(BARE_ITEMS), DEFAULTED)
    gone = [node for node in nodes.walk(DEFAULTED) if node.get("type") == "array"]
    defaults = {id(n) for items in gone for n in nodes.walk(items["items"]) if "default" in n}
    assert len(defaults) == _more(before, BARE_ITEMS) > 10


def _more(one: Any, other: Any) -> int:
    """Count the fields that one object has more than the other."""
    if isinstance(one, list):
        return sum(_more(a, b) for a, b in zip(one, other, strict=True))
    if not isinstance(one, dict):
        return 0
    return len(one.keys() - other.keys()) + sum(_more(one[key], other[key]) for key in other)


def test_hashes_and_pods_are_those_of_the_object_that_was_filled_in() -> None:
    """Given the same Scenario stored with and without defaults in its items, then no run would be restarted."""
    old, new = revision(filled(BARE_ITEMS, DEFAULTED)), revision(BARE_ITEMS)
    assert (old.logic_hash, old.config_hash) == (new.logic_hash, new.config_hash)
    assert content_hash(old.spec, ARTIFACT) == content_hash(new.spec, ARTIFACT)
    assert snapshot(old.spec) == snapshot(new.spec)
    assert rendered(old) == rendered(new)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_schema_admits_is_hashed_the_same(seed: int) -> None:
    """Given any spec, when the API server had filled its items in, then its canonical form is the same."""
    spec = example(PARTS[names.SCENARIO]["spec"], random.Random(seed), 0.6)  # noqa: S311
    assert canonical(ScenarioSpec.model_validate(filled(spec, DEFAULTED))) == canonical(
        ScenarioSpec.model_validate(spec)
    )
