"""Results: written once, cut back after a crash, taken back with an account."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.unit.runtime.faulty_disk import Killed, KillingDisk, LosingDisk

from scenario_runtime import (
    OutputClass,
    ResultsRefusedError,
    ResultsWriter,
    Reverted,
    read_results,
    revert_results,
    run_ids,
)

CLASSES = {
    "incidents": OutputClass.REVERSIBLE,
    "notes": OutputClass.IRREVERSIBLE,
    "audit": OutputClass.RETAINED,
}


def written(root: Path, run_id: str = "a-1", kind: str = "incidents") -> list[int]:
    return [record["n"] for record in read_results(root, run_id, kind)]


def test_every_record_carries_its_run_id(tmp_path: Path) -> None:
    writer = ResultsWriter(tmp_path, "a-1", {})
    writer.append("incidents", {"n": 1})
    writer.flush()
    assert list(read_results(tmp_path, "a-1", "incidents")) == [{"runID": "a-1", "n": 1}]


def test_nothing_is_written_before_a_flush(tmp_path: Path) -> None:
    ResultsWriter(tmp_path, "a-1", {}).append("incidents", {"n": 1})
    assert written(tmp_path) == []


def test_a_new_writer_cuts_back_to_what_was_committed(tmp_path: Path) -> None:
    writer = ResultsWriter(tmp_path, "a-1", {})
    writer.append("incidents", {"n": 1})
    writer.flush()
    committed = writer.sizes
    for kind in ("incidents", "notes"):
        writer.append(kind, {"n": 2})
    writer.flush()
    assert written(tmp_path) == [1, 2]
    ResultsWriter(tmp_path, "a-1", committed)
    assert written(tmp_path) == [1]
    assert written(tmp_path, kind="notes") == []


def test_a_reader_sees_only_what_the_checkpoint_covers(tmp_path: Path) -> None:
    writer = ResultsWriter(tmp_path, "a-1", {})
    writer.append("incidents", {"n": 1})
    writer.flush()
    committed = writer.sizes["incidents"]
    writer.append("incidents", {"n": 2})
    writer.flush()
    assert [record["n"] for record in read_results(tmp_path, "a-1", "incidents", committed)] == [1]


def test_results_shorter_than_the_state_says_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsRefusedError, match="0 bytes found"):
        ResultsWriter(tmp_path, "a-1", {"incidents": 1})


def test_results_that_nobody_declared_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsRefusedError, match="declares no results"):
        ResultsWriter(tmp_path / "absent", "a-1", {}).append("incidents", {})


@pytest.mark.parametrize("name", ["../a-2", "", ".", "a/b"])
def test_a_name_cannot_leave_its_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(ResultsRefusedError, match="not a usable name"):
        ResultsWriter(tmp_path, name, {})
    with pytest.raises(ResultsRefusedError, match="not a usable name"):
        ResultsWriter(tmp_path, "a-1", {}).append(name, {})


@pytest.mark.parametrize("torn", [False, True])
def test_after_a_kill_at_any_change_each_record_is_there_once(tmp_path: Path, torn: bool) -> None:
    for at in range(_changes(tmp_path)):
        root = tmp_path / f"{at}"
        root.mkdir()
        with pytest.raises(Killed):
            _write(root, {}, KillingDisk(at, torn))
        _write(root, {}, KillingDisk())
        assert written(root) == [1, 2]


def test_flushed_results_survive_the_loss_of_the_node(tmp_path: Path) -> None:
    disk = LosingDisk()
    _write(tmp_path, {}, disk)
    disk.lose_node()
    assert written(tmp_path) == [1, 2]


def test_a_revert_takes_back_what_is_reversible_and_accounts_for_the_rest(tmp_path: Path) -> None:
    _three_kinds(tmp_path)
    assert revert_results(tmp_path, "a-1", CLASSES) == Reverted(reverted=3, kept=2, not_revertible=1)
    assert written(tmp_path) == []
    assert written(tmp_path, kind="notes") == [0]
    assert written(tmp_path, kind="audit") == [0, 1]


def test_a_kind_without_a_class_is_never_removed(tmp_path: Path) -> None:
    _three_kinds(tmp_path)
    assert revert_results(tmp_path, "a-1", {}) == Reverted(reverted=0, kept=6, not_revertible=0)
    assert written(tmp_path) == [0, 1, 2]


def test_a_revert_touches_no_other_incarnation(tmp_path: Path) -> None:
    _three_kinds(tmp_path, "a-1")
    _three_kinds(tmp_path, "a-2")
    revert_results(tmp_path, "a-1", CLASSES)
    assert written(tmp_path, "a-2") == [0, 1, 2]


def test_an_incarnation_without_results_is_reverted_with_nothing_to_count(tmp_path: Path) -> None:
    assert revert_results(tmp_path, "a-1", CLASSES) == Reverted(0, 0, 0)


def test_a_revert_that_is_killed_anywhere_and_called_again_answers_the_same(tmp_path: Path) -> None:
    disk = KillingDisk()
    _three_kinds(tmp_path, "count")
    account = revert_results(tmp_path, "count", CLASSES, disk)
    for at in range(disk.changes):
        run_id = f"a-{at}"
        _three_kinds(tmp_path, run_id)
        with pytest.raises(Killed):
            revert_results(tmp_path, run_id, CLASSES, KillingDisk(at))
        assert revert_results(tmp_path, run_id, CLASSES) == account
        assert revert_results(tmp_path, run_id, CLASSES) == account
        assert written(tmp_path, run_id) == []


def test_a_reverted_incarnation_never_writes_again(tmp_path: Path) -> None:
    _three_kinds(tmp_path)
    revert_results(tmp_path, "a-1", CLASSES)
    with pytest.raises(ResultsRefusedError, match="were reverted"):
        ResultsWriter(tmp_path, "a-1", {})


def test_incarnations_are_listed_by_age(tmp_path: Path) -> None:
    for run_id in ("a-10", "a-9", "a-1"):
        (tmp_path / run_id).mkdir()
    assert run_ids(tmp_path) == ["a-1", "a-9", "a-10"]


def _write(root: Path, committed: Mapping[str, int], disk: KillingDisk) -> None:
    writer = ResultsWriter(root, "a-1", committed, disk)
    for n in (1, 2):
        writer.append("incidents", {"n": n})
        writer.append("audit", {"n": n})
    writer.flush()


def _changes(tmp_path: Path) -> int:
    disk = KillingDisk()
    (tmp_path / "count").mkdir()
    _write(tmp_path / "count", {}, disk)
    return disk.changes


def _three_kinds(root: Path, run_id: str = "a-1") -> None:
    writer = ResultsWriter(root, run_id, {})
    for kind, count in (("incidents", 3), ("audit", 2), ("notes", 1)):
        for n in range(count):
            writer.append(kind, {"n": n})
    writer.flush()
