"""The store: whatever the order of events and lists, it ends with the truth and never resurrects."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scenario_operator.api import names
from scenario_operator.cluster.kinds import CONFIG_MAP, JOB, POD, RUN, JsonObject, ResourceKind
from scenario_operator.cluster.store import Store, StoreChange, by_label, filed
from scenario_operator.cluster.trims import TRIMS


def pod(uid: str, version: int, name: str | None = None, **metadata: Any) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "uid": uid,
            "name": name or uid,
            "namespace": "ns",
            "resourceVersion": str(version),
            **metadata,
        },
    }


def uids(store: Store) -> set[str]:
    return {obj["metadata"]["uid"] for obj in store.items(POD)}


def test_the_highest_version_wins() -> None:
    store = Store()
    store.offer(POD, "MODIFIED", pod("a", 7))

    assert store.offer(POD, "ADDED", pod("a", 5)) == StoreChange(None, None)
    assert not store.offer(POD, None, pod("a", 7)).is_news
    assert store.offer(POD, None, pod("a", 8)).is_news


def test_a_change_tells_before_and_after() -> None:
    store = Store()
    first = store.offer(POD, "ADDED", pod("a", 1))
    second = store.offer(POD, "MODIFIED", pod("a", 2))
    gone = store.offer(POD, "DELETED", pod("a", 3))

    assert (first.before, first.after) == (None, second.before)
    assert (gone.before, gone.after) == (second.after, None)
    assert gone.is_news


def test_a_late_deletion_of_the_old_object_leaves_the_new_one_of_that_name() -> None:
    store = Store()
    store.offer(POD, "ADDED", pod("old", 1, name="p"))
    store.offer(POD, "ADDED", pod("new", 5, name="p"))
    store.offer(POD, "DELETED", pod("old", 4, name="p"))

    found = store.get(POD, "ns", "p")
    assert found is not None
    assert found["metadata"]["uid"] == "new"
    assert uids(store) == {"new"}


def test_an_old_list_does_not_resurrect_what_was_deleted_meanwhile() -> None:
    store = Store()
    store.offer(POD, "ADDED", pod("a", 3))
    store.offer(POD, "DELETED", pod("a", 9))
    store.replace(POD, [pod("a", 3)], "8")

    assert uids(store) == set()


def test_a_deletion_that_was_never_seen_alive_is_remembered() -> None:
    store = Store()
    store.offer(POD, "DELETED", pod("a", 9))

    assert not store.offer(POD, None, pod("a", 3)).is_news


def test_a_list_drops_what_it_lacks_but_not_what_is_newer_than_it() -> None:
    store = Store()
    store.offer(POD, "ADDED", pod("vanished", 3))
    store.offer(POD, "ADDED", pod("at the limit", 10))
    store.offer(POD, "ADDED", pod("born later", 11))

    changes = store.replace(POD, [pod("listed", 4)], "10")

    assert uids(store) == {"listed", "born later"}
    assert sorted((change.before or change.after or {})["metadata"]["uid"] for change in changes) == [
        "at the limit",
        "listed",
        "vanished",
    ]


def test_a_list_of_one_namespace_says_nothing_about_another() -> None:
    store = Store()
    store.offer(POD, None, pod("here", 1))
    store.offer(POD, None, pod("there", 1, namespace="other"))
    store.replace(POD, [], "5", namespace="ns")

    assert uids(store) == {"there"}


def test_versions_of_different_kinds_are_not_compared() -> None:
    store = Store()
    store.offer(POD, None, pod("a", 100))
    store.replace(RUN, [], "200")

    assert uids(store) == {"a"}


def test_graves_do_not_pile_up() -> None:
    store = Store()
    for number in range(100):
        store.offer(POD, "DELETED", pod(str(number), number + 1))
    store.replace(POD, [], "200")
    store.replace(POD, [], "300")

    assert store._shelves[POD].buried == {}


def test_a_list_of_what_an_index_files_forgets_what_it_lacks_until_it_is_seen_again() -> None:
    """Given a pod that ended unseen, when its run's pods are listed, then it is gone, and only that."""
    store = Store(indices={POD: {"run": by_label(names.LABEL_RUN)}})
    mine, theirs = {"labels": {names.LABEL_RUN: "r"}}, {"labels": {names.LABEL_RUN: "other"}}
    for seen in (pod("ghost", 3, **mine), pod("fresh", 9, **mine), pod("another", 2, **theirs)):
        store.offer(POD, "ADDED", seen)

    store.take_in(POD, "run", filed("ns", "r"), [pod("listed", 5, **mine)], "6")
    assert uids(store) == {"fresh", "another", "listed"}

    store.offer(POD, "MODIFIED", pod("ghost", 7, **mine))
    assert "ghost" in uids(store)


