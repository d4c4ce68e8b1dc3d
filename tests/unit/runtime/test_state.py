"""Stored state: whose it is, which format it has, and that no crash can damage it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.runtime.faulty_disk import Killed, KillingDisk, LosingDisk

from scenario_runtime import Checkpoint, CheckpointStore, RunContext, StateRefusedError, StateUnreadableError

OWNER = RunContext(run="a", run_id="a-2", incarnation=2)
OLD = Checkpoint("a", "a-2", 2, "1", datetime(2018, 2, 1, tzinfo=UTC), {"n": 1}, {"incidents": 10})
NEW = replace(OLD, processed_until=datetime(2018, 2, 2, tzinfo=UTC), state={"n": 2})


def test_state_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "state")
    assert store.load(OWNER, {"1"}) is None
    store.save(OLD)
    assert store.load(OWNER, {"1"}) == OLD


def test_state_of_a_format_that_the_code_does_not_read_is_refused(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(OLD)
    with pytest.raises(StateRefusedError, match="format '1'"):
        store.load(OWNER, {"2", "3"})


@pytest.mark.parametrize(
    "other",
    [
        RunContext(run="b", run_id="b-2", incarnation=2),
        RunContext(run="b", run_id="b-3", incarnation=3),
        RunContext(run="a", run_id="a-1", incarnation=1),
        RunContext(run="a", run_id="x-2", incarnation=2),
    ],
)
def test_state_of_another_run_or_a_newer_incarnation_is_refused(tmp_path: Path, other: RunContext) -> None:
    store = CheckpointStore(tmp_path)
    store.save(OLD)
    with pytest.raises(StateRefusedError, match="belongs to 'a-2'"):
        store.load(other, {"1"})


def test_a_copy_made_for_the_next_incarnation_is_taken_over_without_the_results(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(OLD)
    copied = store.load(RunContext(run="a", run_id="a-3", incarnation=3), {"1"})
    assert copied == replace(OLD, run_id="a-3", incarnation=3, results={})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"processedUntil": "x"}', b"\xff"])
def test_damaged_state_is_an_error_and_never_an_empty_start(tmp_path: Path, content: bytes) -> None:
    store = CheckpointStore(tmp_path)
    store.path.write_bytes(content)
    with pytest.raises(StateUnreadableError):
        store.load(OWNER, {"1"})


@pytest.mark.parametrize("torn", [False, True])
def test_a_kill_at_any_change_leaves_the_old_or_the_new_state(tmp_path: Path, torn: bool) -> None:
    changes = _changes_of_a_save(tmp_path)
    seen = set()
    for at in range(changes):
        directory = tmp_path / f"at-{at}"
        CheckpointStore(directory).save(OLD)
        with pytest.raises(Killed):
            CheckpointStore(directory, KillingDisk(at, torn)).save(NEW)
        found = CheckpointStore(directory).load(OWNER, {"1"})
        assert found in (OLD, NEW)
        seen.add(found == NEW)
        CheckpointStore(directory).save(NEW)
        assert CheckpointStore(directory).load(OWNER, {"1"}) == NEW
    assert seen == {False, True}


def test_the_loss_of_the_node_at_any_change_leaves_the_old_or_the_new_state(tmp_path: Path) -> None:
    for at in range(_changes_of_a_save(tmp_path)):
        directory = tmp_path / f"at-{at}"
        CheckpointStore(directory).save(OLD)
        disk = LosingDisk(at)
        with pytest.raises(Killed):
            CheckpointStore(directory, disk).save(NEW)
        disk.lose_node()
        assert CheckpointStore(directory).load(OWNER, {"1"}) in (OLD, NEW)


def test_saved_state_survives_the_loss_of_the_node(tmp_path: Path) -> None:
    disk = LosingDisk()
    CheckpointStore(tmp_path, disk).save(NEW)
    disk.lose_node()
    assert CheckpointStore(tmp_path).load(OWNER, {"1"}) == NEW


def _changes_of_a_save(tmp_path: Path) -> int:
    disk = KillingDisk()
    CheckpointStore(tmp_path / "count", disk).save(NEW)
    return disk.changes
