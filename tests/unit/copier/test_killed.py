"""A copy that ends anywhere goes on, and comes to the same end; a half-made one is never taken for complete."""

import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.copier.ground import QUICK, Directory, Ground, build, plain_user, remove, seen, trees, write

from scenario_operator.copier.mark import State
from scenario_operator.copier.verdict import Reason

OPERATOR = Path(__file__).parents[3] / "operator"


def small_tree(ground: Ground) -> None:
    """A tree with one of everything, whose copy has some dozens of steps."""
    write(ground.source / "a/one", b"1" * 3000, mode=0o440)
    write(ground.source / "a/b/two", b"22")
    with plain_user():
        (ground.source / "a/again").hardlink_to(ground.source / "a/one")
        (ground.source / "a/link").symlink_to("one")
        os.mkfifo(ground.source / "z")
        for path in ("a/b", "a"):
            (ground.source / path).chmod(0o555)
            os.utime(ground.source / path, ns=(1, 1))


def test_ended_after_any_step_it_goes_on_to_the_same_end(ground: Ground) -> None:
    """Given a copy that ends after n steps, for every n, when it runs again, then the end is the same.

    Until the end nobody can take the target for complete: not by its mark, and not as the source of another copy.
    """
    small_tree(ground)
    wanted = seen(ground.source)
    for count in range(1000):
        with Ground.fresh(QUICK) as other:
            broken = Ground(ground.source, other.target)
            if broken.stopped_after(count):
                break
            assert broken.state is not State.COMPLETE
            if broken.state is not None:
                with Ground.fresh(QUICK) as third:
                    following = Ground(broken.target, third.target)
                    assert following.refused().reason is Reason.SOURCE_INCOMPLETE
            broken.copy()
            assert seen(broken.target) == wanted
            assert broken.state is State.COMPLETE
    assert count > 30


def test_ended_after_any_step_of_a_second_attempt_nothing_of_the_first_counts(ground: Ground) -> None:
    """Given a copy that a migration worked on, when a second attempt ends after any step and goes on, then it is new.

    Size and time of what the migration wrote say nothing: they are the source's.
    """
    small_tree(ground)
    wanted = seen(ground.source)
    for count in range(1000):
        with Ground.fresh(QUICK) as other:
            migrated = Ground(ground.source, other.target)
            migrated.copy(attempt=1)
            one = migrated.target / "a/one"
            times = one.stat().st_atime_ns, one.stat().st_mtime_ns
            one.chmod(0o640)
            one.write_bytes(b"x" * 3000)
            one.chmod(0o440)
            os.utime(one, ns=times)
            write(migrated.target / "left/by/migration", mode=0o400).parent.chmod(0)
            there = seen(migrated.target)
            ended = migrated.stopped_after(count, attempt=2)
            found = migrated.mark()
            assert found is not None
            assert found.order.attempt == 2 or seen(migrated.target) == there
            assert (found.state is State.COMPLETE) == (found.order.attempt == 1 or ended)
            migrated.copy(attempt=2)
            assert seen(migrated.target) == wanted
            if ended:
                break
    assert count > 40


@given(trees, st.lists(st.integers(0, 60), max_size=4))
@settings(max_examples=40)
def test_any_tree_ended_several_times(tree: Directory, ends: list[int]) -> None:
    """Given any tree and a copy that ends again and again, when it is let go on, then the end is the same."""
    check_ended(tree, ends)


@pytest.mark.slow
@given(trees, st.lists(st.integers(0, 120), max_size=6))
@settings(max_examples=1000)
def test_any_of_many_trees_ended_several_times(tree: Directory, ends: list[int]) -> None:
    check_ended(tree, ends)


def check_ended(tree: Directory, ends: list[int]) -> None:
    with Ground.fresh(QUICK) as ground:
        build(tree, ground.source)
        for count in ends:
            ground.stopped_after(count)
        ground.copy()
        assert seen(ground.target) == seen(ground.source)


