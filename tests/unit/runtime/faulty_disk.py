"""Disks that die: the process at any write (SIGKILL), or the node with everything that was not synced."""

from collections.abc import Callable
from pathlib import Path

from scenario_runtime import Disk


class Killed(BaseException):
    """The process is gone; a BaseException, so that no handler of the program under test sees it."""


class QuickDisk(Disk):
    """Without waiting for the medium: what the kernel has survives SIGKILL."""

    def sync(self, path: Path) -> None:
        assert path.exists()

    def sync_dir(self, path: Path) -> None:
        assert path.is_dir()


class KillingDisk(QuickDisk):
    """Dies at the n-th change (0 is the first): before it, or for a write in the middle of it."""

    def __init__(self, at: int | None = None, torn: bool = False) -> None:
        self.changes = 0
        self._at = at
        self._torn = torn

    def dead(self) -> bool:
        return self._at is not None and self.changes > self._at

    def make_dirs(self, path: Path) -> None:
        self._step()
        super().make_dirs(path)

    def write(self, path: Path, data: bytes) -> None:
        self._step(lambda half: super(KillingDisk, self).write(path, data[:half]), len(data))
        super().write(path, data)

    def append(self, path: Path, data: bytes) -> None:
        self._step(lambda half: super(KillingDisk, self).append(path, data[:half]), len(data))
        super().append(path, data)

    def sync(self, path: Path) -> None:
        self._step()
        super().sync(path)

    def sync_dir(self, path: Path) -> None:
        self._step()
        super().sync_dir(path)

    def truncate(self, path: Path, size: int) -> None:
        self._step()
        super().truncate(path, size)

    def replace(self, source: Path, target: Path) -> None:
        self._step()
        super().replace(source, target)

    def _step(self, tear: Callable[[int], None] | None = None, length: int = 0) -> None:
        if self.dead():
            raise Killed
        self.changes += 1
        if self.dead():
            if self._torn and tear is not None:
                tear(length // 2)
            raise Killed


class LosingDisk(KillingDisk):
    """Remembers what was synced; `lose_node` puts the files back to exactly that: the worst that fsync allows."""

    def __init__(self, at: int | None = None) -> None:
        super().__init__(at)
        self._content: dict[Path, bytes] = {}  # synced content by the name the file has now
        self._names: dict[Path, bytes | None] = {}  # what an unsynced directory would show instead

    def write(self, path: Path, data: bytes) -> None:
        self._created(path)
        super().write(path, data)

    def append(self, path: Path, data: bytes) -> None:
        self._created(path)
        super().append(path, data)

    def sync(self, path: Path) -> None:
        super().sync(path)
        self._content[path] = path.read_bytes()

    def truncate(self, path: Path, size: int) -> None:
        self._content.setdefault(path, path.read_bytes())
        super().truncate(path, size)

    def replace(self, source: Path, target: Path) -> None:
        former = target.read_bytes() if target.exists() else None
        self._names.setdefault(target, self._content.get(target, former))
        self._names.setdefault(source, None)
        super().replace(source, target)
        self._content[target] = self._content.pop(source)

    def sync_dir(self, path: Path) -> None:
        super().sync_dir(path)
        for name in [name for name in self._names if name.parent == path]:
            del self._names[name]

    def lose_node(self) -> None:
        """Files get their synced content, names that were not synced their former file or none."""
        for path, content in self._content.items():
            if path.exists():
                path.write_bytes(content)
        for path, former in self._names.items():
            if former is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(former)

    def _created(self, path: Path) -> None:
        if not path.exists():
            self._names.setdefault(path, None)
            self._content.setdefault(path, b"")
        else:
            self._content.setdefault(path, path.read_bytes())
