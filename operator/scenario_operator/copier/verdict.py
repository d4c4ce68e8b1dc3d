"""How a copy can end: one word with an exit code each, and the answer for the termination message."""

import errno
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Self

MAX_ANSWER_BYTES = 4096  # what the kubelet keeps of one container's termination message
_LONGEST_PATH = 512
_LONGEST_MESSAGE = 256


class Reason(StrEnum):
    """Why a copy failed. A member is its word; `code` is the exit code, `meaning` one sentence."""

    code: int
    meaning: str

    def __new__(cls, word: str, code: int, meaning: str) -> Self:
        """Make a member that equals its word; `Reason(word)` finds it."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.code = code
        member.meaning = meaning
        return member

    BAD_ARGUMENTS = "BadArguments", 2, "The arguments make no copy."
    SOURCE_MOVED = "SourceMoved", 20, "The source changed while it was copied."
    NO_SPACE = "NoSpace", 21, "The target has no space, or no inodes, left."
    QUOTA_EXCEEDED = "QuotaExceeded", 22, "A disk quota of the target is used up."
    ACCESS_DENIED = "AccessDenied", 23, "The user of the copy may not read or write what the path names."
    CANNOT_KEEP = "CannotKeep", 24, "The target cannot hold what the path names as it is."
    IO_FAILED = "IOFailed", 25, "The file system failed to read or write what the path names."
    TARGET_NOT_OURS = "TargetNotOurs", 26, "The target holds something that this copy did not make."
    TARGET_BUSY = "TargetBusy", 27, "Another copy into the same target is under way."
    SUPERSEDED = "Superseded", 28, "A later attempt of this copy has begun."
    SOURCE_INCOMPLETE = "SourceIncomplete", 29, "The source is itself a copy that was never completed."
    FAULTY = "Faulty", 70, "The copier has a bug."
    INTERRUPTED = "Interrupted", 143, "The copy was asked to stop; another run of the same attempt goes on."


class Side(StrEnum):
    """Which of the two volumes a path belongs to."""

    SOURCE = "source"
    TARGET = "target"


class Failure(Exception):  # noqa: N818  (a copy fails; the program has no error)
    """The copy ends here. `path` is relative to the root of the volume `side`, "" if there is none to name."""

    def __init__(self, reason: Reason, message: str, side: Side | None = None, path: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.side = side
        self.path = path

    def __str__(self) -> str:
        where = f" ({self.side}: {shown(self.path, _LONGEST_PATH)})" if self.path else ""
        return f"{self.reason}: {shown(self.message, _LONGEST_MESSAGE)}{where}"

    def answer(self) -> bytes:
        """Return the answer; what is not known is left out."""
        fields = {
            "reason": str(self.reason),
            "message": shown(self.message, _LONGEST_MESSAGE),
            "side": str(self.side) if self.side else "",
            "path": shown(self.path, _LONGEST_PATH),
        }
        return _encoded({key: value for key, value in fields.items() if value})


def success(numbers: Mapping[str, int | float]) -> bytes:
    """Return the answer of a complete copy."""
    return _encoded(numbers)


def from_error(error: OSError, side: Side, path: str) -> Failure:
    """Find the word for what the file system said about a path."""
    message = error.strerror or str(error)
    return Failure(_reason(error.errno, side), message, side, path or ".")


_OF_ERROR = {
    errno.ENOSPC: Reason.NO_SPACE,
    errno.EDQUOT: Reason.QUOTA_EXCEEDED,
    errno.EACCES: Reason.ACCESS_DENIED,
    errno.EPERM: Reason.ACCESS_DENIED,
}
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENODATA}
_NOT_HELD = {
    errno.E2BIG,
    errno.EFBIG,
    errno.EILSEQ,
    errno.EINVAL,
    errno.EISDIR,
    errno.EMFILE,  # the tree is deeper than directories can be open
    errno.EMLINK,
    errno.ENAMETOOLONG,
    errno.ENOTSUP,
    errno.ERANGE,
}


def _reason(number: int | None, side: Side) -> Reason:
    if number in _OF_ERROR:
        return _OF_ERROR[number]
    if side is Side.SOURCE and number in _GONE:
        return Reason.SOURCE_MOVED
    if number == errno.EMFILE or (side is Side.TARGET and number in _NOT_HELD):
        return Reason.CANNOT_KEEP
    return Reason.IO_FAILED


def shown(text: str, longest: int) -> str:
    """Return the text for people: one line, nothing that a terminal obeys, the end kept if it is too long.

    A byte of a name that is no UTF-8 is shown as \\xNN, a backslash doubled, so that two names never look the same
    unless they were cut.
    """
    signs = [_sign(character) for character in text[-longest - 1 :]]
    while sum(map(len, signs)) > longest - 1 and len(signs) > 1:
        signs.pop(0)
    whole = len(signs) == len(text)
    return "".join(signs) if whole else "…" + "".join(signs)


def _sign(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    return (
        character.encode("ascii", "backslashreplace").decode()
        if ord(character) > 127
        else repr(character)[1:-1]
    )


def _encoded(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
