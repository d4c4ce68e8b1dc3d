"""Orders and circles of small graphs of names; the same for every order of what they are given."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Needs = Mapping[str, Iterable[str]]
"""What each node needs; a need that is no node itself counts for nothing."""


def members_of_circles(needs: Needs) -> tuple[str, ...]:
    """Return the nodes that stand in a circle or on a way between two of them, sorted; () if there is no circle."""
    left = {node: {n for n in wants if n in needs} for node, wants in needs.items()}
    while True:
        needed = {n for wants in left.values() for n in wants}
        kept = {node for node, wants in left.items() if wants and node in needed}
        if len(kept) == len(left):
            return tuple(sorted(left))
        left = {node: left[node] & kept for node in kept}


def in_order(needs: Needs, key: Callable[[str], Any]) -> tuple[str, ...]:
    """Return the nodes so that each comes after what it needs; where that leaves a choice, by `key`, then by name.

    Of a circle the node that comes first by `key` goes first, so that foreign data has an order too.
    """
    left = {node: {n for n in wants if n in needs} for node, wants in needs.items()}
    wanted_by: dict[str, list[str]] = {node: [] for node in left}
    for node, wants in left.items():
        for want in wants:
            wanted_by[want].append(node)
    ready = [(key(node), node) for node, wants in left.items() if not wants]
    heapq.heapify(ready)
    order: list[str] = []
    while left:
        node = heapq.heappop(ready)[1] if ready else min(left, key=lambda n: (key(n), n))
        if node not in left:
            continue
        del left[node]
        order.append(node)
        for successor in wanted_by[node]:
            if successor in left:
                left[successor].discard(node)
                if not left[successor]:
                    heapq.heappush(ready, (key(successor), successor))
    return tuple(order)


def reaches(needs: Needs, start: str, goal: str) -> bool:
    """Say whether `start` needs `goal`, if only by what it needs."""
    seen, left = {start}, [start]
    while left:
        node = left.pop()
        if node == goal:
            return True
        fresh = [n for n in needs.get(node, ()) if n not in seen]
        seen.update(fresh)
        left.extend(fresh)
    return False


def downstream(needs: Needs, sources: Iterable[str]) -> frozenset[str]:
    """Return all that needs one of the sources, if only by what it needs; the sources themselves only if they do."""
    wanted_by: dict[str, list[str]] = {}
    for node, wants in needs.items():
        for want in wants:
            wanted_by.setdefault(want, []).append(node)
    found: set[str] = set()
    left = list(sources)
    while left:
        fresh = [n for n in wanted_by.get(left.pop(), ()) if n not in found]
        found.update(fresh)
        left.extend(fresh)
    return frozenset(found)
