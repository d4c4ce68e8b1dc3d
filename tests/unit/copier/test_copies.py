"""A copy is the source: content, holes, links, modes, times, attributes, names. A walker of the tests' own judges."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from tests.unit.copier.ground import (
    IS_ROOT,
    PLAIN,
    STRANGER,
    Directory,
    Ground,
    build,
    data,
    listen,
    plain_user,
    seen,
    tells_holes,
    trees,
    write,
)

from scenario_operator.copier.mark import State

SHARED_MEMORY = Path("/dev/shm")


def check_copies(tree: Directory, within: Path | None = None) -> None:
    with Ground.fresh(within) as ground:
        build(tree, ground.source)
        before = seen(ground.source)
        progress = ground.copy()
        assert seen(ground.target) == before
        assert seen(ground.source) == before
        leaves = [described for described in before.values() if described[0] != stat.S_IFDIR]
        assert progress.numbers.files == len(leaves)
        assert sorted(path.name for path in ground.target.glob(".scenario-copy*")) == [".scenario-copy"]


@given(trees)
@settings(max_examples=60)
def test_any_tree_is_copied_as_it_is(tree: Directory) -> None:
    """Given any tree, when a user without rights copies it, then the copy differs in nothing."""
    check_copies(tree)


@pytest.mark.slow
@given(trees)
@settings(max_examples=1500)
def test_any_of_many_trees_is_copied_as_it_is(tree: Directory) -> None:
    check_copies(tree)


@given(trees)
@settings(max_examples=25)
def test_a_tree_is_copied_from_and_to_memory(tree: Directory) -> None:
    """Given volumes on another kind of file system, then it is the same."""
    if not SHARED_MEMORY.is_dir():
        pytest.skip("no file system in memory here")
    check_copies(tree, SHARED_MEMORY)


@pytest.mark.parametrize("within", [None, SHARED_MEMORY], ids=["disk", "memory"])
def test_holes_stay_holes(within: Path | None) -> None:
    """Given a file of 1 TiB with a few bytes in it, then its copy occupies a few bytes at the same places."""
    if within is not None and not within.is_dir():
        pytest.skip("no file system in memory here")
    with Ground.fresh(within) as ground:
        if not tells_holes(ground.target):
            pytest.skip("the file system of the tests does not tell where holes are")
        large = write(ground.source / "large")
        with large.open("r+b") as file:
            for offset in (5 << 20, 1 << 35):
                file.seek(offset)
                file.write(b"here")
            file.truncate(1 << 40)
        empty = write(ground.source / "empty", b"")
        os.truncate(empty, 1 << 40)
        ground.copy()
        for name in ("large", "empty"):
            copied = ground.target / name
            assert copied.stat().st_size == 1 << 40
            assert data(copied) == data(ground.source / name)
        with (ground.target / "large").open("rb") as file:
            file.seek(1 << 35)
            assert file.read(8) == b"here\0\0\0\0"


def test_where_holes_are_not_told_zeros_of_a_sparse_file_are_left_out(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a file system that calls all of a file data, then the copy of a sparse file is still sparse."""
    sparse = write(ground.source / "sparse", b"begin")
    with sparse.open("r+b") as file:
        file.seek(8 << 20)
        file.write(b"end")
    seek = os.lseek

    def untold(fd: int, position: int, how: int) -> int:
        if how == os.SEEK_DATA:
            return position
        return os.fstat(fd).st_size if how == os.SEEK_HOLE else seek(fd, position, how)

    with monkeypatch.context() as patched:
        patched.setattr(os, "lseek", untold)
        ground.copy()
    assert (ground.target / "sparse").read_bytes() == sparse.read_bytes()
    assert (ground.target / "sparse").stat().st_blocks * 512 < 1 << 20


def test_a_long_file_is_copied_in_parts(ground: Ground) -> None:
    """Given a file whose length is no multiple of anything, then its last byte is copied, too."""
    content = os.urandom((3 << 20) + 12345)
    write(ground.source / "long", content)
    assert ground.copy().numbers.bytes == len(content)
    assert (ground.target / "long").read_bytes() == content


