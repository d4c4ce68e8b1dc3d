"""What goes wrong around a run over several plans: refusals, claims and revisions that vanish, hooks given up.

How a pod may end instead of well is in `world`, since it is the pod's own move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .model import RESULTS, R, get, put
from .operator import changed
from .states import Move, State

if TYPE_CHECKING:
    from .search import Explorer

Change = Callable[["Explorer", State], Iterator[tuple[str, State]]]


def moves(state: State) -> Iterator[Move]:
    """The API server refuses the next call, for a reason that is over when it is tried again."""
    flight = state.active
    if not state.luck.refusals or flight is None or flight.record is not None or not flight.calls:
        return
    luck = state.luck._replace(refusals=state.luck.refusals - 1)
    label = f"{type(flight.calls[0].effect).__name__} refused by a quota"
    yield Move(label, state._replace(active=None, refused=True, luck=luck), luck=True)


def _lost_results(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    """The results claim goes at once, by force, whoever mounts it."""
    if isinstance(get(state.cluster, RESULTS), R):
        yield "results claim removed by force", changed(state, RESULTS, put(state.cluster, RESULTS, None))


def _lost_revisions(explorer: Explorer, state: State) -> Iterator[tuple[str, State]]:
    """Somebody deletes a revision that is published and not wanted, which would be published anew at once."""
    for name in explorer.setup.revisions:
        if name not in (state.wanted, explorer.setup.newest, *state.gone):
            yield f"revision {name} deleted", state._replace(gone=state.gone | {name})


def _skips(_: Explorer, state: State) -> Iterator[tuple[str, State]]:
    if any(not grant.skip_revert for grant in state.grants):
        grants = tuple(grant._replace(skip_revert=True) for grant in state.grants)
        yield "revert hooks given up", state._replace(grants=grants)


CHANGES: dict[str, Change] = {
    "lost_results": _lost_results,
    "lost_revisions": _lost_revisions,
    "skips": _skips,
}
"""What somebody may do, by the luck that it costs."""
