"""What an entry has besides its content: owner, mode, times, extended attributes.

The copier has no capabilities, so it may give nothing away: what belonged to another user belongs to the copier's in
the copy. That is counted, as are extended attributes that the target does not hold; everything else is kept exactly or
fails the copy.
"""

import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field

from scenario_operator.copier.tree import Folder, Guard, Place
from scenario_operator.copier.verdict import Failure, Reason, Side

_LABEL = "security.selinux"  # the node's own; every volume gets its own when it is mounted
_REFUSED = {errno.EPERM, errno.EACCES, errno.ENOTSUP}


@dataclass(slots=True)
class Lost:
    """Extended attributes that the target did not take.

    The second pass does not miss their kinds; `count` is the number of attributes.
    """

    kinds: set[str] = field(default_factory=set)
    count: int = 0


def kept_mode(source: os.stat_result, target: os.stat_result) -> int:
    """Return the mode of a copy, given who owns it.

    Where the user differs, the copier's user is the owner now: it keeps every right that it had by its groups or as
    anybody. A program that another user's rights were lent to by setuid or setgid is not made one that lends ours.
    """
    mode = stat.S_IMODE(source.st_mode)
    if source.st_uid != target.st_uid:
        mode = mode & ~stat.S_ISUID | (mode & 0o070) << 3 | (mode & 0o007) << 6
    if source.st_gid != target.st_gid and not stat.S_ISDIR(source.st_mode):
        mode &= ~stat.S_ISGID
    return mode


def same(place: Place, source: os.stat_result, target: os.stat_result, lost: Lost) -> bool:
    """Say whether mode, modification time and extended attributes are the source's."""
    if source.st_mtime_ns != target.st_mtime_ns:
        return False
    if not stat.S_ISLNK(source.st_mode) and stat.S_IMODE(target.st_mode) != kept_mode(source, target):
        return False
    theirs = _extended(place.source, place.name, place.source.guard(place.name))
    ours = _extended(place.target, place.name, place.target.guard(place.name))
    return _without(theirs, lost.kinds) == _without(ours, lost.kinds)


def keep(place: Place, folder: Folder, name: str, lost: Lost) -> None:
    """Give the entry `name` of a folder of the target what the place's source has, and see that it has it.

    It is the copier's own entry. Rights come after attributes, which need the right to write, and times last.
    """
    source = place.status
    guard = place.target.guard(place.name)
    with guard:
        _keep_owner(folder, name, source)
    _keep_extended(place, folder, name, lost)
    with guard:
        if not stat.S_ISLNK(source.st_mode):
            owned = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
            os.chmod(name, kept_mode(source, owned), dir_fd=folder.fd)
        times = (source.st_atime_ns, source.st_mtime_ns)
        os.utime(name, ns=times, dir_fd=folder.fd, follow_symlinks=False)
        target = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
    if target.st_mtime_ns != source.st_mtime_ns:
        raise Failure(Reason.CANNOT_KEEP, "its modification time", Side.TARGET, place.path)
    if not stat.S_ISLNK(source.st_mode) and stat.S_IMODE(target.st_mode) != kept_mode(source, target):
        raise Failure(Reason.CANNOT_KEEP, "its mode", Side.TARGET, place.path)


def _keep_owner(folder: Folder, name: str, source: os.stat_result) -> None:
    target = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
    for user, group in ((source.st_uid, -1), (-1, source.st_gid)):
        if user in {-1, target.st_uid} and group in {-1, target.st_gid}:
            continue
        try:
            os.chown(name, user, group, dir_fd=folder.fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.EINVAL}:  # EINVAL: unknown in this user namespace
                raise


def _keep_extended(place: Place, folder: Folder, name: str, lost: Lost) -> None:
    wanted = _extended(place.source, place.name, place.source.guard(place.name))
    guard = place.target.guard(place.name)
    present = _extended(folder, name, guard)
    for key in sorted({*present, *wanted}):
        if present.get(key) == wanted.get(key):
            continue
        with guard:
            try:
                _set(_named(folder, name), key, wanted.get(key))
            except OSError as error:
                if error.errno not in _REFUSED or (error.errno != errno.ENOTSUP and _kind(key) == "user"):
                    raise
                lost.kinds.add(_kind(key))
                lost.count += 1


def _set(path: str, key: str, value: bytes | None) -> None:
    if value is None:
        os.removexattr(path, key, follow_symlinks=False)
    else:
        os.setxattr(path, key, value, follow_symlinks=False)


def _extended(folder: Folder, name: str, guard: Guard) -> dict[str, bytes]:
    """Return the extended attributes of an entry; {} where the file system has none."""
    path = _named(folder, name)
    with guard:
        try:
            keys = os.listxattr(path, follow_symlinks=False)
        except OSError as error:
            if error.errno == errno.ENOTSUP:
                return {}
            raise
        return {key: os.getxattr(path, key, follow_symlinks=False) for key in keys if key != _LABEL}


def _named(folder: Folder, name: str) -> str:
    """Return a name for calls that know no directory to begin from: of the open directory, however deep it lies."""
    return f"/proc/self/fd/{folder.fd}/{name}"


def _kind(key: str) -> str:
    first = key.partition(".")[0]
    return key if first == "system" else first


def _without(attributes: dict[str, bytes], kinds: Iterable[str]) -> dict[str, bytes]:
    return (
        {key: value for key, value in attributes.items() if _kind(key) not in kinds} if kinds else attributes
    )
