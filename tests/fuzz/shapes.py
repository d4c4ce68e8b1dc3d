"""hypothesis strategies for whatever a schema of our CRDs admits, made from the schemas themselves.

CEL rules are not applied, so what is made here is more than the API server takes: an object may be older than a rule.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from scenario_operator.api.journal import Kind
from scenario_operator.api.outcomes import Outcome
from tests.unit.api.samples import CANDIDATES, fits

Shape = st.SearchStrategy[Any]
TIMES = (
    "2026-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00.123456789+05:30",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-05:00",
    "0000-00-00T00:00:00Z",
)
MOMENTS = st.datetimes(max_value=datetime(9999, 12, 31)).map(lambda moment: f"{moment.isoformat()}Z")  # noqa: DTZ001
RANGES = (">=1.0.0 - <2.0.0", "1 - ^2", "*", "", ">=1.0.0 <2.0.0", "||", "~x", "latest")
NAMES = (
    "s",
    "x",
    "a",
    "b",
    "ns",
    "ns/a",
    "s-1",
    "s-2",
    "s-r1",
    "s-r2",
    "a-1",
    "uid-a",
    "uid-b",
    "uid-s",
    "p1",
    "²",
)
WORDS = (
    *(kind.value for kind in Kind),
    *(outcome.value for outcome in Outcome),
    *(
        "Upgrade",
        "Recompute",
        "Start",
        "Running",
        "Held",
        "AwaitingApproval",
        "Same",
        "At",
        "StoppedAt",
        "Lookback",
    ),
    *(
        "Ready",
        "Valid",
        "ActionRequired",
        "True",
        "startFrom",
        "notificationsFrom",
        "RollBack",
        "Hold",
        "Always",
    ),
)
FACTS = (
    "window",
    "atRisk",
    "stop:a",
    "hook:a",
    "deleted:a",
    "null",
    "{}",
    "[]",
    "7",
    "nope",
    '{"a":[1]}',
)
KNOWN = (
    *CANDIDATES,
    *TIMES,
    *RANGES,
    *NAMES,
    *WORDS,
    *FACTS,
    "2.0.0",
    "1.0.0-rc.1",
    "1",
    "\x1b[31m$(id)",
    "{" * 40,
)


def shape(schema: dict[str, Any]) -> Shape:
    """Return the strategy of everything that a schema admits; optional fields are there or not."""
    match schema:
        case {"enum": values}:
            return st.sampled_from(values)
        case {"x-kubernetes-int-or-string": True}:
            return st.sampled_from([0, 1, 70000, "1", "http", "10Gi"])
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "integer"}:
            return _integers(schema)
        case {"type": "string"}:
            return _texts(schema)
        case {"type": "array"}:
            fewest = schema.get("minItems", 0)
            return st.lists(shape(schema["items"]), min_size=fewest, max_size=max(fewest, 2))
        case {"additionalProperties": values}:
            return st.dictionaries(st.sampled_from(["a", "b", "x.y"]), shape(values), max_size=2)
    required = set(schema.get("required", ()))
    fields = {name: shape(child) for name, child in schema.get("properties", {}).items()}
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )


def _integers(schema: dict[str, Any]) -> Shape:
    low, high = schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1)
    likely = [n for n in (0, 1, 2, low, high) if low <= n <= high]
    return st.one_of(st.sampled_from(likely), st.integers(low, high))


def _texts(schema: dict[str, Any]) -> Shape:
    """Return known words that fit, and others: of a pattern what matches it, else any text."""
    if schema.get("format") == "date-time":
        return st.one_of(st.just(TIMES[0]), MOMENTS, st.sampled_from(TIMES))
    known = [text for text in KNOWN if fits(text, schema)]
    pattern = schema.get("pattern")
    longest = min(schema["maxLength"], 64)
    made = (
        st.from_regex(pattern, fullmatch=True).filter(lambda text: fits(text, schema))
        if pattern
        else st.text(min_size=schema.get("minLength", 0), max_size=longest)
    )
    return st.one_of(st.sampled_from(known), made) if known else made
