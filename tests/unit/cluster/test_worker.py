"""Workers: what each kind of failure is worth, and that none of them stops the others."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.unit.cluster.virtual_time import run

from scenario_operator.cluster import errors
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.queue import WorkQueue
from scenario_operator.cluster.worker import Result, Workers

RUN = Key("run", "ns", "r")
OTHER = Key("run", "ns", "other")


def now() -> float:
    return asyncio.get_running_loop().time()


class Scripted:
    """A controller that does what a test says, and keeps when it was called."""

    def __init__(self, reconcile: Callable[[Key], timedelta | None]) -> None:
        self._reconcile = reconcile
        self.starts: list[float] = []

    async def reconcile(self, key: Key) -> timedelta | None:
        if key == RUN:
            self.starts.append(now())
        return self._reconcile(key)


def raising(error: Exception) -> Callable[[Key], timedelta | None]:
    def reconcile(key: Key) -> timedelta | None:
        if key == RUN:
            raise error
        return None

    return reconcile


async def passes(
    controller: Scripted, seconds: float, *, workers: int = 1
) -> tuple[list[Result], WorkQueue[Key]]:
    """Let workers work for some virtual time and give the results of RUN's passes."""
    queue: WorkQueue[Key] = WorkQueue(jitter=lambda: 0.0)
    results: list[Result] = []
    crew = Workers(
        queue,
        {"run": controller},
        observe=lambda _kind, result, _seconds: results.append(result),
        clock=asyncio.get_running_loop().time,
    )
    tasks = [asyncio.create_task(crew.work()) for _ in range(workers)]
    queue.add(RUN)
    await asyncio.sleep(seconds)
    queue.close()
    await asyncio.gather(*tasks)
    return results, queue


def test_a_finished_key_is_left_alone() -> None:
    controller = Scripted(lambda _key: None)
    results, _ = run(passes(controller, 1000))

    assert results == ["done"]


def test_a_waiting_key_is_called_again_in_time_and_within_30_seconds_at_the_latest() -> None:
    soon, late = Scripted(lambda _: timedelta(seconds=5)), Scripted(lambda _: timedelta(hours=1))
    run(passes(soon, 11))
    run(passes(late, 61))

    assert soon.starts == pytest.approx([0, 5, 10])
    assert late.starts == pytest.approx([0, 30, 60])


def test_a_transient_failure_is_tried_again_quickly_and_then_ever_slower() -> None:
    controller = Scripted(raising(errors.Conflict("stale")))
    results, _ = run(passes(controller, 1.0))

    assert controller.starts == pytest.approx([0, 0.1, 0.3, 0.7])
    assert set(results) == {"conflict"}


def test_a_server_that_sheds_load_is_left_alone_as_long_as_it_asks() -> None:
    controller = Scripted(raising(errors.TooManyRequests("later", 7.0)))
    run(passes(controller, 8))

    assert controller.starts == pytest.approx([0, 7])


def test_a_terminal_failure_is_tried_again_after_half_a_minute() -> None:
    controller = Scripted(raising(errors.Forbidden("Forbidden", "no")))
    results, _ = run(passes(controller, 61))

    assert controller.starts == pytest.approx([0, 30, 60])
    assert results[0] == "terminal"


def test_a_bug_is_told_with_its_traceback_and_the_loop_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    controller = Scripted(raising(KeyError("oops")))
    with caplog.at_level(logging.ERROR):
        results, _ = run(passes(controller, 0.25))

    assert results == ["bug", "bug"]
    assert "KeyError: 'oops'" in caplog.text
    assert "run ns/r" in caplog.text


def test_a_pass_that_does_not_end_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    class Endless:
        async def reconcile(self, _key: Key) -> timedelta | None:
            await asyncio.sleep(10_000)
            return None

    async def main() -> list[Result]:
        queue: WorkQueue[Key] = WorkQueue()
        results: list[Result] = []
        crew = Workers(
            queue,
            {"run": Endless()},
            observe=lambda _k, result, _s: results.append(result),
            clock=asyncio.get_running_loop().time,
        )
        task = asyncio.create_task(crew.work())
        queue.add(RUN)
        await asyncio.sleep(59)
        assert crew.longest_pass_seconds() == pytest.approx(59)
        await asyncio.sleep(1.01)
        assert crew.longest_pass_seconds() == 0.0
        task.cancel()
        return results

    assert run(main()) == ["timeout"]
    assert "took too long" in caplog.text


def test_a_poison_key_does_not_hold_up_another() -> None:
    async def main() -> list[float]:
        served: list[float] = []

        class Poisoned:
            async def reconcile(self, key: Key) -> timedelta | None:
                if key == RUN:
                    raise RuntimeError
                served.append(now())
                return timedelta(seconds=1)

        queue: WorkQueue[Key] = WorkQueue()
        crew = Workers(queue, {"run": Poisoned()})
        task = asyncio.create_task(crew.work())
        queue.add(RUN)
        queue.add(OTHER)
        await asyncio.sleep(3.5)
        task.cancel()
        return served

    assert run(main()) == pytest.approx([0, 1, 2, 3])


def test_success_ends_the_row_of_failures() -> None:
    outcomes = [errors.Conflict("stale"), errors.Conflict("stale"), None]

    def reconcile(_key: Key) -> timedelta | None:
        error = outcomes.pop(0)
        if error is not None:
            raise error
        return None

    results, queue = run(passes(Scripted(reconcile), 10))

    assert results == ["conflict", "conflict", "done"]
    assert queue.failures(RUN) == 0


def test_only_persistent_failures_are_worth_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    controller = Scripted(raising(errors.Conflict("stale")))
    with caplog.at_level(logging.WARNING):
        run(passes(controller, 0.35))
        assert caplog.text == ""
        run(passes(controller, 2.0))
    assert "again key=run ns/r" in caplog.text


def test_no_key_runs_on_two_workers_at_once() -> None:
    async def main() -> int:
        most = 0

        class Slow:
            running = 0

            async def reconcile(self, key: Key) -> timedelta | None:
                nonlocal most
                self.running += 1
                most = max(most, self.running)
                queue.add(key)
                await asyncio.sleep(1)
                self.running -= 1
                return None

        queue: WorkQueue[Key] = WorkQueue()
        crew = Workers(queue, {"run": Slow()})
        tasks = [asyncio.create_task(crew.work()) for _ in range(4)]
        queue.add(RUN)
        await asyncio.sleep(10)
        for task in tasks:
            task.cancel()
        return most

    assert run(main()) == 1
