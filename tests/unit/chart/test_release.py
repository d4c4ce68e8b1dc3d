"""Before an uninstall: the operator is stopped first, then nothing is held any more, and nothing else is touched."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from scenario_operator.api import names
from scenario_operator.cli import release
from scenario_operator.cluster import errors
from scenario_operator.cluster.client import Listing
from scenario_operator.cluster.kinds import JsonObject, Ref, ResourceKind

OPERATOR = Ref(release.DEPLOYMENT, "ops", "scenario-operator")


class World:
    """An API server of a few objects: fences are checked, every write is kept, disturbances can be scripted."""

    def __init__(self, *objects: JsonObject) -> None:
        self.objects = {(each["kind"], each["metadata"]["name"]): each for each in objects}
        self.writes: list[tuple[str, str | None, Mapping[str, Any]]] = []
        self.disturbances: list[Callable[[World], None]] = []
        self.naps = 0
        self.said: list[str] = []
        self.served = True

    async def get(self, ref: Ref) -> JsonObject | None:
        return copy.deepcopy(self.objects.get((ref.kind.kind, ref.name)))

    async def list(
        self, kind: ResourceKind, namespace: str | None = None, *, label_selector: str | None = None, **_: Any
    ) -> Listing:
        if not self.served:
            raise errors.NotFound("NotFound", "the server could not find the requested resource")
        wanted = dict(pair.split("=") for pair in label_selector.split(",")) if label_selector else {}
        return Listing(
            tuple(
                copy.deepcopy(each)
                for (name, _), each in self.objects.items()
                if name == kind.kind
                if namespace in {None, each["metadata"]["namespace"]}
                if wanted.items() <= each["metadata"].get("labels", {}).items()
            ),
            "1",
        )

    async def patch(
        self,
        ref: Ref,
        body: Mapping[str, Any],
        *,
        uid: str,
        resource_version: str,
        subresource: str | None = None,
    ) -> JsonObject:
        if self.disturbances:
            self.disturbances.pop(0)(self)
        found = self.objects.get((ref.kind.kind, ref.name))
        if found is None:
            raise errors.Vanished("gone")
        metadata = found["metadata"]
        if (metadata["uid"], metadata["resourceVersion"]) != (uid, resource_version):
            raise errors.Conflict("changed")
        self.writes.append((str(ref), subresource, body))
        metadata["resourceVersion"] += "1"
        metadata.update(body.get("metadata", {}))
        found.get("spec", {}).update(body.get("spec", {}))
        return found

    def say(self, line: str) -> None:
        self.said.append(line)

    async def sleep(self, seconds: float) -> None:
        self.naps += 1
        if self.disturbances and self.naps > 1:
            self.disturbances.pop(0)(self)


def thing(kind: str, name: str, namespace: str, **metadata: Any) -> JsonObject:
    fixed = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": "1"}
    return {"kind": kind, "metadata": {**fixed, **metadata}}


def pod(name: str, *finalizers: str, namespace: str = "red") -> JsonObject:
    return thing("Pod", name, namespace, finalizers=list(finalizers))


def operator(replicas: int = 2) -> JsonObject:
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "operator"}}}
    return {**thing("Deployment", OPERATOR.name, "ops"), "spec": spec}


def operator_pod() -> JsonObject:
    return thing("Pod", "operator-1", "ops", labels={"app": "operator"})


async def stop(world: World, clock: Callable[[], float] = lambda: 0.0) -> None:
    await release.stop_operator(
        world,  # type: ignore[arg-type]
        OPERATOR,
        wait_seconds=10,
        say=world.say,
        sleep=world.sleep,
        clock=clock,
    )


async def let_go(world: World, namespace: str | None = None) -> int:
    return await release.release_pods(world, namespace, say=world.say, sleep=world.sleep)  # type: ignore[arg-type]


# --- The operator ---------------------------------------------------------------------------------


async def test_the_operator_is_scaled_to_zero_and_its_last_pod_waited_for() -> None:
    world = World(operator(), operator_pod())

    def ends(world: World) -> None:
        del world.objects["Pod", "operator-1"]

    world.disturbances = [lambda _: None, ends]
    await stop(world)

    assert world.writes == [(str(OPERATOR), "scale", {"spec": {"replicas": 0}})]
    assert world.naps == 2


async def test_an_operator_that_does_not_end_is_an_error() -> None:
    """Taking finalizers off beside it could be undone by it."""
    world = World(operator(), operator_pod())
    times = iter((0.0, 5.0, 11.0))

    with pytest.raises(release.StillRunning, match="still exist after 10 s"):
        await stop(world, lambda: next(times))


async def test_an_operator_that_is_stopped_or_gone_is_left_alone() -> None:
    for world in (World(operator(replicas=0)), World()):
        await stop(world)

        assert world.writes == []


async def test_a_rival_write_on_the_deployment_is_looked_at_again() -> None:
    world = World(operator())

    def touched(world: World) -> None:
        world.objects["Deployment", OPERATOR.name]["metadata"]["resourceVersion"] = "7"

    world.disturbances = [touched]
    await stop(world)

    assert len(world.writes) == 1


# --- The pods -------------------------------------------------------------------------------------


async def test_only_our_finalizer_comes_off() -> None:
    world = World(
        pod("mixed", "example.com/a", names.FINALIZER_REPORT, "example.com/b"),
        pod("ours", names.FINALIZER_REPORT),
        pod("foreign", "example.com/a"),
        pod("free"),
    )

    assert await let_go(world) == 2

    assert world.writes == [
        ("Pod red/mixed", None, {"metadata": {"finalizers": ["example.com/a", "example.com/b"]}}),
        ("Pod red/ours", None, {"metadata": {"finalizers": None}}),
    ]


async def test_only_the_namespaces_asked_for_are_touched() -> None:
    world = World(pod("here", names.FINALIZER_REPORT), pod("there", names.FINALIZER_REPORT, namespace="blue"))

    assert await let_go(world, "blue") == 1
    assert [ref for ref, _, _ in world.writes] == ["Pod blue/there"]


async def test_a_finalizer_added_meanwhile_survives() -> None:
    """The list is replaced as a whole, so it must be the newest one."""
    world = World(pod("one", names.FINALIZER_REPORT))

    def another(world: World) -> None:
        world.objects["Pod", "one"]["metadata"] |= {
            "resourceVersion": "2",
            "finalizers": [names.FINALIZER_REPORT, "example.com/new"],
        }

    world.disturbances = [another]
    await let_go(world)

    assert world.objects["Pod", "one"]["metadata"]["finalizers"] == ["example.com/new"]


@pytest.mark.parametrize("successor", [None, "successor"], ids=["gone", "another of that name"])
async def test_a_pod_that_vanishes_meanwhile_is_no_error(successor: str | None) -> None:
    world = World(pod("one", names.FINALIZER_REPORT))

    def vanishes(world: World) -> None:
        del world.objects["Pod", "one"]
        if successor:
            held = pod("one", names.FINALIZER_REPORT)
            held["metadata"]["uid"] = successor
            world.objects["Pod", "one"] = held

    world.disturbances = [vanishes]
    await let_go(world)

    assert world.writes == []
    assert world.said == ["Pod red/one: gone, or released meanwhile"]


async def test_a_cluster_without_anything_of_ours_is_done_at_once() -> None:
    assert await let_go(World()) == 0


# --- The runs -------------------------------------------------------------------------------------

TEARDOWN = f"{names.GROUP}/teardown"


def run(name: str, *finalizers: str, deleted: bool = True, **results: str) -> JsonObject:
    """Return a run whose incarnations have these results; "" is what is not on record."""
    when = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {}
    told = [
        {
            "runID": f"{name}-{number[1:]}",
            "version": f"{number[1:]}.0.0",
            **({"results": word} if word else {}),
        }
        for number, word in results.items()
    ]
    body = thing("ScenarioRun", name, "red", finalizers=list(finalizers), **when)
    return {**body, "status": {"incarnations": told}}


async def let_runs_go(world: World, namespace: str | None = None) -> int:
    return await release.release_runs(world, namespace, say=world.say, sleep=world.sleep)  # type: ignore[arg-type]


async def test_a_deleted_run_is_let_go_and_what_was_not_reverted_is_listed() -> None:
    """Whatever version of ours put the finalizer on; those of others stay."""
    world = World(
        run("tides", TEARDOWN, "example.com/a", n1="Reverted", n2="Kept", n3=""),
        run("clean", TEARDOWN, n1="Reverted"),
        run("foreign", "example.com/a", n1="Kept"),
    )

    assert await let_runs_go(world) == 2

    assert world.writes == [
        ("ScenarioRun red/tides", None, {"metadata": {"finalizers": ["example.com/a"]}}),
        ("ScenarioRun red/clean", None, {"metadata": {"finalizers": None}}),
    ]
    listed = "tides-2 (version 2.0.0), tides-3 (version 3.0.0)"
    assert world.said == [
        f"ScenarioRun red/tides: released; results that were not reverted: {listed}",
        "ScenarioRun red/clean: released; results that were not reverted: none",
    ]


async def test_a_run_that_nobody_deleted_stays_and_is_let_go_for_later() -> None:
    world = World(run("tides", TEARDOWN, deleted=False, n1="Kept"))

    assert await let_runs_go(world) == 1
    assert world.said == ["ScenarioRun red/tides: released; nobody had deleted it, it stays as it is"]


async def test_a_finalizer_that_somebody_puts_on_a_run_meanwhile_survives() -> None:
    world = World(run("one", TEARDOWN, n1="Kept"))

    def another(world: World) -> None:
        world.objects["ScenarioRun", "one"]["metadata"] |= {
            "resourceVersion": "2",
            "finalizers": [TEARDOWN, "example.com/new"],
        }

    world.disturbances = [another]
    await let_runs_go(world)

    assert world.objects["ScenarioRun", "one"]["metadata"]["finalizers"] == ["example.com/new"]


async def test_where_the_kind_is_gone_no_run_is_held() -> None:
    world = World()
    world.served = False

    assert await let_runs_go(world) == 0


def test_a_deployment_is_named_with_its_namespace() -> None:
    with pytest.raises(SystemExit):
        release.parser().parse_args(["--deployment", "scenario-operator"])
