"""The life of a container: start, stop, report, probes, hooks."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runtime.faulty_disk import Killed, KillingDisk, QuickDisk

import scenario_runtime
from scenario_runtime import (
    MAX_REPORT_BYTES,
    Answer,
    HookContext,
    Incarnation,
    Outputs,
    Probe,
    Report,
    StateRefusedError,
    Stop,
    done,
    failed,
    run_hook,
    serve,
    work_required,
)

T = datetime(2018, 2, 3, tzinfo=UTC)


def env(root: Path, **more: str) -> dict[str, str]:
    (root / "results").mkdir(exist_ok=True)
    return {
        "SCENARIO_ROOT": str(root),
        "SCENARIO_RUN": "a",
        "SCENARIO_RUN_ID": "a-1",
        "SCENARIO_INCARNATION": "1",
        **more,
    }


def report(root: Path) -> Any:
    return json.loads((root / "termination-log").read_bytes())


def run(root: Path, main: Any, version: str = "1", **more: str) -> int:
    return serve(main, version, env=env(root, **more), stop=Stop(), disk=QuickDisk())


def test_a_clean_stop_reports_the_last_commit(tmp_path: Path) -> None:
    def main(work: Incarnation) -> None:
        work.commit({"n": 1}, T)
        work.outputs = Outputs(open=2, emitted=5)

    assert run(tmp_path, main) == 0
    assert report(tmp_path) == {
        "processedUntil": "2018-02-03T00:00:00Z",
        "stateVersion": "1",
        "outputs": {"open": 2, "emitted": 5, "reverted": 0},
    }


def test_the_next_start_continues_from_the_last_commit(tmp_path: Path) -> None:
    seen = []

    def main(work: Incarnation) -> None:
        seen.append((work.state, work.processed_until))
        work.commit({"n": 1}, T)
        work.results.append("incidents", {"lost": "appended, not committed"})

    run(tmp_path, main)
    run(tmp_path, main)
    assert seen == [(None, None), ({"n": 1}, T)]
    assert not (tmp_path / "results" / "a-1").exists()


def test_a_program_that_fails_reports_why_and_no_position(tmp_path: Path) -> None:
    def main(work: Incarnation) -> None:
        work.commit({}, T)
        raise OSError("the broker is gone")

    assert run(tmp_path, main) == 1
    assert report(tmp_path) == {"error": "OSError: the broker is gone"}


def test_foreign_state_is_refused_before_the_program_sees_it(tmp_path: Path) -> None:
    run(tmp_path, lambda work: work.commit({}, T))
    for version, more in (("2", {}), ("1", {"SCENARIO_RUN": "b", "SCENARIO_RUN_ID": "b-1"})):
        assert run(tmp_path, pytest.fail, version, **more) == 1
        assert report(tmp_path)["error"].startswith(StateRefusedError.__name__)


def test_code_that_writes_another_format_than_declared_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, pytest.fail, "1", SCENARIO_STATE_VERSION="2") == 1
    assert "declared" in report(tmp_path)["error"]


def test_a_program_without_a_run_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, pytest.fail, SCENARIO_RUN_ID="") == 1


def test_a_kill_between_any_two_changes_leaves_state_and_results_in_step(tmp_path: Path) -> None:
    def main(work: Incarnation) -> None:
        for n in range(work.state or 0, 4):
            work.results.append("incidents", {"n": n})
            work.commit(n + 1, T)

    changes = KillingDisk()
    (tmp_path / "count").mkdir()
    serve(main, "1", env=env(tmp_path / "count"), stop=Stop(), disk=changes)
    for at in range(changes.changes):
        for torn in (False, True):
            root = tmp_path / f"{at}-{torn}"
            root.mkdir()
            with pytest.raises(Killed):
                serve(main, "1", env=env(root), stop=Stop(), disk=KillingDisk(at, torn))
            assert run(root, main) == 0
            lines = (root / "results/a-1/incidents.jsonl").read_text().splitlines()
            assert [json.loads(line)["n"] for line in lines] == [0, 1, 2, 3]


def test_started_after_the_first_commit_and_ready_when_learning_is_over(tmp_path: Path) -> None:
    answers = []

    def main(work: Incarnation) -> None:
        for until in (None, T):
            answers.append((work.probe.answer("started"), work.probe.answer("ready")))
            work.commit({}, until)
        answers.append((work.probe.answer("started"), work.probe.answer("ready")))

    run(tmp_path, main, SCENARIO_OUTPUT_ACTIONS_FROM="2018-02-03T00:00:00Z")
    assert answers == [(False, False), (True, False), (True, True)]


def test_probe_files_of_a_container_that_died_do_not_answer_for_the_next(tmp_path: Path) -> None:
    Probe(tmp_path / "probe").set_ready()
    answers = []
    run(tmp_path, lambda work: answers.append(work.probe.answer("ready")))
    assert answers == [False]


@pytest.mark.parametrize("question", ["started", "ready"])
def test_the_kubelet_asks_by_exit_code(tmp_path: Path, question: str) -> None:
    def ask() -> int:
        command = [sys.executable, "-m", "scenario_runtime", "probe", question]
        return subprocess.run(command, env=_outside(tmp_path), check=False).returncode

    assert ask() == 1
    (tmp_path / "probe").mkdir()
    (tmp_path / "probe" / question).touch()
    assert ask() == 0


def test_sigterm_ends_an_endless_wait_with_a_report(tmp_path: Path) -> None:
    program = (
        "import sys, scenario_runtime as s\n"
        "def main(work):\n"
        "    work.commit({}, None)\n"
        "    print('waiting', flush=True)\n"
        "    assert work.stop.wait(None)\n"
        "sys.exit(s.serve(main, '1'))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], env={**_outside(tmp_path), **env(tmp_path)}, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"waiting\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()
    assert report(tmp_path) == {"stateVersion": "1"}


def test_a_stop_that_came_before_the_wait_is_not_lost() -> None:
    stop = Stop()
    assert not stop.wait(0)
    stop.request()
    stop.request()
    assert stop.wait(None)
    assert stop.requested
    stop.close()


def test_a_report_never_exceeds_what_the_kubelet_keeps() -> None:
    whole = Report(T, "1", Outputs(1, 2, 3), None, ["item"] * 2000, "é" * 9000)
    data = whole.encode()
    assert len(data) <= MAX_REPORT_BYTES
    assert json.loads(data)["processedUntil"] == "2018-02-03T00:00:00Z"
    assert json.loads(data)["error"].startswith("é" * 100)


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (done("gone", reverted=3), 0, {"message": "gone", "reverted": 3}),
        (work_required(), 10, {"message": ""}),
        (failed("no"), 1, {"message": "no"}),
    ],
)
def test_a_hook_answers_with_exit_code_and_facts(
    tmp_path: Path, answer: Answer, code: int, message: Any
) -> None:
    assert run_hook(lambda _: answer, env=env(tmp_path)) == code
    assert report(tmp_path) == message


def test_a_hook_that_raises_has_failed_with_its_words(tmp_path: Path) -> None:
    def hook(_context: HookContext) -> Answer:
        raise ValueError("no such catalogue")

    assert run_hook(hook, env=env(tmp_path)) == 1
    assert report(tmp_path) == {"message": "ValueError: no such catalogue"}


def test_a_long_hook_message_is_cut_and_its_facts_are_not(tmp_path: Path) -> None:
    run_hook(lambda _: done("x" * 9000, reverted=3), env=env(tmp_path))
    assert (tmp_path / "termination-log").stat().st_size <= MAX_REPORT_BYTES
    assert report(tmp_path)["reverted"] == 3


def test_an_item_hook_sees_its_item(tmp_path: Path) -> None:
    (tmp_path / "item.json").write_text('{"inputs": {"zone": "Taiwan"}}')
    more = {"SCENARIO_HOOK": "check", "SCENARIO_UPGRADE": "quakes-4", "SCENARIO_ITEM": "fetch"}
    seen = []
    run_hook(lambda context: seen.append(context) or done(), env=env(tmp_path, **more))  # type: ignore[func-returns-value]
    context = seen[0]
    assert (context.hook, context.upgrade, context.item) == ("check", "quakes-4", "fetch")
    assert context.item_data["inputs"] == {"zone": "Taiwan"}


def _outside(root: Path) -> dict[str, str]:
    source = str(Path(scenario_runtime.__file__).parent.parent)
    return {**os.environ, "SCENARIO_ROOT": str(root), "PYTHONPATH": source}
