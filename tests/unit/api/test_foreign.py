"""Foreign text is a type of its own: shown on one line and bounded, and never part of a command."""

from __future__ import annotations

import ast
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenario_operator.api import names
from scenario_operator.api.foreign import LONGEST, NOTHING, Foreign, escaped
from scenario_operator.cluster.events import _cut
from scenario_operator.observability import logs

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "operator" / "scenario_operator"


@given(st.text())
def test_what_is_shown_is_one_line_that_no_terminal_obeys_and_bounded(text: str) -> None:
    """Given any text, when it is shown, then every sign of it can be seen, and there are not too many."""
    shown = Foreign(text).shown()
    assert len(shown) <= LONGEST
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert escaped(shown) == shown
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\r\tand", "two\\nlines\\r\\tand"),
        ("\x1b[2Kgone", "\\x1b[2Kgone"),
        ("\u202egnihtyna", "\\u202egnihtyna"),
        ("a\u2028b\x85c", "a\\u2028b\\x85c"),
        ("\ud800", "\\ud800"),
        ("Größe 5 µm, 温度", "Größe 5 µm, 温度"),
        ("C:\\n", "C:\\n"),
    ],
)
def test_signs_that_show_nothing_are_written_as_escapes(text: str, shown: str) -> None:
    assert Foreign(text).shown() == shown


def test_a_long_text_is_cut_where_it_is_shown() -> None:
    assert Foreign("x" * 5000).shown(9) == "xxxxxxxx…"
    assert Foreign("\n" * 5).shown(10) == "\\n" * 5
    assert Foreign("\n" * 6).shown(10) == "\\n\\n\\n\\n\\…"


def test_it_is_no_text_and_is_not_formatted() -> None:
    """Given a foreign text, when code takes it for a plain one, then it fails where it stands."""
    with pytest.raises(TypeError):
        f"{Foreign('x')}"
    with pytest.raises(TypeError):
        str(Foreign("x"))
    assert Foreign("x") != "x"
    assert Foreign("x") == Foreign("x")
    assert not NOTHING


MISUSES = {
    'commands.describe("srun", plain("ns"), Foreign("r"))': "arg-type",
    'commands.describe("srun", plain("ns"), Foreign("r").shown())': "arg-type",
    'commands.patch_run(plain("ns"), plain("r"), hold=Foreign("x"))': "arg-type",
    'commands.edit("x; rm -rf /", plain("ns"), plain("r"))': "arg-type",
    'commands.approve(plain("ns"), plain("s-1"), "h; evil", first=True)': "arg-type",
    'commands.behind_refusal(plain("ns"), "exceeded quota")': "arg-type",
    '"see: " + Foreign("x")': "operator",
    '", ".join([Foreign("x")])': "list-item",
}


def test_the_type_checker_refuses_foreign_text_in_a_command(tmp_path: Path) -> None:
    """Given code that puts what is no validated name into a command, when it is checked, then each line fails."""
    program = tmp_path / "misuse.py"
    head = [
        "from scenario_operator.api import commands",
        "from scenario_operator.api.foreign import Foreign",
        "from scenario_operator.api.names import plain",
        'commands.describe("srun", plain("ns"), plain("r"))',
    ]
    program.write_text("\n".join([*head, *MISUSES]))
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}", str(program)],
        cwd=ROOT,
        env={"MYPYPATH": "operator", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"misuse\.py:(\d+): error: .*\[([a-z-]+)\]", told.stdout)
    wanted = [(str(len(head) + 1 + n), code) for n, code in enumerate(MISUSES.values())]
    assert found == wanted, told.stdout + told.stderr


def test_commands_are_spelled_in_one_module_only() -> None:
    """Given the operator's code, when it is searched for the word kubectl, then only `api/commands.py` has it."""
    found = {
        f"{path.relative_to(SOURCES)}: {text}"
        for path in SOURCES.rglob("*.py")
        if path.relative_to(SOURCES).as_posix() not in ("api/commands.py", "api/reasons.py", "api/crd.py")
        for text in _literals(path)
        if re.search(r"\bkubectl\b(?!\.kubernetes\.io)", text)
    }
    assert not found


def _literals(path: Path) -> Iterator[str]:
    """Return the texts of a module but for its docstrings."""
    tree = ast.parse(path.read_text())
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


@pytest.mark.parametrize("name", ["", "a b", "$(id)", "a;b", "-a", "a\n", "A", "a" * 254, "ä"])
def test_what_a_shell_would_read_is_no_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        names.plain(name)


def test_an_event_is_one_line() -> None:
    assert _cut("first\nsecond\x1b[1m") == "first\\nsecond\\x1b[1m"


@pytest.mark.parametrize("format_", ["console", "json"])
def test_a_foreign_text_forges_no_log_line(format_: logs.Format, capsys: pytest.CaptureFixture[str]) -> None:
    """Given an error with line ends in it, when it is logged with its traceback, then it begins one line only."""
    before = logging.getLogger().handlers[:], logging.getLogger().level
    forged = "no\n12:00:00.000 INFO    worker: all is well\u2028\x1b[2K"
    try:
        logs.configure(format_, "INFO")
        logging.getLogger("x").error("failed: %(error)s", {"error": forged}, exc_info=ValueError(forged))
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
    lines = capsys.readouterr().err.split("\n")
    assert sum(1 for line in lines if line[:1] not in (" ", "")) == 1
    assert all(sign.isprintable() for line in lines for sign in line)
