"""What the operator's process does: which of its calls in flight no longer hold."""

from __future__ import annotations

from .model import Call, Cluster, Flight, key_of
from .states import State


def changed(state: State, key: tuple[str, object], cluster: Cluster) -> State:
    """Make every call in flight stale whose object has changed."""
    if cluster == state.cluster:
        return state
    touched = [key]
    if key[0] == "workloads" and cluster.pods != state.cluster.pods:
        touched.append(("pods", key[1]))
    active, late = state.active, state.late
    for one in touched:
        active = _stale_flight(active, one) if active else None
        late = tuple(_stale_flight(f, one) for f in late)
    return state._replace(cluster=cluster, active=active, late=late)


def _stale_flight(flight: Flight, key: tuple[str, object]) -> Flight:
    return flight._replace(calls=tuple(stale(c, key) for c in flight.calls))


def stale(call: Call, key: tuple[str, object]) -> Call:
    """Return a call that holds no longer if it is about the object that has changed."""
    return call._replace(fresh=False) if key_of(call.effect) == key else call
