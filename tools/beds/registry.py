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

from beds import images
from beds.common import BedError, cache, lock
from beds.frame import Frame

HOST, PORT = "127.0.0.1", 5000
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def _inside(bed: Frame, *words: str) -> subprocess.CompletedProcess[str]:
    """Run this module in the bed's network namespace only, with our own view of files."""
    init = bed.init()
    if init is None:
        raise BedError(f"bed {bed.name} is not up")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = ["nsenter", "-t", str(init), "-n", "--", sys.executable, "-B", "-m", "beds.registry", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def answers(bed: Frame) -> bool:
    """Whether the registry accepts connections."""
    return _inside(bed).returncode == 0


def push(bed: Frame, image: str) -> str:
    """Push an image under its own name or, given as IMAGE=NAME:TAG, another; answers its name@digest.

    IMAGE is the NAME:TAG of a built image, an OCI archive or an OCI layout folder.
    """
    if bed.kind != "node":
        raise BedError(f"bed {bed.name} is of kind {bed.kind}: only `node` beds have a registry")
    source, _, target = image.partition("=")
    place = Path(source)
    if place.is_file():
        with tempfile.TemporaryDirectory() as folder, tarfile.open(place) as archive:
            archive.extractall(folder, filter="data")
            return push_from(bed, Path(folder), "", target)
    if (place / "index.json").exists():
        return push_from(bed, place, "", target)
    with lock(cache() / "locks" / "images-build"):
        return push_from(bed, images.layout(), source, target)


def push_from(bed: Frame, layout: Path, reference: str, target: str = "") -> str:
    """Push one image of an OCI layout."""
    digest = images.find(layout, reference)["digest"]
    target = target or reference or images.name_of(images.find(layout))
    name, _, tag = target.removeprefix("localhost/").removeprefix(f"localhost:{PORT}/").rpartition(":")
    if not name or "/" in tag:
        raise BedError(f"{target!r} is not NAME:TAG")
    done = _inside(bed, str(layout), digest, name, tag)
    if done.returncode:
        raise BedError(f"push of {target} failed: {done.stderr.strip()[-500:]}")
    return f"localhost:{PORT}/{name}@{digest}"


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

    def push(self, layout: Path, digest: str, name: str, tag: str) -> None:
        manifest = json.loads(_blob(layout, digest))
        for part in [manifest["config"], *manifest["layers"]]:
            if not self.has(f"/v2/{name}/blobs/{part['digest']}"):
                self._upload(name, part["digest"], _blob(layout, part["digest"]))
        kind = manifest.get("mediaType", MANIFEST)
        self._ask("PUT", f"/v2/{name}/manifests/{tag}", 201, _blob(layout, digest), kind)

    def _upload(self, name: str, digest: str, content: bytes) -> None:
        location = self._ask("POST", f"/v2/{name}/blobs/uploads/", 202)
        target = location.removeprefix(f"http://{HOST}:{PORT}")
        joint = "&" if "?" in target else "?"
        self._ask("PUT", f"{target}{joint}digest={digest}", 201, content)


def _blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / digest.replace(":", "/")).read_bytes()


def main() -> int:
    """Without arguments: is the registry there. Else push: LAYOUT DIGEST NAME TAG."""
    if len(sys.argv) == 1:
        with socket.socket() as probe:
            return min(probe.connect_ex((HOST, PORT)), 1)
    layout, digest, name, tag = sys.argv[1:]
    _Registry().push(Path(layout), digest, name, tag)
    return 0


if __name__ == "__main__":
    sys.exit(main())
