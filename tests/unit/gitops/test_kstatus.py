"""What Flux, Helm and others that wait make of our objects: their own program says it, of every row of the page."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from tests.unit.gitops.rows import GENERATION, RUNS, SCENARIOS, UNSEEN, Row, body, objects, rows

from beds import toolchain
from scenario_operator.api import names

JsonObject = dict[str, Any]


def verdicts(found: list[JsonObject]) -> list[str]:
    """Return what kstatus says of each object."""
    program = toolchain.binary("kstatus")
    assert program.exists(), "there is no kstatus; run: tools/bed build --for helm"
    done = subprocess.run([program], input=json.dumps(found), capture_output=True, text=True, check=True)
    return [each["status"] for each in json.loads(done.stdout)]


def conditions(obj: JsonObject) -> dict[str, tuple[str, str]]:
    """Return status and reason by condition."""
    return {c["type"]: (c["status"], c["reason"]) for c in obj["status"].get("conditions") or ()}


def name(row: Row) -> str:
    """Name a row in the list of tests."""
    return f"{row.kind}: {row.situation}"


def test_the_page_has_the_rows_that_are_tried_here_and_no_others() -> None:
    shown = {kind: {r.situation for r in rows() if r.kind == kind} for kind in (names.RUN, names.SCENARIO)}
    assert shown == {names.RUN: {UNSEEN, *RUNS}, names.SCENARIO: {UNSEEN, *SCENARIOS}}
    assert len([r for r in rows() if r.kind == names.UPGRADE]) >= 7


@pytest.mark.parametrize("row", rows(), ids=name)
def test_tools_that_wait_judge_a_row_as_the_page_says(row: Row) -> None:
    """Given objects of a row, as the operator writes them, then kstatus says of each what stands in the table."""
    found = objects(row)
    assert found
    for obj, verdict in zip(found, verdicts(found), strict=True):
        assert verdict == row.cells["kstatus"], conditions(obj)


@pytest.mark.parametrize("row", [r for r in rows() if r.situation != UNSEEN], ids=name)
def test_an_object_of_a_row_says_what_the_row_says(row: Row) -> None:
    """Given objects of a row, then Ready, what goes with it and the phase are those of the table."""
    stated, _, reasons = row.cells["Ready"].partition("(")
    for obj in objects(row):
        told = conditions(obj)
        status, reason = told["Ready"]
        assert status == stated
        assert reason in reasons.strip(")") or "…" in reasons or reasons == "reason)"
        for word in ("Reconciling", "Stalled"):
            assert (word in told) is row.cells["also"].startswith(word), told
        if "phase" in row.cells:
            assert obj["status"]["phase"] in row.cells["phase"]
        if "ActionRequired" in row.cells["also"]:
            assert told["ActionRequired"][0] == "True"
        if "also" in row.cells and " RolledBack, ActionRequired" in row.cells["also"]:
            assert told["RolledBack"] == ("True", "RolledBack")


def test_an_object_that_is_being_deleted_is_neither_ready_nor_failed() -> None:
    dying = body(names.RUN, {"observedGeneration": GENERATION})
    dying["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert verdicts([dying]) == ["Terminating"]


def test_a_strategy_has_no_status_and_is_current() -> None:
    strategy = body(names.STRATEGY, {})
    del strategy["status"]
    assert verdicts([strategy]) == ["Current"]
