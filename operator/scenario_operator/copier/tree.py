"""Two trees walked side by side, by open directories alone.

Nothing below a root is ever named by a path of several parts, and no link is followed: a link that points out of its
volume is copied like any other, and a directory that becomes a link while it is walked is a source that moves.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from scenario_operator.copier.verdict import Failure, Reason, Side, from_error

LOST_AND_FOUND = "lost+found"
RESERVED = ".scenario-copy"
"""Names in a root that begin with this are the copier's own."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Guard:
    """Turns what the file system refuses within it into a Failure that names side and path."""

    __slots__ = ("_path", "_side")

    def __init__(self, side: Side, path: str) -> None:
        self._side = side
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise from_error(error, self._side, self._path) from error

    def moved(self, what: str) -> Failure:
        """Return the failure of a source that is not any more as it was."""
        return Failure(Reason.SOURCE_MOVED, what, Side.SOURCE, self._path)


class Folder:
    """An open directory of one of the two volumes; `path` is relative to the volume's root."""

    __slots__ = ("fd", "path", "side")

    def __init__(self, fd: int, side: Side, path: str = "") -> None:
        self.fd = fd
        self.side = side
        self.path = path

    @classmethod
    def root(cls, directory: str, side: Side) -> Self:
        """Open a volume; its root alone may be reached through links."""
        with Guard(side, directory):
            return cls(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), side)

    def close(self) -> None:
        os.close(self.fd)

    def at(self, name: str) -> str:
        """Return the path of an entry."""
        return f"{self.path}/{name}" if self.path else name

    def guard(self, name: str = "") -> Guard:
        return Guard(self.side, self.at(name) if name else self.path)

    def names(self) -> list[str]:
        """Return the names in it, in an order that is the same each time; of a root only what is copied."""
        with self.guard(), os.scandir(self.fd) as entries:
            names = [entry.name for entry in entries if self.path or not self._skipped(entry)]
        return sorted(names)

    @staticmethod
    def _skipped(entry: os.DirEntry[str]) -> bool:
        if entry.name.startswith(RESERVED):
            return True
        return entry.name == LOST_AND_FOUND and entry.is_dir(follow_symlinks=False)

    def reserved(self) -> list[str]:
        """Return the names of the copier's own in a root."""
        with self.guard(), os.scandir(self.fd) as entries:
            return sorted(entry.name for entry in entries if entry.name.startswith(RESERVED))

    def status(self, name: str) -> os.stat_result:
        with self.guard(name):
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)

    def found(self, name: str) -> os.stat_result | None:
        """Return the status of an entry, None if there is none."""
        with self.guard(name):
            try:
                return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
            except FileNotFoundError:
                return None

    def folder(self, name: str) -> "Folder":
        with self.guard(name):
            return Folder(os.open(name, _DIRECTORY, dir_fd=self.fd), self.side, self.at(name))

    def link(self, name: str) -> str:
        """Return what a symbolic link points to."""
        with self.guard(name):
            return os.readlink(name, dir_fd=self.fd)


@dataclass(slots=True)
class Tally:
    """How far a pass is, for the one who waits."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the source and where it belongs in the target; `left` says that all below it was visited."""

    source: Folder
    target: Folder
    name: str
    status: os.stat_result
    left: bool = False

    @property
    def path(self) -> str:
        return self.source.at(self.name)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def inode(self) -> tuple[int, int]:
        return self.status.st_dev, self.status.st_ino


Entered = Callable[[Folder, Folder, list[str]], None]
"""What is told both folders of a level, and the source's names, when it is entered."""


def walk(source: Folder, target: Folder, entered: Entered | None = None) -> Iterator[Place]:
    """Visit what lies below two roots, in the order of the source.

    A directory is visited twice: before it is entered, so that the target's can be made, and when it is left. The
    recursion is a list, because a tree may be deeper than Python's stack.
    """
    levels = [(source, target, iter(_told(source, target, entered)))]
    above: list[Place] = []
    try:
        while levels:
            source, target, names = levels[-1]
            name = next(names, None)
            if name is not None:
                place = Place(source, target, name, source.status(name))
                yield place
                if place.is_directory:
                    inner = _opened(place)
                    levels.append((*inner, iter(())))  # it is closed below, whatever its names are
                    above.append(place)
                    levels[-1] = (*inner, iter(_told(*inner, entered)))
                continue
            levels.pop()
            if above:
                source.close()
                target.close()
                place = above.pop()
                yield replace(place, left=True)
    finally:
        for source, target, _ in levels[1:]:
            source.close()
            target.close()


def _opened(place: Place) -> tuple[Folder, Folder]:
    found = place.target.found(place.name)
    if found is None or not stat.S_ISDIR(found.st_mode):
        raise Failure(Reason.SOURCE_MOVED, "is a directory that the copy lacks", Side.SOURCE, place.path)
    source = place.source.folder(place.name)
    try:
        return source, place.target.folder(place.name)
    except Failure:
        source.close()
        raise


def _told(source: Folder, target: Folder, entered: Entered | None) -> list[str]:
    names = source.names()
    if entered is not None:
        entered(source, target, names)
    return names


def changed(before: os.stat_result, now: os.stat_result) -> bool:
    """Say whether a file was replaced or written to: every write sets the time of change, which nobody sets back."""
    return _identity(before) != _identity(now)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (
        status.st_dev,
        status.st_ino,
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def removed(root: Folder, names: list[str]) -> Iterator[None]:
    """Remove entries of a root with all that lies below them, one a step."""
    levels = [(root, list(names))]
    try:
        while levels[0][1]:
            folder, names = levels[-1]
            if not names:
                levels.pop()
                folder.close()
                parent, siblings = levels[-1]
                _remove(parent, siblings.pop(), os.rmdir)
            elif stat.S_ISDIR(folder.status(names[-1]).st_mode):
                levels.append((_opened_for_removal(folder, names[-1]), []))
                levels[-1][1].extend(levels[-1][0].names())
            else:
                _remove(folder, names.pop(), os.unlink)
            yield
    finally:
        for folder, _ in levels[1:]:
            folder.close()


def _remove(folder: Folder, name: str, call: Callable[..., None]) -> None:
    with folder.guard(name):
        call(name, dir_fd=folder.fd)


def _opened_for_removal(folder: Folder, name: str) -> Folder:
    with folder.guard(name):
        os.chmod(name, 0o700, dir_fd=folder.fd)
    return folder.folder(name)
