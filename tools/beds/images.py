"""Images without a container engine: small ones written by hand, the others from their Dockerfiles.

The Dockerfiles are the only description of what is in our images: here they are built by buildah (chroot
isolation, no daemon) over a base of Debian packages, elsewhere by any ordinary builder over python:3.11.
Results are in one OCI layout in the cache, each with a hash of its inputs.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from beds.common import REPOSITORY, BedError, Json, cache, lock, run, step, write
from beds.toolchain import debian_source

_EPOCH = "1970-01-01T00:00:00Z"
_MANY_LAYERS = 150
_TYPE = "application/vnd.oci.image."


def store() -> Path:
    return cache() / "images"


def layout() -> Path:
    """The OCI layout that holds all built images; layers that they share are in it once."""
    return store() / "built"


def find(layout: Path, reference: str = "") -> Json:
    """The manifest's descriptor of an image in an OCI layout; without a reference, of its only one."""
    index = json.loads((layout / "index.json").read_text()) if (layout / "index.json").exists() else {}
    found: list[Json] = [
        described
        for described in index.get("manifests", [])
        if not reference or name_of(described) == reference
    ]
    if len(found) != 1:
        wanted = reference or "a single image"
        raise BedError(f"{layout} does not hold {wanted} (see `bed images build`)")
    return found[0]


def name_of(described: Json) -> str:
    """The reference that an image carries in its layout."""
    return str(described.get("annotations", {}).get("org.opencontainers.image.ref.name", ""))


def prune() -> None:
    """Remove what is left of images that were built anew: they have lost their names."""
    index = json.loads((layout() / "index.json").read_text())
    index["manifests"] = [described for described in index["manifests"] if name_of(described)]
    write(layout() / "index.json", index)
    needed = set()
    for described in index["manifests"]:
        manifest = json.loads((layout() / "blobs" / described["digest"].replace(":", "/")).read_bytes())
        needed |= {part["digest"] for part in [described, manifest["config"], *manifest["layers"]]}
    for blob in (layout() / "blobs" / "sha256").iterdir():
        if f"sha256:{blob.name}" not in needed:
            blob.unlink()