def test_what_was_copied_before_the_end_is_not_copied_again(ground: Ground) -> None:
    """Given 300 files of which some have their names, when it goes on, then those files are still the same."""
    for number in range(300):
        write(ground.source / f"{number:03}")
    ground.stopped_after(900)
    before = {
        path.name: path.stat().st_ino for path in ground.target.iterdir() if not path.name.startswith(".")
    }
    assert 100 < len(before) < 300
    ground.copy()
    assert before.items() <= {path.name: path.stat().st_ino for path in ground.target.iterdir()}.items()


def test_rights_that_the_node_sets_when_it_mounts_again_are_no_difference(ground: Ground) -> None:
    """Given a half-made copy to which the node gave its group's rights, when it goes on, then the rights are right."""
    for number in range(300):
        write(ground.source / f"{number:03}", mode=0o600)
    ground.stopped_after(900)
    for path in ground.target.glob("[0-9]*"):
        path.chmod(0o660)
    ground.copy()
    assert seen(ground.target) == seen(ground.source)


def test_ended_while_it_closed_directories_it_can_still_put_something_there(ground: Ground) -> None:
    """Given a copy that ended when a read-only directory was closed already, and a file that came into that directory
    meanwhile, when it goes on, then it has that file, too.
    """
    small_tree(ground)
    count = 0
    while not (ground.target / "a").exists() or stat.S_IMODE((ground.target / "a").stat().st_mode) != 0o555:
        remove(ground.target)
        ground.target.mkdir()
        ground.target.chmod(0o777)
        count += 1
        ground.stopped_after(count)
    assert ground.state is State.COPYING
    with plain_user():
        (ground.source / "a").chmod(0o755)
        (ground.source / "a/late").touch()
        (ground.source / "a").chmod(0o555)
    ground.copy()
    assert seen(ground.target) == seen(ground.source)


def test_a_complete_copy_is_not_copied_again(ground: Ground) -> None:
    """Given a complete copy whose answer was lost, when the attempt runs again, then it answers the same.

    Also if a program works on the copy by then: nothing of it is touched, or held against it.
    """
    small_tree(ground)
    first = ground.copy()
    write(ground.target / "z2", b"new")
    (ground.target / "a/one").chmod(0o660)
    there = {path: path.lstat().st_ctime_ns for path in ground.target.rglob("*")}
    assert ground.copy().numbers == first.numbers
    assert first.numbers.files == 5
    assert {path: path.lstat().st_ctime_ns for path in ground.target.rglob("*")} == there


def killed(ground: Ground, seconds: float) -> int:
    """Run the program, kill it after a while unless it has ended; return its exit code."""
    command = [sys.executable, "-m", "scenario_operator.copier", "--answer", ""]
    order = [
        "--source",
        str(ground.source),
        "--target",
        str(ground.target),
        "--source-id",
        "s",
        "--plan",
        "p",
    ]
    environment = {**os.environ, "PYTHONPATH": str(OPERATOR)}
    process = subprocess.Popen(
        [*command, *order, "--attempt", "1"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    _, errors = process.communicate()
    assert process.returncode in {0, -signal.SIGKILL}, errors.decode()
    return process.returncode


def check_killed(ground: Ground, files: int, times: int) -> None:
    small_tree(ground)
    for number in range(files):
        write(ground.source / f"many/{number % 10}/{number}", os.urandom(number % 5000))
    begun = time.monotonic()
    assert killed(ground, 600) == 0
    whole = time.monotonic() - begun
    draw = random.Random(1)  # noqa: S311  (moments, no secrets)
    for _ in range(times):
        with Ground.fresh(QUICK) as other:
            victim = Ground(ground.source, other.target)
            while killed(victim, draw.uniform(whole / 8, whole)):
                assert victim.state is not State.COMPLETE or seen(victim.target) == seen(ground.source)
                whole *= 1.1
            assert seen(victim.target) == seen(ground.source)


def test_the_program_killed_at_random_times(ground: Ground) -> None:
    """Given the real program under SIGKILL, again and again, then it comes to the same end."""
    check_killed(ground, files=400, times=2)


@pytest.mark.slow
def test_the_program_killed_at_many_random_times(ground: Ground) -> None:
    check_killed(ground, files=3000, times=30)
