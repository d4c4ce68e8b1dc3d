"""The client: what goes over the wire, and what every failure turns into."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from tests.unit.cluster.fake_api import (
    FakeApi,
    client_of,
    fake_api,
    hang_up,
    late,
    ok,
    refusal,
    text,
)

from scenario_operator.cluster import errors
from scenario_operator.cluster.client import KubernetesClient
from scenario_operator.cluster.kinds import CONFIG_MAP, LEASE, POD, RUN, Ref

REF = Ref(RUN, "ns", "r")
RUNS = "/apis/scenarios.dev/v1alpha1/namespaces/ns/scenarioruns"
MERGE_PATCH = "application/merge-patch+json"


class Guard:
    """A lease that is lost when a test says so."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)

    def holds(self) -> bool:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with fake_api() as server:
        yield server


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[KubernetesClient]:
    async with client_of(api.url) as made:
        yield made


async def patch(client: KubernetesClient, **more: Any) -> Any:
    return await client.patch(REF, {"spec": {"hold": "x"}}, uid="u", resource_version="7", **more)


# --- What is sent ------------------------------------------------------------------------------------------------


async def test_a_patch_carries_uid_and_version(api: FakeApi, client: KubernetesClient) -> None:
    await patch(client)

    asked = api.asked[0]
    assert (asked.method, asked.path) == ("PATCH", f"{RUNS}/r")
    assert asked.headers["Content-Type"] == MERGE_PATCH
    assert asked.query == {"fieldManager": "scenario-operator"}
    assert asked.body == {"spec": {"hold": "x"}, "metadata": {"uid": "u", "resourceVersion": "7"}}


async def test_a_patch_keeps_the_metadata_it_is_about(api: FakeApi, client: KubernetesClient) -> None:
    await client.patch(REF, {"metadata": {"finalizers": ["f"]}}, uid="u", resource_version="7")

    assert api.asked[0].body["metadata"] == {"finalizers": ["f"], "uid": "u", "resourceVersion": "7"}


async def test_a_status_patch_is_fenced_by_its_version_alone(api: FakeApi, client: KubernetesClient) -> None:
    await patch(client, subresource="status")

    assert api.asked[0].path == f"{RUNS}/r/status"
    assert api.asked[0].body["metadata"] == {"resourceVersion": "7"}


async def test_a_deletion_has_preconditions_and_happens_in_the_background(
    api: FakeApi, client: KubernetesClient
) -> None:
    assert await client.delete(REF, uid="u", resource_version="7")

    assert api.asked[0].body == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "propagationPolicy": "Background",
        "preconditions": {"uid": "u", "resourceVersion": "7"},
    }


async def test_we_say_who_we_are(api: FakeApi, client: KubernetesClient) -> None:
    await client.create(CONFIG_MAP, "ns", {"metadata": {"name": "c"}})

    assert api.asked[0].headers["User-Agent"] == "scenario-operator/1.2.3 test"
    assert api.asked[0].query == {"fieldManager": "scenario-operator"}
    assert (api.asked[0].method, api.asked[0].path) == ("POST", "/api/v1/namespaces/ns/configmaps")


async def test_a_replace_needs_the_version_it_was_read_with(api: FakeApi, client: KubernetesClient) -> None:
    lease = Ref(LEASE, "ns", "l")
    with pytest.raises(ValueError, match="blindly"):
        await client.replace(lease, {"metadata": {"name": "l"}})
    await client.replace(lease, {"metadata": {"name": "l", "resourceVersion": "3"}})

    assert [asked.method for asked in api.asked] == ["PUT"]


