"""Commit: the one write that closes the plan."""

from __future__ import annotations

from scenario_operator.execution.journal import Journal
from scenario_operator.execution.steps.step import Check, Done, Row
from scenario_operator.execution.view import View
from scenario_operator.planning.steps import Step


class Commit(Row):
    """The one write that closes the plan; `execution/close.py` makes it."""

    def check(self, view: View, journal: Journal, step: Step) -> Check:
        return Done()
