"""What is looked at beside the end of a run: everything that happened on the way, and the world without its clocks.

The witness watches the real server, past the proxy, so no fault can hide anything from it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import aiohttp

from tests.harness.faults import Upstream

JsonObject = dict[str, Any]
GROUP: Final = "scenarios.dev"
_OWN = f"/apis/{GROUP}/v1alpha1"
COLLECTIONS: Final = {
    "Scenario": f"{_OWN}/namespaces/%s/scenarios",
    "ScenarioRun": f"{_OWN}/namespaces/%s/scenarioruns",
    "ScenarioUpgrade": f"{_OWN}/namespaces/%s/scenarioupgrades",
    "StatefulSet": "/apis/apps/v1/namespaces/%s/statefulsets",
    "ControllerRevision": "/apis/apps/v1/namespaces/%s/controllerrevisions",
    "Pod": "/api/v1/namespaces/%s/pods",
    "PersistentVolumeClaim": "/api/v1/namespaces/%s/persistentvolumeclaims",
    "ConfigMap": "/api/v1/namespaces/%s/configmaps",
    "Job": "/apis/batch/v1/namespaces/%s/jobs",
}
_BUSY = (429, 500, 503, 504)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WAITED_FOR = re.compile(r"(?<=passed waiting for )[^;\"]+")
"""How far a step was when its time was up is a matter of timing."""
_VOLATILE_METADATA = ("resourceVersion", "creationTimestamp", "managedFields", "generation", "uid")
# Sequence numbers of attempts may have gaps: one is spent before its attempt is created, so that none is used twice.
_VOLATILE_STATUS = ("observedGeneration", "stateAgeSeconds", "lastUpgradeSequence")
_RANDOM = (
    *("podIP", "podIPs", "containerID", "controller-revision-hash", "currentRevision", "updateRevision"),
    *("controller-uid", "batch.kubernetes.io/controller-uid", "volumeName"),
)


class Api:
    """Plain requests to the real server."""

    def __init__(self, upstream: Upstream, session: aiohttp.ClientSession) -> None:
        self._server, self._session = upstream.server, session

    async def call(
        self, method: str, path: str, body: Any = None, content: str = "application/json"
    ) -> JsonObject:
        """Send one request, again when the server is busy; raises `AssertionError` with its words on a refusal."""
        data = None if body is None else json.dumps(body)
        # Long answers would come compressed, and the session leaves them as they come.
        headers = {"Content-Type": content, "User-Agent": "test", "Accept-Encoding": "identity"}
        for _ in range(20):
            async with self._session.request(
                method, self._server + path, data=data, headers=headers
            ) as answer:
                text = await answer.text()
                if answer.status != 429:
                    break
            await asyncio.sleep(1)
        assert answer.status < 300, f"{method} {path}: {text}"
        found: JsonObject = json.loads(text)
        return found

    async def items(self, path: str) -> list[JsonObject]:
        """Return the objects of a collection."""
        found: list[JsonObject] = (await self.call("GET", path)).get("items") or []
        return found

    async def apply(self, namespace: str, *objects: Mapping[str, Any]) -> None:
        """Apply objects as a user does."""
        for obj in objects:
            path = COLLECTIONS[obj["kind"]] % namespace
            query = "fieldManager=test&force=true"
            url = f"{path}/{obj['metadata']['name']}?{query}"
            await self.call("PATCH", url, obj, "application/apply-patch+yaml")

    async def events(self, path: str, version: str = "") -> AsyncIterator[JsonObject]:
        """Watch a collection for ever and without gaps, from a version of it on or from now on."""
        from_now_on = not version
        while True:
            version = version or (await self.call("GET", f"{path}?limit=1"))["metadata"]["resourceVersion"]
            url = f"{self._server}{path}?watch=true&resourceVersion={version}&allowWatchBookmarks=true"
            with suppress(aiohttp.ClientError):
                async for line in self._stream(url):
                    event: JsonObject = json.loads(line)
                    if from_now_on and event["type"] == "ERROR" and event["object"]["code"] == 410:
                        # A server that has just begun to serve a kind is younger than its own list.
                        version = ""
                        break
                    assert event["type"] != "ERROR", event
                    from_now_on = False
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        yield event
            await asyncio.sleep(0.2)

    async def _stream(self, url: str) -> AsyncIterator[bytes]:
        """Return the lines of one watch; none when the server is too busy to begin it."""
        async with self._session.get(url) as answer:
            if answer.status != 200:
                text = await answer.text()
                assert answer.status in _BUSY, f"GET {url}: {answer.status} {text}"
                return
            async for line in answer.content:
                yield line


@dataclass
class Testimony:
    """What happened to one run."""

    __test__: ClassVar = False  # pytest takes it for a class of tests

    hooks: Counter[str] = field(default_factory=Counter)
    """How many pods of each hook Job ran to success; digests in names are left out."""
    claims_deleted: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    """The versions that `applied` named, one after the other."""
    _living: dict[str, str] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    _facts: dict[str, str] = field(default_factory=dict)
    _journal: JsonObject = field(default_factory=dict)

    def pod(self, kind: str, obj: JsonObject) -> None:
        """Take in an event of a pod."""
        uid, labels = obj["metadata"]["uid"], obj["metadata"].get("labels") or {}
        phase = (obj.get("status") or {}).get("phase", "")
        job = labels.get("batch.kubernetes.io/job-name")
        if job:
            if phase == "Succeeded" and uid not in self._told:
                self._told.add(uid)
                self.hooks[job.rpartition("-")[0]] += 1
        elif labels.get(f"{GROUP}/component") == "workload":
            if kind == "DELETED" or phase in ("Succeeded", "Failed"):
                self._living.pop(uid, None)
            else:
                self._living[uid] = obj["metadata"]["name"]
            if len(self._living) > 1:
                self.violations.append(f"two live pods: {sorted(self._living.values())}")

    def claim(self, kind: str, obj: JsonObject) -> None:
        """Take in an event of a claim."""
        if kind == "DELETED":
            self.claims_deleted[obj["metadata"]["name"]] += 1

    def run(self, obj: JsonObject) -> None:
        """Take in a version of the run: facts and times never change, nor go while their journal is open."""
        status = obj.get("status") or {}
        version = (status.get("applied") or {}).get("version", "none")
        if self.versions[-1:] != [version]:
            self.versions.append(version)
        journal = status.get("upgrade") or {}
        if journal.get("id") != self._journal.get("id"):
            self._closed(status)
            self._facts = {}
        facts = _lasting(journal)
        for name, value in self._facts.items():
            if facts.get(name) != value:
                self.violations.append(f"{name} was {value} and is {facts.get(name)}")
        self._journal, self._facts = journal, self._facts | facts
        grants = [h["grantID"] for h in status.get("history") or () if h.get("grantID")]
        if len(set(grants)) != len(grants):
            self.violations.append(f"a grant was returned twice: {grants}")

    def _closed(self, status: JsonObject) -> None:
        """Look at the end of a journal: what it says of the past is what the journal said."""
        journal, entry = self._journal, (status.get("history") or [{}])[0]
        if not journal.get("grantID"):
            return
        told = entry.get("grantID"), entry.get("startTime")
        if told != (journal["grantID"], journal["openedAt"]):
            self.violations.append(f"{journal['grantID']} of {journal['openedAt']} ended as {told}")
        window = self._facts.get("the fact window")
        committed = (status.get("applied") or {}).get("revision") == journal["toRevision"]
        if window and committed and _bounds(json.loads(window)) != _bounds(status["window"]):
            self.violations.append(f"the window {window} became {status['window']}")


def _lasting(journal: JsonObject) -> dict[str, str]:
    """Return what is written into a journal once."""
    found = {f"the fact {f['name']}": f["value"] for f in journal.get("facts") or ()}
    found |= {f"the beginning of {b['id']}": b["at"] for b in journal.get("begun") or ()}
    return found | ({"the opening": journal["openedAt"]} if journal else {})


def _bounds(window: JsonObject) -> list[str]:
    """Return the bounds that a window has, whatever their names look like and whichever are left out."""
    return sorted(f"{name.replace('_', '').lower()} {bound}" for name, bound in window.items() if bound)


class Witness:
    """Watches pods, claims and runs of all namespaces."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._testimonies: defaultdict[tuple[str, str], Testimony] = defaultdict(Testimony)

    def hear(self, namespace: str, run: str = "r") -> Testimony:
        """Return what has been seen of a run."""
        return self._testimonies[namespace, run]

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[Witness]:
        """Watch for as long as the block lasts."""
        paths = ("/api/v1/pods", "/api/v1/persistentvolumeclaims", f"{_OWN}/scenarioruns")
        tasks = [asyncio.create_task(self._watch(path)) for path in paths]
        try:
            yield self
            for task in tasks:
                assert not task.done(), task.exception()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, path: str) -> None:
        async for event in self._api.events(path):
            obj = event["object"]
            metadata = obj["metadata"]
            own = obj["kind"] == "ScenarioRun"
            run = metadata["name"] if own else (metadata.get("labels") or {}).get(f"{GROUP}/run", "")
            testimony = self.hear(metadata["namespace"], run)
            match obj["kind"]:
                case "Pod":
                    testimony.pod(event["type"], obj)
                case "PersistentVolumeClaim":
                    testimony.claim(event["type"], obj)
                case _:
                    testimony.run(obj)


