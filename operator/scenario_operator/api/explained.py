"""Words that say what they mean, and what to do about it."""

from enum import StrEnum
from typing import Self


class Explained(StrEnum):
    """A member is its word; `meaning` and `remedy` are one sentence each."""

    meaning: str
    remedy: str

    def __new__(cls, word: str, meaning: str = "", remedy: str = "") -> Self:
        """Make a member that equals its word; calling the class with the word finds it."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        member.remedy = remedy
        return member
