"""Terminals that pages show: what is saved, edited, typed and printed, and whether two outputs say the same.

A block `yaml` whose first line is `# NAME.yaml` is saved as that file. A block `diff` edits the file saved last. A
block `console` holds commands behind `$ ` and below each what it printed. Nothing here runs anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from docs import prose

_FILE = re.compile(r"# (\S+\.yaml)")
_HASH = re.compile(r"\b[0-9a-f]{20}\b")
_UID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_LIFE = re.compile(r"(?<=[0-9]\.)[0-9a-f]{8}(?=\.[0-9]+\b)")
_MADE_UP = re.compile(rf"(?P<plan>{_HASH.pattern})|(?P<uid>{_UID.pattern}|{_LIFE.pattern})")
_SPELT = re.compile(r"<(?:plan|uid) \d+>")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z")
_AGE = re.compile(r"(?:\d+[dhms]){1,2}")
_STATE_AGE = re.compile(r'(?<="stateAgeSeconds":)\d+')
_HEADER = re.compile(r"[A-Z]+(?: [A-Z]+)*(?: {2,}[A-Z]+(?: [A-Z]+)*)+ *")
_COLUMN = re.compile(r"[A-Z]+(?: [A-Z]+)*")


class File(NamedTuple):
    """A file that the reader saves."""

    line: int
    name: str
    text: str


class Hunk(NamedTuple):
    """One place of an edit: the lines that stand there before it, and after it."""

    before: tuple[str, ...]
    after: tuple[str, ...]


class Edit(NamedTuple):
    """A change of the file saved last."""

    line: int
    hunks: tuple[Hunk, ...]

    def applied(self, text: str) -> str:
        """Return the file after the change, or raise ValueError unless each hunk fits it in one place."""
        lines = text.splitlines()
        for hunk in self.hunks:
            size = len(hunk.before)
            places = [at for at in range(len(lines)) if tuple(lines[at : at + size]) == hunk.before]
            if len(places) != 1:
                wanted = "\n".join(hunk.before)
                raise ValueError(f"line {self.line}: {len(places)} places in the file for\n{wanted}")
            lines[places[0] : places[0] + size] = hunk.after
        return "\n".join(lines) + "\n"


class Command(NamedTuple):
    """A command and the lines that it printed."""

    line: int
    command: str
    printed: tuple[str, ...]


Act = File | Edit | Command


class Said(NamedTuple):
    """A command as it was run, and the lines that it printed then."""

    command: str
    printed: tuple[str, ...]


def acts(page: Path) -> tuple[Act, ...]:
    """Return what a page tells its reader to do, in order."""
    return tuple(act for block in prose.blocks(page) for act in _acts_of(block))


def _acts_of(block: prose.Block) -> Iterator[Act]:
    lines = block.text.splitlines()
    if block.language == "yaml" and (named := _FILE.fullmatch(lines[0])):
        yield File(block.line, named.group(1), block.text)
    elif block.language == "diff":
        yield Edit(block.line, tuple(_hunks(lines)))
    elif block.language == "console":
        begins = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for begin, end in zip(begins, [*begins[1:], len(lines)], strict=True):
            yield Command(block.line + begin, lines[begin][2:], tuple(lines[begin + 1 : end]))


def _hunks(lines: Sequence[str]) -> Iterator[Hunk]:
    ends = [-1, *(number for number, line in enumerate(lines) if line.startswith("@@")), len(lines)]
    for start, end in pairwise(ends):
        if hunk := lines[start + 1 : end]:
            before = tuple(line[1:] for line in hunk if not line.startswith("+"))
            yield Hunk(before, tuple(line[1:] for line in hunk if not line.startswith("-")))


class Normaliser:
    """One side of a comparison: it takes out of outputs what differs between two plays of one story.

    Taken out are ages, times and the widths of columns. Plan hashes and uids become numbers in the order in which they
    first appear, so that two of them that were equal on one side have to be equal on the other. All else stays.
    """

    def __init__(self, known: Sequence[str] = ()) -> None:
        self._known: Final = list(known)

    def fork(self) -> Normaliser:
        """Return another one that knows the same, for an output that may have to be read again."""
        return Normaliser(self._known)

    def lines(self, output: Sequence[str]) -> tuple[str, ...]:
        """Return the lines of an output without what may differ; a row of a table has one `|` a column."""
        return tuple(self.text(line) for line in _cells(output))

    def text(self, line: str) -> str:
        """Return a line without what may differ."""
        line = _STATE_AGE.sub("<age>", _TIME.sub("<time>", line))
        return _MADE_UP.sub(self._number, line)

    def spell(self, line: str) -> str:
        """Return a line in this side's words; raise LookupError when it names what this side has not met."""
        return _SPELT.sub(self._word, line)

    def _number(self, found: re.Match[str]) -> str:
        if found.group() not in self._known:
            self._known.append(found.group())
        return f"<{found.lastgroup} {self._known.index(found.group()) + 1}>"

    def _word(self, found: re.Match[str]) -> str:
        number = int(found.group()[1:-1].split()[1])
        if number > len(self._known):
            raise LookupError(f"{found.group()} was not printed yet")
        return self._known[number - 1]


def _cells(output: Sequence[str]) -> Iterator[str]:
    """Return the lines of an output, rows of tables as cells; a table ends at an empty line."""
    columns: list[tuple[str, int]] = []
    for line in output:
        if _HEADER.fullmatch(line):
            columns = [(found.group(), found.start()) for found in _COLUMN.finditer(line)]
        elif not line.strip():
            columns = []
        yield _row(line, columns) if columns else line.rstrip()


def _row(line: str, columns: Sequence[tuple[str, int]]) -> str:
    starts = [start for _, start in columns]
    if any(start and line[start - 1 : start].strip() for start in starts):
        return line.rstrip()
    cells = [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
    aged = [
        "<age>" if title == "AGE" and _AGE.fullmatch(cell) else cell
        for (title, _), cell in zip(columns, cells, strict=True)
    ]
    return " | ".join(aged)


def rewritten(page: Path, said: Sequence[Said]) -> str:
    """Return a page with what was printed now in the place of what it shows; `said` has every command, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    shown = [act for act in acts(page) if isinstance(act, Command)]
    for act, now in reversed(list(zip(shown, said, strict=True))):
        lines[act.line - 1 : act.line + len(act.printed)] = [f"$ {now.command}", *now.printed]
    return "\n".join(lines) + "\n"
