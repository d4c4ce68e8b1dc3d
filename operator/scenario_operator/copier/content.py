"""What is in regular files: copied and compared by the parts that hold data, so that a hole costs nothing."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass

from scenario_operator.copier.tree import Guard

CHUNK_BYTES = 1 << 20
_FINE_BYTES = 1 << 16
_NOTHING = bytes(_FINE_BYTES)


@dataclass(frozen=True, slots=True)
class File:
    """An open regular file, and who names it when it fails."""

    fd: int
    guard: Guard


def copied(source: File, target: File, status: os.stat_result) -> Iterator[int]:
    """Write the source's data into an empty target; yield the bytes of each part when it is done.

    Where the source occupies less than its size and its file system does not tell where the holes are, zeros are left
    out: an empty 1 TiB must not become a full one. The caller sees whether the source became shorter.
    """
    size = status.st_size
    sparse = status.st_blocks * 512 < size
    step = _FINE_BYTES if sparse else CHUNK_BYTES
    position = reached = 0
    while (start := _data(source, position, size)) < size:
        end = _hole(source, start, size)
        for position in range(start, end, step):
            length = min(step, end - position)
            part = _read(source, position, length)
            if not (sparse and part == _NOTHING[:length]):
                written(target, part, position)
                reached = position + length
            yield length
        position = end
    if reached < size:
        with target.guard:
            os.ftruncate(target.fd, size)


def differing(source: File, target: File, size: int) -> Iterator[bool]:
    """Compare all that one of the two holds as data; yield whether each part differs."""
    position = 0
    while (position := min(_data(source, position, size), _data(target, position, size))) < size:
        length = min(CHUNK_BYTES, size - position)
        part = _read(source, position, length)
        yield part != _read(target, position, length)
        position += length


def _data(file: File, position: int, size: int) -> int:
    """Return where data begins at or after a position, `size` if none does."""
    with file.guard:
        try:
            return min(os.lseek(file.fd, position, os.SEEK_DATA), size) if position < size else size
        except OSError as error:
            if error.errno == errno.ENXIO:
                return size
            if error.errno in {errno.EINVAL, errno.ENOTSUP}:  # not told: all of it is data
                return position
            raise


def _hole(file: File, position: int, size: int) -> int:
    with file.guard:
        try:
            return min(os.lseek(file.fd, position, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno in {errno.ENXIO, errno.EINVAL, errno.ENOTSUP}:
                return size
            raise


def _read(file: File, position: int, length: int) -> bytes:
    with file.guard:
        part = os.pread(file.fd, length, position)
        while len(part) < length and (more := os.pread(file.fd, length - len(part), position + len(part))):
            part += more
    return part


def written(file: File, part: bytes, position: int) -> None:
    """Write all of a part at a position."""
    with file.guard:
        rest = memoryview(part)
        while rest:
            count = os.pwrite(file.fd, rest, position)
            rest = rest[count:]
            position += count
