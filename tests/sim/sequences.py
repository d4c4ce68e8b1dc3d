"""Two and three plans one after the other, followed by what has really happened to results, state, pods and labels."""

from __future__ import annotations

from dataclasses import replace

from scenario_operator.planning.stored import Results

from .setups import (
    BROKEN,
    CALM,
    CONTINUE,
    FORWARD,
    FRESH,
    FRESH_RESULTS,
    KEEP_SAME,
    RESULTS,
    Revision,
    _edges,
    first_start,
    revision,
    started,
)
from .states import Luck, Setup

ALONE = CALM._replace(late=0)
LABELLED = {
    "v1": KEEP_SAME["v1"],
    "v4": replace(KEEP_SAME["v1"], name="v4", number=2, version="1.0.1"),
    "v2": replace(KEEP_SAME["v2"], number=3),
}
"""Version 1.0.0, the same under the label 1.0.1, and another one."""
THREE_FORMATS = {
    name: revision(
        number,
        state=f"{number}",
        accepts=("1", "2", "3"),
        edges=_edges("Compatible", reversible=True) if number > 1 else (),
    )
    for number, name in enumerate(("v1", "v2", "v3"), 1)
}
"""Each version writes a format of its own and reads all of them."""
SKIPPED = (("reverted", 12), ("skipped", 2))


def followed(name: str, revisions: dict[str, Revision], luck: Luck, **more: object) -> Setup:
    """Return an exploration beside which the truth about all plans is kept; the results claim is on record."""
    setup = replace(started(name, revisions, luck, **more), follows=True)
    if not setup.cluster.results:
        return setup
    stored = setup.record.stored._replace(results=Results("results", (1,)))
    return replace(setup, record=setup.record._replace(stored=stored))


def labelled(name: str, luck: Luck) -> Setup:
    """Return a run that takes on a label and is then led on to another version."""
    return followed(f"label, {name}", LABELLED, luck, wanted="v4", newest="v2")


QUICK_SEQUENCES = (
    followed("Continuation, then two recomputes", FRESH, ALONE._replace(recomputes=2), strategy=CONTINUE),
    followed(
        "Continuation that never starts, then a recompute",
        FRESH,
        ALONE._replace(recomputes=1, hook_failures=2),
        strategy=CONTINUE,
        broken=BROKEN,
    ),
    followed(
        "ForwardOnly twice, hooks that skip some",
        FRESH,
        ALONE._replace(newer=1),
        strategy=FORWARD,
        numbers=SKIPPED,
    ),
    followed(
        "ForwardOnly twice, a hook given up",
        FRESH,
        ALONE._replace(newer=1, hook_failures=2, skips=1),
        strategy=FORWARD,
    ),
    labelled("then an upgrade aborted", ALONE._replace(newer=1, aborts=1)),
    labelled("restart, then an upgrade", ALONE._replace(newer=1, restarts=1)),
    labelled("pin and unpin", ALONE._replace(pins=2)),
    labelled("deleted revisions, an upgrade aborted", ALONE._replace(newer=1, aborts=1, lost_revisions=1)),
    followed("keep twice, odd reports", THREE_FORMATS, ALONE._replace(newer=1, odd_reports=1)),
    followed(
        "stop and start, odd reports, evictions",
        KEEP_SAME,
        ALONE._replace(toggles=2, odd_reports=1, evictions=1),
    ),
    followed("Continuation, odd reports", FRESH, ALONE._replace(odd_reports=1), strategy=CONTINUE),
    followed("stop and start, deleted revisions", KEEP_SAME, ALONE._replace(toggles=2, lost_revisions=1)),
    followed("keep, deleted revisions", KEEP_SAME, ALONE._replace(newer=1, lost_revisions=1)),
    followed(
        "ForwardOnly, deleted revisions, a hook given up",
        FRESH,
        ALONE._replace(lost_revisions=1, skips=1),
        strategy=FORWARD,
    ),
    followed("keep, results removed by force", RESULTS, ALONE._replace(lost_results=1)),
    followed("stop and start, results removed by force", RESULTS, ALONE._replace(toggles=2, lost_results=1)),
    followed(
        "ForwardOnly, results removed by force",
        FRESH_RESULTS,
        ALONE._replace(lost_results=1),
        strategy=FORWARD,
    ),
    followed(
        "Continuation, then a recompute, results",
        FRESH_RESULTS,
        ALONE._replace(recomputes=1),
        strategy=CONTINUE,
    ),
    replace(
        first_start("first start, results, refusals", CALM._replace(refusals=2), revisions=RESULTS),
        follows=True,
    ),
    followed("keep, refusals, a late leader", KEEP_SAME, CALM._replace(refusals=1)),
    followed("ForwardOnly, refusals", FRESH, ALONE._replace(refusals=1), strategy=FORWARD),
)
DEEP_SEQUENCES = (
    followed(
        "Continuation aborted, its clean-up given up, then ForwardOnly",
        FRESH,
        ALONE._replace(newer=1, strategies=1, aborts=1, hook_failures=2),
        strategy=CONTINUE,
        others=(FORWARD,),
    ),
    followed(
        "Continuation twice, then a recompute",
        FRESH,
        ALONE._replace(newer=1, recomputes=1),
        strategy=CONTINUE,
    ),
    followed(
        "Continuation, then a recompute, a late leader", FRESH, CALM._replace(recomputes=1), strategy=CONTINUE
    ),
    followed(
        "ForwardOnly twice, odd reports, failing hooks",
        FRESH,
        ALONE._replace(newer=1, odd_reports=1, hook_failures=1),
        strategy=FORWARD,
    ),
    followed(
        "Continuation, then a recompute, deleted revisions",
        FRESH,
        ALONE._replace(recomputes=1, lost_revisions=1, skips=1),
        strategy=CONTINUE,
    ),
    followed(
        "Continuation, then a recompute, results removed by force",
        FRESH_RESULTS,
        ALONE._replace(recomputes=1, lost_results=1),
        strategy=CONTINUE,
    ),
    followed("keep twice, odd reports, a late leader", THREE_FORMATS, CALM._replace(newer=1, odd_reports=1)),
)
"""What `make explore` adds."""
