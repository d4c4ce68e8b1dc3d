"""Copies `crds/`, which are generated, into the chart: `python tools/dist/sync_chart.py [--check]`.

A chart can only read files inside its own folder. The copy is verbatim, so that one look tells whether it is
up to date; what an installation adds (labels, the keep policy) is added by the template.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "crds"
COPY = ROOT / "charts" / "scenario-operator" / "files" / "crds"


def contents(folder: Path) -> dict[str, bytes]:
    """The manifests of a folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.yaml"))}


def differences(source: Path = SOURCE, copy: Path = COPY) -> list[str]:
    """Names of files that are missing, changed or left over in the copy."""
    wanted, found = contents(source), contents(copy)
    return sorted(name for name in wanted | found if wanted.get(name) != found.get(name))


def sync(source: Path = SOURCE, copy: Path = COPY) -> None:
    """Make the copy equal to its source."""
    copy.mkdir(parents=True, exist_ok=True)
    wanted = contents(source)
    for name in contents(copy).keys() - wanted.keys():
        (copy / name).unlink()
    for name, content in wanted.items():
        (copy / name).write_bytes(content)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Copy the generated CRDs into the chart.")
    parser.add_argument("--check", action="store_true", help="exit 1 and name what differs instead")
    options = parser.parse_args(arguments)
    if not options.check:
        sync()
        return 0
    different = differences()
    for name in different:
        print(f"{COPY.relative_to(ROOT) / name} differs from {SOURCE.relative_to(ROOT) / name}")
    if different:
        print("run: python tools/dist/sync_chart.py")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