class Audit:
    """The server's own log: which deletions of claims it accepted from an operator, by namespace."""

    def __init__(self, path: Path) -> None:
        self._file = path.open()
        self._file.seek(0, os.SEEK_END)
        self._rest = ""
        self._deleted: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def claims_deleted(self, namespace: str) -> Counter[str]:
        """Return the accepted deletions of claims that an operator asked for."""
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            if '"persistentvolumeclaims"' in line and '"verb":"delete"' in line:
                entry = json.loads(line)
                if (
                    entry["userAgent"].startswith("scenario-operator")
                    and entry["responseStatus"]["code"] < 300
                ):
                    self._deleted[entry["objectRef"]["namespace"]][entry["objectRef"]["name"]] += 1
        return self._deleted[namespace]

    def close(self) -> None:
        """Close the log."""
        self._file.close()


async def snapshot(
    api: Api, namespace: str, kinds: Iterable[str] = tuple(COLLECTIONS)
) -> dict[str, JsonObject]:
    """Return everything in a namespace, or some kinds of it, by `Kind/name`."""
    found: dict[str, JsonObject] = {}
    for kind in kinds:
        for obj in await api.items(COLLECTIONS[kind] % namespace):
            if not _not_ours(kind, obj):
                found[f"{kind}/{obj['metadata']['name']}"] = obj
    return found


