"""Objects that the schemas of our CRDs admit, made by chance from the schemas themselves."""

import random
import re
from collections.abc import Iterator
from typing import Any

from scenario_operator.api import crd

SHA = "sha256:" + "ab" * 32
CANDIDATES = (
    "1.0.0",
    "a",
    "a-b",
    "Ab",
    "x9",
    "1Gi",
    SHA,
    "",
    "2026-01-31T12:00:00Z",
    "/data/x",
    "scenarios.dev/x",
)

BARE_ITEMS: dict[str, Any] = {
    "version": "1.0.0",
    "artifact": {"image": "r/x:1.0.0"},
    "state": {"version": "1", "volume": {"size": "1Gi"}},
    "parameters": [{"name": "threshold"}],
    "compatibility": {"from": [{"versions": "*", "verdict": "Compatible"}]},
    "workload": {
        "ports": [{"name": "http", "containerPort": 80}],
        "env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}},
        ],
        "envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "a"}}],
        "volumes": [
            {"name": "files", "configMap": {"name": "a"}},
            {"name": "keys", "secret": {"secretName": "a"}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "a"}},
        ],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    },
}
"""The spec of a Scenario with every kind of list item, and nothing in the items that may be left out."""

PARTS = {kind.name: crd.schema_of(kind)["properties"] for kind in crd.KINDS}


def example(schema: dict[str, Any], rng: random.Random, chance: float = 0.4) -> Any:
    """Return something that the schema admits; optional fields are there by chance."""
    match schema:
        case {"enum": values}:
            return rng.choice(values)
        case {"x-kubernetes-int-or-string": True}:
            return rng.choice([1, "1"])
        case {"type": "boolean"}:
            return rng.random() < 0.5
        case {"type": "integer"}:
            return rng.randint(schema.get("minimum", -1), min(schema.get("maximum", 100), 10**6))
        case {"type": "string"}:
            fit = [c for c in CANDIDATES if fits(c, schema)]
            return rng.choice(fit)
        case {"type": "array"}:
            count = rng.randint(schema.get("minItems", 0), 2)
            return [example(schema["items"], rng, chance) for _ in range(count)]
        case {"additionalProperties": values}:
            return {key: example(values, rng, chance) for key in ("a", "b") if rng.random() < chance}
    required = set(schema.get("required", []))
    return {
        name: example(child, rng, chance)
        for name, child in schema["properties"].items()
        if name in required or rng.random() < chance
    }


def fits(text: str, schema: dict[str, Any]) -> bool:
    return (
        schema.get("minLength", 0) <= len(text) <= schema["maxLength"]
        and re.search(schema.get("pattern", ""), text) is not None
    )


def refusals(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield where a value does not fit a schema."""
    match schema:
        case {"enum": values}:
            if value not in values:
                yield path, value
        case {"type": "string"}:
            if not isinstance(value, str) or not fits(value, schema):
                yield path, value
        case {"type": "array"}:
            for index, item in enumerate(value):
                yield from refusals(item, schema["items"], f"{path}[{index}]")
        case {"properties": properties}:
            yield from ((path, missing) for missing in set(schema.get("required", [])) - value.keys())
            for name, child in value.items():
                if name not in properties:
                    yield path, name
                else:
                    yield from refusals(child, properties[name], f"{path}.{name}")
