"""The nodes of a structural schema: how to walk over them, and where a default may stand."""

from scenario_operator.api.common import JsonObject


def walk(node: JsonObject) -> list[JsonObject]:
    """Return a schema node and everything below it."""
    below = [*node.get("properties", {}).values()]
    below += [node[key] for key in ("items", "additionalProperties") if isinstance(node.get(key), dict)]
    return [node] + [found for child in below for found in walk(child)]


def tell_defaults_below_lists(node: JsonObject) -> None:
    """Below lists say a default in the description instead of having the API server fill it in.

    Tools that compare what was applied with what lives take a list for one value: an item that was filled in would
    look like somebody's edit for ever. The models apply the default when they read.
    """
    lists = [each["items"] for each in walk(node) if each.get("type") == "array"]
    for each in (below for items in lists for below in walk(items) if "default" in below):
        default = each.pop("default")
        told = str(default).lower() if isinstance(default, bool) else default
        each["description"] = f"{each['description']} Absent means {told}."
