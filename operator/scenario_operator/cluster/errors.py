"""Every way in which talking to the API server can fail, and what it means for the caller.

Callers never see aiohttp, ssl, asyncio or kubernetes exceptions: `cluster` wraps them once, here is how.

    ClusterError
    ├── Transient                  look again: the next pass decides from a live read
    │   ├── Conflict               what we read is no longer there like that (resourceVersion, uid)
    │   │   └── Vanished           … it is not there at all
    │   ├── AlreadyExists          a create found its name taken: read it and judge
    │   ├── Gone                   a page token or version too old to be served
    │   ├── TooManyRequests        refused before it was processed; `retry_after_seconds`
    │   ├── Unauthenticated        the token is being rotated
    │   ├── ServerError            5xx: a write may have landed
    │   ├── Unreachable            nothing was sent
    │   ├── AnswerLost             sent, no answer: a write may have landed
    │   └── LeaseLost              a write refused by ourselves before it was sent
    └── Terminal(reason)           repeating it unchanged cannot help
        ├── Forbidden              RBAC, quota, admission, a terminating namespace
        ├── NotFound               the kind or namespace is absent
        ├── Invalid                422 and 400, with the fields to fix in `causes`
        └── Rejected               any other 4xx

This module knows HTTP and the API server's `Status` object; it must not know what was being attempted or why.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, NamedTuple

from scenario_operator.api.foreign import Foreign
from scenario_operator.api.reading import parsed

_LONGEST_LOGGED: Final = 2048


class StatusCause(NamedTuple):
    """One field complaint of a `Status`."""

    field: str
    reason: str
    message: str


class ClusterError(Exception):
    """Base of all failures of this package; what the server said stands in it, so it is foreign."""

    #: True when a write that failed this way may nevertheless have taken effect.
    may_have_landed: ClassVar[bool] = False

    @property
    def told(self) -> Foreign:
        """What the server or the network said."""
        return Foreign(self.args[0] if self.args else "")

    def __str__(self) -> str:
        return self.told.shown(_LONGEST_LOGGED)


class Transient(ClusterError):  # noqa: N818 (the two families of the house style)
    """Look again later."""


class Conflict(Transient):
    """The object changed or was recreated since it was read."""


class Vanished(Conflict):
    """The object that was to be written is gone."""


class AlreadyExists(Transient):
    """The name is taken; whose object it is must be read, never assumed."""


class Gone(Transient):
    """The version or page asked for is too old."""


class TooManyRequests(Transient):
    """The server sheds load; nothing was done."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Unauthenticated(Transient):
    """401: credentials are read again with the next call."""


class ServerError(Transient):
    """The server failed on its side."""

    may_have_landed = True


class Unreachable(Transient):
    """No connection; nothing was sent."""


class AnswerLost(Transient):
    """The request was sent and its answer never came."""

    may_have_landed = True


class LeaseLost(Transient):
    """This process is not, or not safely, the leader; nothing was sent."""


class Terminal(ClusterError):  # noqa: N818 (the two families of the house style)
    """Repeating the same request cannot help; `reason` is CamelCase and fit for a condition."""

    def __init__(self, reason: str, message: str, causes: tuple[StatusCause, ...] = ()) -> None:
        super().__init__(message)
        self.reason = reason
        self.causes = causes


class Forbidden(Terminal):
    """403; `NamespaceTerminating` is a reason of its own because it heals by itself."""


class NotFound(Terminal):
    """404 on something that must exist beforehand: the kind, the namespace."""


class Invalid(Terminal):
    """The object was refused by its schema or a policy."""


class Rejected(Terminal):
    """Any other refusal."""


class _Status(NamedTuple):
    code: int
    reason: str
    message: str
    causes: tuple[StatusCause, ...]

    @classmethod
    def parse(cls, code: int, body: bytes) -> "_Status":
        """Read a `Status`; an answer of a proxy in between is none, so its text serves as the message."""
        status = parsed(body)
        if not isinstance(status, dict):
            return cls(code, "", body[:200].decode(errors="replace"), ())
        details = status.get("details")
        told = details.get("causes") if isinstance(details, dict) else None
        causes = [c for c in told if isinstance(c, dict)] if isinstance(told, list) else []
        return cls(
            code,
            str(status.get("reason") or ""),
            str(status.get("message") or ""),
            tuple(StatusCause(*(str(c.get(part) or "") for part in StatusCause._fields)) for c in causes),
        )


#: What etcd says to an object beyond 1.5 MiB; the API server passes it on as a fault of its own.
_TOO_LARGE = "request is too large"

#: A 422 on one of these says that the object is not the one that was read.
_IDENTITY_FIELDS = frozenset({"metadata.uid", "metadata.resourceVersion"})


def from_response(code: int, headers: Mapping[str, Any], body: bytes, *, context: str) -> ClusterError:
    """Turn a refusal (status ≥ 300) into the exception that says what to do about it."""
    status = _Status.parse(code, body)
    message = f"{context}: {code} {status.reason}: {status.message}"
    if code == 409:
        return AlreadyExists(message) if status.reason == "AlreadyExists" else Conflict(message)
    if code == 429:
        return TooManyRequests(message, retry_after_seconds(headers))
    if code == 422 and any(cause.field in _IDENTITY_FIELDS for cause in status.causes):
        return Conflict(message)
    if code == 410:
        return Gone(message)
    if code == 401:
        return Unauthenticated(message)
    if code >= 500 and _TOO_LARGE in status.message:
        return Rejected("TooLarge", message, status.causes)
    if code >= 500:
        return ServerError(message)
    return _terminal(status, message)


def _terminal(status: _Status, message: str) -> Terminal:
    if status.code == 403:
        terminating = any(cause.reason == "NamespaceTerminating" for cause in status.causes)
        return Forbidden("NamespaceTerminating" if terminating else "Forbidden", message, status.causes)
    if status.code == 404:
        return NotFound("NotFound", message, status.causes)
    if status.code in {400, 422}:
        return Invalid(status.reason or "Invalid", message, status.causes)
    return Rejected(status.reason or "Rejected", message, status.causes)


def retry_after_seconds(headers: Mapping[str, Any], default: float = 1.0) -> float:
    """How long the server asks us to wait; the API server always sends whole seconds."""
    try:
        return max(0.0, float(headers.get("Retry-After", default)))
    except (TypeError, ValueError):
        return default
