"""What can be read out of a page: links and headings, fenced blocks, commands. Tests hold them against the code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^( *)```(\w*)\s*$")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+?)\s*$")
_COMMAND = re.compile(r"(?:^|(?<=[`(; ])|(?<=\$\())((?:kubectl|helm|make|docker|python|tools/bed)\b[^`\n]*)")


class Block(NamedTuple):
    """A fenced block: its page, the line after its fence, its language and its text."""

    page: Path
    line: int
    language: str
    text: str


def pages() -> tuple[Path, ...]:
    """Return the pages that people read: those of the root, of docs/, and the READMEs."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "tools" / "README.md"]
    return tuple(sorted([*found, *ROOT.glob("examples/*/README.md")]))


def blocks(page: Path) -> Iterator[Block]:
    """Return the fenced blocks of a page."""
    opened: tuple[int, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if fence and opened is None:
            opened, lines = (number + 1, fence.group(2)), []
        elif fence and opened is not None:
            yield Block(page, *opened, "\n".join(lines) + "\n")
            opened = None
        elif opened is not None:
            lines.append(line)
    if opened is not None:
        raise ValueError(f"{page}:{opened[0]}: a block is not closed")


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    kept: list[str] = []
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def links(page: Path) -> tuple[str, ...]:
    """Return the targets of a page's links that stay in the repository."""
    found = _LINK.findall(prose(page))
    return tuple(target for target in found if "://" not in target and not target.startswith("mailto:"))


def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    names: set[str] = set()
    for line in prose(page).splitlines():
        heading = _HEADING.match(line)
        if heading:
            anchor = slug(heading.group(1))
            count = found.get(anchor, 0)
            names.add(f"{anchor}-{count}" if count else anchor)
            found[anchor] = count + 1
    return frozenset(names)


def slug(heading: str) -> str:
    """Return the anchor of a heading: lower case, no punctuation, a hyphen for each blank."""
    bare = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", bare).replace(" ", "-")


def commands(page: Path) -> Iterator[str]:
    """Return the commands that a page shows, in blocks and in line; a continued line is one command."""
    for block in blocks(page):
        if block.language in ("sh", "console", ""):
            for line in block.text.replace("\\\n", " ").splitlines():
                shown = line.removeprefix("$ ") if block.language == "console" else line
                if block.language != "console" or line.startswith("$ "):
                    yield from _in(shown)
    for span in re.findall(r"`([^`\n]+)`", prose(page)):
        yield from _in(span)


def _in(text: str) -> Iterator[str]:
    for found in _COMMAND.finditer(text):
        yield found.group(1).strip()
