"""Which keys a change wakes."""

from typing import Any

import pytest

from scenario_operator.api import names
from scenario_operator.cluster.keys import BY_RUN, BY_SCENARIO, Key, all_keys, indices, keys_of
from scenario_operator.cluster.kinds import (
    CHILD_KINDS,
    POD,
    RUN,
    SCENARIO,
    STRATEGY,
    UPGRADE,
    WATCHED_KINDS,
    JsonObject,
    ResourceKind,
)
from scenario_operator.cluster.store import NOTHING, Store, StoreChange, filed


def obj(
    kind: ResourceKind, name: str, *, namespace: str = "ns", labels: Any = None, **body: Any
) -> JsonObject:
    metadata = {"uid": f"{kind}/{name}", "name": name, "namespace": namespace, "resourceVersion": "1"}
    if labels:
        metadata["labels"] = labels
    return {"metadata": metadata, **body}


def woken(
    kind: ResourceKind, after: JsonObject, before: JsonObject | None = None, store: Store | None = None
) -> set[Key]:
    return keys_of(kind, StoreChange(before, after), store or Store())


def test_a_scenario_wakes_itself() -> None:
    assert woken(SCENARIO, obj(SCENARIO, "s")) == {Key("scenario", "ns", "s")}


def test_a_run_wakes_itself_and_its_scenario_wherever_that_lives() -> None:
    near = obj(RUN, "r", spec={"scenarioRef": {"name": "s"}})
    far = obj(RUN, "r", spec={"scenarioRef": {"name": "s", "namespace": "library"}})

    assert woken(RUN, near) == {Key("run", "ns", "r"), Key("scenario", "ns", "s")}
    assert woken(RUN, far) == {Key("run", "ns", "r"), Key("scenario", "library", "s")}


def test_a_deleted_run_wakes_its_scenario_too() -> None:
    gone = StoreChange(obj(RUN, "r", spec={"scenarioRef": {"name": "s"}}), None)

    assert keys_of(RUN, gone, Store()) == {Key("run", "ns", "r"), Key("scenario", "ns", "s")}


@pytest.mark.parametrize("kind", CHILD_KINDS, ids=str)
def test_what_a_run_owns_wakes_the_run_and_nothing_else(kind: ResourceKind) -> None:
    labels = {names.LABEL_RUN: "r", names.LABEL_SCENARIO: "s"}

    assert woken(kind, obj(kind, "x", labels=labels)) == {Key("run", "ns", "r")}


def test_what_belongs_to_no_run_wakes_its_scenario() -> None:
    assert woken(POD, obj(POD, "probe", labels={names.LABEL_SCENARIO: "s"})) == {Key("scenario", "ns", "s")}


def test_what_has_no_label_wakes_nobody() -> None:
    assert woken(POD, obj(POD, "x")) == set()


def upgrade(*active: str, **spec: Any) -> JsonObject:
    entries = [{"id": grant, "namespace": "ns", "name": f"run-{grant}"} for grant in active]
    return obj(UPGRADE, "s-1", spec={"scenarioRef": {"name": "s"}, **spec}, status={"active": entries})


def test_an_attempt_wakes_only_newly_granted_runs() -> None:
    assert woken(UPGRADE, upgrade("1", "2"), upgrade("1")) == {
        Key("scenario", "ns", "s"),
        Key("run", "ns", "run-2"),
    }
    assert woken(UPGRADE, upgrade("1"), upgrade("1", "2")) == {Key("scenario", "ns", "s")}


@pytest.mark.parametrize("change", [{"suspend": True}, {"abort": "uid"}, {"skipRevert": True}], ids=str)
def test_what_people_tell_an_attempt_wakes_all_its_active_runs(change: dict[str, Any]) -> None:
    assert woken(UPGRADE, upgrade("1", "2", **change), upgrade("1", "2")) == {
        Key("scenario", "ns", "s"),
        Key("run", "ns", "run-1"),
        Key("run", "ns", "run-2"),
    }


def test_an_approval_wakes_no_run() -> None:
    approved = upgrade("1", approvals=[{"planHash": "h"}])

    assert woken(UPGRADE, approved, upgrade("1")) == {Key("scenario", "ns", "s")}


