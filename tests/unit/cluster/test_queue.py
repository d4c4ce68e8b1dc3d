"""The work queue: what is asked for is done once, in time, and never twice at once."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cluster.virtual_time import run

from scenario_operator.cluster.queue import QueueClosed, WorkQueue


def queue(min_interval: float = 0.0) -> WorkQueue[str]:
    return WorkQueue(min_interval=lambda _key: min_interval, jitter=lambda: 0.0)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_key_added_thrice_is_handed_out_once() -> None:
    async def main() -> None:
        work = queue()
        for _ in range(3):
            work.add("a")
        work.add("b")

        assert [await work.get(), await work.get()] == ["a", "b"]
        assert work.depth == 0

    run(main())


def test_a_key_that_changes_while_it_runs_runs_again_and_never_twice_at_once() -> None:
    async def main() -> None:
        work = queue()
        work.add("a")
        await work.get()
        work.add("a")
        work.add("a")

        assert work.depth == 0
        work.done("a")
        assert await work.get() == "a"
        work.done("a")
        assert work.depth == 0

    run(main())


def test_of_several_wishes_for_later_the_earliest_counts() -> None:
    async def main() -> float:
        work = queue()
        for seconds in (30.0, 5.0, 60.0):
            work.add_after("a", seconds)
        await work.get()
        assert work.waiting == 0
        return now()

    assert run(main()) == pytest.approx(5.0)


def test_an_event_does_not_wait_for_a_later_wish() -> None:
    async def main() -> float:
        work = queue()
        work.add_after("a", 30.0)
        work.add("a")
        await work.get()
        return now()

    assert run(main()) == 0.0


def test_failures_in_a_row_double_the_delay_up_to_five_minutes() -> None:
    async def main() -> list[float]:
        work = queue()
        return [work.add_rate_limited("a") for _ in range(14)]

    delays = run(main())
    assert delays[:5] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])
    assert delays[-1] == 300.0


def test_jitter_only_shortens() -> None:
    async def main() -> float:
        return WorkQueue[str](jitter=lambda: 1.0).add_rate_limited("a")

    assert run(main()) == pytest.approx(0.08)


def test_success_forgets_failures() -> None:
    async def main() -> float:
        work = queue()
        for _ in range(10):
            work.add_rate_limited("a")
        work.forget("a")
        assert work.failures("a") == 0
        return work.add_rate_limited("a")

    assert run(main()) == pytest.approx(0.1)


def test_a_server_that_asks_to_wait_is_obeyed() -> None:
    async def main() -> float:
        return queue().add_rate_limited("a", at_least_seconds=7.0)

    assert run(main()) == 7.0


def test_a_poison_key_does_not_delay_others() -> None:
    async def main() -> float:
        work = queue()
        for _ in range(12):
            work.add_rate_limited("poison")
        work.add("healthy")
        assert await work.get() == "healthy"
        return now()

    assert run(main()) == 0.0


def test_events_cut_a_back_off_short_but_not_to_a_busy_loop() -> None:
    """A failing pass that writes something would otherwise wake itself for ever."""

    async def main() -> int:
        work = queue()
        passes = 0
        work.add("poison")
        while now() < 60.0:
            await work.get()
            passes += 1
            work.add_rate_limited("poison")
            work.add("poison")  # its own write comes back as an event
            work.done("poison")
        return passes

    assert 60 <= run(main()) <= 66


def test_an_interval_coalesces_events_into_one_pass() -> None:
    async def main() -> list[float]:
        work = queue(min_interval=1.0)
        starts: list[float] = []

        async def worker() -> None:
            while len(starts) < 4:
                key = await work.get()
                starts.append(now())
                work.done(key)

        async def events() -> None:
            for _ in range(100):
                work.add("scenario")
                await asyncio.sleep(0.03)

        await asyncio.gather(worker(), events())
        return starts

    assert run(main()) == pytest.approx([0.0, 1.0, 2.0, 3.0])


def test_background_work_yields_but_is_not_starved() -> None:
    async def main() -> list[str]:
        work = queue()
        work.add("background", background=True)
        for number in range(16):
            work.add(f"urgent {number}")
        return [await work.get() for _ in range(17)]

    order = run(main())
    assert 0 < order.index("background") <= 8


def test_an_event_lifts_background_work() -> None:
    async def main() -> list[str]:
        work = queue()
        work.add("a", background=True)
        work.add("b", background=True)
        work.add("b")
        work.add("b", background=True)
        return [await work.get(), await work.get()]

    assert run(main()) == ["b", "a"]


def test_a_cancelled_worker_passes_its_key_on() -> None:
    async def main() -> str:
        work = queue()
        first, second = (asyncio.create_task(work.get()) for _ in range(2))
        await asyncio.sleep(0)
        work.add("a")
        first.cancel()
        return await second

    assert run(main()) == "a"


def test_closing_ends_the_waiting_and_takes_nothing_in() -> None:
    async def main() -> None:
        work = queue()
        waiting = [asyncio.create_task(work.get()) for _ in range(3)]
        work.add_after("later", 5.0)
        await asyncio.sleep(0)
        work.close()
        work.add("a")
        work.add_after("b", 1.0)

        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(result) for result in results] == [QueueClosed] * 3
        assert work.depth == 0

    run(main())


def test_the_oldest_age_is_that_of_the_key_that_waits_longest() -> None:
    async def main() -> tuple[float, float]:
        work = queue()
        work.add("a")
        await asyncio.sleep(3.0)
        work.add("b")
        await asyncio.sleep(1.0)
        before = work.oldest_age_seconds()
        await work.get()
        return before, work.oldest_age_seconds()

    assert run(main()) == (4.0, 1.0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from(["add", "background", "later", "failed"]),
            st.floats(0, 3),
            st.floats(0, 2),
        ),
        max_size=40,
    ),
    st.sampled_from([0.0, 1.0]),
)
def test_whatever_is_asked_for_is_begun_after_it_was_asked(
    wishes: list[tuple[str, str, float, float]], min_interval: float
) -> None:
    async def main() -> None:
        work = queue(min_interval)
        running: set[str] = set()
        started: dict[str, float] = {}
        asked: dict[str, float] = {}

        async def worker(pass_seconds: float) -> None:
            while True:
                key = await work.get()
                assert key not in running
                assert now() - started.get(key, -9.0) >= min_interval - 1e-9
                running.add(key)
                started[key] = now()
                await asyncio.sleep(pass_seconds)
                running.discard(key)
                work.done(key)

        workers = [asyncio.create_task(worker(seconds)) for seconds in (0.0, 0.7)]
        for key, wish, seconds, pause in wishes:
            asked[key] = now()
            if wish == "later":
                work.add_after(key, seconds)
            elif wish == "failed":
                work.add_rate_limited(key)
            else:
                work.add(key, background=wish == "background")
            await asyncio.sleep(pause)
        await asyncio.sleep(700.0)
        for task in workers:
            assert not task.done()
            task.cancel()
        assert all(started[key] >= when for key, when in asked.items())
        assert (work.depth, work.running, work.waiting) == (0, 0, 0)

    run(main())
