"""The real process: SIGKILL and SIGTERM in the middle of the replay."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import quake_watch
import scenario_runtime
from quake_watch_oracle import Stage, actual, differences, expected, instant

SOURCES = [
    Path(module.__file__).parent.parent for module in (scenario_runtime, quake_watch) if module.__file__
]


def test_killed_stopped_and_upgraded_processes_produce_together_what_one_would_have(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    context = {
        "run": "a",
        "runID": "a-1",
        "incarnation": 1,
        "parameters": {"speed": "1500/s", "checkpointSeconds": "0.05"},
    }
    (tmp_path / "run.json").write_text(json.dumps(context))
    assert _run_until(tmp_path, "v1", 200, signal.SIGKILL) == -signal.SIGKILL
    assert _run_until(tmp_path, "v1", 400, signal.SIGKILL) == -signal.SIGKILL
    assert _run_until(tmp_path, "v1", 600, signal.SIGTERM) == 0
    report = json.loads((tmp_path / "termination-log").read_bytes())
    stopped = instant(report["processedUntil"])
    found = actual(tmp_path / "results")
    assert differences(expected([Stage("a-1", "v1", processed_until=stopped)]), found) == []
    assert len(found["a-1"].events) < 1707
    assert _run_until(tmp_path, "v1.1", 1707, signal.SIGTERM) == 0
    assert differences(expected([Stage("a-1", "v1")]), actual(tmp_path / "results")) == []


def _run_until(root: Path, logic: str, events: int, number: signal.Signals) -> int:
    """Start the service, signal it once it has committed so many events, and wait for its end."""
    env = {
        **os.environ,
        "SCENARIO_ROOT": str(root),
        "QUAKE_WATCH_LOGIC": logic,
        "PYTHONPATH": os.pathsep.join(map(str, SOURCES)),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "quake_watch", "serve"], env=env, stderr=subprocess.DEVNULL
    )
    checkpoint = root / "state/checkpoint.json"
    deadline = time.monotonic() + 30
    while not checkpoint.exists() or json.loads(checkpoint.read_bytes())["state"]["counter"] < events:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    return process.wait(10)
