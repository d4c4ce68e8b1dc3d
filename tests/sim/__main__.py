"""`python -m tests.sim`: explore every plan shape and print how much was looked at; `--write` puts it into the docs."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

from .explorer import Explorer
from .mutants import MUTANTS
from .setups import DEEP, QUICK, begin

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
MARKED = re.compile(r"<!-- explorer -->.*?<!-- /explorer -->", re.DOTALL)


def main() -> None:
    """Explore, print and perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only what the test suite explores")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.name}")
    options = parser.parse_args()
    rows = []
    for setup in QUICK if options.quick else (*QUICK, *DEEP):
        started = time.monotonic()
        found = Explorer(setup).explore(begin(setup))
        rows.append(f"| {setup.name} | {found.states:,} | {found.goals:,} | {found.longest} |")
        print(f"{setup.name}: {found.states:,} states in {time.monotonic() - started:.1f} s", flush=True)
    if options.write:
        write(rows)


def write(rows: list[str]) -> None:
    """Replace the marked section of the page."""
    table = "\n".join(["| plan and luck | states | goals | deepest |", "|---|---|---|---|", *rows])
    told = f"{len(rows)} explorations, no promise broken, a goal reachable from every state."
    mutants = f"{len(MUTANTS)} executors with one broken rule each, all caught: "
    mutants += ", ".join(m.name for m in MUTANTS) + "."
    section = f"<!-- explorer -->\n{told}\n\n{table}\n\n{mutants}\n<!-- /explorer -->"
    text = PAGE.read_text() if PAGE.exists() else ""
    page = MARKED.sub(lambda _: section, text) if MARKED.search(text) else f"{text.rstrip()}\n\n{section}\n"
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
