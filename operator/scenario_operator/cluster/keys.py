"""What has to be looked at when an object changes.

A change names keys; what to do about them is decided from the world, so a wrong or missing key here costs
time (the periodic pass finds everything), never correctness.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from scenario_operator.api import names
from scenario_operator.cluster.kinds import (
    OWN_KINDS,
    POD,
    RUN,
    SCENARIO,
    STRATEGY,
    UPGRADE,
    JsonObject,
    ResourceKind,
)
from scenario_operator.cluster.store import Index, Store, StoreChange, by_label, filed


class Key(NamedTuple):
    """One unit of reconciling: a Scenario with its attempts, or one run with all it owns."""

    kind: Literal["scenario", "run"]
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


#: Index names of `indices()`.
BY_SCENARIO = "scenario"
BY_RUN = "run"
BY_CLAIM = "claim"


def keys_of(kind: ResourceKind, change: StoreChange, store: Store) -> set[Key]:
    """The keys to wake for one change; total, so that an odd object can never stop the watch."""
    obj = change.after or change.before
    if obj is None or not change.is_news:
        return set()
    if kind == SCENARIO:
        return {_key("scenario", obj)}
    if kind == RUN:
        return {_key("run", obj), *_scenario_of_run(obj)}
    if kind == UPGRADE:
        return {*_scenario_of_upgrade(obj), *_runs_of_upgrade(change)}
    if kind == STRATEGY:
        return set(_users_of_strategy(obj, store))
    if kind == POD:
        return {*_keys_of_child(obj), *_runs_mounted(obj, store)}
    return set(_keys_of_child(obj))


def all_keys(store: Store) -> Iterator[Key]:
    """Every key there is, for the periodic pass; a pod that is held may outlive its run, and is let go then."""
    for obj in store.items(SCENARIO):
        yield _key("scenario", obj)
    for obj in store.items(RUN):
        yield _key("run", obj)
    for obj in store.items(POD):
        if names.FINALIZER_REPORT in (obj["metadata"].get("finalizers") or ()):
            yield from _keys_of_child(obj)


def indices(kinds: Iterable[ResourceKind]) -> dict[ResourceKind, dict[str, Index]]:
    """How the store files objects: runs and attempts by their Scenario, children by run and by Scenario.

    Pods also by the claims that they mount, whoever made them.
    """
    own: dict[ResourceKind, dict[str, Index]] = {
        RUN: {BY_SCENARIO: _index(_scenario_of_run)},
        UPGRADE: {BY_SCENARIO: _index(_scenario_of_upgrade)},
    }
    children = {BY_RUN: by_label(names.LABEL_RUN), BY_SCENARIO: by_label(names.LABEL_SCENARIO)}
    own[POD] = {**children, BY_CLAIM: _by_claim}
    return {kind: own.get(kind, {} if kind in OWN_KINDS else children) for kind in kinds}


def _index(keys: Any) -> Index:
    return lambda obj: [filed(key.namespace, key.name) for key in keys(obj)]


def _key(kind: Literal["scenario", "run"], obj: JsonObject) -> Key:
    return Key(kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])


def _scenario_of_run(obj: JsonObject) -> Iterator[Key]:
    reference = _dict(obj, "spec", "scenarioRef")
    if name := reference.get("name"):
        yield Key("scenario", reference.get("namespace") or obj["metadata"].get("namespace", ""), name)


def _scenario_of_upgrade(obj: JsonObject) -> Iterator[Key]:
    if name := _dict(obj, "spec", "scenarioRef").get("name"):
        yield Key("scenario", obj["metadata"].get("namespace", ""), name)


def _runs_of_upgrade(change: StoreChange) -> Iterator[Key]:
    """Newly granted runs; all active ones when a person changed what holds for them."""
    if change.after is None:
        return
    before = change.before or {}
    told = ("suspend", "abort", "skipRevert")
    was, now = _dict(before, "spec"), _dict(change.after, "spec")
    known = set() if any(was.get(word) != now.get(word) for word in told) else set(_active(before))
    for grant, key in _active(change.after).items():
        if grant not in known:
            yield key


def _active(upgrade: JsonObject) -> dict[str, Key]:
    grants = _dict(upgrade, "status").get("active") or ()
    own_namespace = _dict(upgrade, "metadata").get("namespace", "")
    return {
        str(grant["id"]): Key("run", grant.get("namespace") or own_namespace, grant["name"])
        for grant in grants
        if grant.get("id") and grant.get("name")
    }


def _mounted(pod: JsonObject) -> Iterator[str]:
    volumes = _dict(pod, "spec").get("volumes")
    for volume in volumes if isinstance(volumes, list) else ():
        claim = _dict(volume, "persistentVolumeClaim").get("claimName") if isinstance(volume, dict) else None
        if isinstance(claim, str):
            yield claim


def _by_claim(pod: JsonObject) -> list[str]:
    namespace = _dict(pod, "metadata").get("namespace", "")
    return [filed(namespace, claim) for claim in _mounted(pod)]


def _runs_mounted(pod: JsonObject, store: Store) -> Iterator[Key]:
    """The runs whose claims a pod mounts: what it keeps from going on does so when it is gone."""
    namespace = _dict(pod, "metadata").get("namespace", "")
    for claim in _mounted(pod):
        run = names.run_of_claim(claim)
        if run and store.get(RUN, namespace, run) is not None:
            yield Key("run", namespace, run)


def _users_of_strategy(obj: JsonObject, store: Store) -> Iterator[Key]:
    namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
    for scenario in store.items(SCENARIO, namespace):
        if _dict(scenario, "spec", "upgrade", "strategyRef").get("name") == name:
            yield _key("scenario", scenario)
    for run in store.items(RUN, namespace):
        if _dict(run, "spec", "strategyRef").get("name") == name:
            yield _key("run", run)
            yield from _scenario_of_run(run)


def _keys_of_child(obj: JsonObject) -> Iterator[Key]:
    metadata = obj["metadata"]
    labels = metadata.get("labels") or {}
    namespace = metadata.get("namespace", "")
    if run := labels.get(names.LABEL_RUN):
        yield Key("run", namespace, run)
    elif scenario := labels.get(names.LABEL_SCENARIO):
        yield Key("scenario", namespace, scenario)


def _dict(obj: JsonObject, *path: str) -> JsonObject:
    """A nested mapping, empty where the path does not lead to one: objects may be older than our schema."""
    current: Any = obj
    for part in path:
        current = current.get(part) if isinstance(current, dict) else None
    return current if isinstance(current, dict) else {}
