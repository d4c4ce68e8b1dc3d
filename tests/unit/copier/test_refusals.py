"""Whatever stands in the way of a copy has a word of its own and a path, and nothing foreign is touched."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.copier.ground import IS_ROOT, PLAIN, QUICK, STRANGER, Ground, plain_user, seen, write

from scenario_operator.copier import mark
from scenario_operator.copier.mark import Mark, Numbers, Order, State
from scenario_operator.copier.tree import Folder
from scenario_operator.copier.verdict import Failure, Reason, Side

needs_root = pytest.mark.skipif(not IS_ROOT, reason="what others own needs root to be made")


def test_a_target_that_is_not_empty_is_not_ours(ground: Ground) -> None:
    """Given a target with a file of somebody's, then it is named and left as it is."""
    write(ground.source / "file")
    write(ground.target / "theirs")
    before = seen(ground.target)
    failure = ground.refused()
    assert (failure.reason, failure.side, failure.path) == (Reason.TARGET_NOT_OURS, Side.TARGET, "theirs")
    assert seen(ground.target) == before
    assert ground.mark() is None


def test_a_target_of_another_plan_is_not_ours(ground: Ground) -> None:
    """Given the complete copy of another plan, which may be somebody's only state, then it is not cleared."""
    write(ground.source / "file")
    ground.copy(plan="earlier")
    before = seen(ground.target)
    assert ground.refused(attempt=9, plan="later").reason is Reason.TARGET_NOT_OURS
    assert seen(ground.target) == before


def test_an_attempt_that_comes_late_does_not_touch_what_a_later_one_makes(ground: Ground) -> None:
    """Given a copy under way in attempt 2, when a pod of attempt 1 wakes up, then it goes."""
    write(ground.source / "file")
    ground.stopped_after(7, attempt=2)
    before = seen(ground.target)
    assert ground.refused(attempt=1).reason is Reason.SUPERSEDED
    assert seen(ground.target) == before


def test_two_copiers_do_not_work_on_one_target(ground: Ground) -> None:
    """Given a copier at work, when a second one begins, then the second one goes."""
    write(ground.source / "file")
    with plain_user():
        working = ground.steps()
        next(working)
    assert ground.refused().reason is Reason.TARGET_BUSY
    with plain_user():
        for _ in working:
            pass
    assert ground.state is State.COMPLETE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"[" * 4000,
        b"{}",
        b'{"version":2}',
        b'{"version":1,"order":{}}',
        b"\xff",
        b"x" * 9999,
    ],
)
def test_a_mark_that_is_none_makes_a_target_not_ours(content: bytes, ground: Ground) -> None:
    write(ground.target / ".scenario-copy", content)
    assert ground.refused().reason is Reason.TARGET_NOT_OURS
    assert (ground.target / ".scenario-copy").read_bytes() == content


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 300))
def test_a_mark_with_anything_in_it_is_read_or_refused(junk: bytes, start: int, end: int) -> None:
    """Given a mark with any bytes in place of some of it, then it is a mark or a ValueError, nothing else."""
    with Ground.fresh(QUICK) as ground:
        root = Folder.root(str(ground.target), Side.TARGET)
        mark.write(root, Mark(Order("source", "plan", 1), State.COMPLETE, Numbers(5, 7, 1, 2)))
        path = ground.target / ".scenario-copy"
        whole = path.read_bytes()
        path.write_bytes(whole[:start] + junk + whole[end:])
        try:
            assert isinstance(mark.read(root), Mark)
        except ValueError:
            pass
        finally:
            root.close()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/etc/passwd")])
def test_a_mark_that_is_no_file_makes_a_target_not_ours(
    make: Callable[[Path], object], ground: Ground
) -> None:
    make(ground.target / ".scenario-copy")
    assert ground.refused().reason is Reason.TARGET_NOT_OURS


def test_a_source_with_a_name_of_the_copiers_own_is_told(ground: Ground) -> None:
    """Given somebody's file that is named as the copier's mark, then the copy fails: it would lack that file."""
    for name in (".scenario-copy", ".scenario-copy.tmp"):
        with Ground.fresh(QUICK) as other:
            write(other.source / name, b"my notes")
            failure = other.refused()
            assert (failure.reason, failure.side) == (Reason.CANNOT_KEEP, Side.SOURCE)
            assert failure.path == name


