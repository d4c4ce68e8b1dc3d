"""Our own lists, the token bucket, and waiting for our kinds: the plumbing between client and store."""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice, pairwise
from typing import Any, cast

import pytest
from tests.unit.cluster.virtual_time import run

from scenario_operator.api import names
from scenario_operator.cluster import errors, wake
from scenario_operator.cluster.bucket import TokenBucket
from scenario_operator.cluster.client import KubernetesClient, Listing
from scenario_operator.cluster.discovery import NotServed, wait_for_own_kinds
from scenario_operator.cluster.keys import Key
from scenario_operator.cluster.kinds import (
    CHILD_KINDS,
    MANAGED_SELECTOR,
    POD,
    RUN,
    JsonObject,
    ResourceKind,
    selector_of,
)
from scenario_operator.cluster.resync import Resync
from scenario_operator.cluster.store import Store


def a_run(name: str, version: int = 1) -> JsonObject:
    return {
        "metadata": {"uid": name, "name": name, "namespace": "ns", "resourceVersion": str(version)},
        "spec": {"scenarioRef": {"name": "s"}},
    }


class Pages:
    """A server with two pages of runs, which may fail first."""

    def __init__(self, *pages: Listing) -> None:
        self.served = list(pages)
        self.failures: list[errors.ClusterError] = []
        self.selectors: dict[tuple[ResourceKind, str | None], str | None] = {}

    async def pages(
        self, kind: ResourceKind, namespace: str | None, *, label_selector: str | None
    ) -> AsyncIterator[Listing]:
        self.selectors[kind, namespace] = label_selector
        if self.failures:
            raise self.failures.pop(0)
        if kind != RUN:
            yield Listing((), "1")
            return
        for page in self.served:
            yield page


class Watched:
    """What a resync tells."""

    def __init__(self, server: Pages, *, namespaces: tuple[str, ...] = ()) -> None:
        self.store = Store()
        self.woken: list[Key] = []
        self.background: list[Key] = []
        self.rounds: list[float] = []
        self.resync = Resync(
            cast("KubernetesClient", server),
            self.store,
            kinds=(RUN, POD),
            namespaces=namespaces,
            wake=self.woken.append,
            wake_in_background=self.background.append,
            succeeded=lambda: self.rounds.append(asyncio.get_running_loop().time()),
        )


def test_a_round_fills_the_store_from_all_pages_and_prunes_after_the_last() -> None:
    server = Pages(Listing((a_run("a"),), "9"), Listing((a_run("b"),), "9"))
    watched = Watched(server)
    watched.store.offer(RUN, None, a_run("ghost", 3))
    run(watched.resync.round())

    assert {obj["metadata"]["name"] for obj in watched.store.items(RUN)} == {"a", "b"}
    assert set(watched.woken) >= {Key("run", "ns", "a"), Key("run", "ns", "b"), Key("run", "ns", "ghost")}
    assert set(watched.background) == {Key("run", "ns", "a"), Key("run", "ns", "b")}
    assert len(watched.rounds) == 1


def test_a_round_without_news_wakes_everything_in_the_background_only() -> None:
    watched = Watched(Pages(Listing((a_run("a"),), "9")))
    run(watched.resync.round())
    watched.woken.clear()
    run(watched.resync.round())

    assert watched.woken == []
    assert watched.background == [Key("run", "ns", "a")] * 2


def test_pods_are_listed_whoever_made_them_in_every_namespace_that_is_served() -> None:
    """Given a pod of somebody's, when it mounts a claim of a run, then that is known without a list for each run."""
    server = Pages()
    run(Watched(server, namespaces=("one", "two")).resync.round())

    assert server.selectors == {
        (RUN, "one"): None,
        (RUN, "two"): None,
        (POD, "one"): None,
        (POD, "two"): None,
    }
    assert {selector_of(kind) for kind in CHILD_KINDS if kind != POD} == {MANAGED_SELECTOR}


def test_the_first_round_waits_for_a_starting_server_but_not_for_rights() -> None:
    server = Pages(Listing((), "1"))
    server.failures = [errors.Unreachable("starting"), errors.Gone("page expired")]
    watched = Watched(server)
    run(watched.resync.first())
    assert len(watched.rounds) == 1

    server.failures = [errors.Forbidden("Forbidden", "pods is forbidden")]
    with pytest.raises(errors.Forbidden):
        run(watched.resync.first())


