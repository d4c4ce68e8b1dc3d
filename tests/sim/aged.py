"""Explorations on views that are put together from snapshots of different age for each kind of object (R6)."""

from __future__ import annotations

from dataclasses import replace

from .setups import DEEP, QUICK
from .signals import QUICK_SIGNALS
from .states import Setup

KNOWN = (*QUICK, *DEEP, *(setup for signal in QUICK_SIGNALS for setup in signal.setups))


def _lagging(name: str, *, late: int = 0, lags: int = 1, **luck: int) -> Setup:
    """Return a plan shape whose operator sees kinds of objects at different ages."""
    known = next(setup for setup in KNOWN if setup.name == name)
    given = known.luck._replace(late=late, lags=lags, **luck)
    told = "watches lag" if lags > 1 else "a watch lags"
    return replace(known, name=f"{name}, {told}{', a late leader' if late else ''}", luck=given)


QUICK_LAGS = (
    _lagging("first start, run replaced under its name"),
    _lagging("first start, abort"),
    _lagging("keep"),
    _lagging("keep", late=1, evictions=0),
    _lagging("keep with another format"),
    _lagging("keep with another format that never starts"),
    _lagging("keep on the only copy that never starts, then a newer revision"),
    _lagging("Continuation"),
    _lagging("ForwardOnly"),
    _lagging("ForwardOnly, newer revision"),
    _lagging("ForwardOnly, preflight and verify hooks"),
    _lagging("Continuation without state, results"),
    _lagging("stop and start"),
    _lagging("recompute"),
)
"""Views that are put together from snapshots of different age for each kind of object (R6)."""

DEEP_LAGS = (
    _lagging("keep, run replaced under its name"),
    _lagging("ForwardOnly, run replaced under its name"),
    _lagging("ForwardOnly, results, run replaced"),
    _lagging("keep", lags=2),
    _lagging("keep, abort", late=1),
    _lagging("keep, newer revision", lags=2),
    _lagging("keep that never starts, rolled back", late=1),
    _lagging("keep with another format", lags=2),
    _lagging("Continuation", lags=2),
    _lagging("Continuation", late=1),
    _lagging("Continuation, newer revision"),
    _lagging("Continuation, eviction"),
    _lagging("Continuation, preflight and verify hooks that fail, nobody late"),
    _lagging("ForwardOnly", lags=2),
    _lagging("ForwardOnly, abort", late=1),
    _lagging("ForwardOnly, preflight and verify hooks", lags=2),
    _lagging("keep, preflight hook, newer revision, nobody late"),
)
