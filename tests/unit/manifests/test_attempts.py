"""Attempts are opened under names of ours, and only those are taken for attempts."""

from __future__ import annotations

import pytest
from tests.unit.manifests.build import SCENARIO

from scenario_operator.api import names
from scenario_operator.api.upgrade import ScenarioUpgrade
from scenario_operator.manifests.attempt import attempt_manifest, is_attempt


def test_an_attempt_for_all_runs_belongs_to_its_scenario_and_names_nobody() -> None:
    made = attempt_manifest(SCENARIO, "quake-watch-3", revision="quake-watch-r2", cause="Revision")

    assert made["spec"] == {
        "scenarioRef": {"name": "quake-watch"},
        "revision": "quake-watch-r2",
        "cause": "Revision",
    }
    assert made["metadata"]["labels"] == {
        names.LABEL_MANAGED_BY: names.CONTROLLER,
        names.LABEL_SCENARIO: "quake-watch",
    }
    [owner] = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Scenario", "uid-of-quake-watch", True)


def test_an_attempt_that_was_asked_for_says_who_asked_and_fits_its_schema() -> None:
    """Given a run beside the attempt and one elsewhere, then only the latter is written with its namespace."""
    here = {"name": "pacific", "uid": "u", "nonce": "1"}
    there = {"namespace": "other", "name": "atlantic", "uid": "v", "nonce": "1"}

    made = attempt_manifest(
        SCENARIO,
        "quake-watch-3",
        revision="quake-watch-r2",
        cause="Retry",
        only=("pacific", "other/atlantic"),
        asked=({"namespace": "team", **here}, there),
    )

    assert made["spec"]["runs"] == ["pacific", "other/atlantic"]
    assert made["spec"]["asked"] == [here, there]
    assert is_attempt(made)
    ScenarioUpgrade.read({**made, "metadata": {**made["metadata"], "uid": "u", "resourceVersion": "1"}})


@pytest.mark.parametrize(
    ("name", "ours"),
    [("s-1", True), ("s-12", True), ("s-01", False), ("s-x1", False), ("other-7", False), ("s", False)],
)
def test_an_attempt_is_known_by_a_name_that_we_give(name: str, ours: bool) -> None:
    assert is_attempt({"metadata": {"name": name}, "spec": {"scenarioRef": {"name": "s"}}}) is ours