def test_rounds_go_on_after_failures_and_spread_over_time() -> None:
    async def main() -> list[float]:
        server = Pages(Listing((), "1"))
        server.failures = [errors.Forbidden("Forbidden", "for a moment"), errors.ServerError("busy")]
        watched = Watched(server)
        task = asyncio.create_task(watched.resync.forever(300))
        await asyncio.sleep(2000)
        assert not task.done()
        task.cancel()
        return watched.rounds

    rounds = run(main())
    assert len(rounds) >= 5
    gaps = [later - earlier for earlier, later in pairwise(rounds)]
    assert all(270 <= gap <= 330 for gap in gaps)
    assert len(set(gaps)) > 1


def test_the_bucket_lets_a_burst_pass_and_then_its_rate() -> None:
    async def main() -> list[float]:
        clock = asyncio.get_running_loop().time
        bucket = TokenBucket(10.0, 3, clock=clock)
        times: list[float] = []
        for _ in range(6):
            await bucket.take()
            times.append(clock())
        await asyncio.sleep(100)
        for _ in range(3):
            await bucket.take()
        assert clock() == pytest.approx(100.3)
        return times

    assert run(main()) == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])


def test_the_bucket_serves_in_the_order_of_arrival() -> None:
    async def main() -> list[int]:
        bucket = TokenBucket(1.0, 1, clock=asyncio.get_running_loop().time)
        order: list[int] = []

        async def caller(number: int) -> None:
            await bucket.take()
            order.append(number)

        await asyncio.gather(*(caller(number) for number in range(5)))
        return order

    assert run(main()) == [0, 1, 2, 3, 4]


class Discovery:
    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    async def served(self, _group: str, _version: str) -> frozenset[str]:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return frozenset(answer)


async def waited(*answers: Any) -> float:
    clock = asyncio.get_running_loop().time
    await wait_for_own_kinds(cast("KubernetesClient", Discovery(*answers)), 60, clock=clock)
    return clock()


ALL = tuple(names.PLURALS.values())


def test_kinds_that_appear_in_time_are_waited_for() -> None:
    assert run(waited(errors.Unreachable("starting"), ALL[:2], ALL)) == pytest.approx(4.0)


def test_missing_kinds_are_named_with_the_next_command() -> None:
    with pytest.raises(NotServed, match=r"scenarioupgrades, upgradestrategies .* kubectl apply -f crds/"):
        run(waited((names.SCENARIOS, names.RUNS)))


def test_a_server_that_never_answers_is_named_as_such() -> None:
    with pytest.raises(NotServed, match=r"does not answer: no route; .*--kubeconfig"):
        run(waited(errors.Unreachable("no route")))


class Offboarded(Pages):
    """A server where the rights in these namespaces went with them."""

    def __init__(self, *gone: str) -> None:
        super().__init__(Listing((a_run("a"),), "9"))
        self.gone = set(gone)

    async def pages(
        self, kind: ResourceKind, namespace: str | None, *, label_selector: str | None
    ) -> AsyncIterator[Listing]:
        if namespace in self.gone:
            raise errors.Forbidden("Forbidden", f'cannot list in the namespace "{namespace}"')
        async for page in super().pages(kind, namespace, label_selector=label_selector):
            yield page


def test_one_of_several_namespaces_that_is_gone_keeps_no_other_from_being_served(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Given a deleted namespace, when everything is listed, then that one is named once, and the other is served."""
    server = Offboarded("away")
    watched = Watched(server, namespaces=("away", "ns"))
    run(watched.resync.first())
    run(watched.resync.round())
    assert watched.background == [Key("run", "ns", "a")] * 2
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "namespace away is not served"
    ]
    server.gone.clear()
    run(watched.resync.round())
    assert caplog.records[-1].getMessage() == "namespace away is served again"


@pytest.mark.parametrize("namespaces", [("away",), ("away", "gone")])
def test_a_process_that_may_read_no_namespace_at_all_ends(namespaces: tuple[str, ...]) -> None:
    watched = Watched(Offboarded("away", "gone"), namespaces=namespaces)
    with pytest.raises(errors.Forbidden):
        run(watched.resync.first())
    assert watched.rounds == []


def test_a_refused_watch_is_tried_for_ever_only_where_other_namespaces_are_served() -> None:
    """Given kopf, which ends the process when its attempts are over, then they end unless others would end with it."""

    def attempts(*namespaces: str) -> list[float]:
        return list(islice(iter(wake.settings((RUN,), namespaces).networking.error_backoffs), 1000))

    assert sum(attempts("ns")) == sum(attempts()) < 10
    assert len(attempts("ns", "other")) == 1000
