"""`python -m tests.sim`: explore every plan shape and print how much was looked at; `--write` puts it into the docs."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import NamedTuple

from . import grant_states
from .aged import DEEP_LAGS, QUICK_LAGS
from .broken_records import RECORD_MUTANTS
from .fleets import DEEP as DEEP_FLEETS
from .fleets import QUICK as FLEETS
from .grants import GrantExplorer
from .mutants import MUTANTS
from .search import Explorer
from .sequences import DEEP_SEQUENCES, QUICK_SEQUENCES
from .setups import DEEP, QUICK, begin
from .signals import DEEP_SIGNALS, QUICK_SIGNALS
from .states import Setup

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
MARKED = re.compile(r"<!-- explorer -->.*?<!-- /explorer -->", re.DOTALL)


def main() -> None:
    """Explore, print and perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only what the test suite explores")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.name}")
    options = parser.parse_args()
    plans = [_explored(setup.name, (setup,)) for setup in (QUICK if options.quick else (*QUICK, *DEEP))]
    chosen = QUICK_SIGNALS if options.quick else (*QUICK_SIGNALS, *DEEP_SIGNALS)
    signals = [_explored(signal.name, signal.setups) for signal in chosen]
    aged = QUICK_LAGS if options.quick else (*QUICK_LAGS, *DEEP_LAGS)
    lags = [_explored(setup.name, (setup,)) for setup in aged]
    followed = QUICK_SEQUENCES if options.quick else (*QUICK_SEQUENCES, *DEEP_SEQUENCES)
    sequences = [_explored(setup.name, (setup,)) for setup in followed]
    fleets = [_rolled_out(setup) for setup in (FLEETS if options.quick else (*FLEETS, *DEEP_FLEETS))]
    if options.write:
        write(plans, lags, signals, sequences, fleets)


class Row(NamedTuple):
    """What was found in one exploration, or in those of one signal together."""

    name: str
    explorations: int
    states: int
    goals: int
    longest: int


def _explored(name: str, setups: tuple[Setup, ...]) -> Row:
    started = time.monotonic()
    found = [Explorer(setup).explore(begin(setup)) for setup in setups]
    states, goals = sum(f.states for f in found), sum(f.goals for f in found)
    print(f"{name}: {states:,} states in {time.monotonic() - started:.1f} s", flush=True)
    return Row(name, len(found), states, goals, max(f.longest for f in found))


def _rolled_out(setup: grant_states.Setup) -> Row:
    started = time.monotonic()
    found = GrantExplorer(setup).explore()
    print(f"{setup.name}: {found.states:,} states in {time.monotonic() - started:.1f} s", flush=True)
    return Row(setup.name, 1, found.states, found.goals, 0)


def write(
    plans: list[Row], lags: list[Row], signals: list[Row], sequences: list[Row], fleets: list[Row]
) -> None:
    """Replace the marked section of the page."""
    number = sum(row.explorations for row in (*plans, *lags, *signals, *sequences, *fleets))
    states = sum(row.states for row in (*plans, *lags, *signals, *sequences, *fleets))
    told = (
        f"{number} explorations of {states:,} states, no promise broken, a goal reachable from every state."
    )
    table = ["| plan and luck | states | goals | deepest |", "|---|---|---|---|"]
    table += [f"| {r.name} | {r.states:,} | {r.goals:,} | {r.longest} |" for r in plans]
    aged = [
        "| kinds of objects seen at different moments | states | goals | deepest |",
        "|---|---|---|---|",
    ]
    aged += [f"| {r.name} | {r.states:,} | {r.goals:,} | {r.longest} |" for r in lags]
    people = [
        "| change of mind, at any moment | plan shapes | states | goals | deepest |",
        "|---|---|---|---|---|",
    ]
    people += [f"| {r.name} | {r.explorations} | {r.states:,} | {r.goals:,} | {r.longest} |" for r in signals]
    several = [
        "| several plans, beside what has really happened | states | goals | deepest |",
        "|---|---|---|---|",
    ]
    several += [f"| {r.name} | {r.states:,} | {r.goals:,} | {r.longest} |" for r in sequences]
    broken = (*MUTANTS, *RECORD_MUTANTS)
    mutants = f"{len(broken)} executors with one broken rule each, all caught: "
    mutants += ", ".join(m.name for m in broken) + "."
    rollouts = ["| rollout: grants, attempts and leaders | states | at rest |", "|---|---|---|"]
    rollouts += [f"| {r.name} | {r.states:,} | {r.goals:,} |" for r in fleets]
    parts = (told, *("\n".join(rows) for rows in (table, aged, people, several, rollouts)), mutants)
    section = "\n\n".join(parts)
    section = f"<!-- explorer -->\n{section}\n<!-- /explorer -->"
    text = PAGE.read_text() if PAGE.exists() else ""
    page = MARKED.sub(lambda _: section, text) if MARKED.search(text) else f"{text.rstrip()}\n\n{section}\n"
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
