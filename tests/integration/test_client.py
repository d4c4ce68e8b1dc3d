"""What a real API server answers to our fences; everything that moves a run relies on these answers."""

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest
from tests.harness.cluster import PATIENCE, PATIENCE_SECONDS

from scenario_operator.api import names
from scenario_operator.cluster import connection, errors
from scenario_operator.cluster.bucket import UNLIMITED
from scenario_operator.cluster.client import KubernetesClient, connect
from scenario_operator.cluster.events import EventPoster
from scenario_operator.cluster.kinds import (
    CONFIG_MAP,
    EVENT,
    JOB,
    LEASE,
    POD,
    RUN,
    STATEFUL_SET,
    JsonObject,
    Ref,
    ResourceKind,
)

NAMESPACE = ResourceKind("", "v1", "namespaces", "Namespace")
ROOT = Path(__file__).parents[2]
BED = f"client-{os.getpid()}"

CONTAINER = {"name": "c", "image": "registry.example/none:1"}
TEMPLATE = {
    "metadata": {"labels": {"app": "x"}},
    "spec": {"containers": [CONTAINER], "restartPolicy": "Never"},
}
SERVING = {**TEMPLATE, "spec": {"containers": [CONTAINER]}}
SPECS: dict[ResourceKind, JsonObject] = {
    RUN: {"spec": {"scenarioRef": {"name": "s"}}},
    STATEFUL_SET: {
        "spec": {
            "replicas": 0,
            "serviceName": "x",
            "selector": {"matchLabels": {"app": "x"}},
            "template": SERVING,
        }
    },
    POD: {"spec": TEMPLATE["spec"]},
    JOB: {"spec": {"suspend": True, "template": TEMPLATE}},
    CONFIG_MAP: {"data": {"a": "b"}},
}
DONE: dict[ResourceKind, Callable[[JsonObject], bool]] = {
    STATEFUL_SET: lambda obj: "updateRevision" in obj["status"],
    JOB: lambda obj: any(c["type"] == "Suspended" for c in obj["status"].get("conditions") or ()),
}
"""By what the last write of a kind's controller is known, where there is one."""
WRONG_UID = str(uuid.UUID(int=1))


def bed(*arguments: str) -> str:
    command = [sys.executable, str(ROOT / "tools" / "bed"), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture(scope="module")
def kubeconfig() -> Iterator[Path]:
    """A real API server with our kinds."""
    facts = json.loads(bed("up", "api", "--name", BED, "-o", "json"))
    try:
        bed("kubectl", BED, "--", "apply", "-f", str(ROOT / "crds"))
        bed("kubectl", BED, "--", "wait", "--for=condition=Established", "crd", "--all", PATIENCE)
        yield Path(facts["kubeconfig"])
    finally:
        bed("down", BED)


@pytest.fixture
async def client(kubeconfig: Path) -> AsyncIterator[KubernetesClient]:
    configuration = await connection.load(kubeconfig)
    async with connect(configuration, version="test") as api:
        yield KubernetesClient(api, bucket=UNLIMITED)


@pytest.fixture
async def namespace(client: KubernetesClient) -> str:
    name = f"test-{uuid.uuid4().hex[:8]}"
    await client.create(NAMESPACE, None, manifest(NAMESPACE, name))
    return name


def manifest(kind: ResourceKind, name: str, **body: Any) -> JsonObject:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}, **body}


async def made(
    client: KubernetesClient, kind: ResourceKind, namespace: str, name: str = "one"
) -> tuple[Ref, JsonObject]:
    """Create an object and read it until controllers have done with it."""
    await client.create(kind, namespace, manifest(kind, name, **SPECS[kind]))
    ref = Ref(kind, namespace, name)
    return ref, await settled(client, ref, DONE.get(kind, lambda _obj: True))


def is_doomed(obj: JsonObject) -> bool:
    return "deletionTimestamp" in obj["metadata"]


async def settled(client: KubernetesClient, ref: Ref, done: Callable[[JsonObject], bool]) -> JsonObject:
    """Read an object until what is awaited is done to it, and nothing more."""
    end, last = time.monotonic() + PATIENCE_SECONDS, ""
    while time.monotonic() < end:
        found = await client.get(ref)
        assert found is not None
        version = found["metadata"]["resourceVersion"]
        if version == last and done(found):
            return found
        last = version
        await asyncio.sleep(0.3)
    raise AssertionError(f"{ref} does not come to rest: {found}")


class Fence(TypedDict):
    uid: str
    resource_version: str


def fence(obj: JsonObject) -> Fence:
    return {"uid": obj["metadata"]["uid"], "resource_version": obj["metadata"]["resourceVersion"]}


LABELLED = {"metadata": {"labels": {"touched": "yes"}}}


