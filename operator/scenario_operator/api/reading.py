"""Reading what others wrote: a value, or which field it is that cannot be read, and why; nothing raises.

An object may be older or newer than our models, or written by hand. One that cannot be read is not absent: whoever
reads it says so on it, leaves it as it is, and serves all others.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from scenario_operator.api.foreign import Foreign

_T = TypeVar("_T")
_LONGEST = 300


class Unreadable(NamedTuple):
    """Why an object cannot be read: the path of the field, and what is wrong with it."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"

    @property
    def of_status(self) -> bool:
        """Say whether it is what operators write that cannot be read, not what people ask for."""
        return self.field.startswith("status")


def reading(read: Callable[[], _T], where: str) -> _T | Unreadable:
    """Return what `read` reads; `where` is the path of what it reads, and of what is wrong unless it says more."""
    try:
        return read()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return Unreadable(_bounded(_path(where, first["loc"])), _bounded(first["msg"]))
    except Exception as error:  # noqa: BLE001 (whatever a parser raises, it is the object that cannot be read)
        return Unreadable(where or "metadata", _bounded(f"{type(error).__name__}: {error}"))


def parsed(text: str | bytes) -> Any:
    """Read JSON that anybody may have written; None when it is none, or nested deeper than we can follow."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _path(where: str, parts: tuple[int | str, ...]) -> str:
    """Spell a path as people and kubectl do: `spec.outputs[0].class`."""
    steps = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return (where + "".join(steps)).removeprefix(".")


def _bounded(text: str) -> str:
    """Return a message short enough for a condition; it may repeat what somebody wrote."""
    return Foreign(text).shown(_LONGEST)
