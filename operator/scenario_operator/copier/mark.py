"""The mark in a target's root: whose copy this is, and whether it is one.

It is replaced as a whole and survives the loss of the node at every moment. Only the last write of a copy says
Complete, so no half-made target is ever taken for one, neither by a later run nor as the source of another copy.
"""

import json
import os
import stat
from collections import deque
from dataclasses import asdict, dataclass, fields
from enum import StrEnum

from scenario_operator.copier import content
from scenario_operator.copier.durable import on_disk
from scenario_operator.copier.tree import RESERVED, Folder

NAME = RESERVED
_NEXT = f"{RESERVED}.next"
_LARGEST_BYTES = 4096
_VERSION = 1


class State(StrEnum):
    """How far a copy is."""

    CLEARING = "Clearing"
    """What an earlier attempt left is being removed: nothing that is here counts."""
    COPYING = "Copying"
    """What has its name here was written by this attempt and is on the disk."""
    COMPLETE = "Complete"
    """A second pass found no difference."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be copied: `source` and `plan` are the caller's names for it, attempts are counted within a plan."""

    source: str
    plan: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was copied.

    `files` counts names that are no directories, `bytes` the sizes of regular files, each file once. Of the entries,
    `foreign_owners` belonged to somebody else; `lost_attributes` are extended attributes that the target did not take.
    """

    files: int = 0
    bytes: int = 0
    foreign_owners: int = 0
    lost_attributes: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """`numbers` are those of a complete copy."""

    order: Order
    state: State
    numbers: Numbers = Numbers()


def read(root: Folder) -> Mark | None:
    """Return the mark of a root, None if there is none. Raises ValueError for something that is no mark of ours."""
    status = root.found(NAME)
    if status is None:
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_BYTES:
        raise ValueError("no mark of the copier")
    with root.guard(NAME):
        fd = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=root.fd)
        try:
            data = os.read(fd, _LARGEST_BYTES)
        finally:
            os.close(fd)
    return _parsed(data)


def write(root: Folder, mark: Mark) -> None:
    """Replace the mark of a root, and return when it will survive."""
    body = json.dumps({"version": _VERSION, **asdict(mark)}).encode()
    with root.guard(NAME):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(_NEXT, flags, 0o644, dir_fd=root.fd)
        try:
            file = content.File(fd, root.guard(NAME))
            content.written(file, body, 0)
            deque(on_disk(root.fd, [file]), maxlen=0)
        finally:
            os.close(fd)
        os.replace(_NEXT, NAME, src_dir_fd=root.fd, dst_dir_fd=root.fd)
        deque(on_disk(root.fd, [content.File(root.fd, root.guard())]), maxlen=0)


def _parsed(data: bytes) -> Mark:
    try:
        body = json.loads(data)  # raises ValueError for all else that is no JSON
    except RecursionError as error:
        raise ValueError("no mark of the copier") from error
    if not isinstance(body, dict) or body.get("version") != _VERSION:
        raise ValueError("a mark of another version of the copier")
    order, numbers = body.get("order"), body.get("numbers")
    if not isinstance(order, dict) or not isinstance(numbers, dict):
        raise ValueError("no mark of the copier")  # noqa: TRY004  (one error for whatever a file may hold)
    return Mark(
        Order(_word(order, "source"), _word(order, "plan"), _number(order, "attempt")),
        State(_word(body, "state")),
        Numbers(*(_number(numbers, part.name) for part in fields(Numbers))),
    )


def _word(body: dict[str, object], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise ValueError(f"no mark of the copier: {key}")  # noqa: TRY004  (as above)
    return value


def _number(body: dict[str, object], key: str) -> int:
    value = body.get(key)
    if type(value) is not int:
        raise ValueError(f"no mark of the copier: {key}")
    return value