def test_hard_links_across_directories_are_one_file(ground: Ground) -> None:
    """Given three names of a file in three directories, and two of a link, then so in the copy; bytes count once."""
    first = write(ground.source / "a/first", b"once")
    for name in ("b/second", "c/d/third"):
        (ground.source / name).parent.mkdir(parents=True)
        (ground.source / name).hardlink_to(first)
    (ground.source / "link").symlink_to("nowhere")
    os.link(ground.source / "link", ground.source / "link again", follow_symlinks=False)
    for path in (ground.source, *ground.source.rglob("*")):
        if IS_ROOT:
            os.chown(path, PLAIN, PLAIN, follow_symlinks=False)
    progress = ground.copy()
    assert len({(ground.target / name).stat().st_ino for name in ("a/first", "b/second", "c/d/third")}) == 1
    assert (ground.target / "link").lstat().st_ino == (ground.target / "link again").lstat().st_ino
    assert (progress.numbers.files, progress.numbers.bytes) == (5, 4)


def test_links_are_copied_and_never_followed(ground: Ground) -> None:
    """Given links to a secret beside the volumes and to a directory, then only the links are copied."""
    secret = write(ground.source.parent.joinpath("source", "..", "source", "inner", "x"), b"inside")
    outside = ground.source.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (ground.source / "to file").symlink_to(outside / "secret")
    (ground.source / "to directory").symlink_to(outside)
    ground.copy()
    assert (ground.target / "to file").readlink() == outside / "secret"
    assert (ground.target / "to directory").is_symlink()
    assert list(outside.iterdir()) == [outside / "secret"]
    assert secret.read_bytes() == (ground.target / "inner" / "x").read_bytes()


def test_a_socket_that_a_program_left_is_a_socket(ground: Ground) -> None:
    """Given a socket and a fifo, then they are made anew; nothing waits for somebody at their other end."""
    with listen(ground.source / "socket"), plain_user():
        os.mkfifo(ground.source / "fifo", 0o622)
    ground.copy()
    assert stat.S_ISSOCK((ground.target / "socket").stat().st_mode)
    assert stat.S_ISFIFO((ground.target / "fifo").stat().st_mode)


def test_the_roots_and_their_lost_and_found_are_left_alone(ground: Ground) -> None:
    """Given lost+found in both roots, closed to others, then neither is read, copied or removed."""
    for volume, content in ((ground.source, b"orphan"), (ground.target, b"own")):
        write(volume / "lost+found/inode", content)
        (volume / "lost+found").chmod(0o700)
        if IS_ROOT:
            os.chown(volume / "lost+found", 0, 0)
    write(ground.source / "deeper/lost+found/kept")
    ground.source.chmod(0o711)
    ground.copy()
    assert (ground.target / "lost+found/inode").read_bytes() == b"own"
    assert (ground.target / "deeper/lost+found/kept").exists()
    assert stat.S_IMODE(ground.target.stat().st_mode) == 0o755


