"""Random histories of a graph: revisions that add, drop, rename, move and change items, all of them valid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple, TypeVar

from scenario_operator.planning.items.validity import problems
from scenario_operator.planning.items.words import EdgeType, Graph, Input, Item, ItemEdge, Need, UpgradeFrom

T = TypeVar("T")
LIKELY = ("1.0.0", "1.0.0", "1.1.0", "1.1.0", "2.0.0", "spring")
RANGES = {
    "^1.0.0": {"1.0.0", "1.1.0"},
    "<2.0.0": {"1.0.0", "1.1.0"},
    "spring": {"spring"},
    "*": {"1.0.0", "1.1.0", "2.0.0"},
}
"""Ranges, and the versions of ours that lie in them."""


@dataclass
class Lineage:
    """One thing through the revisions: what it is called, and what of it does not change."""

    letter: str
    checked: bool
    memoize: bool
    tells: bool
    stable: bool
    irreversible: bool
    life: int = 0
    name: str = ""
    former: tuple[str, ...] = ()
    version: str = "1.0.0"
    flag: str = "x"
    mode: str = "slow"
    upgrade: list[UpgradeFrom] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Return what it is, whatever it is called; after a renaming that nobody told it is another thing."""
        return f"{self.letter}{self.life}"


class Luck(Random):
    """A source of luck with the number of items that a graph has at most, so that a failure is made small."""

    def __init__(self, seed: int, most: int) -> None:
        super().__init__(seed)
        self.told = f"Luck({seed}, {most})"
        self.most = most

    def __repr__(self) -> str:
        return self.told


class Revision(NamedTuple):
    """One revision of a history."""

    name: str
    graph: Graph


def history(rng: Luck, revisions: int) -> list[Revision]:
    """Return the revisions of one graph, each a change of the one before."""
    lineages = [_lineage(rng, letter) for letter in "abcdef"[: rng.randint(1, rng.most)]]
    order = rng.sample(lineages, len(lineages))
    edges = _edges(rng, order)
    there = _present(rng, lineages)
    found = []
    for number in range(1, revisions + 1):
        if number > 1 and rng.random() < 0.5:
            _change(rng, rng.choice(lineages), number)
        elif number > 1:
            for lineage in lineages:
                _change(rng, lineage, number)
            there = _present(rng, lineages)
            order = rng.sample(lineages, len(lineages)) if rng.random() < 0.3 else order
            edges = _edges(rng, order) if rng.random() < 0.5 else edges
        graph = _graph(rng, there, edges)
        assert problems(graph, task_graph=True, parameters=("P",)) == ()
        found.append(Revision(f"v{number}", graph))
    return found


def _present(rng: Random, lineages: Sequence[Lineage]) -> list[Lineage]:
    return [n for n in lineages if rng.random() < 0.8]


def shuffled(rng: Random, graph: Graph) -> Graph:
    """Return a graph with its items and edges listed in another order."""
    items = [i._replace(inputs=_mixed(rng, i.inputs)) for i in graph.items]
    return Graph(_mixed(rng, items), _mixed(rng, graph.edges))


def _mixed(rng: Random, things: Sequence[T]) -> tuple[T, ...]:
    return tuple(rng.sample(list(things), len(things)))


def _lineage(rng: Random, letter: str) -> Lineage:
    checked = rng.random() < 0.7
    return Lineage(
        letter,
        checked,
        not checked and rng.random() < 0.5,
        rng.random() < 0.6,
        rng.random() < 0.3,
        rng.random() < 0.1,
        name=letter,
        version=rng.choice(LIKELY),
    )


def _edges(rng: Random, order: Sequence[Lineage]) -> list[tuple[Lineage, Lineage, EdgeType]]:
    found = []
    for place, target in enumerate(order):
        contained = False
        for source in order[:place]:
            if rng.random() < 0.4:
                inside = not contained and rng.random() < 0.4
                contained = contained or inside
                found.append((source, target, EdgeType.CONTAINS if inside else EdgeType.REFERENCES))
    return found


def _change(rng: Random, lineage: Lineage, number: int) -> None:
    luck = rng.random()
    if luck < 0.15:
        lineage.former = (*lineage.former, lineage.name)
        lineage.name = f"{lineage.letter}-{number}"
    elif luck < 0.2:
        lineage.life, lineage.former = number, ()
        lineage.name = f"{lineage.letter}-new-{number}"
    if rng.random() < 0.4:
        lineage.version = rng.choice(LIKELY)
        lineage.upgrade = list(_upgrades(rng, lineage.version))
    if rng.random() < 0.1:
        lineage.flag = rng.choice("xy")
    if rng.random() < 0.15:
        lineage.mode = rng.choice(["slow", "fast"])


def _upgrades(rng: Random, version: str) -> Iterator[UpgradeFrom]:
    """Return words of an author who tells the truth: what needs no work makes the same."""
    if version in RANGES["^1.0.0"] and rng.random() < 0.7:
        yield UpgradeFrom("^1.0.0", rng.choice([Need.RECORD, Need.DISCOVER]))
    while rng.random() < 0.4:
        yield UpgradeFrom(rng.choice(sorted(RANGES)), rng.choice([Need.APPLY, Need.REPLACE]))


def _graph(rng: Random, there: Sequence[Lineage], edges: list[tuple[Lineage, Lineage, EdgeType]]) -> Graph:
    present = {n.letter for n in there}
    kept = [e for e in edges if e[0].letter in present and e[1].letter in present]
    items = [_item(n, [source for source, target, _ in kept if target is n]) for n in there]
    declared = tuple(ItemEdge(source.name, target.name, kind) for source, target, kind in kept)
    return shuffled(rng, Graph(tuple(items), declared))


def _item(lineage: Lineage, predecessors: list[Lineage]) -> Item:
    inputs = [Input("MODE", lineage.mode)]
    if lineage.letter in "ad":
        inputs.append(Input("P", parameter="P"))
    if lineage.letter in "bcd" and predecessors:
        inputs.append(Input("IN", item=predecessors[0].name, key="path"))
    traits = [lineage.key, "tells" if lineage.tells else "", "stable" if lineage.stable else ""]
    return Item(
        lineage.name,
        lineage.version,
        "|".join(traits),
        lineage.former,
        tuple(inputs),
        ("check",) if lineage.checked else (),
        ("do", lineage.flag),
        ("clean", lineage.key),
        ("discover",),
        memoize=lineage.memoize,
        irreversible=lineage.irreversible,
        upgrade_from=tuple(lineage.upgrade),
    )
