"""A small asynchronous Kubernetes client on the standard library: pooled requests and list-watch.

The simulated kubelet runs before any virtual environment exists, and makes thousands of small requests a
wave: a bounded pool of kept-alive connections is all that it needs.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PATCH = "application/strategic-merge-patch+json"


def _tls(kubeconfig: Path) -> tuple[str, int, ssl.SSLContext]:
    config = json.loads(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    server = urlsplit(cluster["server"])
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for key, data in (
            ("ca", cluster["certificate-authority-data"]),
            ("certificate", user["client-certificate-data"]),
            ("key", user["client-key-data"]),
        ):
            files[key] = Path(folder) / key
            files[key].write_bytes(base64.b64decode(data))
        context = ssl.create_default_context(cafile=str(files["ca"]))
        context.load_cert_chain(files["certificate"], files["key"])
    return str(server.hostname), server.port or 443, context


class Client:
    """Requests over at most `connections` connections at a time."""

    def __init__(self, kubeconfig: Path, agent: str, connections: int = 24) -> None:
        self._host, self._port, self._context = _tls(kubeconfig)
        self._agent = agent
        self._room = asyncio.Semaphore(connections)
        self._idle: list[Stream] = []

    async def request(
        self, method: str, path: str, body: Json | None = None, kind: str = ""
    ) -> tuple[int, Json]:
        """Answer (status, object); retries what never reached the server or was throttled."""
        for attempt in range(8):
            try:
                async with self._room:
                    status, text = await self._once(method, path, body, kind)
            except (OSError, EOFError):
                self._forget_idle()
                await asyncio.sleep(0.05 * 2**attempt)
                continue
            if status not in (429, 503):
                return status, json.loads(text) if text[:1] == b"{" else {}
            await asyncio.sleep(0.2 * (attempt + 1))
        return 503, {}

    def _forget_idle(self) -> None:
        """A connection that failed says that the server restarted: the idle ones are dead as well."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _once(self, method: str, path: str, body: Json | None, kind: str) -> tuple[int, bytes]:
        stream = self._idle.pop() if self._idle else await self._connect()
        try:
            status, headers = await self._send(stream, method, path, body, kind)
            text = b"".join([part async for part in _body(stream[0], headers)])
        except BaseException:
            stream[1].close()
            raise
        if headers.get("connection") == "close":
            stream[1].close()
        else:
            self._idle.append(stream)
        return status, text

    async def _connect(self) -> Stream:
        return await asyncio.open_connection(self._host, self._port, ssl=self._context, limit=1 << 20)

    async def _send(
        self, stream: Stream, method: str, path: str, body: Json | None = None, kind: str = ""
    ) -> tuple[int, dict[str, str]]:
        data = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nUser-Agent: {self._agent}\r\n"
        head += f"Accept: application/json\r\nContent-Length: {len(data)}\r\n"
        head += f"Content-Type: {kind or 'application/json'}\r\n\r\n"
        stream[1].write(head.encode() + data)
        await stream[1].drain()
        lines = (await stream[0].readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.split(":", 1) for line in lines[1:] if ":" in line)
        return int(lines[0].split()[1]), {key.lower(): value.strip() for key, value in pairs}

    async def follow(self, path: str, seen: Callable[[str, Json], None], query: str = "") -> None:
        """List, then watch, without end: `seen` gets ADDED, MODIFIED or DELETED and the object.

        After a gap the list is told again, and what is in it no more is told as DELETED.
        """
        known: dict[str, Json] = {}
        while True:
            status, listed = await self.request("GET", f"{path}?{query}")
            if status != 200:
                await asyncio.sleep(0.5)
                continue
            fresh = {item["metadata"]["uid"]: item for item in listed["items"]}
            for uid in known.keys() - fresh.keys():
                seen("DELETED", known[uid])
            for uid, item in fresh.items():
                seen("MODIFIED" if uid in known else "ADDED", item)
            known = fresh
            with contextlib.suppress(OSError, EOFError):
                await self._watch(path, query, listed["metadata"]["resourceVersion"], known, seen)

    async def _watch(
        self, path: str, query: str, version: str, known: dict[str, Json], seen: Callable[[str, Json], None]
    ) -> None:
        """One watch after the other, until the server has forgotten our version."""
        while True:
            stream = await self._connect()
            try:
                ask = f"{path}?watch=1&allowWatchBookmarks=true&resourceVersion={version}&{query}"
                status, headers = await self._send(stream, "GET", ask)
                if status != 200:
                    return
                async for line in _lines(_body(stream[0], headers)):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        return
                    version = event["object"]["metadata"]["resourceVersion"]
                    _remember(known, event)
                    if event["type"] != "BOOKMARK":
                        seen(event["type"], event["object"])
            finally:
                stream[1].close()


def _remember(known: dict[str, Json], event: Json) -> None:
    uid = event["object"]["metadata"].get("uid")
    if event["type"] == "DELETED":
        known.pop(uid, None)
    elif event["type"] != "BOOKMARK":
        known[uid] = event["object"]


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding") != "chunked":
        yield await reader.readexactly(int(headers.get("content-length", "0")))
        return
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line
