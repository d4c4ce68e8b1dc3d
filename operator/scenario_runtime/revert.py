"""Taking back what one incarnation has produced, with an account of what could not be.

At-least-once like every hook: the account is fixed in `reverted.json` before the first file moves, so a
second call finishes the work of a call that died and answers the same numbers. The file also bars the
incarnation from ever writing again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from .disk import Disk, write_atomically

_ACCOUNT = "reverted.json"
_TOMBSTONES = "reverted"


class OutputClass(Enum):
    """What can be done about an output that is already out; the classes of a Scenario's `outputs`."""

    REVERSIBLE = "Reversible"  # taken back
    IRREVERSIBLE = "Irreversible"  # stays, because it cannot be taken back: counted as loss
    RETAINED = "Retained"  # stays, because it is meant to


@dataclass(frozen=True, slots=True)
class Reverted:
    """Numbers of records."""

    reverted: int
    kept: int
    not_revertible: int

    def facts(self) -> dict[str, int]:
        """The numbers under the names that the contract gives them."""
        return {"reverted": self.reverted, "kept": self.kept, "notRevertible": self.not_revertible}


def is_reverted(directory: Path) -> bool:
    """Whether a revert of the results in this directory has begun."""
    return (directory / _ACCOUNT).exists()


def revert_results(
    root: Path, run_id: str, classes: Mapping[str, OutputClass], disk: Disk | None = None
) -> Reverted:
    """Move the Reversible kinds of one incarnation below `<runID>/reverted/` and count all of them.

    A kind that `classes` does not name is treated as Retained: nothing is removed that nobody declared
    removable. Raises OSError.
    """
    disk = disk or Disk()
    directory = root / run_id
    if not directory.is_dir():
        return Reverted(0, 0, 0)
    account = directory / _ACCOUNT
    if not account.exists():
        write_atomically(disk, account, json.dumps(_count(directory, classes).facts()).encode())
    tombstones = directory / _TOMBSTONES
    for path in sorted(directory.glob("*.jsonl")):
        if classes.get(path.stem) is OutputClass.REVERSIBLE:
            disk.make_dirs(tombstones)
            disk.replace(path, tombstones / path.name)
            disk.sync_dir(tombstones)
    disk.sync_dir(directory)
    facts = json.loads(account.read_bytes())
    return Reverted(facts["reverted"], facts["kept"], facts["notRevertible"])


def _count(directory: Path, classes: Mapping[str, OutputClass]) -> Reverted:
    lines = dict.fromkeys(OutputClass, 0)
    for path in directory.glob("*.jsonl"):
        lines[classes.get(path.stem, OutputClass.RETAINED)] += path.read_bytes().count(b"\n")
    return Reverted(
        reverted=lines[OutputClass.REVERSIBLE],
        kept=lines[OutputClass.RETAINED],
        not_revertible=lines[OutputClass.IRREVERSIBLE],
    )
