"""Leader election: never two at once, and a process that cannot know stops writing by itself."""

import asyncio
import random
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cluster.fake_lease import FakeLeaseClient, FakeLeaseServer
from tests.unit.cluster.virtual_time import run

from scenario_operator.cluster import errors
from scenario_operator.cluster.client import Client
from scenario_operator.cluster.lease import Lease, Terms


def candidate(client: FakeLeaseClient, identity: str, *, terms: Terms | None = None) -> Lease:
    return Lease(
        cast("Client", client),
        namespace="ns",
        name="lease",
        identity=identity,
        terms=terms,
        clock=asyncio.get_running_loop().time,
        jitter=lambda: 0.0,
    )


def now() -> float:
    return asyncio.get_running_loop().time()


async def ended(task: "asyncio.Task[Any]") -> BaseException | None:
    await asyncio.wait({task})
    return task.exception()


def test_the_first_candidate_leads_and_the_second_waits() -> None:
    async def main() -> None:
        server = FakeLeaseServer()
        first, second = (candidate(FakeLeaseClient(server), name) for name in "ab")
        await first.acquire()
        waiting = asyncio.create_task(second.acquire())
        keeping = asyncio.create_task(first.keep())
        await asyncio.sleep(60)

        assert first.holds()
        assert not second.holds()
        assert not waiting.done()
        assert not keeping.done()
        assert server.holder == "a"

    run(main())


def test_a_dead_leader_is_followed_after_its_lease_ran_out() -> None:
    async def main() -> float:
        server = FakeLeaseServer()
        first, second = (candidate(FakeLeaseClient(server), name) for name in "ab")
        await first.acquire()
        await second.acquire()
        assert second.transitions == 1
        assert not first.holds()
        return now()

    assert 15.0 <= run(main()) <= 18.0


def test_a_released_lease_is_taken_at_once() -> None:
    async def main() -> float:
        server = FakeLeaseServer()
        first, second = (candidate(FakeLeaseClient(server), name) for name in "ab")
        await first.acquire()
        waiting = asyncio.create_task(second.acquire())
        await asyncio.sleep(1)
        await first.release()
        assert not first.holds()
        await waiting
        return now()

    assert run(main()) <= 3.0


def test_nothing_may_be_written_in_the_margin() -> None:
    async def main() -> None:
        lease = candidate(FakeLeaseClient(FakeLeaseServer()), "a")
        await lease.acquire()
        await asyncio.sleep(11.9)
        assert lease.holds()
        await asyncio.sleep(0.2)
        assert not lease.holds()

    run(main())


def test_a_leader_that_cannot_renew_stops_writing_and_ends() -> None:
    async def main() -> float:
        client = FakeLeaseClient(FakeLeaseServer())
        lease = candidate(client, "a")
        await lease.acquire()
        client.failing = errors.Unreachable("down")
        error = await ended(asyncio.create_task(lease.keep()))
        assert isinstance(error, errors.LeaseLost)
        assert not lease.holds()
        return now()

    assert run(main()) == pytest.approx(15.0)


def test_a_short_outage_is_survived() -> None:
    async def main() -> None:
        client = FakeLeaseClient(FakeLeaseServer())
        lease = candidate(client, "a")
        await lease.acquire()
        keeping = asyncio.create_task(lease.keep())
        await asyncio.sleep(4)
        client.failing = errors.Unreachable("down")
        await asyncio.sleep(6)
        client.failing = None
        await asyncio.sleep(30)
        assert lease.holds()
        assert not keeping.done()

    run(main())


def test_a_renewal_that_landed_without_an_answer_is_found_out() -> None:
    async def main() -> None:
        server = FakeLeaseServer()
        client = FakeLeaseClient(server)
        lease = candidate(client, "a")
        await lease.acquire()
        keeping = asyncio.create_task(lease.keep())
        await asyncio.sleep(4)
        client.losing_answers = True
        await asyncio.sleep(2)
        client.losing_answers = False
        await asyncio.sleep(30)
        assert lease.holds()
        assert not keeping.done()
        assert lease.transitions == 0

    run(main())


