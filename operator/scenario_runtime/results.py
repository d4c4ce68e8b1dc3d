"""Results of one incarnation: append-only JSON lines, `/scenario/results/<runID>/<kind>.jsonl`.

Nothing is written before `flush`, and what a flush wrote counts only once its sizes are in a checkpoint.
The next start cuts every file back to the sizes of the checkpoint it continues from, so a crash neither
doubles nor loses a line. For the same reason a message to the outside belongs behind the commit: read it
from a committed file (an outbox), with the line's own id against doubles.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .disk import Disk
from .errors import ResultsRefusedError
from .revert import is_reverted

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SUFFIX = ".jsonl"


class ResultsWriter:
    """The one writer of one incarnation's results."""

    def __init__(
        self, root: Path, run_id: str, committed: Mapping[str, int], disk: Disk | None = None
    ) -> None:
        """Cut the files back to `committed` bytes (a kind that is not named: to nothing).

        Raises ResultsRefusedError if a file is shorter than that, or if this incarnation's results were
        reverted.
        """
        self._root = root
        self._directory = root / _checked(run_id)
        self._run_id = run_id
        self._disk = disk or Disk()
        self._sizes = dict(committed)
        self._pending: dict[str, list[bytes]] = {}
        self._recover()

    @property
    def sizes(self) -> Mapping[str, int]:
        """Flushed bytes by kind: what a checkpoint records."""
        return dict(self._sizes)

    def append(self, kind: str, record: Mapping[str, Any]) -> None:
        """Keep one record for the next flush, tagged with the run ID.

        Raises ResultsRefusedError where no results are declared.
        """
        if not self._root.is_dir():
            raise ResultsRefusedError(f"{self._root} does not exist: the Scenario declares no results")
        line = json.dumps(
            {"runID": self._run_id, **record}, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        self._pending.setdefault(_checked(kind), []).append(line.encode() + b"\n")

    def flush(self) -> None:
        """Write and sync what is pending. After an error or a crash in here only a new writer may go on."""
        for kind, lines in self._pending.items():
            path = self._directory / (kind + _SUFFIX)
            is_new = not path.exists()
            if is_new:
                self._disk.make_dirs(self._directory)
                self._disk.sync_dir(self._root)
            data = b"".join(lines)
            self._disk.append(path, data)
            self._disk.sync(path)
            if is_new:
                self._disk.sync_dir(self._directory)
            self._sizes[kind] = self._sizes.get(kind, 0) + len(data)
        self._pending = {}

    def _recover(self) -> None:
        if is_reverted(self._directory):
            raise ResultsRefusedError(
                f"the results of {self._run_id!r} were reverted: it must not write again"
            )
        found = {path.stem: path for path in sorted(self._directory.glob("*" + _SUFFIX))}
        for kind, size in self._sizes.items():
            length = found[kind].stat().st_size if kind in found else 0
            if length < size:
                raise ResultsRefusedError(f"{kind}: {length} bytes found, the state has committed {size}")
        for kind, path in found.items():
            size = self._sizes.get(kind, 0)
            if path.stat().st_size > size:
                self._disk.truncate(path, size)
                self._disk.sync(path)


def read_results(
    root: Path, run_id: str, kind: str, committed: int | None = None
) -> Iterator[dict[str, Any]]:
    """The records of one kind in the order written.

    With `committed`, only that many bytes. A torn last line is left out.

    For a consistent view of a running incarnation read its checkpoint first and pass the sizes found there.
    """
    try:
        data = (root / _checked(run_id) / (_checked(kind) + _SUFFIX)).read_bytes()
    except FileNotFoundError:
        return
    lines = data[:committed].split(b"\n")
    for line in lines[:-1]:
        yield json.loads(line)


def run_ids(root: Path) -> list[str]:
    """Every incarnation with results here, oldest first (`run-2` before `run-10`)."""

    def age(run_id: str) -> tuple[str, int, str]:
        stem, _, number = run_id.rpartition("-")
        return (stem, int(number), "") if number.isdigit() else (run_id, 0, run_id)

    return sorted(
        (entry.name for entry in root.iterdir() if entry.is_dir() and _NAME.fullmatch(entry.name)), key=age
    )


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ResultsRefusedError(f"not a usable name: {name!r}")
    return name
