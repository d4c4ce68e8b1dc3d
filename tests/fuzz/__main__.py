"""`python -m tests.fuzz`: play many cases and print how many; `--write` puts the counts into the docs."""

from __future__ import annotations

import argparse
import logging
import re
import time
from pathlib import Path

from tests.fuzz.cases import KINDS_OF_CASES
from tests.fuzz.run import Count, play

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
MARKED = re.compile(r"<!-- fuzzer -->.*?<!-- /fuzzer -->", re.DOTALL)


def main() -> None:
    """Play, print and perhaps write."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="cases of each kind (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write the counts into {PAGE.name}")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    found: dict[str, Count] = {}
    for name, made in KINDS_OF_CASES.items():
        started = time.monotonic()
        found[name] = play(made, options.examples)
        print(f"{name}: {found[name].passes:,} passes in {time.monotonic() - started:.1f} s", flush=True)
    if options.write:
        write(found)


def write(found: dict[str, Count]) -> None:
    """Replace the marked section of the page."""
    passes = sum(count.passes for count in found.values())
    told = f"{passes:,} passes, none of which ended with an exception, and no object that said nothing."
    rows = ["| written by others | cases | passes | objects that say Valid=False |", "|---|---|---|---|"]
    rows += [f"| {name} | {c.cases:,} | {c.passes:,} | {c.unreadable:,} |" for name, c in found.items()]
    section = "\n".join((f"<!-- fuzzer -->\n{told}\n", *rows, "<!-- /fuzzer -->"))
    PAGE.write_text(MARKED.sub(lambda _: section, PAGE.read_text()))


if __name__ == "__main__":
    main()
