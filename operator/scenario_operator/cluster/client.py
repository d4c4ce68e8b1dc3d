"""The only code that sends requests to the API server, in dicts.

What callers may rely on: every write is fenced by what was read (uid, resourceVersion), passes the write
guard *after* a connection exists and before its first byte, is sent at most once and is never cancelled in
flight (8 of 18 cancelled writes were found to have landed). Whether an unanswered one was sent is known, not
guessed. The client must not know what its callers want: no defaults in manifests, no retries of writes, no
caches.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Literal, NamedTuple, Protocol

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from scenario_operator.api import names
from scenario_operator.cluster import errors
from scenario_operator.cluster.bucket import TokenBucket
from scenario_operator.cluster.clock import ServerClock
from scenario_operator.cluster.flight import Flight, WriteGuard, tracing, uncancelled
from scenario_operator.cluster.kinds import JsonObject, Ref, ResourceKind

Propagation = Literal["Background", "Foreground", "Orphan"]
_MERGE_PATCH: Final = "application/merge-patch+json"
_JSON: Final = "application/json"
_READ_ATTEMPTS: Final = 4
_LONGEST_READ_WAIT_SECONDS: Final = 10.0


class Listing(NamedTuple):
    """A consistent list: all pages carry one version."""

    items: tuple[JsonObject, ...]
    resource_version: str


class CallObserver(Protocol):
    """Told about every request; `code` is the HTTP status, or the name of the failure without one."""

    def __call__(self, verb: str, kind: str, code: str, seconds: float) -> None: ...


class Client(Protocol):
    """What the rest of the operator may ask of the API server."""

    async def get(self, ref: Ref) -> JsonObject | None:
        """Read one object live; None when it does not exist."""
        ...

    async def list(
        self,
        kind: ResourceKind,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        limit: int = 500,
    ) -> Listing:
        """Read all objects of a kind live, in pages of `limit`; no namespace means all."""
        ...

    async def create(
        self, kind: ResourceKind, namespace: str | None, manifest: Mapping[str, Any]
    ) -> JsonObject:
        """POST; raises `AlreadyExists`. The answer's version is stale at once: read before the next write."""
        ...

    async def patch(
        self,
        ref: Ref,
        body: Mapping[str, Any],
        *,
        uid: str,
        resource_version: str,
        subresource: str | None = None,
    ) -> JsonObject:
        """Merge-patch the object that was read, or raise `Conflict`. Lists are replaced as a whole."""
        ...

    async def replace(self, ref: Ref, manifest: Mapping[str, Any]) -> JsonObject:
        """PUT a manifest that carries the resourceVersion it was read with."""
        ...

    async def delete(
        self,
        ref: Ref,
        *,
        uid: str,
        resource_version: str | None = None,
        propagation: Propagation = "Background",
    ) -> bool:
        """Delete that very object; False when it was gone already, `Conflict` when the name is another's."""
        ...