def test_a_leader_that_sees_another_holder_stops_at_once() -> None:
    async def main() -> float:
        server = FakeLeaseServer()
        lease = candidate(FakeLeaseClient(server), "a")
        await lease.acquire()
        assert server.record is not None
        server.record["spec"]["holderIdentity"] = "b"
        server.store(server.record)
        error = await ended(asyncio.create_task(lease.keep()))
        assert isinstance(error, errors.LeaseLost)
        assert "held by b" in str(error)
        assert not lease.holds()
        return now()

    assert run(main()) == pytest.approx(5.0)


def test_a_lease_deleted_under_its_holder_is_not_taken_before_it_ran_out() -> None:
    async def main() -> float:
        server = FakeLeaseServer()
        first, second = (candidate(FakeLeaseClient(server), name) for name in "ab")
        await first.acquire()
        waiting = asyncio.create_task(second.acquire())
        await asyncio.sleep(1)
        server.record = None
        await waiting
        return now()

    assert run(main()) >= 15.0


def test_a_lease_won_while_frozen_is_not_a_lease() -> None:
    """The answer of the winning request is read long after somebody else may have followed."""

    async def main() -> None:
        server = FakeLeaseServer()
        delays = iter([(0.0, 0.0), (0.0, 100.0), (0.0, 0.0), (0.0, 0.0)])
        lease = candidate(FakeLeaseClient(server, lambda: next(delays, (0.0, 0.0))), "a")
        acquiring = asyncio.create_task(lease.acquire())
        await asyncio.sleep(100.5)
        assert not lease.holds()
        await acquiring
        assert lease.holds()
        assert now() > 100.0

    run(main())


def test_a_missing_permission_is_told_instead_of_waited_for() -> None:
    async def main() -> None:
        client = FakeLeaseClient(FakeLeaseServer())
        client.failing = errors.Forbidden("Forbidden", "no leases for you")
        with pytest.raises(errors.Forbidden):
            await candidate(client, "a").acquire()

    run(main())


def test_releasing_without_a_lease_asks_nothing_of_the_server() -> None:
    async def main() -> None:
        client = FakeLeaseClient(FakeLeaseServer())
        await candidate(client, "a").release()
        assert client.calls == []

    run(main())


def test_terms_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="retry <= renew < duration - margin"):
        Terms(duration_seconds=10, renew_seconds=8.0)


@given(st.integers(0, 2**32))
def test_two_candidates_never_hold_at_the_same_time(seed: int) -> None:
    """Whatever the delays before and after each call, lost answers, outages and restarts."""
    chance = random.Random(seed)  # noqa: S311 (reproducible)

    def delays() -> tuple[float, float]:
        frozen = chance.random() < 0.1
        return chance.uniform(0, 40 if frozen else 1), chance.uniform(0, 40 if frozen else 1)

    async def life(lease: Lease) -> None:
        await lease.acquire()
        await lease.keep()

    async def main() -> int:
        server = FakeLeaseServer()
        clients = [FakeLeaseClient(server, delays) for _ in range(3)]
        leases = [candidate(client, f"p{number}") for number, client in enumerate(clients)]
        lives = [asyncio.create_task(life(lease)) for lease in leases]
        led = 0
        for step in range(1500):
            await asyncio.sleep(0.25)
            holding = sum(lease.holds() for lease in leases)
            assert holding <= 1
            led += holding
            client = chance.choice(clients)
            client.losing_answers = chance.random() < 0.1
            client.failing = errors.Unreachable("down") if chance.random() < 0.1 else None
            for index, task in enumerate(lives):
                if task.done() or chance.random() < 0.002:
                    task.cancel()
                    await asyncio.wait({task})
                    leases[index] = candidate(clients[index], f"p{index} born {step}")
                    lives[index] = asyncio.create_task(life(leases[index]))
        for task in lives:
            task.cancel()
        return led

    run(main())
