"""The last word of a container.

JSON in the termination message, which the kubelet carries into the pod's status.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .disk import Disk
from .times import format_time

MAX_REPORT_BYTES = 4096  # what the kubelet keeps of one container's termination message


@dataclass(frozen=True, slots=True)
class Outputs:
    """Numbers of outputs of this incarnation: still open, ever emitted, taken back."""

    open: int = 0
    emitted: int = 0
    reverted: int = 0


@dataclass(frozen=True, slots=True)
class Queue:
    """Numbers of queued work: waiting, handed to the new version, dropped."""

    pending: int = 0
    retargeted: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """`processed_until` is exclusive.

    It is left out when unknown, which makes a plan that needs it wait for a person.
    """

    processed_until: datetime | None = None
    state_version: str = ""
    outputs: Outputs | None = None
    queue: Queue | None = None
    items: Sequence[Any] = ()
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """As the contract spells it; what is not known is left out."""
        whole = {
            "processedUntil": format_time(self.processed_until) if self.processed_until else None,
            "stateVersion": self.state_version or None,
            "outputs": _fields(self.outputs),
            "queue": _fields(self.queue),
            "items": list(self.items) or None,
            "error": self.error or None,
        }
        return {key: value for key, value in whole.items() if value is not None}

    def encode(self) -> bytes:
        """At most MAX_REPORT_BYTES of valid JSON.

        `items` go first, then the end of `error`; positions are never cut.
        """
        body = self.to_json()
        if len(_dump(body)) > MAX_REPORT_BYTES:
            body.pop("items", None)
        while len(_dump(body)) > MAX_REPORT_BYTES and body.get("error"):
            body["error"] = body["error"][: len(body["error"]) * 3 // 4]
        return _dump(body)

    def write(self, path: Path, disk: Disk | None = None) -> None:
        """Leave it where the kubelet looks. Raises OSError."""
        (disk or Disk()).write(path, self.encode())


def _fields(part: Outputs | Queue | None) -> dict[str, int] | None:
    return None if part is None else {name: getattr(part, name) for name in part.__slots__}


def _dump(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
