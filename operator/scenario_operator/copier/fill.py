"""The first pass: everything of the source is made in the target.

An entry is written under a temporary name, brought to the disk and then given its own. So what has its own name is
whole, whenever the process or the node dies, and a later run of the same attempt goes on behind it.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from scenario_operator.copier import attributes, content
from scenario_operator.copier.attributes import Lost
from scenario_operator.copier.durable import on_disk
from scenario_operator.copier.tree import RESERVED, Folder, Place, Tally, changed, walk
from scenario_operator.copier.verdict import Failure, Reason, Side

WORK = f"{RESERVED}.tmp"
_BATCH_ENTRIES = 128
_BATCH_BYTES = 32 << 20
_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Written:
    """An entry that waits for its name. `fd` is open where there is something to bring to the disk, else -1."""

    folder: Folder
    name: str
    fd: int = -1
    temporary: str = ""
    first: str = ""
    """The path of the entry that this one is another name of."""


@dataclass(slots=True)
class Batch:
    """Entries that are brought to the disk together, which costs hardly more than bringing one.

    Each is on the disk before it gets its name. The folders are held open until then.
    """

    root: Folder
    work: Folder
    _waiting: list[_Written] = field(default_factory=list)
    _bytes: int = 0
    _count: int = 0

    def temporary(self) -> str:
        self._count += 1
        return str(self._count)

    def add(self, place: Place, fd: int = -1, temporary: str = "", first: str = "", size: int = 0) -> None:
        """Take over an entry, and its descriptor."""
        with place.target.guard(place.name):
            folder = Folder(os.dup(place.target.fd), Side.TARGET, place.target.path)
        self._waiting.append(_Written(folder, place.name, fd, temporary, first))
        self._bytes += size

    @property
    def full(self) -> bool:
        return len(self._waiting) >= _BATCH_ENTRIES or self._bytes >= _BATCH_BYTES

    def land(self) -> Iterator[None]:
        """Bring all to the disk, then give each its name."""
        files = [
            content.File(entry.fd, entry.folder.guard(entry.name)) for entry in self._waiting if entry.fd >= 0
        ]
        yield from on_disk(self.root.fd, files)
        for entry in self._waiting:
            with entry.folder.guard(entry.name):
                self._name(entry)
            yield
        self.close()

    def _name(self, entry: _Written) -> None:
        if entry.temporary:
            os.rename(entry.temporary, entry.name, src_dir_fd=self.work.fd, dst_dir_fd=entry.folder.fd)
        elif entry.first:
            os.link(
                entry.first,
                entry.name,
                src_dir_fd=self.root.fd,
                dst_dir_fd=entry.folder.fd,
                follow_symlinks=False,
            )

    def close(self) -> None:
        """Let go of what is open; names that were not given stay away."""
        for entry in self._waiting:
            entry.folder.close()
            if entry.fd >= 0:
                os.close(entry.fd)
        self._waiting.clear()
        self._bytes = 0


class Fill:
    """The first pass over two open roots; `work` is an empty directory of the target."""

    def __init__(self, source: Folder, target: Folder, work: Folder, lost: Lost, tally: Tally) -> None:
        self._source = source
        self._target = target
        self._work = work
        self._lost = lost
        self._tally = tally
        self._batch = Batch(target, work)
        self._linked: dict[tuple[int, int], str] = {}

    def run(self) -> Iterator[None]:
        """Make all that is missing."""
        try:
            for place in walk(self._source, self._target):
                if place.left:
                    continue
                if place.is_directory:
                    self._directory(place)
                    yield
                    continue
                yield from self._entry(place)
                self._tally.files += 1
                if self._batch.full:
                    yield from self._batch.land()
            yield from self._batch.land()
        finally:
            self._batch.close()

    def _directory(self, place: Place) -> None:
        found = place.target.found(place.name)
        with place.target.guard(place.name):
            if found is None:
                os.mkdir(place.name, 0o700, dir_fd=place.target.fd)
            elif not stat.S_ISDIR(found.st_mode):
                raise _moved(place)
            elif found.st_mode & 0o700 != 0o700:  # an earlier run got as far as its mode
                os.chmod(place.name, 0o700, dir_fd=place.target.fd)

    def _entry(self, place: Place) -> Iterator[None]:
        found = place.target.found(place.name)
        first = self._linked.get(place.inode)
        if first is not None:
            self._another_name(place, first, found)
            yield
            return
        if place.status.st_nlink > 1:
            self._linked[place.inode] = place.path
        if found is not None:
            self._go_on(place, found)
            yield
        elif stat.S_ISREG(place.status.st_mode):
            yield from self._file(place)
        else:
            self._special(place)
            yield

    def _another_name(self, place: Place, first: str, found: os.stat_result | None) -> None:
        if found is None:
            self._batch.add(place, first=first)
            return
        with place.target.guard(place.name):
            original = os.stat(first, dir_fd=self._target.fd, follow_symlinks=False)
        if (found.st_dev, found.st_ino) != (original.st_dev, original.st_ino):
            raise _moved(place)

    def _go_on(self, place: Place, found: os.stat_result) -> None:
        """Take an entry that an earlier run of this attempt made.

        It is judged by what nobody else changes. Mode and group are set again: the kubelet sets them, too, when it
        mounts a volume for a group.
        """
        wanted = place.status
        if (
            stat.S_IFMT(found.st_mode) != stat.S_IFMT(wanted.st_mode)
            or found.st_mtime_ns != wanted.st_mtime_ns
        ):
            raise _moved(place)
        if stat.S_ISREG(wanted.st_mode) and found.st_size != wanted.st_size:
            raise _moved(place)
        if not attributes.same(place, wanted, found, self._lost):
            self._again(place)

    def _again(self, place: Place) -> None:
        target = place.target
        regular = stat.S_ISREG(place.status.st_mode)
        with target.guard(place.name):
            if regular:
                os.chmod(place.name, 0o600, dir_fd=target.fd)
            attributes.keep(place, target, place.name, self._lost)
            if regular:
                self._batch.add(place, fd=os.open(place.name, os.O_RDONLY | _SAFE, dir_fd=target.fd))

    def _file(self, place: Place) -> Iterator[None]:
        status = place.status
        name = self._batch.temporary()
        with place.source.guard(place.name) as reading:
            source = os.open(place.name, os.O_RDONLY | os.O_NONBLOCK | _SAFE, dir_fd=place.source.fd)
        target = -1
        try:
            with place.target.guard(place.name) as writing:
                target = os.open(
                    name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE, 0o600, dir_fd=self._work.fd
                )
            _unmoved(place, source)
            for length in content.copied(
                content.File(source, reading), content.File(target, writing), status
            ):
                self._tally.bytes += length
                yield
            _unmoved(place, source)
            with writing:
                attributes.keep(place, self._work, name, self._lost)
            yield
            self._batch.add(place, fd=target, temporary=name, size=status.st_size)
            target = -1
        finally:
            os.close(source)
            if target >= 0:
                os.close(target)

    def _special(self, place: Place) -> None:
        kind = stat.S_IFMT(place.status.st_mode)
        if kind not in {stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK}:
            raise Failure(Reason.CANNOT_KEEP, "a device", Side.SOURCE, place.path)
        name = self._batch.temporary()
        points_to = place.source.link(place.name) if kind == stat.S_IFLNK else ""
        with place.target.guard(place.name):
            if kind == stat.S_IFLNK:
                os.symlink(points_to, name, dir_fd=self._work.fd)
            else:
                os.mknod(name, kind | 0o600, dir_fd=self._work.fd)
            attributes.keep(place, self._work, name, self._lost)
        self._batch.add(place, temporary=name)


def seal(source: Folder, target: Folder, lost: Lost) -> Iterator[None]:
    """Give every directory its attributes, when nothing more is put into it, and bring all of them to the disk."""
    waiting: list[Folder] = []
    try:
        for place in walk(source, target):
            if place.left:
                waiting.append(place.target.folder(place.name))
                attributes.keep(place, place.target, place.name, lost)
                yield
            if len(waiting) >= _BATCH_ENTRIES:
                yield from _landed(target, waiting)
        yield from _landed(target, waiting)
        yield from on_disk(target.fd, [content.File(target.fd, target.guard())])
    finally:
        for folder in waiting:
            folder.close()


def _landed(root: Folder, folders: list[Folder]) -> Iterator[None]:
    yield from on_disk(root.fd, [content.File(folder.fd, folder.guard()) for folder in folders])
    while folders:
        folders.pop().close()


def _unmoved(place: Place, fd: int) -> None:
    """Raise unless an open file is what was listed, and as it was then."""
    with place.source.guard(place.name) as guard:
        now = os.fstat(fd)
    if changed(place.status, now):
        raise guard.moved("changed while it was read")


def _moved(place: Place) -> Failure:
    message = "is not what an earlier run of this attempt copied"
    return Failure(Reason.SOURCE_MOVED, message, Side.SOURCE, place.path)