def test_a_tree_deeper_than_a_path_can_name(ground: Ground) -> None:
    """Given 300 directories in one another, of 40 signs each, then the file at the bottom is copied."""
    depth, name = 300, "d" * 40

    def descended(volume: Path, make: bool) -> int:
        fd = os.open(volume, os.O_RDONLY)
        for _ in range(depth):
            if make:
                os.mkdir(name, dir_fd=fd)
            inner = os.open(name, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = inner
        return fd

    with plain_user():
        bottom = descended(ground.source, make=True)
        os.close(os.open("file", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=bottom))
        os.close(bottom)
    ground.copy()
    bottom = descended(ground.target, make=False)
    assert stat.S_ISREG(os.stat("file", dir_fd=bottom).st_mode)
    os.close(bottom)


@pytest.mark.skipif(not IS_ROOT, reason="making files of other users needs root")
def test_what_belonged_to_another_user_is_ours_and_counted(ground: Ground) -> None:
    """Given another user's readable program with setuid, then the copy is ours, lends nothing, and is told of."""
    foreign = write(ground.source / "foreign", mode=0o755)
    os.chown(foreign, STRANGER, STRANGER)
    foreign.chmod(0o6745)
    write(ground.source / "own")
    progress = ground.copy()
    status = (ground.target / "foreign").stat()
    assert progress.numbers.foreign_owners == 1
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (PLAIN, 0o745)


@pytest.mark.skipif(not IS_ROOT, reason="making files of other users needs root")
def test_a_right_by_group_or_as_anybody_is_a_right_of_the_owner_now(ground: Ground) -> None:
    """Given another user's file and directory that we may read but their owner may not, then the copy can be read."""
    foreign = write(ground.source / "closed/foreign", b"read me", mode=0o004)
    os.chown(foreign, STRANGER, STRANGER)
    os.chown(foreign.parent, STRANGER, PLAIN)
    foreign.parent.chmod(0o050)
    ground.copy()
    with plain_user():
        assert (ground.target / "closed/foreign").read_bytes() == b"read me"
    assert stat.S_IMODE((ground.target / "closed").stat().st_mode) == 0o550


@pytest.mark.skipif(not IS_ROOT, reason="making files of other users needs root")
def test_one_who_may_keep_owners_keeps_them(ground: Ground) -> None:
    """Given files of several users and setuid, when root copies, then nothing is lost."""
    foreign = write(ground.source / "foreign")
    os.chown(foreign, STRANGER, STRANGER + 1)
    foreign.chmod(0o6755)
    for _ in ground.steps():
        pass
    assert seen(ground.target, owners=True) == seen(ground.source, owners=True)


def test_access_lists_are_kept(ground: Ground) -> None:
    """Given a file with an access list, and directories of both sides that give new files another one, then all are
    as they were in the source.
    """

    def entry(tag: int, right: int, who: int = 0xFFFFFFFF) -> bytes:
        return tag.to_bytes(2, "little") + right.to_bytes(2, "little") + who.to_bytes(4, "little")

    header = (2).to_bytes(4, "little")
    access = header + entry(1, 6) + entry(2, 4, STRANGER) + entry(4, 4) + entry(16, 4) + entry(32, 0)
    default = header + entry(1, 7) + entry(2, 7, STRANGER) + entry(4, 0) + entry(16, 7) + entry(32, 0)
    listed = write(ground.source / "folder/listed")
    write(ground.source / "folder/plain", mode=0o604)
    with plain_user():
        try:
            os.setxattr(listed, "system.posix_acl_access", access)
            os.setxattr(listed.parent, "system.posix_acl_default", default)
            os.setxattr(ground.target, "system.posix_acl_default", default)
        except OSError:
            pytest.skip("the file system of the tests has no access lists")
    assert ground.copy().numbers.lost_attributes == 0
    assert seen(ground.target) == seen(ground.source)


def test_attributes_that_the_target_does_not_have_are_counted(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a target without extended attributes, then the copy succeeds and says how many are lost, also again."""
    os.setxattr(write(ground.source / "file"), "user.note", b"x")

    def unsupported(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", unsupported)
    assert [ground.copy().numbers.lost_attributes, ground.copy().numbers.lost_attributes] == [1, 1]


def test_a_complete_copy_says_what_it_is_of(ground: Ground) -> None:
    """Given a complete copy, then its mark names source, plan, attempt and numbers, and no copy of it inherits it."""
    write(ground.source / "file", b"12345")
    ground.copy(attempt=3)
    found = ground.mark()
    assert found is not None
    assert (found.order.source, found.order.plan, found.order.attempt) == ("source-uid", "plan", 3)
    assert (found.state, found.numbers.files, found.numbers.bytes) == (State.COMPLETE, 1, 5)
    with Ground.fresh() as next_one:
        following = Ground(ground.target, next_one.target)
        following.copy(plan="next")
        assert '"plan": "next"' in (next_one.target / ".scenario-copy").read_text()


@pytest.mark.slow
def test_100_000_small_files(ground: Ground) -> None:
    with plain_user():
        for folder in range(100):
            (ground.source / str(folder)).mkdir()
            for file in range(1000):
                (ground.source / str(folder) / str(file)).write_bytes(b"%d" % file)
    assert ground.copy().numbers.files == 100_000
    assert seen(ground.target) == seen(ground.source)
