"""The command line of the copier: `python -m scenario_operator.copier --help`."""

import argparse
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import NoReturn

from scenario_operator.copier.course import Progress, copy
from scenario_operator.copier.mark import Order
from scenario_operator.copier.verdict import Failure, Reason, success

PROGRESS_SECONDS = 5.0
_LONGEST_NAME = 256


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Failure(Reason.BAD_ARGUMENTS, message)


class Stop:
    """Whether the process was asked to end; as the first process of a pod it has to listen for that itself."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; gives the exit code and leaves the answer."""
    given = sys.argv[1:] if arguments is None else arguments
    # Read by itself, so that also an answer about wrong arguments finds its place.
    place, _ = _answer_parser().parse_known_args(given)
    try:
        options = _parser().parse_args(given)
        answer, code = _copied(options), 0
    except Failure as failure:
        answer, code = failure.answer(), failure.reason.code
        sys.stderr.write(f"{failure}\n")
    except Exception as error:  # noqa: BLE001  (the pod's last word names the bug)
        traceback.print_exc()
        bug = Failure(Reason.FAULTY, f"{type(error).__name__}: {error}")
        answer, code = bug.answer(), bug.reason.code
    _leave(answer, place.answer)
    return code


def _copied(options: argparse.Namespace) -> bytes:
    stop = Stop()
    os.umask(0o077)
    _open_many()
    begun = time.monotonic()
    progress = Progress()
    order = Order(options.source_id, options.plan, options.attempt)
    _drive(copy(options.source, options.target, order, progress), progress, stop)
    numbers = progress.numbers
    return success(
        {
            "files": numbers.files,
            "bytes": numbers.bytes,
            "seconds": round(time.monotonic() - begun, 3),
            "foreignOwners": numbers.foreign_owners,
            "lostAttributes": numbers.lost_attributes,
        }
    )


def _drive(steps: Iterator[None], progress: Progress, stop: Stop) -> None:
    told = time.monotonic()
    for _ in steps:
        if stop.asked:
            raise Failure(Reason.INTERRUPTED, f"after {progress.tally.files} files {progress.word}")
        now = time.monotonic()
        if now - told >= PROGRESS_SECONDS:
            told = now
            _tell(progress)
    _tell(progress)


def _tell(progress: Progress) -> None:
    tally = progress.tally
    sys.stdout.write(f"{progress.word}: {tally.files} files, {tally.bytes} bytes\n")
    sys.stdout.flush()


def _leave(answer: bytes, place: str) -> None:
    """Write the answer where the kubelet looks. The exit code is what counts if that fails."""
    sys.stdout.write(answer.decode() + "\n")
    sys.stdout.flush()
    if not place:
        return
    try:
        fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            os.write(fd, answer)
        finally:
            os.close(fd)
    except OSError as error:
        sys.stderr.write(f"no answer left in {place}: {error.strerror}\n")


def _open_many() -> None:
    """Allow as many open files as may be: each level of a tree needs two."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _answer_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        "--answer",
        metavar="FILE",
        default="/dev/termination-log",
        help='where the answer goes, one JSON object of at most 4096 bytes; "" for standard output only '
        "(default: %(default)s)",
    )
    return parser


def _parser() -> argparse.ArgumentParser:
    codes = "\n".join(f"  {reason.code:>3}  {reason:<17} {reason.meaning}" for reason in Reason)
    parser = _Parser(
        prog="python -m scenario_operator.copier",
        description="Copy what lies in one volume into another; end with 0 only if a second reading finds both equal.",
        epilog=f"exit codes:\n    0  {'complete':<17} The answer has files, bytes, seconds.\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_answer_parser()],
        allow_abbrev=False,
    )
    parser.add_argument("--source", required=True, metavar="DIR", help="the volume to copy; may be read-only")
    parser.add_argument(
        "--target", required=True, metavar="DIR", help="an empty volume, or one of this plan's copy"
    )
    parser.add_argument(
        "--source-id", required=True, type=_name, metavar="ID", help="what the source is: its uid"
    )
    parser.add_argument("--plan", required=True, type=_name, metavar="ID", help="what the copy is for")
    parser.add_argument(
        "--attempt",
        required=True,
        type=_count,
        metavar="N",
        help="a new number begins anew, the same one goes on",
    )
    return parser


def _name(text: str) -> str:
    if not 0 < len(text) <= _LONGEST_NAME or not text.isascii() or not text.isprintable():
        raise argparse.ArgumentTypeError(f"1 to {_LONGEST_NAME} printable ASCII characters")
    return text


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise argparse.ArgumentTypeError("a number from 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
