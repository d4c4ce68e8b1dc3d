"""Which entry belongs to which item of the target, whatever the two were called before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from scenario_operator.planning.items.words import Entry, Graph, Item

_FORMER_ROLES = 16
"""Roles that an entry remembers: by these it is found again when the run goes back."""


class Carried(NamedTuple):
    """The entries and orphans under the roles of the target; `renamed` holds each old role with its new one.

    `returned`: roles whose orphaned entry is an item's again. `taken`: roles that a renamed entry would share with an
    orphan. The write that opens a plan writes entries and orphans in this form.
    """

    entries: tuple[Entry, ...]
    orphans: tuple[Entry, ...]
    renamed: tuple[tuple[str, str], ...] = ()
    returned: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()


def carry(
    target: Graph,
    entries: Iterable[Entry],
    orphans: Iterable[Entry],
    strangers: frozenset[str] = frozenset(),
) -> Carried:
    """Give entries the roles that the target knows them by, and take back the orphans that it declares again.

    Entries go first: an orphan returns only to a role that no entry belongs to. References between entries follow the
    renames, those of orphans too, so that nobody loses sight of who lives inside whom. `strangers`: roles whose entries
    are no item's of the target but by that role, for the target was left before they were made.
    """
    kept, left = sorted(entries), sorted(orphans)
    pairs = _matched(sorted(target.items), kept, strangers)
    lacking = [i for i in sorted(target.items) if i.role not in pairs]
    back = _matched(lacking, left, frozenset())
    names = {entry.role: role for role, entry in (*pairs.items(), *back.items())}
    returning = {entry.role for entry in back.values()}
    stay = [o for o in left if o.role not in returning]
    found = sorted(_renamed(e, names) for e in (*kept, *(o for o in left if o.role in returning)))
    own = {e.role for e in found}
    return Carried(
        tuple(found),
        tuple(_follow(o, names) for o in stay),
        tuple(sorted((old, new) for old, new in names.items() if old != new)),
        tuple(sorted(back)),
        tuple(sorted(o.role for o in stay if o.role in own)),
    )


def _matched(items: list[Item], entries: list[Entry], strangers: frozenset[str]) -> dict[str, Entry]:
    """Pair items with entries: by role, then by the item's `renamedFrom`, then by the roles that the entry had."""
    pairs: dict[str, Entry] = {}
    free = {e.role: e for e in entries}

    def pair(find: Callable[[Item], Iterable[str]]) -> None:
        for item in items:
            if item.role in pairs:
                continue
            known = next((role for role in find(item) if role in free), None)
            if known is not None:
                pairs[item.role] = free.pop(known)

    pair(lambda item: (item.role,))
    for role in strangers:
        free.pop(role, None)
    pair(lambda item: item.renamed_from)
    pair(lambda item: [e.role for e in entries if item.role in e.formerly])
    return pairs


def _renamed(entry: Entry, names: dict[str, str]) -> Entry:
    """Give an entry its new role; what its revision calls it stays on record, for that is where its logic stands."""
    role = names.get(entry.role, entry.role)
    entry = _follow(entry, names)
    if role == entry.role:
        return entry
    declared = (entry.declared_as or entry.role) if entry.exists else ""
    formerly = tuple(former for former in entry.formerly if former not in {role, entry.role})
    return entry._replace(
        role=role,
        formerly=(*formerly, entry.role)[-_FORMER_ROLES:],
        declared_as="" if declared == role else declared,
    )


def _follow(entry: Entry, names: dict[str, str]) -> Entry:
    seen = {names.get(role, role): token for role, token in entry.seen}
    return entry._replace(within=names.get(entry.within, entry.within), seen=tuple(sorted(seen.items())))