@pytest.mark.parametrize("kind", SPECS, ids=str)
async def test_a_write_lands_only_on_the_very_object_that_was_read(
    client: KubernetesClient, namespace: str, kind: ResourceKind
) -> None:
    ref, seen = await made(client, kind, namespace)

    with pytest.raises(errors.Conflict):
        await client.patch(ref, LABELLED, uid=WRONG_UID, resource_version=fence(seen)["resource_version"])
    touched = await client.patch(ref, LABELLED, **fence(seen))
    with pytest.raises(errors.Conflict):
        await client.patch(ref, {"metadata": {"labels": {"touched": "late"}}}, **fence(seen))

    assert touched["metadata"]["labels"]["touched"] == "yes"


async def test_a_patch_that_changes_nothing_keeps_the_version(
    client: KubernetesClient, namespace: str
) -> None:
    ref, seen = await made(client, CONFIG_MAP, namespace)
    again = await client.patch(ref, {"data": {"a": "b"}}, **fence(seen))

    assert again["metadata"]["resourceVersion"] == seen["metadata"]["resourceVersion"]


async def test_a_status_is_fenced_by_its_version(client: KubernetesClient, namespace: str) -> None:
    ref, seen = await made(client, RUN, namespace)
    body = {"status": {"phase": "Running"}}
    written = await client.patch(ref, body, subresource="status", **fence(seen))

    assert written["status"]["phase"] == "Running"
    with pytest.raises(errors.Conflict):
        await client.patch(ref, body, subresource="status", **fence(seen))


async def test_an_object_made_anew_is_neither_patched_nor_deleted_by_old_knowledge(
    client: KubernetesClient, namespace: str
) -> None:
    ref, old = await made(client, CONFIG_MAP, namespace)
    assert await client.delete(ref, uid=old["metadata"]["uid"])
    await made(client, CONFIG_MAP, namespace)

    with pytest.raises(errors.Conflict):
        await client.patch(ref, LABELLED, **fence(old))
    with pytest.raises(errors.Conflict):
        await client.delete(ref, **fence(old))
    with pytest.raises(errors.Conflict):
        await client.delete(ref, uid=old["metadata"]["uid"])
    assert await client.get(ref) is not None


async def test_a_deletion_needs_the_right_version_and_is_then_done_once(
    client: KubernetesClient, namespace: str
) -> None:
    ref, seen = await made(client, CONFIG_MAP, namespace)
    await client.patch(ref, LABELLED, **fence(seen))
    with pytest.raises(errors.Conflict):
        await client.delete(ref, **fence(seen))

    assert await client.delete(ref, uid=seen["metadata"]["uid"])
    assert not await client.delete(ref, uid=seen["metadata"]["uid"])
    assert await client.get(ref) is None


async def test_what_vanished_since_it_was_read_is_a_reason_to_look_again(
    client: KubernetesClient, namespace: str
) -> None:
    ref, seen = await made(client, CONFIG_MAP, namespace)
    await client.delete(ref, uid=seen["metadata"]["uid"])

    with pytest.raises(errors.Vanished):
        await client.patch(ref, LABELLED, **fence(seen))


@pytest.mark.parametrize("kind", SPECS, ids=str)
async def test_a_second_creation_is_told_from_a_conflict(
    client: KubernetesClient, namespace: str, kind: ResourceKind
) -> None:
    await made(client, kind, namespace)
    with pytest.raises(errors.AlreadyExists):
        await client.create(kind, namespace, manifest(kind, "one", **SPECS[kind]))


async def test_a_finalizer_list_is_replaced_as_a_whole_and_under_the_fence(
    client: KubernetesClient, namespace: str
) -> None:
    ref, seen = await made(client, POD, namespace)
    held = await client.patch(ref, {"metadata": {"finalizers": [names.FINALIZER_REPORT]}}, **fence(seen))
    assert held["metadata"]["finalizers"] == [names.FINALIZER_REPORT]
    with pytest.raises(errors.Conflict):
        await client.patch(ref, {"metadata": {"finalizers": []}}, **fence(seen))

    # A pod on no node goes at once when nothing holds it: what is left is held by the finalizer alone.
    assert await client.delete(ref, uid=seen["metadata"]["uid"])
    doomed = await settled(client, ref, is_doomed)
    more = {"metadata": {"finalizers": [names.FINALIZER_REPORT, f"{names.GROUP}/more"]}}
    with pytest.raises(errors.Invalid):
        await client.patch(ref, more, **fence(doomed))
    await client.patch(ref, {"metadata": {"finalizers": []}}, **fence(doomed))
    assert await client.get(ref) is None