def test_an_index_follows_labels_and_deletions() -> None:
    store = Store(indices={POD: {"run": by_label(names.LABEL_RUN)}})
    mine = {names.LABEL_RUN: "r"}
    store.offer(POD, None, pod("a", 1, labels=mine))
    store.offer(POD, None, pod("b", 2, labels=mine))
    store.offer(POD, None, pod("a", 3, labels={names.LABEL_RUN: "other"}))
    store.offer(POD, "DELETED", pod("b", 4, labels=mine))

    assert store.indexed(POD, "run", filed("ns", "r")) == []
    assert [p["metadata"]["uid"] for p in store.indexed(POD, "run", filed("ns", "other"))] == ["a"]


def test_an_object_without_a_uid_is_ignored() -> None:
    assert not Store().offer(POD, "ADDED", {"kind": "Status"}).is_news


def test_only_what_matters_is_kept() -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "x"}
    store = Store(trims={POD: lambda obj: {**obj, "spec": {}}})
    store.offer(
        POD, None, {**pod("a", 1, managedFields=[1], annotations=applied), "spec": {"containers": []}}
    )

    kept = store.get(POD, "ns", "a")
    assert kept is not None
    assert kept["spec"] == {}
    assert "managedFields" not in kept["metadata"]
    assert kept["metadata"]["annotations"] == {"mine": "x"}


def test_of_pods_jobs_and_artifacts_only_what_decisions_need_is_kept() -> None:
    store = Store(trims=TRIMS)
    claim = {"name": "state", "persistentVolumeClaim": {"claimName": "state-r-1-0"}}
    container = {"name": "main", "image": "i", "env": [{"name": "A", "value": "b"}]}
    body = {"containers": [container], "volumes": [claim, {"name": "tmp", "emptyDir": {}}]}
    mine = {names.LABEL_MANAGED_BY: names.CONTROLLER}
    store.offer(POD, None, {**pod("p", 1, labels=mine), "spec": body, "status": {"phase": "Running"}})
    template = {"metadata": {"labels": {"a": "b"}}, "spec": body}
    store.offer(JOB, None, {**pod("j", 1), "spec": {"suspend": True, "template": template}})
    store.offer(CONFIG_MAP, None, {**pod("artifact", 1), "immutable": True, "data": {"a": "b"}})
    store.offer(CONFIG_MAP, None, {**pod("view", 1), "data": {"a": "b"}})

    def kept(kind: ResourceKind, name: str) -> JsonObject:
        found = store.get(kind, "ns", name)
        assert found is not None
        return found

    assert kept(POD, "p")["spec"] == {"containers": [{"name": "main", "image": "i"}], "volumes": [claim]}
    assert kept(POD, "p")["status"] == {"phase": "Running"}
    assert kept(JOB, "j")["spec"] == {"suspend": True, "template": {"metadata": {"labels": {"a": "b"}}}}
    assert "data" not in kept(CONFIG_MAP, "artifact")
    assert kept(CONFIG_MAP, "view")["data"] == {"a": "b"}


def test_what_was_offered_is_not_changed() -> None:
    offered = pod("a", 1, managedFields=[1])
    Store().offer(POD, None, offered)

    assert offered["metadata"]["managedFields"] == [1]


class _Server:
    """What an API server would send: a history with versions, and lists of its past."""

    def __init__(self) -> None:
        self.version = 1
        self.alive: dict[str, JsonObject] = {}
        self.events: list[tuple[str, JsonObject]] = []
        self.born = 0

    def step(self, choice: int) -> None:
        self.version += 1
        if choice == 0 or not self.alive:
            self.born += 1
            obj = pod(f"u{self.born}", self.version, name=f"n{self.born % 3}")
            holder = next(
                (u for u, o in self.alive.items() if o["metadata"]["name"] == f"n{self.born % 3}"), None
            )
            if holder is not None:
                return self._delete(holder)
            self.alive[obj["metadata"]["uid"]] = obj
            self.events.append(("ADDED", obj))
        elif choice == 1:
            uid = min(self.alive)
            self.alive[uid] = pod(uid, self.version, name=self.alive[uid]["metadata"]["name"])
            self.events.append(("MODIFIED", self.alive[uid]))
        else:
            self._delete(max(self.alive))
        return None

    def _delete(self, uid: str) -> None:
        obj = self.alive.pop(uid)
        self.events.append(("DELETED", pod(uid, self.version, name=obj["metadata"]["name"])))

    def listing(self) -> tuple[list[JsonObject], str]:
        return list(self.alive.values()), str(self.version)