def write_layout(target: Path, reference: str, layer: bytes, config: Json) -> None:
    """Write a one-layer image, byte for byte the same for the same input."""
    blobs = target / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(kind: str, content: bytes) -> Json:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": _TYPE + kind, "digest": f"sha256:{digest}", "size": len(content)}

    full: Json = {"created": _EPOCH, "architecture": "amd64", "os": "linux", "config": config}
    full["rootfs"] = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    manifest: Json = {"schemaVersion": 2, "mediaType": _TYPE + "manifest.v1+json"}
    manifest["config"] = put("config.v1+json", json.dumps(full).encode())
    manifest["layers"] = [put("layer.v1.tar+gzip", gzip.compress(layer, 6, mtime=0))]
    described = put("manifest.v1+json", json.dumps(manifest).encode())
    described["annotations"] = {"org.opencontainers.image.ref.name": reference}
    index = {"schemaVersion": 2, "manifests": [described]}
    (target / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (target / "index.json").write_text(json.dumps(index))


def _layer(files: Iterable[tuple[str, bytes, int]], links: Iterable[tuple[str, str]]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            archive.addfile(entry)
        for name, content, mode in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return raw.getvalue()


def _busybox() -> bytes:
    program = Path(shutil.which("busybox") or "/bin/busybox")
    applets = run([program, "--list"]).split()
    users = b"root:x:0:0:root:/:/bin/sh\napp:x:10001:10001::/tmp:/bin/sh\n"
    files = [("bin/busybox", program.read_bytes(), 0o755), ("etc/passwd", users, 0o644)]
    return _layer(files, [(f"bin/{name}", "busybox") for name in applets if name != "busybox"])


def basic(reference: str) -> Path:
    """The layout of `pause:…` or `busybox:…`, made on first use."""
    target = store() / "basic" / reference
    with lock(cache() / "locks" / "images-basic"):
        if not target.exists():
            config: Json = {"Cmd": ["sh"], "Env": ["PATH=/bin"]}
            if reference.startswith("pause:"):
                config = {"Entrypoint": ["/bin/sleep", "2147483647"]}  # containerd ends it by SIGKILL
            scratch = target.with_name(f".{reference}")
            shutil.rmtree(scratch, ignore_errors=True)
            write_layout(scratch, reference, _busybox(), config)
            scratch.rename(target)
    return target


@dataclass(frozen=True)
class Recipe:
    """An image of ours: its Dockerfile and the arguments that make it this one."""

    dockerfile: str
    arguments: tuple[tuple[str, str], ...] = ()

    def inputs(self) -> str:
        """A hash of everything that can change the result."""
        digest = hashlib.sha256(f"{self.arguments}{_base_reference()}".encode())
        text = (REPOSITORY / self.dockerfile).read_text()
        sources = [word for line in _COPY.findall(text) for word in line.split()[:-1]]
        for source in [self.dockerfile, ".dockerignore", *sources]:
            for file in _files(REPOSITORY / source):
                digest.update(f"{file.relative_to(REPOSITORY)} {file.stat().st_mode:o}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()


_COPY = re.compile(r"^COPY (?!--from)(.+)$", re.MULTILINE)
_QUAKE_WATCH = "examples/quake-watch/Dockerfile"
RECIPES = {
    "scenario-operator:dev": Recipe("operator/Dockerfile"),
    **{
        f"quake-watch:{version}": Recipe(_QUAKE_WATCH, (("QUAKE_WATCH_LOGIC", version),))
        for version in ("v1", "v1.1", "v2")
    },
}
_BASE_PACKAGES = "base-files,netbase,tzdata,ca-certificates,dash,coreutils,libc-bin,python3.11,python3-pip"
_BASE_FINISH = """set -eu
cd "$1"
for name in python3 python; do ln -sf python3.11 usr/bin/$name; done
mkdir -p etc/ssl/certs tmp && chmod 1777 tmp
find usr/share/ca-certificates -name '*.crt' | sort | xargs cat > etc/ssl/certs/ca-certificates.crt
printf 'root:x:0:0:root:/root:/bin/sh\\napp:x:10001:10001::/tmp:/bin/sh\\n' > etc/passwd
printf 'root:x:0:\\napp:x:10001:\\n' > etc/group
chroot . python3.11 -m compileall -q --invalidation-mode=unchecked-hash usr/lib/python3.11 usr/lib/python3
rm -rf var/lib/dpkg var/lib/apt var/cache usr/share/doc usr/share/man usr/share/locale dev
rm -f etc/hostname etc/hosts
mkdir dev
"""
_BASE_DOCKERFILE = "FROM scratch\nADD rootfs.tar /\nENV PATH=/usr/local/bin:/usr/bin:/bin\n"


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    everything = sorted(path for path in place.rglob("*") if path.is_file())
    return [path for path in everything if "__pycache__" not in path.parts]


def _base_reference() -> str:
    content = f"{_BASE_PACKAGES}{_BASE_FINISH}{_BASE_DOCKERFILE}"
    return f"localhost/python-base:{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _buildah(*words: str | Path) -> str:
    """Run buildah on our own storage; in its own mount namespace, since it leaves mounts behind."""
    place = cache() / "buildah"
    options: list[str | Path] = [
        "--root",
        place / "storage",
        "--runroot",
        place / "run",
        "--storage-driver",
        "overlay",
    ]
    return run(["unshare", "--mount", "--propagation=private", "buildah", *options, *words])


def _build(reference: str, context: Path, *words: str | Path) -> None:
    fixed = ["--isolation=chroot", "--format=oci", "--timestamp=0", "--pull=never", "--no-hosts"]
    _buildah("build", *fixed, "--tag", reference, *words, context)


def _build_base() -> None:
    """python:3.11-slim's stand-in: the same programs, from the machine's Debian mirror."""
    if _base_reference().split(":")[1] in _buildah("images", "--format={{.Tag}}").split():
        return
    work = cache() / "buildah" / "base"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with step("building the base image"):
        hook = work / "finish"
        write(hook, f"#!/bin/sh\n{_BASE_FINISH}", 0o755)
        unwanted = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")]
        options = ["--variant=extract", "--mode=root", f"--include={_BASE_PACKAGES}", *unwanted]
        options.append(f"--customize-hook={hook}")
        run(["mmdebstrap", *options, "bookworm", work / "rootfs.tar", debian_source("bookworm")])
        # after its hooks mmdebstrap puts this machine's name servers there
        run(["tar", "--delete", "--file", work / "rootfs.tar", "./etc/resolv.conf"])
        write(work / "Dockerfile", _BASE_DOCKERFILE)
        _build(_base_reference(), work)
    shutil.rmtree(work)


def _secrets(folder: Path) -> list[str]:
    """The machine's pip settings as build secrets: they are there during a RUN, never in a layer."""
    settings = {}
    for line in run([sys.executable, "-m", "pip", "config", "list"]).splitlines():
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        if key in ("index-url", "extra-index-url", "trusted-host", "default-timeout", "cert"):
            settings[key] = str(ast.literal_eval(value))
    words = []
    if certificate := settings.pop("cert", os.environ.get("SSL_CERT_FILE", "")):
        settings["cert"] = "/run/secrets/ca.crt"
        words.append(f"--secret=id=ca.crt,src={certificate}")
    lines = [f"{key} = {value}".replace("\n", "\n    ") for key, value in settings.items()]
    file = write(folder / "pip.conf", "\n".join(["[global]", *lines, ""]), 0o600)
    return [f"--secret=id=pip.conf,src={file}", *words]


def _build_one(reference: str, recipe: Recipe) -> None:
    stamp, wanted = store() / "inputs" / reference, recipe.inputs()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _build_base()
    with step(f"building {reference}"), tempfile.TemporaryDirectory() as folder:
        words = [f"--build-arg={key}={value}" for key, value in recipe.arguments]
        words += [f"--build-arg=BASE={_base_reference()}", f"--file={REPOSITORY / recipe.dockerfile}"]
        # buildah's layer cache takes an ENV for the same whatever the ARG in it
        words.append("--layers=false" if recipe.arguments else "--layers")
        _build(f"localhost/{reference}", REPOSITORY, *words, *_secrets(Path(folder)))
        layout().mkdir(parents=True, exist_ok=True)
        _buildah("push", "--quiet", f"localhost/{reference}", f"oci:{layout()}:{reference}")
    prune()
    write(stamp, wanted)


def _forget_old_layers() -> None:
    """Every change of our code leaves some layers in buildah's storage; start anew before they add up."""
    if len(_buildah("images", "--all", "--quiet").split()) > _MANY_LAYERS:
        shutil.rmtree(cache() / "buildah", ignore_errors=True)


def build(names: list[str]) -> list[str]:
    """Build images (all of ours by default); what is built and unchanged costs nothing."""
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        raise BedError(f"unknown image {unknown[0]!r}; there are {', '.join(RECIPES)}")
    with lock(cache() / "locks" / "images-build"):
        for name in names or RECIPES:
            _build_one(name, RECIPES[name])
        _forget_old_layers()
    return names or list(RECIPES)
