"""What is written today, kept: statuses of undisturbed upgrades in full, and a digest of all that explorations meet.

A redesign must change none of it. `python -m tests.sim.golden` writes the files anew, when a change is meant.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from scenario_operator.execution.decide import Decision, decide
from scenario_operator.execution.status import render
from scenario_operator.execution.view import View

from .search import Explorer
from .setups import QUICK, begin
from .states import Setup

FOLDER = Path(__file__).parent / "golden"
WALKED = (
    "first start",
    "keep",
    "keep with another format",
    "keep on the only copy",
    "Continuation",
    "ForwardOnly",
)
"""The plan shapes whose statuses are kept in full; of every other setup the digest is."""


class Recorder(Explorer):
    """An explorer that renders the status of every decision it makes."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.written: set[str] = set()

    def meet(self, view: View, made: Decision) -> None:
        """Note a decision's status and effects."""
        super().meet(view, made)
        effects = [f"{e}" for e in made.effects]
        self.written.add(_text([render(view, made, {}), effects, made.wake]))

    def digest(self) -> dict[str, Any]:
        """Return how many different statuses with their effects were met, and a hash of them all."""
        text = "\n".join(sorted(self.written))
        return {"decisions": len(self.written), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def walk(setup: Setup) -> list[dict[str, Any]]:
    """Return every status that an upgrade without luck writes, in order; time passes only when nothing else can."""
    explorer, state = Explorer(setup), begin(setup)
    statuses: list[dict[str, Any]] = []
    for _ in range(400):
        for late in (False, True):
            view = explorer.view(state, late)
            made = decide(view)
            told = render(view, made, {})
            if (
                state.active is None
                and (made.record != state.record or made.effects)
                and told not in statuses
            ):
                statuses.append(told)
        moves = [move for move in explorer.moves(state) if not move.luck and move.state != state]
        if not moves:
            break
        state = moves[0].state
    return statuses


def name_of(setup: Setup) -> str:
    """Return the name of a setup's golden file."""
    return setup.name.replace(",", "").replace(" ", "-") + ".json"


def kept(setup: Setup) -> dict[str, Any]:
    """Return what the golden file of a setup holds."""
    found: dict[str, Any] = json.loads((FOLDER / name_of(setup)).read_text())
    return found


def golden(setup: Setup) -> dict[str, Any]:
    """Return what the golden file of a setup is to hold."""
    recorder = Recorder(setup)
    recorder.explore(begin(setup))
    walked = {"walk": walk(setup)} if setup.name in WALKED else {}
    return {**walked, "digest": recorder.digest()}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def main() -> None:
    """Write every file anew."""
    FOLDER.mkdir(exist_ok=True)
    for setup in QUICK:
        text = json.dumps(golden(setup), sort_keys=True, ensure_ascii=False)
        (FOLDER / name_of(setup)).write_text(text + "\n")


if __name__ == "__main__":
    main()
