"""Which revisions somebody needs: what a run carries keeps the meaning of its label, what nobody needs is swept.

A run that cannot be read may need any of them, so while there is one nothing is given up or given another meaning.
"""

from __future__ import annotations

from collections.abc import Iterable

from scenario_operator.planning.stored import DELETED, KEPT
from scenario_operator.rollout.facts import Attempt, Fleet, RunFacts


def in_use(runs: Iterable[RunFacts], known: Iterable[str], *, all_read: bool) -> frozenset[str]:
    """Return the revisions whose labels must not change their meaning; `known` are all that there are.

    `all_read` says whether `runs` are all runs of the Scenario.
    """
    return _carried(runs) if all_read else frozenset(known)


def unneeded(
    fleet: Fleet, attempts: Iterable[Attempt], served: Iterable[str], *, all_read: bool
) -> frozenset[str]:
    """Return the revisions that nobody needs any more.

    `attempts` are those of the fleet as they were decided on, `served` the names that the Scenario's status tells.
    `all_read` says whether the fleet's runs are all runs of the Scenario.
    """
    if not all_read or any(run.pinned or run.stored.applied is None for run in fleet.runs):
        # A pin names a label, and a run that has not started may name any of them.
        return frozenset()
    newest = max(fleet.revisions.values(), key=lambda r: r.number, default=None)
    needed = {*_carried(fleet.runs), *served}
    needed |= {a.revision for a in (*fleet.attempts, *attempts) if not a.finished}
    needed |= {newest.name} if newest else set()
    return frozenset(fleet.revisions) - needed


def _carried(runs: Iterable[RunFacts]) -> frozenset[str]:
    """Return the revisions that runs are on, hold state or results of, or are on their way between."""
    return frozenset(name for run in runs for name in _carried_by(run))


def _carried_by(run: RunFacts) -> tuple[str, ...]:
    applied = (run.stored.applied.revision,) if run.stored.applied else ()
    held = (i.revision for i in run.stored.incarnations if i.state != DELETED or i.results == KEPT)
    return (*applied, *held, *run.journal_revisions)
