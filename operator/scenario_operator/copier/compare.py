"""The second pass: both sides are read again in full, and any difference ends the copy.

All of the first reading lies before all of the second. If they agree, there was a moment between them at which the
source was, as a whole, what the copy is: also a source that somebody wrote to cannot give a torn copy that passes.
"""

import os
import stat
from collections.abc import Iterator

from scenario_operator.copier import attributes, content
from scenario_operator.copier.attributes import Lost
from scenario_operator.copier.tree import Folder, Place, Tally, changed, walk
from scenario_operator.copier.verdict import Failure, Reason, Side

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Comparison:
    """The second pass over two open roots; `foreign_owners` counts entries that another user or group owned."""

    def __init__(self, source: Folder, target: Folder, lost: Lost, tally: Tally) -> None:
        self._source = source
        self._target = target
        self._lost = lost
        self._tally = tally
        self._linked: dict[tuple[int, int], int] = {}
        self._back: dict[int, tuple[int, int]] = {}
        self.foreign_owners = 0

    def run(self) -> Iterator[None]:
        """Look at everything; raises the Failure of a source that moved."""
        for place in walk(self._source, self._target, _same_names):
            if place.left:
                continue
            yield from self._entry(place)

    def _entry(self, place: Place) -> Iterator[None]:
        source = place.status
        target = place.target.found(place.name)
        if target is None:
            raise _differs(place, "is not in the copy")
        if stat.S_IFMT(source.st_mode) != stat.S_IFMT(target.st_mode):
            raise _differs(place, "is another kind of file in the copy")
        if not attributes.same(place, source, target, self._lost):
            raise _differs(place, "has other attributes in the copy")
        if (source.st_uid, source.st_gid) != (target.st_uid, target.st_gid):
            self.foreign_owners += 1
        if not place.is_directory:
            self._tally.files += 1
            yield from self._leaf(place, target)
        yield

    def _leaf(self, place: Place, target: os.stat_result) -> Iterator[None]:
        known = place.inode in self._linked
        if place.status.st_nlink > 1 or target.st_nlink > 1:
            ours = self._linked.setdefault(place.inode, target.st_ino)
            theirs = self._back.setdefault(target.st_ino, place.inode)
            if (ours, theirs) != (target.st_ino, place.inode):
                raise _differs(place, "has other hard links in the copy")
        if stat.S_ISLNK(place.status.st_mode):
            if place.source.link(place.name) != place.target.link(place.name):
                raise _differs(place, "points to something else in the copy")
        elif stat.S_ISREG(place.status.st_mode) and not known:
            if place.status.st_size != target.st_size:
                raise _differs(place, "has another size in the copy")
            yield from self._content(place)
            self._tally.bytes += place.status.st_size

    def _content(self, place: Place) -> Iterator[None]:
        with place.source.guard(place.name) as reading:
            source = os.open(place.name, _READ, dir_fd=place.source.fd)
        try:
            with place.target.guard(place.name) as again:
                target = os.open(place.name, _READ, dir_fd=place.target.fd)
            try:
                files = content.File(source, reading), content.File(target, again)
                for differs in content.differing(*files, place.status.st_size):
                    if differs:
                        raise _differs(place, "has another content in the copy")
                    yield
            finally:
                os.close(target)
            with reading:
                now = os.fstat(source)
            if changed(place.status, now):
                raise _differs(place, "changed while it was read")
        finally:
            os.close(source)


def _same_names(source: Folder, target: Folder, names: list[str]) -> None:
    ours = target.names()
    if other := sorted(set(names) ^ set(ours)):
        what = "is in the copy only" if other[0] in ours else "is not in the copy"
        raise Failure(Reason.SOURCE_MOVED, what, Side.SOURCE, source.at(other[0]))


def _differs(place: Place, what: str) -> Failure:
    return Failure(Reason.SOURCE_MOVED, what, Side.SOURCE, place.path)
