"""The program as a pod runs it: arguments, exit codes, the answer, what it says meanwhile."""

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.copier.ground import Ground, plain_user, seen, write

import scenario_operator.copier
from scenario_operator.copier import __main__ as program
from scenario_operator.copier.verdict import MAX_ANSWER_BYTES, Failure, Reason, Side

OPERATOR = Path(__file__).parents[3] / "operator"


def ordered(ground: Ground, answer: Path, **changes: str) -> list[str]:
    """The arguments of a copy."""
    given = {
        "source": str(ground.source),
        "target": str(ground.target),
        "source-id": "8f0e",
        "plan": "quakes-3/athens",
        "attempt": "1",
        "answer": str(answer),
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    return [part for name, value in given.items() for part in (f"--{name}", value)]


def run(arguments: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scenario_operator.copier", *arguments],
        env={"PYTHONPATH": str(OPERATOR), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_ends_with_0_and_the_numbers(ground: Ground, tmp_path: Path) -> None:
    """Given two files, one with two names, then the answer has the numbers, in the file and as the last line."""
    write(ground.source / "a", b"123")
    write(ground.source / "b", b"4567")
    (ground.source / "again").hardlink_to(ground.source / "b")
    done = run(ordered(ground, tmp_path / "answer"))
    assert done.returncode == 0, done.stderr
    answer = json.loads((tmp_path / "answer").read_bytes())
    assert answer == json.loads(done.stdout.splitlines()[-1])
    assert answer.pop("seconds") >= 0
    assert answer == {"files": 3, "bytes": 7, "foreignOwners": 0, "lostAttributes": 0}
    assert seen(ground.target) == seen(ground.source)


def test_names_that_are_no_utf_8_are_copied_under_the_plainest_locale(ground: Ground, tmp_path: Path) -> None:
    """Given an environment without any locale, as in a small image, then every name is copied as it is."""
    for name in (b"\xff", "ä".encode(), b"\x01\n", "日".encode("shift_jis")):
        write(Path(os.fsdecode(os.fsencode(ground.source) + b"/" + name)))
    for environment in ({}, {"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}):
        with Ground.fresh() as other:
            done = run(ordered(Ground(ground.source, other.target), tmp_path / "answer"), **environment)
            assert done.returncode == 0, done.stderr
            assert seen(other.target) == seen(ground.source)


def test_a_failure_ends_with_its_code_and_names_the_path(ground: Ground, tmp_path: Path) -> None:
    """Given a target with a file whose name would disturb a terminal, then it is shown, as text."""
    write(ground.target / os.fsdecode(b"\xff\x1b[2J\n\\"))
    done = run(ordered(ground, tmp_path / "answer"))
    assert done.returncode == Reason.TARGET_NOT_OURS.code
    answer = json.loads((tmp_path / "answer").read_bytes())
    assert answer == {
        "reason": "TargetNotOurs",
        "message": "is there and no copy was begun",
        "side": "target",
        "path": "\\xff\\x1b[2J\\n\\\\",
    }
    assert "\x1b" not in done.stdout + done.stderr


@given(st.text(max_size=3000), st.binary(max_size=3000), st.sampled_from(Reason))
def test_every_answer_is_one_bounded_line_of_json(message: str, name: bytes, reason: Reason) -> None:
    """Given any message and path, then the answer is valid UTF-8 of at most 4096 bytes without control characters."""
    path = name.decode("utf-8", "surrogateescape")
    answer = Failure(reason, message, Side.SOURCE, path).answer()
    assert len(answer) <= MAX_ANSWER_BYTES
    read = json.loads(answer.decode())
    assert read["reason"] == reason
    assert all(text.isprintable() for text in read.values())


def test_a_long_path_keeps_its_end() -> None:
    """Given a path of thousands of signs, then the answer has its end: the file is found by it."""
    read = json.loads(Failure(Reason.NO_SPACE, "full", Side.TARGET, "\U0001f600" * 4000 + "/name").answer())
    assert read["path"].startswith("…")
    assert read["path"].endswith("\U0001f600/name")


def test_exit_codes_are_distinct_and_help_lists_them() -> None:
    done = run(["--help"])
    assert done.returncode == 0
    assert len({reason.code for reason in Reason}) == len(Reason)
    for reason in Reason:
        assert f"{reason.code:>3}  {reason} " in done.stdout
        assert reason.meaning in done.stdout


@pytest.mark.parametrize(
    "changes",
    [
        {"attempt": "0"},
        {"attempt": "1e3"},
        {"attempt": "²"},
        {"plan": ""},
        {"source_id": "a\nb"},
        {"source_id": "x" * 257},
        {"source": "/no/such"},
        {"unknown": "1"},
    ],
    ids=str,
)
def test_arguments_that_make_no_copy_are_answered(
    changes: dict[str, str], ground: Ground, tmp_path: Path
) -> None:
    assert program.main(ordered(ground, tmp_path / "answer", **changes)) == 2
    assert json.loads((tmp_path / "answer").read_bytes())["reason"] == "BadArguments"
    assert list(ground.target.iterdir()) == []


@pytest.mark.parametrize(("source", "target"), [("v", "v"), ("v", "v/in"), ("v/in", "v"), ("v", "link")])
def test_volumes_that_lie_in_each_other_are_refused(
    source: str, target: str, ground: Ground, tmp_path: Path
) -> None:
    (tmp_path / "v/in").mkdir(parents=True)
    (tmp_path / "link").symlink_to("v/in")
    there = {"source": str(tmp_path / source), "target": str(tmp_path / target)}
    assert program.main(ordered(ground, tmp_path / "answer", **there)) == 2
    assert list((tmp_path / "v/in").iterdir()) == []


def test_asked_to_stop_it_stops_and_says_so(ground: Ground, tmp_path: Path) -> None:
    """Given a copy of many files under SIGTERM, as in an eviction, then it ends at once, and the next run goes on."""
    with plain_user():
        for number in range(2000):
            (ground.source / str(number)).write_bytes(b"x" * 2000)
    arguments = [sys.executable, "-m", "scenario_operator.copier", *ordered(ground, tmp_path / "answer")]
    process = subprocess.Popen(arguments, env={"PYTHONPATH": str(OPERATOR)}, stdout=subprocess.DEVNULL)
    while not (ground.target / ".scenario-copy.tmp/5").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == Reason.INTERRUPTED.code
    assert json.loads((tmp_path / "answer").read_bytes())["reason"] == "Interrupted"
    assert run(ordered(ground, tmp_path / "answer")).returncode == 0
    assert seen(ground.target) == seen(ground.source)


def test_it_tells_how_far_it_is_now_and_then(
    ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a copy in which a second passes at each step, then it says every five seconds how far it is."""
    write(ground.source / "file", b"x" * (9 << 20))
    clock = iter(range(100000))
    monkeypatch.setattr(program.time, "monotonic", lambda: float(next(clock)))
    assert program.main(ordered(ground, tmp_path / "answer")) == 0
    lines = capsys.readouterr().out.splitlines()
    words = [line.split(":")[0] for line in lines[:-1]]
    assert words == sorted(words, reverse=True)
    assert min(words.count("copied"), words.count("compared")) >= 2
    assert lines[-2] == f"compared: 1 files, {9 << 20} bytes"
    seconds = json.loads(lines[-1])["seconds"]
    assert len(lines) - 2 <= seconds / program.PROGRESS_SECONDS


def test_a_bug_is_answered_too(ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("no such thing")

    monkeypatch.setattr(program, "copy", broken)
    assert program.main(ordered(ground, tmp_path / "answer")) == Reason.FAULTY.code
    assert json.loads((tmp_path / "answer").read_bytes())["message"] == "KeyError: 'no such thing'"


def test_an_answer_that_cannot_be_left_changes_nothing(ground: Ground, tmp_path: Path) -> None:
    write(ground.source / "file")
    done = run(ordered(ground, tmp_path / "no/such/directory"))
    assert done.returncode == 0
    assert "no answer left" in done.stderr


def test_it_needs_the_standard_library_only() -> None:
    """Given a small image with Python, then nothing has to be installed; and it knows nothing of the operator."""
    sources = list(Path(scenario_operator.copier.__file__).parent.glob("*.py"))
    assert len(sources) > 5
    found: set[str] = set()
    for node in (node for source in sources for node in ast.walk(ast.parse(source.read_text()))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    own = {name for name in found if name.startswith("scenario_operator.copier")}
    assert {name.split(".")[0] for name in found - own} <= sys.stdlib_module_names
