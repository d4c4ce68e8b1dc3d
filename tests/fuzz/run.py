"""Playing so many cases; what is made is the same in every process, so that a count can be told."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.world import Case, World


class Count(NamedTuple):
    """What was played, and what runs and attempts told of themselves at the end."""

    cases: int = 0
    passes: int = 0
    unreadable: int = 0


def play(made: st.SearchStrategy[Case], examples: int) -> Count:
    """Play cases; raises what a pass has raised, or `AssertionError`, with the smallest case that was found."""
    counts: list[Count] = []

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(made)
    def one(case: Case) -> None:
        world = asyncio.run(World(case).play())
        silent = world.silent()
        assert not silent, f"{silent} say nothing: {case}"
        counts.append(Count(1, world.passes, world.unreadable()))

    one()
    return Count(*(sum(column) for column in zip(*counts, strict=True)))