@given(st.lists(st.integers(0, 2), max_size=30), st.integers(0, 2**32))
def test_any_interleaving_of_watch_and_lists_ends_with_the_truth(steps: list[int], seed: int) -> None:
    """The watch may lag behind lists, lists may be delivered late, and a 410 may swallow any events."""
    chance = random.Random(seed)  # noqa: S311 (reproducible)
    server, store = _Server(), Store()
    pending: list[tuple[list[JsonObject], str]] = []
    delivered = 0
    for step in steps:
        server.step(step)
        match chance.randrange(5):
            case 0:
                pending = [server.listing()]
            case 1 if pending:
                store.replace(POD, *pending.pop())
            case 2:
                upto = chance.randint(delivered, len(server.events))
                for kind, obj in server.events[delivered:upto]:
                    store.offer(POD, kind, obj)
                delivered = upto
            case 3:  # 410: a new list by kopf, without deletions, then the watch goes on from there
                for obj in server.alive.values():
                    store.offer(POD, None, obj)
                delivered = len(server.events)
            case _:
                pass
    for kind, obj in server.events[delivered:]:
        store.offer(POD, kind, obj)
    if pending:
        store.replace(POD, *pending.pop())
    store.replace(POD, *server.listing())

    assert {obj["metadata"]["uid"]: obj for obj in store.items(POD)} == server.alive
    for obj in server.alive.values():
        assert store.get(POD, "ns", obj["metadata"]["name"]) == obj


def test_what_is_filed_under_a_value_is_counted() -> None:
    store = Store(indices={POD: {"node": lambda obj: [obj["metadata"]["labels"]["node"]]}})
    for number, node in enumerate(("n1", "n1", "n2")):
        store.offer(POD, "ADDED", pod(f"p{number}", 1, labels={"node": node}))
    store.offer(POD, "DELETED", pod("p0", 2, labels={"node": "n1"}))

    assert [store.count_indexed(POD, "node", node) for node in ("n1", "n2", "n3")] == [1, 1, 0]


def test_of_a_pod_of_somebody_else_only_its_claims_are_kept_and_nothing_if_it_mounts_none() -> None:
    """Given every pod of a cluster in the watch, then those that cannot stand in the way of a run take no room."""
    store = Store(trims=TRIMS)
    volume = {"name": "x", "persistentVolumeClaim": {"claimName": "state-r-1-0"}}
    body = {"containers": [{"name": "c", "image": "i"}], "volumes": [volume, {"name": "t", "emptyDir": {}}]}
    status = {"phase": "Running", "conditions": [{"type": "Ready"}]}
    assert not store.offer(POD, None, {**pod("web", 1), "metadata": _strange("web", 1), "spec": {}}).is_news
    store.offer(POD, None, {"metadata": _strange("mover", 2), "spec": body, "status": status})

    assert store.count(POD) == 1
    kept = store.get(POD, "ns", "mover")
    assert kept is not None
    assert kept["spec"] == {"volumes": [{"persistentVolumeClaim": {"claimName": "state-r-1-0"}}]}
    assert kept["status"] == {"phase": "Running"}


def test_a_pod_that_loses_our_label_is_let_go_and_taken_in_again_with_it() -> None:
    store = Store(trims=TRIMS)
    for version, mine, known in ((1, True, 1), (2, False, 0), (3, True, 1)):
        metadata = _strange("p", version)
        metadata["labels"] = {names.LABEL_MANAGED_BY: names.CONTROLLER} if mine else {}
        store.offer(POD, None, {"metadata": metadata, "spec": {}})
        assert store.count(POD) == known


def _strange(name: str, version: int) -> dict[str, Any]:
    return {"name": name, "namespace": "ns", "uid": f"u-{name}", "resourceVersion": str(version)}
