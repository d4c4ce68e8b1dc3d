"""From the JSON Schema of pydantic to a structural schema: references inlined, null gone, keywords of a CRD only."""

import copy
from typing import Final

from scenario_operator.api.common import JsonObject
from scenario_operator.api.nodes import walk

RULES: Final = "x-kubernetes-validations"
LIST_TYPE: Final = "x-kubernetes-list-type"
LIST_KEYS: Final = "x-kubernetes-list-map-keys"
INT_OR_STRING: Final = "x-kubernetes-int-or-string"

# Keywords of JSONSchemaProps that we use; anything else that pydantic emits is a mistake to be noticed here.
KEPT: Final = frozenset(
    {"type", "description", "default", "enum", "format", "pattern", "minimum", "maximum", "required"}
    | {"minLength", "maxLength", "minItems", "maxItems", "maxProperties"}
    | {RULES, LIST_TYPE, LIST_KEYS, INT_OR_STRING}
)
# Names of map entries are checked by CEL rules where it matters: a CRD has no `propertyNames`.
DROPPED: Final = frozenset({"title", "examples", "propertyNames"})


class SchemaError(Exception):
    """A model uses something that a CRD cannot express."""


def structural(schema: JsonObject) -> JsonObject:
    """Return a pydantic schema as a structural one: references inlined, null gone, known keywords only.

    Raises:
        SchemaError: the model is recursive, is a union, or uses a keyword that a CRD does not know.
    """
    return _node(schema, schema.get("$defs", {}), ())


def _node(schema: JsonObject, definitions: JsonObject, above: tuple[str, ...]) -> JsonObject:
    schema, above = _resolve(schema, definitions, above)
    schema = _respell(schema)
    if unknown := schema.keys() - KEPT - DROPPED - {"properties", "items", "additionalProperties", "$defs"}:
        raise SchemaError(f"a CRD cannot express {sorted(unknown)} in {above or 'the root'}")

    node = {key: copy.deepcopy(value) for key, value in schema.items() if key in KEPT}
    if "description" in node:
        node["description"] = " ".join(node["description"].split())
    # An object or list that is absent and one that is empty mean the same: only scalars show their default.
    if not isinstance(node.get("default"), str | int):
        node.pop("default", None)
    match schema:
        case {"properties": properties}:
            node["properties"] = {
                name: _node(child, definitions, above) for name, child in properties.items()
            }
        case {"items": dict(items)}:
            node["items"] = _node(items, definitions, above)
            node.setdefault(LIST_TYPE, "atomic")
        case {"additionalProperties": dict(values)}:
            node["additionalProperties"] = _node(values, definitions, above)
    return node


def _respell(schema: JsonObject) -> JsonObject:
    """Say in the words of a CRD what JSON Schema has other words for."""
    rest = {key: value for key, value in schema.items() if key not in {"const", "patternProperties"}}
    if "const" in schema:
        rest["enum"] = [schema["const"]]
    for values in schema.get("patternProperties", {}).values():
        rest["additionalProperties"] = values
    return rest


def _resolve(
    schema: JsonObject, definitions: JsonObject, above: tuple[str, ...]
) -> tuple[JsonObject, tuple[str, ...]]:
    """Follow references and `T | None`; what a field says wins over what its type says."""
    while "$ref" in schema or "anyOf" in schema:
        here = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf"}}
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/$defs/")
            if name in above:
                raise SchemaError(f"{name} contains itself, which a structural schema cannot express")
            above = (*above, name)
            target = definitions[name]
        else:
            choices = [choice for choice in schema["anyOf"] if choice.get("type") != "null"]
            if len(choices) != 1:
                raise SchemaError(
                    f"a union in {above or 'the root'}: use one optional field per variant and a CEL rule"
                )
            target = choices[0]
        both = [*target.get(RULES, []), *here.get(RULES, [])]
        schema = {**target, **here, **({RULES: both} if both else {})}
    return schema, above


def recorded(node: JsonObject) -> None:
    """Make a schema one for what we record: no rules, no defaults, lists replaced as a whole."""
    for each in walk(node):
        each.pop(RULES, None)
        each.pop("default", None)
        if each.get("type") == "array":
            each.pop(LIST_KEYS, None)
            each[LIST_TYPE] = "atomic"
