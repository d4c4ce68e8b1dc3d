"""The graph that a search finds: each state hashed once for each move that leads to it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


class Graph(Generic[S]):
    """States by number, in the order in which a breadth-first search meets them, and how each was reached."""

    def __init__(self, first: S) -> None:
        self._numbers: dict[S, int] = {first: 0}
        self._states = [first]
        self._parents: list[tuple[int, str]] = [(-1, "")]
        self._depths = [0]
        self._calm: list[list[int]] = [[]]

    def __len__(self) -> int:
        return len(self._states)

    def walk(self) -> Iterator[tuple[int, S]]:
        """Yield every state with its number, those too that are linked meanwhile."""
        yield from enumerate(self._states)

    def link(self, number: int, label: str, after: S, *, luck: bool) -> bool:
        """Note a move from a state, and say whether what it leads to is new."""
        found = self._numbers.setdefault(after, len(self._states))
        new = found == len(self._states)
        if new:
            self._states.append(after)
            self._parents.append((number, label))
            self._depths.append(self._depths[number] + 1)
            self._calm.append([])
        if not luck:
            self._calm[found].append(number)
        return new

    @property
    def longest(self) -> int:
        """Return how many moves the state that is farthest away takes."""
        return max(self._depths)

    def trace(self, number: int) -> list[str]:
        """Return the labels of the shortest way to a state."""
        labels: list[str] = []
        while number:
            number, label = self._parents[number]
            labels.append(label)
        return labels[::-1]

    def stuck(self, goals: Iterable[int]) -> int | None:
        """Return the first state from which moves without luck lead to no goal, None if there is none."""
        left = list(goals)
        reached = [False] * len(self)
        for goal in left:
            reached[goal] = True
        while left:
            for before in self._calm[left.pop()]:
                if not reached[before]:
                    reached[before] = True
                    left.append(before)
        return next((number for number, is_reached in enumerate(reached) if not is_reached), None)

    def state(self, number: int) -> S:
        """Return a state by its number."""
        return self._states[number]
