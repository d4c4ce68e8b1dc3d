"""Log lines for people (console) or for machines (JSON), with the standard library only.

The convention for callers: one sentence, then `key=%(key)s` from a single mapping,
`logger.info("released lease=%(lease)s", {"lease": ref})`. The console shows the sentence, JSON has the keys of
the mapping as fields of their own. Never log the content of Secrets, environments or parameters.
"""

import json
import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal

from scenario_operator.api.foreign import escaped

Format = Literal["console", "json"]

_key: ContextVar[str] = ContextVar("key", default="")
#: The frames of these libraries tell nothing that we do not say ourselves.
_QUIET: Final = ("kopf", "aiohttp", "asyncio", "kubernetes")


def about(key: object) -> None:
    """From now on, the lines of this task are about `key`."""
    _key.set(str(key))


def configure(format_: Format, level: str) -> None:
    """Send everything to standard error; libraries speak from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if format_ == "json" else _Console())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Console(logging.Formatter):
    """`12:00:01.123 INFO    worker: sentence key=value`; the key is added unless the sentence has one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the library's name)
        """One record is one line, whatever somebody else's words in it are."""
        return escaped(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 (the library's name)
        """Indent a traceback: no line of it passes for one of ours."""
        return _traceback(super().formatException(ei), "    ")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        key = _key.get()
        return line if not key or f"key={key}" in line else f"{line} key={key}"


class _Json(logging.Formatter):
    """One object per line; fields of the message first, so that ours can never be overwritten by them."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {}
        if isinstance(record.args, Mapping):
            fields.update((key, _plain(value)) for key, value in record.args.items())
        if key := _key.get():
            fields.setdefault("key", key)
        fields.update(
            time=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            level=record.levelname,
            logger=record.name,
            message=escaped(record.getMessage()),
        )
        if record.exc_info:
            fields["exception"] = _traceback(self.formatException(record.exc_info), "")
        return json.dumps(fields, ensure_ascii=False)


def _plain(value: object) -> object:
    return value if isinstance(value, int | float | bool | None) else escaped(str(value))


def _traceback(text: str, indent: str) -> str:
    return "\n".join(f"{indent}{escaped(line)}" for line in text.split("\n"))
