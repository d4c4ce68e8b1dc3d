"""Caches whose kinds of objects are of different age: each watch may lag behind the others, for as long as it likes.

What a lagging cache shows is an earlier moment of one kind, whole. A precondition taken from it holds as long as its
object has not changed since that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .states import Lag, Move, State

KINDS = ("workloads", "pods", "claims", "jobs")


def seen(state: State) -> State:
    """Return the state as the caches show it."""
    shown = {lag.kind: lag.objects for lag in state.lags}
    return state._replace(cluster=state.cluster._replace(**shown))


def outdated(state: State) -> frozenset[tuple[str, object]]:
    """Return the objects that are no longer as the caches show them."""
    return frozenset[tuple[str, object]]().union(*(lag.changed for lag in state.lags))


def note(lags: tuple[Lag, ...], touched: Iterable[tuple[str, object]]) -> tuple[Lag, ...]:
    """Note what has changed behind the back of the caches."""
    keys = tuple(touched)
    return tuple(lag._replace(changed=lag.changed.union(k for k in keys if k[0] == lag.kind)) for lag in lags)


def moves(state: State) -> Iterator[Move]:
    """Watches fall behind, and catch up again."""
    for lag in state.lags:
        left = tuple(other for other in state.lags if other != lag)
        yield Move(f"{lag.kind} are seen as they are", state._replace(lags=left))
    if not state.luck.lags:
        return
    luck = state.luck._replace(lags=state.luck.lags - 1)
    for kind in KINDS:
        if all(lag.kind != kind for lag in state.lags):
            lags = tuple(sorted((*state.lags, Lag(kind, getattr(state.cluster, kind)))))
            yield Move(f"{kind} lag", state._replace(lags=lags, luck=luck), luck=True)
