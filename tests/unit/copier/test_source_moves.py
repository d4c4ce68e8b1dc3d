"""A source that changes while it is copied is noticed, wherever and whenever it changes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.copier.ground import QUICK, Ground, plain_user, seen, write

from scenario_operator.copier.course import Progress
from scenario_operator.copier.mark import State
from scenario_operator.copier.verdict import Failure, Reason

Change = Callable[[Path], object]


def _in_place(source: Path, offset: int = 1 << 20) -> None:
    """Change one byte and set the time of modification back."""
    file = source / "d/file"
    before = file.stat()
    with file.open("r+b") as opened:
        opened.seek(offset)
        opened.write(b"!")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _emptied(source: Path) -> None:
    """Make the whole file a hole, and set the time of modification back."""
    file = source / "d/file"
    before = file.stat()
    for size in (0, before.st_size):
        os.truncate(file, size)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def _renamed(source: Path) -> None:
    (source / "d/file").rename(source / "d/other")


def _swapped_for_a_link(source: Path) -> None:
    (source / "d").rename(source / "away")
    (source / "d").symlink_to("away")


def _linked_apart(source: Path) -> None:
    """Make two files of the two names of one, so that nothing but the number of files tells."""
    before, content = (source / "again").stat(), (source / "again").read_bytes()
    (source / "again").unlink()
    (source / "again").write_bytes(content)
    os.utime(source / "again", ns=(before.st_atime_ns, before.st_mtime_ns))


def _linked_together(source: Path) -> None:
    (source / "twin").unlink()
    (source / "twin").hardlink_to(source / "other twin")


CHANGES: dict[str, Change] = {
    "written in place": _in_place,
    "become a hole": _emptied,
    "grown": lambda source: os.truncate(source / "d/file", 3 << 20),
    "cut": lambda source: os.truncate(source / "d/file", 1),
    "removed": lambda source: (source / "d/file").unlink(),
    "renamed": _renamed,
    "added": lambda source: (source / "d/new").touch(),
    "added in a new directory": lambda source: (source / "e").mkdir(),
    "mode": lambda source: (source / "d/file").chmod(0o600),
    "time of a directory": lambda source: os.utime(source / "d", ns=(5, 5)),
    "attribute": lambda source: os.setxattr(source / "d/file", "user.x", b"y"),
    "a link to elsewhere": lambda source: ((source / "l").unlink(), (source / "l").symlink_to("b")),
    "a directory swapped for a link": _swapped_for_a_link,
    "a file swapped for a fifo": lambda source: ((source / "d/file").unlink(), os.mkfifo(source / "d/file")),
    "hard links taken apart": _linked_apart,
    "files linked together": _linked_together,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_after_any_step_is_noticed_or_copied(name: str) -> None:
    """Given a source that changes once, after n steps, for every n, then the copy fails and names the path, or is what
    the source became. What changes behind the second pass is not noticed: the copy is what the source was.
    """
    moved = ended = 0
    for count in range(400):
        with Ground.fresh(QUICK) as fresh:
            _tree(fresh.source)
            before = seen(fresh.source)
            failure, while_it = _copied(fresh, count, CHANGES[name])
            if while_it is None:
                break
            if failure is None:
                late = [before] if while_it == "compared" else []
                assert seen(fresh.target) in [*late, seen(fresh.source)]
                ended += 1
            else:
                assert failure.reason is Reason.SOURCE_MOVED, failure
                assert failure.path
                assert fresh.state is not State.COMPLETE
                moved += 1
    assert moved > 3
    assert ended > 0


def _tree(source: Path) -> None:
    write(source / "d/file", b"#" * (2 << 20))
    write(source / "one", b"1")
    for name in ("twin", "other twin"):
        os.utime(write(source / name, b"2"), ns=(7, 7))
    with plain_user():
        (source / "again").hardlink_to(source / "one")
        (source / "l").symlink_to("a")


def _copied(ground: Ground, count: int, change: Change) -> tuple[Failure | None, str | None]:
    """Copy, with a change after so many steps; return the failure, and in which pass it was made, if it was."""
    progress, pass_of_change = Progress(), None
    with plain_user():
        try:
            for done, _ in enumerate(ground.steps(progress=progress)):
                if done == count:
                    pass_of_change = progress.word
                    change(ground.source)
        except Failure as failure:
            return failure, pass_of_change
    return None, pass_of_change


def test_a_change_behind_the_reading_of_a_file_is_noticed(ground: Ground) -> None:
    """Given a file that is changed where the second pass has read it already, while it reads on, then it has moved."""
    write(ground.source / "d/file", b"#" * (3 << 20))
    progress, read = Progress(), 0
    with plain_user(), pytest.raises(Failure) as told:  # noqa: PT012  (the step that fails is one of the loop's)
        for _ in ground.steps(progress=progress):
            read += progress.word == "compared"
            if read == 2:
                _in_place(ground.source, offset=0)
    assert (told.value.reason, told.value.path) == (Reason.SOURCE_MOVED, "d/file")
    assert told.value.message == "changed while it was read"


def _to_fifo(entry: Path) -> None:
    os.mkfifo(entry)


def _to_link(entry: Path) -> None:
    entry.symlink_to(entry.parent.parent / "outside" / entry.name)


def _to_another(entry: Path) -> None:
    entry.write_bytes(b"another")


@pytest.mark.parametrize("swap", [_to_fifo, _to_link, _to_another])
@pytest.mark.parametrize("name", ["file", "folder"])
def test_an_entry_swapped_between_the_look_at_it_and_its_opening(
    name: str, swap: Change, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given an entry that becomes a fifo, a link out of the volume or another file just before it is opened, then the
    source has moved: nothing waits, and nothing from outside is copied.
    """
    outside = ground.source.parent / "outside"
    for folder in (outside, ground.source):
        folder.mkdir(exist_ok=True)
        (folder / "folder").mkdir()
        (folder / "file").write_bytes(b"secret")
        (folder / "folder/inner").write_bytes(b"secret")
    entry = ground.source / name
    opened = os.open

    def swapping(path: str, *given: int, **named: int) -> int:
        if path == name and not (entry.parent / "away").exists():
            entry.rename(entry.parent / "away")
            swap(entry)
        return opened(path, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", swapping)
        failure = ground.refused()
    assert (failure.reason, failure.path) == (Reason.SOURCE_MOVED, name)
    assert not (ground.target / "file").exists() or name == "folder"
    assert not (ground.target / "folder/inner").exists()


def test_a_source_that_is_written_to_all_the_time_is_never_torn() -> None:
    """Given two files that somebody always writes together, then no complete copy holds two that do not fit."""
    outcomes = set()
    for pause in range(1, 40):
        with Ground.fresh(QUICK) as fresh:
            write(fresh.source / "a", b"0")
            write(fresh.source / "z", b"0")
            outcomes.add(_while_written(fresh, pause))
    assert outcomes == {"complete", Reason.SOURCE_MOVED}


def _while_written(ground: Ground, pause: int) -> str:
    try:
        with plain_user():
            for done, _ in enumerate(ground.steps()):
                if done % pause == pause - 1:
                    for name in ("a", "z"):
                        (ground.source / name).write_bytes(b"%d" % (done % 10))
    except Failure as failure:
        return failure.reason
    assert (ground.target / "a").read_bytes() == (ground.target / "z").read_bytes()
    return "complete"


def test_after_a_source_that_moved_the_next_attempt_copies_what_it_is_now(ground: Ground) -> None:
    write(ground.source / "file", b"old")
    ground.stopped_after(8)
    write(ground.source / "file", b"newer")
    write(ground.source / "more")
    ground.copy(attempt=2)
    assert seen(ground.target) == seen(ground.source)