class KubernetesClient:
    """`Client` over `kubernetes.aio`; several may share one connection pool (`connect`)."""

    def __init__(
        self,
        api: ApiClient,
        *,
        bucket: TokenBucket,
        guard: WriteGuard | None = None,
        observe: CallObserver | None = None,
        clock: ServerClock | None = None,
        read_timeout_seconds: float = 30.0,
        write_timeout_seconds: float = 10.0,
    ) -> None:
        self._api = api
        self._bucket = bucket
        self._guard = guard
        self._observe = observe
        self._clock = clock or ServerClock()
        self._read_timeout = aiohttp.ClientTimeout(total=read_timeout_seconds, connect=5)
        self._write_timeout = aiohttp.ClientTimeout(total=write_timeout_seconds, connect=5)

    async def get(self, ref: Ref) -> JsonObject | None:
        try:
            return await self._read("get", ref.kind, ref.path, [])
        except errors.NotFound:
            return None

    async def list(
        self,
        kind: ResourceKind,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        limit: int = 500,
    ) -> Listing:
        items: list[JsonObject] = []
        version = ""
        async for page in self.pages(
            kind, namespace, label_selector=label_selector, field_selector=field_selector, limit=limit
        ):
            items.extend(page.items)
            version = page.resource_version
        return Listing(tuple(items), version)

    async def pages(
        self,
        kind: ResourceKind,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        limit: int = 500,
    ) -> AsyncIterator[Listing]:
        """The pages of `list` one by one, for callers that need not hold them all at once."""
        query = [("limit", str(limit))]
        if label_selector:
            query.append(("labelSelector", label_selector))
        if field_selector:
            query.append(("fieldSelector", field_selector))
        typed = {"apiVersion": kind.api_version, "kind": kind.kind}
        token = ""
        while True:
            page_query = [*query, ("continue", token)] if token else query
            page = await self._read("list", kind, kind.path(namespace), page_query)
            metadata = page["metadata"]
            # Items of a list carry no type; objects read one by one and watched ones do.
            items = tuple({**typed, **item} for item in page.get("items") or ())
            yield Listing(items, str(metadata["resourceVersion"]))
            token = metadata.get("continue") or ""
            if not token:
                return

    async def create(
        self, kind: ResourceKind, namespace: str | None, manifest: Mapping[str, Any]
    ) -> JsonObject:
        return await self._write("create", "POST", kind, kind.path(namespace), manifest)

    async def patch(
        self,
        ref: Ref,
        body: Mapping[str, Any],
        *,
        uid: str,
        resource_version: str,
        subresource: str | None = None,
    ) -> JsonObject:
        metadata = {**body.get("metadata", {}), "resourceVersion": resource_version}
        if subresource != "status":  # there, the server ignores a uid: only the version fences
            metadata["uid"] = uid
        path = ref.kind.path(ref.namespace, ref.name, subresource)
        verb = f"patch_{subresource}" if subresource else "patch"
        with _vanishing():
            return await self._write(
                verb, "PATCH", ref.kind, path, {**body, "metadata": metadata}, _MERGE_PATCH
            )

    async def replace(self, ref: Ref, manifest: Mapping[str, Any]) -> JsonObject:
        if not manifest["metadata"].get("resourceVersion"):
            raise ValueError("a replace without a resourceVersion would overwrite blindly")
        with _vanishing():
            return await self._write("update", "PUT", ref.kind, ref.path, manifest)

    async def delete(
        self,
        ref: Ref,
        *,
        uid: str,
        resource_version: str | None = None,
        propagation: Propagation = "Background",
    ) -> bool:
        preconditions = {"uid": uid}
        if resource_version is not None:
            preconditions["resourceVersion"] = resource_version
        options = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": propagation,
            "preconditions": preconditions,
        }
        try:
            await self._write("delete", "DELETE", ref.kind, ref.path, options)
        except errors.NotFound:
            return False
        return True

    async def served(self, group: str, version: str) -> frozenset[str]:
        """The plurals that discovery lists for one API group and version; empty when it is unknown."""
        resources = ResourceKind(group, version, "", "APIResourceList")
        try:
            found = await self._read("discover", resources, f"/apis/{group}/{version}", [])
        except errors.NotFound:
            return frozenset()
        return frozenset(resource["name"] for resource in found.get("resources") or ())

    async def _read(
        self, verb: str, kind: ResourceKind, path: str, query: Sequence[tuple[str, str]]
    ) -> JsonObject:
        """GET; a 429 is waited out a few times because a read repeated is still the same read."""
        for attempt in range(1, _READ_ATTEMPTS + 1):
            await self._bucket.take()
            try:
                return await self._send(verb, "GET", kind, path, query, None, _JSON)
            except errors.TooManyRequests as refused:
                if attempt == _READ_ATTEMPTS or refused.retry_after_seconds > _LONGEST_READ_WAIT_SECONDS:
                    raise
                await asyncio.sleep(refused.retry_after_seconds)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _write(
        self,
        verb: str,
        method: str,
        kind: ResourceKind,
        path: str,
        body: Mapping[str, Any],
        content_type: str = _JSON,
    ) -> JsonObject:
        query = [] if method == "DELETE" else [("fieldManager", names.FIELD_MANAGER)]
        await self._bucket.take()
        return await uncancelled(self._send(verb, method, kind, path, query, dict(body), content_type))

    async def _send(
        self,
        verb: str,
        method: str,
        kind: ResourceKind,
        path: str,
        query: Sequence[tuple[str, str]],
        body: JsonObject | None,
        content_type: str,
    ) -> JsonObject:
        """One request and its answer, with every failure wrapped and every outcome observed."""
        mutating = method != "GET"
        context = f"{verb} {path}"
        flight = Flight(self._guard if mutating else None, once=mutating)
        started, sent = time.perf_counter(), self._clock.now()
        code = "lost"
        try:
            with flight.under_way(context):
                # The body goes around param_serialize, which would copy it recursively.
                method, url, headers, _, _ = await self._api.param_serialize(
                    method,
                    path,
                    query_params=list(query),
                    header_params={"Accept": _JSON, "Content-Type": content_type},
                    auth_settings=["BearerToken"],
                )
                timeout = self._write_timeout if mutating else self._read_timeout
                response = await self._api.call_api(method, url, headers, body, _request_timeout=timeout)
                payload: bytes = await response.read()
                status: int = response.status
            code = str(status)
            self._clock.heard(response.headers.get("Date"), sent)
            if status < 500 and status != 429:
                self._clock.reached()
            if status >= 300:
                raise errors.from_response(status, response.headers, payload, context=context)
            return _parse(payload, context)
        except errors.ClusterError as error:
            code = type(error).__name__ if code == "lost" else code
            raise
        finally:
            if self._observe is not None:
                self._observe(verb, kind.kind, code, time.perf_counter() - started)


def _parse(payload: bytes, context: str) -> JsonObject:
    try:
        parsed = json.loads(payload)
    except ValueError as error:
        raise errors.ServerError(f"{context}: the answer is not JSON: {payload[:200]!r}") from error
    if not isinstance(parsed, dict):
        raise errors.ServerError(f"{context}: the answer is not an object")
    return parsed


@contextmanager
def _vanishing() -> Iterator[None]:
    """A 404 on something that was read is a reason to look again, not a missing kind."""
    try:
        yield
    except errors.NotFound as error:
        raise errors.Vanished(str(error)) from error


@asynccontextmanager
async def connect(
    configuration: Configuration, *, version: str, suffix: str = "", connections: int = 64
) -> AsyncIterator[ApiClient]:
    """Open the connection pool that all clients of this process share.

    `suffix` tells processes of one version apart in audit logs. Raises `Terminal("NoCluster")` when its
    certificates cannot be read.
    """
    configuration.trace_configs = [tracing()]
    configuration.connection_pool_maxsize = connections
    try:
        api = ApiClient(configuration)
    except OSError as error:
        raise errors.Terminal("NoCluster", f"cannot load the API server's certificates: {error}") from error
    api.user_agent = f"scenario-operator/{version}{suffix}"
    async with api:
        yield api
