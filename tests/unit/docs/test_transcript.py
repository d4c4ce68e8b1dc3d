"""What pages show of a terminal is read as a reader reads it, and two outputs are equal only if they say the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from docs import prose, transcript
from docs.transcript import Command, Edit, File, Hunk, Normaliser, Said

TUTORIAL = prose.ROOT / "docs" / "tutorial.md"
PAGES = [page for page in prose.pages() if transcript.acts(page)]
HASHES = ("86fadc4161d31f48247c", "5eafb3c3a3ecd754debe")
UIDS = ("c91cc349-07f0-4f0f-94ed-2adf15b603c2", "38d0d062-cc09-410d-a9b7-61c08c61b4a0")

TABLE = """\
NAME       READY   STATUS    RESTARTS   AGE
pod/a-1    1/1     Running   0          12s

NAME       STATUS   VOLUME                                         CAPACITY   ACCESS MODES   AGE
claim/a    Bound    pvc-c91cc349-07f0-4f0f-94ed-2adf15b603c2       1Gi        RWO            10s
claim/b    Bound    pvc-38d0d062-cc09-410d-a9b7-61c08c61b4a0       1Gi        RWO            2m3s
"""
MESSAGE = (
    f"plan {HASHES[0]} needs consent; not {HASHES[1]}; approve: kubectl -n default patch supg a-2 "
    f'-p \'{{"spec":{{"approvals":[{{"planHash":"{HASHES[0]}"}}]}}}}\''
)
HISTORY = (
    '{"completionTime":"2026-11-22T04:02:45Z","loss":{"notificationsSuppressedUntil":'
    '"2026-11-22T04:02:35.508515Z","stateAgeSeconds":0},"outcome":"Continued"}'
)


def same(shown: str, printed: str) -> bool:
    """Say whether two outputs are equal for the comparison."""
    return Normaliser().lines(shown.splitlines()) == Normaliser().lines(printed.splitlines())


def swapped(text: str, one: str, other: str) -> str:
    """Exchange two words."""
    return text.replace(one, "\0").replace(other, one).replace("\0", other)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        (TABLE, lambda t: t.replace("12s", "1m40s").replace("2m3s", "3d")),
        (TABLE, lambda t: t.replace("NAME       R", "NAME      R").replace("pod/a-1    ", "pod/a-1   ")),
        (TABLE, lambda t: swapped(t, *UIDS)),
        (TABLE, lambda t: t.replace(UIDS[0], "00000000-1111-2222-3333-444444444444")),
        (MESSAGE, lambda t: swapped(t, *HASHES)),
        (MESSAGE, lambda t: t.replace(HASHES[0], "0123456789abcdef0123")),
        (HISTORY, lambda t: t.replace("04:02:45Z", "05:00:00Z").replace("35.508515Z", "36Z")),
        (HISTORY, lambda t: t.replace('Seconds":0', 'Seconds":17')),
    ],
    ids=["ages", "widths", "uids exchanged", "uid", "hashes exchanged", "hash", "times", "age of the state"],
)
def test_what_differs_between_two_plays_is_no_difference(text: str, change: Callable[[str], str]) -> None:
    """Given the same output of another day, then it is the same."""
    assert change(text) != text
    assert same(text, change(text))


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (MESSAGE, "needs consent", "wants consent"),
        (MESSAGE, "kubectl -n default patch", "kubectl patch"),
        (MESSAGE, f"not {HASHES[1]}", f"not {HASHES[0]}"),
        (MESSAGE, f'"planHash":"{HASHES[0]}"', f'"planHash":"{HASHES[1]}"'),
        (MESSAGE, HASHES[0], HASHES[0][:19]),
        (MESSAGE, "approve: ", "approve:  "),
        (TABLE, "Running", "Pending"),
        (TABLE, "1/1", "0/1"),
        (TABLE, "READY ", "ALIVE "),
        (TABLE, "12s", "<invalid>"),
        (TABLE, "0          12s", "           12s"),
        (TABLE, UIDS[1], UIDS[0]),
        (TABLE, "claim/b", "claim/c"),
        (TABLE, "\n\n", "\n"),
        (TABLE, "Bound ", "      "),
        (HISTORY, "Continued", "RolledBack"),
        (HISTORY, '"2026-11-22T04:02:45Z"', '""'),
        (HISTORY, "stateAgeSeconds", "stateAge"),
        (HISTORY, '"stateAgeSeconds":0', '"stateAgeSeconds":null'),
        (HISTORY, "0},", '0,"more":1},'),
    ],
    ids=lambda value: value[:24] if value not in (MESSAGE, TABLE, HISTORY) else "",
)
def test_a_changed_word_is_found(text: str, old: str, new: str) -> None:
    """Given one word that is another, a blank more in a message, a cell that is empty, then the outputs differ."""
    changed = text.replace(old, new, 1)
    assert changed != text
    assert not same(text, changed)


def test_a_missing_line_and_a_line_too_many_are_found() -> None:
    """Given a row less or more, then the outputs differ."""
    rows = TABLE.splitlines()
    for changed in (rows[:-1], [*rows, rows[-1]], []):
        assert not same(TABLE, "\n".join(changed))


def test_a_plan_hash_is_the_same_one_through_the_whole_page() -> None:
    """Given a hash that was met in another output, then a later output has to mean that one."""
    page, here = Normaliser(), Normaliser()
    assert page.lines([HASHES[0]]) == here.lines([HASHES[1]])
    assert page.text(f"approve {HASHES[0]}") == here.text(f"approve {HASHES[1]}")
    assert page.text(f"approve {HASHES[0]}") != here.text(f"approve {HASHES[0]}")


def test_an_output_that_is_read_again_leaves_nothing_behind() -> None:
    """Given a fork, when it meets hashes, then the one it was made of does not know them."""
    here = Normaliser()
    here.fork().text(HASHES[0])
    assert here.text(HASHES[1]) == "<plan 1>"


def test_a_command_is_typed_with_the_hash_that_was_printed_here() -> None:
    """Given a page's hash and the one of this play, then a command names the latter; one that nobody printed fails."""
    page, here = Normaliser(), Normaliser()
    page.text(HASHES[0])
    here.text(HASHES[1])
    assert here.spell(page.text(f"approve {HASHES[0]}")) == f"approve {HASHES[1]}"
    with pytest.raises(LookupError, match="not printed yet"):
        here.spell(page.text("approve 0123456789abcdef0123"))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with one block of each kind, and some that tell a reader to do nothing."""
    path = tmp_path / "page.md"
    path.write_text(
        "# Page\n```yaml\nkind: Example\n```\n```yaml\n# a.yaml\na: 1\nb:\n  c: 1\n```\n"
        "```diff\n-a: 1\n+a: 2\n@@\n b:\n+  d: 4\n```\n"
        "```sh\nmake test\n```\n```console\n$ cat a.yaml\nx\n\ny\n$ true\n```\nThe end.\n",
        encoding="utf-8",
    )
    return path


def test_a_page_is_read_as_files_edits_and_commands(page: Path) -> None:
    """Given a page, then what it tells a reader to do is found in order, and nothing else."""
    assert transcript.acts(page) == (
        File(6, "a.yaml", "# a.yaml\na: 1\nb:\n  c: 1\n"),
        Edit(12, (Hunk(("a: 1",), ("a: 2",)), Hunk(("b:",), ("b:", "  d: 4")))),
        Command(22, "cat a.yaml", ("x", "", "y")),
        Command(26, "true", ()),
    )


def test_an_edit_changes_the_lines_it_shows_and_no_others(page: Path) -> None:
    """Given the file and the diff of a page, then each hunk is carried out."""
    saved, edit = transcript.acts(page)[:2]
    assert isinstance(saved, File)
    assert isinstance(edit, Edit)
    assert edit.applied(saved.text) == "# a.yaml\na: 2\nb:\n  d: 4\n  c: 1\n"


@pytest.mark.parametrize("text", ["# a.yaml\nb:\n", "a: 1\na: 1\nb:\n", "  a: 1\nb:\n", ""])
def test_an_edit_that_fits_nowhere_or_twice_is_refused(page: Path, text: str) -> None:
    """Given a file without the lines of a hunk, or with two places for it, then it is told."""
    edit = transcript.acts(page)[1]
    assert isinstance(edit, Edit)
    with pytest.raises(ValueError, match=r"line 12: [02] places"):
        edit.applied(text)


def test_a_page_is_rewritten_with_what_is_printed_now(page: Path) -> None:
    """Given other outputs, then they stand in the page, and all around them stays."""
    before = page.read_text(encoding="utf-8")
    now = [Said("cat a.yaml", ("z",)), Said("true", ("new", "lines"))]
    after = transcript.rewritten(page, now)
    assert after == before.replace("x\n\ny\n", "z\n").replace("$ true\n", "$ true\nnew\nlines\n")


def test_what_is_shown_is_rewritten_into_itself() -> None:
    """Given the tutorial and exactly what it shows, then not one byte of it changes."""
    shown = [Said(act.command, act.printed) for act in transcript.acts(TUTORIAL) if isinstance(act, Command)]
    assert len(shown) > 10
    assert transcript.rewritten(TUTORIAL, shown) == TUTORIAL.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(prose.ROOT)))
def test_the_edits_of_a_page_fit_its_file(page: Path) -> None:
    """Given the files that a page saves, then each of its diffs can be carried out on the last one."""
    text = ""
    for act in transcript.acts(page):
        if isinstance(act, File):
            text = act.text
        elif isinstance(act, Edit):
            text = act.applied(text)


def test_every_page_with_a_terminal_is_played_again() -> None:
    """tests/integration/test_docs.py plays the pages that show commands with their outputs."""
    assert [str(page.relative_to(prose.ROOT)) for page in PAGES] == ["README.md", "docs/tutorial.md"]
