"""What is named or called complete is on the disk before: told by the order of the calls that bring it there."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.unit.copier.ground import Ground, write

from scenario_operator.copier import durable


class Disk:
    """Watches which inodes were changed since they were last brought to the disk."""

    def __init__(self) -> None:
        self.unsafe: set[int] = set()
        self.broken: list[str] = []
        self.named = 0
        self.marked_with_unsafe: list[set[int]] = []

    def changed(self, fd: int) -> None:
        self.unsafe.add(os.fstat(fd).st_ino)

    def synced(self, fd: int) -> None:
        self.unsafe.discard(os.fstat(fd).st_ino)

    def all_synced(self) -> None:
        self.unsafe.clear()

    def moves(self, name: str, folder: int, into: int) -> None:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and status.st_ino in self.unsafe:
            self.broken.append(name)
        self.named += 1
        self.unsafe |= {os.fstat(into).st_ino}


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch, *, together: bool) -> Iterator[Disk]:
    """Watch all calls that change the target, or bring it to the disk."""
    disk = Disk()
    pwrite, chmod, fsync = os.pwrite, os.chmod, os.fsync
    rename, replace = os.rename, os.replace
    mkdir, rmdir = os.mkdir, os.rmdir
    all_on_disk = durable._all_on_disk

    def on_pwrite(fd: int, *rest: object) -> int:
        disk.changed(fd)
        return pwrite(fd, *rest)  # type: ignore[arg-type]

    def on_chmod(name: str, mode: int, *, dir_fd: int) -> None:
        chmod(name, mode, dir_fd=dir_fd)
        disk.unsafe.add(os.stat(name, dir_fd=dir_fd).st_ino)

    def on_mkdir(name: str, mode: int, *, dir_fd: int) -> None:
        mkdir(name, mode, dir_fd=dir_fd)
        disk.unsafe |= {os.stat(name, dir_fd=dir_fd).st_ino, os.fstat(dir_fd).st_ino}

    def on_rmdir(name: str, *, dir_fd: int) -> None:
        disk.unsafe.discard(os.stat(name, dir_fd=dir_fd).st_ino)
        disk.unsafe.add(os.fstat(dir_fd).st_ino)
        rmdir(name, dir_fd=dir_fd)

    def on_rename(name: str, to: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        disk.moves(name, src_dir_fd, dst_dir_fd)
        rename(name, to, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    def on_replace(name: str, to: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        disk.marked_with_unsafe.append(set(disk.unsafe))
        disk.moves(name, src_dir_fd, dst_dir_fd)
        replace(name, to, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    def on_fsync(fd: int) -> None:
        fsync(fd)
        disk.synced(fd)

    def on_all(fd: int) -> bool:
        if not together or not all_on_disk(fd):
            return False
        disk.all_synced()
        return True

    with monkeypatch.context() as patched:
        for name, wrapper in {
            "pwrite": on_pwrite,
            "chmod": on_chmod,
            "mkdir": on_mkdir,
            "rmdir": on_rmdir,
            "rename": on_rename,
            "replace": on_replace,
            "fsync": on_fsync,
        }.items():
            patched.setattr(os, name, wrapper)
        patched.setattr(durable, "_all_on_disk", on_all)
        yield disk


@pytest.mark.parametrize("together", [True, False])
def test_nothing_has_a_name_or_the_mark_before_it_is_on_the_disk(
    together: bool, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a copy of files in directories, then each file is on the disk before it is named, and everything, the
    directories too, before the mark says Complete; and the mark itself when the copy ends.
    """
    for number in range(200):
        write(ground.source / f"{number % 20}/{number}")
    with watched(monkeypatch, together=together) as disk:
        ground.copy()
    assert disk.broken == []
    assert disk.named == 202
    assert disk.marked_with_unsafe[-1] == set()
    assert disk.unsafe == set()


@pytest.mark.parametrize("release", ["5.7.19-generic", "4.18.0-553.el8", "unknown"])
def test_a_kernel_that_keeps_quiet_about_lost_writes_is_asked_file_by_file(
    release: str, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a kernel whose call for all does not tell of data that it could not write, then each file is asked for."""
    asked = 0
    fsync = os.fsync

    def counted(fd: int) -> None:
        nonlocal asked
        asked += 1
        fsync(fd)

    for number in range(50):
        write(ground.source / str(number))
    monkeypatch.setattr(os, "fsync", counted)
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "node", release, "#1", "x86_64")))
    ground.copy()
    assert asked >= 50
