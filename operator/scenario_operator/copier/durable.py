"""How what was written is brought to the disk, so that it survives the loss of the node."""

import ctypes
import errno
import os
import re
from collections.abc import Iterator, Sequence

from scenario_operator.copier.content import File

_FEW = 8
_FIRST_TRUE = (5, 8)  # earlier kernels keep quiet about data that they could not write


def on_disk(root: int, files: Sequence[File]) -> Iterator[None]:
    """Bring files and directories of one file system, whose root is open, to the disk.

    Many are brought there by one call for the whole file system: a call for each costs a flush of the disk for each,
    which for 100,000 small files is most of the time. If that one fails, the calls for each find the path.
    """
    if len(files) > _FEW and _all_on_disk(root):
        yield
        return
    for file in files:
        with file.guard:
            _one_on_disk(file.fd)
        yield


def _one_on_disk(fd: int) -> None:
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system whose directories need, and know, no such thing
            raise


def _all_on_disk(fd: int) -> bool:
    call = getattr(ctypes.CDLL(None), "syncfs", None)  # os has none in Python 3.11
    return call is not None and _kernel() >= _FIRST_TRUE and call(fd) == 0


def _kernel() -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return tuple(map(int, found.groups())) if found else ()
