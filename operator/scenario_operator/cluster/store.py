"""What was last seen of every object: wakes and decisions come from here, unless these need a live look (rule R6).

Two sources feed it, kopf's watches and our own lists, and neither is complete: a watch that starts again
after 410 reports no deletions, and a list may be older than an event that overtook it. Hence the rules, all
by resourceVersion (comparable within one kind): the highest version of a uid wins; a uid missing from a list
at version L is dropped only when its own version is at most L; a uid that was deleted never comes back.
Objects are shared, not copied: whoever reads one must not change it. The store must not know what the kinds
mean; `indices` and `trims` are given to it. What a trim answers None to is not kept.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from scenario_operator.cluster.kinds import JsonObject, ResourceKind

Trim: TypeAlias = Callable[[JsonObject], JsonObject | None]
Index: TypeAlias = Callable[[JsonObject], Iterable[str]]

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class StoreChange(NamedTuple):
    """What an event did to the store; both None when it was old news."""

    before: JsonObject | None
    after: JsonObject | None

    @property
    def is_news(self) -> bool:
        """Whether anything differs now."""
        return self.before is not self.after


NOTHING = StoreChange(None, None)


class _Shelf:
    """All objects of one kind."""

    def __init__(self, indices: Mapping[str, Index]) -> None:
        self.by_uid: dict[str, JsonObject] = {}
        self.by_name: dict[tuple[str, str], str] = {}
        self.buried: dict[str, int] = {}
        self.listed_at = 0
        self.indices = indices
        self.index: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)

    def put(self, uid: str, obj: JsonObject) -> None:
        self.take(uid)
        self.by_uid[uid] = obj
        name = _name(obj)
        rival = self.by_uid.get(self.by_name.get(name, ""))
        # ADDED(new) may overtake DELETED(old): the name belongs to whichever was written last.
        if rival is None or version_of(rival) <= version_of(obj):
            self.by_name[name] = uid
        for entry in self._entries(obj):
            self.index[entry][uid] = None

    def take(self, uid: str) -> JsonObject | None:
        obj = self.by_uid.pop(uid, None)
        if obj is None:
            return None
        if self.by_name.get(_name(obj)) == uid:
            del self.by_name[_name(obj)]
        for entry in self._entries(obj):
            self.index[entry].pop(uid, None)
            if not self.index[entry]:
                del self.index[entry]
        return obj

    def _entries(self, obj: JsonObject) -> Iterator[tuple[str, str]]:
        for index, values in self.indices.items():
            for value in values(obj):
                yield index, value


class Store:
    """The last seen objects of the kinds that are watched."""

    def __init__(
        self,
        *,
        trims: Mapping[ResourceKind, Trim] | None = None,
        indices: Mapping[ResourceKind, Mapping[str, Index]] | None = None,
    ) -> None:
        self._trims = trims or {}
        self._indices = indices or {}
        self._shelves: dict[ResourceKind, _Shelf] = {}

    def offer(self, kind: ResourceKind, event_type: str | None, obj: JsonObject) -> StoreChange:
        """Take in one watch event (`DELETED`, anything else is a sighting); total for any object."""
        uid = obj.get("metadata", {}).get("uid")
        if not uid:
            return NOTHING
        shelf = self._shelf(kind)
        if event_type == "DELETED":
            return self._bury(shelf, uid, version_of(obj))
        return self._sight(kind, shelf, uid, obj)

    def replace(
        self,
        kind: ResourceKind,
        items: Iterable[JsonObject],
        resource_version: str,
        *,
        namespace: str | None = None,
    ) -> list[StoreChange]:
        """Take in a complete list of a kind (in one namespace) and return what became different by it."""
        listed = list(items)
        changes = [self.offer(kind, None, obj) for obj in listed]
        seen = {obj["metadata"]["uid"] for obj in listed}
        changes.extend(self.prune(kind, seen, resource_version, namespace=namespace))
        return [change for change in changes if change.is_news]

    def prune(
        self, kind: ResourceKind, seen: Container[str], resource_version: str, *, namespace: str | None = None
    ) -> list[StoreChange]:
        """Drop what a complete list of a kind (in one namespace), read at a version, did not contain.

        Only for a kind whose lists all carry versions of one sequence; `seen` are the uids of that list.
        """
        shelf = self._shelf(kind)
        listed_at = int(resource_version)
        changes: list[StoreChange] = []
        for uid, obj in list(shelf.by_uid.items()):
            if namespace is not None and obj["metadata"].get("namespace") != namespace:
                continue
            if uid not in seen and version_of(obj) <= listed_at:
                changes.append(self._bury(shelf, uid, listed_at))
        # A list later than a deletion cannot show what was deleted; one list more lets slow events pass by.
        shelf.buried = {uid: version for uid, version in shelf.buried.items() if version > shelf.listed_at}
        shelf.listed_at = listed_at
        return changes

    def take_in(
        self, kind: ResourceKind, index: str, value: str, listed: Sequence[JsonObject], resource_version: str
    ) -> None:
        """Take in a complete list of what `index` files under `value`, read at a version; what it lacks is forgotten.

        Nobody is woken for it. What is forgotten may come back: its label may have been taken off.
        """
        for obj in listed:
            self.offer(kind, None, obj)
        shelf, seen = self._shelf(kind), {obj["metadata"]["uid"] for obj in listed}
        for uid in tuple(shelf.index.get((index, value), ())):
            if uid not in seen and version_of(shelf.by_uid[uid]) <= int(resource_version):
                shelf.take(uid)

    def forget(self, kind: ResourceKind, uid: str) -> None:
        """Drop an object that somebody has found gone: no watch tells of one that went before its first event."""
        self._shelf(kind).take(uid)

    def get(self, kind: ResourceKind, namespace: str, name: str) -> JsonObject | None:
        """The newest object of that name, if any."""
        shelf = self._shelf(kind)
        return shelf.by_uid.get(shelf.by_name.get((namespace, name), ""))

    def by_uid(self, kind: ResourceKind, uid: str) -> JsonObject | None:
        """That very object, if it was seen and not seen deleted."""
        return self._shelf(kind).by_uid.get(uid)

    def items(self, kind: ResourceKind, namespace: str | None = None) -> Iterator[JsonObject]:
        """All objects of a kind; safe against events that arrive while the caller iterates."""
        for obj in list(self._shelf(kind).by_uid.values()):
            if namespace is None or obj["metadata"].get("namespace") == namespace:
                yield obj

    def indexed(self, kind: ResourceKind, index: str, value: str) -> list[JsonObject]:
        """The objects that `index` files under `value`, in the order in which they were last changed."""
        shelf = self._shelf(kind)
        return [shelf.by_uid[uid] for uid in shelf.index.get((index, value), ())]

    def count_indexed(self, kind: ResourceKind, index: str, value: str) -> int:
        """How many objects `index` files under `value`; costs the same for any number."""
        return len(self._shelf(kind).index.get((index, value), ()))

    def count(self, kind: ResourceKind) -> int:
        """How many objects of a kind are known."""
        return len(self._shelf(kind).by_uid)

    def _shelf(self, kind: ResourceKind) -> _Shelf:
        shelf = self._shelves.get(kind)
        if shelf is None:
            shelf = self._shelves[kind] = _Shelf(self._indices.get(kind, {}))
        return shelf

    def _sight(self, kind: ResourceKind, shelf: _Shelf, uid: str, obj: JsonObject) -> StoreChange:
        before = shelf.by_uid.get(uid)
        if uid in shelf.buried or (before is not None and version_of(before) >= version_of(obj)):
            return NOTHING
        trim = self._trims.get(kind)
        kept = obj if trim is None else trim(obj)
        if kept is None:
            # Of no concern as it is now; should it become so, it is taken in then.
            return StoreChange(shelf.take(uid), None)
        after = slim(kept)
        shelf.put(uid, after)
        return StoreChange(before, after)

    def _bury(self, shelf: _Shelf, uid: str, version: int) -> StoreChange:
        shelf.buried[uid] = max(version, shelf.buried.get(uid, 0))
        return StoreChange(shelf.take(uid), None)


def version_of(obj: JsonObject) -> int:
    """A resourceVersion as a number; they are strictly increasing within one kind."""
    return int(obj["metadata"].get("resourceVersion") or 0)


def by_label(label: str) -> Index:
    """File namespaced objects under `namespace/value of the label`; see `filed`."""

    def values(obj: JsonObject) -> Iterator[str]:
        metadata = obj["metadata"]
        value = (metadata.get("labels") or {}).get(label)
        if value is not None:
            yield filed(metadata.get("namespace", ""), value)

    return values


def filed(namespace: str, value: str) -> str:
    """The index value for something in a namespace."""
    return f"{namespace}/{value}"


def slim(obj: JsonObject) -> JsonObject:
    """A copy without what nobody decides on, and with its keys shared between all objects.

    Every JSON document brings its own copies of the same few hundred keys; sharing them is half the memory.
    """
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    annotations = metadata.get("annotations")
    if annotations and _LAST_APPLIED in annotations:
        metadata["annotations"] = {k: v for k, v in annotations.items() if k != _LAST_APPLIED}
    shared = _share({**obj, "metadata": metadata})
    assert isinstance(shared, dict)  # noqa: S101 (for the type checker: a dict in, a dict out)
    return shared


def _share(value: Any) -> Any:
    if isinstance(value, dict):
        return {sys.intern(key): _share(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_share(inner) for inner in value]
    return value


def _name(obj: JsonObject) -> tuple[str, str]:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
