"""Every change of mind at every moment of every plan shape, whether its new version works or never starts."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from scenario_operator.planning.plan import Snapshot
from scenario_operator.planning.revision import Revision

from .setups import (
    BROKEN,
    CALM,
    CONTINUE,
    FORWARD,
    FRESH,
    FRESH_BACK,
    FRESH_RESULTS,
    FRESH_VALUES,
    KEEP_BACK,
    KEEP_SAME,
    KEEP_VALUES,
    ONLY_RESULTS,
    REFUSED_BACK,
    RESULTS,
    STRATEGY,
    first_start,
    started,
)
from .states import Luck, Setup

NOBODY = CALM._replace(late=0)
Revisions = dict[str, Revision]


class Signal(NamedTuple):
    """What people do, told as a luck to spend, and the explorations that try it."""

    name: str
    setups: tuple[Setup, ...]

    def with_late_leader(self) -> Signal:
        """Return the same with a leader that may freeze anywhere and act on what it saw before."""
        setups = (replace(s, luck=s.luck._replace(late=1)) for s in self.setups)
        return Signal(f"{self.name}, a late leader", tuple(setups))

    def without(self, shape: str, *, if_it_starts: bool = False) -> Signal:
        """Return the same but for one plan shape; `if_it_starts`: only where its new version works."""
        dropped = f"{shape}," if if_it_starts else shape
        return Signal(self.name, tuple(s for s in self.setups if not s.name.startswith(dropped)))


def anywhere(
    name: str, luck: Luck, keep: Revisions = KEEP_SAME, fresh: Revisions = FRESH, *, unborn: bool = True
) -> Signal:
    """Return a signal in every plan shape; `unborn`: in a first start too."""
    setups: list[Setup] = []
    for broken, told in ((frozenset[str](), ""), (BROKEN, " that never starts")):
        shapes = (
            ("keep", keep, STRATEGY),
            ("Continuation", fresh, CONTINUE),
            ("ForwardOnly", fresh, FORWARD),
        )
        for shape, revisions, strategy in shapes:
            setups.append(
                started(f"{shape}{told}, {name}", revisions, luck, strategy=strategy, broken=broken)
            )
        if unborn:
            setups.append(first_start(f"first start{told}, {name}", luck, broken=broken, revisions=keep))
    return Signal(name, tuple(setups))


def _strategies(name: str, luck: Luck) -> Signal:
    def shape(told: str, revisions: Revisions, strategy: Snapshot, *others: Snapshot | None) -> Setup:
        return started(f"{told}, {name}", revisions, luck, strategy=strategy, others=others)

    return Signal(
        name,
        (
            shape("keep", KEEP_SAME, STRATEGY, CONTINUE, None),
            shape("Continuation", FRESH, CONTINUE, FORWARD, None),
            shape("ForwardOnly", FRESH, FORWARD, CONTINUE, None),
        ),
    )


def _came_back(name: str, luck: Luck) -> Signal:
    refused = started(f"keep, {name} without allowDowngrade", REFUSED_BACK, luck)
    found = anywhere(name, luck, KEEP_BACK, FRESH_BACK, unborn=False)
    return found._replace(setups=(*found.setups, refused))


HOLDS = anywhere("hold and let go", NOBODY._replace(holds=2))
PINS = anywhere("pin and unpin", NOBODY._replace(pins=2))
RESTARTS = anywhere("restart", NOBODY._replace(restarts=1))
RECOMPUTES = anywhere("recompute", NOBODY._replace(recomputes=1))
TOGGLES = anywhere("stop and start", NOBODY._replace(toggles=2))
RETRIES = anywhere("retry", NOBODY._replace(retries=1))
ABORTED_RETRIES = anywhere("retry and abort", NOBODY._replace(retries=1, aborts=1))
EDITS = anywhere("edited parameters and window", NOBODY._replace(edits=1), KEEP_VALUES, FRESH_VALUES)
STRATEGIES = _strategies("strategy edited and deleted", NOBODY._replace(strategies=2))
SCENARIOS = anywhere("Scenario deleted and applied again", NOBODY._replace(scenarios=2))
SUSPENDS = anywhere("suspend and resume", NOBODY._replace(suspends=2))
LOST = anywhere("attempt deleted", NOBODY._replace(lost_attempts=1))
CAME_BACK = _came_back("A to B to A", NOBODY._replace(newer=1))
DELETED = anywhere("run deleted", NOBODY._replace(deletions=1))
REPLACED = anywhere("run replaced under its name", NOBODY._replace(deletions=1, replacements=1))

_AGAIN = NOBODY._replace(deletions=1, replacements=1)
REPLACED_WITH_RESULTS = Signal(
    "run with results replaced under its name",
    (
        first_start("first start, results, run replaced", _AGAIN, revisions=RESULTS),
        first_start("first start without state, results, run replaced", _AGAIN, revisions=ONLY_RESULTS),
        started("keep, results, run replaced", RESULTS, _AGAIN),
        started("ForwardOnly, results, run replaced", FRESH_RESULTS, _AGAIN, strategy=FORWARD),
        started("ForwardOnly without state, results, run replaced", ONLY_RESULTS, _AGAIN, strategy=FORWARD),
    ),
)
CONTINUED_WITH_RESULTS = Signal(
    "run with results replaced under its name, Continuation",
    (
        started("Continuation, results, run replaced", FRESH_RESULTS, _AGAIN, strategy=CONTINUE),
        started("Continuation without state, results, run replaced", ONLY_RESULTS, _AGAIN, strategy=CONTINUE),
    ),
)

OWN_ABORTS = Signal(
    "abort of a plan of the run's own",
    (
        started("restart and abort", KEEP_SAME, NOBODY._replace(restarts=1, aborts=1), wanted="v1"),
        first_start("first start, abort and retry", NOBODY._replace(aborts=1, retries=1)),
        first_start(
            "first start that never starts, abort and retry",
            NOBODY._replace(aborts=1, retries=1),
            broken=BROKEN,
        ),
    ),
)

QUICK_SIGNALS = (
    OWN_ABORTS,
    HOLDS,
    PINS,
    TOGGLES,
    RESTARTS,
    RECOMPUTES,
    RETRIES,
    EDITS,
    STRATEGIES,
    SCENARIOS,
    SUSPENDS,
    LOST,
    CAME_BACK,
    DELETED.without("Continuation", if_it_starts=True),
    REPLACED.without("Continuation"),
    REPLACED_WITH_RESULTS,
)
DEEP_SIGNALS = (
    DELETED,
    REPLACED,
    CONTINUED_WITH_RESULTS,
    ABORTED_RETRIES,
    *(s.with_late_leader() for s in (HOLDS, PINS, RESTARTS, EDITS, STRATEGIES, SUSPENDS, CAME_BACK)),
    *(s.without("Continuation").with_late_leader() for s in (RETRIES, SCENARIOS, LOST)),
    anywhere("hold and a newer revision", NOBODY._replace(holds=2, newer=1)),
    anywhere("suspend, stop and start", NOBODY._replace(suspends=2, toggles=1)),
    anywhere("attempt deleted, then abort", NOBODY._replace(lost_attempts=1, aborts=1)),
    anywhere("edit and abort", NOBODY._replace(edits=1, aborts=1), KEEP_VALUES, FRESH_VALUES),
    DELETED.without("Continuation").with_late_leader(),
    REPLACED.without("Continuation").with_late_leader(),
)
"""What `make explore` adds: a late leader, and two changes of mind at once."""
