"""The pages of `docs/` that are made from the code: `reasons.md` and `api.md`.

python tools/docs [--check]
"""

import argparse
import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from docs import fields, reasons

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"

PAGES: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {"api.md": fields.render, "reasons.md": reasons.render}
)


def write(folder: Path = DOCS) -> None:
    """Write every generated page."""
    for name, render in PAGES.items():
        (folder / name).write_text(render(), encoding="utf-8")


def drift(folder: Path = DOCS) -> str:
    """Return the difference between the pages and the code; empty when they agree."""
    lines: list[str] = []
    for name, render in PAGES.items():
        path = folder / name
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        lines += difflib.unified_diff(
            found.splitlines(keepends=True), render().splitlines(keepends=True), f"docs/{name}", "generated"
        )
    return "".join(lines)


def main(argv: Sequence[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> int:
    """Write the pages, or with --check say whether they are up to date."""
    parser = argparse.ArgumentParser(prog="python tools/docs", description="Generate pages of docs/.")
    parser.add_argument("--check", action="store_true", help="exit 1 and show the difference instead")
    if not parser.parse_args(argv).check:
        write()
        return 0
    difference = drift()
    if difference:
        say(difference)
        say("pages of docs/ are out of date; run: python tools/docs\n")
    return 1 if difference else 0
