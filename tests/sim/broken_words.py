"""Executors that decide well and tell it badly: what users would get of it is no status."""

from __future__ import annotations

from typing import Any

import pytest

from scenario_operator.execution import describe, wire
from scenario_operator.execution.direction import Stuck

from .broken_steps import everywhere


def says_no_reason(patch: pytest.MonkeyPatch) -> None:
    """A step under way has a word that no Reason is."""
    real = describe.progress

    def mumbled(*args: Any, **kwargs: Any) -> Any:
        return real(*args, **kwargs)._replace(reason="Busy")

    everywhere(patch, describe.progress, mumbled)


def tells_failures_at_length(patch: pytest.MonkeyPatch) -> None:
    """What a failure says is longer than its field may be."""
    real = Stuck.failure

    def told(self: Any, step: Any, now: float) -> Any:
        found = real(self, step, now)
        return found._replace(message=found.message * 500)

    patch.setattr(Stuck, "failure", told)


def loses_a_field(patch: pytest.MonkeyPatch) -> None:
    """The next process does not read that an abort came too late."""
    real = wire._dump_journal
    patch.setattr(
        wire, "_dump_journal", lambda journal: {k: v for k, v in real(journal).items() if k != "gaveUp"}
    )
