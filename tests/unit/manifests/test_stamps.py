"""Stamps are read back as they were written, and what is not a stamp is not taken for one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.manifests.build import PARAMETERS, RUN, WINDOW, published, rendered

from scenario_operator.api import names
from scenario_operator.manifests.claim import formats_annotation, read_formats, state_claim
from scenario_operator.manifests.drift import changed_by_others, drifted
from scenario_operator.manifests.stamp import Template, read_stamp, stamp_annotations
from scenario_operator.planning.windows import Window

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
BOUND = st.none() | st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
STAMPS = st.builds(
    Template,
    revision=TEXT,
    window=st.builds(Window, BOUND, BOUND, BOUND),
    parameters=st.dictionaries(TEXT, TEXT, max_size=5).map(lambda found: tuple(sorted(found.items()))),
)


def stamped(annotations: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": "x", "annotations": annotations}}


@given(STAMPS)
def test_a_template_stamp_is_read_back_as_it_was_written(stamp: Template) -> None:
    assert read_stamp(stamped(stamp_annotations(stamp, 1))) == stamp


def test_a_rendered_workload_tells_what_it_was_rendered_from() -> None:
    assert read_stamp(rendered(published())) == Template("quake-watch-r1", WINDOW, PARAMETERS)


BOTTOMLESS = "[" * 100_000
"""Fits into an annotation, and is nested deeper than any parser follows."""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "1",
        "{}",
        "null",
        '{"revision":"r","window":[],"parameters":{}}',
        '{"revision":[],"window":{},"parameters":{}}',
        '{"revision":"r","window":{"startFrom":{}},"parameters":{}}',
        '{"revision":"r","window":{},"parameters":{"a":7}}',
        BOTTOMLESS,
    ],
    ids=lambda text: text[:50],
)
def test_what_is_not_a_template_stamp_is_not_taken_for_one(text: str) -> None:
    """Given a stamp that somebody has edited, then it is none, and neither reading it nor what rests on it raises."""
    workload = stamped({names.ANNOTATION_TEMPLATE: text, names.ANNOTATION_RENDERER: "1"})
    assert read_stamp(workload) is None
    assert not changed_by_others(workload, RUN, 1, {"r": published()}, 1)


def test_a_run_context_that_somebody_has_edited_is_a_difference_and_nothing_more() -> None:
    workload = rendered(published())
    edited = copy.deepcopy(workload)
    edited["spec"]["template"]["metadata"]["annotations"][names.ANNOTATION_RUN_CONTEXT] = BOTTOMLESS
    assert drifted(edited, workload)


def test_a_workload_without_annotations_has_no_stamp() -> None:
    assert read_stamp({"metadata": {"name": "x"}}) is None


@given(st.lists(TEXT, min_size=1, max_size=5).map(tuple))
def test_formats_are_read_back_as_they_were_written(formats: tuple[str, ...]) -> None:
    claim = state_claim(RUN, 2, published(), formats)

    assert read_formats(claim) == formats
    assert read_formats(stamped(formats_annotation(formats))) == formats


@pytest.mark.parametrize(
    "text", ["", "[]", "1", "{}", "[1]", "null", "nonsense", BOTTOMLESS], ids=lambda text: text[:50]
)
def test_a_claim_without_a_readable_stamp_is_not_taken_for_one_that_everybody_accepts(text: str) -> None:
    assert read_formats(stamped({names.ANNOTATION_STATE_FORMATS: text})) is None
