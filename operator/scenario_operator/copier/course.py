"""The course of a copy, as small steps: whose the target is, first pass, second pass, the mark that says so.

Whoever drives it may stop between any two steps, or die: the next run of the same attempt comes to the same end.
"""

import fcntl
import os
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from scenario_operator.copier import mark
from scenario_operator.copier.attributes import Lost
from scenario_operator.copier.compare import Comparison
from scenario_operator.copier.fill import WORK, Fill, seal
from scenario_operator.copier.mark import Mark, Numbers, Order, State
from scenario_operator.copier.tree import Folder, Tally, removed
from scenario_operator.copier.verdict import Failure, Reason, Side


@dataclass(slots=True)
class Progress:
    """What a driver can tell while it runs, and the numbers of the copy when it has ended."""

    word: str = "begun"
    tally: Tally = field(default_factory=Tally)
    numbers: Numbers = field(default_factory=Numbers)

    def enter(self, word: str) -> Tally:
        """Begin a pass, whose numbers start anew."""
        self.word, self.tally = word, Tally()
        return self.tally


def copy(source: str, target: str, order: Order, progress: Progress) -> Iterator[None]:
    """Copy what lies in the directory `source` into the directory `target`.

    The roots themselves and their `lost+found` stay as they are. A copy that this attempt completed before is not
    looked at again: somebody may work on it by now. Raises Failure.
    """
    _apart(source, target)
    with (
        closing(Folder.root(source, Side.SOURCE)) as origin,
        closing(Folder.root(target, Side.TARGET)) as goal,
    ):
        _lock(goal)
        _check_source(origin)
        found = yield from _claimed(goal, order)
        if found.state is State.COMPLETE:
            progress.numbers = found.numbers
            return
        lost = Lost()
        yield from _filled(origin, goal, lost, progress)
        comparison = Comparison(origin, goal, lost, progress.enter("compared"))
        yield from comparison.run()
        progress.numbers = Numbers(
            progress.tally.files, progress.tally.bytes, comparison.foreign_owners, lost.count
        )
        mark.write(goal, Mark(order, State.COMPLETE, progress.numbers))


def _filled(source: Folder, target: Folder, lost: Lost, progress: Progress) -> Iterator[None]:
    yield from _without_work(target)
    with target.guard(WORK):
        os.mkdir(WORK, 0o700, dir_fd=target.fd)
    with closing(target.folder(WORK)) as work:
        yield from Fill(source, target, work, lost, progress.enter("copied")).run()
    yield from _without_work(target)
    yield from seal(source, target, lost)


def _without_work(target: Folder) -> Iterator[None]:
    if target.found(WORK) is not None:
        yield from removed(target, [WORK])


def _claimed(target: Folder, order: Order) -> Generator[None, None, Mark]:
    """Make the target this attempt's, and return its mark. What is not this plan's is never touched."""
    try:
        found = mark.read(target)
    except ValueError as error:
        raise Failure(Reason.TARGET_NOT_OURS, str(error), Side.TARGET, mark.NAME) from error
    fresh = Mark(order, State.COPYING)
    if found is None:
        if names := target.names():
            raise Failure(Reason.TARGET_NOT_OURS, "is there and no copy was begun", Side.TARGET, names[0])
    else:
        _check_mine(found.order, order)
        if found.order == order and found.state is not State.CLEARING:
            return found
        mark.write(target, Mark(order, State.CLEARING))
        yield
        yield from removed(target, target.names())
    mark.write(target, fresh)
    yield
    return fresh


def _check_mine(found: Order, order: Order) -> None:
    if (found.source, found.plan) != (order.source, order.plan):
        raise Failure(Reason.TARGET_NOT_OURS, "is the mark of another copy", Side.TARGET, mark.NAME)
    if found.attempt > order.attempt:
        message = f"attempt {found.attempt} has begun, this is {order.attempt}"
        raise Failure(Reason.SUPERSEDED, message, Side.TARGET, mark.NAME)


def _check_source(source: Folder) -> None:
    own = source.reserved()
    if not own:
        return
    try:
        found = mark.read(source)
    except ValueError as error:
        raise Failure(Reason.CANNOT_KEEP, "has a name of the copier's own", Side.SOURCE, mark.NAME) from error
    if found is not None and found.state is not State.COMPLETE:
        raise Failure(Reason.SOURCE_INCOMPLETE, "the copy was not completed", Side.SOURCE, mark.NAME)
    if own != [mark.NAME]:
        other = next(name for name in own if name != mark.NAME)
        raise Failure(Reason.CANNOT_KEEP, "has a name of the copier's own", Side.SOURCE, other)


def _apart(source: str, target: str) -> None:
    one, other = Path(source).resolve(), Path(target).resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise Failure(Reason.BAD_ARGUMENTS, "source and target lie in each other")
    for path in (one, other):
        if not path.is_dir():
            raise Failure(Reason.BAD_ARGUMENTS, f"no directory: {path}")


def _lock(target: Folder) -> None:
    """Keep a second copier on this node away, until the process ends."""
    try:
        fcntl.flock(target.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Failure(Reason.TARGET_BUSY, "another copier works on it", Side.TARGET) from error
    except OSError:
        return  # a file system without locks; the caller runs one copier at a time, this only makes sure
