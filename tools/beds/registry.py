"""Pushing images to a node bed's registry, over its HTTP interface, from inside the bed's network.

An image is an OCI layout: a folder with index.json and blobs/sha256. Its blobs go up as they are, so that
the digest is known beforehand and a second push of shared layers moves nothing.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from beds.common import BedError, Json

if TYPE_CHECKING:
    from beds.bed import Bed

HOST, PORT = "127.0.0.1", 5000
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def _inside(bed: Bed, *words: str) -> subprocess.CompletedProcess[str]:
    """Run this module in the bed's network namespace only, with our own view of files."""
    init = bed.init()
    if init is None:
        raise BedError(f"bed {bed.name} is not up")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = ["nsenter", "-t", str(init), "-n", "--", sys.executable, "-B", "-m", "beds.registry", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def answers(bed: Bed) -> bool:
    """Whether the registry accepts connections."""
    return _inside(bed).returncode == 0


def push(bed: Bed, image: str | Path) -> str:
    """Push a built image (by NAME:TAG) or an OCI layout or archive; answers localhost:5000/name@digest."""
    from beds import images

    if bed.kind != "node":
        raise BedError(f"bed {bed.name} is of kind {bed.kind}: only `node` beds have a registry")
    layout = images.find(str(image))
    if layout.is_file():
        with tempfile.TemporaryDirectory() as folder, tarfile.open(layout) as archive:
            archive.extractall(folder, filter="data")
            return _push_layout(bed, Path(folder))
    return _push_layout(bed, layout)


def _push_layout(bed: Bed, layout: Path) -> str:
    done = _inside(bed, str(layout))
    if done.returncode:
        raise BedError(f"push of {layout} failed: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


class _Registry:
    """Just enough of the distribution protocol."""

    def __init__(self) -> None:
        self._connection = http.client.HTTPConnection(HOST, PORT, timeout=60)

    def _ask(self, method: str, path: str, expected: int, body: bytes = b"", kind: str = "") -> str:
        headers = {"Content-Type": kind or "application/octet-stream"}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != expected:
            raise BedError(f"registry: {method} {path.split('?')[0]}: {answer.status} {text[:200]!r}")
        return answer.headers.get("Location", "")

    def has(self, path: str) -> bool:
        self._connection.request("HEAD", path)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status == 200

    def push(self, layout: Path, name: str, tag: str, described: Json) -> None:
        manifest = json.loads(_blob(layout, described["digest"]))
        for part in [manifest["config"], *manifest["layers"]]:
            digest = part["digest"]
            if not self.has(f"/v2/{name}/blobs/{digest}"):
                location = self._ask("POST", f"/v2/{name}/blobs/uploads/", 202)
                target = location.removeprefix(f"http://{HOST}:{PORT}")
                joint = "&" if "?" in target else "?"
                self._ask("PUT", f"{target}{joint}digest={digest}", 201, _blob(layout, digest))
        body = _blob(layout, described["digest"])
        self._ask("PUT", f"/v2/{name}/manifests/{tag}", 201, body, manifest.get("mediaType", MANIFEST))


def _blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / digest.replace(":", "/")).read_bytes()


def main() -> int:
    """Without arguments: is the registry there. With a layout: push it under the name that it carries."""
    if len(sys.argv) < 2:
        with socket.socket() as probe:
            return min(probe.connect_ex((HOST, PORT)), 1)
    layout = Path(sys.argv[1])
    described = json.loads((layout / "index.json").read_text())["manifests"][0]
    reference = described["annotations"]["org.opencontainers.image.ref.name"]
    name, _, tag = reference.removeprefix("localhost/").removeprefix(f"localhost:{PORT}/").rpartition(":")
    if not name:
        raise BedError(f"{layout}: its reference {reference!r} is not NAME:TAG")
    _Registry().push(layout, name, tag, described)
    print(f"localhost:{PORT}/{name}@{described['digest']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