async def test_a_missing_namespace_a_missing_kind_and_a_bad_field_are_terminal(
    client: KubernetesClient, namespace: str
) -> None:
    with pytest.raises(errors.NotFound):
        await client.create(CONFIG_MAP, "absent", manifest(CONFIG_MAP, "one"))
    with pytest.raises(errors.NotFound):
        await client.list(ResourceKind(names.GROUP, names.VERSION, "absents", "Absent"))
    with pytest.raises(errors.Invalid) as caught:
        await client.create(RUN, namespace, manifest(RUN, "one", spec={"desiredState": "Flying"}))

    assert {cause.field for cause in caught.value.causes} >= {"spec.desiredState", "spec.scenarioRef"}


async def test_a_terminating_namespace_takes_nothing_new(client: KubernetesClient, namespace: str) -> None:
    ref, seen = await made(client, CONFIG_MAP, namespace)
    await client.patch(ref, {"metadata": {"finalizers": [names.FINALIZER_REPORT]}}, **fence(seen))
    doomed = await client.get(Ref(NAMESPACE, None, namespace))
    assert doomed is not None
    await client.delete(Ref(NAMESPACE, None, namespace), uid=doomed["metadata"]["uid"])

    with pytest.raises(errors.Forbidden) as caught:
        await client.create(CONFIG_MAP, namespace, manifest(CONFIG_MAP, "late"))
    assert caught.value.reason == "NamespaceTerminating"

    held = await settled(client, ref, is_doomed)
    await client.patch(ref, {"metadata": {"finalizers": []}}, **fence(held))


async def test_pages_carry_one_version_that_no_item_exceeds(client: KubernetesClient, namespace: str) -> None:
    for number in range(7):
        await client.create(CONFIG_MAP, namespace, manifest(CONFIG_MAP, f"c{number}"))
    versions: set[str] = set()
    items: list[JsonObject] = []
    async for page in client.pages(CONFIG_MAP, namespace, limit=3):
        versions.add(page.resource_version)
        items.extend(page.items)
        if len(items) == 3:
            await client.create(CONFIG_MAP, namespace, manifest(CONFIG_MAP, "later"))

    assert len(versions) == 1
    assert "later" not in {item["metadata"]["name"] for item in items}
    assert all(int(item["metadata"]["resourceVersion"]) <= int(min(versions)) for item in items)
    assert {(item["apiVersion"], item["kind"]) for item in items} == {("v1", "ConfigMap")}


async def test_of_ten_racing_replaces_one_wins(client: KubernetesClient, namespace: str) -> None:
    ref = Ref(LEASE, namespace, "lease")
    await client.create(LEASE, namespace, manifest(LEASE, "lease", spec={"holderIdentity": ""}))
    seen = await client.get(ref)
    assert seen is not None

    results = await asyncio.gather(
        *(client.replace(ref, {**seen, "spec": {"holderIdentity": str(number)}}) for number in range(10)),
        return_exceptions=True,
    )

    assert sum(isinstance(result, dict) for result in results) == 1
    assert sum(isinstance(result, errors.Conflict) for result in results) == 9


async def test_events_are_accepted_and_repeats_are_not_stored(
    client: KubernetesClient, namespace: str
) -> None:
    _, run = await made(client, RUN, namespace)
    poster = EventPoster(client, controller=f"{names.GROUP}/operator", instance="test")
    for note in ("same", "same", "ü" * 5000):
        poster.post(run, "Warning", "Held", note)
    poster.drain()
    await poster.run()

    stored = await client.list(EVENT, namespace)
    assert sorted(event["note"][:4] for event in stored.items) == ["same", "üüüü"]
    assert stored.items[0]["regarding"]["uid"] == run["metadata"]["uid"]


async def test_discovery_knows_our_kinds_and_no_others(client: KubernetesClient) -> None:
    assert await client.served(names.GROUP, names.VERSION) >= set(names.PLURALS.values())
    assert await client.served("absent.example", "v1") == frozenset()


async def test_without_rights_the_refusal_names_the_missing_one(
    client: KubernetesClient, namespace: str, kubeconfig: Path
) -> None:
    account = ResourceKind("", "v1", "serviceaccounts", "ServiceAccount")
    await client.create(account, namespace, manifest(account, "powerless"))
    token = await asyncio.to_thread(
        bed, "kubectl", BED, "--", "-n", namespace, "create", "token", "powerless"
    )
    configuration = await connection.load(kubeconfig)
    configuration.cert_file = configuration.key_file = None
    configuration.api_key = {"BearerToken": f"Bearer {token.strip()}"}
    async with connect(configuration, version="test") as api:
        powerless = KubernetesClient(api, bucket=UNLIMITED)
        with pytest.raises(errors.Forbidden, match=r'cannot list resource "pods"'):
            await powerless.list(POD, namespace)
        configuration.api_key = {"BearerToken": "Bearer wrong"}
        with pytest.raises(errors.Unauthenticated):
            await powerless.list(POD, namespace)
