"""Pages that are made from the code are up to date, and say everything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from docs import pages, reasons
from docs.pages import DOCS, ROOT
from scenario_operator.api.conditions import ConditionType
from scenario_operator.api.crd import KINDS, schema_of
from scenario_operator.api.reasons import Reason


def test_the_generated_pages_are_up_to_date() -> None:
    """`python tools/docs` would change nothing."""
    assert pages.drift() == ""


def test_a_page_that_differs_is_shown_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given pages with one stale line, when checked, then the difference and the command are told."""
    pages.write(tmp_path)
    (tmp_path / "reasons.md").write_text("stale\n", encoding="utf-8")
    difference = pages.drift(tmp_path)
    assert "-stale" in difference
    assert "docs/reasons.md" in difference
    said: list[str] = []
    monkeypatch.setattr(pages, "drift", lambda: difference)
    assert pages.main(["--check"], said.append) == 1
    assert said[-1].endswith("run: python tools/docs\n")


def test_the_command_runs_from_the_root_without_a_path() -> None:
    """As `make check` and a person call it."""
    done = subprocess.run(
        [sys.executable, "tools/docs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_documented_with_meaning_and_remedy(reason: Reason) -> None:
    """One row each."""
    rows = [line for line in reasons.render().splitlines() if line.startswith(f"| `{reason.value}` |")]
    assert rows == [f"| `{reason.value}` | {reason.meaning} | {reason.remedy} |"]


def test_the_sections_of_the_reasons_hold_all_of_them() -> None:
    """A member under no heading would be lost from the page."""
    listed = [reason for members in reasons.sections().values() for reason in members]
    assert listed == list(Reason)
    assert "" not in reasons.sections()


def test_no_reason_is_in_the_list_that_nothing_states() -> None:
    """Reasons named as members, as words of plans, and by a policy of the chart count as stated."""
    assert set(Reason) - reasons.used() == set()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_reference_names_every_field_of_a_kind(kind: object) -> None:
    """Down to the leaves, but for what is Kubernetes' own."""
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    schema = schema_of(kind)  # type: ignore[arg-type]
    for part in ("spec", "status"):
        for name in schema["properties"].get(part, {}).get("properties", {}):
            assert f"| `{part}.{name}` |" in text


@pytest.mark.parametrize("condition", ConditionType)
def test_every_condition_is_explained(condition: ConditionType) -> None:
    """In the table of types of docs/conditions.md."""
    text = (DOCS / "conditions.md").read_text(encoding="utf-8")
    assert f"\n| `{condition.value}` |" in text


TROUBLE = (
    "Gates and wishes of people",
    "A plan cannot be made or begun",
    "A plan fails",
    "The Scenario cannot be used",
)


@pytest.mark.parametrize(
    "reason", [r for s in TROUBLE for r in reasons.sections()[s] if r in reasons.used()], ids=str
)
def test_the_engineer_on_call_finds_every_reason_of_trouble(reason: Reason) -> None:
    """docs/what-can-happen.md says what it means and what to do."""
    text = (DOCS / "what-can-happen.md").read_text(encoding="utf-8")
    assert reason.value in text
