"""Stored state.

One file that holds the author's state, how far the input is committed and how long each result file then
was.

Because the three are replaced together in one rename, state, input position and results can never disagree
after a crash: whatever was written to the results later than the checkpoint is cut off at the next start
and produced again (results.py).

The file is stamped with its run, incarnation and format. A stamp that does not fit is refused here although
the operator checks it too: state that is read by the wrong code or the wrong run is the one error that
cannot be repaired afterwards.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .context import RunContext
from .disk import Disk, write_atomically
from .errors import ScenarioError, StateRefusedError, StateUnreadableError
from .times import format_time, parse_time

_FILE = "checkpoint.json"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One committed position.

    `processed_until` is exclusive: all input before it is in `state`, nothing at or after it is.
    """

    run: str
    run_id: str
    incarnation: int
    state_version: str
    processed_until: datetime | None
    state: Any  # the author's own, any JSON value
    results: Mapping[str, int] = field(default_factory=dict)  # committed bytes by kind of result

    def to_json(self) -> dict[str, Any]:
        """The content of the file."""
        return {
            "run": self.run,
            "runID": self.run_id,
            "incarnation": self.incarnation,
            "stateVersion": self.state_version,
            "processedUntil": format_time(self.processed_until) if self.processed_until else None,
            "results": dict(self.results),
            "state": self.state,
        }

    @classmethod
    def from_json(cls, data: Any) -> "Checkpoint":
        """Raises KeyError, TypeError or ValueError on anything that `to_json` did not write."""
        until = data["processedUntil"]
        return cls(
            run=str(data["run"]),
            run_id=str(data["runID"]),
            incarnation=int(data["incarnation"]),
            state_version=str(data["stateVersion"]),
            processed_until=parse_time(until) if until else None,
            state=data["state"],
            results={str(kind): int(size) for kind, size in data["results"].items()},
        )


class CheckpointStore:
    """The checkpoint in one state directory."""

    def __init__(self, directory: Path, disk: Disk | None = None) -> None:
        self._directory = directory
        self._disk = disk or Disk()

    @property
    def path(self) -> Path:
        """The file."""
        return self._directory / _FILE

    def read(self) -> Checkpoint | None:
        """The last committed checkpoint, whoever it belongs to.

        None if there never was one. Raises StateUnreadableError.
        """
        try:
            return Checkpoint.from_json(json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, KeyError, TypeError, AttributeError, ValueError, ScenarioError) as error:
            raise StateUnreadableError(f"{self.path}: {type(error).__name__} {error}") from error

    def load(self, context: RunContext, accepts: Collection[str]) -> Checkpoint | None:
        """The checkpoint to continue from. Raises StateRefusedError, StateUnreadableError.

        State of an older incarnation of the same run is a copy that the operator made for this one: it is
        taken over without the result positions, which belong to the files of the incarnation it was copied
        from.
        """
        found = self.read()
        if found is None:
            return None
        if found.state_version not in accepts:
            raise StateRefusedError(
                f"state has format {found.state_version!r}, this code reads {', '.join(sorted(accepts))}"
            )
        if (found.run, found.run_id, found.incarnation) == (context.run, context.run_id, context.incarnation):
            return found
        if found.run != context.run or found.incarnation >= context.incarnation:
            raise StateRefusedError(f"state belongs to {found.run_id!r}, this is {context.run_id!r}")
        return Checkpoint(
            run=context.run,
            run_id=context.run_id,
            incarnation=context.incarnation,
            state_version=found.state_version,
            processed_until=found.processed_until,
            state=found.state,
        )

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint atomically; on return it survives the loss of process and node."""
        self._disk.make_dirs(self._directory)
        data = json.dumps(checkpoint.to_json(), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        write_atomically(self._disk, self.path, data.encode())