def test_a_strategy_wakes_the_scenarios_and_runs_that_name_it() -> None:
    store = Store()
    uses = {"upgrade": {"strategyRef": {"name": "careful"}}}
    store.offer(SCENARIO, None, obj(SCENARIO, "uses", spec=uses))
    store.offer(SCENARIO, None, obj(SCENARIO, "inline", spec={"upgrade": {"strategy": {}}}))
    store.offer(SCENARIO, None, obj(SCENARIO, "elsewhere", namespace="other", spec=uses))
    overriding = {"scenarioRef": {"name": "of-run"}, "strategyRef": {"name": "careful"}}
    store.offer(RUN, None, obj(RUN, "r", spec=overriding))

    assert woken(STRATEGY, obj(STRATEGY, "careful"), store=store) == {
        Key("scenario", "ns", "uses"),
        Key("scenario", "ns", "of-run"),
        Key("run", "ns", "r"),
    }


def test_old_news_wakes_nobody() -> None:
    assert keys_of(RUN, NOTHING, Store()) == set()


@pytest.mark.parametrize("kind", WATCHED_KINDS, ids=str)
@pytest.mark.parametrize(
    "body", [{}, {"spec": None, "status": None}, {"spec": {"scenarioRef": "s"}}], ids=str
)
def test_an_odd_object_does_no_harm(kind: ResourceKind, body: dict[str, Any]) -> None:
    woken(kind, obj(kind, "odd", **body), obj(kind, "odd"))


def test_the_periodic_pass_has_every_scenario_and_run() -> None:
    store = Store()
    store.offer(SCENARIO, None, obj(SCENARIO, "s"))
    store.offer(RUN, None, obj(RUN, "r"))
    store.offer(POD, None, obj(POD, "p"))

    assert list(all_keys(store)) == [Key("scenario", "ns", "s"), Key("run", "ns", "r")]


def test_runs_attempts_and_children_are_filed_by_what_they_belong_to() -> None:
    store = Store(indices=indices(WATCHED_KINDS))
    store.offer(RUN, None, obj(RUN, "r", spec={"scenarioRef": {"name": "s", "namespace": "library"}}))
    store.offer(UPGRADE, None, upgrade())
    store.offer(POD, None, obj(POD, "p", labels={names.LABEL_RUN: "r"}))

    def found(kind: ResourceKind, index: str, namespace: str, value: str) -> list[str]:
        return [o["metadata"]["name"] for o in store.indexed(kind, index, filed(namespace, value))]

    assert found(RUN, BY_SCENARIO, "library", "s") == ["r"]
    assert found(UPGRADE, BY_SCENARIO, "ns", "s") == ["s-1"]
    assert found(POD, BY_RUN, "ns", "r") == ["p"]


def a_pod_on(claim: str) -> JsonObject:
    volume = {"name": "x", "persistentVolumeClaim": {"claimName": claim}}
    return {"metadata": {"name": "mover", "namespace": "ns", "uid": "m"}, "spec": {"volumes": [volume]}}


@pytest.mark.parametrize(
    ("claim", "woken"),
    [
        ("state-r-1-0", True),
        ("results-r", True),
        ("state-other-1-0", False),
        ("r", False),
        ("state-r", False),
    ],
)
def test_a_pod_of_somebody_wakes_the_run_whose_claim_it_mounts(claim: str, woken: bool) -> None:
    """Given a backup's pod, when it comes or goes, then the run that must not stop or start beside it looks again."""
    store = Store(indices=indices(WATCHED_KINDS))
    store.offer(RUN, None, {"metadata": {"name": "r", "namespace": "ns", "uid": "r", "resourceVersion": "1"}})
    change = StoreChange(a_pod_on(claim), None)
    assert keys_of(POD, change, store) == ({Key("run", "ns", "r")} if woken else set())


def test_pods_are_filed_by_the_claims_that_they_mount() -> None:
    store = Store(indices=indices(WATCHED_KINDS))
    store.offer(POD, None, a_pod_on("state-r-1-0"))
    assert len(store.indexed(POD, "claim", "ns/state-r-1-0")) == 1
