"""The health script that docs/operations.md shows for Argo CD, run by the Lua (5.1) that Argo CD speaks."""

from __future__ import annotations

from typing import Any

import pytest
from lupa import lua51
from tests.unit.gitops.rows import GENERATION, Row, body, objects, rows
from tests.unit.gitops.test_kstatus import name

from docs import prose
from scenario_operator.api import names

JsonObject = dict[str, Any]
HEALTH = {"Current": "Healthy", "InProgress": "Progressing", "Failed": "Degraded"}
"""What Argo CD calls what kstatus says."""


def script() -> str:
    """Return the one Lua script of the page."""
    [block] = [b for b in prose.blocks(prose.ROOT / "docs" / "operations.md") if b.language == "lua"]
    return block.text


def health(obj: JsonObject) -> JsonObject:
    """Return what the script says of an object."""
    runtime = lua51.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    check = runtime.execute(f"return function(obj)\n{script()}\nend")
    return dict(check(runtime.table_from(obj, recursive=True)))


@pytest.mark.parametrize("row", rows(), ids=name)
def test_argo_cd_is_told_what_kstatus_says(row: Row) -> None:
    """Given objects of every row of the conditions, then the script agrees with the column, and says something."""
    for obj in objects(row):
        found = health(obj)
        assert found["status"] == HEALTH[row.cells["kstatus"]], obj["status"]
        assert isinstance(found["message"], str)


def test_what_was_said_of_an_older_generation_is_no_answer() -> None:
    """Given a Scenario that was Stalled, when a new commit was just applied, then it is in progress."""
    stalled = {"type": "Stalled", "status": "True", "message": "image is missing"}
    written = {"observedGeneration": GENERATION, "conditions": [stalled]}
    assert health(body(names.SCENARIO, written)) == {"status": "Degraded", "message": "image is missing"}
    assert health(body(names.SCENARIO, written, GENERATION + 1))["status"] == "Progressing"


@pytest.mark.parametrize("written", [None, {}, {"observedGeneration": GENERATION}])
def test_an_object_without_conditions_is_in_progress(written: JsonObject | None) -> None:
    obj = body(names.RUN, written or {})
    if written is None:
        del obj["status"]
    assert health(obj)["status"] == "Progressing"


def test_an_object_that_is_being_deleted_is_in_progress_and_says_so() -> None:
    dying = body(names.RUN, {"observedGeneration": GENERATION})
    dying["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert health(dying) == {"status": "Progressing", "message": "being deleted"}
