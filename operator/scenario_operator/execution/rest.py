"""A run without an open plan: take a grant, open an own plan, or keep the steady state."""

from __future__ import annotations

from typing import NamedTuple

from scenario_operator.execution.describe import situation
from scenario_operator.execution.effects import (
    Effect,
)
from scenario_operator.execution.journal import Journal
from scenario_operator.execution.opening import Opened, baseline, free, open_own, take_grant
from scenario_operator.execution.situation import (
    Situation,
    Standing,
)
from scenario_operator.execution.upkeep import lost, rebuilt, relabelled, retired, upkeep
from scenario_operator.execution.view import View
from scenario_operator.planning.stored import (
    Stored,
)


class Rest(NamedTuple):
    """The outcome: what is stored, the plan that was opened, if any, the situation and upkeep's effects."""

    stored: Stored
    opened: Journal | None
    situation: Situation
    effects: tuple[Effect, ...] = ()


def at_rest(view: View, *, opening: bool = True) -> Rest:
    """Return the next move of a run without a journal; `opening` False only describes it and sweeps nothing."""
    view = view._replace(stored=baseline(view))
    view = view._replace(stored=rebuilt(view))
    if opening and not lost(view):
        taken = take_grant(view)
        if isinstance(taken, Opened):
            return Rest(taken.stored, taken.journal, Situation(Standing.WORKING, "", ""))
        if taken is not None:
            view = view._replace(stored=taken)
        elif free(view) and (own := open_own(view)) is not None:
            return Rest(own.stored, own.journal, Situation(Standing.WORKING, "", ""))
    view = view._replace(stored=relabelled(view))
    view = view._replace(stored=retired(view))
    effects = () if lost(view) or view.run.hold or not opening else upkeep(view)
    return Rest(view.stored, None, situation(view), effects)
