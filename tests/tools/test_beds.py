"""Those parts of the bed tool that need no cluster."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from beds import bed, common, frame, images, network


def test_layouts_are_the_same_bytes_for_the_same_input(tmp_path: Path) -> None:
    for name in ("one", "two"):
        images.write_layout(tmp_path / name, "x:1", b"layer", {"Cmd": ["sh"]})
    assert images.find(tmp_path / "one") == images.find(tmp_path / "two", "x:1")


def test_an_image_that_is_not_in_a_layout_is_named(tmp_path: Path) -> None:
    images.write_layout(tmp_path / "one", "x:1", b"layer", {})
    with pytest.raises(common.BedError, match="y:2"):
        images.find(tmp_path / "one", "y:2")


def test_the_inputs_of_every_image_are_found() -> None:
    assert len({recipe.inputs() for recipe in images.RECIPES.values()}) == len(images.RECIPES)


def test_addresses_differ_between_beds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_links", lambda: {"scbed7"})
    taken = {7}
    for _ in range(network.SIZE - 1):
        taken.add(network.choose("same-name", taken).index)
    assert len(taken) == network.SIZE
    with pytest.raises(common.BedError, match="in use"):
        network.choose("same-name", taken)


def test_a_process_is_known_by_its_start_time_and_a_dead_one_by_none() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert frame._started(child.pid) not in (None, frame._started(os.getpid()))
    child.communicate(b"\n")
    assert frame._started(child.pid) is None


def test_a_record_of_a_recycled_pid_names_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENARIO_CACHE", str(tmp_path))
    (tmp_path / "beds" / "x").mkdir(parents=True)
    (tmp_path / "beds/x/init.json").write_text(json.dumps({"pid": os.getpid(), "started": "1"}))
    assert bed.Bed("x").init() is None


def test_a_lock_excludes_and_leaves_no_file(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    script = (
        "import sys, time; from pathlib import Path; from beds.common import lock\n"
        "for _ in range(25):\n"
        "  with lock(Path(sys.argv[1]) / 'lock'):\n"
        "    seen = int(Path(sys.argv[1], 'count').read_text()); time.sleep(0.001)\n"
        "    Path(sys.argv[1], 'count').write_text(str(seen + 1))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(common.TOOLS)}
    command = [sys.executable, "-c", script, str(tmp_path)]
    rivals = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(4)]
    assert [rival.wait() for rival in rivals] == [0] * 4
    assert count.read_text() == "100"
    assert not (tmp_path / "lock").exists()
