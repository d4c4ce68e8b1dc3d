"""Text that somebody else wrote: the API server, a controller, a program, a person.

It is no `str`: it cannot be formatted, compared with one or handed to a command, and the type checker says so wherever
a plain text is asked for. It enters a message in one way, `shown`: on one line, with nothing that a terminal obeys, and
bounded.
"""

from __future__ import annotations

import re
from typing import NoReturn

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
LONGEST = 512
"""Characters that are shown of a foreign text unless it is said otherwise."""


class Foreign:
    """A text of somebody else; false when there is none."""

    __slots__ = ("_text",)

    def __init__(self, text: object = "") -> None:
        self._text = text if isinstance(text, str) else str(text)

    def shown(self, longest: int = LONGEST) -> str:
        """Return the text for people: control characters and line ends escaped, cut to so many characters."""
        # No sign becomes shorter, so what is behind the cut need not be looked at.
        text = escaped(self._text[: longest + 1])
        return text if len(text) <= longest else f"{text[: longest - 1]}…"

    def says(self, pattern: re.Pattern[str]) -> bool:
        """Say whether a pattern is found in it: words choose between our sentences, they never enter one."""
        return pattern.search(self._text) is not None

    def word(self, pattern: re.Pattern[str]) -> str:
        """Return the group of a pattern that describes every sign of a word to be taken over, "" if none is."""
        found = pattern.search(self._text)
        return found[1] if found else ""

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Foreign) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Foreign, self._text))

    def __repr__(self) -> str:
        return f"Foreign({self.shown()!r})"

    def __str__(self) -> NoReturn:
        raise TypeError("foreign text is shown explicitly")

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("foreign text is shown explicitly")


NOTHING = Foreign()


def escaped(text: str) -> str:
    """Return a text on one line, with every sign that shows nothing written as an escape; twice is as once."""
    if text.isprintable():
        return text
    return "".join(_sign(sign) for sign in text)


def _sign(sign: str) -> str:
    if sign in _NAMED:
        return _NAMED[sign]
    if sign.isprintable():
        return sign
    code = ord(sign)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