async def test_a_list_takes_all_pages_and_types_its_items(api: FakeApi, client: KubernetesClient) -> None:
    api.will(
        ok(
            {"metadata": {"resourceVersion": "9", "continue": "more"}, "items": [{"metadata": {"name": "a"}}]}
        ),
        ok({"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "b"}}]}),
    )

    listing = await client.list(POD, label_selector="a=b", field_selector="c=d", limit=1)

    assert listing.resource_version == "9"
    assert [(item["kind"], item["metadata"]["name"]) for item in listing.items] == [
        ("Pod", "a"),
        ("Pod", "b"),
    ]
    assert [asked.query for asked in api.asked] == [
        {"limit": "1", "labelSelector": "a=b", "fieldSelector": "c=d"},
        {"limit": "1", "labelSelector": "a=b", "fieldSelector": "c=d", "continue": "more"},
    ]
    assert {asked.path for asked in api.asked} == {"/api/v1/pods"}


async def test_names_are_quoted(api: FakeApi, client: KubernetesClient) -> None:
    await client.get(Ref(POD, None, "a/b"))

    assert api.asked[0].path == "/api/v1/pods/a/b"  # as decoded by the server: one segment "a%2Fb"


# --- What answers turn into --------------------------------------------------------------------------------------


async def test_what_is_absent_reads_as_none_and_deletes_as_done(
    api: FakeApi, client: KubernetesClient
) -> None:
    api.will(refusal(404, "NotFound"), refusal(404, "NotFound"))

    assert await client.get(REF) is None
    assert not await client.delete(REF, uid="u")


async def test_a_patch_of_something_gone_is_a_reason_to_look_again(
    api: FakeApi, client: KubernetesClient
) -> None:
    api.will(refusal(404, "NotFound"))
    with pytest.raises(errors.Vanished):
        await patch(client)


UID: dict[str, Any] = {
    "details": {"causes": [{"field": "metadata.uid", "reason": "FieldValueInvalid", "message": "m"}]}
}
FIELD: dict[str, Any] = {
    "details": {"causes": [{"field": "spec.x", "reason": "FieldValueInvalid", "message": "m"}]}
}
ENDING: dict[str, Any] = {"details": {"causes": [{"reason": "NamespaceTerminating", "message": "m"}]}}


@pytest.mark.parametrize(
    ("code", "reason", "status", "expected"),
    [
        (409, "Conflict", {}, errors.Conflict),
        (409, "AlreadyExists", {}, errors.AlreadyExists),
        (422, "Invalid", UID, errors.Conflict),
        (422, "Invalid", FIELD, errors.Invalid),
        (400, "BadRequest", {}, errors.Invalid),
        (403, "Forbidden", {}, errors.Forbidden),
        (404, "NotFound", {}, errors.NotFound),
        (401, "Unauthorized", {}, errors.Unauthenticated),
        (410, "Expired", {}, errors.Gone),
        (429, "TooManyRequests", {}, errors.TooManyRequests),
        (405, "MethodNotAllowed", {}, errors.Rejected),
        (500, "InternalError", {}, errors.ServerError),
        (504, "Timeout", {}, errors.ServerError),
    ],
)
async def test_every_refusal_has_one_meaning(
    api: FakeApi,
    client: KubernetesClient,
    code: int,
    reason: str,
    status: dict[str, Any],
    expected: type[errors.ClusterError],
) -> None:
    api.will(refusal(code, reason, **status))
    with pytest.raises(errors.ClusterError) as caught:
        await client.create(RUN, "ns", {})

    assert type(caught.value) is expected


async def test_an_invalid_object_names_the_fields_to_fix(api: FakeApi, client: KubernetesClient) -> None:
    api.will(refusal(422, "Invalid", **FIELD))
    with pytest.raises(errors.Invalid) as caught:
        await client.create(RUN, "ns", {})

    assert caught.value.reason == "Invalid"
    assert caught.value.causes == (errors.StatusCause("spec.x", "FieldValueInvalid", "m"),)


async def test_a_terminating_namespace_is_told_from_missing_rights(
    api: FakeApi, client: KubernetesClient
) -> None:
    api.will(refusal(403, "Forbidden", **ENDING))
    with pytest.raises(errors.Forbidden) as caught:
        await client.create(RUN, "ns", {})

    assert caught.value.reason == "NamespaceTerminating"


async def test_an_answer_that_is_not_json_is_the_servers_fault(
    api: FakeApi, client: KubernetesClient
) -> None:
    api.will(text(200, "<html>"), text(502, "Bad Gateway"))
    with pytest.raises(errors.ServerError, match="not JSON"):
        await client.get(REF)
    with pytest.raises(errors.ServerError, match="Bad Gateway"):
        await client.get(REF)


# --- Retries -----------------------------------------------------------------------------------------------------


async def test_a_read_waits_when_asked_to(api: FakeApi, client: KubernetesClient) -> None:
    api.will(refusal(429, headers={"Retry-After": "0"}), ok({"metadata": {}}))

    assert await client.get(REF) == {"metadata": {}}
    assert len(api.asked) == 2


async def test_a_read_does_not_wait_for_ever(api: FakeApi, client: KubernetesClient) -> None:
    api.will(refusal(429, headers={"Retry-After": "60"}))
    with pytest.raises(errors.TooManyRequests) as caught:
        await client.get(REF)

    assert caught.value.retry_after_seconds == 60.0
    assert len(api.asked) == 1


async def test_a_write_is_never_repeated(api: FakeApi, client: KubernetesClient) -> None:
    api.will(refusal(429, headers={"Retry-After": "0"}))
    with pytest.raises(errors.TooManyRequests):
        await patch(client)

    assert len(api.asked) == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda client: client.replace(REF, {"metadata": {"resourceVersion": "1"}}),
        lambda client: client.delete(REF, uid="u"),
        lambda client: client.create(RUN, "ns", {}),
        lambda client: client.patch(REF, {}, uid="u", resource_version="1"),
    ],
    ids=["replace", "delete", "create", "patch"],
)
async def test_a_write_on_a_connection_that_breaks_is_sent_once(
    api: FakeApi, client: KubernetesClient, write: Callable[[KubernetesClient], Awaitable[Any]]
) -> None:
    """aiohttp repeats PUT and DELETE on its own when a kept-alive connection breaks."""
    await client.get(REF)
    api.will(hang_up())
    with pytest.raises(errors.AnswerLost) as caught:
        await write(client)

    assert caught.value.may_have_landed
    assert len(api.asked) == 2