@needs_root
@pytest.mark.parametrize("path", ["closed", "closed directory/file"])
def test_what_may_not_be_read_is_named(path: str, ground: Ground) -> None:
    """Given a file or directory of another user that the copier may not read, then the copy fails with its path."""
    write(ground.source / path)
    closed = ground.source / Path(path).parts[0]
    os.chown(closed, STRANGER, STRANGER)
    closed.chmod(0o700)
    failure = ground.refused()
    assert (failure.reason, failure.side, failure.path) == (Reason.ACCESS_DENIED, Side.SOURCE, closed.name)
    assert ground.state is State.COPYING


@needs_root
def test_a_target_that_may_not_be_written_is_named(ground: Ground) -> None:
    os.chown(ground.target, 0, 0)
    failure = ground.refused()
    assert (failure.reason, failure.side) == (Reason.ACCESS_DENIED, Side.TARGET)


@needs_root
def test_a_device_cannot_be_kept(ground: Ground) -> None:
    os.mknod(ground.source / "null", 0o020666, os.makedev(1, 3))
    failure = ground.refused()
    assert (failure.reason, failure.path) == (Reason.CANNOT_KEEP, "null")


@contextmanager
def mounted(directory: Path, options: str) -> Iterator[None]:
    """Mount a file system in memory, or skip the test."""
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"{options},uid={PLAIN},gid={PLAIN}", "copier", directory],
        capture_output=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip(f"no file system with {options} can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


@needs_root
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("size=1M", Reason.NO_SPACE),
        ("nr_inodes=9", Reason.NO_SPACE),
        ("usrquota,usrquota_block_hardlimit=1M", Reason.QUOTA_EXCEEDED),
    ],
)
def test_a_volume_that_is_full(options: str, reason: Reason, ground: Ground) -> None:
    """Given a target with too little space, too few inodes or a quota, then each has its word and the path.

    The source is as it was, and with room the same attempt goes on to the end.
    """
    write(ground.source / "a")
    for number in range(10):
        write(ground.source / f"large {number}", b"x" * 300_000)
    before = seen(ground.source)
    with mounted(ground.target, options):
        failure = ground.refused()
        assert (failure.reason, failure.side) == (reason, Side.TARGET)
        assert failure.path.startswith("large")
        assert ground.state is State.COPYING
        assert seen(ground.source) == before
        if "size" in options:
            subprocess.run(["mount", "-o", "remount,size=10M", ground.target], check=True)
            ground.copy()
            assert seen(ground.target) == before


@pytest.mark.parametrize("call", ["pread", "pwrite", "fsync", "rename", "scandir", "getxattr", "utime"])
@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EIO, Reason.IO_FAILED),
        (errno.EDQUOT, Reason.QUOTA_EXCEEDED),
        (errno.ENOSPC, Reason.NO_SPACE),
        (errno.EROFS, Reason.IO_FAILED),
        (errno.ESTALE, Reason.IO_FAILED),
    ],
)
def test_a_call_that_fails_at_any_time_ends_the_copy_with_its_word(
    call: str, number: int, reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a call that fails the n-th time it is made, for every n, then the copy fails by that word.

    It never calls a copy complete that is none, leaves no file open, and goes on when the disk is well again.
    """
    real = getattr(os, call)
    for count in range(1000):
        with Ground.fresh(QUICK) as ground:
            write(ground.source / "folder/file")
            os.setxattr(ground.source / "folder/file", "user.x", b"y")
            (ground.source / "link").symlink_to("file")
            left = count

            def failing(*given: object, **named: object) -> object:
                nonlocal left
                left -= 1
                if left == -1:
                    raise OSError(number, os.strerror(number))
                return real(*given, **named)

            before = _open_files()
            failure = None
            with monkeypatch.context() as patched:
                patched.setattr(os, call, failing)
                try:
                    ground.copy()
                except Failure as told:
                    failure = told
            if left >= 0:
                break
            assert failure is not None
            assert failure.reason is reason
            assert _open_files() == before
            assert ground.state is not State.COMPLETE or seen(ground.target) == seen(ground.source)
            ground.copy()
            assert seen(ground.target) == seen(ground.source)
    assert failure is None
    assert count > 0


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
