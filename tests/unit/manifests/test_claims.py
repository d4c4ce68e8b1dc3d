"""Claims carry what a run's status can be rebuilt from."""

from __future__ import annotations

import pytest
from tests.unit.manifests.build import RESULTS, RUN, published

from scenario_operator.api import names
from scenario_operator.manifests.claim import results_claim, state_claim


def test_a_state_claim_says_whose_it_is_and_what_it_may_hold() -> None:
    claim = state_claim(RUN, 2, published(), ("1", "2"))

    assert claim["metadata"]["name"] == "state-pacific-2-0"
    assert claim["metadata"]["labels"] == {
        names.LABEL_MANAGED_BY: names.CONTROLLER,
        names.LABEL_SCENARIO: "quake-watch",
        names.LABEL_RUN: "pacific",
        names.LABEL_RUN_UID: "uid-of-pacific",
        names.LABEL_INCARNATION: "2",
        names.LABEL_COMPONENT: "state",
    }
    assert claim["metadata"]["annotations"] == {
        names.ANNOTATION_STATE_FORMATS: '["1","2"]',
        names.LABEL_REVISION: "quake-watch-r1",
    }
    assert [owner["uid"] for owner in claim["metadata"]["ownerReferences"]] == ["uid-of-pacific"]


def test_a_state_claim_asks_for_the_volume_of_its_revision() -> None:
    assert state_claim(RUN, 2, published(), ("1",))["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }


def test_the_results_claim_belongs_to_no_incarnation() -> None:
    claim = results_claim(RUN, published(results=RESULTS))

    assert claim["metadata"]["name"] == "results-pacific"
    assert names.LABEL_INCARNATION not in claim["metadata"]["labels"]
    assert names.ANNOTATION_STATE_FORMATS not in claim["metadata"]["annotations"]
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOncePod"],
        "resources": {"requests": {"storage": "2Gi"}},
        "storageClassName": "fast",
    }


def test_a_revision_without_volumes_has_no_claims() -> None:
    with pytest.raises(ValueError, match="no state volume"):
        state_claim(RUN, 2, published(state={"version": "1"}), ("1",))
    with pytest.raises(ValueError, match="no results"):
        results_claim(RUN, published())
