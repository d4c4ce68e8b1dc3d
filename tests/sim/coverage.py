"""What an exploration meets of the executor's vocabulary, and where each part of it is to be met."""

from __future__ import annotations

from typing import get_args

from scenario_operator.api.journal import Kind
from scenario_operator.execution import effects as fx
from scenario_operator.execution.decide import Decision
from scenario_operator.execution.view import View

from . import promises

Part = Kind | type[fx.Effect]
"""A kind of step or of effect."""

EVERY_PART: frozenset[Part] = frozenset({*Kind, *get_args(fx.Effect)})

WHERE: dict[str, frozenset[Part]] = {
    "first start, results": frozenset(
        {
            Kind.RESOLVE_WINDOW,
            Kind.START,
            Kind.COMMIT,
            fx.CreateClaim,
            fx.CreateResults,
            fx.CreateWorkload,
            fx.WakeWorkload,
        }
    ),
    "keep, preflight hook that fails": frozenset({Kind.PREFLIGHT, Kind.STOP, fx.PutToSleep}),
    "keep, verify hook that fails": frozenset({Kind.VERIFY, fx.CreateJob, fx.ReleaseJob, fx.DeleteJob}),
    "keep with another format": frozenset({fx.HoldReport, fx.ReleaseReport, fx.StampClaim}),
    "ForwardOnly": frozenset(
        {Kind.REVERT_RESULTS, Kind.DELETE_STATE, fx.DeleteWorkload, fx.DeleteClaim},
    ),
}
"""What is to occur in which quick exploration: each kind of step and of effect in one that is made anyway."""


def met(view: View, made: Decision) -> set[Part]:
    """Return the kinds of the steps that have begun or are done after a decision, and of its effects."""
    found: set[Part] = {type(effect) for effect in made.effects}
    before, after = view.journal, made.record.journal
    if after is not None:
        touched = {*after.done, *(b.id for b in after.begun)}
        found |= {s.kind for s in (*after.steps, *after.path) if s.id in touched}
    elif before is not None and promises.has_committed(before, view.stored, made.record.stored):
        found |= {s.kind for s in before.steps}
    return found