async def test_a_read_on_a_connection_that_breaks_is_repeated(api: FakeApi, client: KubernetesClient) -> None:
    await client.get(REF)
    api.will(hang_up(), ok({"metadata": {}}))

    assert await client.get(REF) == {"metadata": {}}


# --- Silence -----------------------------------------------------------------------------------------------------


async def test_no_answer_in_time_means_that_it_may_have_landed(api: FakeApi) -> None:
    api.will(late(0.5, {}))
    async with client_of(api.url, timeout_seconds=0.1) as client:
        with pytest.raises(errors.AnswerLost) as caught:
            await patch(client)

    assert caught.value.may_have_landed
    assert len(api.asked) == 1


async def test_no_connection_means_that_nothing_was_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with client_of(url) as client:
            with pytest.raises(errors.Unreachable) as caught:
                await patch(client)

    assert not caught.value.may_have_landed


async def test_a_connection_that_never_opens_means_that_nothing_was_sent() -> None:
    """A TLS handshake that is never answered."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        async with client_of(url, timeout_seconds=0.1) as client:
            with pytest.raises(errors.Unreachable):
                await patch(client)


# --- The lease ---------------------------------------------------------------------------------------------------


async def test_without_the_lease_reads_pass_and_writes_do_not(api: FakeApi) -> None:
    async with client_of(api.url, guard=Guard(False)) as client:
        await client.get(REF)
        with pytest.raises(errors.LeaseLost):
            await patch(client)
        with pytest.raises(errors.LeaseLost):
            await client.create(RUN, "ns", {})
        with pytest.raises(errors.LeaseLost):
            await client.delete(REF, uid="u")

    assert [asked.method for asked in api.asked] == ["GET"]


async def test_a_lease_lost_while_connecting_stops_the_write(api: FakeApi) -> None:
    """The process may be frozen at any time before the first byte."""

    class Thawing:
        connected = False

        def holds(self) -> bool:
            assert self.connected, "asked before there was a connection"
            return False

    guard = Thawing()
    async with client_of(api.url, guard=guard) as client:
        session = client._api.rest_client
        pool = session.pool_manager = session._create_pool_manager()
        connector = pool.connector
        assert connector is not None
        connect = connector.connect

        async def slow(*args: Any, **kwargs: Any) -> Any:
            made = await connect(*args, **kwargs)
            guard.connected = True
            return made

        connector.connect = slow
        with pytest.raises(errors.LeaseLost):
            await patch(client)

    assert api.asked == []


async def test_the_lease_is_asked_once_per_write(api: FakeApi) -> None:
    async with client_of(api.url, guard=Guard(True, False)) as client:
        await patch(client)
        with pytest.raises(errors.LeaseLost):
            await patch(client)

    assert len(api.asked) == 1


# --- Cancellation ------------------------------------------------------------------------------------------------


async def test_a_write_in_flight_outlives_its_cancelled_caller(api: FakeApi) -> None:
    api.will(late(0.1, {}))
    codes: list[str] = []
    async with client_of(api.url, observe=lambda _v, _k, code, _s: codes.append(code)) as client:
        task = asyncio.create_task(patch(client))
        await api.has_asked.wait()
        task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert codes == ["200"]


async def test_a_read_can_be_cancelled(api: FakeApi, client: KubernetesClient) -> None:
    api.will(late(5, {}))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.get(REF)


async def test_a_time_limit_around_a_write_takes_effect_after_its_answer(
    api: FakeApi, client: KubernetesClient
) -> None:
    api.will(late(0.1, {}))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await patch(client)

    assert len(api.asked) == 1


# --- Measuring ---------------------------------------------------------------------------------------------------


async def test_every_call_is_observed_with_its_outcome(api: FakeApi) -> None:
    seen: list[tuple[str, str, str]] = []
    api.will(ok({"metadata": {}}), refusal(409, "Conflict"), hang_up())
    async with client_of(
        api.url, observe=lambda verb, kind, code, _s: seen.append((verb, kind, code))
    ) as client:
        await client.get(REF)
        with pytest.raises(errors.Conflict):
            await patch(client, subresource="status")
        with pytest.raises(errors.AnswerLost):
            await patch(client)

    assert seen == [
        ("get", "ScenarioRun", "200"),
        ("patch_status", "ScenarioRun", "409"),
        ("patch", "ScenarioRun", "AnswerLost"),
    ]


async def test_discovery_lists_plurals_and_an_unknown_group_has_none(
    api: FakeApi, client: KubernetesClient
) -> None:
    api.will(
        ok({"resources": [{"name": "scenarios"}, {"name": "scenarios/status"}]}), refusal(404, "NotFound")
    )

    assert await client.served("g", "v") == {"scenarios", "scenarios/status"}
    assert await client.served("g", "v") == frozenset()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"details": {"causes": ["x"]}}',
        b'{"details": {"causes": 5}}',
        b'{"details": {"causes": [{"field": null, "message": {}}]}}',
        b'{"details": [], "message": 7, "reason": {}}',
        b"\xff",
    ],
    ids=lambda body: str(body[:40]),
)
@pytest.mark.parametrize("code", [400, 403, 404, 409, 422, 429, 500])
def test_a_refusal_that_no_api_server_writes_is_a_refusal_all_the_same(body: bytes, code: int) -> None:
    """Given whatever a proxy in between has answered, then the code says what to do, and nothing else is raised."""
    assert isinstance(errors.from_response(code, {}, body, context="GET r"), errors.ClusterError)
