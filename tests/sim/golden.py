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

from .search import Explorer
from .setups import QUICK, begin
from .states import Setup, State

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
        self.told: set[str] = set()

    def decision(self, state: State, late: bool) -> Decision:
        """Return the decision, with its status and effects noted once."""
        known = len(self.decisions)
        made = super().decision(state, late)
        if len(self.decisions) > known:
            view = self.view(state, late)
            real = decide(view)
            effects = [f"{e}" for e in real.effects]
            self.told.add(_text([render(view, real, {}), effects, real.wake]))
        return made


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


def digest(setup: Setup) -> dict[str, Any]:
    """Return how many different statuses with their effects an exploration meets, and a hash of them all."""
    recorder = Recorder(setup)
    recorder.explore(begin(setup))
    text = "\n".join(sorted(recorder.told))
    return {"decisions": len(recorder.told), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def name_of(setup: Setup) -> str:
    """Return the name of a setup's golden file."""
    return setup.name.replace(",", "").replace(" ", "-") + ".json"


def golden(setup: Setup) -> dict[str, Any]:
    """Return what the golden file of a setup is to hold."""
    walked = {"walk": walk(setup)} if setup.name in WALKED else {}
    return {**walked, "digest": digest(setup)}


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
