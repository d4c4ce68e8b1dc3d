"""Every change that this package makes to a file, one method each, so that a test can end the process
between any two of them.
"""

import os
from pathlib import Path


class Disk:
    """The real file system.

    `sync` and `sync_dir` are what makes a change survive the loss of the node, not just of the process.
    """

    def make_dirs(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def write(self, path: Path, data: bytes) -> None:
        """Replace a file's content in place: not atomic."""
        self._put(path, data, os.O_TRUNC)

    def append(self, path: Path, data: bytes) -> None:
        self._put(path, data, os.O_APPEND)

    def sync(self, path: Path) -> None:
        self._fsync(path, os.O_RDWR)

    def sync_dir(self, path: Path) -> None:
        self._fsync(path, os.O_RDONLY | os.O_DIRECTORY)

    def truncate(self, path: Path, size: int) -> None:
        os.truncate(path, size)

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    @staticmethod
    def _put(path: Path, data: bytes, mode: int) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | mode, 0o644)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
        finally:
            os.close(fd)

    @staticmethod
    def _fsync(path: Path, mode: int) -> None:
        fd = os.open(path, mode | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def write_atomically(disk: Disk, path: Path, data: bytes) -> None:
    """Put `data` at `path` so that a reader finds the old or the new content, whenever the process or the
    node dies.

    A leftover `<name>.tmp` is overwritten by the next call; readers never look at it.
    """
    temporary = path.with_name(path.name + ".tmp")
    disk.write(temporary, data)
    disk.sync(temporary)
    disk.replace(temporary, path)
    disk.sync_dir(path.parent)
