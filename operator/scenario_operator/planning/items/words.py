"""The words of the planner of items: what a revision declares, what a run has, and what a plan is made from."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class EdgeType(StrEnum):
    """How an item depends on its predecessor: it points to it, or it lives inside it."""

    REFERENCES = "References"
    CONTAINS = "Contains"


class Need(StrEnum):
    """What an item needs to come from another version; ordered from the least to the deepest."""

    RECORD = "Record"
    DISCOVER = "Discover"
    APPLY = "Apply"
    REPLACE = "Replace"

    @property
    def depth(self) -> int:
        """The place in the order: a deeper need has a higher number."""
        return list(Need).index(self)


class ItemPhase(StrEnum):
    """What is known of an item; everything but Done is a difference."""

    PENDING = "Pending"
    BLOCKED = "Blocked"
    CHECKING = "Checking"
    WORKING = "Working"
    DONE = "Done"
    FAILED = "Failed"
    UNKNOWN = "Unknown"


class RemovedItems(StrEnum):
    """What the strategy wants of items that the target no longer declares."""

    CLEAN = "Clean"
    ORPHAN = "Orphan"
    BLOCK = "Block"


class Purpose(StrEnum):
    """What a plan is for.

    Upgrade: carry the entries to the target, also for edited parameters, a retry and the way back. Recheck: ask every
    check. Anew: clean everything, apply everything. Clean: clean everything, for good.
    """

    UPGRADE = "Upgrade"
    RECHECK = "Recheck"
    ANEW = "Anew"
    CLEAN = "Clean"


class Because(StrEnum):
    """Why an item's check is asked, in the word that its hooks are told."""

    VERSION = "version"
    RETRY = "retry"
    INPUTS = "inputs"
    RECHECK = "recheck"


class Input(NamedTuple):
    """One input of an item: a literal `value`, or the source that is set.

    `item` and `key`: an output of that role. `config_map` and `key`: a key of that ConfigMap.
    """

    name: str
    value: str = ""
    parameter: str = ""
    item: str = ""
    config_map: str = ""
    key: str = ""


class UpgradeFrom(NamedTuple):
    """The author's word on versions to come from: a range, or one version."""

    versions: str
    needs: Need


class Item(NamedTuple):
    """One item as a revision declares it; a command that is () is absent.

    `irreversible`: its `do` cannot be taken back (`undo: None`).
    """

    role: str
    version: str
    display_name: str = ""
    renamed_from: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    check: tuple[str, ...] = ()
    do: tuple[str, ...] = ()
    clean: tuple[str, ...] = ()
    discover: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    memoize: bool = False
    irreversible: bool = False
    upgrade_from: tuple[UpgradeFrom, ...] = ()


class ItemEdge(NamedTuple):
    """`target` needs `source`; over Contains it lives inside it."""

    source: str
    target: str
    type: EdgeType = EdgeType.REFERENCES


class Graph(NamedTuple):
    """The items and edges of one revision; their order has no meaning."""

    items: tuple[Item, ...] = ()
    edges: tuple[ItemEdge, ...] = ()

    def item(self, role: str) -> Item | None:
        """Return the item of a role, None if there is none."""
        return next((i for i in self.items if i.role == role), None)

    def predecessors(self, role: str) -> tuple[str, ...]:
        """Return the roles that an item needs, sorted."""
        return tuple(sorted({e.source for e in self.edges if e.target == role}))

    def container(self, role: str) -> str:
        """Return the role that an item lives inside, "" if it lives in none."""
        inside = (e.source for e in self.edges if e.target == role and e.type is EdgeType.CONTAINS)
        return min(inside, default="")


class Entry(NamedTuple):
    """What a run has of one item.

    `revision`: the revision that last released its `do`, or on which it was found done; its clean logic is that one's.
    "" means that nothing of the item exists. `declared_as`: its role there, when that was another one. `version`: the
    one that last succeeded, "" for none. `within`: the container that it lives inside. `seen`: the tokens of the
    predecessors that its last `do`, or a check that said 0, was given. `token`: what successors see of it.
    `formerly`: the roles that it had before, the latest last. `changed_at`: when its token last changed, on any scale
    that only grows within one run.
    """

    role: str
    version: str = ""
    revision: str = ""
    phase: ItemPhase = ItemPhase.PENDING
    within: str = ""
    seen: tuple[tuple[str, str], ...] = ()
    inputs_hash: str = ""
    token: str = ""
    outputs: tuple[tuple[str, str], ...] = ()
    physical_ids: tuple[str, ...] = ()
    formerly: tuple[str, ...] = ()
    declared_as: str = ""
    done_count: int = 0
    changed_at: float = 0

    @property
    def exists(self) -> bool:
        """Say whether something of the item may exist, so that it has to be cleaned before it is forgotten."""
        return bool(self.revision)


class Given(NamedTuple):
    """Values that inputs take from outside the graph: parameters by name, ConfigMaps by name and key."""

    parameters: Mapping[str, str] = {}
    config_maps: Mapping[tuple[str, str], str] = {}


class Back(NamedTuple):
    """What the plan that turns has brought about: roles that had no entry when it opened, orphans that it took back."""

    added: frozenset[str] = frozenset()
    returned: frozenset[str] = frozenset()


class ItemCase(NamedTuple):
    """Everything that a plan of items is made from.

    `revision`, `target`: where to, by name and by content. `revisions`: what the revisions declare that entries and
    orphans name; one that is gone is absent, the target's own may be. `back`: set when a plan has turned and this is
    its way back.
    """

    revision: str
    target: Graph
    entries: tuple[Entry, ...] = ()
    orphans: tuple[Entry, ...] = ()
    revisions: Mapping[str, Graph] = {}
    given: Given = Given()
    removed: RemovedItems = RemovedItems.CLEAN
    purpose: Purpose = Purpose.UPGRADE
    back: Back | None = None


class Obstacle(StrEnum):
    """Why no plan of items can be made."""

    REMOVED_ITEMS_BLOCKED = "RemovedItemsBlocked"
    CLEAN_LOGIC_MISSING = "CleanLogicMissing"
    ORPHAN_IN_CONTAINER = "OrphanInContainer"
    ROLE_TAKEN = "RoleTaken"
    CIRCLE = "ItemsInCircle"


class ItemsBlocked(NamedTuple):
    """No plan of items can be made: why, the roles it is about, and a message for people."""

    obstacle: Obstacle
    roles: tuple[str, ...]
    message: str
