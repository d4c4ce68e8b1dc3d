"""The tool that every other test here stands on: a bed comes up, comes up again, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.harness.cluster import BED, PATIENCE_SECONDS, bed_command, kubectl

FOLDERS = Path(kubectl()).parent.parent / "beds"
MOMENTS = {
    "its folder is there": "bed.json",
    "etcd starts": "logs/etcd.log",
    "it is served": "logs/kube-apiserver.log",
}
"""What a bed that comes up has written, in this order."""


@pytest.fixture
def name(worker_id: str) -> Iterator[str]:
    """A name for a bed of this test alone, which is gone afterwards whatever happened."""
    if os.environ.get("KUBECONFIG"):
        pytest.skip("a cluster that is not ours is not brought up or down")
    chosen = f"life-{worker_id}-{os.getpid()}"[:32]
    yield chosen
    bed_command("down", chosen)


def left(name: str) -> list[str]:
    """Return what there is of a bed: its folder, its processes, its control groups, its link."""
    folder = FOLDERS / name
    found = [str(folder)] if folder.exists() else []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and f"={folder}\0".encode() in (entry / "environ").read_bytes() + b"\0":
                found.append(f"process {entry.name}")
    groups = Path("/sys/fs/cgroup").rglob(f"scenario-beds/*-{name}")
    return [*found, *(str(group) for group in groups)]


def up_and_killed(name: str, moment: str) -> None:
    """Begin to bring a bed up, and kill what brings it up as soon as a file is there."""
    command = [sys.executable, str(BED), "up", "api", "--name", name]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE_SECONDS
    while not (FOLDERS / name / moment).exists():
        assert process.poll() is None, "it ended before the moment came"
        assert time.monotonic() < end, f"no {moment}"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_bed_that_died_in_the_middle_of_coming_up_leaves_nothing_after_down(name: str, moment: str) -> None:
    """Given `up` killed at a moment, when `down` is asked for, then folder, processes and groups are gone."""
    up_and_killed(name, MOMENTS[moment])
    assert left(name), "there was nothing to leave: the moment was missed"

    bed_command("down", name)

    assert left(name) == []


def test_a_bed_comes_up_over_the_ruins_of_itself_once_and_goes_down_as_often_as_asked(name: str) -> None:
    """Given a killed `up`, when it is asked for twice and taken down twice, then both are as good as once."""
    up_and_killed(name, MOMENTS["etcd starts"])

    first = bed_command("up", "api", "--name", name)
    ready = subprocess.run(
        [kubectl(), "--kubeconfig", first.strip(), "get", "--raw", "/readyz"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ready.stdout == "ok", ready.stderr
    running = sorted(left(name))
    assert bed_command("up", "api", "--name", name) == first
    assert sorted(left(name)) == running, "a bed that was up was started again"

    bed_command("down", name)
    bed_command("down", name)
    assert left(name) == []


def test_a_warm_build_builds_nothing() -> None:
    """Given a toolchain that is there, when it is asked for again, then no step of building is told."""
    done = subprocess.run(
        [sys.executable, str(BED), "build", "--for", "sim"], capture_output=True, text=True, check=True
    )
    assert "building" not in done.stdout + done.stderr
