"""The author's word about an edge: the first match wins, and what nobody declared is Incompatible."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.planning.build import edge as entry
from tests.unit.planning.build import spec

from scenario_operator.api.scenario import Verdict
from scenario_operator.planning.compatibility import (
    Edge,
    edge,
    in_range,
    is_downgrade,
    is_range,
    is_version,
)

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def declared(*entries: dict[str, Any], **more: Any) -> Any:
    return spec("3.0.0", compatibility={"from": list(entries), **more})


@pytest.mark.parametrize(
    ("version", "expression", "inside"),
    [
        ("2.0.0", ">=2.0.0 <2.1.0", True),
        ("2.0.9", ">=2.0.0 <2.1.0", True),
        ("2.1.0", ">=2.0.0 <2.1.0", False),
        ("1.9.9", ">=2.0.0 <2.1.0", False),
        ("1.4.2", "^1.2.0", True),
        ("2.0.0", "^1.2.0", False),
        ("1.2.9", "~1.2.0", True),
        ("1.3.0", "~1.2.0", False),
        ("1.2.3", "1.x || 3.x", True),
        ("2.0.0", "1.x || 3.x", False),
        ("1.5.0", "1.2.0 - 2.0.0", True),
        ("1.2.3", "1.2.3", True),
        ("0.0.1", "*", True),
        ("1.0.0-rc.1", "*", False),
        ("1.0.0-rc.1", ">=1.0.0-rc.0", True),
    ],
)
def test_ranges_follow_npm(version: str, expression: str, inside: bool) -> None:
    assert in_range(version, expression) is inside


@pytest.mark.parametrize("label", ["v2", "2.0", "summer", "2026-01-01", "2.0.0.1"])
def test_a_label_that_is_no_version_lies_in_no_range(label: str) -> None:
    assert not is_version(label)
    assert not in_range(label, "*")
    assert not in_range(label, ">=0.0.0")


@pytest.mark.parametrize("expression", [">= 1.0.0", "latest", "<", "1.0.0 -"])
def test_an_expression_that_is_no_range_contains_nothing(expression: str) -> None:
    assert not is_range(expression)
    assert not in_range("1.0.0", expression)


def test_the_first_entry_that_matches_wins() -> None:
    found = declared(
        entry("Incompatible", versions="1.0.x"), entry("Compatible", versions="1.x", reversible=True)
    )
    assert edge(found, "1.0.5", OTHER) == Edge(Verdict.INCOMPATIBLE, reversible=False, entry=0)
    assert edge(found, "1.1.0", OTHER) == Edge(Verdict.COMPATIBLE, reversible=True, entry=1)


def test_an_entry_by_digest_is_about_that_artifact_whatever_its_label() -> None:
    found = declared(entry("Compatible", digest=DIGEST), entry("Incompatible", versions="*"))
    assert edge(found, "summer", DIGEST).verdict is Verdict.COMPATIBLE
    assert edge(found, "1.0.0", OTHER).verdict is Verdict.INCOMPATIBLE


def test_a_source_that_no_entry_matches_is_incompatible_unless_the_scenario_says_otherwise() -> None:
    assert edge(declared(), "1.0.0", DIGEST) == Edge(Verdict.INCOMPATIBLE, reversible=False, entry=-1)
    open_handed = declared(entry("Incompatible", versions="1.x"), undeclared="Compatible")
    assert edge(open_handed, "2.0.0", DIGEST) == Edge(Verdict.COMPATIBLE, reversible=False, entry=-1)
    assert edge(open_handed, "1.0.0", DIGEST).verdict is Verdict.INCOMPATIBLE


def test_reversible_is_not_assumed() -> None:
    assert not edge(declared(entry("Compatible")), "1.0.0", DIGEST).reversible


@pytest.mark.parametrize(
    ("source", "target", "down"),
    [
        ("2.0.0", "1.0.0", True),
        ("1.0.0", "2.0.0", False),
        ("1.10.0", "1.9.0", True),
        ("1.0.0", "1.0.0", False),
        ("1.0.0", "1.0.0-rc.1", True),
        ("1.0.0+b", "1.0.0+a", False),
        ("summer", "1.0.0", False),
        ("2.0.0", "winter", False),
    ],
)
def test_only_ordered_labels_make_a_downgrade(source: str, target: str, down: bool) -> None:
    assert is_downgrade(source, target) is down


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_makes_the_comparison_raise(version: str, expression: str) -> None:
    assert in_range(version, expression) in (True, False)
    assert is_range(expression) in (True, False)
    assert not (is_downgrade(version, expression) and is_downgrade(expression, version))
