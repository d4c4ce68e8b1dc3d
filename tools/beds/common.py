"""What every part of the bed tool shares: places, locks, messages and checked commands."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = REPOSITORY / "tools"
_BEGAN = time.monotonic()


class BedError(Exception):
    """Something a person has to know; its text is all that is shown."""


class WaitError(BedError):
    """Something did not happen in time."""


def cache() -> Path:
    """The folder outside the repository that outlives clones: tools, images and beds are below it."""
    explicit = os.environ.get("SCENARIO_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(explicit).absolute() if explicit else base / "scenario-operator"


def say(text: str) -> None:
    """Progress goes to stderr, with the time since the tool began; stdout is for answers."""
    print(f"[{time.monotonic() - _BEGAN:6.1f}s] {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text: str, every: float = 15.0) -> Iterator[None]:
    """Announce a slow step, say that it still runs now and then, and say what it took."""
    began = time.monotonic()
    done = threading.Event()

    def remind() -> None:
        while not done.wait(every):
            say(f"{text} … {time.monotonic() - began:.0f}s")

    say(f"{text} …")
    threading.Thread(target=remind, daemon=True).start()
    try:
        yield
    finally:
        done.set()
    say(f"{text}: {time.monotonic() - began:.1f}s")


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
) -> str:
    """Run a command and return its output; its last words become the error if it fails."""
    words = [str(word) for word in argv]
    full = {**os.environ, **env} if env else None
    try:
        done = subprocess.run(words, env=full, cwd=cwd, input=stdin, capture_output=True, check=False)
    except FileNotFoundError as missing:
        raise BedError(f"command not found: {words[0]}") from missing
    if done.returncode:
        tail = (done.stderr or done.stdout).decode(errors="replace").strip()[-2000:]
        raise BedError(f"{' '.join(words)[:200]}\n  exited with {done.returncode}: {tail}")
    return done.stdout.decode(errors="replace")


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Exclusive between processes; the file is removed with the last holder, so none stays behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = path.open("a")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for {path.name}: another `bed` holds it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                break
        handle.close()  # removed by its last holder while we waited: take the new one
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        handle.close()


def write(path: Path, content: str | Json, mode: int = 0o644) -> Path:
    """Write a whole file or nothing: a crash leaves the old content, never half of the new."""
    text = content if isinstance(content, str) else json.dumps(content, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.chmod(mode)
    temporary.replace(path)
    return path


def wait_for(what: str, ready: Callable[[], bool], timeout: float, every: float = 0.05) -> None:
    """Poll until `ready()` is true; a BedError raised by it ends the wait at once."""
    until = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > until:
            raise WaitError(f"gave up waiting for {what} after {timeout:.0f}s")
        time.sleep(every)