def _not_ours(kind: str, obj: JsonObject) -> bool:
    """Leave out what Kubernetes itself keeps in a namespace."""
    if kind == "ControllerRevision":
        return any(o["kind"] == "StatefulSet" for o in obj["metadata"].get("ownerReferences") or ())
    return kind == "ConfigMap" and obj["metadata"]["name"] == "kube-root-ca.crt"


def timeless(world: Mapping[str, JsonObject], namespace: str) -> dict[str, JsonObject]:
    """Return a snapshot without clocks, versions and random identities, so that two clusters can be compared."""
    uids = {obj["metadata"]["uid"]: f"<uid of {name}>" for name, obj in world.items()}
    attempts = _attempts(world)

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in (*_VOLATILE_STATUS, *_RANDOM)}
        if isinstance(value, list):
            return [plain(v) for v in value]
        if isinstance(value, str):
            text = _UID.sub(lambda m: uids.get(m[0], "<uid>"), _TIME.sub("<time>", value))
            text = _WAITED_FOR.sub("<something>", text)
            for name, nth in attempts.items():
                text = re.sub(rf"(?<![\w-]){name}(?![\w-])", nth, text)
            return text.replace(namespace, "<namespace>")
        return value

    return {_plain_name(plain(name)): _plain_object(plain(obj)) for name, obj in world.items()}


def _attempts(world: Mapping[str, JsonObject]) -> dict[str, str]:
    """Return, for each pattern of an attempt's name, one that only says which one it is.

    The id of a grant has the beginning of its attempt's uid behind the name; that of another attempt stays as it is.
    """
    names = [name.split("/")[1] for name in world if name.startswith("ScenarioUpgrade/")]
    names.sort(key=lambda name: int(name.rpartition("-")[2]))
    plain: dict[str, str] = {}
    for i, name in enumerate(names, 1):
        uid = world[f"ScenarioUpgrade/{name}"]["metadata"]["uid"]
        plain[rf"{re.escape(name)}(?:\.{uid.split('-')[0]}(?=\.))?"] = f"<attempt {i}>"
    return plain


def _plain_name(name: str) -> str:
    return re.sub(r"-[0-9a-f]{10}$", "-*", name)


def _plain_object(obj: JsonObject) -> JsonObject:
    metadata = {k: v for k, v in obj["metadata"].items() if k not in _VOLATILE_METADATA}
    return {**obj, "metadata": metadata}


def differences(expected: Any, seen: Any, path: str = "") -> Iterable[str]:
    """Say where two snapshots differ."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        for key in sorted(expected.keys() | seen.keys()):
            yield from differences(expected.get(key, "-"), seen.get(key, "-"), f"{path}.{key}")
    elif isinstance(expected, list) and isinstance(seen, list) and len(expected) == len(seen):
        for index, (one, other) in enumerate(zip(expected, seen, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif expected != seen:
        yield f"{path}: {_short(expected)} became {_short(seen)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 300 else f"{text[:300]}…"
