"""How a plan or a grant ended for one run, and what such an end means for what comes next.

The word travels in `status.history` of a run and in the report of an attempt. Either may have been written by
another version of the operator, so a word that is not known here is kept as it stands and belongs to no set below.
"""

from scenario_operator.api.common import OpenWord


class Outcome(OpenWord):
    """How a plan ended, or why a run gave a grant back before its plan began."""

    UPGRADED = "Upgraded"
    RECOMPUTED = "Recomputed"
    CONTINUED = "Continued"
    ROLLED_BACK = "RolledBack"
    SUPERSEDED = "Superseded"
    SKIPPED = "Skipped"
    FAILED = "Failed"
    ABORTED = "Aborted"
    CANCELLED = "Cancelled"
    PINNED = "Pinned"
    HELD = "Held"
    PLAN_CHANGED = "PlanChanged"


SUCCESSES = frozenset({Outcome.UPGRADED, Outcome.RECOMPUTED, Outcome.CONTINUED})
"""The run arrived."""

FAILURES = frozenset({Outcome.ROLLED_BACK, Outcome.FAILED})
"""The run did not arrive, and nobody wanted it so."""

ENDED_BADLY = FAILURES | {Outcome.ABORTED}
"""Nothing is tried again at the same revision unless somebody asks."""

WENT_BACK = frozenset({Outcome.ROLLED_BACK, Outcome.ABORTED})
"""The run is where it was before; a plan of its own is not tried again unless somebody asks."""

BACK_TO_WAITING = frozenset({Outcome.PLAN_CHANGED, Outcome.HELD})
"""Answers to a grant after which the run waits again; every other outcome ends it for its attempt."""
